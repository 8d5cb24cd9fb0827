use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.before_create)]
fn handler(_ctx: HookContext, _entry: &mut EntryBeforeCreate) -> HookResult {
    Ok(())
}

fn main() {}
