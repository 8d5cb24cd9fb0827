//! What operators decide about plugins, one by one and for all.

use super::breaker::BreakerSettings;
use super::function::Times;
use super::reach::OutboundLimits;
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

/// What holds for all plugins of which nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginDefaults {
    /// Time budget of a handler or subscriber.
    pub budget: Duration,
    /// Time budget of a route, which may wait for others.
    pub route_budget: Duration,
    /// Time budget of a handler of `system.startup`, which nobody waits for.
    pub start_budget: Duration,
    /// See [`PluginPolicy::hard_limit`].
    pub hard_limit: Duration,
    /// Breaker of each hook function.
    pub breaker: BreakerSettings,
    /// Requests that plugins send.
    pub outbound: OutboundLimits,
}

impl Default for PluginDefaults {
    fn default() -> Self {
        Self {
            budget: Duration::from_secs(1),
            route_budget: Duration::from_secs(5),
            start_budget: Duration::from_secs(10),
            hard_limit: Duration::from_secs(3),
            breaker: BreakerSettings::default(),
            outbound: OutboundLimits::default(),
        }
    }
}

/// A plugin as a whole opens after this many times the faults that open one of its functions.
const PLUGIN_FAULTS: u32 = 2;

/// The hard limit lies at least this far beyond the budget, so that an overrun is a fault before it is more.
const GRACE: Duration = Duration::from_secs(1);

impl PluginDefaults {
    /// The breaker of a whole plugin.
    #[must_use]
    pub fn plugin_breaker(&self) -> BreakerSettings {
        BreakerSettings { faults: self.breaker.faults.saturating_mul(PLUGIN_FAULTS), ..self.breaker }
    }

    /// What a function may take: what the operator says of the function, then of the plugin, its
    /// registration, the plugin's declaration, `usual`.
    #[must_use]
    pub fn times(
        &self,
        policy: Option<&PluginPolicy>,
        function: &str,
        registered: Option<Duration>,
        declared: Option<Duration>,
        usual: Duration,
    ) -> Times {
        let by_name = policy.and_then(|policy| policy.budgets.get(function).copied());
        let of_plugin = policy.and_then(|policy| policy.budget);
        let budget = by_name.or(of_plugin).or(registered).or(declared).unwrap_or(usual);
        let hard_limit = policy.and_then(|policy| policy.hard_limit).unwrap_or(self.hard_limit);
        Times { budget, hard_limit: hard_limit.max(budget.saturating_add(GRACE)) }
    }
}

#[cfg(test)]
mod tests {
    use super::{PluginDefaults, PluginPolicy};
    use std::time::Duration;

    #[test]
    fn the_operator_has_the_last_word() {
        let of = Duration::from_millis;
        let defaults = PluginDefaults::default();
        let mut policy = PluginPolicy::default();
        let budget = |policy: &PluginPolicy, registered, declared| {
            defaults.times(Some(policy), "f", registered, declared, of(9)).budget
        };
        assert_eq!(budget(&policy, None, None), of(9));
        assert_eq!(budget(&policy, None, Some(of(8))), of(8));
        assert_eq!(budget(&policy, Some(of(7)), Some(of(8))), of(7));
        policy.budget = Some(of(6));
        assert_eq!(budget(&policy, Some(of(7)), Some(of(8))), of(6));
        policy.budgets.insert("f".to_owned(), of(5));
        assert_eq!(budget(&policy, Some(of(7)), Some(of(8))), of(5));
    }

    #[test]
    fn the_hard_limit_lies_beyond_the_budget() {
        let defaults = PluginDefaults::default();
        let limit = |budget| defaults.times(None, "f", Some(budget), None, budget).hard_limit;
        assert_eq!(limit(Duration::from_millis(1)), Duration::from_secs(3));
        assert_eq!(limit(Duration::from_secs(60)), Duration::from_secs(61));
    }
}
