use pagoda_plugin_sdk::prelude::*;

use pagoda_plugin_sdk::testing::Everything;

plugin! { id = "sample" }

#[hook(entry.before_create)]
fn handler(_ctx: &mut HookContext<Everything>, _entry: &mut EntryBeforeCreate) -> HookResult {
    Ok(())
}

#[get("/first/")]
fn first(_ctx: RouteContext<Everything>) -> Response {
    Response::empty(204)
}

fn main() {}
