//! A panic and an error in every hook point, on every path that fires it: the operation's result is right, what the
//! handler wrote is gone, the others run, and the fault is there for administrators to see.
//!
//! `handlers.rs` has the handlers, `scene.rs` the operations. A point that waits for its operation is fired inside
//! an operation by hand; as soon as it says that it fires, [`scene::operations`] has to know how.

mod handlers;
mod scene;

use crate::server::{Answer, Database, TestApp};
use handlers::{Fault, MESSAGE};
use pagoda_core::config::Config;
use pagoda_core::server;
use pagoda_core::services::ctx::OpCtx;
use pagoda_core::services::entity::{self, EntityInput};
use pagoda_core::services::error::OpError;
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::store::DatabaseUrl;
use pagoda_core::store::queries::user::active_by_username;
use pagoda_plugin_sdk::catalogue::{FiringState, HookPoint, POINTS, by_name};
use pagoda_plugin_sdk::context::{Origin, RequestInfo};
use pagoda_plugin_sdk::model::User;
use scene::{Operation, Scene};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

macro_rules! every_point {
    ($($module:ident: $point:literal;)*) => {
        /// The points that have tests.
        const TESTED: &[&str] = &[$($point),*];

        $(mod $module {
            use super::{Database, Fault, test};

            #[test]
            fn an_error_on_sqlite() {
                test($point, Fault::Error, Database::Sqlite);
            }
            #[test]
            fn an_error_on_postgres() {
                test($point, Fault::Error, Database::Postgres);
            }
            #[test]
            fn a_panic_on_sqlite() {
                test($point, Fault::Panic, Database::Sqlite);
            }
            #[test]
            fn a_panic_on_postgres() {
                test($point, Fault::Panic, Database::Postgres);
            }
        })*
    };
}

every_point! {
    entity_before_create: "entity.before_create";
    entity_after_create: "entity.after_create";
    entity_before_update: "entity.before_update";
    entity_after_update: "entity.after_update";
    entity_before_delete: "entity.before_delete";
    entity_after_delete: "entity.after_delete";
    entry_before_create: "entry.before_create";
    entry_after_create: "entry.after_create";
    entry_before_update: "entry.before_update";
    entry_after_update: "entry.after_update";
    entry_before_delete: "entry.before_delete";
    entry_after_delete: "entry.after_delete";
    attribute_before_create: "attribute.before_create";
    attribute_after_create: "attribute.after_create";
    attribute_before_update: "attribute.before_update";
    attribute_after_update: "attribute.after_update";
    attribute_before_delete: "attribute.before_delete";
    attribute_after_delete: "attribute.after_delete";
    user_after_login: "user.after_login";
    user_after_logout: "user.after_logout";
    user_before_permission_check: "user.before_permission_check";
    system_startup: "system.startup";
    system_shutdown: "system.shutdown";
    data_before_import: "data.before_import";
    data_after_import: "data.after_import";
    data_before_export: "data.before_export";
    data_after_export: "data.after_export";
    pagoda_entity_validation: "pagoda.entity.validation";
    pagoda_entity_after_import: "pagoda.entity.after_import";
    pagoda_entity_before_export: "pagoda.entity.before_export";
    pagoda_entry_validation: "pagoda.entry.validation";
    pagoda_entry_after_import: "pagoda.entry.after_import";
    pagoda_entry_before_export: "pagoda.entry.before_export";
    pagoda_search_before_query: "pagoda.search.before_query";
    pagoda_search_after_query: "pagoda.search.after_query";
    pagoda_search_results_filter: "pagoda.search.results_filter";
    pagoda_auth_login_success: "pagoda.auth.login_success";
    pagoda_auth_login_failure: "pagoda.auth.login_failure";
    pagoda_auth_permission_denied: "pagoda.auth.permission_denied";
    pagoda_job_before_run: "pagoda.job.before_run";
    pagoda_job_after_run: "pagoda.job.after_run";
    pagoda_job_on_error: "pagoda.job.on_error";
    entry_before_restore: "entry.before_restore";
    entry_after_restore: "entry.after_restore";
    entry_get_attrs: "entry.get_attrs";
    entity_get_attrs: "entity.get_attrs";
}

#[test]
fn no_point_is_without_its_tests() {
    let points: Vec<&str> = POINTS.iter().map(|point| point.name).collect();
    let untested: Vec<_> = points.iter().filter(|point| !TESTED.contains(point)).collect();
    assert!(untested.is_empty(), "without tests: {untested:?}");
    assert_eq!(points.len(), TESTED.len(), "tests for points that do not exist");
}

/// Breakers stay closed and nothing is too slow: only the faults on purpose count.
fn patient(config: &mut Config) {
    config.plugins.defaults.breaker.faults = 1_000_000;
    config.plugins.defaults.budget = Duration::from_secs(60);
    config.plugins.defaults.hard_limit = Duration::from_secs(120);
}

fn test(point: &'static str, fault: Fault, database: Database) {
    let info = by_name(point).unwrap();
    let ways = scene::operations(point);
    let waits = matches!(info.state, FiringState::Awaits(_));
    match (point, ways.is_empty()) {
        ("system.startup", _) => return at_the_start(fault, database),
        ("system.shutdown", _) => return at_the_end(fault, database),
        (_, true) => assert!(waits, "{point} fires and scene.rs does not know how"),
        (_, false) => assert!(!waits, "{point} has operations and says that it awaits one"),
    }
    if waits {
        return by_hand(point, fault, database);
    }
    for way in ways {
        let Some(app) = TestApp::with(database, handlers::on(point, fault), patient) else { return };
        over_http(&Scene::new(app), point, &way);
    }
}

/// The fault as administrators see it; `trace_id` is absent where answers do not carry it.
#[track_caller]
fn assert_counted(app: &TestApp, plugin: &str, point: &'static str, trace_id: Option<&str>) {
    let shown = app.get(&format!("/api/v2/plugins/{plugin}/")).expect(200).json();
    let functions: Vec<&Value> =
        shown["hooks"].as_array().unwrap().iter().filter(|f| f["hook"] == point).collect();
    assert!(!functions.is_empty(), "{shown}");
    for function in functions {
        assert!(function["faults"].as_u64().unwrap() >= 1, "{function}");
        let last = &function["last_fault"];
        assert!(last["message"].as_str().unwrap().contains(MESSAGE), "{function}");
        let in_request = last["trace_id"].as_str().unwrap();
        match trace_id {
            Some(trace_id) => assert_eq!(in_request, trace_id, "{function}"),
            None => assert!(!in_request.is_empty(), "{function}"),
        }
        if plugin == handlers::BRITTLE.id {
            assert!(handlers::heard(in_request, point), "who looks on was not called");
        }
    }
    let others = app.get("/api/v2/plugins/bystander/").expect(200).json();
    assert_eq!(others["state"], "active");
    for function in others["hooks"].as_array().unwrap() {
        // Who comes after a refusal is not called.
        assert!(plugin != handlers::BRITTLE.id || function["calls"].as_u64().unwrap() >= 1, "{others}");
        assert_eq!((&function["faults"], &function["last_fault"]), (&json!(0), &Value::Null), "{others}");
    }
}

fn over_http(scene: &Scene, point: &'static str, way: &Operation) {
    if by_name(point).unwrap().kind.may_reject() {
        let unbending = scene.unbending();
        let before = scene.state();
        let answer = (way.act)(scene, &unbending);
        assert_refused(&answer);
        assert_eq!(scene.state(), before, "something was stored");
        assert_counted(&scene.app, handlers::STUBBORN.id, point, answer.header("x-request-id"));
    }
    let unlucky = scene.unlucky(point);
    let answer = (way.act)(scene, &unlucky).expect(way.status);
    (way.right)(scene, &answer);
    scene.assert_no_leftovers();
    assert_counted(&scene.app, handlers::BRITTLE.id, point, answer.header("x-request-id"));
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(answer.codes(), ["AE-999999"]);
    assert!(answer.header("retry-after").is_some() && !answer.body.contains(MESSAGE), "{answer:?}");
}

/// Whatever says so is left out and the rest serves, in strict mode the server does not start.
fn at_the_start(fault: Fault, database: Database) {
    let point = "system.startup";
    let Some(app) = TestApp::with(database, handlers::on(point, fault), patient) else { return };
    assert_counted(&app, "brittle", point, Some("server"));
    let shown = app.get("/api/v2/plugins/brittle/").json();
    assert_eq!(shown["state"], "failed");
    assert!(shown["reason"].as_str().unwrap().contains(MESSAGE), "{shown}");
    let scene = Scene::new(app);
    scene.assert_no_leftovers();
    drop(scene);

    let directory = tempfile::tempdir().unwrap();
    let url = match database {
        Database::Sqlite => DatabaseUrl::Sqlite(directory.path().join("pagoda.db")),
        Database::Postgres => DatabaseUrl::parse(&pagoda_test_support::database().unwrap()).unwrap(),
    };
    let mut config = Config { database_url: url, strict: true, ..Config::default() };
    config.admin_password = Some("secret".to_owned());
    let refused = server::prepare(config, handlers::on(point, fault)).err().expect("it starts").to_string();
    assert!(refused.contains("plugin brittle cannot be started") && refused.contains(MESSAGE), "{refused}");
}

/// The server ends in order.
fn at_the_end(fault: Fault, database: Database) {
    let point = "system.shutdown";
    let Some(app) = TestApp::with(database, handlers::on(point, fault), patient) else { return };
    app.entity(json!({"name": "e"}));
    let host = Arc::clone(&app.host);
    // Fails if the server does.
    drop(app.stop());
    let functions = host.registry.functions().iter();
    let brittle: Vec<_> =
        functions.filter(|function| std::ptr::eq(function.is.plugin, &raw const handlers::BRITTLE)).collect();
    assert_eq!(brittle.len(), 3);
    for function in brittle {
        let last = function.last_fault().expect("no fault was counted");
        assert_eq!((function.counts().faults, &*last.trace_id), (1, "server"));
        assert!(last.message.contains(MESSAGE), "{}", last.message);
    }
    let statistics = host.registry.tables().statistics();
    let looked: Vec<_> = statistics.iter().filter(|stat| stat.plugin == "bystander").collect();
    assert!(looked.iter().all(|stat| (stat.calls, stat.faults) == (1, 0)), "{looked:?}");
    assert!(!looked.is_empty());
}

/// Fires the point inside an operation that writes, as its operation will one day.
fn by_hand(point: &'static str, fault: Fault, database: Database) {
    let Some(app) = TestApp::with(database, handlers::on(point, fault), patient) else { return };
    let scene = Scene::new(app);
    let run = |name: &'static str, trace_id: &str| -> Result<(), OpError> {
        let user = user_named(&scene.app, name);
        let request =
            RequestInfo::new(Some(user), trace_id.into(), Origin::Http, scene.app.host.zone.clone());
        Runner::new(Arc::clone(&scene.app.host), Arc::new(request)).run_blocking(Mode::Write, |op| {
            let input = EntityInput { name: Some(format!("of {name}")), ..EntityInput::default() };
            entity::create(op, input)?;
            fire(op, point)
        })
    };
    // Trace ids of the same length as real ones, and as unique.
    let unique = |what: &str| format!("{what} {point} {fault:?} {database:?}");
    if by_name(point).unwrap().kind.may_reject() {
        scene.unbending();
        let before = scene.state();
        let refused = run(handlers::UNBENDING, &unique("reject")).unwrap_err();
        assert!(
            matches!(refused, OpError::PluginFault { plugin: "stubborn", hook } if hook == point),
            "{refused:?}"
        );
        assert_eq!(scene.state(), before, "something was stored");
        assert_counted(&scene.app, "stubborn", point, Some(&unique("reject")));
    }
    scene.unlucky(point);
    run(handlers::UNLUCKY, &unique("isolate")).unwrap();
    assert!(scene.state().to_string().contains("\"of unlucky\""), "the operation was not committed");
    scene.assert_no_leftovers();
    assert_counted(&scene.app, "brittle", point, Some(&unique("isolate")));
}

fn user_named(app: &TestApp, name: &str) -> Arc<User> {
    let find = |op: &mut OpCtx| Ok(active_by_username(&mut op.db, name)?);
    let row = Runner::of_server(&app.host, None).run_blocking(Mode::Read, find).unwrap().unwrap();
    let mut user = User::default();
    (user.id, user.username, user.is_superuser) = (row.id, row.username, row.is_superuser);
    Arc::new(user)
}

macro_rules! by_kind {
    ($({ $field:ident $kind:ident $payload:ident [$($path:tt)+] $slice:ident })*) => {
        /// Fires a point with a payload that says nothing.
        fn fire(op: &mut OpCtx, point: &str) -> Result<(), OpError> {
            $(if point == <pagoda_plugin_sdk::$($path)+>::info().name {
                return by_kind!(@fire $kind, op, pagoda_plugin_sdk::$($path)+);
            })*
            panic!("there is no point {point}");
        }
    };
    (@fire Transform, $op:ident, $point:path) => { $op.transform::<$point>(&mut Default::default()) };
    (@fire Filter, $op:ident, $point:path) => { $op.filter::<$point>(&mut Default::default()) };
    (@fire Check, $op:ident, $point:path) => { $op.check::<$point>(Default::default) };
    (@fire Observe, $op:ident, $point:path) => {{
        $op.observe::<$point>(Default::default);
        Ok(())
    }};
}
pagoda_plugin_sdk::__private::with_hook_points!(by_kind);
