//! Old names of points work; they only warn.
use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(before_create_entry_v2)]
fn old(_ctx: &mut HookContext, _entry: &mut EntryBeforeCreate) -> HookResult {
    Ok(())
}

#[hook(airone.search.after_query)]
fn older(_ctx: HookContext, _query: &SearchAfterQuery) -> HookResult {
    Ok(())
}

fn main() {}
