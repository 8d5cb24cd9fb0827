//! Values that come back, or are copied, under rules that came after them: they are not judged as new ones.
//! *Source: spec, entry §8, §10 and §14, attribute-types §2 and §4.*

use super::history_writes::{NAMED, World, moment};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    what_is_isolated_by_now_does_not_come_back;
    what_is_isolated_by_now_is_not_rolled_back_to;
    what_is_isolated_by_now_is_not_copied;
    blank_values_of_mandatory_attributes_come_back;
    blank_values_of_mandatory_attributes_are_rolled_back_to;
    references_to_what_is_deleted_are_copied_as_blank;
    a_copied_blank_has_a_row;
    values_of_every_type_are_copied;
    histories_show_what_is_gone;
    bodies_of_restorations_are_read_last;
    names_follow_values_that_come_back;
    the_last_moment_comes_back;
}

const REFERRING: [&str; 5] = ["object", "objects", NAMED, "named list", "flagged list"];

/// Values that refer to both entries, to the first of them in every one.
fn referring(world: &World) -> Vec<(&'static str, Value)> {
    let [one, two] = world.referred;
    let named = |name: &str, id: Value| json!({"name": name, "id": id, "boolean": true});
    let list = json!([named("n", json!(one)), named("m", json!(two)), named("k", Value::Null)]);
    vec![
        ("object", json!(one)),
        ("objects", json!([one, two])),
        (NAMED, named("n", json!(one))),
        ("named list", list.clone()),
        ("flagged list", list),
    ]
}

fn nothing() -> Vec<(&'static str, Value)> {
    vec![
        ("object", Value::Null),
        ("objects", json!([])),
        (NAMED, Value::Null),
        ("named list", json!([])),
        ("flagged list", json!([])),
    ]
}

/// Hides the first entry from all that might refer to it; says by which attribute.
fn hide_the_first(world: &World) -> i64 {
    let (target, path) = (1, "/entity/api/v2/1/");
    let app = &world.app;
    assert_eq!(app.get(path).json()["id"], target);
    app.put(path, json!({"attrs": [{"name": "hidden", "type": 8}]})).expect(202);
    let attr = app.get(path).json()["attrs"][0]["id"].as_i64().unwrap();
    let rule =
        json!({"conditions": [{"attr_id": attr, "bool_cond": true}], "action": {"is_prevent_all": true}});
    app.put(path, json!({"isolation_rules": [rule]})).expect(202);
    set_hidden(world, attr, true);
    attr
}

fn set_hidden(world: &World, attr: i64, hidden: bool) {
    let body = json!({"attrs": [{"id": attr, "value": hidden}]});
    world.app.put(&format!("/entry/api/v2/{}/", world.referred[0]), body).expect(202);
}

/// What is left of the values once the first entry is hidden.
#[track_caller]
fn check_without_the_first(world: &World, entry: i64) {
    let two = json!({"id": world.referred[1], "name": "two", "schema": {"id": 1, "name": "target"}});
    let (m, k) = (json!({"name": "m", "object": two}), json!({"name": "k", "object": null}));
    let flagged = |mut item: Value| {
        item["boolean"] = json!(true);
        item
    };
    for (attr, expected) in [
        ("object", json!({"as_object": null})),
        ("objects", json!({"as_array_object": [two]})),
        (NAMED, json!({"as_named_object": {"name": "n", "object": null}})),
        ("named list", json!({"as_array_named_object": [m, k]})),
        ("flagged list", json!({"as_array_named_object": [flagged(m), flagged(k)]})),
    ] {
        assert_eq!(world.app.value(entry, attr), expected, "{attr}");
    }
}

fn what_is_isolated_by_now_does_not_come_back(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("e", &referring(&world));
    let firsts = REFERRING.map(|attr| world.history(entry, attr)[0]["id"].clone());
    world.update(entry, &nothing());
    let attr = hide_the_first(&world);
    for id in &firsts {
        assert_eq!(world.restore("PATCH", &world.app.token, id).expect(200).json(), json!({}));
    }
    check_without_the_first(&world, entry);
    // What was written does not refer to it, also when it may be referred to again.
    set_hidden(&world, attr, false);
    check_without_the_first(&world, entry);
}

fn what_is_isolated_by_now_is_not_rolled_back_to(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("e", &referring(&world));
    let at = moment();
    world.update(entry, &nothing());
    hide_the_first(&world);
    world.rollback(&world.app.token, &json!({"targets": [entry], "at": at})).expect(200);
    check_without_the_first(&world, entry);
}

/// Copies an entry under a name; the copy.
fn copied(app: &TestApp, entity: i64, entry: i64, name: &str) -> i64 {
    let body = json!({"copy_entry_names": [name]});
    app.post(&format!("/entry/api/v2/{entry}/copy/"), body).expect(200);
    let list = app.get(&format!("/entity/api/v2/{entity}/entries/?search={name}")).expect(200).json();
    list["results"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap()["id"]
        .as_i64()
        .unwrap()
}

fn what_is_isolated_by_now_is_not_copied(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("e", &referring(&world));
    let attr = hide_the_first(&world);
    let copy = copied(&world.app, world.entity, entry, "copy");
    check_without_the_first(&world, copy);
    set_hidden(&world, attr, false);
    check_without_the_first(&world, copy);
}

/// A blank value of every type, then another one, and then everything is mandatory; the entry and a time between the two.
fn mandatory_by_now(world: &World) -> (i64, String, Vec<(&'static str, Value)>) {
    let firsts: Vec<(&'static str, Value)> =
        world.values().into_iter().map(|(name, first, _)| (name, first)).collect();
    let blank = |name: &'static str| match name {
        "string" | "text" => json!(""),
        "boolean" => json!(false),
        "objects" | "strings" | "groups" | "roles" | "numbers" | "choices" | "named list"
        | "flagged list" => {
            json!([])
        }
        _ => Value::Null,
    };
    let blanks: Vec<_> = firsts.iter().map(|(name, _)| (*name, blank(name))).collect();
    let entry = world.entry("e", &blanks);
    let shown = firsts.iter().map(|(name, _)| (*name, world.app.value(entry, name))).collect();
    let at = moment();
    world.update(entry, &firsts);
    let mandatory: Value = world.attrs.values().map(|id| json!({"id": id, "is_mandatory": true})).collect();
    world.app.put(&format!("/entity/api/v2/{}/", world.entity), json!({"attrs": mandatory})).expect(202);
    (entry, at, shown)
}

fn blank_values_of_mandatory_attributes_come_back(database: Database) {
    let Some(world) = World::new(database) else { return };
    let (entry, _, shown) = mandatory_by_now(&world);
    for (name, blank) in shown {
        assert_ne!(world.app.value(entry, name), blank, "{name}");
        let rows = world.history(entry, name);
        world.restore("PATCH", &world.app.token, &rows.last().unwrap()["id"]).expect(200);
        assert_eq!(world.app.value(entry, name), blank, "{name}");
    }
}

fn blank_values_of_mandatory_attributes_are_rolled_back_to(database: Database) {
    let Some(world) = World::new(database) else { return };
    let (entry, at, shown) = mandatory_by_now(&world);
    world.rollback(&world.app.token, &json!({"targets": [entry], "at": at})).expect(200);
    for (name, blank) in shown {
        assert_eq!(world.app.value(entry, name), blank, "{name}");
    }
}

fn references_to_what_is_deleted_are_copied_as_blank(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (target, _) = app.entity(json!({"name": "target"}));
    let referred = app.entry(target, json!({"name": "referred"}));
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [
        {"name": "o", "type": 1, "referral": [target], "is_mandatory": true},
        {"name": "os", "type": 1025, "referral": [target], "is_mandatory": true},
    ]}));
    let values = json!([{"id": attrs["o"], "value": referred}, {"id": attrs["os"], "value": [referred]}]);
    let entry = app.entry(entity, json!({"name": "e", "attrs": values}));
    app.delete(&format!("/entry/api/v2/{referred}/")).expect(204);
    let copy = copied(&app, entity, entry, "copy");
    app.post(&format!("/entry/api/v2/{referred}/restore/"), json!({})).expect(201);
    assert_eq!(app.value(entry, "o")["as_object"]["id"], referred);
    assert_eq!(app.value(copy, "o"), json!({"as_object": null}));
    assert_eq!(app.value(copy, "os"), json!({"as_array_object": []}));
}

fn a_copied_blank_has_a_row(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("e", &[("string", json!("")), ("number", Value::Null)]);
    let copy = copied(&world.app, world.entity, entry, "copy");
    for (attr, value) in [("string", json!({"as_string": ""})), ("number", json!({"as_number": null}))] {
        let rows = world.history(copy, attr);
        assert_eq!((rows.len(), &rows[0]["curr_value"]), (1, &value), "{attr}");
    }
    assert!(world.history(copy, "date").is_empty(), "of what was never written there is nothing to copy");
}

fn values_of_every_type_are_copied(database: Database) {
    let Some(world) = World::new(database) else { return };
    let firsts: Vec<(&'static str, Value)> =
        world.values().into_iter().map(|(name, first, _)| (name, first)).collect();
    let entry = world.entry("e", &firsts);
    let copy = copied(&world.app, world.entity, entry, "copy");
    for (name, _) in firsts {
        assert_eq!(world.app.value(copy, name), world.app.value(entry, name), "{name}");
    }
}

/// *Source: spec, attribute-types §5.1.*
fn histories_show_what_is_gone(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("e", &referring(&world));
    let two = json!({"id": world.referred[1], "name": "two", "schema": {"id": 1, "name": "target"}});
    world.app.delete(&format!("/entry/api/v2/{}/", world.referred[0])).expect(204);
    let item = |name: &str, object: &Value| json!({"name": name, "object": object});
    let list = json!([item("n", &Value::Null), item("m", &two), item("k", &Value::Null)]);
    let mut flagged = list.clone();
    flagged.as_array_mut().unwrap().iter_mut().for_each(|item| item["boolean"] = json!(true));
    for (attr, shown) in [
        ("object", json!({"as_object": null})),
        ("objects", json!({"as_array_object": [null, two]})),
        (NAMED, json!({"as_named_object": item("n", &Value::Null)})),
        ("named list", json!({"as_array_named_object": list})),
        ("flagged list", json!({"as_array_named_object": flagged})),
    ] {
        assert_eq!(world.history(entry, attr)[0]["curr_value"], shown, "{attr}");
    }
}

fn bodies_of_restorations_are_read_last(database: Database) {
    let Some(world) = World::new(database) else { return };
    let app = &world.app;
    let entry = world.entry("e", &[("string", json!("a"))]);
    let value = world.history(entry, "string")[0]["id"].clone();
    let send = |value: &Value, media: &str, body: &str| -> Answer {
        let authorization = format!("Token {}", app.token);
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", media)];
        app.request(
            "PATCH",
            &format!("/entry/api/v2/{value}/attrv_restore/"),
            &headers,
            Some(body.as_bytes()),
        )
    };
    for (media, body, status, code) in [
        ("application/json", "{bad", 400, "AE-140000"),
        ("application/json", "[]", 400, "non_field_errors AE-121000"),
        ("text/plain", "{}", 415, "AE-130000"),
    ] {
        assert_eq!(send(&json!(999_999), media, body).expect(404).codes(), ["AE-230000"], "{media} {body}");
        assert_eq!(send(&value, media, body).expect(status).codes(), [code], "{media} {body}");
    }
    assert_eq!(world.history(entry, "string").len(), 1);
}

fn names_follow_values_that_come_back(database: Database) {
    let Some(world) = World::new(database) else { return };
    let app = &world.app;
    let (first, root) = app.entity(
        json!({"name": "a", "item_name_type": "AT", "attrs": [{"name": "text", "type": 2, "name_order": 1}]}),
    );
    let (second, after) = app.entity(json!({"name": "b", "item_name_type": "AT", "attrs": [
        {"name": "ref", "type": 1, "referral": [first], "name_order": 1, "name_prefix": "<"}]}));
    let text = |text: &str| json!([{"id": root["text"], "value": text}]);
    let named = app.entry(first, json!({"name": "x", "attrs": text("one")}));
    let referrer = app.entry(second, json!({"name": "x", "attrs": [{"id": after["ref"], "value": named}]}));
    let names =
        || [named, referrer].map(|id| app.get(&format!("/entry/api/v2/{id}/")).json()["name"].clone());
    let (at, path) = (moment(), format!("/entry/api/v2/{named}/"));
    app.put(&path, json!({"attrs": text("two")})).expect(202);
    assert_eq!(names(), ["two", "<two"]);
    let past = world.history(named, "text")[1]["id"].clone();
    world.restore("PATCH", &app.token, &past).expect(200);
    assert_eq!(names(), ["one", "<one"]);
    app.put(&path, json!({"attrs": text("three")})).expect(202);
    world.rollback(&app.token, &json!({"targets": [named], "at": at})).expect(200);
    assert_eq!(names(), ["one", "<one"]);
}

/// The last second that can be written, which many take for "for ever".
fn the_last_moment_comes_back(database: Database) {
    let Some(world) = World::new(database) else { return };
    for last in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999Z"] {
        let entry = world.entry(last, &[("datetime", json!(last))]);
        assert_eq!(world.app.value(entry, "datetime"), json!({"as_string": last}));
        world.update(entry, &[("datetime", Value::Null)]);
        let past = world.history(entry, "datetime")[1]["id"].clone();
        world.restore("PATCH", &world.app.token, &past).expect(200);
        assert_eq!(world.app.value(entry, "datetime"), json!({"as_string": last}));
    }
}
