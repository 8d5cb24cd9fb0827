use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.get_attrs)]
async fn handler(_ctx: &mut HookContext, _entry: &mut EntryGetAttrs) -> HookResult {
    Ok(())
}

fn main() {}
