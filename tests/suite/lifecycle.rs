//! Start and stop of a server in this process; the binary's own are in `app/tests`.

use crate::process::{Process, command};
use crate::server::{Database, TestApp, on_both_databases};
use crate::wait::Wait;
use crate::{PLUGIN, Plugin};
use pagoda_core::config::Config;
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::server;
use pagoda_core::services::ctx::OpCtx;
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::store::DatabaseUrl;
use pagoda_core::store::queries::job as jobs;
use pagoda_core::store::rows::NewJob;
use pagoda_plugin_sdk::prelude::*;
use pagoda_plugin_sdk::time::Zone;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

on_both_databases! {
    a_process_that_is_told_to_stop_ends_well;
    jobs_are_given_up_and_forgotten_in_time;
}

/// A job of the administrator, asked for and last changed so many seconds ago.
fn job(app: &TestApp, status: i32, asked: i64, changed: i64) -> i64 {
    let put = move |op: &mut OpCtx| {
        let ago = |seconds: i64| op.now.as_micros() - seconds * 1_000_000;
        let new = NewJob {
            owner_id: 1,
            operation: 27,
            status,
            params: "{}".to_owned(),
            created_at: ago(asked),
            updated_at: ago(changed),
            ..NewJob::default()
        };
        Ok(jobs::insert(&mut op.db, &new)?)
    };
    Runner::of_server(&app.host, None).run_blocking(Mode::Write, put).unwrap()
}

/// *Source: spec, job §3 and §4.*
fn jobs_are_given_up_and_forgotten_in_time(database: Database) {
    let mut url = None;
    let keep = |config: &mut Config| {
        config.jobs.timeout = Duration::from_secs(60);
        url = Some(config.database_url.clone());
    };
    let Some(app) = TestApp::with(database, Contributions::default(), keep) else { return };
    let seconds = |id: i64| app.get(&format!("/job/api/v2/{id}/")).expect(200).json()["passed_time"].as_i64();
    assert_eq!(seconds(job(&app, 5, 100, 70)), Some(30), "given up");
    assert!(seconds(job(&app, 5, 100, 20)) >= Some(100), "worked on");

    let day = 86_400;
    let [old, waiting, young] =
        [(2, 31), (1, 31), (3, 29)].map(|(status, days)| job(&app, status, days * day + 9, days * day));
    let _directory = app.stop();
    let clean = |config: &mut Config| {
        config.jobs.retention_days = Some(30);
        config.database_url = url.unwrap();
    };
    let app = TestApp::with(database, Contributions::default(), clean).unwrap();
    let path = |id: i64| format!("/job/api/v2/{id}/");
    Wait::seconds(30).until("the old job is gone", || app.get(&path(old)).status == 404);
    app.get(&path(waiting)).expect(200);
    app.get(&path(young)).expect(200);
}

fn a_process_that_is_told_to_stop_ends_well(database: Database) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = command(directory.path());
    if database == Database::Postgres {
        let Some(url) = pagoda_test_support::database() else { return };
        command.env("DATABASE_URL", url);
    }
    let mut server = Process::start(&mut command);
    assert_eq!(server.get("/health/ready").0, 200);
    server.signal("TERM");
    let status = server.wait();
    assert!(status.success(), "{status}: {:#?}", server.rest_of_log());
}

#[hook(system.startup)]
fn refuse_kiritimati(ctx: &mut HookContext, startup: &SystemStartup) -> HookResult {
    assert!(startup.plugins.contains(&"test-plugin".to_owned()), "{startup:?}");
    // The zone stands for a condition that a plugin may need.
    if ctx.request().zone.iso(Timestamp::default()).ends_with("-10:40") {
        return Err(Reject::new("not in this zone").into());
    }
    Ok(())
}

#[test]
fn a_plugin_may_refuse_the_start_where_all_must_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.strict = true;
    config.database_url = DatabaseUrl::Sqlite(directory.path().join("pagoda.db"));
    config.time_zone = Zone::named("Pacific/Kiritimati").unwrap();
    let Err(error) = server::prepare(config, Contributions::of(&[&PLUGIN])) else {
        panic!("the server started")
    };
    let text = format!("{error:#}");
    assert!(text.contains("test-plugin") && text.contains("not in this zone"), "{text}");
}

/// Whether somebody is inside the slow route.
static IS_INSIDE: AtomicBool = AtomicBool::new(false);

#[get("/slow/")]
async fn slow(ctx: RouteContext<Plugin>) -> RouteResult<Json<()>> {
    // Blocks inside the transaction thread, as a slow query would.
    ctx.data(|db| {
        db.entities(&EntityQuery::default())?;
        IS_INSIDE.store(true, Ordering::Release);
        std::thread::sleep(Duration::from_millis(600));
        Ok(())
    })
    .await?;
    Ok(Json(()))
}

#[test]
fn a_stop_lets_running_requests_finish() {
    let app = TestApp::with(Database::Sqlite, Contributions::of(&[&PLUGIN]), |_| {}).unwrap();
    let (base, token) = (app.base.clone(), app.token.clone());
    let started = Instant::now();
    let request = std::thread::spawn(move || {
        let url = format!("{base}/api/v2/plugins/test-plugin/slow/");
        ureq::get(&url)
            .header("Authorization", format!("Token {token}"))
            .call()
            .map(|answer| answer.status().as_u16())
    });
    Wait::seconds(60).until("the request arrives", || IS_INSIDE.load(Ordering::Acquire));
    // Dropping it stops the server and waits for that.
    drop(app);
    assert_eq!(request.join().unwrap().unwrap(), 200);
    assert!(started.elapsed() >= Duration::from_millis(600));
}

#[test]
fn what_is_wrong_with_plugins_stops_a_strict_start_and_is_named_all_together() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.strict = true;
    config.database_url = DatabaseUrl::Sqlite(directory.path().join("pagoda.db"));
    config.plugins.enabled = Some(vec!["test-plugin".into(), "no-such-plugin".into()]);
    config.plugins.sections.insert("test-plugin".to_owned(), json!({"x": 1}));
    let Err(error) = server::prepare(config, Contributions::of(&[&PLUGIN])) else {
        panic!("the server started")
    };
    let text = format!("{error:#}");
    for part in ["2 problems", "no-such-plugin", "--features no-such-plugin", "takes no configuration"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!directory.path().join("pagoda.db").exists(), "nothing was made before the checks");
}
