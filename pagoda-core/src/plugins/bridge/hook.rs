//! The hook catalogue, statistics, events of plugins' own.

use crate::services::ctx::OpCtx;
use pagoda_plugin_sdk::bridge::{BridgeError, BridgeResult, HandlerStats, HookBridge};
use pagoda_plugin_sdk::catalogue::{POINTS, PointInfo};
use pagoda_plugin_sdk::event::PluginEvent;
use serde_json::Value;

impl HookBridge for OpCtx {
    fn catalogue(&self) -> &'static [PointInfo] {
        &POINTS
    }

    fn statistics(&self) -> Vec<HandlerStats> {
        self.host.registry.tables().statistics()
    }

    fn emit(&mut self, name: &str, data: Value) -> BridgeResult<()> {
        let Some(plugin) = self.calling_plugin() else {
            return Err(BridgeError::Internal("no plugin is calling".to_owned()));
        };
        let well_formed = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.'));
        if !well_formed {
            return Err(BridgeError::Internal(format!("`{name}` is no event name: [a-z][a-z0-9_.]*")));
        }
        let mut event = PluginEvent::default();
        event.name = format!("{}.{name}", plugin.id);
        event.data = data;
        if self.host.registry.subscriber(&event.name, 0).is_some() {
            self.events.push_own(event);
        }
        Ok(())
    }
}
