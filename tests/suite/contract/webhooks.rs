//! Webhooks of entities: how they are written, shown and verified. *Source: spec, entity §1.4 and §2.2–§2.4,
//! trigger-webhook-category B1 and B2.*

use super::ADMIN;
use crate::alerts::{Hook, Stub};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use crate::wait::Wait;
use pagoda_core::config::{Config, WebhookAddresses};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::services::entity::{EntityInput, EntityUpdate};
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::services::{entity, user};
use pagoda_core::store::queries::user::by_id;
use pagoda_core::store::queries::webhook::insert_many;
use pagoda_core::store::rows::NewWebhook;
use pagoda_plugin_sdk::bridge::EntityChange;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

on_both_databases! {
    case_entry_011_a_webhook_is_shown_with_seven_keys;
    case_entry_020_a_whole_body_is_stored;
    case_entry_037_webhooks_are_a_list_of_objects;
    case_entry_038_a_webhook_needs_an_address;
    case_entry_040_headers_need_key_and_value;
    case_entry_041_who_answers_is_verified;
    case_entry_053_what_is_not_sent_stays;
    case_entry_068_case_platform_184_switched_off_none_is_added;
    case_platform_185_fields_have_types;
    ids_are_those_of_the_entity;
    what_a_listed_one_leaves_out_is_reset;
    deleted_ones_go_and_others_stay;
    nothing_of_a_refused_request_is_stored_or_asked;
    what_is_asked_and_what_counts_as_an_answer;
    who_does_not_answer_holds_nobody_up;
    what_is_known_of_one_that_stays_the_same_is_kept;
    addresses_of_the_machine_are_not_reached;
    hosts_and_ports_that_are_not_allowed_are_not_reached;
    what_headers_hold_is_in_no_log;
    showing_costs_the_same_for_few_and_many;
    switched_off_what_was_read_can_be_sent_back;
    what_plugins_change_leaves_them;
    the_document_describes_them;
}

const ENTITIES: &str = "/entity/api/v2/";

fn one(entity: i64) -> String {
    format!("{ENTITIES}{entity}/")
}

/// Lets webhooks reach the tests' own receivers.
fn near(config: &mut Config) {
    config.webhooks.addresses = WebhookAddresses::All;
    config.webhooks.ports = None;
}

fn app(database: Database) -> Option<TestApp> {
    TestApp::with(database, Contributions::default(), near)
}

fn url(hook: &Hook) -> String {
    format!("http://{}/hook", hook.stub.address)
}

/// An address where nobody listens.
fn nowhere() -> &'static str {
    "http://127.0.0.1:1/"
}

fn webhooks(app: &TestApp, entity: i64) -> Value {
    app.get(&one(entity)).expect(200).json()["webhooks"].clone()
}

/// The complaints about webhooks, without their messages.
fn complaints(answer: Answer) -> Value {
    super::complaints(answer, "webhooks")
}

/// What creating an entity with these webhooks, and changing one to have them, is refused with: the same.
fn refused(app: &TestApp, entity: i64, sent: &Value) -> Value {
    let created = complaints(app.post(ENTITIES, json!({"name": "new", "webhooks": sent})));
    let changed = complaints(app.put(&one(entity), json!({"webhooks": sent})));
    assert_eq!(created, changed, "{sent}");
    created
}

fn case_entry_011_a_webhook_is_shown_with_seven_keys(database: Database) {
    let Some(app) = app(database) else { return };
    let hook = Hook::start(200);
    let headers = json!([
        {"header_key": "Content-Type", "header_value": "application/json"},
        {"header_key": "X-Auth", "header_value": "a b"},
    ]);
    let sent = json!([{"url": url(&hook), "label": "deploy", "is_enabled": true, "headers": headers}]);
    let (entity, _) = app.entity(json!({"name": "e", "webhooks": sent}));
    let shown = webhooks(&app, entity);
    let id = shown[0]["id"].as_i64().unwrap();
    assert_eq!(
        shown,
        json!([{
            "id": id, "label": "deploy", "url": url(&hook), "is_enabled": true, "is_verified": true,
            "verification_error_details": null, "headers": headers,
        }])
    );
}

fn case_entry_020_a_whole_body_is_stored(database: Database) {
    let Some(app) = app(database) else { return };
    let hook = Hook::start(200);
    let (target, attrs) = app.entity(json!({"name": "target", "attrs": [{"name": "s", "type": 2}]}));
    let (excluded, _) = app.entity(json!({"name": "excluded"}));
    let body = json!({
        "name": "whole", "note": "a note", "item_name_pattern": "^w", "item_name_type": "AT", "is_toplevel": true,
        "attrs": [{
            "name": "a", "type": 1, "index": 3, "is_mandatory": true, "is_delete_in_chain": true, "is_summarized": true,
            "referral": [target], "note": "n", "name_order": 1, "name_prefix": "<", "name_postfix": ">",
        }],
        "webhooks": [{
            "label": "l", "url": url(&hook), "is_enabled": true,
            "headers": [{"header_key": "k", "header_value": "v"}],
        }],
        "isolation_rules": [{
            "conditions": [{"attr_id": attrs["s"], "str_cond": "x"}], "action": {"prevent_from_id": target},
        }],
        "delete_chain_exclude_entities": [excluded],
    });
    let created = app.post(ENTITIES, body.clone()).expect(202).json();
    let shown = app.get(&one(created["id"].as_i64().unwrap())).expect(200).json();
    for key in ["name", "note", "item_name_pattern", "item_name_type", "is_toplevel"] {
        assert_eq!(shown[key], body[key], "{key}");
    }
    assert_eq!((&shown["status"], &shown["has_ongoing_changes"]), (&json!(1), &json!(false)));
    for (key, value) in body["attrs"][0].as_object().unwrap().iter().filter(|(key, _)| *key != "referral") {
        assert_eq!(shown["attrs"][0][key], *value, "{key}");
    }
    assert_eq!(shown["attrs"][0]["referral"], json!([{"id": target, "name": "target"}]));
    for (key, value) in body["webhooks"][0].as_object().unwrap() {
        assert_eq!(shown["webhooks"][0][key], *value, "{key}");
    }
    let rule = &shown["isolation_rules"][0];
    assert_eq!(rule["conditions"][0]["str_cond"], "x");
    assert_eq!(rule["action"]["prevent_from"], json!({"id": target, "name": "target"}));
    assert_eq!(shown["delete_chain_exclude_entities"], json!([{"id": excluded, "name": "excluded"}]));
}

fn case_entry_037_webhooks_are_a_list_of_objects(database: Database) {
    let Some(app) = app(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    for no_list in [json!("hoge"), json!(1), json!({})] {
        assert_eq!(refused(&app, entity, &no_list), json!({"non_field_errors": ["AE-121000"]}), "{no_list}");
    }
    assert_eq!(refused(&app, entity, &Value::Null), json!(["AE-999999"]));
    assert_eq!(refused(&app, entity, &json!(["hoge"])), json!([{"non_field_errors": ["AE-121000"]}]));
    // One element for each that was sent, good or bad.
    assert_eq!(
        refused(&app, entity, &json!([{"url": "http://a/"}, 7, {"url": "http://a/"}, {"url": "x"}])),
        json!([{}, {"non_field_errors": ["AE-121000"]}, {}, {"non_field_errors": ["AE-121000"]}])
    );
}

fn case_entry_038_a_webhook_needs_an_address(database: Database) {
    let Some(app) = app(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let long = |length: usize| format!("http://a/{}", "x".repeat(length - 9));
    for (webhook, expected) in [
        (json!({}), json!({"non_field_errors": ["AE-113000"]})),
        (json!({"label": "l", "is_deleted": true}), json!({"non_field_errors": ["AE-113000"]})),
        (json!({"url": "hoge"}), json!({"non_field_errors": ["AE-121000"]})),
        (json!({"url": ""}), json!({"non_field_errors": ["AE-121000"]})),
        (json!({"url": "ftp://a/"}), json!({"non_field_errors": ["AE-121000"]})),
        (json!({"url": "http://user:word@a/"}), json!({"non_field_errors": ["AE-121000"]})),
        (json!({"url": long(201)}), json!({"url": ["AE-122000"]})),
        (json!({"url": []}), json!({"url": ["AE-121000"]})),
        (json!({"url": null}), json!({"url": ["AE-999999"]})),
    ] {
        assert_eq!(refused(&app, entity, &json!([webhook])), json!([expected]), "{webhook}");
    }
    app.put(&one(entity), json!({"webhooks": [{"url": long(200)}]})).expect(202);
    let id = webhooks(&app, entity)[0]["id"].clone();
    // An address must be there for a change too, but not for a removal.
    for webhook in [json!({"id": id}), json!({"id": id, "url": "hoge"}), json!({"id": id, "url": ""})] {
        let found = complaints(app.put(&one(entity), json!({"webhooks": [webhook]})));
        assert_eq!(found, json!([{"non_field_errors": ["AE-121000"]}]), "{webhook}");
    }
    app.put(&one(entity), json!({"webhooks": [{"id": id, "url": "hoge", "is_deleted": true}]})).expect(202);
    assert_eq!(webhooks(&app, entity), json!([]));
}

fn case_entry_040_headers_need_key_and_value(database: Database) {
    let Some(app) = app(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let both = |code: &str| json!({"header_key": [code], "header_value": [code]});
    for (headers, expected) in [
        (json!([{}]), json!({"0": both("AE-113000")})),
        (json!([{"header_key": [], "header_value": []}]), json!({"0": both("AE-121000")})),
        (json!([{"header_key": null, "header_value": ""}]), json!({"0": both("AE-999999")})),
        (
            json!([{"header_key": "a", "header_value": "b"}, "hoge", {"header_key": "a"}]),
            json!({"1": {"non_field_errors": ["AE-121000"]}, "2": {"header_value": ["AE-113000"]}}),
        ),
        (json!("hoge"), json!(["AE-121000"])),
        (json!({}), json!(["AE-121000"])),
        (json!(null), json!(["AE-999999"])),
    ] {
        let webhook = json!({"url": "http://a/", "headers": headers});
        assert_eq!(refused(&app, entity, &json!([webhook])), json!([{"headers": expected}]), "{webhook}");
    }
    // Numbers are texts, as everywhere.
    let hook = Hook::start(200);
    let headers = json!([{"header_key": " X-Number ", "header_value": 7}]);
    app.put(&one(entity), json!({"webhooks": [{"url": url(&hook), "headers": headers}]})).expect(202);
    let shown = webhooks(&app, entity);
    assert_eq!(shown[0]["headers"], json!([{"header_key": "X-Number", "header_value": "7"}]));
    assert_eq!(hook.posted.lock().unwrap()[0].0["x-number"], "7");
}

fn case_entry_041_who_answers_is_verified(database: Database) {
    let Some(app) = app(database) else { return };
    let hook = Hook::start(200);
    let sent = json!([{"url": url(&hook)}, {"url": nowhere()}]);
    let (entity, _) = app.entity(json!({"name": "e", "webhooks": sent}));
    let verified = |app: &TestApp, entity: i64| {
        let shown = webhooks(app, entity);
        let each = shown.as_array().unwrap().iter();
        each.map(|webhook| {
            (webhook["is_verified"] == true, webhook["verification_error_details"].is_string())
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(verified(&app, entity), [(true, false), (false, true)]);
    let (changed, _) = app.entity(json!({"name": "f"}));
    app.put(&one(changed), json!({"webhooks": sent})).expect(202);
    assert_eq!(verified(&app, changed), [(true, false), (false, true)]);
    assert_eq!(hook.tries.load(Ordering::Relaxed), 2);
}

fn case_entry_053_what_is_not_sent_stays(database: Database) {
    let Some(app) = app(database) else { return };
    let hook = Hook::start(200);
    let body = json!({
        "name": "e", "note": "n", "is_toplevel": true, "attrs": [{"name": "a", "type": 2}],
        "webhooks": [{"url": url(&hook), "is_enabled": true, "headers": [{"header_key": "k", "header_value": "v"}]}],
        "isolation_rules": [{"conditions": [], "action": {"is_prevent_all": true}}],
    });
    let (entity, _) = app.entity(body);
    let mut before = app.get(&one(entity)).json();
    app.put(&one(entity), json!({"name": "f"})).expect(202);
    before["name"] = json!("f");
    assert_eq!(app.get(&one(entity)).json(), before);
    app.put(&one(entity), json!({"webhooks": [], "isolation_rules": []})).expect(202);
    assert_eq!(app.get(&one(entity)).json(), before);
    assert_eq!(hook.tries.load(Ordering::Relaxed), 1, "what is not written is not asked");
}

fn case_entry_068_case_platform_184_switched_off_none_is_added(database: Database) {
    let off = |config: &mut Config| {
        near(config);
        config.webhooks.enabled = false;
    };
    let Some(app) = TestApp::with(database, Contributions::default(), off) else { return };
    let hook = Hook::start(200);
    let (entity, _) = app.entity(json!({"name": "e", "webhooks": []}));
    let sent = json!([{"url": url(&hook)}]);
    assert_eq!(refused(&app, entity, &sent), json!(["AE-121000"]));
    // What is wrong with one is said first.
    assert_eq!(refused(&app, entity, &json!([{}])), json!([{"non_field_errors": ["AE-113000"]}]));
    app.put(&one(entity), json!({"note": "n", "webhooks": []})).expect(202);
    assert_eq!((webhooks(&app, entity), hook.tries.load(Ordering::Relaxed)), (json!([]), 0));
}

fn case_platform_185_fields_have_types(database: Database) {
    let Some(app) = app(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    for (field, wrong, code) in [
        ("label", json!([]), "AE-121000"),
        ("label", json!(true), "AE-121000"),
        ("label", json!(null), "AE-999999"),
        ("is_enabled", json!("hoge"), "AE-121000"),
        ("is_enabled", json!(null), "AE-999999"),
        ("is_deleted", json!("hoge"), "AE-121000"),
        ("is_deleted", json!([]), "AE-121000"),
        ("id", json!("hoge"), "AE-121000"),
        ("id", json!(null), "AE-999999"),
    ] {
        let sent = json!([{"url": "http://a/", field: wrong}]);
        assert_eq!(refused(&app, entity, &sent), json!([{field: [code]}]), "{sent}");
    }
    // All bad fields together, and no word about the whole then; beside other fields of the entity.
    let sent = json!({"name": " ", "webhooks": [{"label": [], "is_enabled": 7, "url": "hoge"}, {}]});
    let answer = app.post(ENTITIES, sent).expect(400);
    let expected = [
        "name AE-999999",
        "webhooks.is_enabled AE-121000",
        "webhooks.label AE-121000",
        "webhooks.non_field_errors AE-113000",
    ];
    assert_eq!(answer.codes(), expected);
    assert!(answer.json()["webhooks"][0].get("non_field_errors").is_none(), "{answer:?}");
    // System-set fields are not taken from anybody.
    let sent = json!([{"url": nowhere(), "label": " l ", "is_enabled": "yes", "is_verified": true,
        "verification_error_details": "fine"}]);
    app.put(&one(entity), json!({"webhooks": sent})).expect(202);
    let shown = webhooks(&app, entity)[0].clone();
    assert_eq!((&shown["label"], &shown["is_enabled"]), (&json!("l"), &json!(true)));
    assert_eq!(shown["is_verified"], false);
    assert_ne!(shown["verification_error_details"], "fine");
}

fn ids_are_those_of_the_entity(database: Database) {
    let Some(app) = app(database) else { return };
    let sent = json!([{"url": nowhere()}]);
    let (other, _) = app.entity(json!({"name": "other", "webhooks": sent}));
    let (entity, _) = app.entity(json!({"name": "e", "webhooks": sent}));
    let (own, foreign) = (webhooks(&app, entity)[0]["id"].clone(), webhooks(&app, other)[0]["id"].clone());
    let good = json!({"url": nowhere()});
    for id in [&foreign, &json!(987_654)] {
        let bad = json!({"id": id, "url": "http://a/"});
        for sent in [json!([good, bad]), json!([good, {"id": id, "is_deleted": true}])] {
            assert_eq!(refused(&app, entity, &sent), json!([{}, {"id": ["AE-230000"]}]));
        }
    }
    // A new entity has none.
    let answer = app.post(ENTITIES, json!({"name": "n", "webhooks": [{"id": own, "url": "http://a/"}]}));
    assert_eq!(complaints(answer), json!([{"id": ["AE-230000"]}]));
    let twice = json!([{"id": own, "url": "http://a/"}, {"id": own, "url": "http://b/"}]);
    let answer = app.put(&one(entity), json!({"webhooks": twice}));
    assert_eq!(complaints(answer), json!([{}, {"id": ["AE-121000"]}]));
    assert_eq!(webhooks(&app, other)[0]["id"], foreign);
}

fn what_a_listed_one_leaves_out_is_reset(database: Database) {
    let Some(app) = app(database) else { return };
    let hook = Hook::start(200);
    let full = |label: &str| {
        json!({"url": url(&hook), "label": label, "is_enabled": true,
            "headers": [{"header_key": "k", "header_value": "v"}]})
    };
    let (entity, _) = app.entity(json!({"name": "e", "webhooks": [full("a"), full("b")]}));
    let before = webhooks(&app, entity);
    let sent = json!([{"id": before[0]["id"].as_i64().unwrap().to_string(), "url": url(&hook)}]);
    app.put(&one(entity), json!({"webhooks": sent})).expect(202);
    let after = webhooks(&app, entity);
    assert_eq!(
        after[0],
        json!({"id": before[0]["id"], "label": "", "url": url(&hook), "is_enabled": false, "is_verified": true,
            "verification_error_details": null, "headers": []})
    );
    assert_eq!((&after[1], after.as_array().unwrap().len()), (&before[1], 2));
}

fn deleted_ones_go_and_others_stay(database: Database) {
    let Some(app) = app(database) else { return };
    let sent: Vec<Value> = (0..3).map(|n| json!({"url": nowhere(), "label": n})).collect();
    let (entity, _) = app.entity(json!({"name": "e", "webhooks": sent}));
    let before = webhooks(&app, entity);
    let sent = json!([
        {"id": before[1]["id"], "is_deleted": true},
        // One that is deleted before it is there is nothing.
        {"url": nowhere(), "is_deleted": true},
    ]);
    app.put(&one(entity), json!({"webhooks": sent})).expect(202);
    assert_eq!(webhooks(&app, entity), json!([before[0], before[2]]));
    // What is gone is nobody's.
    let answer = app.put(&one(entity), json!({"webhooks": [{"id": before[1]["id"], "is_deleted": true}]}));
    assert_eq!(complaints(answer), json!([{"id": ["AE-230000"]}]));
}

fn nothing_of_a_refused_request_is_stored_or_asked(database: Database) {
    let Some(app) = app(database) else { return };
    let hook = Hook::start(200);
    let (entity, _) = app.entity(json!({"name": "e"}));
    let webhook = json!({"url": url(&hook)});
    let sent = json!({"note": "n", "webhooks": [webhook, {}]});
    app.put(&one(entity), sent).expect(400);
    app.put(&one(entity), json!({"attrs": [{}], "webhooks": [webhook]})).expect(400);
    app.post(ENTITIES, json!({"name": "e", "webhooks": [webhook]})).expect(400);
    let (_, guest) = app.user(|user| {
        "reader".clone_into(&mut user.username);
        user.is_readonly = true;
    });
    let body = json!({"name": "f", "webhooks": [webhook]});
    app.with_token(&guest, "POST", ENTITIES, Some(&body)).expect(403);
    app.with_token(&guest, "PUT", &one(entity), Some(&json!({"webhooks": [webhook]}))).expect(403);
    let detail = app.get(&one(entity)).json();
    assert_eq!((&detail["note"], &detail["webhooks"]), (&json!(""), &json!([])));
    assert_eq!(hook.tries.load(Ordering::Relaxed), 0);
}

fn what_is_asked_and_what_counts_as_an_answer(database: Database) {
    let Some(app) = app(database) else { return };
    let hook = Hook::start(200);
    let headers = json!([
        {"header_key": "X-Key", "header_value": "k"},
        {"header_key": "Authorization", "header_value": "Bearer t"},
    ]);
    let (entity, _) = app.entity(json!({"name": "e", "webhooks": [{"url": url(&hook), "headers": headers}]}));
    let (seen, body) = hook.posted.lock().unwrap().pop().unwrap();
    assert_eq!((&body, seen["content-length"].as_str()), (&json!({}), "2"));
    assert_eq!((seen["x-key"].as_str(), seen["authorization"].as_str()), ("k", "Bearer t"));
    assert!(!seen.contains_key("content-type"), "{seen:?}");
    let id = webhooks(&app, entity)[0]["id"].clone();
    for (status, details) in [
        (204, Value::Null),
        (304, Value::Null),
        (399, Value::Null),
        (404, json!("Not Found")),
        (500, json!("Internal Server Error")),
        (200, Value::Null),
    ] {
        hook.status.store(status, Ordering::Relaxed);
        app.put(&one(entity), json!({"webhooks": [{"id": id, "url": url(&hook)}]})).expect(202);
        let shown = webhooks(&app, entity)[0].clone();
        assert_eq!(
            (&shown["is_verified"], &shown["verification_error_details"]),
            (&json!(details.is_null()), &details),
            "{status}"
        );
    }
    // A redirect is followed, without what may be a secret where it leads elsewhere.
    let to = url(&hook);
    let seen_before = hook.tries.load(Ordering::Relaxed);
    let redirects = Stub::start(move |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let answer =
            format!("HTTP/1.1 307 X\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let _ = stream.write_all(answer.as_bytes());
    });
    let from = format!("http://{}/", redirects.address);
    let sent = json!([{"id": id, "url": from, "headers": headers}]);
    app.put(&one(entity), json!({"webhooks": sent})).expect(202);
    assert_eq!(webhooks(&app, entity)[0]["is_verified"], true);
    assert_eq!(hook.tries.load(Ordering::Relaxed), seen_before + 1);
    let (seen, _) = hook.posted.lock().unwrap().pop().unwrap();
    assert!(!seen.contains_key("authorization") && !seen.contains_key("x-key"), "{seen:?}");
    // Headers that cannot be sent are no failure of the request.
    for (key, value) in [("Host", "a"), ("Content-Length", "9"), ("a b", "c"), ("a", "b\r\nc: d")] {
        let headers = json!([{"header_key": key, "header_value": value}]);
        app.put(&one(entity), json!({"webhooks": [{"id": id, "url": url(&hook), "headers": headers}]}))
            .expect(202);
        let shown = webhooks(&app, entity)[0].clone();
        assert!(shown["is_verified"] == false && shown["verification_error_details"].is_string(), "{shown}");
    }
    assert_eq!(hook.tries.load(Ordering::Relaxed), seen_before + 1);
}

fn who_does_not_answer_holds_nobody_up(database: Database) {
    let short = |config: &mut Config| {
        near(config);
        config.webhooks.timeout = Duration::from_secs(1);
    };
    let Some(app) = TestApp::with(database, Contributions::default(), short) else { return };
    // One that never answers, and more of them than are asked at the same time.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = Hook::start(200);
    let silent_url = format!("http://{}/", silent.local_addr().unwrap());
    let mut sent = vec![json!({"url": url(&hook)})];
    sent.resize(40, json!({"url": silent_url}));
    let began = Instant::now();
    let (entity, _) = app.entity(json!({"name": "e", "webhooks": sent}));
    // One after the other would be forty seconds.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let shown = webhooks(&app, entity);
    let shown = shown.as_array().unwrap();
    assert_eq!((shown.len(), &shown[0]["is_verified"]), (40, &json!(true)));
    for webhook in &shown[1..] {
        assert_eq!(webhook["is_verified"], false);
        assert!(webhook["verification_error_details"].is_string(), "{webhook}");
    }
    // The database is not held meanwhile.
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| {
            let began = Instant::now();
            app.put(&one(entity), json!({"webhooks": [{"url": silent_url}]})).expect(202);
            began.elapsed()
        });
        let fastest = (0..5).map(|n| {
            let began = Instant::now();
            app.entity(json!({"name": format!("other{n}")}));
            began.elapsed()
        });
        let fastest = fastest.min().unwrap();
        assert!(slow.join().unwrap() >= Duration::from_millis(900));
        assert!(fastest < Duration::from_millis(900), "{fastest:?}");
    });
}

fn what_is_known_of_one_that_stays_the_same_is_kept(database: Database) {
    let slow = |config: &mut Config| {
        near(config);
        config.webhooks.timeout = Duration::from_secs(20);
    };
    let Some(app) = TestApp::with(database, Contributions::default(), slow) else { return };
    let app = &app;
    let hook = Hook::start(200);
    let (entity, _) = app.entity(json!({"name": "e", "webhooks": [{"url": url(&hook)}]}));
    let id = webhooks(app, entity)[0]["id"].clone();
    let while_it_waits = |sent: Value| {
        hook.status.store(0, Ordering::Relaxed);
        let asked = hook.tries.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            let put = scope.spawn(|| app.put(&one(entity), json!({"webhooks": [sent]})).expect(202));
            Wait::seconds(20).until("it is asked", || hook.tries.load(Ordering::Relaxed) != asked);
            let meanwhile = webhooks(app, entity)[0].clone();
            hook.status.store(200, Ordering::Relaxed);
            put.join().unwrap();
            meanwhile
        })
    };
    let meanwhile = while_it_waits(json!({"id": id, "url": url(&hook), "label": "new"}));
    assert_eq!((&meanwhile["label"], &meanwhile["is_verified"]), (&json!("new"), &json!(true)));
    // Another address, or other headers, must first show that somebody is there.
    let elsewhere = format!("{}/elsewhere", url(&hook));
    let meanwhile = while_it_waits(json!({"id": id, "url": elsewhere}));
    assert_eq!((&meanwhile["url"], &meanwhile["is_verified"]), (&json!(elsewhere), &json!(false)));
    assert_eq!(meanwhile["verification_error_details"], Value::Null);
    assert_eq!(webhooks(app, entity)[0]["is_verified"], true);
}

fn addresses_of_the_machine_are_not_reached(database: Database) {
    let default = |config: &mut Config| config.webhooks.ports = None;
    let Some(app) = TestApp::with(database, Contributions::default(), default) else { return };
    let hook = Hook::start(200);
    let port = hook.stub.address.port();
    let inside =
        ["127.0.0.1", "localhost", "127.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"];
    let sent: Vec<Value> =
        inside.iter().map(|host| json!({"url": format!("http://{host}:{port}/")})).collect();
    let (entity, _) = app.entity(json!({"name": "e", "webhooks": sent}));
    for webhook in webhooks(&app, entity).as_array().unwrap() {
        assert_eq!(webhook["is_verified"], false, "{webhook}");
        let details = webhook["verification_error_details"].as_str().unwrap();
        assert!(details.contains("has an address that webhooks of this server do not reach"), "{webhook}");
    }
    assert_eq!(hook.tries.load(Ordering::Relaxed), 0);
}

fn hosts_and_ports_that_are_not_allowed_are_not_reached(database: Database) {
    let hook = Hook::start(200);
    let ports = |config: &mut Config| config.webhooks.addresses = WebhookAddresses::All;
    let Some(app) = TestApp::with(database, Contributions::default(), ports) else { return };
    let refused = |app: &TestApp| {
        let (entity, _) = app.entity(json!({"name": "e", "webhooks": [{"url": url(&hook)}]}));
        let shown = webhooks(app, entity)[0].clone();
        let details = shown["verification_error_details"].as_str().unwrap_or_default().to_owned();
        assert!(shown["is_verified"] == false && details.contains("do not reach"), "{shown}");
    };
    refused(&app);
    drop(app);
    let hosts = |config: &mut Config| {
        near(config);
        let listed = pagoda_plugin_sdk::http::HostPattern::parse("hooks.example.com").unwrap();
        config.webhooks.hosts = Some(vec![listed]);
    };
    let Some(app) = TestApp::with(database, Contributions::default(), hosts) else { return };
    refused(&app);
    assert_eq!(hook.tries.load(Ordering::Relaxed), 0);
}

fn what_headers_hold_is_in_no_log(database: Database) {
    let Some(app) = app(database) else { return };
    let sent = |label: &str| {
        json!([{"url": nowhere(), "label": label,
            "headers": [{"header_key": "Authorization", "header_value": "hush-hush"}]}])
    };
    let (entity, _) = app.entity(json!({"name": "e", "webhooks": sent("a")}));
    let id = webhooks(&app, entity)[0]["id"].as_i64().unwrap();
    let mut changed = sent("b");
    changed[0]["id"] = json!(id);
    app.put(&one(entity), json!({"webhooks": changed})).expect(202);
    app.put(&one(entity), json!({"webhooks": [{"id": id, "is_deleted": true}]})).expect(202);
    let rows = Wait::seconds(20).until_ok("the changes are recorded", || {
        let list = app.get("/api/v2/audit/?limit=1000").expect(200);
        assert!(!list.body.contains("hush-hush"));
        let list = list.json();
        let rows = list["results"].as_array().unwrap().iter();
        let rows: Vec<Value> = rows
            .filter(|row| row["object_id"] == entity && row["object_kind"] == "entity")
            .map(|row| row["detail"].clone())
            .collect();
        if rows.len() == 3 { Ok(rows) } else { Err(rows) }
    });
    let of = |key: &str| rows.iter().find_map(|detail| detail.get(key)).cloned();
    assert_eq!(of("webhooks_added"), Some(json!([format!("{id} a")])), "{rows:?}");
    assert_eq!(of("webhooks_changed"), Some(json!([format!("{id} b")])), "{rows:?}");
    assert_eq!(of("webhooks_removed"), Some(json!([format!("{id} b")])), "{rows:?}");
}

fn showing_costs_the_same_for_few_and_many(database: Database) {
    let Some(app) = app(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let cost = |app: &TestApp| {
        let runner = Runner::of_server(&app.host, None);
        let admin =
            runner.run_blocking(Mode::Read, |op| Ok(user::model(&by_id(&mut op.db, ADMIN)?.unwrap())));
        let admin = admin.unwrap();
        Runner::of_server(&app.host, Some(admin))
            .run_blocking(Mode::Read, |op| {
                let before = op.db.statements;
                entity::detail(op, entity)?;
                Ok(op.db.statements - before)
            })
            .unwrap()
    };
    let add = |count: usize| {
        let webhooks: Vec<Value> = (0..count).map(|_| json!({"url": nowhere()})).collect();
        let rule = json!({
            "conditions": [{"attr_id": attrs["s"], "str_cond": "x"}, {"attr_id": attrs["s"]}],
            "action": {"prevent_from_id": entity},
        });
        let rules: Vec<Value> = (0..count).map(|_| rule.clone()).collect();
        app.put(&one(entity), json!({"webhooks": webhooks, "isolation_rules": rules})).expect(202);
    };
    add(1);
    let few = cost(&app);
    add(20);
    assert_eq!((webhooks(&app, entity).as_array().unwrap().len(), cost(&app)), (21, few));
}

fn switched_off_what_was_read_can_be_sent_back(database: Database) {
    let off = |config: &mut Config| {
        near(config);
        config.webhooks.enabled = false;
    };
    let Some(app) = TestApp::with(database, Contributions::default(), off) else { return };
    let hook = Hook::start(200);
    let (entity, _) = app.entity(json!({"name": "e"}));
    // As they were before they were switched off.
    let stored = NewWebhook {
        entity_id: entity,
        label: "l".to_owned(),
        url: url(&hook),
        is_enabled: true,
        headers: "[]".to_owned(),
        is_verified: true,
        verification_error: None,
    };
    let rows = [stored.clone(), stored];
    Runner::of_server(&app.host, None)
        .run_blocking(Mode::Write, |op| Ok(insert_many(&mut op.db, &rows)?))
        .unwrap();
    let shown = webhooks(&app, entity);
    for other in [json!([]), json!([shown[0]]), json!([shown[0], shown[1], {"url": url(&hook)}])] {
        let answer = app.put(&one(entity), json!({"webhooks": other}));
        assert_eq!(complaints(answer), json!(["AE-121000"]), "{other}");
    }
    app.put(&one(entity), json!({"note": "not about them"})).expect(202);
    app.put(&one(entity), json!({"webhooks": shown})).expect(202);
    assert_eq!(webhooks(&app, entity), shown);
    // One that leads elsewhere now was not asked.
    let mut changed = shown.clone();
    changed[0]["url"] = json!("http://elsewhere.example/");
    app.put(&one(entity), json!({"webhooks": changed})).expect(202);
    let after = webhooks(&app, entity);
    assert_eq!((&after[0]["is_verified"], &after[1]), (&json!(false), &shown[1]));
    assert!(after[0]["verification_error_details"].as_str().unwrap().contains("switched off"), "{after}");
    assert_eq!(hook.tries.load(Ordering::Relaxed), 0);
}

fn what_plugins_change_leaves_them(database: Database) {
    let Some(app) = app(database) else { return };
    let rule = json!({"conditions": [], "action": {"is_prevent_all": true}});
    let body = json!({"name": "e", "webhooks": [{"url": nowhere()}], "isolation_rules": [rule]});
    let (entity, _) = app.entity(body);
    let mut before = app.get(&one(entity)).json();
    let admin = Runner::of_server(&app.host, None)
        .run_blocking(Mode::Read, |op| Ok(user::model(&by_id(&mut op.db, ADMIN)?.unwrap())))
        .unwrap();
    // As the bridge does it.
    Runner::of_server(&app.host, Some(admin))
        .run_blocking(Mode::Write, |op| {
            let mut change = EntityChange::default();
            change.note = Some("by a plugin".to_owned());
            let target = EntityUpdate::open(op, entity)?;
            entity::update(op, target, EntityInput::from_plugin_change(change))
        })
        .unwrap();
    before["note"] = json!("by a plugin");
    assert_eq!(app.get(&one(entity)).json(), before);
}

fn the_document_describes_them(database: Database) {
    let Some(app) = app(database) else { return };
    let document = app.get("/api/schema/?format=json").expect(200).json();
    let schemas = &document["components"]["schemas"];
    for (entity, webhook, rule) in [
        ("Entity", "Webhook", "IsolationRule"),
        ("EntityCreate", "WebhookWrite", "IsolationRuleWrite"),
        ("EntityUpdate", "WebhookWrite", "IsolationRuleWrite"),
    ] {
        let properties = &schemas[entity]["properties"];
        for (key, schema) in [("webhooks", webhook), ("isolation_rules", rule)] {
            assert_eq!(
                properties[key]["items"]["$ref"],
                format!("#/components/schemas/{schema}"),
                "{entity}"
            );
            assert!(schemas[schema]["properties"].is_object(), "{schema}");
        }
    }
    // What is shown is what is described.
    let (entity, _) = app.entity(json!({"name": "e", "webhooks": [{"url": nowhere()}]}));
    let shown = webhooks(&app, entity)[0].clone();
    let keys =
        |value: &Value| value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(keys(&shown), keys(&schemas["Webhook"]["properties"]));
}
