//! Copies of entries. *Source: spec, entry §8.*

use super::{close, column, grant, person, role};
use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_plugin_sdk::hook::{HookInfo, HookReg};
use pagoda_plugin_sdk::payload::{EntryBeforeCreate, EntryValidation};
use pagoda_plugin_sdk::{Code, HookContext, HookResult, PluginDecl, Reject, hooks};
use serde_json::{Value, json};

on_both_databases! {
    case_entry_152_a_copy_under_each_name;
    case_entry_154_copying_needs_writable;
    names_are_refused_all_together;
    a_name_that_fails_alone_fails_alone;
    what_is_copied;
    a_plugin_that_validates_entries_refuses_the_whole;
    a_plugin_that_refuses_one_creation_leaves_the_others;
    a_plugin_may_change_what_is_copied;
}

fn copy(app: &TestApp, token: &str, entry: i64, body: &Value) -> crate::server::Answer {
    app.with_token(token, "POST", &format!("/entry/api/v2/{entry}/copy/"), Some(body))
}

/// The jobs of copies, newest first.
fn jobs(app: &TestApp) -> Vec<Value> {
    let all = app.get("/job/api/v2/jobs?limit=1000").expect(200).json();
    let rows = all["results"].as_array().unwrap().iter();
    rows.filter(|job| [4, 16].contains(&job["operation"].as_i64().unwrap())).cloned().collect()
}

fn case_entry_152_a_copy_under_each_name(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let entry = app.entry(entity, json!({"name": "a", "attrs": [{"id": attrs["s"], "value": "x"}]}));
    let answer = copy(&app, &app.token, entry, &json!({"copy_entry_names": ["c1", " c2 ", 3]})).expect(200);
    assert_eq!(answer.json(), json!({}));
    assert_eq!(app.entry_names(entity), ["a", "c1", "c2", "3"]);
    let all = jobs(&app);
    assert_eq!(column(&json!(all), "operation"), [json!(16), json!(16), json!(16), json!(4)]);
    assert!(all.iter().all(|job| job["status"] == 2 && job["target"]["id"] == entry), "{all:?}");

    // Names that are made from attributes are all the same.
    let (named, attrs) = app.entity(json!({"name": "n", "item_name_type": "AT", "attrs": [
        {"name": "s", "type": 2, "name_order": 1},
    ]}));
    let entry = app.entry(named, json!({"name": "a", "attrs": [{"id": attrs["s"], "value": "x"}]}));
    copy(&app, &app.token, entry, &json!({"copy_entry_names": ["c1", "c2"]})).expect(200);
    let names = app.entry_names(named);
    assert_eq!(names[0], "x");
    let mark = format!("x -- duplicate of ID:{entry} -- ");
    assert!(names[1..].iter().all(|name| name.starts_with(&mark)) && names.len() == 3, "{names:?}");
}

fn case_entry_154_copying_needs_writable(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, guest) = person(&app, "guest");
    let reader = role(&app, "reader", &json!({"users": [id]}));
    let (entity, _) = app.entity(json!({"name": "e"}));
    let entry = app.entry(entity, json!({"name": "a"}));
    close(&app, entry);
    grant(&app, entry, reader, 2);
    let names = json!({"copy_entry_names": ["b"]});
    assert_eq!(copy(&app, &guest, entry, &names).expect(403).codes(), ["AE-210000"]);
    grant(&app, entry, reader, 4);
    copy(&app, &guest, entry, &json!({"copy_entry_names": ["c"]})).expect(200);
    grant(&app, entry, reader, 2);
    app.delete(&format!("/entry/api/v2/{entry}/")).expect(204);
    let restore =
        app.with_token(&guest, "POST", &format!("/entry/api/v2/{entry}/restore/"), Some(&json!({})));
    assert_eq!(restore.expect(403).codes(), ["AE-210000"]);
    assert_eq!(copy(&app, &app.token, 999_999, &names).expect(404).codes(), ["AE-230000"]);
    // A deleted entry is said ahead of a bad body.
    assert_eq!(copy(&app, &app.token, entry, &json!([])).expect(400).codes(), ["AE-230000"]);
}

fn names_are_refused_all_together(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e", "item_name_pattern": "^[a-z]"}));
    let entry = app.entry(entity, json!({"name": "a"}));
    app.post("/entry/api/v2/alias/", json!({"name": "other", "entry": entry})).expect(201);
    for (body, code) in [
        (json!([]), "non_field_errors AE-121000"),
        (json!({}), "copy_entry_names AE-113000"),
        (json!({"copy_entry_names": "b"}), "copy_entry_names AE-121000"),
        (json!({"copy_entry_names": null}), "copy_entry_names AE-999999"),
        (json!({"copy_entry_names": []}), "copy_entry_names AE-123000"),
        (json!({"copy_entry_names": ["b", true]}), "copy_entry_names.1 AE-121000"),
        (json!({"copy_entry_names": ["b", " "]}), "copy_entry_names.1 AE-999999"),
        (json!({"copy_entry_names": [null]}), "copy_entry_names.0 AE-999999"),
        (json!({"copy_entry_names": ["b", {}, "a"]}), "copy_entry_names.1 AE-121000"),
        (json!({"copy_entry_names": ["b", "a"]}), "copy_entry_names AE-220000"),
        (json!({"copy_entry_names": ["b", "other"]}), "copy_entry_names AE-220000"),
        (json!({"copy_entry_names": ["b", "c\td"]}), "copy_entry_names AE-250000"),
        (json!({"copy_entry_names": ["b", "1"]}), "copy_entry_names AE-250000"),
    ] {
        assert_eq!(copy(&app, &app.token, entry, &body).expect(400).codes(), [code], "{body}");
    }
    let all = json!({"copy_entry_names": ["b", " ", null, true]});
    let codes = ["1 AE-999999", "2 AE-999999", "3 AE-121000"].map(|code| format!("copy_entry_names.{code}"));
    assert_eq!(copy(&app, &app.token, entry, &all).expect(400).codes(), codes);
    assert_eq!(app.entry_names(entity), ["a"]);
    assert!(jobs(&app).is_empty());
}

fn a_name_that_fails_alone_fails_alone(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let entry = app.entry(entity, json!({"name": "a"}));
    let names = json!({"copy_entry_names": ["b", "x".repeat(201), "c", "b"]});
    copy(&app, &app.token, entry, &names).expect(200);
    assert_eq!(app.entry_names(entity), ["a", "b", "c"]);
    let statuses: Vec<Value> = jobs(&app).iter().rev().map(|job| job["status"].clone()).collect();
    assert_eq!(statuses, [2, 2, 3, 2, 3], "the copy, then each name");
}

fn what_is_copied(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (_, guest) = person(&app, "guest");
    let choices = json!([{"value": "a", "label": "A"}, {"value": "b", "label": "B"}]);
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [
        {"name": "s", "type": 2}, {"name": "hidden", "type": 2, "is_mandatory": true}, {"name": "flag", "type": 8},
        {"name": "choice", "type": 512, "choices": choices}, {"name": "list", "type": 1026},
        {"name": "default", "type": 2},
    ]}));
    let value = |name: &str, value: Value| json!({"id": attrs[name], "value": value});
    let entry = app.entry(
        entity,
        json!({"name": "a", "attrs": [
            value("s", json!("1")), value("hidden", json!("h")), value("flag", json!(true)), value("choice", json!("a")),
            value("list", json!(["x", "y"])), value("default", json!("")),
        ]}),
    );
    app.put(&format!("/entry/api/v2/{entry}/"), json!({"attrs": [value("s", json!("2"))]})).expect(202);
    // A default, and a choice that goes, come after the entry.
    let change = json!({"attrs": [
        {"id": attrs["default"], "default_value": "d", "is_mandatory": true},
        {"id": attrs["s"], "default_value": "d"},
    ]});
    app.put(&format!("/entity/api/v2/{entity}/"), change).expect(202);
    close(&app, attrs["hidden"]);
    close(&app, entry);
    app.put(&super::acl_path(entry), json!({"default_permission": 4})).expect(200);
    copy(&app, &guest, entry, &json!({"copy_entry_names": ["b"]})).expect(200);
    let page = app.get(&format!("/entity/api/v2/{entity}/entries/?search=b")).json();
    let copied = page["results"][0]["id"].as_i64().unwrap();
    assert_eq!(app.value(copied, "s"), json!({"as_string": "2"}));
    assert_eq!(
        app.value(copied, "hidden"),
        json!({"as_string": ""}),
        "it could not be read, though it is mandatory"
    );
    assert_eq!(app.value(copied, "flag"), json!({"as_boolean": true}));
    assert_eq!(app.value(copied, "choice"), json!({"as_select": {"value": "a", "label": "A"}}));
    assert_eq!(app.value(copied, "list"), json!({"as_array_string": ["x", "y"]}));
    assert_eq!(app.value(copied, "default"), json!({"as_string": ""}), "a copy takes no default");
    // Access rules are not copied, nor is the past.
    let detail = app.get(&format!("/entry/api/v2/{copied}/")).json();
    assert_eq!(detail["is_public"], true);
    let history = app.get(&format!("/entry/api/v2/{copied}/histories/")).json();
    let rows = history["results"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["prev_id"].is_null() && row["created_user"] == "guest"), "{history}");
}

static GUARD: PluginDecl = PluginDecl::new("guard", "Guard", "1");

fn say_no(name: &str) -> HookResult {
    if name.starts_with("bad") {
        return Err(Reject::field("name", "no").with_code(Code::InvalidValue).into());
    }
    Ok(())
}

/// With a plugin that does this before entries are created.
fn before_creation(handler: fn(&mut HookContext, &mut EntryBeforeCreate) -> HookResult) -> Contributions {
    let info = HookInfo::new(&GUARD, "before");
    Contributions::default()
        .with_plugin(&GUARD)
        .with_hook::<hooks::entry::before_create>(HookReg { info, handler })
}

fn a_plugin_that_validates_entries_refuses_the_whole(database: Database) {
    fn validate(_: &mut HookContext, payload: &EntryValidation) -> HookResult {
        say_no(&payload.entry.name)
    }
    let info = HookInfo::new(&GUARD, "validate");
    let guard = Contributions::default()
        .with_plugin(&GUARD)
        .with_hook::<hooks::pagoda::entry::validation>(HookReg { info, handler: validate });
    let Some(app) = TestApp::with(database, guard, |_| {}) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let entry = app.entry(entity, json!({"name": "x"}));
    let names = json!({"copy_entry_names": ["a", "bad", "b"]});
    assert_eq!(copy(&app, &app.token, entry, &names).expect(400).codes(), ["name AE-250000"]);
    assert_eq!(app.entry_names(entity), ["x"]);
    assert!(jobs(&app).is_empty());
}

fn a_plugin_that_refuses_one_creation_leaves_the_others(database: Database) {
    fn before(_: &mut HookContext, payload: &mut EntryBeforeCreate) -> HookResult {
        say_no(&payload.name)
    }
    let Some(app) = TestApp::with(database, before_creation(before), |_| {}) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let entry = app.entry(entity, json!({"name": "x"}));
    let names = json!({"copy_entry_names": ["a", "bad", "b"]});
    assert_eq!(copy(&app, &app.token, entry, &names).expect(200).json(), json!({}));
    assert_eq!(app.entry_names(entity), ["x", "a", "b"]);
    let told: Vec<(Value, Value)> =
        jobs(&app).iter().rev().map(|job| (job["operation"].clone(), job["status"].clone())).collect();
    assert_eq!(
        told[1..],
        [(16, 2), (16, 3), (16, 2)].map(|(operation, status)| (json!(operation), json!(status)))
    );
}

fn a_plugin_may_change_what_is_copied(database: Database) {
    fn before(_: &mut HookContext, payload: &mut EntryBeforeCreate) -> HookResult {
        if payload.name == "y" {
            payload.attrs.truncate(1);
            payload.attrs.iter_mut().for_each(|input| input.value = json!("changed"));
        }
        Ok(())
    }
    let Some(app) = TestApp::with(database, before_creation(before), |_| {}) else { return };
    let (entity, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}, {"name": "t", "type": 2}]}));
    let given = json!([{"id": attrs["s"], "value": "1"}, {"id": attrs["t"], "value": "2"}]);
    let entry = app.entry(entity, json!({"name": "x", "attrs": given}));
    copy(&app, &app.token, entry, &json!({"copy_entry_names": ["y"]})).expect(200);
    let page = app.get(&format!("/entity/api/v2/{entity}/entries/?search=y")).json();
    let copied = page["results"][0]["id"].as_i64().unwrap();
    assert_eq!(app.value(copied, "s"), json!({"as_string": "changed"}));
    assert_eq!(app.value(copied, "t"), json!({"as_string": ""}));
}
