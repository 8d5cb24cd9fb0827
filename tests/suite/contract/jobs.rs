//! Cases G: jobs, as far as this server has any: copies, bulk updates, imports of roles. Jobs of exports and previews, and jobs
//! that wait for others, come with what makes them (cases 142 to 149).

use super::{column, person, role, send_yaml};
use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::store::queries::job as store;
use pagoda_core::store::rows::NewJob;
use serde_json::{Value, json};

on_both_databases! {
    case_platform_130_everybody_sees_their_own;
    case_platform_131_jobs_of_what_was_deleted_go;
    case_platform_133_jobs_without_a_target;
    case_platform_134_jobs_since;
    case_platform_136_a_job_is_shown;
    case_platform_137_administrators_see_and_do_not_cancel;
    case_platform_139_a_job_that_did_not_run_is_run;
    case_platform_140_a_job_that_is_done_stays_done;
    cancelling_refuses_in_order;
    nothing_is_left_by_jobs_yet;
    listing_costs_the_same_for_few_and_many;
    exports_and_deletions_stay_without_their_target;
    lists_are_paged_newest_first;
    hidden_jobs_are_not_listed_and_are_shown;
    only_some_operations_can_be_cancelled;
    other_methods_are_refused;
    jobs_that_ended_are_counted;
}

const JOBS: &str = "/job/api/v2/jobs";

/// Puts a job into the database, as an older server or a later one leaves it.
fn put(app: &TestApp, owner: i64, operation: i32, status: i32, target: Option<i64>) -> i64 {
    let runner = Runner::of_server(&app.host, None);
    runner
        .run_blocking(Mode::Write, |op| {
            let now = op.now.as_micros();
            let new = NewJob {
                owner_id: owner,
                operation,
                status,
                target_kind: target.map(|_| "entry".to_owned()),
                target_id: target,
                params: "{}".to_owned(),
                created_at: now - 5_000_000,
                updated_at: now - 2_000_000,
                ..NewJob::default()
            };
            Ok(store::insert(&mut op.db, &new)?)
        })
        .unwrap()
}

fn listed(app: &TestApp, token: &str, query: &str) -> Vec<Value> {
    let page = app.with_token(token, "GET", &format!("{JOBS}{query}"), None).expect(200).json();
    column(&page["results"], "id")
}

fn one(id: i64) -> String {
    format!("/job/api/v2/{id}/")
}

/// Two people, an entity, an entry.
fn scene(database: Database) -> Option<(TestApp, (i64, String), i64)> {
    let app = TestApp::bare(database)?;
    let guest = person(&app, "guest");
    let (entity, _) = app.entity(json!({"name": "e"}));
    let entry = app.entry(entity, json!({"name": "a"}));
    Some((app, guest, entry))
}

fn case_platform_130_everybody_sees_their_own(database: Database) {
    let Some((app, (guest, token), entry)) = scene(database) else { return };
    let own = put(&app, guest, 28, 2, Some(entry));
    let admins = put(&app, 1, 28, 2, Some(entry));
    assert_eq!(listed(&app, &token, ""), [json!(own)]);
    assert_eq!(listed(&app, &token, "?all_users=true"), [json!(own)]);
    let about = format!("?target_id={entry}");
    assert_eq!(listed(&app, &app.token, &about)[0], json!(admins));
    assert!(!listed(&app, &app.token, "").contains(&json!(own)));
    assert_eq!(
        listed(&app, &app.token, &format!("{about}&all_users=TRUE"))[..2],
        [json!(admins), json!(own)]
    );
    for rest in ["", "download", "preview", "preview/download"] {
        let path = format!("{}{rest}", one(admins));
        assert_eq!(app.with_token(&token, "GET", &path, None).expect(404).codes(), ["AE-230000"], "{rest}");
    }
    assert_eq!(app.with_token(&token, "DELETE", &one(admins), None).expect(404).codes(), ["AE-230000"]);
    let rerun = format!("{}rerun", one(admins));
    assert_eq!(app.with_token(&token, "PATCH", &rerun, Some(&json!({}))).expect(404).codes(), ["AE-230000"]);
}

fn case_platform_131_jobs_of_what_was_deleted_go(database: Database) {
    let Some((app, (guest, token), entry)) = scene(database) else { return };
    let [_created, deleted, _hidden] =
        [27, 29, 13].map(|operation| put(&app, guest, operation, 2, Some(entry)));
    assert_eq!(listed(&app, &token, "").len(), 2, "hidden ones are not listed");
    app.delete(&format!("/entry/api/v2/{entry}/")).expect(204);
    assert_eq!(listed(&app, &token, ""), [json!(deleted)]);
    let shown = app.with_token(&token, "GET", &one(deleted), None).expect(200).json();
    let name = shown["target"]["name"].as_str().unwrap();
    assert!(name.starts_with("a_deleted_"), "{shown}");
}

fn case_platform_133_jobs_without_a_target(database: Database) {
    let Some((app, (guest, token), _)) = scene(database) else { return };
    let role_import = put(&app, guest, 30, 2, None);
    let listed_ones = [27, 200, 9_999, 6, 8, 20, 22].map(|operation| put(&app, guest, operation, 3, None));
    for operation in [4, 17, 24, 28, 29, 31, 199] {
        put(&app, guest, operation, 3, None);
    }
    let mut expected: Vec<Value> = listed_ones.iter().map(|id| json!(id)).collect();
    expected.reverse();
    assert_eq!(listed(&app, &token, ""), expected);
    let shown = app.with_token(&token, "GET", &one(role_import), None).expect(200).json();
    assert_eq!(shown["target"], Value::Null, "what is not listed is shown all the same");
}

fn case_platform_134_jobs_since(database: Database) {
    let Some((app, (guest, token), entry)) = scene(database) else { return };
    let id = put(&app, guest, 28, 2, Some(entry));
    let day = |days: i64| {
        let now = pagoda_plugin_sdk::time::Timestamp::now().as_micros() + days * 86_400_000_000;
        pagoda_plugin_sdk::time::Timestamp::from_micros(now).utc_iso()[..10].to_owned()
    };
    assert_eq!(listed(&app, &token, &format!("?created_after={}", day(-1))), [json!(id)]);
    assert!(listed(&app, &token, &format!("?created_after={}", day(2))).is_empty());
    assert_eq!(listed(&app, &token, &format!("?target_id={entry}")), [json!(id)]);
    assert!(listed(&app, &token, "?target_id=999999").is_empty());
    assert!(listed(&app, &token, "?created_after=9999-01-01").is_empty());
    // The moment itself counts.
    let shown = app.with_token(&token, "GET", &one(id), None).json();
    let made = shown["created_at"].as_str().unwrap().replace('+', "%2B");
    assert_eq!(listed(&app, &token, &format!("?created_after={made}")), [json!(id)]);
    for (query, code) in [
        ("created_after=x", "created_after AE-121000"),
        ("created_after=2024-13-01", "created_after AE-121000"),
        ("target_id=x", "target_id AE-121000"),
    ] {
        let answer = app.with_token(&token, "GET", &format!("{JOBS}?{query}"), None).expect(400);
        assert_eq!(answer.codes(), [code]);
    }
}

fn case_platform_136_a_job_is_shown(database: Database) {
    let Some((app, (guest, token), entry)) = scene(database) else { return };
    let id = put(&app, guest, 28, 1, Some(entry));
    let shown = app.with_token(&token, "GET", &one(id), None).expect(200).json();
    let mut keys: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["created_at", "id", "operation", "passed_time", "status", "target", "text", "user"]);
    assert_eq!((&shown["id"], &shown["status"], &shown["text"]), (&json!(id), &json!(1), &json!("")));
    assert_eq!(shown["user"], "guest");
    assert_eq!(shown["target"], json!({"id": entry, "name": "a", "schema_id": 1, "schema_name": "e"}));
    assert!(shown["created_at"].as_str().unwrap().ends_with("+09:00"));
    assert!(shown["passed_time"].as_i64().unwrap() >= 5, "it goes on");
    let done = put(&app, guest, 28, 2, Some(entry));
    assert_eq!(app.with_token(&token, "GET", &one(done), None).json()["passed_time"], 3);
    assert_eq!(app.with_token(&token, "GET", &one(999_999), None).expect(404).codes(), ["AE-230000"]);
    assert_eq!(app.with_token(&token, "PUT", &one(id), Some(&json!({}))).expect(405).codes(), ["AE-999999"]);
}

fn case_platform_137_administrators_see_and_do_not_cancel(database: Database) {
    let Some((app, (guest, _), entry)) = scene(database) else { return };
    let id = put(&app, guest, 31, 1, Some(entry));
    assert_eq!(app.get(&one(id)).expect(200).json()["user"], "guest");
    assert!(app.delete(&one(id)).expect(403).json().is_string());
    for rest in ["download", "preview", "preview/download"] {
        assert!(app.get(&format!("{}{rest}", one(id))).expect(403).json().is_string(), "{rest}");
    }
    let rerun = app.with_token(&app.token, "PATCH", &format!("{}rerun", one(id)), Some(&json!({})));
    assert_eq!(rerun.expect(404).codes(), ["AE-230000"]);
}

fn case_platform_139_a_job_that_did_not_run_is_run(database: Database) {
    let Some((app, _, entry)) = scene(database) else { return };
    // A name that was taken when it was asked for, and is free now.
    let other = app.entry(1, json!({"name": "b"}));
    let names = json!({"copy_entry_names": ["c", "c"]});
    app.post(&format!("/entry/api/v2/{entry}/copy/"), names).expect(200);
    let failed = listed(&app, &app.token, "")[0].as_i64().unwrap();
    assert_eq!(app.get(&one(failed)).json()["status"], 3);
    let list = app.get("/entity/api/v2/1/entries/?search=c").json();
    app.delete(&format!("/entry/api/v2/{}/", list["results"][0]["id"])).expect(204);
    let rerun = |id: i64| app.with_token(&app.token, "PATCH", &format!("{}rerun", one(id)), Some(&json!({})));
    assert!(rerun(failed).expect(200).json().is_string());
    assert_eq!(app.get(&one(failed)).json()["status"], 2);
    assert_eq!(app.entry_names(1), ["a", "b", "c"]);
    // Without what it is about, or while it is worked on, it is not run.
    let id = put(&app, 1, 16, 1, Some(other));
    app.delete(&format!("/entry/api/v2/{other}/")).expect(204);
    assert!(rerun(id).expect(400).json().is_string());
    assert!(rerun(put(&app, 1, 16, 5, Some(entry))).expect(400).json().is_string());
    assert!(rerun(put(&app, 1, 30, 3, None)).expect(400).json().is_string());
    // What nothing here runs waits for who does. *Source: spec, job §2.*
    for operation in [5, 28] {
        let id = put(&app, 1, operation, 3, Some(entry));
        assert!(rerun(id).expect(200).json().is_string());
        assert_eq!(app.get(&one(id)).json()["status"], 1);
    }
    let put_instead = app.put(&format!("{}rerun", one(999_999)), json!({})).expect(405);
    assert!(put_instead.json().is_string());
    let posted = app.post(&format!("{}rerun", one(id)), json!({})).expect(405);
    assert_eq!(posted.codes(), ["AE-999999"]);
}

fn case_platform_140_a_job_that_is_done_stays_done(database: Database) {
    let Some((app, _, entry)) = scene(database) else { return };
    app.post(&format!("/entry/api/v2/{entry}/copy/"), json!({"copy_entry_names": ["b"]})).expect(200);
    let done = listed(&app, &app.token, "")[0].as_i64().unwrap();
    let rerun = app.with_token(&app.token, "PATCH", &format!("{}rerun", one(done)), Some(&json!({})));
    assert!(rerun.expect(200).json().is_string());
    assert_eq!(app.entry_names(1), ["a", "b"]);
    let unknown = app.with_token(&app.token, "PATCH", &format!("{}rerun", one(999_999)), Some(&json!({})));
    assert_eq!(unknown.expect(404).codes(), ["AE-230000"]);
}

fn cancelling_refuses_in_order(database: Database) {
    let Some((app, (guest, token), entry)) = scene(database) else { return };
    let cancel = |id: i64| app.with_token(&token, "DELETE", &one(id), None);
    for (operation, status) in [(31, 2), (28, 1), (16, 5), (31, 3), (31, 7), (31, 4)] {
        let id = put(&app, guest, operation, status, Some(entry));
        assert!(cancel(id).expect(400).json().is_string(), "{operation} {status}");
        assert_eq!(app.get(&one(id)).json()["status"], status);
    }
    for (operation, status) in [(31, 1), (31, 5), (4, 1), (22, 6)] {
        let id = put(&app, guest, operation, status, Some(entry));
        cancel(id).expect(204);
        assert_eq!(app.get(&one(id)).json()["status"], 6);
        cancel(id).expect(204);
    }
    assert_eq!(cancel(999_999).expect(404).codes(), ["AE-230000"]);
}

fn nothing_is_left_by_jobs_yet(database: Database) {
    let Some((app, (guest, token), entry)) = scene(database) else { return };
    let get = |id: i64, rest: &str| {
        app.with_token(&token, "GET", &format!("{}{rest}", one(id)), None).expect(400).codes()
    };
    let [edit, export, running, preview] = [(28, 2), (20, 2), (20, 5), (32, 2)]
        .map(|(operation, status)| put(&app, guest, operation, status, Some(entry)));
    assert_eq!(get(export, "download?encode=latin1"), ["AE-250000"]);
    assert_eq!(get(edit, "download"), ["AE-250000"]);
    assert_eq!(get(running, "download"), ["AE-270000"]);
    assert_eq!(get(put(&app, guest, 20, 7, None), "download"), ["AE-270000"], "partly done is not done");
    assert_eq!(get(export, "download?encode=shift_jis"), ["AE-280000"]);
    assert_eq!(get(edit, "preview"), ["AE-250000"]);
    assert_eq!(get(put(&app, guest, 32, 5, None), "preview"), ["AE-270000"]);
    assert_eq!(get(preview, "preview"), ["AE-280000"]);
    assert_eq!(get(put(&app, guest, 32, 5, None), "preview/download?encode=x"), ["AE-270000"]);
    assert_eq!(get(preview, "preview/download?encode=x"), ["AE-250000"]);
    assert_eq!(get(preview, "preview/download"), ["AE-280000"]);
    // Imports of roles are jobs too, and are counted.
    role(&app, "r", &json!({}));
    let rows = "- {name: r, users: [], groups: [], admin_users: [nobody], admin_groups: []}";
    let answer = send_yaml(&app, &app.token, "/role/api/v2/import", rows).expect(200).json();
    let job = answer["result"]["job_ids"][0].as_i64().unwrap();
    assert_eq!(app.get(&one(job)).expect(200).json()["status"], 7);
    let metrics = app.get("/metrics").expect(200).body;
    assert!(
        metrics.contains("pagoda_jobs_total{operation=\"import_role\",status=\"warning\"} 1"),
        "{metrics}"
    );
}

fn listing_costs_the_same_for_few_and_many(database: Database) {
    let Some((app, (guest, token), entry)) = scene(database) else { return };
    let cost = |app: &TestApp| crate::statements::cost(app, || drop(listed(app, &token, ""))).0;
    let add = |count: usize| {
        for n in 0..count {
            let target = app.entry(1, json!({"name": format!("{n} of {count}")}));
            put(&app, guest, 28, 2, Some(if n % 2 == 0 { entry } else { target }));
        }
    };
    add(2);
    let few = cost(&app);
    add(20);
    assert_eq!(cost(&app), few);
}

fn exports_and_deletions_stay_without_their_target(database: Database) {
    let Some((app, (guest, token), entry)) = scene(database) else { return };
    let on = |operations: &[i32]| -> Vec<i64> {
        operations.iter().map(|operation| put(&app, guest, *operation, 2, Some(entry))).collect()
    };
    let (kept, gone) = (on(&[3, 6, 8, 12, 20, 22, 26, 29]), on(&[1, 2, 4, 16, 27, 28, 31, 200]));
    assert_eq!(listed(&app, &token, "").len(), kept.len() + gone.len());
    app.delete(&format!("/entry/api/v2/{entry}/")).expect(204);
    let expected: Vec<Value> = kept.iter().rev().map(|id| json!(id)).collect();
    assert_eq!(listed(&app, &token, ""), expected);
    // What is not listed any more is shown by its id.
    app.with_token(&token, "GET", &one(gone[0]), None).expect(200);
}

fn lists_are_paged_newest_first(database: Database) {
    let Some((app, (guest, token), entry)) = scene(database) else { return };
    let all: Vec<i64> = (0..5).map(|_| put(&app, guest, 28, 2, Some(entry))).collect();
    let of_entity = app.with_token(&token, "PUT", "/entity/api/v2/1/", Some(&json!({}))).expect(202);
    assert_eq!(of_entity.body, "");
    let path = format!("{JOBS}?limit=2&offset=1&search=x&ordering=id");
    let page = app.with_token(&token, "GET", &path, None).expect(200).json();
    assert_eq!(
        (&page["count"], column(&page["results"], "id")),
        (&json!(6), vec![json!(all[4]), json!(all[3])])
    );
    assert!(page["next"].as_str().unwrap().contains("offset=3"), "{page}");
    assert!(page["previous"].is_string());
    // Those about entries do not count as about their entity.
    assert_eq!(listed(&app, &token, "?target_id=1").len(), 1);
    assert_eq!(listed(&app, &token, &format!("?target_id={entry}")).len(), 5);
}

fn hidden_jobs_are_not_listed_and_are_shown(database: Database) {
    let Some((app, (guest, token), entry)) = scene(database) else { return };
    for operation in [9, 13, 14, 15, 18, 19, 21, 23, 32] {
        let hidden = put(&app, guest, operation, 2, Some(entry));
        let shown = app.with_token(&token, "GET", &one(hidden), None).expect(200).json();
        assert_eq!(shown["operation"], operation);
    }
    assert!(listed(&app, &token, "").is_empty());
}

fn only_some_operations_can_be_cancelled(database: Database) {
    let Some((app, (guest, token), entry)) = scene(database) else { return };
    for operation in (1..=32).chain([200]) {
        let id = put(&app, guest, operation, 1, Some(entry));
        let answer = app.with_token(&token, "DELETE", &one(id), None);
        let status = app.get(&one(id)).json()["status"].clone();
        if [1, 4, 5, 6, 8, 9, 17, 20, 22, 31, 32].contains(&operation) {
            assert_eq!((answer.expect(204).body.as_str(), status), ("", json!(6)), "{operation}");
        } else {
            assert!(answer.expect(400).json().is_string());
            assert_eq!(status, 1, "{operation}");
        }
    }
}

fn other_methods_are_refused(database: Database) {
    let Some((app, (guest, token), entry)) = scene(database) else { return };
    let id = put(&app, guest, 28, 2, Some(entry));
    for (method, path) in [
        ("POST", JOBS.to_owned()),
        ("PUT", one(id)),
        ("POST", format!("{}download", one(id))),
        ("DELETE", format!("{}preview", one(id))),
        ("PATCH", format!("{}preview/download", one(id))),
        ("GET", format!("{}rerun", one(id))),
        ("POST", format!("{}rerun", one(id))),
        ("DELETE", format!("{}rerun", one(id))),
    ] {
        let answer = app.with_token(&token, method, &path, None).expect(405);
        assert!(answer.json().is_object());
        assert_eq!(answer.codes(), ["AE-999999"], "{method} {path}");
    }
    let put_instead = app.with_token(&token, "PUT", &format!("{}rerun", one(id)), Some(&json!({})));
    assert!(put_instead.expect(405).json().is_string());
}

fn jobs_that_ended_are_counted(database: Database) {
    let Some((app, _, entry)) = scene(database) else { return };
    let names = json!({"copy_entry_names": ["b", "b", "c"]});
    app.post(&format!("/entry/api/v2/{entry}/copy/"), names).expect(200);
    let page = app.get("/metrics").expect(200).body;
    for (operation, status, count) in
        [("copy_entry", "done", 1), ("do_copy_entry", "done", 2), ("do_copy_entry", "error", 1)]
    {
        let line = format!("pagoda_jobs_total{{operation=\"{operation}\",status=\"{status}\"}} {count}");
        assert!(page.lines().any(|known| known == line), "{line}\n{page}");
    }
}
