#![deny(deprecated)]
use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(validate_entry)]
fn old(_ctx: &mut HookContext, _entry: &EntryValidation) -> HookResult {
    Ok(())
}

#[hook(airone.entry.validation)]
fn older(_ctx: &mut HookContext, _entry: &EntryValidation) -> HookResult {
    Ok(())
}

#[hook(entry.validate, priority = 5)]
fn short(_ctx: &mut HookContext, _entry: &EntryValidation) -> HookResult {
    Ok(())
}

fn main() {}
