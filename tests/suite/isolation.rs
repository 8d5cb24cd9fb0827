//! Budgets, breakers and states of plugins: what fails, hangs or is switched off stays where it is.

use crate::server::{Answer, Database, TestApp, on_both_databases};
use crate::wait::Wait;
use pagoda_core::config::Config;
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::plugins::policy::PluginPolicy;
use pagoda_core::store::DatabaseUrl;
use pagoda_plugin_sdk::bridge::EntityQuery;
use pagoda_plugin_sdk::capability::Capability;
use pagoda_plugin_sdk::hook::{BoxFuture, HookInfo, HookReg, ObserveHandler, OnFault};
use pagoda_plugin_sdk::payload::{EntryAfterCreate, EntryBeforeCreate, EntryValidation, SystemStartup};
use pagoda_plugin_sdk::route::{
    IntoResponse, Method, Response, RouteAuth, RouteHandler, RouteReg, RouteRequest,
};
use pagoda_plugin_sdk::testing::Everything;
use pagoda_plugin_sdk::{HookContext, HookResult, PluginDecl, Reject, RouteResult, anyhow, hooks};
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases! {
    async_work_is_cut_off_at_its_budget;
    plain_work_beyond_its_budget_is_a_fault_and_stays;
    the_operator_has_the_last_word_on_budgets;
    a_handler_gets_no_more_answers_beyond_its_hard_limit;
    a_function_that_keeps_failing_is_left_alone_and_tried_again;
    without_a_handler_that_refuses_on_faults_nothing_goes_on;
    a_plugin_that_keeps_failing_is_closed_as_a_whole;
    states_outlive_the_server;
    administrators_switch_plugins;
    only_administrators_see_plugins;
    a_plugin_that_cannot_start_is_left_out;
}

static FAILING: PluginDecl = PluginDecl::new("failing", "Failing", "1.0.0");
static STEADY: PluginDecl =
    PluginDecl::new("steady", "Steady", "1.0.0").with_capabilities(&[Capability::ReadEntities]);

type BeforeCreate = hooks::entry::before_create;
type AfterCreate = hooks::entry::after_create;
type Validation = hooks::pagoda::entry::validation;
type Startup = hooks::system::startup;

fn never<'a>(_: HookContext, _: &'a EntryAfterCreate) -> BoxFuture<'a, HookResult> {
    Box::pin(std::future::pending())
}

fn fails_when_asked(_: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
    if entry.name.starts_with("bad") {
        return Err(anyhow::anyhow!("cannot bear {}", entry.name).into());
    }
    Ok(())
}

fn checks_when_asked(_: &mut HookContext, checked: &EntryValidation) -> HookResult {
    if checked.entry.name.starts_with("bad") {
        return Err(anyhow::anyhow!("cannot check {}", checked.entry.name).into());
    }
    Ok(())
}

fn appends(_: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
    entry.name.push('!');
    Ok(())
}

fn takes_its_time(_: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
    std::thread::sleep(Duration::from_millis(30));
    entry.name.push_str(" late");
    Ok(())
}

/// Asks until it gets no answer any more, and says how often it got none in a row.
fn asks_for_ever(ctx: &mut HookContext, _: &mut EntryBeforeCreate) -> HookResult {
    ctx.lend(|ctx: &mut HookContext<Everything>| {
        loop {
            ctx.db()?.entities(&EntityQuery::default())?;
        }
    })
}

fn route_fails(request: RouteRequest) -> BoxFuture<'static, RouteResult<Response>> {
    Box::pin(async move {
        match request.query.as_str() {
            "well" => pagoda_plugin_sdk::route::Json("well").into_response(),
            "never" => std::future::pending().await,
            _ => Err(anyhow::anyhow!("no luck").into()),
        }
    })
}

fn info(plugin: &'static PluginDecl, function: &'static str) -> HookInfo {
    HookInfo { file: "isolation.rs", line: 1, ..HookInfo::new(plugin, function) }
}

fn route(plugin: &'static PluginDecl) -> RouteReg {
    RouteReg {
        plugin,
        method: Method::Get,
        path: "/fail/",
        auth: RouteAuth::Required,
        function: "route_fails",
        summary: "",
        budget: None,
        file: "isolation.rs",
        line: 2,
        handler: RouteHandler::Async(route_fails),
        describe: |_| {},
    }
}

fn both() -> Contributions {
    Contributions::default().with_plugin(&FAILING).with_plugin(&STEADY)
}

/// Three faults open a breaker for 300 ms.
fn quick(config: &mut Config) {
    let breaker = &mut config.plugins.defaults.breaker;
    breaker.faults = 3;
    breaker.pause = Duration::from_millis(300);
}

fn plugin(app: &TestApp, id: &str) -> Value {
    app.get(&format!("/api/v2/plugins/{id}/")).expect(200).json()
}

/// What is said about a function of a plugin.
fn function(app: &TestApp, id: &str, name: &str) -> Value {
    let found = plugin(app, id);
    let all = ["hooks", "routes"].map(|list| found[list].as_array().unwrap().clone()).concat();
    all.into_iter().find(|one| one["function"] == name).unwrap_or_else(|| panic!("no {name}: {found}"))
}

fn create(app: &TestApp, entity: i64, name: &str) -> Answer {
    app.post(&format!("/entity/api/v2/{entity}/entries/"), json!({"name": name}))
}

fn fail_route(app: &TestApp, query: &str) -> Answer {
    app.get(&format!("/api/v2/plugins/failing/fail/?{query}"))
}

fn async_work_is_cut_off_at_its_budget(database: Database) {
    let budget = Duration::from_millis(50);
    let after = HookInfo { budget: Some(budget), ..info(&FAILING, "never") };
    let plugins = both()
        .with_hook::<AfterCreate>(HookReg { info: after, handler: ObserveHandler::Async(never) })
        .with_route(RouteReg { budget: Some(budget), ..route(&FAILING) });
    let Some(app) = TestApp::with(database, plugins, |_| {}) else { return };
    let (rack, _) = app.entity(json!({"name": "rack"}));
    // What was committed is told, whoever hears of it.
    let id = create(&app, rack, "r1").expect(202).json()["id"].as_i64().unwrap();
    assert_eq!(app.get(&format!("/entry/api/v2/{id}/")).expect(200).json()["name"], "r1");
    let said = function(&app, "failing", "never");
    assert_eq!((&said["calls"], &said["faults"]), (&json!(1), &json!(1)), "{said}");
    assert!(said["last_fault"]["message"].as_str().unwrap().contains("cut off"), "{said}");

    let late = fail_route(&app, "never").expect(504);
    let body = late.json();
    assert!(body["message"].as_str().unwrap().contains("plugin failing"), "{body}");
    assert_eq!(body["code"], "AE-999999");
    let said = function(&app, "failing", "route_fails");
    assert_eq!(said["faults"], 1, "{said}");
    assert_eq!(said["last_fault"]["trace_id"], late.header("x-request-id").unwrap());
    assert_eq!((&said["budget_ms"], &said["hard_limit_ms"]), (&json!(50), &json!(3000)));
}

fn plain_work_beyond_its_budget_is_a_fault_and_stays(database: Database) {
    let late = HookInfo { budget: Some(Duration::from_millis(5)), ..info(&FAILING, "takes_its_time") };
    let plugins = both().with_hook::<BeforeCreate>(HookReg { info: late, handler: takes_its_time });
    let Some(app) = TestApp::with(database, plugins, |_| {}) else { return };
    let (rack, _) = app.entity(json!({"name": "rack"}));
    create(&app, rack, "r1").expect(202);
    assert_eq!(app.entry_names(rack), ["r1 late"]);
    let said = function(&app, "failing", "takes_its_time");
    assert_eq!((&said["calls"], &said["faults"]), (&json!(1), &json!(1)));
    assert!(said["last_fault"]["message"].as_str().unwrap().contains("its budget is 5ms"), "{said}");
    assert!(said["p50_ms"].as_f64().unwrap() >= 30.0, "{said}");
}

fn the_operator_has_the_last_word_on_budgets(database: Database) {
    let late = HookInfo { budget: Some(Duration::from_millis(5)), ..info(&FAILING, "takes_its_time") };
    let plugins = both().with_hook::<BeforeCreate>(HookReg { info: late, handler: takes_its_time });
    let Some(app) = TestApp::with(database, plugins, |config| {
        let mut policy = PluginPolicy::default();
        policy.budgets.insert("takes_its_time".to_owned(), Duration::from_secs(20));
        config.plugins.policies.insert("failing".to_owned(), policy);
    }) else {
        return;
    };
    let (rack, _) = app.entity(json!({"name": "rack"}));
    create(&app, rack, "r1").expect(202);
    let said = function(&app, "failing", "takes_its_time");
    assert_eq!((&said["calls"], &said["faults"]), (&json!(1), &json!(0)), "{said}");
    assert_eq!((&said["budget_ms"], &said["hard_limit_ms"]), (&json!(20_000), &json!(21_000)));
}

fn a_handler_gets_no_more_answers_beyond_its_hard_limit(database: Database) {
    let plugins = both()
        .with_hook::<BeforeCreate>(HookReg { info: info(&STEADY, "asks_for_ever"), handler: asks_for_ever });
    let Some(app) = TestApp::with(database, plugins, |config| {
        let defaults = &mut config.plugins.defaults;
        (defaults.budget, defaults.hard_limit) = (Duration::from_millis(1), Duration::from_millis(1));
    }) else {
        return;
    };
    let (rack, _) = app.entity(json!({"name": "rack"}));
    create(&app, rack, "r1").expect(202);
    let said = function(&app, "steady", "asks_for_ever");
    assert!(
        said["last_fault"]["message"].as_str().unwrap().contains("time of plugin steady is over"),
        "{said}"
    );
    // It came back, so it is no reason to cut the plugin out.
    assert_eq!(plugin(&app, "steady")["state"], "active");
}

fn a_function_that_keeps_failing_is_left_alone_and_tried_again(database: Database) {
    let plugins = both()
        .with_hook::<BeforeCreate>(HookReg {
            info: info(&FAILING, "fails_when_asked"),
            handler: fails_when_asked,
        })
        .with_hook::<BeforeCreate>(HookReg { info: info(&STEADY, "appends"), handler: appends })
        .with_route(route(&FAILING));
    let Some(app) = TestApp::with(database, plugins, quick) else { return };
    let (rack, _) = app.entity(json!({"name": "rack"}));
    for n in 0..3 {
        create(&app, rack, &format!("bad{n}")).expect(202);
    }
    let said = function(&app, "failing", "fails_when_asked");
    assert_eq!((&said["faults"], &said["breaker"]), (&json!(3), &json!("open")), "{said}");
    assert!(said["breaker_reason"].as_str().unwrap().contains("cannot bear bad2"), "{said}");
    assert_eq!(plugin(&app, "failing")["state"], "degraded");
    // Left alone; the others go on, the rest of the plugin too.
    create(&app, rack, "bad again").expect(202);
    let said = function(&app, "failing", "fails_when_asked");
    assert_eq!((&said["calls"], &said["skipped"]), (&json!(3), &json!(1)), "{said}");
    assert!(app.entry_names(rack).contains(&"bad again!".to_owned()));
    fail_route(&app, "well").expect(200);
    // A trial that fails opens it for twice as long, one that goes well closes it.
    std::thread::sleep(Duration::from_millis(320));
    create(&app, rack, "bad trial").expect(202);
    let said = function(&app, "failing", "fails_when_asked");
    assert_eq!((&said["faults"], &said["breaker"]), (&json!(4), &json!("open")), "{said}");
    std::thread::sleep(Duration::from_millis(320));
    create(&app, rack, "too early").expect(202);
    assert_eq!(function(&app, "failing", "fails_when_asked")["calls"], 4);
    std::thread::sleep(Duration::from_millis(320));
    create(&app, rack, "good").expect(202);
    let said = function(&app, "failing", "fails_when_asked");
    assert_eq!((&said["calls"], &said["breaker"]), (&json!(5), &json!("closed")), "{said}");
    assert_eq!(plugin(&app, "failing")["state"], "active");
    // All of it is written down.
    Wait::seconds(2).until("the changes are written down", || {
        let states: Vec<Value> = plugin(&app, "failing")["changes"]
            .as_array()
            .unwrap()
            .iter()
            .rev()
            .map(|change| change["state"].clone())
            .collect();
        states == ["open", "half_open", "open", "half_open", "closed"]
    });
}

fn without_a_handler_that_refuses_on_faults_nothing_goes_on(database: Database) {
    let strict = HookInfo { on_fault: OnFault::Reject, ..info(&FAILING, "checks_when_asked") };
    let plugins = both().with_hook::<Validation>(HookReg { info: strict, handler: checks_when_asked });
    let Some(app) = TestApp::with(database, plugins, |config| {
        quick(config);
        config.plugins.defaults.breaker.pause = Duration::from_secs(60);
    }) else {
        return;
    };
    let (rack, _) = app.entity(json!({"name": "rack"}));
    for n in 0..3 {
        create(&app, rack, &format!("bad{n}")).expect(503);
    }
    let refused = create(&app, rack, "good").expect(503);
    let (body, wait) = (refused.json(), refused.header("retry-after").unwrap().to_owned());
    assert_eq!((&body["plugin"], &body["state"]), (&json!("failing"), &json!("open")), "{body}");
    assert!(body["reason"].as_str().unwrap().contains("cannot check bad2"), "{body}");
    assert!(
        (50..=60).contains(&wait.parse::<u64>().unwrap())
            && body["retry_after"] == wait.parse::<u64>().unwrap()
    );
    assert_eq!(app.entry_names(rack), [""; 0]);
    // An administrator need not wait.
    app.post("/api/v2/plugins/failing/reset", json!({})).expect(200);
    create(&app, rack, "good").expect(202);
}

fn a_plugin_that_keeps_failing_is_closed_as_a_whole(database: Database) {
    let plugins = both()
        .with_hook::<BeforeCreate>(HookReg { info: info(&FAILING, "appends"), handler: appends })
        .with_route(route(&FAILING));
    let Some(app) = TestApp::with(database, plugins, quick) else { return };
    let (rack, _) = app.entity(json!({"name": "rack"}));
    for _ in 0..6 {
        fail_route(&app, "").expect(500);
    }
    let refused = fail_route(&app, "well").expect(503);
    assert_eq!(refused.header("retry-after"), Some("1"));
    let body = refused.json();
    assert_eq!((&body["plugin"], &body["state"]), (&json!("failing"), &json!("open")), "{body}");
    assert!(body["reason"].as_str().unwrap().contains("no luck"), "{body}");
    assert_eq!(plugin(&app, "failing")["state"], "open");
    create(&app, rack, "r1").expect(202);
    assert_eq!(app.entry_names(rack), ["r1"]);
    std::thread::sleep(Duration::from_millis(320));
    fail_route(&app, "well").expect(200);
    assert_eq!(plugin(&app, "failing")["state"], "active");
    create(&app, rack, "r2").expect(202);
    assert_eq!(app.entry_names(rack), ["r1", "r2!"]);
}

fn states_outlive_the_server(database: Database) {
    let directory = tempfile::tempdir().unwrap();
    let url = match database {
        Database::Sqlite => DatabaseUrl::Sqlite(directory.path().join("kept.db")),
        Database::Postgres => {
            let Some(url) = pagoda_test_support::database() else { return };
            DatabaseUrl::parse(&url).unwrap()
        }
    };
    let start = || {
        let plugins = both().with_route(route(&FAILING));
        TestApp::with(database, plugins, |config| {
            quick(config);
            config.plugins.defaults.breaker.pause = Duration::from_secs(60);
            config.database_url = url.clone();
        })
        .unwrap()
    };
    let app = start();
    (0..6).for_each(|_| {
        fail_route(&app, "").expect(500);
    });
    app.post("/api/v2/plugins/steady/disable", json!({})).expect(200);
    Wait::seconds(2).until("the change is written down", || {
        !plugin(&app, "failing")["changes"].as_array().unwrap().is_empty()
    });
    drop(app);
    let app = start();
    assert_eq!(plugin(&app, "failing")["state"], "open");
    assert_eq!(plugin(&app, "steady")["state"], "disabled");
    fail_route(&app, "well").expect(503);
    app.post("/api/v2/plugins/failing/reset", json!({})).expect(200);
    fail_route(&app, "well").expect(200);
}

#[test]
fn all_instances_agree_within_two_seconds() {
    let Some(url) = pagoda_test_support::database() else { return };
    let start = || {
        let plugins = both().with_route(route(&FAILING));
        TestApp::with(Database::Postgres, plugins, |config| {
            quick(config);
            config.plugins.defaults.breaker.pause = Duration::from_secs(60);
            config.database_url = DatabaseUrl::parse(&url).unwrap();
        })
        .unwrap()
    };
    let one = start();
    // The second token takes the place of the first, which both instances forget within a second.
    let mut two = start();
    two.token.clone_from(&one.issue_token(1));
    let one = {
        let mut one = one;
        one.token.clone_from(&two.token);
        one
    };
    let agree = Wait::seconds(2);
    (0..6).for_each(|_| {
        fail_route(&one, "").expect(500);
    });
    agree.until("the breaker is open", || plugin(&two, "failing")["state"] == "open");
    fail_route(&two, "well").expect(503);
    two.post("/api/v2/plugins/failing/reset", json!({})).expect(200);
    agree.until("the breaker is reset", || plugin(&one, "failing")["state"] == "active");
    fail_route(&one, "well").expect(200);
    one.post("/api/v2/plugins/failing/disable", json!({})).expect(200);
    agree.until("the plugin is off", || fail_route(&two, "well").status == 503);
    two.post("/api/v2/plugins/failing/enable", json!({})).expect(200);
    agree.until("the plugin is on", || fail_route(&one, "well").status == 200);
}

fn administrators_switch_plugins(database: Database) {
    let plugins = both()
        .with_hook::<BeforeCreate>(HookReg { info: info(&FAILING, "appends"), handler: appends })
        .with_route(route(&FAILING));
    let Some(app) = TestApp::with(database, plugins, |_| {}) else { return };
    let (rack, _) = app.entity(json!({"name": "rack"}));
    let disabled = app.post("/api/v2/plugins/failing/disable", json!({})).expect(200).json();
    assert_eq!(
        (&disabled["state"], &disabled["reason"]),
        (&json!("disabled"), &json!("admin switched it off"))
    );
    create(&app, rack, "r1").expect(202);
    assert_eq!(app.entry_names(rack), ["r1"]);
    let refused = fail_route(&app, "well").expect(503);
    assert_eq!((refused.header("retry-after"), &refused.json()["state"]), (None, &json!("disabled")));
    // With and without a slash at the end.
    app.post("/api/v2/plugins/failing/enable/", json!({})).expect(200);
    create(&app, rack, "r2").expect(202);
    assert_eq!(app.entry_names(rack), ["r1", "r2!"]);
    app.post("/api/v2/plugins/no-such/enable", json!({})).expect(404);
    app.get("/api/v2/plugins/failing/enable").expect(405);
}

fn only_administrators_see_plugins(database: Database) {
    let Some(app) = TestApp::with(database, both(), |_| {}) else { return };
    let (_, guest) = app.user(|_| {});
    for (method, path) in [
        ("GET", "/api/v2/plugins/"),
        ("GET", "/api/v2/plugins/failing/"),
        ("POST", "/api/v2/plugins/failing/disable"),
        ("POST", "/api/v2/plugins/failing/reset"),
    ] {
        assert_eq!(app.with_token(&guest, method, path, None).expect(403).codes(), ["AE-210000"], "{path}");
        assert_eq!(app.request(method, path, &[], None).expect(403).codes(), ["AE-000000"], "{path}");
    }
    let all = app.get("/api/v2/plugins/").expect(200).json();
    let states: Vec<(&str, &str)> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|plugin| (plugin["id"].as_str().unwrap(), plugin["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [("failing", "active"), ("steady", "active")]);
    assert_eq!(plugin(&app, "steady")["capabilities"], json!(["entities.read"]));
}

fn refuses_to_start(_: &mut HookContext, _: &SystemStartup) -> HookResult {
    Err(Reject::new("there is no licence").into())
}

fn panics_at_the_start(_: &mut HookContext, _: &SystemStartup) -> HookResult {
    panic!("out of cheese")
}

fn a_plugin_that_cannot_start_is_left_out(database: Database) {
    for (handler, part) in [
        (refuses_to_start as fn(&mut HookContext, &SystemStartup) -> HookResult, "there is no licence"),
        (panics_at_the_start, "out of cheese"),
    ] {
        let plugins = both()
            .with_hook::<Startup>(HookReg { info: info(&FAILING, "startup"), handler })
            .with_hook::<BeforeCreate>(HookReg { info: info(&FAILING, "appends"), handler: appends })
            .with_route(route(&FAILING));
        let Some(app) = TestApp::with(database, plugins, |_| {}) else { return };
        let found = plugin(&app, "failing");
        assert_eq!(found["state"], "failed");
        assert!(found["reason"].as_str().unwrap().contains(part), "{found}");
        let (rack, _) = app.entity(json!({"name": "rack"}));
        create(&app, rack, "r1").expect(202);
        assert_eq!(app.entry_names(rack), ["r1"]);
        let refused = fail_route(&app, "well").expect(503).json();
        assert!(refused["reason"].as_str().unwrap().contains(part), "{refused}");
        assert_eq!(plugin(&app, "steady")["state"], "active");
        // Another try ends the same way.
        assert_eq!(
            app.post("/api/v2/plugins/failing/enable", json!({})).expect(200).json()["state"],
            "failed"
        );
    }
    // A wrong configuration is as bad, and no switch helps it.
    let Some(app) = TestApp::with(database, both().with_route(route(&FAILING)), |config| {
        config.plugins.sections.insert("failing".to_owned(), json!({"x": 1}));
    }) else {
        return;
    };
    let found = plugin(&app, "failing");
    assert_eq!(found["state"], "failed");
    assert!(found["reason"].as_str().unwrap().contains("takes no configuration"), "{found}");
    assert!(fail_route(&app, "well").expect(503).json()["reason"].is_string());
    let refused = app.post("/api/v2/plugins/failing/enable", json!({})).expect(400);
    assert!(refused.body.contains("mend that and start the server again"), "{}", refused.body);
}
