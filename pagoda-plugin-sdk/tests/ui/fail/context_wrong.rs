use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.before_create)]
fn handler(_entry: &mut EntryBeforeCreate, _ctx: &mut HookContext) -> HookResult {
    Ok(())
}

fn main() {}
