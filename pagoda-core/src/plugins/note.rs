//! What happens to plugins and has to be written down, for all instances and for people.

use super::breaker::BreakerState;
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::time::Timestamp;

/// Something that happened to a plugin on this instance.
#[derive(Debug, Clone)]
pub struct Note {
    /// The plugin.
    pub plugin: &'static PluginDecl,
    /// What happened.
    pub what: What,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// What happened to a plugin.
#[derive(Debug, Clone)]
pub enum What {
    /// A breaker turned.
    Breaker {
        /// The key of the function; absent when it is that of the plugin as a whole.
        function: Option<String>,
        /// Its state now.
        to: BreakerState,
    },
    /// It hung and was cut out.
    Quarantined,
    /// Its start failed.
    NotStarted,
}
