//! Start and stop of a server in this process; the binary's own are in `app/tests`.

use crate::process::{Process, command};
use crate::server::{Database, TestApp, on_both_databases};
use crate::{PLUGIN, Plugin};
use pagoda_core::config::Config;
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::server;
use pagoda_core::store::DatabaseUrl;
use pagoda_plugin_sdk::prelude::*;
use pagoda_plugin_sdk::time::Zone;
use serde_json::json;
use std::time::{Duration, Instant};

on_both_databases! {
    a_process_that_is_told_to_stop_ends_well;
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

#[get("/slow/")]
async fn slow(ctx: RouteContext<Plugin>) -> RouteResult<Json<()>> {
    // Blocks inside the transaction thread, as a slow query would.
    ctx.data(|db| {
        db.entities(&EntityQuery::default())?;
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
    std::thread::sleep(Duration::from_millis(200));
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
