//! What payloads carry: enough that a handler needs no second read.

use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_plugin_sdk::hook::{HookInfo, HookReg, ObserveHandler};
use pagoda_plugin_sdk::{HookContext, HookResult, PluginDecl, hooks};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;

on_both_databases! {
    payloads_carry_the_values_before_and_after;
    payloads_of_entities_say_who_did_it;
}

static ON_SQLITE: PluginDecl = PluginDecl::new("witness-sqlite", "Witness", "1");
static ON_POSTGRES: PluginDecl = PluginDecl::new("witness-postgres", "Witness", "1");

/// What handlers saw, by plugin.
static SEEN: Mutex<BTreeMap<&str, Vec<Value>>> = Mutex::new(BTreeMap::new());

fn note(ctx: &HookContext, seen: Value) -> HookResult {
    SEEN.lock().unwrap().entry(ctx.plugin().id).or_default().push(json!([ctx.point().name, seen]));
    Ok(())
}

/// The text values, by attribute.
fn texts(attrs: &[Value]) -> Value {
    let pair = |attr: &Value| {
        (attr["schema"]["name"].as_str().unwrap().to_owned(), attr["value"]["as_string"].clone())
    };
    Value::Object(attrs.iter().map(pair).collect())
}

fn witness(plugin: &'static PluginDecl) -> Contributions {
    let info = || HookInfo::new(plugin, "note");
    Contributions::default()
        .with_plugin(plugin)
        .with_hook::<hooks::pagoda::entry::validation>(HookReg {
            info: info(),
            handler: |ctx, seen| {
                let written: Vec<&Value> = seen.attrs.iter().map(|input| &input.value).collect();
                note(ctx, json!({"previous_name": seen.previous_name, "current": texts(&seen.current), "written": written}))
            },
        })
        .with_hook::<hooks::entry::after_update>(HookReg {
            info: info(),
            handler: ObserveHandler::Plain(|ctx, seen| {
                note(&ctx, json!({"previous": texts(&seen.previous), "now": texts(&seen.attrs)}))
            }),
        })
        .with_hook::<hooks::entry::after_delete>(HookReg {
            info: info(),
            handler: ObserveHandler::Plain(|ctx, seen| note(&ctx, json!({"attrs": texts(&seen.attrs)}))),
        })
        .with_hook::<hooks::entry::before_restore>(HookReg {
            info: info(),
            handler: |ctx, seen| {
                let was = seen.deleted_name.starts_with("b_deleted_") && seen.deleted_time.is_some();
                note(ctx, json!({"attrs": texts(&seen.attrs), "was": was, "in_chain": seen.in_chain}))
            },
        })
        .with_hook::<hooks::entry::after_restore>(HookReg {
            info: info(),
            handler: ObserveHandler::Plain(|ctx, seen| {
                let was = seen.deleted_name.starts_with("b_deleted_");
                note(&ctx, json!({"attrs": texts(&seen.attrs), "was": was, "in_chain": seen.in_chain}))
            }),
        })
}

static ENTITIES_ON_SQLITE: PluginDecl = PluginDecl::new("clerk-sqlite", "Clerk", "1");
static ENTITIES_ON_POSTGRES: PluginDecl = PluginDecl::new("clerk-postgres", "Clerk", "1");

fn payloads_of_entities_say_who_did_it(database: Database) {
    let plugin = if database == Database::Sqlite { &ENTITIES_ON_SQLITE } else { &ENTITIES_ON_POSTGRES };
    let info = || HookInfo::new(plugin, "note");
    let clerk = Contributions::default()
        .with_plugin(plugin)
        .with_hook::<hooks::entity::after_create>(HookReg {
            info: info(),
            handler: ObserveHandler::Plain(|ctx, seen| {
                note(&ctx, json!([seen.created.name, seen.user.as_ref().map(|user| &user.username)]))
            }),
        })
        .with_hook::<hooks::entity::after_update>(HookReg {
            info: info(),
            handler: ObserveHandler::Plain(|ctx, seen| {
                let user = seen.user.as_ref().map(|user| &user.username);
                note(&ctx, json!([seen.previous.note, seen.current.note, user]))
            }),
        })
        .with_hook::<hooks::entity::after_delete>(HookReg {
            info: info(),
            handler: ObserveHandler::Plain(|ctx, seen| {
                note(&ctx, json!([seen.deleted.name, seen.user.as_ref().map(|user| &user.username)]))
            }),
        });
    let Some(app) = TestApp::with(database, clerk, |_| {}) else { return };
    let (entity, _) = app.entity(json!({"name": "e", "note": "old"}));
    let path = format!("/entity/api/v2/{entity}/");
    app.put(&path, json!({"note": "new"})).expect(202);
    app.delete(&path).expect(202);
    app.stop();
    let seen = SEEN.lock().unwrap()[plugin.id].clone();
    let expected = json!([
        ["entity.after_create", ["e", "admin"]],
        ["entity.after_update", ["old", "new", "admin"]],
        ["entity.after_delete", ["e", "admin"]],
    ]);
    assert_eq!(json!(seen), expected);
}

fn payloads_carry_the_values_before_and_after(database: Database) {
    let plugin = if database == Database::Sqlite { &ON_SQLITE } else { &ON_POSTGRES };
    let Some(app) = TestApp::with(database, witness(plugin), |_| {}) else { return };
    let (entity, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}, {"name": "t", "type": 2}]}));
    let value = |name: &str, text: &str| json!({"id": attrs[name], "value": text});
    let entry = app.entry(entity, json!({"name": "a", "attrs": [value("s", "1"), value("t", "x")]}));
    let path = format!("/entry/api/v2/{entry}/");
    // One of the two is written and stays as it is.
    app.put(&path, json!({"name": "b", "attrs": [value("s", "2"), value("t", "x")]})).expect(202);
    app.delete(&path).expect(204);
    app.post(&format!("{path}restore/"), json!({})).expect(201);
    app.stop();
    let seen = SEEN.lock().unwrap().remove(plugin.id).unwrap();
    let (before, after) = (json!({"s": "1", "t": "x"}), json!({"s": "2", "t": "x"}));
    assert_eq!(
        Value::Array(seen),
        json!([
            ["pagoda.entry.validation", {"previous_name": null, "current": {}, "written": ["1", "x"]}],
            ["pagoda.entry.validation", {"previous_name": "a", "current": before, "written": ["2"]}],
            ["entry.after_update", {"previous": before, "now": after}],
            ["entry.after_delete", {"attrs": after}],
            ["entry.before_restore", {"attrs": after, "was": true, "in_chain": false}],
            ["entry.after_restore", {"attrs": after, "was": true, "in_chain": false}],
        ])
    );
}
