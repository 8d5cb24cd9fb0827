use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[subscribe("other.finished")]
fn handler(_ctx: &mut HookContext, _event: &mut PluginEvent) -> HookResult {
    Ok(())
}

fn main() {}
