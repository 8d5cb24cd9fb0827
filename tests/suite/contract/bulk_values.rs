//! Which entries a bulk update selects by the values of each type, and that it is an update of each of them.
//! *Source: spec, entry §15 and §16; search §2 for what is meant.*

use super::bulk::{BULK, World, keyed, like};
use super::column;
use crate::audit;
use crate::server::{Database, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    every_type_is_found_by_its_text;
    days_and_points_in_time_are_found_by_days;
    who_referred_once_does_so_no_more;
    a_bulk_update_is_an_update_of_each;
    what_is_mandatory_is_not_emptied_in_bulk;
    a_bulk_update_that_failed_is_run_again;
    a_bulk_deletion_takes_each_entry_once;
}

/// Names of the entries that a selection means, joined.
fn selected(world: &World, selection: Value) -> String {
    world.meant(selection).join(" ")
}

fn every_type_is_found_by_its_text(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (other, _) = app.entity(json!({"name": "other"}));
    let [kept, gone] = ["kept", "gone"].map(|name| app.entry(other, json!({"name": name})));
    let choices = json!([{"value": "c1", "label": "Red"}, {"value": "c2", "label": "Blue"}]);
    let refers = |name: &str, code: i32| json!({"name": name, "type": code, "referral": [other]});
    let world = World::of(
        app,
        &[
            json!({"name": "text", "type": 4}),
            json!({"name": "flag", "type": 8}),
            json!({"name": "number", "type": 256}),
            json!({"name": "choice", "type": 512, "choices": choices}),
            json!({"name": "choices", "type": 1536, "choices": choices}),
            json!({"name": "numbers", "type": 1280}),
            refers("object", 1),
            refers("objects", 1025),
            refers("named", 2049),
            refers("named list", 3073),
        ],
    );
    let named = json!({"name": "key", "id": kept});
    let all = [
        ("text", json!("Line\nTwo")),
        ("flag", json!(true)),
        ("number", json!(100)),
        ("choice", json!("c1")),
        ("choices", json!(["c1", "c2"])),
        ("numbers", json!([1, null])),
        ("object", json!(kept)),
        ("objects", json!([kept, gone])),
        ("named", named.clone()),
        ("named list", json!([named])),
    ];
    world.entry("a", &all);
    world.entry(
        "b",
        &[("object", json!(gone)), ("named", json!({"name": "key", "id": null})), ("number", json!(101))],
    );
    world.app.delete(&format!("/entry/api/v2/{gone}/")).expect(204);
    for (attr, keyword, expected) in [
        ("text", "two$", "a"),
        ("text", "^two", ""),
        ("flag", "true", "a"),
        ("flag", "^false$", "b"),
        ("number", "^10", "a b"),
        ("number", "00$", "a"),
        ("choice", "red", "a"),
        ("choice", "c1", ""),
        ("choices", "red&blue", "a"),
        ("numbers", "^1$", "a"),
        ("object", "kep", "a"),
        ("object", "gone", ""),
        ("objects", "kept", "a"),
        ("objects", "gone", ""),
        ("named", "kept", "a"),
        ("named", "key", ""),
        ("named list", "kept", "a"),
    ] {
        assert_eq!(selected(&world, like(attr, keyword)), expected, "{attr} {keyword}");
    }
    assert_eq!(selected(&world, keyed("flag", 2, "")), "a b", "false is a value");
    assert_eq!(selected(&world, keyed("object", 1, "")), "b");
    assert_eq!(selected(&world, keyed("named", 1, "")), "b", "a name without a reference is none");
    assert_eq!(selected(&world, keyed("numbers", 1, "")), "a b", "an element is empty");
    assert_eq!(selected(&world, keyed("objects", 1, "")), "a b", "an element is deleted");
}

fn days_and_points_in_time_are_found_by_days(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let attrs = [("day", 32), ("time", 128), ("text", 2)];
    let world = World::of(app, &attrs.map(|(name, code)| json!({"name": name, "type": code})));
    for (name, day) in [("a", "2024-01-15"), ("b", "2024-02-01"), ("c", "2024-03-01")] {
        let time = json!(format!("{day}T12:00:00Z"));
        world.entry(name, &[("day", json!(day)), ("time", time), ("text", json!(day))]);
    }
    world.entry("n", &[]);
    for attr in ["day", "time"] {
        for one in ["2024-02-01", "2024-2-1", "2024/02/01", "2024/2/1", "20240201"] {
            assert_eq!(selected(&world, like(attr, one)), "b", "{attr} {one}");
        }
        for (keyword, expected) in [
            (">2024-02-01", "c"),
            ("<2024-02-01", "a"),
            ("<2024-03-01 >2024-01-01", "a b"),
            ("2024-02-01~2024-03-01", "b c"),
            ("2024-01-01~", ""),
            ("\\", "n"),
            ("*", "a b c"),
        ] {
            assert_eq!(selected(&world, like(attr, keyword)), expected, "{attr} {keyword}");
        }
        assert_eq!(selected(&world, keyed(attr, 4, "2024-02-01")), "a c n", "{attr}");
    }
    // A text that looks like a day is a text.
    assert_eq!(selected(&world, like("text", "2024-02-01")), "b");
    assert_eq!(selected(&world, like("text", "2024-2-1")), "");
}

fn who_referred_once_does_so_no_more(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let world = World::of(app, &[]);
    let [one, two, _] = ["r1", "r2", "r3"].map(|name| world.entry(name, &[]));
    let (from, attrs) = world.app.entity(json!({"name": "from", "attrs": [
        {"name": "o", "type": 1, "referral": [world.entity]}, {"name": "os", "type": 1025, "referral": [world.entity]},
    ]}));
    let refer = |name: &str, attr: &str, value: Value| {
        world.app.entry(from, json!({"name": name, "attrs": [{"id": attrs[attr], "value": value}]}))
    };
    refer("e-1", "o", json!(one));
    let second = refer("e-2", "os", json!([one, two]));
    let by = |name: &str| selected(&world, json!({"referral_name": name}));
    assert_eq!(by("E-"), "r1 r2");
    assert_eq!(by("e-1&e-2"), "r1");
    assert_eq!(by("e-2$"), "r1 r2");
    let changed = json!({"attrs": [{"id": attrs["os"], "value": [one]}]});
    world.app.put(&format!("/entry/api/v2/{second}/"), changed).expect(202);
    assert_eq!(by("e-2"), "r1");
    world.app.delete(&format!("/entry/api/v2/{second}/")).expect(204);
    assert_eq!(by("^e-2"), "");
}

fn a_bulk_update_is_an_update_of_each(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "item_name_type": "AT", "attrs": [
        {"name": "s", "type": 2, "name_order": 1},
    ]}));
    for value in ["a", "b"] {
        app.entry(entity, json!({"name": value, "attrs": [{"id": attrs["s"], "value": value}]}));
    }
    app.put(BULK, json!({"modelid": entity, "value": {"id": attrs["s"], "value": "z"}})).expect(202);
    let names = app.entry_names(entity);
    assert!(names[0] == "z" && names[1].starts_with("z -- duplicate of ID:"), "{names:?}");
}

fn what_is_mandatory_is_not_emptied_in_bulk(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let world = World::of(app, &[json!({"name": "s", "type": 2, "is_mandatory": true})]);
    let entry = world.entry("a", &[("s", json!("x"))]);
    let body = json!({"modelid": world.entity, "value": {"id": world.attrs["s"], "value": ""}});
    assert_eq!(world.app.put(BULK, body).expect(400).codes(), ["non_field_errors AE-121000"]);
    assert_eq!(world.app.value(entry, "s"), json!({"as_string": "x"}));
}

/// One of its entries was deleted in the meantime: there is nothing to be done about that one.
fn a_bulk_update_that_failed_is_run_again(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let world = World::of(app, &[]);
    let [kept, gone] = ["kept", "gone"].map(|name| world.entry(name, &[]));
    assert_eq!(selected(&world, json!({"attrinfo": []})), "kept gone");
    let job = world.app.get("/job/api/v2/jobs?limit=1").json()["results"][0]["id"].as_i64().unwrap();
    let mark = world.app.value(kept, "mark");
    let other = json!({"attrs": [{"id": world.attrs["mark"], "value": "other"}]});
    world.app.put(&format!("/entry/api/v2/{kept}/"), other).expect(202);
    world.app.delete(&format!("/entry/api/v2/{gone}/")).expect(204);
    unfinish(&world.app, job);
    let path = format!("/job/api/v2/{job}/rerun");
    let answer = world.app.with_token(&world.app.token, "PATCH", &path, Some(&json!({})));
    assert!(answer.expect(200).json().is_string());
    assert_eq!(world.app.get(&format!("/job/api/v2/{job}/")).json()["status"], 2);
    assert_eq!(world.app.value(kept, "mark"), mark);
    // What the job is about is the entity.
    world.app.delete(&format!("/entry/api/v2/{kept}/")).expect(204);
    world.app.delete(&format!("/entity/api/v2/{}/", world.entity)).expect(202);
    unfinish(&world.app, job);
    let answer = world.app.with_token(&world.app.token, "PATCH", &path, Some(&json!({})));
    assert!(answer.expect(400).json().is_string());
}

/// Lets a job look like one that failed.
fn unfinish(app: &TestApp, id: i64) {
    use pagoda_core::services::run::{Mode, Runner};
    use pagoda_core::store::queries::job;
    Runner::of_server(&app.host, None)
        .run_blocking(Mode::Write, |op| {
            let now = op.now.as_micros();
            Ok(job::set_status(&mut op.db, id, 3, "", now)?)
        })
        .unwrap();
}

fn a_bulk_deletion_takes_each_entry_once(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (parts, _) = app.entity(json!({"name": "part"}));
    let has = json!({"name": "has", "type": 1, "referral": [parts], "is_delete_in_chain": true});
    let (wholes, attrs) = app.entity(json!({"name": "whole", "attrs": [has]}));
    let part = app.entry(parts, json!({"name": "part"}));
    let whole = app.entry(wholes, json!({"name": "whole", "attrs": [{"id": attrs["has"], "value": part}]}));
    app.delete(&format!("/entry/api/v2/bulk_delete/?ids={whole}&ids={part}")).expect(204);
    assert!(app.entry_names(wholes).is_empty() && app.entry_names(parts).is_empty());
    let jobs = app.get("/job/api/v2/jobs").json()["results"].clone();
    let deletions: Vec<&Value> =
        jobs.as_array().unwrap().iter().filter(|job| job["operation"] == 29).collect();
    assert_eq!(column(&json!(deletions), "target").len(), 2, "one for each, whichever took it along");
    let log = audit::log(&app);
    assert_eq!(log.iter().filter(|row| row["action"] == "entry.delete").count(), 2);
}
