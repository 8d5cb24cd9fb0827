//! What a plugin breaks stays its own: errors and panics after writes, on both databases.

use crate::server::{Database, TestApp, on_both_databases};
use crate::wait::Wait;
use crate::{PLUGIN, Plugin};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_plugin_sdk::prelude::*;
use serde_json::json;

on_both_databases! {
    a_failing_handler_leaves_the_operation_whole_and_its_own_writes_gone;
    a_handler_that_must_not_fail_refuses_the_operation;
    a_rejection_is_the_answer;
    handlers_write_in_the_same_transaction;
    filters_change_what_is_shown_and_nothing_else;
    observers_act_after_the_commit;
    a_plugin_can_narrow_permissions_and_never_widen_them;
    events_reach_their_subscribers;
    values_are_transformed_and_judged_again;
    validation_sees_what_will_be_written;
    observers_run_though_the_client_went_away;
}

fn write_log(ctx: &mut HookContext<Plugin>, name: &str) -> HookResult {
    let log = ctx.db()?.entity_by_name("log")?;
    let mut entry = NewEntry::default();
    entry.name = name.to_owned();
    ctx.db()?.create_entry(log.id, entry)?;
    Ok(())
}

#[hook(entry.before_create, entity = "panic-in-transform")]
fn write_then_panic(ctx: &mut HookContext<Plugin>, entry: &mut EntryBeforeCreate) -> HookResult {
    write_log(ctx, "written before the panic")?;
    entry.name = "spoiled".to_owned();
    panic!("on purpose");
}

#[hook(entry.before_update, entity = "panic-in-transform")]
fn write_then_fail(ctx: &mut HookContext<Plugin>, entry: &mut EntryBeforeUpdate) -> HookResult {
    write_log(ctx, "written before the error")?;
    entry.name = Some("spoiled".to_owned());
    Err(anyhow_error("on purpose"))
}

fn anyhow_error(text: &'static str) -> HookError {
    anyhow::anyhow!(text).into()
}

#[hook(pagoda.entry.validation, entity = "panic-in-transform")]
fn fail_in_a_query(ctx: &mut HookContext<Plugin>, _entry: &EntryValidation) -> HookResult {
    write_log(ctx, "written before the failed write")?;
    // A write that the host refuses, swallowed: the handler's own work up to here stays.
    let refused = write_log(ctx, "written before the failed write");
    assert!(refused.is_err(), "a name was given twice");
    ctx.db()?.entity(-1)?;
    Ok(())
}

#[hook(entry.before_delete, entity = "panic-in-transform")]
fn panic_before_delete(_ctx: &mut HookContext, _entry: &EntryBeforeDelete) -> HookResult {
    panic!("on purpose")
}

#[hook(entry.after_create, entity = "panic-in-transform")]
async fn panic_after_create(ctx: HookContext<Plugin>, _entry: &EntryAfterCreate) -> HookResult {
    ctx.data(|db| {
        let log = db.entity_by_name("log")?;
        let mut entry = NewEntry::default();
        entry.name = "written before the panic of an observer".to_owned();
        db.create_entry(log.id, entry)?;
        panic!("on purpose")
    })
    .await?;
    Ok(())
}

fn a_failing_handler_leaves_the_operation_whole_and_its_own_writes_gone(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (log, _) = app.entity(json!({"name": "log"}));
    let (entity, attrs) =
        app.entity(json!({"name": "panic-in-transform", "attrs": [{"name": "s", "type": 2}]}));
    let entry = app.entry(entity, json!({"name": "whole", "attrs": [{"id": attrs["s"], "value": "v"}]}));
    let path = format!("/entry/api/v2/{entry}/");
    assert_eq!(app.get(&path).expect(200).json()["name"], "whole");
    assert_eq!(app.value(entry, "s"), json!({"as_string": "v"}));
    app.put(&path, json!({"name": "still whole", "attrs": [{"id": attrs["s"], "value": "w"}]})).expect(202);
    assert_eq!(app.get(&path).json()["name"], "still whole");
    assert_eq!(app.value(entry, "s"), json!({"as_string": "w"}));
    app.delete(&path).expect(204);
    assert_eq!(app.entry_names(log), Vec::<String>::new());
    let stats = app.host.registry.tables().statistics();
    let faults: Vec<_> =
        stats.iter().filter(|stat| stat.faults > 0).map(|stat| (stat.function, stat.faults)).collect();
    let expected = [
        ("write_then_panic", 1),
        ("panic_after_create", 1),
        ("write_then_fail", 1),
        ("panic_before_delete", 1),
        ("fail_in_a_query", 2),
    ];
    assert_eq!(faults, expected);
}

#[hook(entry.before_create, entity = "guarded", on_fault = "reject")]
fn the_guard_fails(ctx: &mut HookContext<Plugin>, _entry: &mut EntryBeforeCreate) -> HookResult {
    write_log(ctx, "by the guard")?;
    Err(anyhow_error("the guard has no key"))
}

fn a_handler_that_must_not_fail_refuses_the_operation(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (log, _) = app.entity(json!({"name": "log"}));
    let (entity, _) = app.entity(json!({"name": "guarded"}));
    let answer = app.post(&format!("/entity/api/v2/{entity}/entries/"), json!({"name": "x"})).expect(503);
    assert_eq!(answer.codes(), ["AE-999999"]);
    assert!(answer.header("retry-after").is_some() && !answer.body.contains("no key"), "{answer:?}");
    assert!(app.entry_names(entity).is_empty() && app.entry_names(log).is_empty());
}

#[hook(pagoda.entry.validation, entity = "choosy")]
fn refuse_b(_ctx: &mut HookContext, entry: &EntryValidation) -> HookResult {
    if entry.entry.name.starts_with('b') {
        let reject = Reject::field("name", "no names with b").with_code(Code::InvalidValue);
        return Err(reject.and("attrs", "nor such values").into());
    }
    Ok(())
}

fn a_rejection_is_the_answer(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (entity, _) = app.entity(json!({"name": "choosy"}));
    let path = format!("/entity/api/v2/{entity}/entries/");
    let refused = app.post(&path, json!({"name": "bad"})).expect(400);
    assert_eq!(refused.codes(), ["attrs AE-121000", "name AE-250000"]);
    assert_eq!(refused.json()["name"][0]["message"], "no names with b");
    let entry = app.entry(entity, json!({"name": "good"}));
    app.put(&format!("/entry/api/v2/{entry}/"), json!({"name": "bad"})).expect(400);
    assert_eq!(app.entry_names(entity), ["good"]);
    // The filter is by entity: others are not asked.
    let (other, _) = app.entity(json!({"name": "other"}));
    app.entry(other, json!({"name": "bad"}));
}

#[hook(entry.before_create, entity = "logged")]
fn log_creation(ctx: &mut HookContext<Plugin>, entry: &mut EntryBeforeCreate) -> HookResult {
    write_log(ctx, &entry.name)
}

fn handlers_write_in_the_same_transaction(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (log, _) = app.entity(json!({"name": "log"}));
    let (entity, _) = app.entity(json!({"name": "logged"}));
    app.entry(entity, json!({"name": "x"}));
    assert_eq!(app.entry_names(log), ["x"]);
    // The creation is refused after the handler wrote: both are undone.
    app.post(&format!("/entity/api/v2/{entity}/entries/"), json!({"name": "a\tb"})).expect(400);
    assert_eq!(app.entry_names(log), ["x"]);
}

#[hook(entry.get_attrs, entity = "shown")]
fn add_and_spoil(ctx: &mut HookContext<Plugin>, detail: &mut EntryGetAttrs) -> HookResult {
    detail.attrs.push(json!({"added": true}));
    let written = ctx.db()?.delete_entry(detail.entry.id);
    assert!(matches!(written, Err(BridgeError::ReadOnly(_))), "{written:?}");
    Ok(())
}

#[hook(entry.get_attrs, entity = "shown", priority = 200)]
fn spoil_and_fail(_ctx: &mut HookContext, detail: &mut EntryGetAttrs) -> HookResult {
    detail.attrs.clear();
    Err(Reject::new("nothing to refuse here").into())
}

fn filters_change_what_is_shown_and_nothing_else(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (entity, _) = app.entity(json!({"name": "shown", "attrs": [{"name": "s", "type": 2}]}));
    let entry = app.entry(entity, json!({"name": "x"}));
    let attrs = app.get(&format!("/entry/api/v2/{entry}/")).expect(200).json()["attrs"].clone();
    assert_eq!((attrs.as_array().unwrap().len(), &attrs[1]), (2, &json!({"added": true})));
}

#[hook(entry.after_create, entity = "observed", priority = 10)]
fn observe_plainly(ctx: HookContext<Plugin>, entry: &EntryAfterCreate) -> HookResult {
    let name = format!("1 {}", entry.entry.name);
    append(&ctx, name)
}

#[hook(entry.after_create, entity = "observed", priority = 20)]
async fn observe_async(ctx: HookContext<Plugin>, entry: &EntryAfterCreate) -> HookResult {
    assert!(matches!(ctx.user(), Some(user) if user.username == "admin"));
    let (id, name) = (entry.entry.id, format!("2 {}", entry.entry.name));
    // The entry is committed: a transaction of its own sees it.
    ctx.data(move |db| {
        db.entry(id)?;
        let log = db.entity_by_name("log")?;
        let mut entry = NewEntry::default();
        entry.name = name;
        Ok(db.create_entry(log.id, entry)?)
    })
    .await?;
    Ok(())
}

#[hook(entry.after_create, entity = "observed", priority = 30)]
fn observe_plainly_again(mut ctx: HookContext<Plugin>, entry: &EntryAfterCreate) -> HookResult {
    assert!(matches!(ctx.db().err(), Some(BridgeError::NoTransaction(_))));
    append(&ctx, format!("3 {}", entry.entry.name))
}

fn append(ctx: &HookContext<Plugin>, name: String) -> HookResult {
    ctx.data_blocking(|db| {
        let log = db.entity_by_name("log")?;
        let mut entry = NewEntry::default();
        entry.name = name;
        Ok(db.create_entry(log.id, entry)?)
    })?;
    Ok(())
}

fn observers_act_after_the_commit(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (log, _) = app.entity(json!({"name": "log"}));
    let (entity, _) = app.entity(json!({"name": "observed"}));
    app.entry(entity, json!({"name": "x"}));
    // In their order, plain and async mixed, before the response.
    assert_eq!(app.entry_names(log), ["1 x", "2 x", "3 x"]);
}

#[hook(user.before_permission_check)]
fn hide_secrets(_ctx: &mut HookContext, check: &UserBeforePermissionCheck) -> HookResult {
    if check.object.name == "secret" && !check.user.is_superuser {
        return Err(Reject::new("not for you").into());
    }
    Ok(())
}

fn a_plugin_can_narrow_permissions_and_never_widen_them(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (entity, _) = app.entity(json!({"name": "secret"}));
    let path = format!("/entity/api/v2/{entity}/");
    let (_, guest) = app.user(|_| {});
    let (_, reader) = app.user(|user| (user.is_readonly, user.username) = (true, "reader".to_owned()));
    app.get(&path).expect(200);
    assert_eq!(app.with_token(&guest, "GET", &path, None).expect(403).codes(), ["AE-210000"]);
    let list = app.with_token(&guest, "GET", "/entity/api/v2/", None).expect(200).json();
    assert_eq!(list["results"][0]["permission"], 1);
    let (open, _) = app.entity(json!({"name": "open"}));
    app.with_token(&reader, "DELETE", &format!("/entity/api/v2/{open}/"), None).expect(403);
}

#[hook(entity.after_create, entity = "eventful")]
fn tell(ctx: HookContext<Plugin>, created: &EntityAfterCreate) -> HookResult {
    let id = created.entity.id;
    // Events are emitted inside a transaction and heard after it; this one is rolled back.
    let failed = ctx.data_blocking(move |db| -> anyhow::Result<()> {
        db.entity(id)?;
        Err(anyhow::anyhow!("undone"))
    });
    assert!(failed.is_err());
    Ok(())
}

#[hook(entry.before_create, entity = "eventful")]
fn emit(ctx: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
    ctx.hooks()?.emit("named", json!({"name": entry.name}))?;
    assert!(ctx.hooks()?.emit("Bad name", json!({})).is_err());
    Ok(())
}

#[subscribe("test-plugin.named")]
async fn hear(ctx: HookContext<Plugin>, event: &PluginEvent) -> HookResult {
    let name = format!("heard {}", event.data["name"].as_str().unwrap_or_default());
    ctx.data(move |db| {
        let log = db.entity_by_name("log")?;
        let mut entry = NewEntry::default();
        entry.name = name;
        Ok(db.create_entry(log.id, entry)?)
    })
    .await?;
    Ok(())
}

fn events_reach_their_subscribers(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (log, _) = app.entity(json!({"name": "log"}));
    let (entity, _) = app.entity(json!({"name": "eventful"}));
    app.entry(entity, json!({"name": "x"}));
    // Refused: the event never happened.
    app.post(&format!("/entity/api/v2/{entity}/entries/"), json!({"name": "x"})).expect(400);
    assert_eq!(app.entry_names(log), ["heard x"]);
}

#[hook(attribute.before_create, entity = "transformed")]
fn upper_first(_ctx: &mut HookContext, value: &mut AttributeBeforeCreate) -> HookResult {
    match value.value.as_str() {
        Some("break") => value.value = json!(7),
        Some(text) => value.value = json!(text.to_uppercase()),
        None => {}
    }
    Ok(())
}

#[hook(attribute.before_update, entity = "transformed")]
fn keep_old(_ctx: &mut HookContext, value: &mut AttributeBeforeUpdate) -> HookResult {
    if value.value == json!("back") {
        value.value = value.previous["as_string"].clone();
    }
    Ok(())
}

fn values_are_transformed_and_judged_again(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (entity, attrs) = app.entity(json!({"name": "transformed", "attrs": [{"name": "s", "type": 2}]}));
    let entry = app.entry(entity, json!({"name": "x", "attrs": [{"id": attrs["s"], "value": "low"}]}));
    assert_eq!(app.value(entry, "s"), json!({"as_string": "LOW"}));
    let path = format!("/entity/api/v2/{entity}/entries/");
    let broken =
        app.post(&path, json!({"name": "y", "attrs": [{"id": attrs["s"], "value": "break"}]})).expect(400);
    assert_eq!(broken.codes(), ["non_field_errors AE-121000"]);
    app.put(&format!("/entry/api/v2/{entry}/"), json!({"attrs": [{"id": attrs["s"], "value": "back"}]}))
        .expect(202);
    assert_eq!(app.value(entry, "s"), json!({"as_string": "LOW"}));
}

#[hook(attribute.before_create, entity = "exact")]
fn shout(_ctx: &mut HookContext, value: &mut AttributeBeforeCreate) -> HookResult {
    value.value = json!(value.value.as_str().unwrap_or_default().to_uppercase());
    Ok(())
}

#[hook(attribute.before_update, entity = "exact")]
fn clear(_ctx: &mut HookContext, value: &mut AttributeBeforeUpdate) -> HookResult {
    value.value = json!("");
    Ok(())
}

#[hook(attribute.before_delete, entity = "exact")]
fn guard_values(_ctx: &mut HookContext, _value: &AttributeBeforeDelete) -> HookResult {
    Err(Reject::new("values of this entity stay").into())
}

#[hook(pagoda.entry.validation, entity = "exact")]
fn expect_exactly(_ctx: &mut HookContext, entry: &EntryValidation) -> HookResult {
    let values: Vec<_> = entry.attrs.iter().map(|input| input.value.clone()).collect();
    match entry.entry.name.as_str() {
        "created" if values != [json!("LOUD"), json!("DEFAULT"), json!("")] => {
            Err(Reject::new(format!("not what will be written: {values:?}")).into())
        }
        _ => Ok(()),
    }
}

fn validation_sees_what_will_be_written(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (entity, attrs) = app.entity(json!({"name": "exact", "attrs": [
        {"name": "given", "type": 2}, {"name": "default", "type": 2, "default_value": "default"}, {"name": "blank", "type": 4}]}));
    let entry =
        app.entry(entity, json!({"name": "created", "attrs": [{"id": attrs["given"], "value": "loud"}]}));
    assert_eq!(app.value(entry, "default"), json!({"as_string": "DEFAULT"}));
    // A handler that clears a value asks its guards like a request that does.
    let path = format!("/entry/api/v2/{entry}/");
    for value in ["other", ""] {
        let refused = app.put(&path, json!({"attrs": [{"id": attrs["given"], "value": value}]})).expect(400);
        assert_eq!(refused.codes(), ["non_field_errors AE-121000"], "{value}");
    }
    assert_eq!(app.value(entry, "given"), json!({"as_string": "LOUD"}));
}

/// The client of a committed creation hangs up before its answer; those who observe it hear of it all the same.
fn observers_run_though_the_client_went_away(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (log, _) = app.entity(json!({"name": "log"}));
    let (entity, _) = app.entity(json!({"name": "observed"}));
    for n in 0..5 {
        let body = format!("{{\"name\": \"x{n}\"}}");
        let request = format!(
            "POST /entity/api/v2/{entity}/entries/ HTTP/1.1\r\nHost: x\r\nAuthorization: Token {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            app.token,
            body.len()
        );
        let mut stream = std::net::TcpStream::connect(app.base.trim_start_matches("http://")).unwrap();
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        // Long enough to be read, too short to be answered.
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    // Whatever was committed was observed by all three.
    Wait::seconds(10).until_ok("each that was created is observed", || {
        let (created, logged) = (app.entry_names(entity).len(), app.entry_names(log).len());
        if created > 0 && logged == 3 * created { Ok(()) } else { Err((created, logged)) }
    });
}
