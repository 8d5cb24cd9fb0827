use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[subscribe("finished")]
fn handler_0(_ctx: HookContext, _event: &PluginEvent) -> HookResult {
    Ok(())
}

#[subscribe("Other.finished")]
fn handler_1(_ctx: HookContext, _event: &PluginEvent) -> HookResult {
    Ok(())
}

#[subscribe("other.Finished")]
fn handler_2(_ctx: HookContext, _event: &PluginEvent) -> HookResult {
    Ok(())
}

#[subscribe("other.fin-ished")]
fn handler_3(_ctx: HookContext, _event: &PluginEvent) -> HookResult {
    Ok(())
}

#[subscribe(other.finished)]
fn handler_4(_ctx: HookContext, _event: &PluginEvent) -> HookResult {
    Ok(())
}

#[subscribe()]
fn handler_5(_ctx: HookContext, _event: &PluginEvent) -> HookResult {
    Ok(())
}

fn main() {}
