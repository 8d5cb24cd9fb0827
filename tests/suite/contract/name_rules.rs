//! Names that are judged, made by the server, or wanted back. *Source: spec, entry §3.1, §3.4, §5, §7, §11.*

use super::column;
use crate::server::{Database, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    the_rules_for_names_are_asked_in_order;
    what_a_client_asks_of_triggers_is_judged_in_updates;
    a_made_name_is_cut_where_a_sent_one_ends;
    a_made_name_that_is_an_alias_is_a_duplicate;
    the_first_name_of_an_entry_named_by_id_is_the_sent_one;
    an_entry_takes_no_alias_back_that_is_taken;
    what_comes_back_in_a_chain_takes_nothing_either;
    a_past_name_is_asked_for_by_its_number;
    a_past_name_goes_on_to_those_named_after_it;
}

fn entries(entity: i64) -> String {
    format!("/entity/api/v2/{entity}/entries/")
}

fn one(entry: i64) -> String {
    format!("/entry/api/v2/{entry}/")
}

fn name_of(app: &TestApp, entry: i64) -> String {
    app.get(&one(entry)).expect(200).json()["name"].as_str().unwrap().to_owned()
}

fn alias(app: &TestApp, entry: i64, name: &str) -> i64 {
    let body = json!({"name": name, "entry": entry});
    app.post("/entry/api/v2/alias/", body).expect(201).json()["id"].as_i64().unwrap()
}

/// An entity whose entries are named after their attribute, and the attribute.
fn named(app: &TestApp) -> (i64, i64) {
    let (entity, attrs) = app.entity(json!({"name": "named", "item_name_type": "AT", "attrs": [
        {"name": "s", "type": 2, "name_order": 1},
    ]}));
    (entity, attrs["s"])
}

fn the_rules_for_names_are_asked_in_order(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attr) = named(&app);
    // A name with a tab and without the pattern that comes later: made, not sent.
    let entry = app.entry(entity, json!({"name": "sent", "attrs": [{"id": attr, "value": "a\tb"}]}));
    assert_eq!(name_of(&app, entry), "a\tb");
    let other = app.entry(entity, json!({"name": "other"}));
    app.put(&format!("/entity/api/v2/{entity}/"), json!({"item_name_pattern": "^x"})).expect(202);
    let codes = |name: &str| {
        let made = app.post(&entries(entity), json!({"name": name})).expect(400);
        let changed = app.put(&one(other), json!({"name": name})).expect(400);
        assert_eq!(made.codes(), changed.codes(), "{name}");
        let message = made.json()["name"][0]["message"].as_str().unwrap().to_owned();
        (made.codes(), message.contains("tab"))
    };
    assert_eq!(codes("a\tb"), (vec!["name AE-220000".to_owned()], false));
    assert_eq!(codes("c\td"), (vec!["name AE-250000".to_owned()], true));
    assert_eq!(codes("y"), (vec!["name AE-250000".to_owned()], false));
}

fn what_a_client_asks_of_triggers_is_judged_in_updates(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let entry = app.entry(entity, json!({"name": "x"}));
    for (index, (body, code)) in [
        (json!({"delay_trigger": "hoge"}), "delay_trigger AE-121000"),
        (json!({"delay_trigger": null}), "delay_trigger AE-999999"),
        (json!({"call_stacks": "hoge"}), "call_stacks AE-121000"),
        (json!({"call_stacks": null}), "call_stacks AE-999999"),
        (json!({"call_stacks": {}}), "call_stacks AE-121000"),
        (json!({"call_stacks": ["a"]}), "call_stacks.0 AE-121000"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(app.put(&one(entry), body.clone()).expect(400).codes(), [code], "{body}");
        // A creation knows neither of them.
        let mut body = body;
        body["name"] = json!(format!("n{index}"));
        app.entry(entity, body);
    }
    for body in [json!({"delay_trigger": "no", "call_stacks": []}), json!({"call_stacks": [1, "2"]})] {
        app.put(&one(entry), body).expect(202);
    }
}

fn a_made_name_is_cut_where_a_sent_one_ends(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attr) = named(&app);
    let value = |text: String| json!([{"id": attr, "value": text}]);
    let (first, second) = ("あ".repeat(3_000), "い".repeat(3_000));
    let entry = app.entry(entity, json!({"name": "x", "attrs": value(first.clone())}));
    assert_eq!(name_of(&app, entry), "あ".repeat(200));
    assert_eq!(app.value(entry, "s")["as_string"], json!(first), "the value is not cut");
    app.put(&one(entry), json!({"attrs": value(second)})).expect(202);
    assert_eq!(name_of(&app, entry), "い".repeat(200));
    // Those that differ behind the cut have one name.
    let other = app.entry(entity, json!({"name": "x", "attrs": value("い".repeat(201))}));
    let start = format!("{} -- duplicate of ID:{entry} -- ", "い".repeat(200));
    assert!(name_of(&app, other).starts_with(&start));
}

fn a_made_name_that_is_an_alias_is_a_duplicate(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attr) = named(&app);
    let value = |text: &str| json!([{"id": attr, "value": text}]);
    let owner = app.entry(entity, json!({"name": "x", "attrs": value("owner")}));
    alias(&app, owner, "other");
    let start = format!("other -- duplicate of ID:{owner} -- ");
    let made = app.entry(entity, json!({"name": "x", "attrs": value("other")}));
    assert!(name_of(&app, made).starts_with(&start), "{}", name_of(&app, made));
    let changed = app.entry(entity, json!({"name": "x", "attrs": value("free")}));
    app.put(&one(changed), json!({"attrs": value("other")})).expect(202);
    assert!(name_of(&app, changed).starts_with(&start), "{}", name_of(&app, changed));
}

fn the_first_name_of_an_entry_named_by_id_is_the_sent_one(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e", "item_name_type": "ID"}));
    let entry = app.entry(entity, json!({"name": "submitted"}));
    let name = name_of(&app, entry);
    let page = app.get(&format!("{}self_histories/", one(entry))).expect(200).json();
    let rows = &page["results"];
    assert_eq!(column(rows, "name"), [json!(name), json!("submitted")]);
    assert_eq!(column(rows, "prev_name"), [json!("submitted"), Value::Null]);
    assert_eq!(column(rows, "history_type"), ["~", "+"]);
}

fn an_entry_takes_no_alias_back_that_is_taken(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let entry = app.entry(entity, json!({"name": "x"}));
    alias(&app, entry, "own");
    app.delete(&one(entry)).expect(204);
    let restore = || app.post(&format!("{}restore/", one(entry)), json!({}));
    let other = app.entry(entity, json!({"name": "own"}));
    assert_eq!(restore().expect(400).codes(), ["AE-220000"], "taken as a name");
    app.put(&one(other), json!({"name": "other"})).expect(202);
    let taken = alias(&app, other, "own");
    assert_eq!(restore().expect(400).codes(), ["AE-220000"], "taken as an alias");
    assert_eq!(app.entry_names(entity), ["other"]);
    app.delete(&format!("/entry/api/v2/alias/{taken}")).expect(204);
    assert_eq!(restore().expect(201).json(), json!({}));
    let aliases = app.get(&format!("{}alias/", one(entry))).expect(200).json();
    assert_eq!(column(&aliases["results"], "name"), ["own"]);
}

fn what_comes_back_in_a_chain_takes_nothing_either(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (parts, _) = app.entity(json!({"name": "part"}));
    let has = json!({"name": "has", "type": 1025, "referral": [parts], "is_delete_in_chain": true});
    let (wholes, attrs) = app.entity(json!({"name": "whole", "attrs": [has]}));
    let all = ["named", "aliased", "free"].map(|name| app.entry(parts, json!({"name": name})));
    alias(&app, all[1], "other");
    let whole = app.entry(wholes, json!({"name": "whole", "attrs": [{"id": attrs["has"], "value": all}]}));
    app.delete(&one(whole)).expect(204);
    assert!(app.entry_names(parts).is_empty());
    app.entry(parts, json!({"name": "named"}));
    app.entry(parts, json!({"name": "other"}));
    app.post(&format!("{}restore/", one(whole)), json!({})).expect(201);
    let active = all.map(|entry| app.get(&one(entry)).json()["is_active"].clone());
    assert_eq!(active, [json!(false), json!(false), json!(true)]);
}

fn a_past_name_is_asked_for_by_its_number(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let entry = app.entry(entity, json!({"name": "a"}));
    app.put(&one(entry), json!({"name": "b"})).expect(202);
    let path = format!("{}restore_self_history/", one(entry));
    let send = |id: Value| app.post(&path, json!({"history_id": id}));
    for (id, code) in [
        (Value::Null, "history_id AE-999999"),
        (json!(true), "history_id AE-121000"),
        (json!("x"), "history_id AE-121000"),
        (json!([1]), "history_id AE-121000"),
        (json!(1.5), "history_id AE-121000"),
        (json!(999_999), "AE-230000"),
        (json!(-1), "AE-230000"),
    ] {
        assert_eq!(send(id.clone()).expect(400).codes(), [code], "{id}");
    }
    assert_eq!(name_of(&app, entry), "b");
    let page = app.get(&format!("{}self_histories/", one(entry))).json();
    let first = page["results"][1]["history_id"].as_i64().unwrap();
    assert_eq!(send(json!(first.to_string())).expect(200).json()["restored_name"], "a");
}

fn a_past_name_goes_on_to_those_named_after_it(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let entry = app.entry(entity, json!({"name": "a"}));
    let (after, attrs) = app.entity(json!({"name": "after", "item_name_type": "AT", "attrs": [
        {"name": "o", "type": 1, "referral": [entity], "name_order": 1, "name_prefix": "<"},
    ]}));
    app.entry(after, json!({"name": "x", "attrs": [{"id": attrs["o"], "value": entry}]}));
    app.put(&one(entry), json!({"name": "b"})).expect(202);
    assert_eq!(app.entry_names(after), ["<b"]);
    let page = app.get(&format!("{}self_histories/", one(entry))).json();
    let body = json!({"history_id": page["results"][1]["history_id"]});
    app.post(&format!("{}restore_self_history/", one(entry)), body).expect(200);
    assert_eq!(app.entry_names(after), ["<a"]);
}
