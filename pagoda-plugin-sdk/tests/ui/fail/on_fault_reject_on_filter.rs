use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.get_attrs, on_fault = "reject")]
fn handler(_ctx: &mut HookContext, _entry: &mut EntryGetAttrs) -> HookResult {
    Ok(())
}

fn main() {}
