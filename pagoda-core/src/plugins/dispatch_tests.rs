use super::{Refusal, Session, check, transform};
use crate::plugins::contributions::Contributions;
use crate::plugins::guard::install_panic_hook;
use crate::plugins::registry::{PluginSettings, Registry};
use crate::plugins::table::Tabled;
use pagoda_plugin_sdk::bridge::{AuthBridge, BridgeManager, BridgeResult, DataBridge, HookBridge};
use pagoda_plugin_sdk::context::{Origin, RequestInfo};
use pagoda_plugin_sdk::hook::{HookInfo, HookReg, MutHandler, OnFault};
use pagoda_plugin_sdk::payload::{EntryBeforeCreate, EntryValidation};
use pagoda_plugin_sdk::secret::SecretValue;
use pagoda_plugin_sdk::time::Zone;
use pagoda_plugin_sdk::{HookContext, HookResult, PluginDecl, Reject, hooks};
use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

static ONE: PluginDecl = PluginDecl::new("one", "One", "1");
static TWO: PluginDecl = PluginDecl::new("two", "Two", "1");

type Create = hooks::entry::before_create;
type Validate = hooks::pagoda::entry::validation;

/// Counts what it was told to keep and to undo.
struct Fake {
    request: Arc<RequestInfo>,
    inside: Vec<&'static PluginDecl>,
    kept: usize,
    undone: usize,
}

struct Lent;

impl BridgeManager for Lent {
    fn auth(&mut self) -> &mut dyn AuthBridge {
        unreachable!("these handlers ask for no bridge")
    }
    fn data(&mut self) -> &mut dyn DataBridge {
        unreachable!("these handlers ask for no bridge")
    }
    fn hooks(&mut self) -> &mut dyn HookBridge {
        unreachable!("these handlers ask for no bridge")
    }
    fn as_plugin(&mut self, _: &mut dyn FnMut(&mut dyn BridgeManager)) -> BridgeResult<()> {
        unreachable!("these handlers ask for no bridge")
    }
    fn secret(&mut self, _: &'static str) -> BridgeResult<SecretValue> {
        unreachable!("these handlers ask for no bridge")
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

impl Session for Fake {
    fn request(&self) -> &Arc<RequestInfo> {
        &self.request
    }
    fn is_inside(&self, plugin: &PluginDecl) -> bool {
        self.inside.iter().any(|inside| std::ptr::eq(*inside, plugin))
    }
    fn lend(&mut self, _plugin: &'static PluginDecl, _until: Instant) -> Box<dyn BridgeManager> {
        Box::new(Lent)
    }
    fn take_back(&mut self, bridges: Option<Box<dyn BridgeManager>>, keep: bool) -> anyhow::Result<bool> {
        assert!(bridges.is_some_and(|bridges| bridges.into_any().is::<Lent>()));
        if keep {
            self.kept += 1;
        } else {
            self.undone += 1;
        }
        Ok(keep)
    }
}

fn fake() -> Fake {
    install_panic_hook();
    let request = Arc::new(RequestInfo::new(None, "t".into(), Origin::Http, Zone::utc()));
    Fake { request, inside: Vec::new(), kept: 0, undone: 0 }
}

fn info(plugin: &'static PluginDecl, function: &'static str, priority: i32) -> HookInfo {
    HookInfo { file: "f.rs", line: 1, priority, ..HookInfo::new(plugin, function) }
}

fn registry(handlers: &[(&'static str, i32, MutHandler<EntryBeforeCreate>)]) -> Registry {
    let mut all = Contributions::default().with_plugin(&ONE).with_plugin(&TWO);
    for (function, priority, handler) in handlers {
        all = all.with_hook::<Create>(HookReg { info: info(&ONE, function, *priority), handler: *handler });
    }
    Registry::freeze(all, &PluginSettings::default()).unwrap()
}

fn named(name: &str) -> EntryBeforeCreate {
    let mut payload = EntryBeforeCreate::default();
    payload.name = name.to_owned();
    payload.entity.name = "rack".to_owned();
    payload
}

fn append_a(_: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
    entry.name.push('a');
    Ok(())
}
fn append_b(_: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
    entry.name.push('b');
    Ok(())
}
fn spoil_and_fail(_: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
    entry.name.clear();
    Err(anyhow::anyhow!("no luck").into())
}
fn spoil_and_panic(_: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
    entry.name.clear();
    panic!("no luck at all")
}
fn refuse(_: &mut HookContext, _: &mut EntryBeforeCreate) -> HookResult {
    Err(Reject::field("name", "not this one").into())
}

#[test]
fn handlers_are_chained_in_order() {
    let registry = registry(&[("b", 200, append_b), ("a", 100, append_a)]);
    let mut payload = named("x");
    transform::<Create, _>(Create::table(registry.tables()), &mut fake(), &mut payload).unwrap();
    assert_eq!(payload.name, "xab");
}

#[test]
fn a_fault_undoes_the_payload_and_what_was_written_and_is_counted() {
    let registry = registry(&[
        ("a", 1, append_a),
        ("fail", 2, spoil_and_fail),
        ("panic", 3, spoil_and_panic),
        ("b", 4, append_b),
    ]);
    let (mut op, mut payload) = (fake(), named("x"));
    transform::<Create, _>(Create::table(registry.tables()), &mut op, &mut payload).unwrap();
    assert_eq!(payload.name, "xab");
    assert_eq!((op.kept, op.undone), (2, 2));
    let stats = registry.tables().statistics();
    let faults: Vec<_> = stats.iter().map(|stat| (stat.function, stat.calls, stat.faults)).collect();
    assert_eq!(faults, [("a", 1, 0), ("fail", 1, 1), ("panic", 1, 1), ("b", 1, 0)]);
}

#[test]
fn a_rejection_stops_the_operation() {
    let registry = registry(&[("refuse", 1, refuse), ("a", 2, append_a)]);
    let (mut op, mut payload) = (fake(), named("x"));
    let refusal =
        transform::<Create, _>(Create::table(registry.tables()), &mut op, &mut payload).unwrap_err();
    assert!(matches!(refusal, Refusal::Rejected { plugin, .. } if plugin.id == "one"), "{refusal:?}");
    assert_eq!(registry.tables().statistics().iter().map(|stat| stat.calls).sum::<u64>(), 1);
}

#[test]
fn on_fault_reject_refuses_the_operation() {
    let mut handler = info(&ONE, "fail", 1);
    handler.on_fault = OnFault::Reject;
    let all = Contributions::default()
        .with_plugin(&ONE)
        .with_hook::<Create>(HookReg { info: handler, handler: spoil_and_fail });
    let registry = Registry::freeze(all, &PluginSettings::default()).unwrap();
    let refusal =
        transform::<Create, _>(Create::table(registry.tables()), &mut fake(), &mut named("x")).unwrap_err();
    assert!(matches!(refusal, Refusal::Faulted { hook: "entry.before_create", .. }), "{refusal:?}");
}

#[test]
fn a_plugin_is_not_entered_again_and_other_entities_are_left_alone() {
    fn never(_: &mut HookContext, _: &EntryValidation) -> HookResult {
        Err(Reject::new("was called").into())
    }
    let mut racks_only = info(&TWO, "never", 1);
    racks_only.entity = Some("rack");
    let all = Contributions::default()
        .with_plugin(&ONE)
        .with_plugin(&TWO)
        .with_hook::<Validate>(HookReg { info: racks_only, handler: never });
    let registry = Registry::freeze(all, &PluginSettings::default()).unwrap();
    let table = Validate::table(registry.tables());
    let mut payload = EntryValidation::default();
    payload.entry.entity.name = "server".to_owned();
    check::<Validate, _>(table, &mut fake(), &payload).unwrap();
    payload.entry.entity.name = "rack".to_owned();
    assert!(check::<Validate, _>(table, &mut fake(), &payload).is_err());
    let mut inside = fake();
    inside.inside.push(&TWO);
    check::<Validate, _>(table, &mut inside, &payload).unwrap();
}

#[test]
fn all_problems_are_reported_together() {
    let mut by_entity = info(&ONE, "twice", 1);
    by_entity.line = 7;
    let all = Contributions::default()
        .with_plugin(&ONE)
        .with_hook::<Create>(HookReg { info: by_entity, handler: append_a })
        .with_hook::<Create>(HookReg { info: info(&ONE, "twice", 1), handler: append_a })
        .with_hook::<Create>(HookReg { info: info(&TWO, "stray", 1), handler: append_a });
    let settings = PluginSettings {
        enabled: Some(vec!["one".into(), "three".into()]),
        sections: [("one".to_owned(), serde_json::json!({})), ("four".to_owned(), serde_json::json!({}))]
            .into(),
        ..PluginSettings::default()
    };
    let problems = Registry::freeze(all, &settings).unwrap_err().to_string();
    for part in [
        "f.rs:7",
        "registered twice",
        "two::stray (f.rs:1) belongs to a plugin that is not linked",
        "`three`, which is not linked",
        "--features three",
        "takes no configuration",
        "[plugins.four]",
    ] {
        assert!(problems.contains(part), "{part}: {problems}");
    }
}
