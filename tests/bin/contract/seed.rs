//! What a server has before it is looked at: something of every kind, so that ids lead somewhere; and who asks.

use crate::server::{PASSWORD, Place, Server, WEBHOOK_HOST};
use anyhow::Context;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Types of attributes that can be made.
const TYPES: [u32; 19] =
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1025, 1026, 1040, 1088, 1280, 1536, 2049, 3073, 3081];
const OBJECT: u32 = 1;
const SELECT: u32 = 512;
/// The administrator that every server begins with.
const ADMINISTRATOR: u32 = 1;

/// Who asks; all of it is empty for nobody.
#[derive(Debug, Default)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) token: String,
    /// The key of a session.
    pub(crate) session: String,
}

struct Client<'a> {
    server: &'a Server,
    token: String,
    agent: ureq::Agent,
}

/// Fills a server, and makes the user of this name.
pub(crate) fn fill(place: &Place, server: &Server, name: &str) -> anyhow::Result<User> {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
    let token = place.run(&["token", "issue", "admin"])?.trim().to_owned();
    let client = Client { server, token, agent };
    client.fill()?;
    if name == "nobody" {
        return Ok(User::default());
    }
    let mut username = "admin";
    if name != "administrator" {
        username = name;
        place.run_with(&["user", "create", name, "--password-stdin"], PASSWORD)?;
    }
    let token = place.run(&["token", "issue", username])?.trim().to_owned();
    let client = Client { token, ..client };
    let id = client.send("GET", "/user/api/v2/me", None)?["user_id"].to_string();
    let session = client.log_in(username)?;
    Ok(User { id, token: client.token, session })
}

impl Client<'_> {
    fn fill(&self) -> anyhow::Result<()> {
        let room = self
            .make("/entity/api/v2/", &json!({"name": "room", "attrs": [{"name": "floor", "type": 256}]}))?;
        let webhook = json!({
            "url": format!("https://{WEBHOOK_HOST}/"), "label": "w", "is_enabled": true,
            "headers": [{"header_key": "a", "header_value": "b"}],
        });
        let attr = |kind: u32| {
            let mut attr = json!({"name": format!("of type {kind}"), "type": kind});
            if kind & OBJECT != 0 {
                attr["referral"] = json!([room]);
            }
            if kind & SELECT != 0 {
                attr["choices"] = json!([{"value": "x", "label": "X"}, {"value": "y", "label": "Y"}]);
            }
            attr
        };
        let all = json!({
            "name": "rack", "note": "one attribute of each type", "is_toplevel": true, "webhooks": [webhook],
            "attrs": TYPES.map(attr),
        });
        let rack = self.make("/entity/api/v2/", &all)?;
        let north = self.make(&format!("/entity/api/v2/{room}/entries/"), &json!({"name": "North"}))?;
        let group =
            self.make("/group/api/v2/groups", &json!({"name": "people", "members": [ADMINISTRATOR]}))?;
        let role = self.make(
            "/role/api/v2/",
            &json!({"name": "keepers", "admin_users": [ADMINISTRATOR], "groups": [group]}),
        )?;
        let detail = self.send("GET", &format!("/entity/api/v2/{rack}/"), None)?;
        let attrs = detail["attrs"].as_array().context("no definitions")?.iter();
        let ids: BTreeMap<u64, &Value> =
            attrs.filter_map(|attr| Some((attr["type"].as_u64()?, &attr["id"]))).collect();
        let named = json!({"name": "n", "id": north});
        let value = |kind: &u64| match kind {
            1 => json!(north),
            8 => json!(true),
            16 => json!(group),
            32 => json!("2024-01-31"),
            64 => json!(role),
            128 => json!("2024-01-31T12:00:00Z"),
            256 => json!(1.5),
            512 => json!("x"),
            1025 => json!([north]),
            1026 => json!(["a", "b"]),
            1040 => json!([group]),
            1088 => json!([role]),
            1280 => json!([1, 2.5, null]),
            1536 => json!(["x", "y"]),
            2049 => named.clone(),
            3073 | 3081 => json!([named]),
            _ => json!("text"),
        };
        let values: Vec<Value> =
            ids.iter().map(|(kind, id)| json!({"id": id, "value": value(kind)})).collect();
        let mut entries = Vec::new();
        for number in 0..3 {
            let body = json!({"name": format!("r-{number}"), "attrs": values});
            let entry = self.make(&format!("/entity/api/v2/{rack}/entries/"), &body)?;
            let change =
                json!({"name": format!("r-0{number}"), "attrs": [{"id": ids.get(&2), "value": "new"}]});
            self.send("PUT", &format!("/entry/api/v2/{entry}/"), Some(&change))?;
            entries.push(entry);
        }
        let [first, .., last] = entries.as_slice() else { anyhow::bail!("there are no entries") };
        self.make("/entry/api/v2/alias/", &json!({"name": "first", "entry": first}))?;
        self.send("DELETE", &format!("/entry/api/v2/{last}/"), None)?;
        let models = json!([{"id": rack, "name": "rack"}]);
        self.make("/category/api/v2/", &json!({"name": "hardware", "models": models, "priority": 1}))?;
        self.make("/user/api/v2/", &json!({"username": "somebody", "password": PASSWORD}))?;
        let rules = json!({"is_public": false, "acl_settings": [{"member_id": role, "value": 2}]});
        self.send("PUT", &format!("/acl/api/v2/acls/{room}"), Some(&rules))?;
        Ok(())
    }

    /// Makes something and gives its id.
    fn make(&self, path: &str, body: &Value) -> anyhow::Result<i64> {
        let made = self.send("POST", path, Some(body))?;
        made["id"].as_i64().with_context(|| format!("POST {path}: {made}"))
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server.base))
            .header("Authorization", format!("Token {}", self.token))
            .header("Content-Type", "application/json");
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut response = self.agent.run(request.body(body)?)?;
        let text = response.body_mut().read_to_string()?;
        anyhow::ensure!(response.status().is_success(), "{method} {path}: {} {text}", response.status());
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// The key of a new session.
    fn log_in(&self, username: &str) -> anyhow::Result<String> {
        let csrf = "a".repeat(64);
        let form =
            format!("csrfmiddlewaretoken={csrf}&username={username}&password={}", PASSWORD.replace(' ', "+"));
        let request = ureq::http::Request::post(format!("{}/auth/login/", self.server.base))
            .header("Cookie", format!("csrftoken={csrf}"))
            .header("Content-Type", "application/x-www-form-urlencoded");
        let response = self.agent.run(request.body(form)?)?;
        let cookies =
            response.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let mut sessions = cookies.filter_map(|cookie| cookie.strip_prefix("sessionid=")?.split(';').next());
        Ok(sessions.next().context("the login failed")?.to_owned())
    }
}
