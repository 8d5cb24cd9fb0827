use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.before_create)]
fn handler(_ctx: HookContext<Plugin>, _entry: &mut EntryBeforeCreate) -> HookResult {
    Ok(())
}

#[hook(entry.after_create)]
fn observer(_ctx: &mut pagoda_plugin_sdk::HookContext<Plugin>, _entry: &EntryAfterCreate) -> HookResult {
    Ok(())
}

fn main() {}
