//! What an operator decides about limits, and who may read the metrics.

use super::proxies::Proxies;
use super::{Config, Setter, number};
use std::num::NonZeroU32;
use std::time::Duration;

/// Limits; a rate that is absent is none.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests of one user per second.
    pub rate_user: Option<NonZeroU32>,
    /// Requests with one token per second.
    pub rate_token: Option<NonZeroU32>,
    /// Requests without credentials, or with ones that are not known to hold, of one address per second.
    pub rate_anonymous: Option<NonZeroU32>,
    /// Requests to the routes of one plugin per second; `[plugin_policy.<id>]` wins.
    pub rate_plugin: Option<NonZeroU32>,
    /// Longest delay of an attempt to log in; zero means that there is none.
    pub login_delay_max: Duration,
    /// Largest response of a plugin's route in bytes.
    pub max_response_bytes: usize,
    /// Operations of one plugin at a time; absent means half of the connections.
    pub plugin_operations: Option<usize>,
    /// Calls of one plugin that may wait for their turn.
    pub plugin_queue: usize,
    /// Longest time of one search.
    pub search_timeout: Duration,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Proxies,
    /// Who may read `/metrics`.
    pub metrics_access: MetricsAccess,
    /// Most entities, deleted ones included; absent means no limit.
    pub max_entities: Option<usize>,
    /// Most active attributes of one entity; absent means no limit.
    pub max_attributes: Option<usize>,
    /// Most entries, deleted ones included; absent means no limit.
    pub max_entries: Option<usize>,
    /// Most groups, deleted ones included; absent means no limit.
    pub max_groups: Option<usize>,
    /// Most roles, deleted ones included; absent means no limit.
    pub max_roles: Option<usize>,
    /// Most users, deleted ones and accounts of plugins included; absent means no limit.
    pub max_users: Option<usize>,
}

/// Who may read `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Everybody who reaches the server.
    Public,
    /// Administrators, with a token or a session.
    Administrators,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rate_user: None,
            rate_token: None,
            rate_anonymous: None,
            rate_plugin: None,
            login_delay_max: Duration::from_secs(15 * 60),
            max_response_bytes: 10 * 1024 * 1024,
            plugin_operations: None,
            plugin_queue: 256,
            search_timeout: Duration::from_secs(10),
            trusted_proxies: Proxies::default(),
            metrics_access: MetricsAccess::Public,
            max_entities: None,
            max_attributes: None,
            max_entries: None,
            max_groups: None,
            max_roles: None,
            max_users: None,
        }
    }
}

/// Highest rate that can be asked for: beyond it there is none to speak of.
const MOST_PER_SECOND: u64 = 1_000_000;

/// What `key` of the configuration sets.
pub(super) fn setter(key: &str) -> Option<Setter> {
    Some(match key {
        "rate_user_per_s" => |config, value| rate(&mut config.limits.rate_user, value),
        "rate_token_per_s" => |config, value| rate(&mut config.limits.rate_token, value),
        "rate_anonymous_per_s" => |config, value| rate(&mut config.limits.rate_anonymous, value),
        "rate_plugin_per_s" => |config, value| rate(&mut config.limits.rate_plugin, value),
        "login_delay_max_s" => |config, value| {
            config.limits.login_delay_max = Duration::from_secs(number(value, 0, 86_400)?);
            Ok(())
        },
        "max_response_bytes" => |config, value| {
            config.limits.max_response_bytes = number(value, 1024, 1 << 40)?;
            Ok(())
        },
        "plugin_operations" => |config, value| {
            config.limits.plugin_operations = Some(number(value, 1, 1024)?);
            Ok(())
        },
        "plugin_queue" => |config, value| {
            config.limits.plugin_queue = number(value, 0, 100_000)?;
            Ok(())
        },
        "search_timeout_s" => |config, value| {
            config.limits.search_timeout = Duration::from_secs(number(value, 1, 3_600)?);
            Ok(())
        },
        "trusted_proxies" => |config, value| {
            config.limits.trusted_proxies = Proxies::parse(value)?;
            Ok(())
        },
        "metrics_access" => set_metrics_access,
        "max_entities" => |config, value| {
            config.limits.max_entities = Some(number(value, 0, 1_000_000_000)?);
            Ok(())
        },
        "max_attributes" => |config, value| {
            config.limits.max_attributes = Some(number(value, 0, 1_000_000_000)?);
            Ok(())
        },
        "max_entries" => |config, value| {
            config.limits.max_entries = Some(number(value, 0, 1_000_000_000)?);
            Ok(())
        },
        "max_groups" => |config, value| {
            config.limits.max_groups = Some(number(value, 0, 1_000_000_000)?);
            Ok(())
        },
        "max_roles" => |config, value| {
            config.limits.max_roles = Some(number(value, 0, 1_000_000_000)?);
            Ok(())
        },
        "max_users" => |config, value| {
            // There is always an administrator.
            config.limits.max_users = Some(number(value, 1, 1_000_000_000)?);
            Ok(())
        },
        _ => return None,
    })
}

fn rate(to: &mut Option<NonZeroU32>, value: &str) -> Result<(), String> {
    let expected = format!("expected an integer from 1 to {MOST_PER_SECOND}; leave it out for no limit");
    let count: u32 = number(value, 1, MOST_PER_SECOND).map_err(|_| expected)?;
    *to = NonZeroU32::new(count);
    Ok(())
}

fn set_metrics_access(config: &mut Config, value: &str) -> Result<(), String> {
    config.limits.metrics_access = match value {
        "public" => MetricsAccess::Public,
        "administrators" => MetricsAccess::Administrators,
        _ => return Err("expected public or administrators".to_owned()),
    };
    Ok(())
}
