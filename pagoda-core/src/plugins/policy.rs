//! What operators decide about plugins, one by one and for all.

use std::collections::BTreeMap;
use std::time::Duration;

/// What an operator decides about one plugin; wins over what the plugin says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginPolicy {
    /// Time budget of all its functions that `budgets` does not name.
    pub budget: Option<Duration>,
    /// Beyond this time in one call of a function that cannot be cut off, the plugin is quarantined.
    pub hard_limit: Option<Duration>,
    /// Time budgets by name of function.
    pub budgets: BTreeMap<String, Duration>,
    /// Capabilities that it declares and does not get.
    pub withhold: Vec<String>,
    /// Hosts that it may reach, instead of those that it declares.
    pub http_hosts: Option<Vec<String>>,
    /// Whether it may reach loopback and private addresses.
    pub http_private: bool,
    /// Requests of its routes per minute, all users together.
    pub requests_per_minute: Option<u32>,
}
