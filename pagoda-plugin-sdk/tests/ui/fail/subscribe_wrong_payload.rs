use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[subscribe("other.finished")]
fn handler(_ctx: HookContext, _event: &EntryAfterCreate) -> HookResult {
    Ok(())
}

fn main() {}
