//! Annotated functions stay ordinary functions: tests call them without any host.

use pagoda_plugin_sdk::capability::Declared;
use pagoda_plugin_sdk::catalogue::HookPoint;
use pagoda_plugin_sdk::event;
use pagoda_plugin_sdk::hook::{HookLists, ObserveHandler, OnFault};
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::prelude::*;
use pagoda_plugin_sdk::route::{self, RouteAuth};
use std::time::Duration;

plugin! {
    id = "direct",
    alias = "direct-calls",
    name = "Direct calls",
    budget = "500ms",
    capabilities = [entries.read, http.out, secrets:smtp, secrets:mail-relay_2],
    http_hosts = ["api.example.com", "*.example.org:8443"],
}

fn shout(name: &mut String) {
    *name = name.to_uppercase();
}

#[hook(entry.before_create, priority = 7, entity = "rack", before = "a1", after = ["b1", "c1"], on_fault = "reject", budget = "1m")]
fn capitals(_ctx: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
    shout(&mut entry.name);
    Ok(())
}

#[hook(entry.after_create)]
async fn announce(_ctx: HookContext, created: &EntryAfterCreate) -> HookResult {
    if created.entry.name.is_empty() { Err(anyhow::anyhow!("no name").into()) } else { Ok(()) }
}

#[subscribe("stock-take.finished", budget = "3s")]
fn hears(_ctx: HookContext, event: &PluginEvent) -> HookResult {
    if event.name == "stock-take.finished" { Ok(()) } else { Err(anyhow::anyhow!("{}", event.name).into()) }
}

/// Doubles.
///
/// A number.
#[get("/double/{number}/", auth = none, budget = "2s")]
fn double(Path(number): Path<u32>) -> Json<u64> {
    Json(u64::from(number) * 2)
}

#[test]
fn a_route_is_called_like_any_function() {
    assert_eq!(double(Path(21)).0, 42);
}

#[test]
fn the_registration_says_what_the_attribute_said() {
    let [reg] = <hooks::entry::before_create as HookPoint>::linked() else { panic!("one handler") };
    assert_eq!(reg.info.plugin.id, PLUGIN.id);
    assert_eq!((reg.info.function, reg.info.module), ("capitals", module_path!()));
    assert_eq!((reg.info.priority, reg.info.entity), (7, Some("rack")));
    assert_eq!((reg.info.before, reg.info.after), (&["a1"][..], &["b1", "c1"][..]));
    assert_eq!((reg.info.on_fault, reg.info.budget), (OnFault::Reject, Some(Duration::from_secs(60))));
    assert!(reg.info.file.ends_with("direct_calls.rs") && reg.info.line > 0);

    let [reg] = <hooks::entry::after_create as HookPoint>::linked() else { panic!("one handler") };
    assert_eq!((reg.info.priority, reg.info.entity, reg.info.budget), (100, None, None));
    assert!(matches!(reg.handler, ObserveHandler::Async(_)));
    assert_eq!(HookLists::linked().infos().count(), 2);

    let subscribers = event::linked();
    let [reg] = subscribers.as_slice() else { panic!("one subscriber") };
    assert_eq!((reg.event, reg.function), ("stock-take.finished", "hears"));
    assert_eq!(reg.budget, Some(Duration::from_secs(3)));

    let routes = route::linked();
    let [reg] = routes.as_slice() else { panic!("one route") };
    assert_eq!((reg.path, reg.summary, reg.auth), ("/double/{number}/", "Doubles.", RouteAuth::None));
    assert_eq!(reg.budget, Some(Duration::from_secs(2)));
}

#[test]
fn the_declaration_defaults_to_the_manifest() {
    let [plugin] = pagoda_plugin_sdk::plugin::linked()[..] else { panic!("one plugin") };
    assert_eq!((plugin.id, plugin.enable_name(), plugin.name), ("direct", "direct-calls", "Direct calls"));
    assert_eq!(plugin.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(plugin.description, env!("CARGO_PKG_DESCRIPTION"));
    assert!(plugin.file.ends_with("direct_calls.rs"));
}

#[test]
fn the_declaration_says_what_the_plugin_may_do() {
    let declared: Vec<String> = PLUGIN.capabilities.iter().map(ToString::to_string).collect();
    assert_eq!(declared, ["entries.read", "http.out", "secrets:smtp", "secrets:mail-relay_2"]);
    assert_eq!(PLUGIN.http_hosts, ["api.example.com", "*.example.org:8443"]);
    assert_eq!(PLUGIN.budget, Some(Duration::from_millis(500)));
    assert!(std::ptr::eq(<Plugin as Declared>::PLUGIN, &PLUGIN));
}
