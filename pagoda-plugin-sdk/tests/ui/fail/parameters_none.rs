use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.before_create)]
fn handler() -> HookResult {
    Ok(())
}

fn main() {}
