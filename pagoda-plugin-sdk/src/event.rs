//! Events of plugins' own: one plugin emits, others subscribe.

use crate::catalogue::{FiringState, Group, Kind, PointInfo};
use crate::hook::ObserveHandler;
use crate::plugin::PluginDecl;
use serde_json::Value;
use std::time::Duration;

/// An event that a plugin emitted with [`crate::bridge::HookBridge::emit`].
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct PluginEvent {
    /// `<plugin id>.<name>`.
    pub name: String,
    /// What the emitting plugin says.
    pub data: Value,
}

/// The registration of a subscriber, collected by the linker.
#[derive(Debug, Clone, Copy)]
pub struct SubscriberReg {
    /// The plugin that subscribed.
    pub plugin: &'static PluginDecl,
    /// The event: `<plugin id>.<name>`.
    pub event: &'static str,
    /// Name of its function.
    pub function: &'static str,
    /// Time budget of one call; the plugin's default when absent.
    pub budget: Option<Duration>,
    /// Source file of the registration.
    pub file: &'static str,
    /// Line of the registration.
    pub line: u32,
    /// Its function.
    pub handler: ObserveHandler<PluginEvent>,
}

inventory::collect!(SubscriberReg);

/// The subscribers that were linked into this binary, by event, plugin and function.
#[must_use]
pub fn linked() -> Vec<&'static SubscriberReg> {
    let mut subscribers: Vec<_> = inventory::iter::<SubscriberReg>.into_iter().collect();
    subscribers.sort_by_key(|reg| (reg.event, reg.plugin.id, reg.function));
    subscribers
}

/// What a subscriber's context names as its point; not part of the catalogue.
pub static EVENT_POINT: PointInfo = PointInfo {
    index: usize::MAX,
    name: "plugin event",
    kind: Kind::Observe,
    group: Group::Extension,
    by_entity: false,
    state: FiringState::Fires("HookBridge::emit"),
    summary: "A plugin emitted an event of its own.",
    payload: "PluginEvent",
    aliases: &[],
};
