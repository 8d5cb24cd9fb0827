//! Every hook point that says it fires does, from every path there is; the others say what they wait for.

use crate::contract::send_yaml;
use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_plugin_sdk::catalogue::{FiringState, POINTS};
use pagoda_plugin_sdk::hook::{HookInfo, HookReg, ObserveHandler};
use pagoda_plugin_sdk::{HookContext, HookResult, PluginDecl};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

on_both_databases! {
    every_point_fires_that_says_so;
}

static ON_SQLITE: PluginDecl = PluginDecl::new("recorder-sqlite", "Recorder", "1");
static ON_POSTGRES: PluginDecl = PluginDecl::new("recorder-postgres", "Recorder", "1");

/// Names of the points that fired, by plugin.
static FIRED: Mutex<BTreeMap<&str, Vec<&str>>> = Mutex::new(BTreeMap::new());

fn record(ctx: &HookContext) -> HookResult {
    FIRED.lock().unwrap().entry(ctx.plugin().id).or_default().push(ctx.point().name);
    Ok(())
}

fn fired(plugin: &PluginDecl) -> Vec<&'static str> {
    FIRED.lock().unwrap().remove(plugin.id).unwrap_or_default()
}

macro_rules! recorders {
    ($({ $field:ident $kind:ident $payload:ident [$($path:tt)+] $slice:ident })*) => {
        /// One handler on each of the points.
        fn recorder(plugin: &'static PluginDecl) -> Contributions {
            Contributions::default().with_plugin(plugin)
                $(.with_hook::<pagoda_plugin_sdk::$($path)+>(HookReg {
                    info: HookInfo::new(plugin, "record"),
                    handler: recorders!(@handler $kind),
                }))*
        }
    };
    (@handler Observe) => { ObserveHandler::Plain(|ctx, _| record(&ctx)) };
    (@handler $other:ident) => { |ctx, _| record(ctx) };
}
pagoda_plugin_sdk::__private::with_hook_points!(recorders);

/// What asks for the operation that a silent point waits for. As soon as one of them answers anything but
/// "no such route", its points have to fire, and to be exercised below.
const AWAITED: [(&str, &str, &str); 4] = [
    ("entity import", "POST", "/entity/api/v2/import"),
    ("entity export", "GET", "/entity/api/v2/export"),
    ("entry import", "POST", "/entry/api/v2/import/"),
    ("entry export", "POST", "/entry/api/v2/1/export/"),
];

fn every_point_fires_that_says_so(database: Database) {
    let plugin = if database == Database::Sqlite { &ON_SQLITE } else { &ON_POSTGRES };
    let Some(app) = TestApp::with(database, recorder(plugin), |_| {}) else { return };
    let mut all: BTreeSet<&str> = fired(plugin).into_iter().collect();
    let mut after = |what: &str, expected: &[&str]| {
        let now = fired(plugin);
        let seen: Vec<&str> =
            now.iter().copied().filter(|point| *point != "user.before_permission_check").collect();
        assert_eq!(seen, expected, "{what}");
        all.extend(now);
    };
    let (entity, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}, {"name": "o", "type": 2}]}));
    after(
        "entity creation and detail",
        &[
            "entity.before_create",
            "pagoda.entity.validation",
            "entity.after_create",
            "pagoda.job.after_run",
            "entity.get_attrs",
        ],
    );
    let path = format!("/entity/api/v2/{entity}/");
    app.put(&path, json!({"note": "n"})).expect(202);
    after(
        "entity update",
        &["entity.before_update", "pagoda.entity.validation", "entity.after_update", "pagoda.job.after_run"],
    );

    let entry = app.entry(entity, json!({"name": "x", "attrs": [{"id": attrs["s"], "value": "1"}]}));
    after(
        "entry creation",
        &[
            "entry.before_create",
            "attribute.before_create",
            "pagoda.entry.validation",
            "attribute.after_create",
            "entry.after_create",
            "pagoda.job.after_run",
        ],
    );
    let searched =
        ["pagoda.search.before_query", "pagoda.search.results_filter", "pagoda.search.after_query"];
    app.get("/entry/api/v2/search/?query=x").expect(200);
    after("a simple search", &searched);
    app.get(&format!("/entity/api/v2/{entity}/entries/?search=x")).expect(200);
    after("a list with a search", &searched);
    let body = json!({"entities": [entity], "attrinfo": [{"name": "s", "keyword": "1"}]});
    app.post("/entry/api/v2/advanced_search/", body).expect(200);
    after("an advanced search", &searched);
    let body = json!({"entities": [entity], "attrs": [{"name": "s"}]});
    app.post("/entry/api/v2/advanced_search_chain/", body).expect(200);
    after("a chain search", &searched);
    let entry_path = format!("/entry/api/v2/{entry}/");
    app.get(&entry_path).expect(200);
    after("entry detail", &["entry.get_attrs"]);
    app.put(&entry_path, json!({"attrs": [{"id": attrs["s"], "value": "2"}]})).expect(202);
    after(
        "changing a value",
        &[
            "entry.before_update",
            "attribute.before_update",
            "pagoda.entry.validation",
            "attribute.after_update",
            "entry.after_update",
            "pagoda.job.after_run",
        ],
    );
    app.put(&entry_path, json!({"attrs": [{"id": attrs["s"], "value": "2"}]})).expect(202);
    after(
        "writing the same value",
        &["entry.before_update", "pagoda.entry.validation", "entry.after_update", "pagoda.job.after_run"],
    );
    app.put(
        &entry_path,
        json!({"attrs": [{"id": attrs["s"], "value": ""}, {"id": attrs["o"], "value": "1"}]}),
    )
    .expect(202);
    after(
        "clearing one value and giving another",
        &[
            "entry.before_update",
            "attribute.before_delete",
            "attribute.before_create",
            "pagoda.entry.validation",
            "attribute.after_delete",
            "attribute.after_create",
            "entry.after_update",
            "pagoda.job.after_run",
        ],
    );
    app.put(&path, json!({"attrs": [{"id": attrs["o"], "is_deleted": true}]})).expect(202);
    after(
        "removing a definition",
        &[
            "entity.before_update",
            "pagoda.entity.validation",
            "attribute.before_delete",
            "attribute.after_delete",
            "entity.after_update",
            "pagoda.job.after_run",
        ],
    );
    app.delete(&entry_path).expect(204);
    after("entry deletion", &["entry.before_delete", "entry.after_delete", "pagoda.job.after_run"]);
    app.post(&format!("{entry_path}restore/"), json!({})).expect(201);
    after("entry restoration", &["entry.before_restore", "entry.after_restore"]);
    app.delete(&entry_path).expect(204);
    app.delete(&path).expect(202);
    after(
        "entity deletion",
        &[
            "entry.before_delete",
            "entry.after_delete",
            "pagoda.job.after_run",
            "entity.before_delete",
            "entity.after_delete",
            "pagoda.job.after_run",
        ],
    );

    // Refused operations fire nothing that observes their success.
    let (entity, _) = app.entity(json!({"name": "f"}));
    fired(plugin);
    app.post(&format!("/entity/api/v2/{entity}/entries/"), json!({"name": "a\tb"})).expect(400);
    after("a refused creation", &["entry.before_create"]);
    let (_, reader) = app.user(|user| user.is_readonly = true);
    app.with_token(&reader, "DELETE", &format!("/entity/api/v2/{entity}/"), None).expect(403);
    after("a denied deletion", &["pagoda.auth.permission_denied"]);

    for (area, row) in [
        ("/group/api/v2/groups/", "- name: g"),
        ("/role/api/v2/", "- {name: r, users: [], groups: [], admin_users: [], admin_groups: []}"),
    ] {
        send_yaml(&app, &app.token, &format!("{area}import"), row).expect(200);
        let mut expected = vec!["data.before_import", "data.after_import"];
        if area.contains("role") {
            expected.splice(1..1, ["pagoda.job.before_run", "pagoda.job.after_run"]);
        }
        after("an import", &expected);
        app.get(&format!("{area}export")).expect(200);
        after("an export", &["data.before_export", "data.after_export"]);
        send_yaml(&app, &app.token, &format!("{area}import"), "- name: ''").expect(400);
        after("an import without form", &[]);
    }

    every_other_way(&app, plugin, &mut after);
    log_in_and_out(&app, &mut after);
    drop(app);
    all.extend(fired(plugin));

    let firing = POINTS.iter().filter(|point| matches!(point.state, FiringState::Fires(_)));
    let firing: BTreeSet<&str> = firing.map(|point| point.name).collect();
    let silent: Vec<_> = firing.difference(&all).collect();
    assert!(silent.is_empty(), "these say that they fire and did not: {silent:?}");
    let surprising: Vec<_> = all.difference(&firing).collect();
    assert!(surprising.is_empty(), "these fired and say that they do not: {surprising:?}");
}

/// What changes entries in other ways fires what it comes down to.
fn every_other_way(app: &TestApp, plugin: &PluginDecl, after: &mut impl FnMut(&str, &[&str])) {
    let (entity, attrs) = app.entity(json!({"name": "ways", "attrs": [{"name": "s", "type": 2}]}));
    let attr = attrs["s"];
    let entry = app.entry(entity, json!({"name": "w", "attrs": [{"id": attr, "value": "1"}]}));
    let path = format!("/entry/api/v2/{entry}/");
    fired(plugin);
    let creation = ["entry.before_create", "attribute.before_create", "pagoda.entry.validation"];
    let update = ["entry.before_update", "attribute.before_update", "pagoda.entry.validation"];
    let updated = ["attribute.after_update", "entry.after_update"];
    app.post(&format!("{path}copy/"), json!({"copy_entry_names": ["copy"]})).expect(200);
    let mut expected = vec!["pagoda.entry.validation", "pagoda.job.before_run", "pagoda.job.before_run"];
    expected.extend(creation);
    expected.extend([
        "attribute.after_create",
        "entry.after_create",
        "pagoda.job.after_run",
        "pagoda.job.after_run",
    ]);
    after("a copy", &expected);
    app.post(&format!("{path}copy/"), json!({"copy_entry_names": ["x".repeat(201)]})).expect(200);
    let failed =
        ["pagoda.entry.validation", "pagoda.job.before_run", "pagoda.job.before_run", "entry.before_create"];
    let over = ["pagoda.job.after_run", "pagoda.job.on_error", "pagoda.job.after_run"];
    after("a copy that fails", &[&failed[..], &over].concat());

    let value = json!({"modelid": entity, "value": {"id": attr, "value": "2"}, "hint_entry": {"filter_key": 1, "keyword": "^w$"}});
    app.put("/entry/api/v2/bulk/", value).expect(202);
    let bulk = [&["pagoda.job.before_run"][..], &update, &updated, &["pagoda.job.after_run"]].concat();
    after("a bulk update", &bulk);

    let history = app.get(&format!("{path}histories/")).json();
    let first = &history["results"][1]["id"];
    let restore = format!("/entry/api/v2/{first}/attrv_restore/");
    app.with_token(&app.token, "PATCH", &restore, Some(&json!({}))).expect(200);
    after("restoring a value", &[&update[..], &updated].concat());
    let at = pagoda_plugin_sdk::time::Timestamp::now().utc_iso();
    app.put(&path, json!({"attrs": [{"id": attr, "value": "3"}]})).expect(202);
    fired(plugin);
    app.post("/entry/api/v2/rollback/", json!({"targets": [entry], "at": at})).expect(200);
    after("a rollback", &[&update[..], &updated].concat());
    app.put(&path, json!({"name": "v"})).expect(202);
    fired(plugin);
    let names = app.get(&format!("{path}self_histories/")).json();
    let back = json!({"history_id": names["results"][1]["history_id"]});
    app.post(&format!("{path}restore_self_history/"), back).expect(200);
    after("restoring a name", &["entry.after_update"]);
    let query = format!("/entry/api/v2/bulk_delete/?ids={entry}&isAll=true");
    app.delete(&query).expect(204);
    let gone = ["entry.after_delete", "pagoda.job.after_run"];
    let deletion = [["entry.before_delete"; 2], gone, gone].concat();
    after("a bulk deletion", &deletion);
}

fn log_in_and_out(app: &TestApp, after: &mut impl FnMut(&str, &[&str])) {
    let key = "a".repeat(64);
    let cookie = format!("csrftoken={key}");
    let login = |password: &str| {
        let body = format!("csrfmiddlewaretoken={key}&username=admin&password={password}");
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", cookie.as_str())];
        app.request("POST", "/auth/login/", &headers, Some(body.as_bytes()))
    };
    login("wrong").expect(200);
    after("a failed login", &["pagoda.auth.login_failure"]);
    let entered = login("secret").expect(302);
    after("a login", &["pagoda.auth.login_success", "user.after_login"]);
    let session = entered.headers.iter().find_map(|(_, value)| value.strip_prefix("sessionid=")).unwrap();
    let session = session.split(';').next().unwrap();
    let cookies = format!("sessionid={session}; {cookie}");
    app.request("POST", "/auth/logout/", &[("Cookie", &cookies), ("X-CSRFToken", &key)], None).expect(200);
    after("a logout", &["user.after_logout"]);
}

#[test]
fn points_that_wait_for_an_operation_wait_for_one_that_is_not_there() {
    let app = TestApp::bare(Database::Sqlite).unwrap();
    for point in &POINTS {
        let FiringState::Awaits(operation) = point.state else { continue };
        let (_, method, path) = AWAITED
            .iter()
            .find(|(name, _, _)| *name == operation)
            .unwrap_or_else(|| panic!("nobody watches for `{operation}`, which {} awaits", point.name));
        let status = app.request(method, path, &[], None).status;
        assert_eq!(status, 404, "{method} {path} is there: {} has to fire from it", point.name);
    }
}
