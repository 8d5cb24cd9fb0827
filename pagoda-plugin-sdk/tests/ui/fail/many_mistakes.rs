use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.before_create, piority = 5, entity = "rack", budget = "soon")]
async fn handler(_ctx: HookContext, _entry: EntryBeforeCreate) -> HookResult {
    Ok(())
}

fn main() {}
