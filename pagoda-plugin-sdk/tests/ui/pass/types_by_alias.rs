//! The macro never guesses a type by its name: aliases, paths and lifetimes pass.
use pagoda_plugin_sdk::payload::EntryBeforeCreate as Payload;
use pagoda_plugin_sdk::prelude::plugin;
use pagoda_plugin_sdk::{HookContext as Cx, HookError, hook};

plugin! { id = "sample" }

type Answer = Result<(), HookError>;

#[hook(entry.before_create)]
fn renamed(_: &mut Cx, _: &mut Payload) -> Answer {
    Ok(())
}

#[hook(pagoda.entry.validation)]
fn lifetimes<'a>(_: &'a mut Cx, _: &'a pagoda_plugin_sdk::payload::EntryValidation) -> Answer {
    Ok(())
}

fn main() {}
