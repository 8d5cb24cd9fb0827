use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.before_create, priority)]
fn handler(_ctx: &mut HookContext, _entry: &mut EntryBeforeCreate) -> HookResult {
    Ok(())
}

#[hook(entry.before_create, entity =)]
fn other(_ctx: &mut HookContext, _entry: &mut EntryBeforeCreate) -> HookResult {
    Ok(())
}

fn main() {}
