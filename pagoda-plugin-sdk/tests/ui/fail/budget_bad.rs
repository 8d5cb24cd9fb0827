use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.before_create, budget = "5")]
fn handler_0(_ctx: &mut HookContext, _entry: &mut EntryBeforeCreate) -> HookResult {
    Ok(())
}

#[hook(entry.before_create, budget = "5h")]
fn handler_1(_ctx: &mut HookContext, _entry: &mut EntryBeforeCreate) -> HookResult {
    Ok(())
}

#[hook(entry.before_create, budget = "1.5s")]
fn handler_2(_ctx: &mut HookContext, _entry: &mut EntryBeforeCreate) -> HookResult {
    Ok(())
}

#[hook(entry.before_create, budget = "0s")]
fn handler_3(_ctx: &mut HookContext, _entry: &mut EntryBeforeCreate) -> HookResult {
    Ok(())
}

#[hook(entry.before_create, budget = 250)]
fn handler_4(_ctx: &mut HookContext, _entry: &mut EntryBeforeCreate) -> HookResult {
    Ok(())
}

fn main() {}
