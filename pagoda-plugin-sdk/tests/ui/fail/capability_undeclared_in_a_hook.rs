use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", capabilities = [entities.read, entries.read] }

#[hook(entry.before_create)]
fn handler(ctx: &mut HookContext<Plugin>, entry: &mut EntryBeforeCreate) -> HookResult {
    let log = ctx.db()?.entity_by_name("log")?;
    let mut new = NewEntry::default();
    new.name = entry.name.clone();
    ctx.db()?.create_entry(log.id, new)?;
    Ok(())
}

fn main() {}
