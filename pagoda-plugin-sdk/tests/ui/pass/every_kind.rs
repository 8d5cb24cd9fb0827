//! One handler of each kind, plain and async, with all arguments.
use pagoda_plugin_sdk::prelude::*;

#[derive(serde::Deserialize)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
pub struct Limits {
    #[serde(default)]
    pub most: u32,
}
impl PluginConfig for Limits {}

plugin! {
    id = "sample",
    alias = "sample-plugin",
    name = "Sample",
    version = "2.0.0",
    description = "For tests",
    config = Limits,
    budget = "1s",
    capabilities = [entities.read, entries.write,],
}

#[hook(entry.before_create, priority = -5, entity = "rack", before = "audit", after = ["mail", "log"], on_fault = "reject", budget = "250ms")]
fn transform(_ctx: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
    entry.name.push('!');
    Ok(())
}

#[hook(pagoda.entry.validation, priority = 10 + 20, budget = "2s",)]
fn check(_ctx: &mut HookContext, entry: &EntryValidation) -> HookResult {
    if entry.is_new { Err(Reject::field("name", "no").into()) } else { Ok(()) }
}

#[hook(entry.get_attrs)]
fn filter(_ctx: &mut HookContext, shown: &mut EntryGetAttrs) -> HookResult {
    shown.attrs.clear();
    Ok(())
}

#[hook(entry.after_create, on_fault = "isolate")]
fn observe(_ctx: HookContext, _created: &EntryAfterCreate) -> HookResult {
    Ok(())
}

#[hook(user.after_login)]
async fn observe_async(ctx: HookContext<Plugin>, login: &UserAfterLogin) -> HookResult {
    let racks = ctx.data(|db| Ok(db.entities(&EntityQuery::default())?)).await?;
    tracing::info!(user = login.user.username, racks = racks.len(), "logged in");
    Ok(())
}

/// Data inside the transaction, and after it from a plain function.
#[hook(entry.before_update)]
fn transform_data(ctx: &mut HookContext<Plugin>, change: &mut EntryBeforeUpdate) -> HookResult {
    change.entry.entity.name = ctx.db()?.entity(change.entry.entity.id)?.name;
    Ok(())
}

#[hook(entry.before_delete)]
fn check_data(ctx: &mut HookContext<crate::Plugin>, gone: &EntryBeforeDelete) -> HookResult {
    let mut db = ctx.db()?;
    db.entity(gone.entry.entity.id)?;
    db.delete_entry(gone.entry.id)?;
    ctx.hooks()?.emit("gone", serde_json::json!(gone.entry.id))?;
    Ok(())
}

#[hook(entry.after_delete)]
fn observe_data(ctx: HookContext<Plugin>, gone: &EntryAfterDelete) -> HookResult {
    let entity = gone.entry.entity.id;
    ctx.data_blocking(move |db| Ok(db.entity(entity)?))?;
    Ok(())
}

#[subscribe("other-plugin.stock.finished", budget = "1m")]
fn hears(_ctx: HookContext, _event: &PluginEvent) -> HookResult {
    Ok(())
}

#[subscribe("other-plugin.stock.finished")]
async fn hears_async(ctx: HookContext<Plugin>, event: &PluginEvent) -> HookResult {
    let name = event.name.clone();
    ctx.data(move |db| Ok(db.entity_by_name(&name)?)).await?;
    Ok(())
}

fn main() {}
