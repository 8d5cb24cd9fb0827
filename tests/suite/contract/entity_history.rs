//! What happened to entities, and names of attributes. *Source: spec, entity §2.7 and §2.8.*

use super::{ADMIN, close, column, grant, person, role};
use crate::agreement::as_user;
use crate::server::{Database, TestApp, on_both_databases};
use crate::ui::Person;
use pagoda_core::auth::password;
use pagoda_core::services::ctx::OpCtx;
use pagoda_core::services::entity as services;
use pagoda_core::services::error::OpError;
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::store::queries::user as users;
use serde_json::{Value, json};

on_both_databases! {
    case_entry_016_attributes_of_several_entities;
    case_entry_017_attributes_of_referred_entities;
    case_entry_019_attributes_of_no_entity;
    case_entry_070_a_deletion_has_a_detail_per_attribute;
    case_entry_077_histories_of_a_new_entity;
    case_entry_079_a_rename_is_shown;
    case_entry_080_attributes_made_and_changed;
    case_entry_082_the_older_history;
    every_listed_attribute_has_a_detail_in_order_of_the_request;
    a_removed_attribute_shows_what_its_row_became;
    each_record_shows_its_own_update_only;
    histories_are_for_those_who_may_read;
    histories_cost_the_same_for_few_and_many;
    histories_come_in_pages;
    the_older_history_is_for_sessions;
    the_older_history_is_for_those_who_may_read;
}

const KEYS: [&str; 7] = ["changes", "is_detail", "operation", "target_obj", "text", "time", "username"];

fn path(entity: i64) -> String {
    format!("/entity/api/v2/{entity}/histories/")
}

fn rows(app: &TestApp, entity: i64) -> Vec<Value> {
    let page = app.get(&format!("{}?limit=1000", path(entity))).expect(200).json();
    let rows = page["results"].as_array().unwrap().clone();
    assert_eq!(page["count"], rows.len());
    for row in &rows {
        let mut keys: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, KEYS);
        assert_eq!((&row["text"], &row["username"]), (&json!(""), &json!("admin")));
    }
    rows
}

/// Operation, object and changes of each record.
fn told(rows: &[Value]) -> Vec<(i64, &str, &Value)> {
    rows.iter()
        .map(|row| {
            let operation = row["operation"].as_i64().unwrap();
            assert_eq!(row["is_detail"], operation > 12, "{row}");
            (operation, row["target_obj"].as_str().unwrap(), &row["changes"])
        })
        .collect()
}

fn put(app: &TestApp, entity: i64, body: &Value) {
    app.put(&format!("/entity/api/v2/{entity}/"), body.clone()).expect(202);
}

fn change(action: &str, target: &str, before: Value, after: Value) -> Value {
    json!({"action": action, "target": target, "before": before, "after": after})
}

fn names(app: &TestApp, query: &str) -> Vec<Value> {
    let list = app.get(&format!("/entity/api/v2/attrs{query}")).expect(200).json();
    for row in list.as_array().unwrap() {
        assert_eq!(row.as_object().unwrap().len(), 3, "{row}");
        assert!(row["id"].is_i64() && row["type"].is_i64(), "{row}");
    }
    column(&list, "name")
}

fn case_entry_016_attributes_of_several_entities(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (a, of_a) = app.entity(
        json!({"name": "a", "attrs": [{"name": "z", "type": 2, "index": 1}, {"name": "y", "type": 4, "index": 2}]}),
    );
    let (b, of_b) =
        app.entity(json!({"name": "b", "attrs": [{"name": "B", "type": 2}, {"name": "gone", "type": 2}]}));
    put(&app, b, &json!({"attrs": [{"id": of_b["gone"], "is_deleted": true}]}));
    // By name where there are several entities, as the one orders them where there is one.
    assert_eq!(names(&app, &format!("?entity_ids={a},{b}")), ["B", "y", "z"]);
    assert_eq!(names(&app, &format!("?entity_ids={a}")), ["z", "y"]);
    assert_eq!(names(&app, ""), ["B", "y", "z"]);
    assert_eq!(names(&app, "?entity_ids="), ["B", "y", "z"]);
    let list = app.get(&format!("/entity/api/v2/attrs?entity_ids={a}")).json();
    assert_eq!(list[0], json!({"id": of_a["z"], "name": "z", "type": 2}));
    // Nobody is kept from them.
    close(&app, a);
    let (_, guest) = person(&app, "guest");
    let seen = app.with_token(&guest, "GET", &format!("/entity/api/v2/attrs?entity_ids={a}"), None);
    assert_eq!(seen.expect(200).json(), list);
    app.request("GET", "/entity/api/v2/attrs", &[], None).expect(403);
    assert_eq!(app.get("/entity/api/v2/attrs/").status, 404);
}

fn case_entry_017_attributes_of_referred_entities(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (a, _) = app.entity(json!({"name": "a", "attrs": [{"name": "of a", "type": 2}]}));
    let (b, _) = app.entity(json!({"name": "b", "attrs": [{"name": "of b", "type": 2}]}));
    let (c, _) = app.entity(json!({"name": "c", "attrs": [{"name": "p", "type": 1, "referral": [a]},
        {"name": "q", "type": 1, "referral": [a, b]}, {"name": "r", "type": 2}]}));
    let of = |attr: &str| names(&app, &format!("?entity_ids={c}&referral_attr={attr}"));
    assert_eq!(of("p"), ["of a"]);
    assert_eq!(of("q"), ["of a", "of b"]);
    assert!(of("r").is_empty() && of("none").is_empty());
    assert_eq!(names(&app, "?referral_attr=p"), ["of a"]);
    assert!(names(&app, &format!("?entity_ids={a}&referral_attr=p")).is_empty());
}

fn case_entry_019_attributes_of_no_entity(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (a, _) = app.entity(json!({"name": "a"}));
    let (gone, _) = app.entity(json!({"name": "gone"}));
    app.delete(&format!("/entity/api/v2/{gone}/")).expect(202);
    for ids in [
        "9999".to_owned(),
        "-1".to_owned(),
        format!("{a},9999"),
        format!("{gone}"),
        format!("{a},{a}"),
        "9".repeat(30),
    ] {
        let answer = app.get(&format!("/entity/api/v2/attrs?entity_ids={ids}")).expect(404);
        assert_eq!(answer.json()["code"], "AE-230000", "{ids}");
    }
    for ids in ["x", "1,x", "1,,2", "1.5", ",", "1,"] {
        let answer = app.get(&format!("/entity/api/v2/attrs?entity_ids={ids}")).expect(400).json();
        assert_eq!(answer[0]["code"], "AE-250000", "{ids}");
    }
    assert!(names(&app, &format!("?entity_ids={a}")).is_empty());
    // Nothing given is nothing asked for: all.
    app.entity(json!({"name": "b", "attrs": [{"name": "s", "type": 2}]}));
    assert_eq!(names(&app, "?entity_ids="), ["s"]);
}

fn case_entry_070_a_deletion_has_a_detail_per_attribute(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) =
        app.entity(json!({"name": "e", "attrs": [{"name": "a", "type": 2}, {"name": "b", "type": 2}]}));
    app.delete(&format!("/entity/api/v2/{entity}/")).expect(202);
    let rows = rows(&app, entity);
    let told = told(&rows);
    let operations: Vec<i64> = told.iter().map(|(operation, ..)| *operation).collect();
    assert_eq!(operations, [20, 20, 12, 17, 17, 9]);
    for (_, name, changes) in &told[..3] {
        assert_eq!(**changes, json!([]));
        assert!(name.contains("_deleted_"), "{name}");
    }
    // Also on its older rows.
    assert!(told[5].1.starts_with("e_deleted_"), "{}", told[5].1);
}

fn case_entry_077_histories_of_a_new_entity(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (plain, _) = app.entity(json!({"name": "plain"}));
    let of_plain = rows(&app, plain);
    assert_eq!(
        told(&of_plain),
        [(9, "plain", &json!([change("create", "name", json!(null), json!("plain"))]))]
    );
    let (noted, _) = app.entity(json!({"name": "noted", "note": "n", "attrs": [{"name": "a", "type": 2}]}));
    let rows = rows(&app, noted);
    let null = || json!(null);
    let attr = json!([
        change("create", "name", null(), json!("a")),
        change("create", "type", null(), json!(2)),
        change("create", "is_mandatory", null(), json!(false)),
        change("create", "note", null(), json!(""))
    ]);
    let entity = json!([
        change("create", "name", null(), json!("noted")),
        change("create", "note", null(), json!("n"))
    ]);
    assert_eq!(told(&rows), [(17, "a", &attr), (9, "noted", &entity)]);
    let time = rows[0]["time"].as_str().unwrap();
    assert!(time.len() == 32 && time.ends_with("+09:00"), "{time}");
}

fn case_entry_079_a_rename_is_shown(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "old"}));
    put(&app, entity, &json!({"name": "new", "note": "n", "is_toplevel": true}));
    let rows = rows(&app, entity);
    let expected = json!([
        change("update", "name", json!("old"), json!("new")),
        change("update", "note", json!(""), json!("n"))
    ]);
    let told = told(&rows);
    assert_eq!(told[0], (10, "new", &expected));
    // The older record is about what has another name now.
    assert_eq!((told[1].0, told[1].1), (9, "new"));
    assert_eq!(told[1].2[0]["after"], "old");
}

fn case_entry_080_attributes_made_and_changed(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (one, _) = app.entity(json!({"name": "one"}));
    let (two, _) = app.entity(json!({"name": "two"}));
    let (entity, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "o", "type": 1, "referral": [one]}]}));
    put(
        &app,
        entity,
        &json!({"attrs": [{"name": "s", "type": 2, "is_mandatory": true},
            {"id": attrs["o"], "name": "ref", "referral": [two, one], "index": 3}]}),
    );
    let rows = rows(&app, entity);
    let told = told(&rows);
    let changed = json!([
        change("update", "index", json!(0), json!(3)),
        change("update", "name", json!("o"), json!("ref")),
        change("update", "referral", json!([one]), json!([one, two]))
    ]);
    assert_eq!(told[0], (18, "ref", &changed));
    assert_eq!((told[1].0, told[1].1), (17, "s"));
    assert_eq!(column(told[1].2, "action"), ["create"; 4]);
    assert_eq!(column(told[1].2, "after"), [json!("s"), json!(2), json!(true), json!("")]);
    assert_eq!(told[2], (10, "e", &json!([])));
}

fn every_listed_attribute_has_a_detail_in_order_of_the_request(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "a", "type": 2}, {"name": "b", "type": 2}]}));
    put(
        &app,
        entity,
        &json!({"attrs": [{"name": "n1", "type": 2}, {"id": attrs["b"], "is_deleted": true}, {"id": attrs["a"]},
            {"name": "never", "type": 2, "is_deleted": true}, {"name": "b", "type": 4}]}),
    );
    let found = rows(&app, entity);
    let operations: Vec<i64> = told(&found).iter().map(|(operation, ..)| *operation).collect();
    assert_eq!(operations, [17, 18, 20, 17, 10, 17, 17, 9]);
    let told = told(&found);
    assert_eq!((told[0].1, told[1].1, told[3].1), ("b", "a", "n1"));
    assert_eq!((told[1].2, told[4].2), (&json!([]), &json!([])));
    // What was refused leaves nothing.
    let refused = json!({"name": "x", "attrs": [{"id": attrs["a"], "type": 4}]});
    app.put(&format!("/entity/api/v2/{entity}/"), refused).expect(400);
    assert_eq!(rows(&app, entity), found);
}

fn a_removed_attribute_shows_what_its_row_became(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "a", "type": 2}]}));
    put(&app, entity, &json!({"attrs": [{"id": attrs["a"], "is_deleted": true}]}));
    let rows = rows(&app, entity);
    let (operation, name, changes) = told(&rows)[0];
    assert!(operation == 20 && name.starts_with("a_deleted_"), "{rows:?}");
    assert_eq!(column(changes, "action"), ["delete"; 3]);
    assert_eq!(column(changes, "target"), ["deleted_time", "is_active", "name"]);
    assert_eq!(column(changes, "before"), [json!(null), json!(true), json!("a")]);
    assert_eq!((&changes[1]["after"], &changes[2]["after"]), (&json!(false), &json!(name)));
    let time = changes[0]["after"].as_str().unwrap();
    assert!(time.len() == 27 && time.ends_with('Z'), "{time}");
    // The record of its creation has the name that it has now.
    assert_eq!(rows[2]["target_obj"], name);
}

fn each_record_shows_its_own_update_only(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "c", "type": 512,
        "choices": [{"value": "1", "label": "one"}]}, {"name": "s", "type": 2, "default_value": "d"}]}));
    put(&app, entity, &json!({"note": "first"}));
    put(&app, entity, &json!({}));
    put(&app, entity, &json!({"is_toplevel": true}));
    let choices = json!([{"value": "1", "label": "uno"}, {"value": "2", "label": "two"}]);
    put(
        &app,
        entity,
        &json!({"attrs": [{"id": attrs["c"], "choices": choices}, {"id": attrs["s"], "default_value": null}]}),
    );
    let rows = rows(&app, entity);
    let told = told(&rows);
    assert_eq!(*told[0].2, json!([change("update", "default_value", json!("d"), json!(null))]));
    let before = json!([{"value": "1", "label": "one"}]);
    assert_eq!(*told[1].2, json!([change("update", "choices", before, choices)]));
    for told in &told[2..5] {
        assert_eq!((told.0, told.2), (10, &json!([])));
    }
    assert_eq!(*told[5].2, json!([change("update", "note", json!(""), json!("first"))]));
}

fn histories_are_for_those_who_may_read(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let answer = app.get(&path(9999)).expect(404);
    assert_eq!(answer.codes(), ["AE-230000"]);
    let (guest, token) = person(&app, "guest");
    let (entity, _) = app.entity(json!({"name": "e"}));
    let see = || app.with_token(&token, "GET", &path(entity), None);
    see().expect(200);
    close(&app, entity);
    assert_eq!(see().expect(403).codes(), ["AE-210000"]);
    let role = role(&app, "r", &json!({"users": [guest]}));
    grant(&app, entity, role, 2);
    see().expect(200);
    grant(&app, entity, role, 1);
    app.delete(&format!("/entity/api/v2/{entity}/")).expect(202);
    // A deleted one keeps its history, and its secrets.
    assert_eq!(see().expect(403).codes(), ["AE-210000"]);
    assert_eq!(rows(&app, entity).len(), 2);
    assert_eq!(app.post(&path(entity), json!({})).status, 405);
    let bare = app.get(&format!("/entity/api/v2/{entity}/histories"));
    assert_eq!((bare.status, bare.header("location")), (301, Some(path(entity).as_str())));
}

fn histories_cost_the_same_for_few_and_many(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e", "attrs": [{"name": "a", "type": 2}]}));
    let admin = Runner::of_server(&app.host, None)
        .run_blocking(Mode::Read, |op| Ok(users::by_id(&mut op.db, ADMIN)?))
        .unwrap()
        .unwrap();
    let costs = || {
        let runner = as_user(&app, &admin);
        let cost = |work: fn(&mut OpCtx, i64) -> Result<(), OpError>| {
            let counted = runner.run_blocking(Mode::Read, |op| {
                let before = op.db.statements;
                work(op, entity)?;
                Ok(op.db.statements - before)
            });
            counted.unwrap()
        };
        [
            cost(|op, id| services::history(op, id, 30, 0).map(|_| ())),
            cost(|op, id| services::older_history(op, id).map(|_| ())),
            cost(|op, _| services::attr_names(op, None, None).map(|_| ())),
        ]
    };
    // The entity, the page and its length, the attributes, the users. Without a length; one list.
    assert_eq!(costs(), [5, 4, 1]);
    for n in 0..5 {
        put(&app, entity, &json!({"attrs": [{"name": format!("n{n}"), "type": 2}]}));
    }
    assert_eq!(costs(), [5, 4, 1]);
}

fn histories_come_in_pages(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    for n in 0..31 {
        put(&app, entity, &json!({"note": format!("{n}")}));
    }
    let page = app.get(&path(entity)).expect(200).json();
    assert_eq!((&page["count"], page["results"].as_array().unwrap().len()), (&json!(32), 30));
    assert!(page["next"].as_str().unwrap().ends_with("?limit=30&offset=30"), "{}", page["next"]);
    let page = app.get(&format!("{}?limit=2&offset=30", path(entity))).expect(200).json();
    assert_eq!(column(&page["results"], "operation"), [10, 9]);
}

fn older(entity: i64) -> String {
    format!("/entity/api/v2/history/{entity}")
}

fn case_entry_082_the_older_history(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "a", "type": 2}, {"name": "b", "type": 2}]}));
    put(&app, entity, &json!({"name": "f", "attrs": [{"id": attrs["a"], "name": "c"}]}));
    let admin = Person::log_in(&app, "admin");
    let list = admin.get(&older(entity)).expect(200).json();
    let user = json!({"username": "admin"});
    let detail = |operation: i32, name: &str| json!({"operation": operation, "target_obj": {"name": name}, "text": ""});
    assert_eq!(
        list,
        json!([
            {"user": user, "operation": 10, "details": [detail(18, "c")], "time": list[0]["time"]},
            {"user": user, "operation": 9, "details": [detail(17, "c"), detail(17, "b")], "time": list[1]["time"]},
        ])
    );
    assert!(list[0]["time"].as_str().unwrap().ends_with("+09:00"));
    for id in ["9999", "99999999999999999999999"] {
        let answer = admin.get(&format!("/entity/api/v2/history/{id}")).expect(400);
        assert!(answer.header("content-type").unwrap().starts_with("text/plain"), "{answer:?}");
    }
    let answer = admin.post(&older(entity), "").expect(400);
    assert!(answer.header("content-type").unwrap().starts_with("text/plain"), "{answer:?}");
}

fn the_older_history_is_for_sessions(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let path = older(entity);
    let next = |answer: &crate::server::Answer| answer.header("location").unwrap().to_owned();
    // With a token, and without anything; before the method and the id are looked at.
    for answer in [
        app.get(&path).expect(303),
        app.request("GET", &path, &[], None).expect(303),
        app.request("POST", &path, &[], None).expect(303),
    ] {
        assert_eq!((next(&answer), answer.body.as_str()), (format!("/auth/login?next={path}?"), ""));
    }
    let answer = app.get("/entity/api/v2/history/9999?a=1&b=x%20y").expect(303);
    assert_eq!(next(&answer), "/auth/login?next=/entity/api/v2/history/9999?a%3D1%26b%3Dx%2520y");
    // Closed hole: nobody was asked who may read.
    let admin = Person::log_in(&app, "admin");
    close(&app, entity);
    admin.get(&path).expect(200);
    app.delete(&format!("/entity/api/v2/{entity}/")).expect(202);
    assert_eq!(admin.get(&path).expect(200).json().as_array().unwrap().len(), 2);
}

/// *Source: spec, entity §2.7 (fixed quirk).*
fn the_older_history_is_for_those_who_may_read(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, _) = app.user(|user| user.password_hash = Some(password::hash("secret").unwrap()));
    let (entity, _) = app.entity(json!({"name": "e"}));
    let guest = Person::log_in(&app, "guest");
    guest.get(&older(entity)).expect(200);
    close(&app, entity);
    assert_eq!(guest.get(&older(entity)).expect(403).codes(), ["AE-210000"]);
    let readers = role(&app, "readers", &json!({"users": [id]}));
    grant(&app, entity, readers, 2);
    guest.get(&older(entity)).expect(200);
    grant(&app, entity, readers, 1);
    app.delete(&format!("/entity/api/v2/{entity}/")).expect(202);
    assert_eq!(guest.get(&older(entity)).expect(403).codes(), ["AE-210000"]);
    guest.get(&older(999_999)).expect(400);
}
