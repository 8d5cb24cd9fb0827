//! The test kit, used as authors of plugins use it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use pagoda_plugin_sdk::bridge::EntityChange;
use pagoda_plugin_sdk::capability::{Capability, MayReadEntities};
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::payload::EntityAttrChange;
use pagoda_plugin_sdk::prelude::*;
use pagoda_plugin_sdk::route::Method;
use pagoda_plugin_sdk::serde_json::{Value, json};
use pagoda_plugin_sdk::testing::{Everything, World, block_on, user};
use pagoda_plugin_sdk::time::Zone;

#[derive(serde::Deserialize)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
struct Limits {
    #[serde(default = "one")]
    most: u32,
}
fn one() -> u32 {
    1
}
impl PluginConfig for Limits {
    fn validate(&self) -> Result<(), String> {
        if self.most > 9 { Err("most: at most 9".into()) } else { Ok(()) }
    }
}

plugin! {
    id = "kit",
    config = Limits,
    capabilities =
        [entities.read, entities.write, entries.read, entries.write, users.read, plugin.act, secrets:smtp-relay],
}

#[hook(entry.before_create, priority = 2, entity = "rack")]
fn second(_ctx: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
    entry.name.push('2');
    Ok(())
}

#[hook(entry.before_create, priority = 1, entity = "rack")]
fn first(ctx: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
    let most = usize::try_from(ctx.config::<Limits>()?.most)?;
    entry.name = entry.name.repeat(most);
    Ok(())
}

#[hook(entry.before_delete)]
fn writes_and_fails(ctx: &mut HookContext<Plugin>, gone: &EntryBeforeDelete) -> HookResult {
    let mut change = EntryChange::default();
    change.name = Some("written".into());
    ctx.db()?.update_entry(gone.entry.id, change)?;
    ctx.hooks()?.emit("writes.failed", json!(1))?;
    Err(anyhow::anyhow!("failed after writing").into())
}

#[hook(entry.after_create)]
async fn announces(ctx: HookContext<Plugin>, created: &EntryAfterCreate) -> HookResult {
    let id = created.entry.id;
    let name = ctx.data(move |db| Ok(db.entry(id)?.name)).await?;
    if name == created.entry.name { Ok(()) } else { Err(anyhow::anyhow!("{name}").into()) }
}

#[hook(entry.get_attrs)]
fn filters(ctx: &mut HookContext<Plugin>, shown: &mut EntryGetAttrs) -> HookResult {
    shown.attrs.clear();
    ctx.db()?.delete_entry(shown.entry.id)?;
    Ok(())
}

#[subscribe("kit.stock.finished")]
fn hears(ctx: HookContext, event: &PluginEvent) -> HookResult {
    if ctx.point().name != "plugin event" || event.data != json!(7) {
        return Err(anyhow::anyhow!("not mine").into());
    }
    Ok(())
}

#[derive(serde::Deserialize, serde::Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Page {
    limit: u32,
}

#[get("/page/{name}/")]
fn page(Path(name): Path<String>, Query(page): Query<Page>) -> Json<Value> {
    Json(json!([name, page.limit]))
}

#[get("/page/all/", auth = none)]
async fn all(ctx: RouteContext, config: Config<Limits>) -> Json<Value> {
    Json(json!([ctx.user().map(|user| user.username.clone()), config.most]))
}

#[post("/page/all/")]
async fn create(ctx: RouteContext<Plugin>, Json(page): Json<Page>) -> RouteResult<Response> {
    ctx.bridges(move |bridges| {
        let entity = bridges.data().entity_by_name("rack")?;
        for index in 0..page.limit {
            let mut new = NewEntry::default();
            new.name = format!("new-{index}");
            bridges.data().create_entry(entity.id, new)?;
        }
        bridges.hooks().emit("stock.finished", json!(page.limit))?;
        Ok(())
    })
    .await?;
    Ok(Response::json(201, &page)?.with_header("X-Made", page.limit.to_string()))
}

fn world() -> World {
    let world = World::new()
        .entity("rack", &[("floor", AttrType::String), ("room", AttrType::Object)])
        .entity("room", &[])
        .entry("room", "east", json!({}));
    let room = world.find_entry("room", "east").id;
    world.entry("rack", "new-3", json!({"floor": "3F", "room": room}))
}

fn named(name: &str) -> EntryBeforeCreate {
    let mut entry = EntryBeforeCreate::default();
    entry.name = name.to_owned();
    entry.entity.name = "rack".to_owned();
    entry
}

#[test]
fn firing_runs_the_registered_handlers_filtered_and_in_order() {
    let world = world().config(Limits { most: 3 });
    let mut entry = named("ab");
    world.fire::<hooks::entry::before_create>(&PLUGIN, &mut entry).unwrap();
    assert_eq!(entry.name, "ababab2");
    entry.entity.name = "room".to_owned();
    world.fire::<hooks::entry::before_create>(&PLUGIN, &mut entry).unwrap();
    assert_eq!(entry.name, "ababab2");
}

#[test]
fn a_handler_can_be_called_by_itself() {
    let world = world().section(&PLUGIN, json!({"most": 2}));
    let mut entry = named("ab");
    first(&mut world.context::<hooks::entry::before_create>(&PLUGIN), &mut entry).unwrap();
    assert_eq!(entry.name, "abab");

    let mut created = EntryAfterCreate::default();
    created.entry.id = world.find_entry("rack", "new-3").id;
    created.entry.name = "new-3".to_owned();
    block_on(announces(world.observing::<hooks::entry::after_create>(&PLUGIN).typed(), &created)).unwrap();
    block_on(announces(world.context::<hooks::entry::after_create>(&PLUGIN).typed(), &created)).unwrap();
}

#[test]
fn what_a_failing_handler_wrote_is_undone() {
    let world = world();
    let mut gone = EntryBeforeDelete::default();
    gone.entry.id = world.find_entry("rack", "new-3").id;
    world.fire::<hooks::entry::before_delete>(&PLUGIN, &mut gone).unwrap_err();
    assert_eq!(world.find_entry("rack", "new-3").id, gone.entry.id);
    assert_eq!(world.events(), []);

    let error = writes_and_fails(&mut world.context::<hooks::entry::before_delete>(&PLUGIN).typed(), &gone);
    assert!(matches!(error, Err(HookError::Fault(fault)) if fault.to_string() == "failed after writing"));
    assert_eq!(world.find_entry("rack", "written").id, gone.entry.id);
    assert_eq!(world.events()[0].name, "kit.writes.failed");
}

#[test]
fn filters_cannot_write() {
    let world = world();
    let mut shown = EntryGetAttrs::default();
    shown.attrs.push(json!(1));
    shown.entry.id = world.find_entry("rack", "new-3").id;
    let error = world.fire::<hooks::entry::get_attrs>(&PLUGIN, &mut shown).unwrap_err();
    let HookError::Fault(fault) = error else { panic!("a fault") };
    assert!(matches!(fault.downcast_ref(), Some(BridgeError::ReadOnly("entry.get_attrs"))), "{fault}");
    assert_eq!(shown.attrs, Vec::<Value>::new());
}

#[test]
fn subscribers_hear() {
    world().tell(&PLUGIN, &PluginEvent::new("kit.stock.finished", json!(7))).unwrap();
    world().tell(&PLUGIN, &PluginEvent::new("kit.stock.finished", json!(8))).unwrap_err();
    world().tell(&PLUGIN, &PluginEvent::new("kit.other", json!(8))).unwrap();
}

#[test]
fn routes_are_found_by_their_path() {
    let world = world();
    let get = |path: &str| world.call(&PLUGIN, Method::Get, path);
    assert_eq!(get("/page/%C3%A9%20b/?limit=3").send().json(), json!(["é b", 3]));
    assert_eq!(get("/page/x/").query("limit=4").send().json(), json!(["x", 4]));
    assert_eq!(get("/page/all/").send().json(), json!(["tester", 1]));
    assert_eq!(get("/page/x/").query("limit=much").send().status(), 400);
    assert_eq!(get("/page/a%2Fb/").query("limit=4").send().status(), 404);
    assert_eq!(get("/page/x").send().status(), 404);
    assert_eq!(world.call(&PLUGIN, Method::Put, "/page/all/").send().status(), 405);
}

#[test]
fn routes_ask_for_users_unless_they_are_open() {
    let world = world().anonymous();
    assert_eq!(world.call(&PLUGIN, Method::Get, "/page/all/").send().json(), json!([null, 1]));
    let refused = world.call(&PLUGIN, Method::Get, "/page/x/").query("limit=1").send();
    assert_eq!((refused.status(), &refused.json()["code"]), (403, &json!("AE-000000")));
}

#[test]
fn a_route_writes_all_or_nothing() {
    let world = world();
    let post =
        |limit: u32| world.call(&PLUGIN, Method::Post, "/page/all/").body(json!({"limit": limit})).send();
    // The fourth name is taken: the three before it go as well.
    let answer = post(4);
    assert_eq!((answer.status(), &answer.json()["name"][0]["code"]), (400, &json!("AE-220000")));
    assert_eq!(world.events(), []);

    let answer = post(2);
    assert_eq!((answer.status(), answer.header("x-made")), (201, Some("2")));
    assert_eq!(world.find_entry("rack", "new-1").created_user.as_deref(), Some("tester"));
    assert_eq!(world.events(), [PluginEvent::new("kit.stock.finished", json!(2))]);

    let wrong =
        world.call(&PLUGIN, Method::Post, "/page/all/").raw_body("x").content_type("text/plain").send();
    assert_eq!(wrong.status(), 415);
    let wrong = world.call(&PLUGIN, Method::Post, "/page/all/").body(json!({})).send();
    assert_eq!(wrong.json()["limit"][0]["code"], "AE-113000");
}

/// Runs `work` with the data bridge, as a Check handler would.
fn with_db<T>(world: &World, work: impl FnOnce(&mut Data<'_, Plugin>) -> T) -> T {
    let mut context = world.context::<hooks::entry::before_delete>(&PLUGIN).typed();
    work(&mut context.db().unwrap())
}

#[test]
fn levels_limit_users_and_not_superusers() {
    let world = world().entity_level("room", Level::Nothing).entry_level("rack", "new-3", Level::Readable);
    let rack = world.find_entry("rack", "new-3").id;
    let room = world.find_entity("room").id;
    let mut change = EntryChange::default();
    change.name = Some("renamed".into());
    with_db(&world, |db| {
        let names: Vec<_> = db.entities(&EntityQuery::default()).unwrap();
        assert_eq!(names.iter().map(|entity| entity.name.as_str()).collect::<Vec<_>>(), ["rack"]);
        assert_eq!(db.entries(&EntryQuery::default()).unwrap().len(), 1);
        assert!(matches!(db.entity(room), Err(BridgeError::Denied { .. })));
        assert!(matches!(db.entity(99), Err(BridgeError::NotFound { .. })));
        assert!(matches!(db.update_entry(rack, change.clone()), Err(BridgeError::Denied { .. })));
        assert_eq!(db.entry(rack).unwrap().name, "new-3");
    });
    let mut admin = user("admin");
    admin.is_superuser = true;
    let world = world.user(admin);
    with_db(&world, |db| {
        db.entity(room).unwrap();
        db.update_entry(rack, change).unwrap();
        db.delete_entry(rack).unwrap();
        assert!(matches!(db.entry(rack), Err(BridgeError::NotFound { .. })));
        db.restore_entry(rack).unwrap();
    });
    let mut guest = user("guest");
    guest.is_readonly = true;
    let world = world.user(guest);
    with_db(&world, |db| assert!(matches!(db.delete_entry(rack), Err(BridgeError::Denied { .. }))));
    let world = world.server();
    with_db(&world, |db| db.delete_entry(rack).unwrap());
}

#[test]
fn permissions_groups_roles_and_tokens() {
    let world = world().groups(&["ops"]).roles(&["editor"]).token("secret", user("robot"));
    let world = world.entity_level("room", Level::Readable);
    let (room, rack) = (world.find_entity("room").id, world.find_entity("rack"));
    let mut context = world.context::<hooks::entry::before_delete>(&PLUGIN).typed::<Plugin>();
    let mut auth = context.auth().unwrap();
    assert_eq!(auth.current_user().unwrap().username, "tester");
    assert!(auth.has_permission(ObjectKind::Entity, room, Level::Readable).unwrap());
    assert!(!auth.has_permission(ObjectKind::Entity, room, Level::Writable).unwrap());
    assert!(auth.has_permission(ObjectKind::EntityAttr, rack.attrs[0].id, Level::Full).unwrap());
    auth.has_permission(ObjectKind::Entry, 99, Level::Readable).unwrap_err();
    assert_eq!((auth.groups().unwrap(), auth.roles().unwrap()), (vec!["ops".into()], vec!["editor".into()]));
    assert_eq!(auth.authenticate_token("secret").unwrap().unwrap().username, "robot");
    assert_eq!(auth.authenticate_token("other").unwrap(), None);
    context.hooks().unwrap().emit("Bad Name", json!(1)).unwrap_err();
}

#[test]
fn values_have_versions_and_the_form_of_the_wire() {
    let world = world();
    let rack = world.find_entry("rack", "new-3");
    let room = world.find_entry("room", "east");
    assert_eq!(rack.attrs[0]["value"], json!({"as_string": "3F"}));
    assert_eq!(
        rack.attrs[1]["value"],
        json!({"as_object": {"id": room.id, "name": "east", "schema": {"id": room.entity.id, "name": "room"}}})
    );
    let floor = rack.attrs[0]["schema"]["id"].as_i64().unwrap();
    let mut change = EntryChange::default();
    change.attrs = vec![AttrInput { id: floor, value: json!("4F") }];
    with_db(&world, |db| {
        db.update_entry(rack.id, change.clone()).unwrap();
        db.update_entry(rack.id, change.clone()).unwrap();
        let history = db.history(rack.id, 0, 0).unwrap();
        let floors: Vec<_> = history.iter().filter(|version| version.attr.id == floor).collect();
        assert_eq!(floors.len(), 2, "the same value once more is no version");
        assert_eq!(floors[0].value, json!({"as_string": "4F"}));
        assert_eq!(db.history(rack.id, floors[0].id, 1).unwrap().len(), 1);
        change.attrs[0].id = 99;
        assert!(matches!(db.update_entry(rack.id, change), Err(BridgeError::Invalid(_))));
    });
}

#[test]
fn entities_are_changed() {
    let world = world();
    let rack = world.find_entity("rack");
    with_db(&world, |db| {
        let mut change = EntityChange::default();
        change.name = Some("cabinet".into());
        let mut gone = EntityAttrChange::default();
        gone.id = Some(rack.attrs[1].id);
        gone.is_deleted = true;
        let mut new = EntityAttrChange::default();
        new.definition.name = "height".into();
        change.attrs = vec![gone, new];
        db.update_entity(rack.id, change).unwrap();
        assert!(matches!(db.delete_entity(rack.id), Err(BridgeError::Invalid(_))), "it has an entry");
        let mut twin = NewEntity::default();
        twin.name = "cabinet".into();
        assert!(matches!(db.create_entity(twin), Err(BridgeError::Invalid(_))));
    });
    let names: Vec<_> = world.find_entity("cabinet").attrs.into_iter().map(|attr| attr.name).collect();
    assert_eq!(names, ["floor", "height"]);
    assert_eq!(world.find_entry("cabinet", "new-3").entity.name, "cabinet");
}

#[test]
fn the_zone_is_that_of_the_server() {
    let world = world().zone(Zone::named("Asia/Tokyo").unwrap());
    let context = world.context::<hooks::entry::before_delete>(&PLUGIN);
    assert_eq!(context.request().zone.local_iso(Timestamp::from_micros(0)), "1970-01-01T09:00:00.000000");
}

#[test]
#[should_panic = "most: at most 9"]
fn a_bad_configuration_fails_the_test() {
    let _ = world().config(Limits { most: 10 });
}

#[test]
#[should_panic = "mots: unknown key"]
fn a_bad_section_fails_the_test() {
    let _ = world().section(&PLUGIN, json!({"mots": 1}));
}

#[test]
fn a_reading_transaction_refuses_writes() {
    let world = world();
    let id = world.find_entity("rack").id;
    let ctx = world.observing::<hooks::entry::after_create>(&PLUGIN).typed::<Plugin>();
    assert_eq!(block_on(ctx.read(move |db| Ok(db.entity(id)?.name))).unwrap(), "rack");
    let refused = block_on(ctx.read(move |db| Ok(db.delete_entity(id)?))).unwrap_err();
    assert!(matches!(refused.downcast_ref(), Some(BridgeError::ReadOnly(_))), "{refused}");
}

/// An entity by name, which needs `entities.read` of whoever gives the bridge.
fn named_entity<C: MayReadEntities>(db: &mut Data<'_, C>, name: &str) -> anyhow::Result<Entity> {
    Ok(db.entity_by_name(name)?)
}

#[test]
fn what_is_withheld_is_refused() {
    let world = world().withhold(&["entries.write", "plugin.act"]);
    let mut context = world.context::<hooks::entry::before_delete>(&PLUGIN).typed::<Plugin>();
    let rack = named_entity(&mut context.db().unwrap(), "rack").unwrap();
    let mut new = NewEntry::default();
    new.name = "x".into();
    let refused = context.db().unwrap().create_entry(rack.id, new).unwrap_err();
    let BridgeError::Capability { plugin, capability, withheld } = refused else { panic!("{refused}") };
    assert_eq!((plugin, capability, withheld), ("kit", Capability::WriteEntries, true));
    context.db_as_plugin(|_| Ok(())).unwrap_err();
    assert_eq!(
        world.call(&PLUGIN, Method::Post, "/page/all/").body(json!({"limit": 1})).send().status(),
        403
    );
}

#[test]
#[should_panic = "there is no capability `entries.wriet`"]
fn a_misspelt_capability_fails_the_test() {
    let _ = world().withhold(&["entries.wriet"]);
}

static UNDECLARED: PluginDecl = PluginDecl::new("undeclared", "Undeclared", "1");

#[test]
fn what_is_not_declared_is_refused_whatever_the_types_say() {
    let world = world();
    let mut context = world.context::<hooks::entry::before_delete>(&UNDECLARED).typed::<Everything>();
    for refused in [
        context.db().unwrap().entities(&EntityQuery::default()).map(drop),
        context.db().unwrap().entries(&EntryQuery::default()).map(drop),
        context.db().unwrap().delete_entry(1),
        context.db().unwrap().delete_entity(1),
        context.auth().unwrap().groups().map(drop),
        context.auth().unwrap().authenticate_token("x").map(drop),
    ] {
        assert!(matches!(refused, Err(BridgeError::Capability { withheld: false, .. })), "{refused:?}");
    }
    assert!(context.auth().unwrap().current_user().is_some(), "who acts needs no capability");
}

#[test]
fn a_plugin_acts_as_itself_where_it_says_so() {
    let world = world();
    let rack = world.find_entity("rack").id;
    let create = move |name: &'static str| {
        move |db: &mut Data<'_, Plugin>| {
            let mut new = NewEntry::default();
            new.name = name.into();
            Ok(db.create_entry(rack, new)?)
        }
    };
    let mut inside = world.context::<hooks::entry::before_delete>(&PLUGIN).typed::<Plugin>();
    inside.db_as_plugin(create("inside")).unwrap();
    assert_eq!(inside.auth().unwrap().current_user().unwrap().username, "tester");
    block_on(inside.as_plugin().data(create("nowhere"))).unwrap_err();
    let outside = world.observing::<hooks::entry::after_create>(&PLUGIN).typed::<Plugin>();
    block_on(outside.as_plugin().data(create("outside"))).unwrap();
    outside.as_plugin().data_blocking(create("blocking")).unwrap();
    block_on(outside.as_plugin().read(create("reading"))).unwrap_err();
    block_on(outside.data(create("by the user"))).unwrap();
    let seen = block_on(outside.as_plugin().bridges(|all| Ok(all.auth().current_user().cloned()))).unwrap();
    assert_eq!(seen.unwrap().username, "plugin:kit");
    for (name, author) in [
        ("inside", "plugin:kit"),
        ("outside", "plugin:kit"),
        ("blocking", "plugin:kit"),
        ("by the user", "tester"),
    ] {
        assert_eq!(world.find_entry("rack", name).created_user.as_deref(), Some(author), "{name}");
    }
}

#[test]
fn what_was_lent_to_a_handler_comes_back() {
    let world = world();
    let mut context = world.context::<hooks::entry::before_delete>(&PLUGIN);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        context.lend(|ctx: &mut HookContext<Plugin>| {
            ctx.db().unwrap().entity_by_name("rack").unwrap();
            panic!("on purpose")
        })
    }));
    panicked.unwrap_err();
    assert_eq!(context.config::<Limits>().unwrap().most, 1);
    let name =
        context.lend(|ctx: &mut HookContext<Plugin>| ctx.db().unwrap().entity_by_name("rack").unwrap().name);
    assert_eq!(name, "rack");
    assert!(context.into_bridges().is_some());
}
