//! The hook catalogue, statistics, and a plugin's own events.

use super::BridgeResult;
use crate::catalogue::PointInfo;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// What one handler did since the server started.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema, Default)]
#[non_exhaustive]
pub struct HandlerStats {
    /// Name of the point.
    pub hook: &'static str,
    /// Id of the plugin.
    pub plugin: &'static str,
    /// Name of the function.
    pub function: &'static str,
    /// Calls, failed ones included.
    pub calls: u64,
    /// Errors and panics.
    pub faults: u64,
    /// Rejections.
    pub rejections: u64,
    /// Time spent in it, in nanoseconds.
    pub total_ns: u64,
    /// The longest call, in nanoseconds.
    pub max_ns: u64,
}

/// The hook system as a plugin sees it.
pub trait HookBridge {
    /// All hook points.
    fn catalogue(&self) -> &'static [PointInfo];
    /// What every handler of this binary did.
    fn statistics(&self) -> Vec<HandlerStats>;
    /// Emits an event of the calling plugin. Its full name is `<plugin id>.<name>`; the functions that
    /// plugins registered for it with `#[subscribe("<plugin id>.<name>")]` run after the commit, like
    /// Observe handlers.
    ///
    /// # Errors
    /// The name is not `[a-z][a-z0-9_.]*`, or no plugin is calling.
    fn emit(&mut self, name: &str, data: Value) -> BridgeResult<()>;
}
