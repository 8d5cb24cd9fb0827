//! Entries: made, shown, changed, deleted, brought back. *Source: spec, entry §3 to §9.*

use super::{close, column, cost, grant, person, role};
use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::services::entry;
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::store::queries::value;
use serde_json::{Value, json};
use std::collections::BTreeMap;

on_both_databases! {
    case_entry_106_values_that_may_not_be_written_stay_empty;
    case_entry_107_mandatory_values_need_leave;
    case_entry_109_entities_that_are_not_there;
    case_entry_110_names_have_at_most_200_characters;
    case_entry_112_values_have_an_id_and_a_value;
    case_entry_113_references_are_ids;
    case_entry_115_defaults_are_stored;
    case_entry_116_given_values_win_over_defaults;
    case_entry_127_read_only_users_make_nothing;
    case_entry_130_reading_needs_entity_and_entry;
    case_entry_131_what_may_not_be_read_is_blank;
    case_entry_133_deleted_definitions_are_not_shown;
    case_entry_140_a_missing_latest_value_is_repaired;
    case_entry_142_what_may_not_be_written_is_passed_over;
    case_entry_146_deletion;
    case_entry_148_what_is_referred_to_alone_goes_along;
    case_entry_149_excluded_entities_keep_nothing;
    case_entry_154_restoring_needs_leave_to_write;
    case_entry_157_what_may_not_be_read_has_no_history;
    mistakes_with_fields_hide_all_others;
    checks_of_the_whole_stop_at_the_first;
    an_update_needs_nothing_that_is_mandatory;
    a_deleted_entry_is_shown_and_not_changed;
    histories_are_of_what_was_written;
    details_cost_the_same_for_few_and_many;
}

fn path(entry: i64) -> String {
    format!("/entry/api/v2/{entry}/")
}

fn entries(entity: i64) -> String {
    format!("/entity/api/v2/{entity}/entries/")
}

fn world(database: Database) -> Option<(TestApp, i64, BTreeMap<String, i64>)> {
    let app = TestApp::bare(database)?;
    let (entity, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}, {"name": "t", "type": 4}]}));
    Some((app, entity, attrs))
}

fn attribute(app: &TestApp, entry: i64, name: &str) -> Value {
    let detail = app.get(&path(entry)).expect(200).json();
    detail["attrs"].as_array().unwrap().iter().find(|attr| attr["schema"]["name"] == name).unwrap().clone()
}

fn case_entry_106_values_that_may_not_be_written_stay_empty(database: Database) {
    let Some((app, entity, attrs)) = world(database) else { return };
    let (_, amy) = person(&app, "amy");
    close(&app, attrs["s"]);
    let body = |name: &str, value: Value| json!({"name": name, "attrs": [{"id": attrs["s"], "value": value}, {"id": attrs["t"], "value": "x"}]});
    let answer = app.with_token(&amy, "POST", &entries(entity), Some(&body("n", json!("x")))).expect(202);
    let entry = answer.json()["id"].as_i64().unwrap();
    assert_eq!(app.value(entry, "s"), json!({"as_string": ""}));
    assert_eq!(app.value(entry, "t"), json!({"as_string": "x"}));
    // Not even a row.
    assert_eq!(app.get(&format!("{}histories/", path(entry))).json()["count"], 1);
    // Judged all the same.
    let answer = app.with_token(&amy, "POST", &entries(entity), Some(&body("m", json!(1)))).expect(400);
    assert_eq!(answer.codes(), ["non_field_errors AE-121000"]);
}

fn case_entry_107_mandatory_values_need_leave(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (_, amy) = person(&app, "amy");
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2, "is_mandatory": true}, {"name": "u", "type": 2, "is_mandatory": true}]}));
    close(&app, attrs["s"]);
    let post = |body: Value| app.with_token(&amy, "POST", &entries(entity), Some(&body));
    let given = json!([{"id": attrs["s"], "value": "x"}, {"id": attrs["u"], "value": "x"}]);
    // Before it is asked whether anything is missing, and after the fields and the ids.
    for body in [json!({"name": "n", "attrs": given}), json!({"name": "n"})] {
        assert_eq!(post(body).expect(403).codes(), ["AE-210000"]);
    }
    assert_eq!(post(json!({"name": "a\tb"})).expect(400).codes(), ["name AE-250000"]);
    let none = json!({"name": "n", "attrs": [{"id": 0, "value": "x"}]});
    assert_eq!(post(none).expect(400).codes(), ["non_field_errors AE-121000"]);
    assert!(app.entry_names(entity).is_empty());
}

fn case_entry_109_entities_that_are_not_there(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    assert_eq!(app.post(&entries(9999), json!({"name": "n"})).expect(400).codes(), ["schema AE-230000"]);
    let answer = app.post(&entries(9999), json!({"attrs": [{}]})).expect(400);
    let expected = ["attrs.0.id AE-113000", "attrs.0.value AE-113000", "name AE-113000", "schema AE-230000"];
    assert_eq!(answer.codes(), expected);
}

fn case_entry_110_names_have_at_most_200_characters(database: Database) {
    let Some((app, entity, _)) = world(database) else { return };
    let long = "\u{3042}".repeat(201);
    assert_eq!(app.post(&entries(entity), json!({"name": long})).expect(400).codes(), ["name AE-122000"]);
    let entry = app.entry(entity, json!({"name": "\u{3042}".repeat(200)}));
    assert_eq!(app.put(&path(entry), json!({"name": long})).expect(400).codes(), ["name AE-122000"]);
}

fn case_entry_112_values_have_an_id_and_a_value(database: Database) {
    let Some((app, entity, attrs)) = world(database) else { return };
    let entry = app.entry(entity, json!({"name": "there"}));
    let cases = [
        (json!("hoge"), vec!["attrs AE-121000"]),
        (json!({}), vec!["attrs AE-121000"]),
        (json!(["hoge"]), vec!["attrs.0.non_field_errors AE-121000"]),
        (json!([{}]), vec!["attrs.0.id AE-113000", "attrs.0.value AE-113000"]),
        (
            json!([{"id": attrs["s"], "value": "x"}, {"id": "hoge", "value": "x"}]),
            vec!["attrs.1.id AE-121000"],
        ),
        (json!([{"id": attrs["s"]}]), vec!["attrs.0.value AE-113000"]),
        (json!([{"id": -1, "value": "x"}]), vec!["non_field_errors AE-121000"]),
        (json!([{"id": 9999, "value": "x"}]), vec!["non_field_errors AE-230000"]),
    ];
    for (attrs, codes) in cases {
        let created = app.post(&entries(entity), json!({"name": "n", "attrs": attrs})).expect(400);
        assert_eq!(created.codes(), codes, "{attrs}");
        assert_eq!(app.put(&path(entry), json!({"attrs": attrs})).expect(400).codes(), codes, "{attrs}");
    }
}

fn case_entry_113_references_are_ids(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (target, _) = app.entity(json!({"name": "target"}));
    let (entity, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "o", "type": 1, "referral": [target]}]}));
    let body = json!({"name": "n", "attrs": [{"id": attrs["o"], "value": "hoge"}]});
    assert_eq!(app.post(&entries(entity), body).expect(400).codes(), ["non_field_errors AE-121000"]);
    // Any active entry may be one. *Source: spec, attribute-types §2 (quirk to keep).*
    let foreign = app.entry(entity, json!({"name": "foreign"}));
    app.entry(entity, json!({"name": "n", "attrs": [{"id": attrs["o"], "value": foreign}]}));
    app.delete(&path(foreign)).expect(204);
    let body = json!({"name": "m", "attrs": [{"id": attrs["o"], "value": foreign}]});
    assert_eq!(app.post(&entries(entity), body).expect(400).codes(), ["non_field_errors AE-121000"]);
}

fn case_entry_115_defaults_are_stored(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let cases = [
        (2, json!("x"), json!({"as_string": "x"})),
        (4, json!("a\nb"), json!({"as_string": "a\nb"})),
        (8, json!(true), json!({"as_boolean": true})),
        (256, json!(42.5), json!({"as_number": 42.5})),
        (256, json!(0), json!({"as_number": 0})),
        (256, json!(-7), json!({"as_number": -7})),
    ];
    let definitions: Vec<Value> = (0..)
        .zip(&cases)
        .map(|(at, (kind, default, _)): (usize, _)| json!({"name": format!("a{at}"), "type": kind, "default_value": default}))
        .chain([json!({"name": "none", "type": 256}), json!({"name": "blank", "type": 2})])
        .collect();
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": definitions}));
    let entry = app.entry(entity, json!({"name": "n"}));
    for (at, (.., shown)) in cases.iter().enumerate() {
        assert_eq!(app.value(entry, &format!("a{at}")), *shown);
    }
    let page = app.get(&format!("{}histories/", path(entry))).json();
    let mut rows = column(&page["results"], "parent_attr");
    rows.retain(|attr| attr["name"] != "none");
    // Numbers without a default have no row; texts and flags always have one.
    assert_eq!((&page["count"], rows.len()), (&json!(cases.len() + 1), cases.len() + 1));
    // An update never applies a default.
    app.put(&path(entry), json!({"attrs": [{"id": attrs["a0"], "value": ""}]})).expect(202);
    app.put(&path(entry), json!({})).expect(202);
    assert_eq!(app.value(entry, "a0"), json!({"as_string": ""}));
}

fn case_entry_116_given_values_win_over_defaults(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [
        {"name": "b", "type": 8, "default_value": true}, {"name": "s", "type": 2, "default_value": "x"},
        {"name": "n", "type": 256, "default_value": 1}]}));
    let values = json!([{"id": attrs["b"], "value": false}, {"id": attrs["s"], "value": ""}, {"id": attrs["n"], "value": null}]);
    let entry = app.entry(entity, json!({"name": "n", "attrs": values}));
    assert_eq!(app.value(entry, "b"), json!({"as_boolean": false}));
    assert_eq!(app.value(entry, "s"), json!({"as_string": ""}));
    assert_eq!(app.value(entry, "n"), json!({"as_number": null}));
}

fn case_entry_127_read_only_users_make_nothing(database: Database) {
    let Some((app, entity, _)) = world(database) else { return };
    let (_, reader) = app.user(|user| user.is_readonly = true);
    for entity in [entity, 9999] {
        let answer = app.with_token(&reader, "POST", &entries(entity), Some(&json!({}))).expect(403);
        assert_eq!(answer.codes(), ["AE-210000"]);
    }
}

fn case_entry_130_reading_needs_entity_and_entry(database: Database) {
    let Some((app, entity, _)) = world(database) else { return };
    let (user, amy) = person(&app, "amy");
    let readers = role(&app, "readers", &json!({"users": [user]}));
    let entry = app.entry(entity, json!({"name": "n"}));
    let get = |status: u16| app.with_token(&amy, "GET", &path(entry), None).expect(status);
    get(200);
    close(&app, entry);
    assert_eq!(get(403).codes(), ["AE-210000"]);
    grant(&app, entry, readers, 2);
    assert_eq!(get(200).json()["permission"], 2);
    close(&app, entity);
    get(403);
    grant(&app, entity, readers, 2);
    get(200);
}

fn case_entry_131_what_may_not_be_read_is_blank(database: Database) {
    let Some((app, entity, attrs)) = world(database) else { return };
    let (user, amy) = person(&app, "amy");
    let readers = role(&app, "readers", &json!({"users": [user]}));
    let values = json!([{"id": attrs["s"], "value": "x"}, {"id": attrs["t"], "value": "y"}]);
    let entry = app.entry(entity, json!({"name": "n", "attrs": values}));
    let own = attribute(&app, entry, "t")["id"].as_i64().unwrap();
    let shown = || {
        let detail = app.with_token(&amy, "GET", &path(entry), None).expect(200).json();
        let of = |at: usize| {
            (detail["attrs"][at]["is_readable"].clone(), detail["attrs"][at]["value"]["as_string"].clone())
        };
        [of(0), of(1)]
    };
    let (open, hidden) = (|text: &str| (json!(true), json!(text)), (json!(false), json!("")));
    assert_eq!(shown(), [open("x"), open("y")]);
    close(&app, attrs["s"]);
    close(&app, own);
    assert_eq!(shown(), [hidden.clone(), hidden.clone()]);
    grant(&app, attrs["s"], readers, 2);
    assert_eq!(shown(), [open("x"), hidden]);
    grant(&app, own, readers, 2);
    assert_eq!(shown(), [open("x"), open("y")]);
}

fn case_entry_133_deleted_definitions_are_not_shown(database: Database) {
    let Some((app, entity, attrs)) = world(database) else { return };
    let entry = app.entry(entity, json!({"name": "n"}));
    let body = json!({"attrs": [{"id": attrs["s"], "is_deleted": true}]});
    app.put(&format!("/entity/api/v2/{entity}/"), body).expect(202);
    let detail = app.get(&path(entry)).expect(200).json();
    let names = column(&detail["attrs"], "schema");
    assert_eq!(names.len(), 1);
    assert_eq!(names[0]["name"], "t");
}

/// *Source: spec, attribute-types §7.*
fn case_entry_140_a_missing_latest_value_is_repaired(database: Database) {
    let Some((app, entity, attrs)) = world(database) else { return };
    let body = |text: &str| json!({"name": "n", "attrs": [{"id": attrs["s"], "value": text}]});
    let entry = app.entry(entity, body("x"));
    let broken = attribute(&app, entry, "s")["id"].as_i64().unwrap();
    Runner::of_server(&app.host, None)
        .run_blocking(Mode::Write, |op| Ok(value::clear_latest(&mut op.db, &[broken])?))
        .unwrap();
    app.put(&path(entry), body("x")).expect(202);
    let page = app.get(&format!("{}histories/", path(entry))).json();
    let rows: Vec<&Value> =
        page["results"].as_array().unwrap().iter().filter(|row| row["parent_attr"]["name"] == "s").collect();
    assert_eq!(rows.len(), 2, "{page}");
    assert_eq!(app.value(entry, "s"), json!({"as_string": "x"}));
    // And now it is no change any more.
    app.put(&path(entry), body("x")).expect(202);
    assert_eq!(app.get(&format!("{}histories/", path(entry))).json()["count"], page["count"]);
}

fn case_entry_142_what_may_not_be_written_is_passed_over(database: Database) {
    let Some((app, entity, attrs)) = world(database) else { return };
    let (_, amy) = person(&app, "amy");
    let entry = app.entry(entity, json!({"name": "n"}));
    let update = |text: &str| {
        let body = json!({"attrs": [{"id": attrs["s"], "value": text}, {"id": attrs["t"], "value": text}]});
        app.with_token(&amy, "PUT", &path(entry), Some(&body)).expect(202);
        ["s", "t"].map(|name| app.value(entry, name)["as_string"].clone())
    };
    assert_eq!(update("a"), ["a", "a"]);
    close(&app, attrs["s"]);
    assert_eq!(update("b"), ["a", "b"]);
    close(&app, attribute(&app, entry, "t")["id"].as_i64().unwrap());
    assert_eq!(update("c"), ["a", "b"]);
}

fn case_entry_146_deletion(database: Database) {
    let Some((app, entity, _)) = world(database) else { return };
    let entry = app.entry(entity, json!({"name": "n"}));
    assert_eq!(app.delete(&path(entry)).expect(204).body, "");
    let detail = app.get(&path(entry)).expect(200).json();
    let name = detail["name"].as_str().unwrap();
    let suffix: Vec<&str> = name.strip_prefix("n_deleted_").unwrap().split('_').collect();
    assert!(suffix.len() == 2 && suffix[0].len() == 8 && suffix[1].len() == 6, "{name}");
    assert_eq!((&detail["is_active"], &detail["deleted_user"]["username"]), (&json!(false), &json!("admin")));
    assert!(detail["deleted_time"].as_str().unwrap().ends_with("+09:00"), "{detail}");
    let keys: Vec<&String> = detail["deleted_user"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "username", "email", "is_superuser", "date_joined"]);
    assert_eq!(app.delete(&path(entry)).expect(400).codes(), ["AE-230000"]);
    assert_eq!(app.delete(&path(9999)).expect(404).codes(), ["AE-230000"]);
    // Its name is free at once.
    app.entry(entity, json!({"name": "n"}));
}

/// Parts, and wholes that have them in chain: server, entity of the parts, and a way to make a whole.
fn chain(app: &TestApp) -> (i64, i64, i64) {
    let (part, _) = app.entity(json!({"name": "part"}));
    let (whole, attrs) = app.entity(json!({"name": "whole", "attrs": [
        {"name": "has", "type": 1025, "referral": [part], "is_delete_in_chain": true}]}));
    (part, whole, attrs["has"])
}

fn is_active(app: &TestApp, entry: i64) -> bool {
    app.get(&path(entry)).expect(200).json()["is_active"].as_bool().unwrap()
}

fn case_entry_148_what_is_referred_to_alone_goes_along(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (part, whole, has) = chain(&app);
    let (own, shared) = (app.entry(part, json!({"name": "own"})), app.entry(part, json!({"name": "shared"})));
    let make = |name: &str, parts: Value| {
        app.entry(whole, json!({"name": name, "attrs": [{"id": has, "value": parts}]}))
    };
    let (one, two) = (make("one", json!([own, shared])), make("two", json!([shared])));
    // Whoever deletes the whole needs no permission on the parts.
    let (_, amy) = person(&app, "amy");
    close(&app, own);
    app.with_token(&amy, "DELETE", &path(one), None).expect(204);
    assert_eq!([own, shared].map(|entry| is_active(&app, entry)), [false, true]);
    app.delete(&path(two)).expect(204);
    assert!(!is_active(&app, shared));
    // What went along comes back along.
    app.post(&format!("{}restore/", path(one)), json!({})).expect(201);
    assert_eq!([own, shared].map(|entry| is_active(&app, entry)), [true, true]);
}

fn case_entry_149_excluded_entities_keep_nothing(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (part, whole, has) = chain(&app);
    let (log, of) =
        app.entity(json!({"name": "log", "attrs": [{"name": "of", "type": 1, "referral": [part]}]}));
    let kept = app.entry(part, json!({"name": "kept"}));
    app.entry(log, json!({"name": "l", "attrs": [{"id": of["of"], "value": kept}]}));
    let one = app.entry(whole, json!({"name": "one", "attrs": [{"id": has, "value": [kept]}]}));
    app.delete(&path(one)).expect(204);
    assert!(is_active(&app, kept));
    app.post(&format!("{}restore/", path(one)), json!({})).expect(201);
    app.put(&format!("/entity/api/v2/{part}/"), json!({"delete_chain_exclude_entities": [log]})).expect(202);
    app.delete(&path(one)).expect(204);
    assert!(!is_active(&app, kept));
}

fn case_entry_154_restoring_needs_leave_to_write(database: Database) {
    let Some((app, entity, _)) = world(database) else { return };
    let (user, amy) = person(&app, "amy");
    let readers = role(&app, "readers", &json!({"users": [user]}));
    let entry = app.entry(entity, json!({"name": "n"}));
    close(&app, entry);
    grant(&app, entry, readers, 2);
    let restore = format!("{}restore/", path(entry));
    let names = format!("{}restore_self_history/", path(entry));
    for (method, path) in
        [("PUT", path(entry)), ("DELETE", path(entry)), ("POST", restore.clone()), ("POST", names)]
    {
        let answer = app.with_token(&amy, method, &path, Some(&json!({}))).expect(403);
        assert_eq!(answer.codes(), ["AE-210000"], "{method} {path}");
    }
    app.delete(&path(entry)).expect(204);
    app.with_token(&amy, "POST", &restore, Some(&json!({}))).expect(403);
    grant(&app, entry, readers, 4);
    assert_eq!(app.with_token(&amy, "POST", &restore, Some(&json!({}))).expect(201).json(), json!({}));
}

fn case_entry_157_what_may_not_be_read_has_no_history(database: Database) {
    let Some((app, entity, attrs)) = world(database) else { return };
    let (_, amy) = person(&app, "amy");
    let entry = app.entry(entity, json!({"name": "n"}));
    let names = || {
        let page =
            app.with_token(&amy, "GET", &format!("{}histories/", path(entry)), None).expect(200).json();
        let names: Vec<String> = column(&page["results"], "parent_attr")
            .iter()
            .map(|attr| attr["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(page["count"], names.len());
        names
    };
    assert_eq!(names(), ["t", "s"]);
    close(&app, attrs["s"]);
    assert_eq!(names(), ["t"]);
    close(&app, attribute(&app, entry, "t")["id"].as_i64().unwrap());
    assert!(names().is_empty());
}

fn mistakes_with_fields_hide_all_others(database: Database) {
    let Some((app, entity, attrs)) = world(database) else { return };
    app.entry(entity, json!({"name": "taken"}));
    let bad_value = json!([{"id": attrs["s"], "value": 1}]);
    let bad_form = json!([{"id": "x", "value": 1}]);
    for (body, codes) in [
        (json!({"name": "taken", "attrs": bad_value}), vec!["name AE-220000"]),
        (json!({"name": "taken", "attrs": [{"id": 9999, "value": 1}]}), vec!["name AE-220000"]),
        (json!({"name": "taken", "attrs": bad_form}), vec!["attrs.0.id AE-121000", "name AE-220000"]),
        (json!({"name": true, "attrs": 1}), vec!["attrs AE-121000", "name AE-121000"]),
        (json!({"name": [], "schema": "ignored"}), vec!["name AE-121000"]),
        (json!("x"), vec!["non_field_errors AE-121000"]),
    ] {
        assert_eq!(app.post(&entries(entity), body.clone()).expect(400).codes(), codes, "{body}");
    }
    // Numbers are names, and what the body says about the entity does not count.
    let entry = app.entry(entity, json!({"name": 5, "schema": 9999}));
    assert_eq!(app.get(&path(entry)).json()["name"], "5");
}

fn checks_of_the_whole_stop_at_the_first(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}, {"name": "must", "type": 2, "is_mandatory": true}]}));
    let must = json!({"id": attrs["must"], "value": "m"});
    let owner = app.entry(entity, json!({"name": "owner", "attrs": [must]}));
    app.post("/entry/api/v2/alias/", json!({"name": "alias", "entry": owner})).expect(201);
    let (foreign, bad) = (json!({"id": 9999, "value": 1}), json!({"id": attrs["s"], "value": 1}));
    let long = json!({"id": attrs["s"], "value": "x".repeat(65_537)});
    for (name, given, code) in [
        ("alias", json!([{"id": 0, "value": 1}, foreign]), "AE-121000"),
        ("alias", json!([bad]), "AE-113000"),
        ("alias", json!([must, foreign, bad]), "AE-220000"),
        ("n", json!([must, foreign, bad]), "AE-230000"),
        ("n", json!([must, bad, foreign]), "AE-121000"),
        ("n", json!([must, long, bad]), "AE-122000"),
    ] {
        let answer = app.post(&entries(entity), json!({"name": name, "attrs": given})).expect(400);
        assert_eq!(answer.codes(), [format!("non_field_errors {code}")], "{name} {code}");
    }
    // Exactly as much as there may be, in bytes.
    let most = json!({"id": attrs["s"], "value": "x".repeat(65_536)});
    app.entry(entity, json!({"name": "n", "attrs": [must, most]}));
}

fn an_update_needs_nothing_that_is_mandatory(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "must", "type": 2, "is_mandatory": true}, {"name": "s", "type": 2}]}));
    let entry = app.entry(entity, json!({"name": "n", "attrs": [{"id": attrs["must"], "value": "m"}]}));
    app.put(&path(entry), json!({"attrs": [{"id": attrs["s"], "value": "x"}]})).expect(202);
    let answer = app.put(&path(entry), json!({"attrs": [{"id": attrs["must"], "value": ""}]})).expect(400);
    assert_eq!(answer.codes(), ["non_field_errors AE-121000"]);
    // Who may not write it is not asked for it.
    let (_, amy) = person(&app, "amy");
    close(&app, attrs["must"]);
    let body =
        json!({"attrs": [{"id": attrs["s"], "value": "y"}], "delay_trigger": true, "call_stacks": [1]});
    assert_eq!(app.with_token(&amy, "PUT", &path(entry), Some(&body)).expect(202).body, "");
    assert_eq!(app.value(entry, "s"), json!({"as_string": "y"}));
}

fn a_deleted_entry_is_shown_and_not_changed(database: Database) {
    let Some((app, entity, attrs)) = world(database) else { return };
    let entry = app.entry(entity, json!({"name": "n", "attrs": [{"id": attrs["s"], "value": "x"}]}));
    app.delete(&path(entry)).expect(204);
    for body in
        [json!({}), json!({"attrs": [{"id": attrs["s"], "value": "y"}]}), json!([]), json!({"name": ""})]
    {
        assert_eq!(app.put(&path(entry), body).expect(400).codes(), ["AE-230000"]);
    }
    assert_eq!(app.value(entry, "s"), json!({"as_string": "x"}));
    assert_eq!(app.get(&format!("{}histories/", path(entry))).expect(200).json()["count"], 2);
    app.post(&format!("{}restore/", path(9999)), json!({})).expect(404);
}

fn histories_are_of_what_was_written(database: Database) {
    let Some((app, entity, attrs)) = world(database) else { return };
    let entry = app.entry(entity, json!({"name": "n", "attrs": [{"id": attrs["s"], "value": "0"}]}));
    for number in 1..=3 {
        let body = json!({"attrs": [{"id": attrs["s"], "value": number.to_string()}]});
        app.put(&path(entry), body).expect(202);
    }
    let page = app.get(&format!("{}histories/?limit=2", path(entry))).expect(200).json();
    assert_eq!(page["count"], 5);
    let row = &page["results"][1];
    let keys: Vec<&String> = row.as_object().unwrap().keys().collect();
    let wire =
        ["id", "type", "created_time", "created_user", "curr_value", "prev_value", "prev_id", "parent_attr"];
    assert_eq!(keys, wire);
    // The value before is known although it is on the next page.
    assert_eq!(
        (&row["curr_value"], &row["prev_value"]),
        (&json!({"as_string": "2"}), &json!({"as_string": "1"}))
    );
    assert_eq!((&row["created_user"], &row["type"]), (&json!("admin"), &json!(2)));
    assert!(row["created_time"].as_str().unwrap().ends_with("+09:00"), "{row}");
    assert_eq!(row["parent_attr"], json!({"id": attribute(&app, entry, "s")["id"], "name": "s"}));
    let rest = app.get(&format!("{}histories/?limit=10&offset=2", path(entry))).expect(200).json();
    assert_eq!(row["prev_id"], rest["results"][0]["id"]);
    let first =
        rest["results"].as_array().unwrap().iter().rfind(|row| row["parent_attr"]["name"] == "s").unwrap();
    assert_eq!((&first["prev_value"], &first["prev_id"]), (&Value::Null, &Value::Null));
    app.get(&format!("{}histories/", path(9999))).expect(404);
}

fn details_cost_the_same_for_few_and_many(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (target, _) = app.entity(json!({"name": "target"}));
    let referred: Vec<i64> = (0..12).map(|n| app.entry(target, json!({"name": format!("t{n}")}))).collect();
    let (entity, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "l", "type": 1025, "referral": [target]}]}));
    let make = |name: &str, ids: &[i64]| {
        app.entry(entity, json!({"name": name, "attrs": [{"id": attrs["l"], "value": ids}]}))
    };
    let (few, many) = (make("few", &referred[..2]), make("many", &referred));
    let of = |entry: i64| cost(&app, |op| entry::detail(op, entry).map(|_| ()));
    assert_eq!(of(few), of(many));
}
