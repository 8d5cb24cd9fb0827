//! Two attributes on one function are two registrations; equal names in two modules do not clash.
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::hook::HookLists;
use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[hook(entry.after_create, entity = "rack")]
#[hook(entry.after_create, entity = "room")]
fn both(_ctx: HookContext, _created: &EntryAfterCreate) -> HookResult {
    Ok(())
}

mod inner {
    use pagoda_plugin_sdk::prelude::*;
    #[hook(entry.after_create)]
    async fn both(_ctx: HookContext, _created: &EntryAfterCreate) -> HookResult {
        Ok(())
    }
}

fn main() {
    let lists = HookLists::linked();
    let mut found: Vec<_> = lists.infos().map(|(_, info)| (info.module, info.function, info.entity)).collect();
    found.sort_unstable();
    let module = module_path!();
    let inner = format!("{module}::inner");
    assert_eq!(
        found,
        [(module, "both", Some("rack")), (module, "both", Some("room")), (inner.as_str(), "both", None)]
    );
    use hooks::entry::after_create as point;
    assert_eq!(<point as pagoda_plugin_sdk::catalogue::HookPoint>::linked().len(), 3);
}
