//! Methods and bodies that clients rarely send. *Source: spec, entity §0.1, §2 and §2.4.*

use super::{acl_path, close, person};
use crate::server::{Database, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    nothing_is_patched;
    bodies_are_read_after_who_asks_and_for_what;
    forms_are_read_as_json_is;
    a_list_of_named_flags_stays_one;
}

fn nothing_is_patched(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let entry = app.entry(entity, json!({"name": "x"}));
    let body = json!({"name": "y"});
    for path in [
        "/entity/api/v2/".to_owned(),
        format!("/entity/api/v2/{entity}/"),
        "/entity/api/v2/999999/".to_owned(),
        format!("/entity/api/v2/{entity}/entries/"),
        format!("/entry/api/v2/{entry}/"),
        "/entry/api/v2/999999/".to_owned(),
    ] {
        let answer = app.with_token(&app.token, "PATCH", &path, Some(&body)).expect(405);
        assert_eq!(answer.codes(), ["AE-999999"], "{path}");
        // Who asks comes before what is asked.
        let headers = [("Content-Type", "application/json")];
        let answer = app.request("PATCH", &path, &headers, Some(b"{}")).expect(403);
        assert_eq!(answer.codes(), ["AE-000000"], "{path}");
    }
    assert_eq!(app.entry_names(entity), ["x"]);
}

fn bodies_are_read_after_who_asks_and_for_what(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (_, guest) = person(&app, "guest");
    let attrs = json!([{"name": "s", "type": 2}]);
    let (open, _) = app.entity(json!({"name": "open", "attrs": attrs}));
    let gone = app.entry(open, json!({"name": "gone"}));
    let (entity, _) = app.entity(json!({"name": "e", "attrs": attrs}));
    let entry = app.entry(entity, json!({"name": "x"}));
    let [past, past_of_gone] = [entry, gone].map(|entry| {
        let history = app.get(&format!("/entry/api/v2/{entry}/histories/")).expect(200).json();
        format!("/entry/api/v2/{}/attrv_restore/", history["results"][0]["id"])
    });
    app.delete(&format!("/entry/api/v2/{gone}/")).expect(204);
    close(&app, entity);
    let send = |token: &str, method: &str, path: &str, media: &str, body: &str| {
        let authorization = format!("Token {token}");
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", media)];
        let answer = app.request(method, path, &headers, Some(body.as_bytes()));
        (answer.status, answer.codes())
    };
    let told = |status: u16, code: &str| (status, vec![code.to_owned()]);
    for (method, path, unknown) in [
        ("PUT", format!("/entity/api/v2/{entity}/"), Some("/entity/api/v2/999999/")),
        ("POST", format!("/entity/api/v2/{entity}/entries/"), None),
        ("PUT", format!("/entry/api/v2/{entry}/"), Some("/entry/api/v2/999999/")),
        ("POST", format!("/entry/api/v2/{entry}/copy/"), Some("/entry/api/v2/999999/copy/")),
        (
            "POST",
            format!("/entry/api/v2/{entry}/restore_self_history/"),
            Some("/entry/api/v2/999999/restore_self_history/"),
        ),
        ("PUT", acl_path(entity), Some("/acl/api/v2/acls/999999")),
        ("PATCH", past, Some("/entry/api/v2/999999/attrv_restore/")),
    ] {
        for (media, body, status, code) in
            [("application/json", "{bad", 400, "AE-140000"), ("text/plain", "{}", 415, "AE-130000")]
        {
            assert_eq!(send(&guest, method, &path, media, body), told(403, "AE-210000"), "{path} {body}");
            assert_eq!(send(&app.token, method, &path, media, body), told(status, code), "{path} {body}");
            if let Some(unknown) = unknown {
                assert_eq!(send(&guest, method, unknown, media, body), told(404, "AE-230000"), "{unknown}");
            }
        }
        let no_object = told(400, "non_field_errors AE-121000");
        assert_eq!(send(&app.token, method, &path, "application/json", "[]"), no_object, "{path}");
    }
    for (method, path) in [
        ("PUT", format!("/entry/api/v2/{gone}/")),
        ("POST", format!("/entry/api/v2/{gone}/copy/")),
        ("PATCH", past_of_gone),
    ] {
        let answer = send(&app.token, method, &path, "application/json", "{bad");
        assert_eq!(answer, told(400, "AE-230000"), "{path}");
    }
}

fn forms_are_read_as_json_is(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let authorization = format!("Token {}", app.token);
    let send = |method: &str, path: &str, media: &str, body: &str| {
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", media)];
        app.request(method, path, &headers, Some(body.as_bytes()))
    };
    let form = "application/x-www-form-urlencoded";
    let made = send("POST", "/entity/api/v2/", form, "name=a+b%21&note=n&is_toplevel=on").expect(202).json();
    let path = format!("/entity/api/v2/{}/", made["id"]);
    let detail = app.get(&path).expect(200).json();
    assert_eq!((&detail["name"], &detail["note"]), (&json!("a b!"), &json!("n")));
    assert_eq!(detail["is_toplevel"], true);
    let entry = send("POST", &format!("{path}entries/"), form, "name=x").expect(202).json();
    send("PUT", &format!("/entry/api/v2/{}/", entry["id"]), &format!("{form}; charset=utf-8"), "name=y")
        .expect(202);
    assert_eq!(app.entry_names(made["id"].as_i64().unwrap()), ["y"]);
    let refused = send("POST", "/entity/api/v2/", form, "note=n").expect(400);
    assert_eq!(refused.codes(), ["name AE-113000"]);
    let other = send("POST", "/entity/api/v2/", "text/plain", "{\"name\": \"z\"}").expect(415);
    assert_eq!(other.codes(), ["AE-130000"]);
}

/// *Source: spec, entity §2.4 (fixed quirk).*
fn a_list_of_named_flags_stays_one(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (target, _) = app.entity(json!({"name": "target"}));
    let attr = |name: &str| json!({"name": name, "type": 3081, "referral": [target]});
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [attr("old")]}));
    let path = format!("/entity/api/v2/{entity}/");
    let mut again = attr("renamed");
    again["id"] = json!(attrs["old"]);
    app.put(&path, json!({"attrs": [again, attr("new")]})).expect(202);
    let detail = app.get(&path).expect(200).json();
    let types: Vec<(&Value, &Value)> =
        detail["attrs"].as_array().unwrap().iter().map(|attr| (&attr["name"], &attr["type"])).collect();
    assert_eq!(types, [(&json!("renamed"), &json!(3081)), (&json!("new"), &json!(3081))]);
    again["type"] = json!(3073);
    let answer = app.put(&path, json!({"attrs": [again]})).expect(400);
    assert_eq!(answer.codes(), ["attrs.0.non_field_errors AE-121000"]);
}
