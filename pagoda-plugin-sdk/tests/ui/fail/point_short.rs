use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(validation)]
fn handler(_ctx: &mut HookContext, _entry: &EntryValidation) -> HookResult {
    Ok(())
}

fn main() {}
