use pagoda_plugin_sdk::prelude::*;

#[hook(entry.before_create)]
fn handler(_ctx: &mut HookContext, _entry: &mut EntryBeforeCreate) -> HookResult {
    Ok(())
}

fn main() {}
