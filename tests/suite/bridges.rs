//! The bridges: a plugin gets what a client gets, with the same rules, as the acting user.

use crate::contract::{group, role};
use crate::server::{Database, TestApp, on_both_databases};
use crate::{PLUGIN, Plugin};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_plugin_sdk::capability::Capability;
use pagoda_plugin_sdk::hook::{HookInfo, HookReg};
use pagoda_plugin_sdk::prelude::*;
use pagoda_plugin_sdk::testing::Everything;
use pagoda_plugin_sdk::{PluginDecl, hooks};
use serde_json::{Value, json};

on_both_databases! {
    data_is_read_and_written_by_the_rules;
    permissions_are_those_of_the_acting_user;
    plugins_nest_only_so_deep;
    a_reading_transaction_refuses_to_write;
}

/// Makes, changes and removes one of everything, and tells what it saw.
#[post("/exercise/")]
async fn exercise(ctx: RouteContext<Plugin>) -> RouteResult<Json<Value>> {
    let seen = ctx.data(|db| {
        let mut new = NewEntity::default();
        new.name = "by-plugin".to_owned();
        for (name, attr_type) in [("s", AttrType::String), ("l", AttrType::ArrayString)] {
            let mut attr = EntityAttr::default();
            attr.name = name.to_owned();
            attr.attr_type = attr_type;
            new.attrs.push(attr);
        }
        let entity = db.create_entity(new)?;
        let (text, list) = (entity.attrs[0].id, entity.attrs[1].id);

        let mut new = NewEntry::default();
        new.name = "one".to_owned();
        new.attrs = vec![AttrInput { id: text, value: json!("a") }, AttrInput { id: list, value: json!(["x", "y"]) }];
        let one = db.create_entry(entity.id, new.clone())?;
        let twice = db.create_entry(entity.id, new).unwrap_err();
        let mut change = EntryChange::default();
        change.name = Some("two".to_owned());
        change.attrs = vec![AttrInput { id: text, value: json!("b") }];
        db.update_entry(one.id, change)?;
        let found = db.entry_by_name(entity.id, "two")?;
        let history = db.history(one.id, 0, 0)?;
        let older = db.history(one.id, history[0].id, 1)?;

        let mut query = EntryQuery::default();
        query.entity = Some(entity.id);
        query.search = "TW".to_owned();
        let listed = db.entries(&query)?.len();
        db.delete_entry(one.id)?;
        let gone = db.entry(one.id).unwrap_err();
        db.restore_entry(one.id)?;
        let kept = db.delete_entity(entity.id).unwrap_err();
        db.delete_entry(one.id)?;
        let mut change = pagoda_plugin_sdk::bridge::EntityChange::default();
        change.note = Some("remark".to_owned());
        db.update_entity(entity.id, change)?;
        let noted = db.entity(entity.id)?.note;
        db.delete_entity(entity.id)?;
        Ok(json!({
            "twice": twice.to_string(), "values": found.attrs.iter().map(|attr| attr["value"].clone()).collect::<Vec<_>>(),
            "author": found.created_user, "history": history.iter().map(|version| version.value.clone()).collect::<Vec<_>>(),
            "older": older.len(), "listed": listed, "gone": gone.to_string(), "kept": kept.to_string(), "noted": noted,
            "left": db.entities(&EntityQuery::default())?.len(),
        }))
    });
    Ok(Json(seen.await?))
}

fn data_is_read_and_written_by_the_rules(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let seen = app.post("/api/v2/plugins/test-plugin/exercise/", json!({})).expect(200).json();
    assert!(seen["twice"].as_str().unwrap().contains("AE-220000"), "{seen}");
    assert!(seen["gone"].as_str().unwrap().contains("does not exist"), "{seen}");
    assert!(seen["kept"].as_str().unwrap().contains("AE-240000"), "{seen}");
    assert_eq!(seen["values"], json!([{"as_string": "b"}, {"as_array_string": ["x", "y"]}]));
    assert_eq!(
        seen["history"],
        json!([{"as_string": "b"}, {"as_array_string": ["x", "y"]}, {"as_string": "a"}])
    );
    let rest = json!([seen["author"], seen["older"], seen["listed"], seen["noted"], seen["left"]]);
    assert_eq!(rest, json!(["admin", 1, 1, "remark", 0]));
}

/// What the acting user may.
#[get("/rights/{entity}/", auth = none)]
async fn rights(ctx: RouteContext<Plugin>, Path(entity): Path<i64>) -> RouteResult<Json<Value>> {
    let rights = ctx.bridges(move |bridges| {
        let user = bridges.auth().current_user().map(|user| user.username.clone());
        let mut may = Vec::new();
        for level in [Level::Readable, Level::Writable, Level::Full] {
            may.push(bridges.auth().has_permission(ObjectKind::Entity, entity, level)?);
        }
        let stranger = bridges.auth().authenticate_token("no token")?.is_none();
        let points = bridges.hooks().catalogue().len();
        let mut new = NewEntry::default();
        new.name = "x".to_owned();
        let created = bridges.data().create_entry(entity, new).is_ok();
        let belongs = json!([bridges.auth().groups()?, bridges.auth().roles()?]);
        Ok(json!([user, may, stranger, points, created, belongs]))
    });
    Ok(Json(rights.await?))
}

fn permissions_are_those_of_the_acting_user(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let (guest, reader) = app.user(|user| user.is_readonly = true);
    let path = format!("/api/v2/plugins/test-plugin/rights/{entity}/");
    let above = group(&app, "above", None, &[]);
    let own = group(&app, "own", Some(above), &[guest]);
    role(&app, "foreign", &json!({}));
    role(&app, "r", &json!({"groups": [above], "users": [guest]}));
    app.delete(&format!("/role/api/v2/{}", role(&app, "gone", &json!({"groups": [own]})))).expect(204);
    let admin = json!(["admin", [true, true, true], true, 46, true, [[], ["foreign", "r"]]]);
    assert_eq!(app.get(&path).expect(200).json(), admin);
    let read_only = app.with_token(&reader, "GET", &path, None).expect(200).json();
    let belongs = json!([["above", "own"], ["r"]]);
    assert_eq!(read_only, json!(["guest", [true, false, false], true, 46, false, belongs]));
    assert_eq!(app.request("GET", &path, &[], None).expect(403).codes(), ["AE-210000"]);
    assert_eq!(app.entry_names(entity), ["x"]);
}

const fn link_of(id: &'static str) -> PluginDecl {
    PluginDecl::new(id, id, "1").with_capabilities(&[Capability::ReadEntities, Capability::WriteEntries])
}
static CHAIN: [PluginDecl; 6] = [
    link_of("chain-0"),
    link_of("chain-1"),
    link_of("chain-2"),
    link_of("chain-3"),
    link_of("chain-4"),
    link_of("chain-5"),
];
const LEVELS: [&str; 7] = ["level-0", "level-1", "level-2", "level-3", "level-4", "level-5", "level-6"];

/// Plugin N answers an entry of level N with one of level N + 1.
fn link<const N: usize>(ctx: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
    ctx.lend(|ctx: &mut HookContext<Everything>| {
        let next = ctx.db()?.entity_by_name(LEVELS[N + 1])?;
        let mut new = NewEntry::default();
        new.name = format!("{}'", entry.name);
        ctx.db()?.create_entry(next.id, new)?;
        Ok(())
    })
}

fn plugins_nest_only_so_deep(database: Database) {
    let handlers = [link::<0>, link::<1>, link::<2>, link::<3>, link::<4>, link::<5>];
    let mut chain = Contributions::default();
    for (level, (plugin, handler)) in CHAIN.iter().zip(handlers).enumerate() {
        let info = HookInfo { entity: Some(LEVELS[level]), ..HookInfo::new(plugin, "link") };
        chain = chain.with_plugin(plugin).with_hook::<hooks::entry::before_create>(HookReg { info, handler });
    }
    let Some(app) = TestApp::with(database, chain, |_| {}) else { return };
    let ids: Vec<i64> = LEVELS.iter().map(|name| app.entity(json!({"name": name})).0).collect();
    app.entry(ids[0], json!({"name": "x"}));
    let reached: Vec<usize> = ids.iter().map(|id| app.entry_names(*id).len()).collect();
    // Four plugins within each other may write; the fifth is refused, which is its fault alone.
    assert_eq!(reached, [1, 1, 1, 1, 1, 0, 0]);
    let faults: Vec<u64> = app.host.registry.tables().statistics().iter().map(|stat| stat.faults).collect();
    assert_eq!(faults, [0, 0, 0, 0, 1, 0]);
}

/// Tries to write while reading.
#[post("/read-only/")]
async fn read_only(ctx: RouteContext<Plugin>) -> RouteResult<Json<bool>> {
    let refused = ctx.read(|db| {
        let mut new = NewEntity::default();
        new.name = "written while reading".to_owned();
        Ok(matches!(db.create_entity(new), Err(BridgeError::ReadOnly(_))))
    });
    Ok(Json(refused.await?))
}

fn a_reading_transaction_refuses_to_write(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    assert_eq!(app.post("/api/v2/plugins/test-plugin/read-only/", json!({})).expect(200).json(), json!(true));
}
