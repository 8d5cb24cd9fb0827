use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(priority = 5, entry.before_create)]
fn handler(_ctx: &mut HookContext, _entry: &mut EntryBeforeCreate) -> HookResult {
    Ok(())
}

fn main() {}
