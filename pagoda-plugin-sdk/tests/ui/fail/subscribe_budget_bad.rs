use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[subscribe("other.finished", budget = "0s")]
fn hears(_ctx: HookContext, _event: &PluginEvent) -> HookResult {
    Ok(())
}

fn main() {}
