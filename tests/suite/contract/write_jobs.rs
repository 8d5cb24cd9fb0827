//! The jobs that single writes of entities and entries leave: done when the answer comes. *Source: spec, job §5.2 and §6.*

use super::{close, column, person};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_plugin_sdk::hook::{HookInfo, HookReg};
use pagoda_plugin_sdk::payload::{EntryBeforeCreate, EntryBeforeDelete};
use pagoda_plugin_sdk::{Code, HookContext, HookResult, PluginDecl, Reject, hooks};
use serde_json::{Value, json};

on_both_databases! {
    single_writes_leave_a_job_that_is_done;
    case_platform_131_a_creation_goes_with_its_target_and_a_deletion_stays;
    a_bulk_deletion_leaves_a_job_for_each_entry;
    what_follows_from_a_write_leaves_no_job;
    what_is_refused_leaves_no_job;
    what_a_plugin_refuses_leaves_no_job;
    jobs_of_single_writes_are_counted;
}

const ENTITIES: &str = "/entity/api/v2/";

fn jobs(app: &TestApp, token: &str) -> Vec<Value> {
    let page = app.with_token(token, "GET", "/job/api/v2/jobs?limit=1000", None).expect(200).json();
    page["results"].as_array().unwrap().clone()
}

fn operations(app: &TestApp) -> Vec<Value> {
    column(&json!(jobs(app, &app.token)), "operation")
}

fn single_writes_leave_a_job_that_is_done(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (_, token) = person(&app, "amy");
    let send = |method: &str, path: &str, body: Value| -> Answer {
        app.with_token(&token, method, path, Some(&body).filter(|body| !body.is_null()))
    };
    let newest = || jobs(&app, &token)[0].clone();
    let check = |operation: i64, target: i64, schema: &Value| {
        let job = newest();
        assert_eq!((&job["operation"], &job["status"]), (&json!(operation), &json!(2)), "{job}");
        assert_eq!((&job["user"], &job["text"]), (&json!("amy"), &json!("")), "{job}");
        assert_eq!((&job["target"]["id"], &job["target"]["schema_id"]), (&json!(target), schema), "{job}");
    };
    let made = send("POST", ENTITIES, json!({"name": "rack", "attrs": [{"name": "s", "type": 2}]}));
    let made = made.expect(202).json();
    let entity = made["id"].as_i64().unwrap();
    assert_eq!(made, json!({"id": entity, "name": "rack", "job": newest()["id"]}));
    check(24, entity, &Value::Null);
    let path = format!("{ENTITIES}{entity}/");
    send("PUT", &path, json!({"note": "n"})).expect(202);
    check(25, entity, &Value::Null);

    let made = send("POST", &format!("{path}entries/"), json!({"name": "r1"})).expect(202).json();
    let entry = made["id"].as_i64().unwrap();
    assert_eq!(made, json!({"id": entry, "name": "r1", "job": newest()["id"]}));
    check(27, entry, &json!(entity));
    let expected = json!({"id": entry, "name": "r1", "schema_id": entity, "schema_name": "rack"});
    assert_eq!(newest()["target"], expected);
    let of_entry = format!("/entry/api/v2/{entry}/");
    send("PUT", &of_entry, json!({"name": "r2"})).expect(202);
    check(28, entry, &json!(entity));
    // Also where nothing changed.
    send("PUT", &of_entry, json!({})).expect(202);
    check(28, entry, &json!(entity));
    send("DELETE", &of_entry, Value::Null).expect(204);
    check(29, entry, &json!(entity));
    send("DELETE", &path, Value::Null).expect(202);
    check(26, entity, &Value::Null);
    // Nobody else did any of it.
    assert!(jobs(&app, &app.token).is_empty());
}

fn case_platform_131_a_creation_goes_with_its_target_and_a_deletion_stays(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "rack"}));
    let entry = app.entry(entity, json!({"name": "r1"}));
    app.put(&format!("/entry/api/v2/{entry}/"), json!({"name": "r2"})).expect(202);
    assert_eq!(operations(&app), [28, 27, 24]);
    app.delete(&format!("/entry/api/v2/{entry}/")).expect(204);
    assert_eq!(operations(&app), [29, 24]);
    let target = jobs(&app, &app.token)[0]["target"].clone();
    assert!(target["name"].as_str().unwrap().starts_with("r2_deleted_"), "{target}");
    app.delete(&format!("{ENTITIES}{entity}/")).expect(202);
    assert_eq!(operations(&app), [26, 29]);
    let target = jobs(&app, &app.token)[0]["target"].clone();
    assert!(target["name"].as_str().unwrap().starts_with("rack_deleted_"), "{target}");
}

fn a_bulk_deletion_leaves_a_job_for_each_entry(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "rack"}));
    let [one, two, rest] = ["r1", "r2", "r3"].map(|name| app.entry(entity, json!({"name": name})));
    app.delete(&format!("/entry/api/v2/bulk_delete/?ids={one}&ids={two}&isAll=true")).expect(204);
    let all = jobs(&app, &app.token);
    let deletions: Vec<&Value> = all.iter().filter(|job| job["operation"] == 29).collect();
    let mut targets: Vec<i64> = deletions.iter().map(|job| job["target"]["id"].as_i64().unwrap()).collect();
    targets.sort_unstable();
    assert_eq!(targets, [one, two, rest]);
    assert!(deletions.iter().all(|job| job["status"] == 2 && job["text"] == ""), "{all:?}");
}

/// What a deletion takes along, and writes whose jobs were hidden before.
fn what_follows_from_a_write_leaves_no_job(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (parts, _) = app.entity(json!({"name": "part"}));
    let attrs = json!([
        {"name": "has", "type": 1, "referral": [parts], "is_delete_in_chain": true}, {"name": "s", "type": 2},
    ]);
    let (wholes, attrs) = app.entity(json!({"name": "whole", "attrs": attrs}));
    let part = app.entry(parts, json!({"name": "part"}));
    let values = json!([{"id": attrs["has"], "value": part}, {"id": attrs["s"], "value": "a"}]);
    let whole = app.entry(wholes, json!({"name": "whole", "attrs": values}));
    let path = format!("/entry/api/v2/{whole}/");
    app.delete(&path).expect(204);
    assert!(app.entry_names(parts).is_empty());
    assert_eq!(operations(&app), [29, 24, 24], "one deletion was asked for");
    app.post(&format!("{path}restore/"), json!({})).expect(201);
    let before = [29, 27, 27, 24, 24];
    assert_eq!(operations(&app), before, "what is about active ones is listed again");

    let alias = app.post("/entry/api/v2/alias/", json!({"name": "other", "entry": whole})).expect(201).json();
    app.delete(&format!("/entry/api/v2/alias/{}", alias["id"])).expect(204);
    let value = app.get(&format!("{path}histories/")).json()["results"][0]["id"].clone();
    let restore = format!("/entry/api/v2/{value}/attrv_restore/");
    app.with_token(&app.token, "PATCH", &restore, Some(&json!({}))).expect(200);
    app.post("/entry/api/v2/rollback/", json!({"targets": [whole], "at": "2024-01-01"})).expect(200);
    let first =
        app.get(&format!("{path}self_histories/?limit=100")).json()["results"][0]["history_id"].clone();
    app.post(&format!("{path}restore_self_history/"), json!({"history_id": first})).expect(200);
    assert_eq!(operations(&app), before);
}

fn what_is_refused_leaves_no_job(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (_, guest) = person(&app, "guest");
    let (_, reader) = app.user(|user| {
        "reader".clone_into(&mut user.username);
        user.is_readonly = true;
    });
    let (entity, attrs) = app.entity(json!({"name": "rack", "attrs": [{"name": "n", "type": 256}]}));
    let entry = app.entry(entity, json!({"name": "r1"}));
    let closed = app.entry(entity, json!({"name": "r2"}));
    close(&app, closed);
    let (of_entity, of_entry) = (format!("{ENTITIES}{entity}/"), format!("/entry/api/v2/{entry}/"));
    let of_closed = format!("/entry/api/v2/{closed}/");
    let before = app.get("/job/api/v2/jobs?all_users=true").json()["count"].clone();
    let bad = json!({"attrs": [{"id": attrs["n"], "value": "x"}]});
    for (token, method, path, body, status) in [
        (&app.token, "POST", ENTITIES, json!({"name": "rack"}), 400),
        (&app.token, "PUT", &of_entity, json!({"name": null}), 400),
        (&app.token, "DELETE", &of_entity, Value::Null, 400),
        (&app.token, "POST", &format!("{of_entity}entries/"), json!({"name": "r1"}), 400),
        (&app.token, "PUT", &of_entry, bad, 400),
        (&app.token, "DELETE", "/entry/api/v2/999999/", Value::Null, 404),
        (&reader, "POST", ENTITIES, json!({"name": "x"}), 403),
        (&reader, "POST", &format!("{of_entity}entries/"), json!({"name": "x"}), 403),
        (&guest, "PUT", &of_closed, json!({"name": "x"}), 403),
        (&guest, "DELETE", &of_closed, Value::Null, 403),
        (&guest, "DELETE", &format!("/entry/api/v2/bulk_delete/?ids={entry}&ids={closed}"), Value::Null, 403),
    ] {
        let body = Some(&body).filter(|body| !body.is_null());
        assert_eq!(app.with_token(token, method, path, body).status, status, "{method} {path}");
    }
    assert_eq!(app.get("/job/api/v2/jobs?all_users=true").json()["count"], before);
}

static GUARD: PluginDecl = PluginDecl::new("guard", "Guard", "1");

fn say_no(name: &str) -> HookResult {
    if name.starts_with("bad") {
        return Err(Reject::field("name", "no").with_code(Code::InvalidValue).into());
    }
    Ok(())
}

fn what_a_plugin_refuses_leaves_no_job(database: Database) {
    fn creation(_: &mut HookContext, payload: &mut EntryBeforeCreate) -> HookResult {
        say_no(&payload.name)
    }
    fn deletion(_: &mut HookContext, payload: &EntryBeforeDelete) -> HookResult {
        say_no(&payload.entry.name)
    }
    let guard = Contributions::default()
        .with_plugin(&GUARD)
        .with_hook::<hooks::entry::before_create>(HookReg {
            info: HookInfo::new(&GUARD, "creation"),
            handler: creation,
        })
        .with_hook::<hooks::entry::before_delete>(HookReg {
            info: HookInfo::new(&GUARD, "deletion"),
            handler: deletion,
        });
    let Some(app) = TestApp::with(database, guard, |_| {}) else { return };
    let (entity, _) = app.entity(json!({"name": "rack"}));
    let [good, bad] = ["good", "x"].map(|name| app.entry(entity, json!({"name": name})));
    app.put(&format!("/entry/api/v2/{bad}/"), json!({"name": "bad"})).expect(202);
    let before = operations(&app);
    for answer in [
        app.post(&format!("{ENTITIES}{entity}/entries/"), json!({"name": "bad too"})),
        app.delete(&format!("/entry/api/v2/{bad}/")),
        app.delete(&format!("/entry/api/v2/bulk_delete/?ids={good}&ids={bad}")),
    ] {
        assert_eq!(answer.expect(400).codes(), ["name AE-250000"]);
    }
    assert_eq!(operations(&app), before);
    assert_eq!(app.entry_names(entity), ["good", "bad"], "and nothing was done");
}

fn jobs_of_single_writes_are_counted(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "rack"}));
    let entries = ["r1", "r2"].map(|name| app.entry(entity, json!({"name": name})));
    app.put(&format!("/entry/api/v2/{}/", entries[0]), json!({"name": "r3"})).expect(202);
    app.put(&format!("{ENTITIES}{entity}/"), json!({"note": "n"})).expect(202);
    app.delete(&format!("/entry/api/v2/bulk_delete/?ids={}&ids={}", entries[0], entries[1])).expect(204);
    app.delete(&format!("{ENTITIES}{entity}/")).expect(202);
    let page = app.get("/metrics").expect(200).body;
    for (operation, count) in [
        ("create_entity", 1),
        ("edit_entity", 1),
        ("delete_entity", 1),
        ("create_entry", 2),
        ("edit_entry", 1),
        ("delete_entry", 2),
    ] {
        let line = format!("pagoda_jobs_total{{operation=\"{operation}\",status=\"done\"}} {count}");
        assert!(page.lines().any(|known| known == line), "{line}\n{page}");
    }
}
