use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", capabilities = [entries.raed, entires.write, entities_read, job, http.in] }

#[hook(entry.before_delete)]
fn handler(ctx: &mut HookContext<Plugin>, gone: &EntryBeforeDelete) -> HookResult {
    ctx.db()?.entry(gone.entry.id)?;
    Ok(())
}

fn main() {}
