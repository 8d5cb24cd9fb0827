use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.after_create, on_fault = "reject")]
fn handler(_ctx: HookContext, _created: &EntryAfterCreate) -> HookResult {
    Ok(())
}

fn main() {}
