//! What the operations of these tests work on, and the operations: every way by which a point fires.

use super::handlers::{LEFTOVER, LOG, UNBENDING, UNLUCKY};
use crate::contract::send_yaml;
use crate::server::{Answer, TestApp};
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::services::user;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The password of everybody.
const PASSWORD: &str = "secret";

/// A server with something in it.
pub(super) struct Scene {
    pub(super) app: TestApp,
    /// An entity with the attributes `s`, `o` and `d`, and its entry, which has values in `s` and `d`.
    entity: i64,
    attrs: BTreeMap<String, i64>,
    entry: i64,
    /// An entity without entries.
    empty: i64,
    /// A deleted entry.
    gone: i64,
    /// An entry that takes another one along when it is deleted.
    whole: i64,
    part: i64,
}

/// Somebody who acts.
pub(super) struct Actor {
    name: String,
    token: String,
}

/// One way to make a point fire.
pub(super) struct Operation {
    /// Does it.
    pub(super) act: fn(&Scene, &Actor) -> Answer,
    /// What it answers.
    pub(super) status: u16,
    /// Asserts what is there afterwards.
    pub(super) right: fn(&Scene, &Answer),
}

impl Scene {
    pub(super) fn new(app: TestApp) -> Self {
        app.entity(json!({"name": LOG}));
        let definitions = ["s", "o", "d"].map(|name| json!({"name": name, "type": 2}));
        let (entity, attrs) = app.entity(json!({"name": "e", "attrs": definitions}));
        let value = |name: &str| json!({"id": attrs[name], "value": "1"});
        let entry = app.entry(entity, json!({"name": "x", "attrs": [value("s"), value("d")]}));
        let gone = app.entry(entity, json!({"name": "gone"}));
        app.delete(&format!("/entry/api/v2/{gone}/")).expect(204);
        let (empty, _) = app.entity(json!({"name": "empty"}));
        let (parts, _) = app.entity(json!({"name": "parts"}));
        let has = json!({"name": "has", "type": 1, "referral": [parts], "is_delete_in_chain": true});
        let (wholes, has) = app.entity(json!({"name": "wholes", "attrs": [has]}));
        let part = app.entry(parts, json!({"name": "part"}));
        let whole = app.entry(wholes, json!({"name": "whole", "attrs": [{"id": has["has"], "value": part}]}));
        Self { app, entity, attrs, entry, empty, gone, whole, part }
    }

    fn runner(&self) -> Runner {
        Runner::of_server(&self.app.host, None)
    }

    /// An administrator for whom `brittle` fails, or somebody who may only read.
    pub(super) fn unlucky(&self, point: &str) -> Actor {
        if point == "pagoda.auth.permission_denied" {
            let name = format!("{UNLUCKY} reader");
            let (_, token) = self.app.user(|user| (user.is_readonly, user.username) = (true, name.clone()));
            return Actor { name, token };
        }
        self.administrator(UNLUCKY)
    }

    /// An administrator for whom `stubborn` fails.
    pub(super) fn unbending(&self) -> Actor {
        self.administrator(UNBENDING)
    }

    fn administrator(&self, name: &str) -> Actor {
        let created = self.runner().run_blocking(Mode::Write, |op| user::create(op, name, PASSWORD, true));
        Actor { name: name.to_owned(), token: self.app.issue_token(created.unwrap().id) }
    }

    /// All that is there, as the administrator sees it.
    pub(super) fn state(&self) -> Value {
        let all = |path: &str| -> Vec<Value> {
            self.app.get(path).expect(200).json()["results"].as_array().unwrap().clone()
        };
        let entities = all("/entity/api/v2/?limit=100");
        let of_entity = |entity: &Value| {
            let id = &entity["id"];
            let entries: Vec<Value> = all(&format!("/entity/api/v2/{id}/entries/?limit=100"))
                .iter()
                .map(|entry| self.app.get(&format!("/entry/api/v2/{}/", entry["id"])).expect(200).json())
                .collect();
            json!([self.app.get(&format!("/entity/api/v2/{id}/")).expect(200).json(), entries])
        };
        entities.iter().map(of_entity).collect()
    }

    /// Nothing is left of what handlers wrote before they failed.
    #[track_caller]
    pub(super) fn assert_no_leftovers(&self) {
        let state = self.state().to_string();
        assert!(!state.contains(LEFTOVER), "{state}");
    }

    fn send(&self, who: &Actor, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.app.with_token(&who.token, method, path, body.as_ref())
    }

    fn change_entry(&self, who: &Actor, change: Value) -> Answer {
        self.send(who, "PUT", &format!("/entry/api/v2/{}/", self.entry), Some(change))
    }

    fn change_value(&self, who: &Actor, attr: &str, value: &str) -> Answer {
        self.change_entry(who, json!({"attrs": [{"id": self.attrs[attr], "value": value}]}))
    }

    fn create_entry(&self, who: &Actor, name: &str) -> Answer {
        let body = json!({"name": name, "attrs": [{"id": self.attrs["s"], "value": "v"}]});
        self.send(who, "POST", &format!("/entity/api/v2/{}/entries/", self.entity), Some(body))
    }

    fn shown(&self, path: &str) -> Value {
        self.app.get(path).expect(200).json()
    }

    #[track_caller]
    fn assert_value(&self, attr: &str, expected: &str) {
        assert_eq!(self.app.value(self.entry, attr), json!({"as_string": expected}), "{attr}");
    }

    fn is_active(&self, entry: i64) -> bool {
        self.shown(&format!("/entry/api/v2/{entry}/"))["is_active"] == true
    }

    fn log_in(&self, name: &str, password: &str) -> Answer {
        let body = format!("csrfmiddlewaretoken={KEY}&username={name}&password={password}");
        let cookie = format!("csrftoken={KEY}");
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", cookie.as_str())];
        self.app.request("POST", "/auth/login/", &headers, Some(body.as_bytes()))
    }

    fn with_session(&self, method: &str, path: &str, session: &str) -> Answer {
        let cookies = format!("sessionid={session}; csrftoken={KEY}");
        self.app.request(method, path, &[("Cookie", cookies.as_str()), ("X-CSRFToken", KEY)], None)
    }
}

/// A token of a form, and its cookie.
const KEY: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// The session that a login began.
fn session(answer: &Answer) -> Option<&str> {
    let set = answer.headers.iter().find_map(|(_, value)| value.strip_prefix("sessionid="))?;
    set.split(';').next()
}

/// The ways by which a point fires; none while it waits for its operation. The start and the end of the server have
/// tests of their own.
pub(super) fn operations(point: &str) -> Vec<Operation> {
    match point {
        "entity.before_create" | "entity.after_create" => vec![create_entity()],
        "entity.before_update" | "entity.after_update" => vec![update_entity()],
        "pagoda.entity.validation" => vec![create_entity(), update_entity()],
        "entity.before_delete" | "entity.after_delete" => vec![delete_entity()],
        "entity.get_attrs" => vec![show_entity()],
        "entry.before_create" | "entry.after_create" => vec![create_entry()],
        "entry.before_update" | "entry.after_update" => vec![update_entry()],
        "pagoda.entry.validation" => vec![create_entry(), update_entry()],
        "entry.before_delete" | "entry.after_delete" => vec![delete_entry(), delete_in_chain()],
        "entry.before_restore" | "entry.after_restore" => vec![restore_entry()],
        "entry.get_attrs" => vec![show_entry()],
        "attribute.before_create" | "attribute.after_create" => vec![give_value(), create_entry()],
        "attribute.before_update" | "attribute.after_update" => vec![change_value()],
        "attribute.before_delete" | "attribute.after_delete" => vec![clear_value(), remove_definition()],
        "user.before_permission_check" => vec![update_entry(), show_entry()],
        "pagoda.auth.permission_denied" => vec![be_denied()],
        "pagoda.auth.login_success" | "user.after_login" => vec![log_in()],
        "pagoda.auth.login_failure" => vec![fail_to_log_in()],
        "user.after_logout" => vec![log_out()],
        "data.before_import" | "data.after_import" => vec![import_groups(), import_roles()],
        "data.before_export" | "data.after_export" => vec![export_groups(), export_roles()],
        "pagoda.job.before_run" | "pagoda.job.after_run" => vec![copy(), import_roles()],
        "pagoda.job.on_error" => vec![fail_to_copy()],
        "pagoda.search.before_query" | "pagoda.search.after_query" | "pagoda.search.results_filter" => {
            vec![search(), search_entries(), search_advanced(), search_chain()]
        }
        _ => Vec::new(),
    }
}

fn search() -> Operation {
    Operation {
        act: |scene, who| scene.send(who, "GET", "/entry/api/v2/search/?query=x", None),
        status: 200,
        right: |scene, answer| assert_eq!(answer.json()[0]["id"], scene.entry),
    }
}

fn search_entries() -> Operation {
    Operation {
        act: |scene, who| {
            scene.send(who, "GET", &format!("/entity/api/v2/{}/entries/?search=x", scene.entity), None)
        },
        status: 200,
        right: |scene, answer| assert_eq!(answer.json()["results"][0]["id"], scene.entry),
    }
}

fn search_advanced() -> Operation {
    Operation {
        act: |scene, who| {
            let body = json!({"entities": [scene.entity], "attrinfo": [{"name": "s", "keyword": "1"}]});
            scene.send(who, "POST", "/entry/api/v2/advanced_search/", Some(body))
        },
        status: 200,
        right: |scene, answer| assert_eq!(answer.json()["values"][0]["entry"]["id"], scene.entry),
    }
}

fn search_chain() -> Operation {
    Operation {
        act: |scene, who| {
            let body = json!({"entities": [scene.entity], "attrs": [{"name": "s", "value": "1"}]});
            scene.send(who, "POST", "/entry/api/v2/advanced_search_chain/", Some(body))
        },
        status: 200,
        right: |scene, answer| assert_eq!(answer.json()[0]["id"], scene.entry),
    }
}

fn copy_as(scene: &Scene, who: &Actor, names: Value) -> Answer {
    let body = json!({"copy_entry_names": names});
    scene.send(who, "POST", &format!("/entry/api/v2/{}/copy/", scene.entry), Some(body))
}

fn copy() -> Operation {
    Operation {
        act: |scene, who| copy_as(scene, who, json!(["copied"])),
        status: 200,
        right: |scene, _| assert_eq!(scene.app.entry_names(scene.entity).last().unwrap(), "copied"),
    }
}

fn fail_to_copy() -> Operation {
    Operation {
        act: |scene, who| copy_as(scene, who, json!(["copied", "copied"])),
        status: 200,
        right: |scene, _| {
            assert_eq!(scene.shown("/job/api/v2/jobs?all_users=true")["results"][0]["status"], 3)
        },
    }
}

fn import_groups() -> Operation {
    Operation {
        act: |scene, who| send_yaml(&scene.app, &who.token, "/group/api/v2/groups/import", "- name: g"),
        status: 200,
        right: |scene, _| assert_eq!(scene.shown("/group/api/v2/groups")["results"][0]["name"], "g"),
    }
}

fn import_roles() -> Operation {
    Operation {
        act: |scene, who| {
            let row = "- {name: r, users: [], groups: [], admin_users: [], admin_groups: []}";
            send_yaml(&scene.app, &who.token, "/role/api/v2/import", row)
        },
        status: 200,
        right: |scene, _| assert_eq!(scene.shown("/role/api/v2/")[0]["name"], "r"),
    }
}

fn export_groups() -> Operation {
    Operation {
        act: |scene, who| scene.send(who, "GET", "/group/api/v2/groups/export", None),
        status: 200,
        right: |_, answer| assert_eq!(answer.body, "[]\n"),
    }
}

fn export_roles() -> Operation {
    Operation {
        act: |scene, who| scene.send(who, "GET", "/role/api/v2/export", None),
        status: 200,
        right: |_, answer| assert_eq!(answer.body, "[]\n"),
    }
}

fn create_entity() -> Operation {
    Operation {
        act: |scene, who| {
            let body = json!({"name": "new", "note": "n", "attrs": [{"name": "a", "type": 2}]});
            scene.send(who, "POST", "/entity/api/v2/", Some(body))
        },
        status: 202,
        right: |scene, answer| {
            let shown = scene.shown(&format!("/entity/api/v2/{}/", answer.json()["id"]));
            assert_eq!((&shown["name"], &shown["note"]), (&json!("new"), &json!("n")));
            assert_eq!(shown["attrs"][0]["name"], "a");
        },
    }
}

fn update_entity() -> Operation {
    Operation {
        act: |scene, who| {
            let path = format!("/entity/api/v2/{}/", scene.entity);
            scene.send(who, "PUT", &path, Some(json!({"name": "e2", "note": "changed"})))
        },
        status: 202,
        right: |scene, _| {
            let shown = scene.shown(&format!("/entity/api/v2/{}/", scene.entity));
            assert_eq!((&shown["name"], &shown["note"]), (&json!("e2"), &json!("changed")));
            assert_eq!(shown["attrs"].as_array().unwrap().len(), 3);
        },
    }
}

fn delete_entity() -> Operation {
    Operation {
        act: |scene, who| scene.send(who, "DELETE", &format!("/entity/api/v2/{}/", scene.empty), None),
        status: 202,
        right: |scene, _| {
            scene.app.get(&format!("/entity/api/v2/{}/", scene.empty)).expect(404);
        },
    }
}

fn show_entity() -> Operation {
    Operation {
        act: |scene, who| scene.send(who, "GET", &format!("/entity/api/v2/{}/", scene.entity), None),
        status: 200,
        right: |scene, answer| {
            assert_eq!(answer.json()["attrs"].as_array().unwrap().len(), 3);
            assert_eq!(answer.json(), scene.shown(&format!("/entity/api/v2/{}/", scene.entity)));
        },
    }
}

fn create_entry() -> Operation {
    Operation {
        act: |scene, who| scene.create_entry(who, "new"),
        status: 202,
        right: |scene, answer| {
            let id = answer.json()["id"].as_i64().unwrap();
            assert_eq!(scene.shown(&format!("/entry/api/v2/{id}/"))["name"], "new");
            assert_eq!(scene.app.value(id, "s"), json!({"as_string": "v"}));
        },
    }
}

fn update_entry() -> Operation {
    Operation {
        act: |scene, who| {
            let value = json!({"id": scene.attrs["s"], "value": "updated"});
            scene.change_entry(who, json!({"name": "x2", "attrs": [value]}))
        },
        status: 202,
        right: |scene, _| {
            assert_eq!(scene.shown(&format!("/entry/api/v2/{}/", scene.entry))["name"], "x2");
            scene.assert_value("s", "updated");
            scene.assert_value("d", "1");
        },
    }
}

fn delete_entry() -> Operation {
    Operation {
        act: |scene, who| scene.send(who, "DELETE", &format!("/entry/api/v2/{}/", scene.entry), None),
        status: 204,
        right: |scene, _| assert!(!scene.is_active(scene.entry)),
    }
}

fn delete_in_chain() -> Operation {
    Operation {
        act: |scene, who| scene.send(who, "DELETE", &format!("/entry/api/v2/{}/", scene.whole), None),
        status: 204,
        right: |scene, _| assert!(!scene.is_active(scene.whole) && !scene.is_active(scene.part)),
    }
}

fn restore_entry() -> Operation {
    Operation {
        act: |scene, who| {
            scene.send(who, "POST", &format!("/entry/api/v2/{}/restore/", scene.gone), Some(json!({})))
        },
        status: 201,
        right: |scene, _| {
            assert!(scene.is_active(scene.gone));
            assert_eq!(scene.shown(&format!("/entry/api/v2/{}/", scene.gone))["name"], "gone");
        },
    }
}

fn show_entry() -> Operation {
    Operation {
        act: |scene, who| scene.send(who, "GET", &format!("/entry/api/v2/{}/", scene.entry), None),
        status: 200,
        right: |scene, answer| {
            assert_eq!(answer.json()["attrs"].as_array().unwrap().len(), 3);
            assert_eq!(answer.json(), scene.shown(&format!("/entry/api/v2/{}/", scene.entry)));
        },
    }
}

fn give_value() -> Operation {
    Operation {
        act: |scene, who| scene.change_value(who, "o", "given"),
        status: 202,
        right: |scene, _| scene.assert_value("o", "given"),
    }
}

fn change_value() -> Operation {
    Operation {
        act: |scene, who| scene.change_value(who, "s", "changed"),
        status: 202,
        right: |scene, _| scene.assert_value("s", "changed"),
    }
}

fn clear_value() -> Operation {
    Operation {
        act: |scene, who| scene.change_value(who, "s", ""),
        status: 202,
        right: |scene, _| scene.assert_value("s", ""),
    }
}

fn remove_definition() -> Operation {
    Operation {
        act: |scene, who| {
            let body = json!({"attrs": [{"id": scene.attrs["d"], "is_deleted": true}]});
            scene.send(who, "PUT", &format!("/entity/api/v2/{}/", scene.entity), Some(body))
        },
        status: 202,
        right: |scene, _| {
            let shown = scene.shown(&format!("/entry/api/v2/{}/", scene.entry));
            let left = shown["attrs"].as_array().unwrap().iter().map(|attr| &attr["schema"]["name"]);
            assert_eq!(left.collect::<Vec<_>>(), ["s", "o"]);
        },
    }
}

fn be_denied() -> Operation {
    Operation {
        act: |scene, who| scene.send(who, "DELETE", &format!("/entry/api/v2/{}/", scene.entry), None),
        status: 403,
        right: |scene, answer| {
            assert_eq!(answer.codes(), ["AE-210000"]);
            assert!(scene.is_active(scene.entry));
        },
    }
}

fn log_in() -> Operation {
    Operation {
        act: |scene, who| scene.log_in(&who.name, PASSWORD),
        status: 302,
        right: |scene, answer| {
            scene.with_session("GET", "/entity/api/v2/", session(answer).unwrap()).expect(200);
        },
    }
}

fn fail_to_log_in() -> Operation {
    Operation {
        act: |scene, who| scene.log_in(&who.name, "wrong"),
        status: 200,
        right: |_, answer| assert!(session(answer).is_none(), "{answer:?}"),
    }
}

fn log_out() -> Operation {
    Operation {
        act: |scene, who| {
            let entered = scene.log_in(&who.name, PASSWORD).expect(302);
            let session = session(&entered).unwrap();
            let left = scene.with_session("POST", "/auth/logout/", session);
            scene.with_session("GET", "/entity/api/v2/", session).expect(403);
            left
        },
        status: 200,
        right: |_, _| {},
    }
}
