//! The audit log as administrators see it: who did what to what, through which plugin and request.

use crate::PLUGIN;
use crate::server::{Answer, Database, TestApp, on_both_databases};
use crate::wait::Wait;
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::services::audit::{Action, AuditObject, AuditRecord, Keys, Report, verify};
use pagoda_core::services::host::Host;
use pagoda_core::store::queries::audit::{AuditFilter, after, count_waiting, head};
use serde_json::{Value, json};

on_both_databases! {
    writes_are_recorded_with_who_what_and_which_request;
    logins_are_recorded_and_passwords_are_not;
    denials_are_recorded_and_reading_is_not;
    what_is_undone_was_not_done;
    what_plugins_do_shows_their_name;
    the_list_is_for_administrators_and_filtered;
    a_server_leaves_a_complete_log;
    without_audit_nothing_is_recorded;
}

/// The whole log, oldest first, once everything that was done by now is in it.
pub(crate) fn log(app: &TestApp) -> Vec<Value> {
    // The queue and the outbox keep their order, so when this is in the log, all before it is.
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let name = format!("mark {}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let mark = AuditRecord::of_server(Action::PluginState).on(AuditObject::plugin(&name));
    app.host.auditor.record(mark);
    Wait::seconds(20).until_ok("the mark is in the log", || {
        let answer = app.get("/api/v2/audit/?limit=1000").expect(200).json();
        let mut rows = answer["results"].as_array().unwrap().clone();
        assert_eq!(answer["count"], rows.len());
        rows.reverse();
        if rows.iter().any(|row| row["object_name"] == name.as_str()) {
            rows.retain(|row| {
                row["object_kind"] != "plugin" || !row["object_name"].as_str().unwrap().starts_with("mark ")
            });
            return Ok(rows);
        }
        Err(rows)
    })
}

/// What was recorded beyond the first `known` rows: action and name.
fn told(rows: &[Value]) -> Vec<String> {
    let one = |row: &Value| {
        format!("{} {}", row["action"].as_str().unwrap(), row["object_name"].as_str().unwrap_or("-"))
    };
    rows.iter().map(one).collect()
}

fn check(host: &Host) -> Report {
    let db = &mut host.store.reader().unwrap();
    db.begin().unwrap();
    verify(db, &Keys::default(), None).unwrap()
}

fn writes_are_recorded_with_who_what_and_which_request(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let known = log(&app);
    assert_eq!(
        told(&known),
        [
            "user.create admin",
            format!("server.start {}", env!("CARGO_PKG_VERSION")).as_str(),
            "token.issue admin"
        ]
    );
    assert_eq!((&known[1]["origin"], &known[2]["origin"]), (&json!("server"), &json!("cli")));

    let (entity, attrs) = app.entity(
        json!({"name": "rack", "attrs": [{"name": "serial", "type": 2}, {"name": "note", "type": 4}]}),
    );
    let path = format!("/entity/api/v2/{entity}/");
    let created = app.post(
        &format!("{path}entries/"),
        json!({"name": "r1", "attrs": [{"id": attrs["serial"], "value": "hush-hush"}]}),
    );
    let entry = created.clone().expect(202).json()["id"].as_i64().unwrap();
    let item = format!("/entry/api/v2/{entry}/");
    app.put(&item, json!({"name": "r2", "attrs": [{"id": attrs["note"], "value": "hush-hush too"}]}))
        .expect(202);
    app.put(&item, json!({"name": "r2", "attrs": [{"id": attrs["note"], "value": "hush-hush too"}]}))
        .expect(202);
    app.delete(&item).expect(204);
    app.post(&format!("{item}restore/"), json!({})).expect(201);
    app.delete(&item).expect(204);
    app.put(
        &path,
        json!({"name": "racks", "note": "hush-hush", "attrs": [{"id": attrs["note"], "name": "remark"}]}),
    )
    .expect(202);
    app.delete(&path).expect(202);
    app.post("/user/api/v2/token/", json!({})).expect(200);
    // That token has ended; the mark and the list need a good one.
    let mut app = app;
    app.token = app.issue_token(1);

    let rows = log(&app).split_off(known.len());
    assert_eq!(
        told(&rows),
        [
            "entity.create rack",
            "entry.create r1",
            "entry.update r2",
            "entry.delete r2",
            "entry.restore r2",
            "entry.delete r2",
            "entity.update racks",
            "entity.delete racks",
            "token.refresh admin",
            "token.issue admin",
        ]
    );
    for (at, row) in rows.iter().take(9).enumerate() {
        assert_eq!(
            (&row["actor"], &row["actor_id"], &row["origin"], &row["plugin"]),
            (&json!("admin"), &json!(1), &json!("http"), &Value::Null)
        );
        assert_eq!(row["seq"], json!(known.len() + 1 + at + 1), "{row}");
        assert!(row["at"].as_str().unwrap().ends_with("+00:00"), "{row}");
    }
    let row = &rows[1];
    assert_eq!(row["trace_id"].as_str(), created.header("x-request-id"));
    assert_eq!((&row["object_kind"], &row["object_id"]), (&json!("entry"), &json!(entry)));
    let reference = json!({"id": entity, "name": "rack"});
    assert_eq!(row["detail"], json!({"entity": reference, "attrs": ["serial"]}));
    assert_eq!(
        rows[2]["detail"],
        json!({"entity": reference, "attrs": ["note"], "name": {"old": "r1", "new": "r2"}})
    );
    assert_eq!(rows[3]["detail"]["in_chain"], false);
    assert!(rows[3]["detail"]["deleted_name"].as_str().unwrap().starts_with("r2_deleted_"), "{}", rows[3]);
    assert_eq!(
        rows[6]["detail"],
        json!({"fields": ["name", "note"], "name": {"old": "rack", "new": "racks"}, "attrs_changed": ["note → remark"]})
    );
    // Values and tokens are nowhere.
    let everything = serde_json::to_string(&rows).unwrap();
    assert!(!everything.contains("hush") && !everything.contains(&app.token), "{everything}");
    assert_eq!(check(&app.host).problems, []);
}

fn cookie(answer: &Answer, name: &str) -> String {
    let prefix = format!("{name}=");
    let mut cookies = answer.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case("set-cookie"));
    let found = cookies.find_map(|(_, value)| value.strip_prefix(&prefix)?.split(';').next());
    found.unwrap_or_else(|| panic!("no cookie {name}: {answer:?}")).to_owned()
}

fn logins_are_recorded_and_passwords_are_not(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let known = log(&app).len();
    let csrf = cookie(&app.request("GET", "/auth/login/", &[], None).expect(200), "csrftoken");
    let post = |user: &str, password: &str| {
        let body = format!("csrfmiddlewaretoken={csrf}&username={user}&password={password}");
        let cookies = format!("csrftoken={csrf}");
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", cookies.as_str())];
        app.request("POST", "/auth/login/", &headers, Some(body.as_bytes()))
    };
    let tried = post("admin", "open-sesame").expect(200);
    post("nobody", "open-sesame").expect(200);
    post("a%00b", "open-sesame").expect(200);
    let entered = post("admin", "secret").expect(302);
    let (session, csrf) = (cookie(&entered, "sessionid"), cookie(&entered, "csrftoken"));
    let cookies = format!("sessionid={session}; csrftoken={csrf}");
    let headers = [("Cookie", cookies.as_str()), ("X-CSRFToken", csrf.as_str())];
    app.request("POST", "/auth/logout/", &headers, Some(b"")).expect(200);
    assert!(tried.headers.iter().all(|(_, value)| !value.contains("open-sesame")));

    let rows = log(&app).split_off(known);
    assert_eq!(
        told(&rows),
        [
            "auth.login_failed admin",
            "auth.login_failed nobody",
            "auth.login_failed a\u{fffd}b",
            "auth.login admin",
            "auth.logout admin",
        ]
    );
    // Whether there is such a user cannot be read from it.
    let without_name = |row: &Value| {
        let mut row = row.clone();
        for key in ["seq", "at", "object_name", "trace_id", "hash", "prev_hash"] {
            row.as_object_mut().unwrap().remove(key);
        }
        row
    };
    assert_eq!(without_name(&rows[0]), without_name(&rows[1]));
    assert_eq!((&rows[0]["actor"], &rows[0]["object_kind"]), (&Value::Null, &json!("user")));
    assert_eq!((&rows[3]["actor"], &rows[3]["object_id"]), (&json!("admin"), &json!(1)));
    assert_eq!(rows[4]["actor"], "admin");
    let everything = serde_json::to_string(&rows).unwrap();
    assert!(
        !everything.contains("sesame") && !everything.contains("secret") && !everything.contains(&session),
        "{everything}"
    );
}

fn denials_are_recorded_and_reading_is_not(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (_, guest) = app.user(|_| {});
    let (_, reader) = app.user(|user| (user.is_readonly, user.username) = (true, "reader".to_owned()));
    // A handler of the test plugin lets nobody but administrators see it.
    let (hidden, _) = app.entity(json!({"name": "secret"}));
    let (open, _) = app.entity(json!({"name": "open"}));
    let entry = app.entry(open, json!({"name": "e"}));
    let known = log(&app);
    for path in [
        "/entity/api/v2/".to_owned(),
        format!("/entity/api/v2/{open}/"),
        format!("/entity/api/v2/{open}/entries/"),
        format!("/entry/api/v2/{entry}/"),
        "/user/api/v2/me".to_owned(),
        "/user/api/v2/token/".to_owned(),
        "/api/v2/audit/".to_owned(),
        "/api/schema/".to_owned(),
        "/health/ready".to_owned(),
        "/auth/login/".to_owned(),
        format!("/entity/api/v2/{hidden}/"),
    ] {
        app.get(&path).expect(200);
    }
    app.get("/entry/api/v2/999999/").expect(404);
    // Reading leaves no trace but the marks of this test.
    assert_eq!(log(&app).len(), known.len());

    let denied = app.with_token(&guest, "GET", &format!("/entity/api/v2/{hidden}/"), None).expect(403);
    app.with_token(&reader, "PUT", &format!("/entry/api/v2/{entry}/"), Some(&json!({"name": "f"})))
        .expect(403);
    app.with_token(&reader, "POST", "/entity/api/v2/", Some(&json!({"name": "x"}))).expect(403);
    app.with_token(&guest, "GET", "/api/v2/audit/", None).expect(403);
    let rows = log(&app).split_off(known.len());
    assert_eq!(told(&rows), ["auth.denied secret", "auth.denied e", "auth.denied -", "auth.denied -"]);
    assert_eq!(rows[0]["trace_id"].as_str(), denied.header("x-request-id"));
    assert_eq!((&rows[0]["actor"], &rows[0]["object_id"]), (&json!("guest"), &json!(hidden)));
    assert_eq!(rows[0]["detail"], json!({"level": 2, "denied_by": "test-plugin"}));
    assert_eq!((&rows[1]["actor"], &rows[1]["object_kind"]), (&json!("reader"), &json!("entry")));
    assert_eq!(rows[1]["detail"], json!({"level": 4, "denied_by": null}));
    assert_eq!((&rows[3]["actor"], &rows[3]["object_kind"]), (&json!("guest"), &Value::Null));
    assert_eq!(app.host.auditor.lost(), 0);
}

fn what_is_undone_was_not_done(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    app.entity(json!({"name": "log"}));
    let (guarded, _) = app.entity(json!({"name": "guarded"}));
    let (faulty, _) = app.entity(json!({"name": "panic-in-transform"}));
    let (logged, _) = app.entity(json!({"name": "logged"}));
    let known = log(&app).len();
    let entries = |id: i64| format!("/entity/api/v2/{id}/entries/");
    // Refused after handlers wrote: rolled back with their writes and its records.
    app.post(&entries(guarded), json!({"name": "x"})).expect(503);
    app.post(&entries(logged), json!({"name": "a\tb"})).expect(400);
    app.post(&entries(logged), json!({})).expect(400);
    app.post("/entity/api/v2/", json!({"name": "log"})).expect(400);
    assert_eq!(told(&log(&app)[known..]), Vec::<String>::new());
    // Handlers that failed are undone, the operation itself is not.
    let entry = app.entry(faulty, json!({"name": "whole"}));
    app.put(&format!("/entry/api/v2/{entry}/"), json!({"name": "still whole"})).expect(202);
    assert_eq!(told(&log(&app)[known..]), ["entry.create whole", "entry.update still whole"]);
    assert_eq!(check(&app.host).problems, []);
}

fn what_plugins_do_shows_their_name(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    app.entity(json!({"name": "log"}));
    let (logged, _) = app.entity(json!({"name": "logged"}));
    let (observed, _) = app.entity(json!({"name": "observed"}));
    let known = log(&app).len();
    let plugins = |rows: &[Value]| rows.iter().map(|row| row["plugin"].clone()).collect::<Vec<_>>();
    let (test, nobody) = (json!("test-plugin"), Value::Null);
    // From a handler inside the transaction, from observers after it, from a route.
    app.entry(logged, json!({"name": "x"}));
    app.entry(observed, json!({"name": "y"}));
    let rows = log(&app).split_off(known);
    assert_eq!(
        told(&rows),
        [
            "entry.create x",
            "entry.create x",
            "entry.create y",
            "entry.create 1 y",
            "entry.create 2 y",
            "entry.create 3 y",
        ]
    );
    assert_eq!(plugins(&rows), [&test, &nobody, &nobody, &test, &test, &test].map(Clone::clone));
    assert_eq!(rows[0]["trace_id"], rows[1]["trace_id"]);
    assert_eq!((&rows[0]["actor"], &rows[5]["actor"]), (&json!("admin"), &json!("admin")));
    app.post("/api/v2/plugins/test-plugin/exercise/", json!({})).expect(200);
    let rows = log(&app).split_off(known + rows.len());
    assert!(
        told(&rows).starts_with(&["entity.create by-plugin".to_owned(), "entry.create one".to_owned()]),
        "{rows:?}"
    );
    assert!(plugins(&rows).iter().all(|plugin| *plugin == test), "{rows:?}");
}

fn the_list_is_for_administrators_and_filtered(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (_, guest) = app.user(|_| {});
    app.entity(json!({"name": "log"}));
    let (logged, _) = app.entity(json!({"name": "logged"}));
    let created = app.post(&format!("/entity/api/v2/{logged}/entries/"), json!({"name": "a"})).expect(202);
    let entry = created.json()["id"].as_i64().unwrap();
    let trace = created.header("x-request-id").unwrap();
    app.with_token(&guest, "POST", "/entity/api/v2/", Some(&json!({"name": "of a guest"}))).expect(202);
    let all = log(&app);

    let names = |query: &str| {
        let answer = app.get(&format!("/api/v2/audit/?{query}")).expect(200).json();
        assert_eq!(answer["count"], answer["results"].as_array().unwrap().len(), "{query}");
        told(answer["results"].as_array().unwrap())
    };
    assert_eq!(names("actor=guest"), ["entity.create of a guest"]);
    assert_eq!(names("action=entity.create&actor=admin"), ["entity.create logged", "entity.create log"]);
    assert_eq!(names(&format!("object_kind=entry&object_id={entry}")), ["entry.create a"]);
    assert_eq!(names(&format!("object_kind=user&object_id={entry}")), Vec::<String>::new());
    assert_eq!(names("object_name=log&object_kind=entity"), ["entity.create log"]);
    assert_eq!(names("plugin=test-plugin"), ["entry.create a"]);
    assert_eq!(names(&format!("trace_id={trace}")), ["entry.create a", "entry.create a"]);
    let at = |index: usize| all[index]["at"].as_str().unwrap().replace('+', "%2B");
    let first = names(&format!("until={}", at(1)));
    assert_eq!(first, ["user.create admin"]);
    assert_eq!(names(&format!("since={}&until={}", at(1), at(2))).len(), 1);
    assert_eq!(names("until=2001-01-01"), Vec::<String>::new());
    assert!(names("since=2001-01-01&actor=").len() >= all.len());

    // Pages as those of the other lists, newest first.
    let page = app.get("/api/v2/audit/?action=entity.create&limit=2").expect(200).json();
    assert_eq!(
        (&page["count"], told(page["results"].as_array().unwrap())),
        (&json!(3), vec!["entity.create of a guest".to_owned(), "entity.create logged".to_owned()])
    );
    let next = page["next"].as_str().unwrap().strip_prefix(&app.base).unwrap();
    let page = app.get(next).expect(200).json();
    assert_eq!(
        (told(page["results"].as_array().unwrap()), &page["next"]),
        (vec!["entity.create log".to_owned()], &Value::Null)
    );
    let next = app.get("/api/v2/audit/?limit=999999").expect(200).json()["next"].clone();
    assert_eq!(next, Value::Null);

    app.request("GET", "/api/v2/audit/", &[], None).expect(403);
    // Who may not is told nothing about the form.
    app.with_token(&guest, "GET", "/api/v2/audit/?since=nonsense", None).expect(403);
    let wrong = "since=yesterday&until=2026-13-01&action=entry.created&object_id=x";
    let answer = app.get(&format!("/api/v2/audit/?{wrong}")).expect(400);
    assert_eq!(answer.codes().len(), 4);
    let complaints = answer.json();
    assert!(
        complaints["since"][0]["message"].as_str().unwrap().contains("2026-01-31T12:00:00Z"),
        "{complaints}"
    );
    assert!(complaints["action"][0]["message"].as_str().unwrap().contains("entry.create,"), "{complaints}");
    app.post("/api/v2/audit/", json!({})).expect(405);
    app.request("GET", "/api/v2/audit", &[], None).expect(301);
    let schema = app.get("/api/schema/?format=json").expect(200).json();
    let parameters = schema["paths"]["/api/v2/audit/"]["get"]["parameters"].as_array().unwrap().clone();
    assert_eq!(parameters.len(), 11);
    let described = schema["components"]["schemas"]["AuditItem"]["properties"].as_object().unwrap();
    let shown = all[0].as_object().unwrap();
    assert!(described.keys().eq(shown.keys()), "{described:?} {shown:?}");
}

fn a_server_leaves_a_complete_log(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (_, reader) = app.user(|user| user.is_readonly = true);
    app.entity(json!({"name": "last"}));
    // In the queue, where only an orderly stop gets it from.
    app.with_token(&reader, "POST", "/entity/api/v2/", Some(&json!({"name": "x"}))).expect(403);
    let host = std::sync::Arc::clone(&app.host);
    // The database of SQLite goes with its directory.
    let directory = app.stop();
    let db = &mut host.store.reader().unwrap();
    let rows = after(db, &AuditFilter::default(), 0, 100).unwrap();
    let actions: Vec<&str> = rows.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions[actions.len() - 3..], ["entity.create", "auth.denied", "server.stop"]);
    let report = check(&host);
    assert_eq!((report.problems, report.waiting, host.auditor.lost()), (vec![], 0, 0));
    drop(directory);
}

fn without_audit_nothing_is_recorded(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::default(), |config| config.audit = false) else {
        return;
    };
    let (_, reader) = app.user(|user| user.is_readonly = true);
    app.entity(json!({"name": "unseen"}));
    app.with_token(&reader, "POST", "/entity/api/v2/", Some(&json!({"name": "x"}))).expect(403);
    let db = &mut app.host.store.reader().unwrap();
    assert_eq!((count_waiting(db).unwrap(), head(db).unwrap().unwrap().seq), (0, 0));
    assert_eq!(app.get("/api/v2/audit/").expect(200).json()["count"], 0);
}

/// Two servers over one database seal at the same time.
#[test]
fn several_servers_keep_one_chain() {
    let Some(url) = pagoda_test_support::database() else { return };
    let start = || {
        let url = pagoda_core::store::DatabaseUrl::parse(&url).unwrap();
        TestApp::with(Database::Postgres, Contributions::default(), |config| config.database_url = url)
            .unwrap()
    };
    let apps = [start(), start()];
    // The second one's token replaced the first one's.
    let token = &apps[1].token;
    let (entity, _) = apps[1].entity(json!({"name": "shared"}));
    let path = format!("/entity/api/v2/{entity}/entries/");
    std::thread::scope(|scope| {
        for (number, app) in apps.iter().enumerate() {
            let path = &path;
            scope.spawn(move || {
                for entry in 0..60 {
                    let body = json!({"name": format!("{number}/{entry}")});
                    app.with_token(token, "POST", path, Some(&body)).expect(202);
                }
            });
        }
    });
    Wait::seconds(20).until("the outbox is emptied", || {
        count_waiting(&mut apps[0].host.store.reader().unwrap()).unwrap() == 0
    });
    assert_eq!(check(&apps[0].host).problems, []);
    let db = &mut apps[0].host.store.reader().unwrap();
    let created = AuditFilter { action: Some("entry.create".to_owned()), ..AuditFilter::default() };
    let rows = after(db, &created, 0, 1_000).unwrap();
    let mut names: Vec<_> = rows.into_iter().map(|row| row.object_name.unwrap()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 120);
}
