use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.before_create)]
fn handler(_ctx: &mut HookContext, _entry: &mut EntryBeforeCreate, _more: u8) -> HookResult {
    Ok(())
}

fn main() {}
