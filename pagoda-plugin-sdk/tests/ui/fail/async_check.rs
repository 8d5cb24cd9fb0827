use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(pagoda.entry.validation)]
async fn handler(_ctx: &mut HookContext, _entry: &EntryValidation) -> HookResult {
    Ok(())
}

fn main() {}
