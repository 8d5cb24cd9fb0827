//! Capabilities: what a plugin has not declared and what is withheld from it is refused whatever its types
//! say, acting users keep their own limits, and a plugin that acts as itself is seen to.

use crate::server::{Database, TestApp, on_both_databases};
use crate::{PLUGIN, Plugin};
use pagoda_core::config::Config;
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::server;
use pagoda_core::services::ctx::OpCtx;
use pagoda_core::services::error::OpError;
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::services::{plugin_account, user};
use pagoda_core::store::DatabaseUrl;
use pagoda_core::store::queries::{entity as entities, user as users};
use pagoda_core::store::rows::NewUser;
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::bridge::{BridgeResult, EntityChange};
use pagoda_plugin_sdk::capability::Capability;
use pagoda_plugin_sdk::context::{Origin, RequestInfo};
use pagoda_plugin_sdk::hook::{HookInfo, HookReg};
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::prelude::*;
use pagoda_plugin_sdk::route::{Method, RouteAuth, RouteHandler, RouteReg, RouteRequest};
use pagoda_plugin_sdk::testing::Everything;
use serde_json::{Value, json};
use std::sync::Arc;

on_both_databases! {
    what_is_not_declared_is_refused_whatever_the_types_say;
    what_is_withheld_is_refused;
    a_plugin_route_can_do_no_more_than_its_user;
    acting_as_the_plugin_shows_in_history;
    a_plugin_that_acts_as_itself_has_its_own_limits;
    a_panic_gives_the_operation_back_to_its_user;
    without_the_capability_there_is_no_account;
}

/// Runs something of the host's own.
fn in_host<T: Send>(
    app: &TestApp,
    mut work: impl FnMut(&mut OpCtx) -> Result<T, OpError>,
) -> Result<T, OpError> {
    let request = RequestInfo::new(None, "test".into(), Origin::Cli, app.host.zone.clone());
    Runner::new(Arc::clone(&app.host), Arc::new(request)).run_blocking(Mode::Write, |op| work(op))
}

/// Leaves users this level on an entity.
fn limit(app: &TestApp, entity: i64, level: Level) {
    in_host(app, |op| {
        let mut row = entities::by_id(&mut op.db, entity)?.expect("the entity is there");
        (row.is_public, row.default_permission) = (false, level.code());
        Ok(entities::update(&mut op.db, &row)?)
    })
    .unwrap();
}

static BARE: PluginDecl = PluginDecl::new("bare", "Bare", "1");

/// What a call of a bridge needed and did not have.
fn refused<T>(outcome: BridgeResult<T>) -> String {
    match outcome {
        Err(BridgeError::Capability { plugin: "bare", capability, withheld: false }) => {
            capability.to_string()
        }
        Err(other) => format!("another error: {other}"),
        Ok(_) => "passed".to_owned(),
    }
}

/// Tries everything with a context that was cast to one that may do everything.
fn try_everything(request: RouteRequest) -> RouteResult<Response> {
    let ctx = request.context.typed::<Everything>();
    let seen = ctx.data_blocking(|db| {
        Ok(json!([
            refused(db.entities(&EntityQuery::default())),
            refused(db.entity(1)),
            refused(db.entity_by_name("e")),
            refused(db.create_entity(NewEntity::default())),
            refused(db.update_entity(1, EntityChange::default())),
            refused(db.delete_entity(1)),
            refused(db.entries(&EntryQuery::default())),
            refused(db.entry(1)),
            refused(db.entry_by_name(1, "x")),
            refused(db.create_entry(1, NewEntry::default())),
            refused(db.update_entry(1, EntryChange::default())),
            refused(db.delete_entry(1)),
            refused(db.restore_entry(1)),
            refused(db.history(1, 0, 0)),
        ]))
    })?;
    let acted = ctx.as_plugin().data_blocking(|_| Ok(())).unwrap_err();
    let acted = refused::<()>(Err(acted.downcast()?));
    Response::json(200, &json!({"data": seen, "acted": acted}))
}

/// The bridge about users, and a refusal as the answer.
fn try_users(request: RouteRequest) -> RouteResult<Response> {
    let ctx = request.context.typed::<Everything>();
    let tried = wait_for(ctx.bridges(|bridges| {
        let mut auth = bridges.auth();
        let user = auth.current_user().map(|user| user.username.clone());
        let may = auth.has_permission(ObjectKind::Entity, 1, Level::Full)?;
        let rest =
            json!([refused(auth.groups()), refused(auth.roles()), refused(auth.authenticate_token("x"))]);
        Ok(json!({"user": user, "may": may, "rest": rest}))
    }))?;
    if request.query == "fail" {
        ctx.data_blocking(|db| Ok(db.entity(1)?))?;
    }
    Response::json(200, &tried)
}

/// Waits on a thread that may block.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Handle::current().block_on(future)
}

/// Writes with a context that was cast, from inside the transaction.
fn write_undeclared(ctx: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
    entry.name.push('!');
    ctx.lend(|ctx: &mut HookContext<Everything>| {
        let mut new = NewEntry::default();
        new.name = "written undeclared".to_owned();
        ctx.db()?.create_entry(entry.entity.id, new)?;
        Ok(())
    })
}

fn route(path: &'static str, handler: fn(RouteRequest) -> RouteResult<Response>) -> RouteReg {
    RouteReg {
        plugin: &BARE,
        method: Method::Get,
        path,
        auth: RouteAuth::Required,
        function: path,
        summary: "",
        budget: None,
        file: file!(),
        line: line!(),
        handler: RouteHandler::Plain(handler),
        describe: |_| {},
    }
}

fn what_is_not_declared_is_refused_whatever_the_types_say(database: Database) {
    let info = HookInfo::new(&BARE, "write_undeclared");
    let bare = Contributions::default()
        .with_plugin(&BARE)
        .with_route(route("/everything/", try_everything))
        .with_route(route("/users/", try_users))
        .with_hook::<hooks::entry::before_create>(HookReg { info, handler: write_undeclared });
    let Some(app) = TestApp::with(database, bare, |_| {}) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    assert_eq!(entity, 1);
    let (re, we, rn, wn) = ("entities.read", "entities.write", "entries.read", "entries.write");
    let tried = app.get("/api/v2/plugins/bare/everything/").expect(200).json();
    assert_eq!(tried["data"], json!([re, re, re, we, we, we, rn, rn, rn, wn, wn, wn, wn, rn]));
    assert_eq!(tried["acted"], "plugin.act");
    let users = "users.read";
    assert_eq!(
        app.get("/api/v2/plugins/bare/users/").expect(200).json(),
        json!({"user": "admin", "may": true, "rest": [users, users, users]})
    );
    let failed = app.get("/api/v2/plugins/bare/users/?fail").expect(403);
    assert_eq!(failed.codes(), ["AE-210000"]);
    assert_eq!(failed.json()["message"], "plugin bare has not declared the capability `entities.read`");
    // In a hook it is a fault like others: isolated, undone, counted.
    app.entry(entity, json!({"name": "x"}));
    assert_eq!(app.entry_names(entity), ["x"]);
    assert_eq!(app.host.registry.tables().statistics()[0].faults, 1);
    assert_eq!(app.host.registry.grants().refused(&BARE), 15 + 3 + 4 + 1);
}

/// Creates an entry as the user of the request.
#[post("/capabilities/{entity}/{name}/")]
async fn create(
    ctx: RouteContext<Plugin>,
    Path((entity, name)): Path<(i64, String)>,
) -> RouteResult<Json<i64>> {
    let created = ctx.data(move |db| {
        let mut new = NewEntry::default();
        new.name = name;
        Ok(db.create_entry(entity, new)?.id)
    });
    Ok(Json(created.await?))
}

/// Which entities and entries the user of the request sees.
#[get("/capabilities/seen/")]
async fn seen(ctx: RouteContext<Plugin>) -> RouteResult<Json<Value>> {
    let seen = ctx.read(|db| {
        let entities = db.entities(&EntityQuery::default())?.into_iter().map(|entity| entity.name);
        let entities: Vec<_> = entities.collect();
        let entries: Vec<_> =
            db.entries(&EntryQuery::default())?.into_iter().map(|entry| entry.name).collect();
        Ok(json!([entities, entries]))
    });
    Ok(Json(seen.await?))
}

#[hook(entry.before_create, entity = "withheld")]
fn write_withheld(ctx: &mut HookContext<Plugin>, entry: &mut EntryBeforeCreate) -> HookResult {
    entry.name = ctx.db()?.entity(entry.entity.id)?.name;
    let mut new = NewEntry::default();
    new.name = "second".to_owned();
    ctx.db()?.create_entry(entry.entity.id, new)?;
    Ok(())
}

fn withholding(names: &[&str]) -> impl FnOnce(&mut Config) {
    let withhold: Vec<String> = names.iter().map(ToString::to_string).collect();
    move |config| config.plugins.policies.entry("test-plugin".to_owned()).or_default().withhold = withhold
}

fn what_is_withheld_is_refused(database: Database) {
    let test = Contributions::of(&[&PLUGIN]);
    let Some(app) = TestApp::with(database, test, withholding(&["entries.write"])) else { return };
    let (entity, _) = app.entity(json!({"name": "withheld"}));
    let base = "/api/v2/plugins/test-plugin/capabilities";
    let refused = app.post(&format!("{base}/{entity}/x/"), json!({})).expect(403);
    assert_eq!(refused.codes(), ["AE-210000"]);
    let sentence = "the operator withholds the capability `entries.write` from plugin test-plugin";
    assert_eq!(refused.json()["message"], sentence);
    // What is left to it works; in a hook the refusal is a fault, and the operation goes on.
    app.entry(entity, json!({"name": "first"}));
    assert_eq!(app.get(&format!("{base}/seen/")).expect(200).json(), json!([["withheld"], ["first"]]));
    let faults: Vec<_> = app.host.registry.tables().statistics();
    let faults: Vec<_> = faults.iter().filter(|stat| stat.faults > 0).map(|stat| stat.function).collect();
    assert_eq!(faults, ["write_withheld"]);
    assert_eq!(app.host.registry.grants().refused(&PLUGIN), 2);
}

#[test]
fn a_policy_that_means_nothing_stops_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.database_url = DatabaseUrl::Sqlite(directory.path().join("pagoda.db"));
    withholding(&["entries.wriet", "http.out", "entries.read"])(&mut config);
    let Err(error) = server::prepare(config, Contributions::of(&[&PLUGIN])) else {
        panic!("the server started")
    };
    let text = format!("{error:#}");
    for part in [
        "2 problems",
        "[plugin_policy.test-plugin] withhold: `entries.wriet` is no capability",
        "[plugin_policy.test-plugin] withhold: plugin test-plugin does not declare `http.out`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_plugin_does_not_act_as_a_person() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.database_url = DatabaseUrl::Sqlite(directory.path().join("pagoda.db"));
    config.admin_password = Some("secret".to_owned());
    let before = server::prepare(config.clone(), Contributions::default()).unwrap();
    let request = RequestInfo::new(None, "test".into(), Origin::Cli, before.host().zone.clone());
    let person = NewUser { username: "plugin:test-plugin".to_owned(), is_active: true, ..NewUser::default() };
    Runner::new(Arc::clone(before.host()), Arc::new(request))
        .run_blocking(Mode::Write, |op| Ok(users::insert(&mut op.db, &person)?))
        .unwrap();
    drop(before);
    let Err(error) = server::prepare(config, Contributions::of(&[&PLUGIN])) else {
        panic!("the server started")
    };
    let text = format!("{error:#}");
    assert!(text.contains("somebody can log in as `plugin:test-plugin`; rename that account"), "{text}");
}

fn a_plugin_route_can_do_no_more_than_its_user(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let ids = ["open", "shown", "hidden"].map(|name| app.entity(json!({"name": name})).0);
    for id in ids {
        app.entry(id, json!({"name": format!("of {id}")}));
    }
    limit(&app, ids[1], Level::Readable);
    limit(&app, ids[2], Level::Nothing);
    let (_, guest) = app.user(|_| {});
    let base = "/api/v2/plugins/test-plugin/capabilities";
    let create = |token: &str, entity: i64| {
        app.with_token(token, "POST", &format!("{base}/{entity}/new/"), Some(&json!({})))
    };
    create(&guest, ids[0]).expect(200);
    for closed in [ids[1], ids[2]] {
        let denied = create(&guest, closed).expect(403);
        assert_eq!(denied.codes(), ["AE-210000"]);
        assert!(!denied.body.contains("capability"), "{denied:?}");
        assert_eq!(app.entry_names(closed).len(), 1);
    }
    let seen = app.with_token(&guest, "GET", &format!("{base}/seen/"), None).expect(200).json();
    let own = [format!("of {}", ids[0]), format!("of {}", ids[1]), "new".to_owned()];
    assert_eq!(seen, json!([["open", "shown"], own]));
    create(&app.token, ids[2]).expect(200);
}

/// Creates and changes entries as the user and as the plugin, and tells who did what.
#[post("/capabilities/as-plugin/{entity}/{attr}/")]
async fn as_plugin(
    ctx: RouteContext<Plugin>,
    Path((entity, attr)): Path<(i64, i64)>,
) -> RouteResult<Json<Value>> {
    let write = move |name: &'static str| {
        move |db: &mut Data<'_, Plugin>| {
            let mut new = NewEntry::default();
            new.name = name.to_owned();
            new.attrs = vec![AttrInput { id: attr, value: json!(name) }];
            Ok(db.create_entry(entity, new)?.id)
        }
    };
    ctx.data(write("by the user")).await?;
    let own = ctx.as_plugin().data(write("by the plugin")).await?;
    let refused = ctx.as_plugin().read(write("while reading")).await.unwrap_err();
    let told = ctx.bridges(move |bridges| {
        bridges.as_plugin(|bridges| {
            let mut change = EntryChange::default();
            change.attrs = vec![AttrInput { id: attr, value: json!("again by the plugin") }];
            bridges.data().update_entry(own, change)?;
            Ok(())
        })?;
        let mut change = EntryChange::default();
        change.attrs = vec![AttrInput { id: attr, value: json!("at last by the user") }];
        bridges.data().update_entry(own, change)?;
        let history = bridges.data().history(own, 0, 0)?;
        let who: Vec<_> = history.into_iter().map(|version| version.created_user).collect();
        let entries = bridges.data().entries(&EntryQuery::default())?.into_iter();
        Ok(json!({"history": who, "entries": entries.map(|entry| entry.created_user).collect::<Vec<_>>()}))
    });
    let mut told = told.await?;
    told["reading"] = matches!(refused.downcast_ref(), Some(BridgeError::ReadOnly(_))).into();
    told["user"] = ctx.user().map(|user| user.username.clone()).into();
    Ok(Json(told))
}

fn acting_as_the_plugin_shows_in_history(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let path = format!("/api/v2/plugins/test-plugin/capabilities/as-plugin/{entity}/{}/", attrs["s"]);
    let told = app.post(&path, json!({})).expect(200).json();
    let plugin = "plugin:test-plugin";
    assert_eq!(
        told,
        json!({"history": ["admin", plugin, plugin], "entries": ["admin", plugin], "reading": true, "user": "admin"})
    );
    // Nobody logs in as it, gets a token for it, or takes its name.
    let account = in_host(&app, |op| Ok(users::by_username(&mut op.db, plugin)?)).unwrap().unwrap();
    assert!(!account.is_active && !account.is_superuser && account.password_hash.is_none(), "{account:?}");
    assert!(in_host(&app, |op| Ok(users::active_by_username(&mut op.db, plugin)?)).unwrap().is_none());
    let token = app.issue_token(account.id);
    app.with_token(&token, "GET", "/entity/api/v2/", None).expect(403);
    let taken = in_host(&app, |op| user::create(op, "plugin:other", "secret", false)).unwrap_err();
    assert!(taken.to_string().contains("belong to plugins"), "{taken}");
    let (_, _) = app.user(|user| user.username = "plugin:bare".to_owned());
    let person = in_host(&app, |op| plugin_account::account(op, &BARE)).unwrap_err();
    assert!(person.to_string().contains("somebody can log in as `plugin:bare`"), "{person}");
}

/// Reads an entity as the plugin, and again as the user.
#[get("/capabilities/reads/{entity}/", auth = none)]
async fn reads(ctx: RouteContext<Plugin>, Path(entity): Path<i64>) -> RouteResult<Json<Value>> {
    let as_plugin = ctx.as_plugin().read(move |db| Ok(db.entity(entity)?.name)).await.ok();
    let as_user = ctx.read(move |db| Ok(db.entity(entity)?.name)).await.ok();
    Ok(Json(json!([as_plugin, as_user])))
}

fn a_plugin_that_acts_as_itself_has_its_own_limits(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (open, _) = app.entity(json!({"name": "open"}));
    let (closed, _) = app.entity(json!({"name": "closed"}));
    limit(&app, closed, Level::Nothing);
    let path = |entity: i64| format!("/api/v2/plugins/test-plugin/capabilities/reads/{entity}/");
    assert_eq!(app.get(&path(open)).expect(200).json(), json!(["open", "open"]));
    assert_eq!(app.get(&path(closed)).expect(200).json(), json!([null, "closed"]));
    // Also where nobody is logged in.
    let anonymous = |entity: i64| app.request("GET", &path(entity), &[], None).expect(200).json();
    assert_eq!((anonymous(open), anonymous(closed)), (json!(["open", null]), json!([null, null])));
}

#[hook(entry.before_create, entity = "acted")]
fn act_inside(ctx: &mut HookContext<Plugin>, entry: &mut EntryBeforeCreate) -> HookResult {
    let entity = entry.entity.id;
    let name = format!("beside {}", entry.name);
    ctx.db_as_plugin(|db| {
        let mut new = NewEntry::default();
        new.name = name;
        Ok(db.create_entry(entity, new)?)
    })?;
    let user = ctx.auth()?.current_user().map(|user| user.username.clone());
    assert_eq!(user.as_deref(), Some("admin"), "the user acts again");
    assert!(!entry.name.starts_with("bad"), "on purpose");
    Ok(())
}

#[hook(pagoda.entry.validation, entity = "acted")]
fn panic_while_acting(ctx: &mut HookContext<Plugin>, _entry: &EntryValidation) -> HookResult {
    Ok(ctx.db_as_plugin(|_| panic!("on purpose"))?)
}

/// Who created the entries of an entity.
#[get("/capabilities/authors/{entity}/")]
async fn authors(ctx: RouteContext<Plugin>, Path(entity): Path<i64>) -> RouteResult<Json<Value>> {
    let found = ctx.read(move |db| {
        let mut query = EntryQuery::default();
        query.entity = Some(entity);
        let rows = db.entries(&query)?.into_iter();
        Ok(rows.map(|entry| json!([entry.name, entry.created_user])).collect::<Value>())
    });
    Ok(Json(found.await?))
}

fn a_panic_gives_the_operation_back_to_its_user(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (entity, _) = app.entity(json!({"name": "acted"}));
    app.entry(entity, json!({"name": "good"}));
    app.entry(entity, json!({"name": "bad"}));
    let authors = app.get(&format!("/api/v2/plugins/test-plugin/capabilities/authors/{entity}/")).json();
    // What was written before the panic is undone, and the entry is the user's.
    let expected = json!([["beside good", "plugin:test-plugin"], ["good", "admin"], ["bad", "admin"]]);
    assert_eq!(authors, expected);
    let faults = app.host.registry.tables().statistics();
    let faults: Vec<_> =
        faults.iter().filter(|stat| stat.faults > 0).map(|stat| (stat.function, stat.faults)).collect();
    assert_eq!(faults, [("act_inside", 1), ("panic_while_acting", 2)]);
}

fn without_the_capability_there_is_no_account(database: Database) {
    let test = Contributions::of(&[&PLUGIN]);
    let Some(app) = TestApp::with(database, test, withholding(&["plugin.act"])) else { return };
    let account = in_host(&app, |op| Ok(users::by_username(&mut op.db, "plugin:test-plugin")?)).unwrap();
    assert_eq!(account, None);
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let path = format!("/api/v2/plugins/test-plugin/capabilities/as-plugin/{entity}/{}/", attrs["s"]);
    let refused = app.post(&path, json!({})).expect(403);
    assert_eq!(refused.codes(), ["AE-210000"]);
    assert!(refused.body.contains("withholds the capability `plugin.act`"), "{refused:?}");
    assert!(!app.host.registry.grants().has(&PLUGIN, Capability::ActAsPlugin));
}
