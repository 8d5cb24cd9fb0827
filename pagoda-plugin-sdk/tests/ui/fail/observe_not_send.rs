use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.after_create)]
async fn handler(_ctx: HookContext, _created: &EntryAfterCreate) -> HookResult {
    let shared = std::rc::Rc::new(1);
    std::future::ready(()).await;
    tracing::info!("{shared}");
    Ok(())
}

fn main() {}
