use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.get_attrs)]
fn handler(_ctx: &mut HookContext, _entry: &EntryGetAttrs) -> HookResult {
    Ok(())
}

fn main() {}
