//! The macro never guesses a type by its name: aliases, paths and lifetimes pass.
use pagoda_plugin_sdk::payload::EntryBeforeCreate as Payload;
use pagoda_plugin_sdk::payload::{EntryAfterCreate, EntryBeforeUpdate};
use pagoda_plugin_sdk::prelude::plugin;
use pagoda_plugin_sdk::{HookContext as Cx, HookError, hook};

plugin! { id = "sample", capabilities = [entries.read] }

type Answer = Result<(), HookError>;

#[hook(entry.before_create)]
fn renamed(_: &mut Cx, _: &mut Payload) -> Answer {
    Ok(())
}

#[hook(pagoda.entry.validation)]
fn lifetimes<'a>(_: &'a mut Cx, _: &'a pagoda_plugin_sdk::payload::EntryValidation) -> Answer {
    Ok(())
}

type Typed = Cx<Plugin>;

#[hook(entry.before_update)]
fn typed(ctx: &mut Typed, change: &mut EntryBeforeUpdate) -> Answer {
    ctx.db()?.entry(change.entry.id)?;
    Ok(())
}

#[hook(entry.after_create)]
async fn observes(ctx: Typed, created: &EntryAfterCreate) -> Answer {
    let id = created.entry.id;
    ctx.read(move |db| Ok(db.entry(id)?)).await?;
    Ok(())
}

#[hook(entry.after_create, priority = 7)]
fn observes_plainly(ctx: Cx, _: &EntryAfterCreate) -> Answer {
    ctx.request();
    Ok(())
}

fn main() {}
