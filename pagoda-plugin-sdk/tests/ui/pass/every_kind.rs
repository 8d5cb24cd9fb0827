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
async fn observe_async(ctx: HookContext, login: &UserAfterLogin) -> HookResult {
    let racks = ctx.data(|db| Ok(db.entities(&EntityQuery::default())?)).await?;
    tracing::info!(user = login.user.username, racks = racks.len(), "logged in");
    Ok(())
}

#[subscribe("other-plugin.stock.finished")]
fn hears(_ctx: HookContext, _event: &PluginEvent) -> HookResult {
    Ok(())
}

#[subscribe("other-plugin.stock.finished")]
async fn hears_async(ctx: HookContext, event: &PluginEvent) -> HookResult {
    let name = event.name.clone();
    ctx.data(move |db| Ok(db.entity_by_name(&name)?)).await?;
    Ok(())
}

fn main() {}
