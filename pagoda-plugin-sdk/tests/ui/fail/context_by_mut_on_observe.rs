use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.after_create)]
fn handler(_ctx: &mut HookContext, _entry: &EntryAfterCreate) -> HookResult {
    Ok(())
}

fn main() {}
