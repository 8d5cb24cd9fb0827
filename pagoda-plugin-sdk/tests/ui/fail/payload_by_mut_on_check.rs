use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.before_delete)]
fn handler(_ctx: &mut HookContext, _entry: &mut EntryBeforeDelete) -> HookResult {
    Ok(())
}

fn main() {}
