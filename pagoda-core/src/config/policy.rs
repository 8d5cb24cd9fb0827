//! `[plugin_policy.<id>]`: what an operator decides about a plugin, whatever the plugin says of itself.

use crate::plugins::policy::PluginPolicy;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// A section as it stands in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Section {
    budget_ms: Option<u64>,
    hard_limit_ms: Option<u64>,
    budgets: BTreeMap<String, u64>,
    withhold: Vec<String>,
    http_hosts: Option<Vec<String>>,
    http_private: bool,
    requests_per_minute: Option<u32>,
}

/// Longest time that can be given to a plugin: a day.
const MOST_MS: u64 = 86_400_000;

fn time(key: &str, ms: u64) -> Result<Duration, String> {
    if (1..=MOST_MS).contains(&ms) {
        Ok(Duration::from_millis(ms))
    } else {
        Err(format!("{key}: expected an integer from 1 to {MOST_MS}"))
    }
}

/// Reads one section.
///
/// # Errors
/// What is wrong, with the key.
pub(super) fn read(section: toml::Value) -> Result<PluginPolicy, String> {
    let section: Section = section.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let budgets = section.budgets.into_iter();
    let budgets = budgets.map(|(name, ms)| Ok((name.clone(), time(&format!("budgets.{name}"), ms)?)));
    if section.requests_per_minute == Some(0) {
        return Err("requests_per_minute: expected at least 1; leave it out for no limit".to_owned());
    }
    Ok(PluginPolicy {
        budget: section.budget_ms.map(|ms| time("budget_ms", ms)).transpose()?,
        hard_limit: section.hard_limit_ms.map(|ms| time("hard_limit_ms", ms)).transpose()?,
        budgets: budgets.collect::<Result<_, String>>()?,
        withhold: section.withhold,
        http_hosts: section.http_hosts,
        http_private: section.http_private,
        requests_per_minute: section.requests_per_minute,
    })
}
