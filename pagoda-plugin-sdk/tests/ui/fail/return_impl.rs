use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.after_create)]
fn handler(_ctx: HookContext, _entry: &EntryAfterCreate) -> impl Future<Output = HookResult> {
    async { Ok(()) }
}

fn main() {}
