//! What is wrong right now, from what the rooms count and know.

use super::reading::{Kind, Reading, of_function};
use super::system;
use super::window::{Counted, Window};
use crate::config::AlertSettings;
use crate::plugins::breaker::BreakerState;
use crate::plugins::function::Function;
use crate::plugins::registry::Registry;
use crate::services::host::Host;
use crate::store::queries::plugin;
use crate::store::rows::{PluginBreakerRow, PluginStateRow};
use crate::store::{Store, StoreError};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Looks at a server.
#[derive(Debug)]
pub(super) struct Conditions {
    settings: AlertSettings,
    /// The directory of the database, if it is on a disk of ours.
    directory: Option<PathBuf>,
    started: Instant,
    window: Window,
    /// Why each breaker opened that is not closed, by subject: during a trial the database does not say.
    opened_for: HashMap<String, String>,
    /// Whether the disk could be asked.
    disk_answers: bool,
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

impl Conditions {
    pub(super) fn new(settings: AlertSettings, directory: Option<PathBuf>) -> Self {
        let window = Window::new(micros(settings.window));
        Self {
            settings,
            directory,
            started: Instant::now(),
            window,
            opened_for: HashMap::new(),
            disk_answers: true,
        }
    }

    /// All that is wrong.
    pub(super) fn look(&mut self, host: &Host) -> Vec<Reading> {
        let registry = &host.registry;
        let pools = host.store.pools();
        let counted = Counted {
            functions: registry.functions().iter().map(|function| function.counts()).collect(),
            timeouts: pools.iter().map(|pool| pool.timeouts).collect(),
            refused: host.refused(),
            lost: host.auditor.lost(),
        };
        let within = self.window.look(micros(self.started.elapsed()), counted);
        let mut found = self.shared(&host.store, registry);
        found.extend(failed(registry));
        found.extend(self.faults(registry, &within));
        found.extend(self.latencies(registry, &within));
        let minutes = Minutes(self.settings.window);
        let Self { settings, .. } = self;
        for (pool, timeouts) in pools.iter().zip(&within.timeouts) {
            if settings.pool_timeouts > 0 && *timeouts >= settings.pool_timeouts {
                let sentence = format!(
                    "{timeouts} times within {minutes} no connection of the pool `{}` could be had ({} of {} in use, {} \
                     wait)",
                    pool.name, pool.in_use, pool.most, pool.waiting
                );
                let allowed = settings.pool_timeouts;
                found.push(Reading::counted(Kind::PoolExhausted, pool.name, *timeouts, allowed, sentence));
            }
        }
        if settings.refusals > 0 && within.refused >= settings.refusals {
            let refused = within.refused;
            let sentence =
                format!("{refused} operations within {minutes} were refused because there were too many");
            found.push(Reading::counted(Kind::Busy, "operations", refused, settings.refusals, sentence));
        }
        if within.lost > 0 {
            let lost = within.lost;
            let sentence = format!("{lost} records within {minutes} could not be written to the audit log");
            found.push(Reading::counted(Kind::AuditLost, "audit log", lost, 1, sentence));
        }
        found.extend(self.disk());
        found
    }

    /// Plugins of whose calls too many failed.
    fn faults(&self, registry: &Registry, within: &Counted) -> Vec<Reading> {
        let settings = &self.settings;
        let mut found = Vec::new();
        for plugin in registry.plugins().iter().filter(|_| settings.fault_percent > 0) {
            let of_plugin = |function: &Function| std::ptr::eq(function.is.plugin, plugin.decl);
            let own = registry.functions().iter().zip(&within.functions);
            let own = own.filter(|(function, _)| of_plugin(function)).map(|(_, counts)| counts);
            let (calls, faults) =
                own.fold((0, 0), |(calls, faults), counts| (calls + counts.calls, faults + counts.faults));
            if calls < settings.least_calls {
                continue;
            }
            #[expect(clippy::cast_precision_loss, reason = "a share, to a tenth of a percent")]
            let percent = faults as f64 * 100.0 / calls.max(1) as f64;
            if percent > f64::from(settings.fault_percent) {
                let (id, minutes) = (plugin.decl.id, Minutes(settings.window));
                let sentence =
                    format!("{percent:.1} % of {calls} calls of plugin {id} within {minutes} failed");
                found.push(Reading {
                    value: Some(percent),
                    threshold: Some(settings.fault_percent.into()),
                    ..Reading::plain(Kind::PluginFaults, id, sentence)
                });
            }
        }
        found
    }

    /// Functions that are too slow.
    fn latencies(&self, registry: &Registry, within: &Counted) -> Vec<Reading> {
        let settings = &self.settings;
        let mut found = Vec::new();
        for (function, counts) in registry.functions().iter().zip(&within.functions) {
            let allowed = match settings.latency {
                Some(latency) => latency,
                None => function.times.budget.saturating_mul(settings.latency_percent) / 100,
            };
            if allowed.is_zero() || counts.calls < settings.least_calls {
                continue;
            }
            let allowed_ms = allowed.as_secs_f64() * 1e3;
            let Some(p99) = counts.percentile_ms(0.99).filter(|p99| *p99 > allowed_ms) else { continue };
            let (subject, calls) = (of_function(function.is.plugin.id, &function.key()), counts.calls);
            let sentence = format!(
                "one in a hundred of {calls} calls of {subject} within {} took {p99:.1} ms or longer; {allowed_ms:.1} ms \
                 are allowed",
                Minutes(settings.window)
            );
            found.push(Reading {
                value: Some(p99),
                threshold: Some(allowed_ms),
                ..Reading::plain(Kind::PluginLatency, subject, sentence)
            });
        }
        found
    }

    /// What all instances see alike: from the database, or while that does not answer, from memory.
    fn shared(&mut self, store: &Store, registry: &Registry) -> Vec<Reading> {
        if registry.plugins().is_empty() {
            return Vec::new();
        }
        let Ok((states, mut breakers)) = rows(store) else { return from_memory(registry) };
        let mut opened_for = HashMap::new();
        for row in breakers.iter_mut().filter(|row| row.state != "closed") {
            let subject = of_function(&row.plugin, &row.function);
            if row.state != "open"
                && let Some(reason) = self.opened_for.get(&subject)
            {
                row.reason.clone_from(reason);
            }
            opened_for.insert(subject, row.reason.clone());
        }
        self.opened_for = opened_for;
        from_rows(registry, &states, &breakers)
    }

    /// The disk with the database.
    fn disk(&mut self) -> Option<Reading> {
        let (directory, settings) = (self.directory.as_deref()?, &self.settings);
        if settings.disk_free_percent == 0 && settings.disk_free_bytes == 0 {
            return None;
        }
        let space = match system::space(directory) {
            Ok(space) => space,
            Err(error) => {
                // Once, not every few moments.
                if std::mem::replace(&mut self.disk_answers, false) {
                    tracing::warn!("the space of {} cannot be found out: {error}", directory.display());
                }
                return None;
            }
        };
        self.disk_answers = true;
        let (percent, threshold) = (space.percent(), f64::from(settings.disk_free_percent));
        if percent >= threshold && space.free >= settings.disk_free_bytes {
            return None;
        }
        let sentence = format!(
            "{percent:.1} % ({} MiB) of the disk with {} is free",
            space.free / (1024 * 1024),
            directory.display()
        );
        Some(Reading {
            value: Some(percent),
            threshold: Some(threshold),
            ..Reading::plain(Kind::DiskLow, directory.display().to_string(), sentence)
        })
    }
}

/// A length of time in a sentence.
struct Minutes(Duration);

impl std::fmt::Display for Minutes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_secs() {
            seconds if seconds >= 120 && seconds.is_multiple_of(60) => write!(f, "{} minutes", seconds / 60),
            seconds => write!(f, "{seconds} seconds"),
        }
    }
}

/// Plugins that could not be started here.
fn failed(registry: &Registry) -> impl Iterator<Item = Reading> {
    registry.plugins().iter().filter(|plugin| plugin.enabled).filter_map(|plugin| {
        let standing = plugin.control.standing();
        // Somebody saw to it.
        if standing.disabled.is_some() {
            return None;
        }
        let (id, reason) = (plugin.decl.id, standing.broken.or(standing.not_started)?);
        Some(Reading::plain(Kind::PluginFailed, id, format!("plugin {id} does not run: {reason}")))
    })
}

fn rows(store: &Store) -> Result<(Vec<PluginStateRow>, Vec<PluginBreakerRow>), StoreError> {
    let mut db = store.reader()?;
    Ok((plugin::states(&mut db)?, plugin::breakers(&mut db)?))
}

fn from_rows(registry: &Registry, states: &[PluginStateRow], breakers: &[PluginBreakerRow]) -> Vec<Reading> {
    let disabled = |id: &str| states.iter().any(|row| row.plugin == id && row.disabled.is_some());
    let runs = |id: &str| registry.plugin(id).is_some_and(|plugin| plugin.enabled) && !disabled(id);
    let mut found = Vec::new();
    for row in states.iter().filter(|row| runs(&row.plugin)) {
        found.extend(row.quarantined.as_deref().map(|reason| quarantined(&row.plugin, reason)));
    }
    for row in breakers.iter().filter(|row| row.state != "closed" && runs(&row.plugin)) {
        // A breaker stays open when its function is not there any more.
        let has = |function: &Function| function.is.plugin.id == row.plugin && function.key() == row.function;
        if row.function.is_empty() || registry.functions().iter().any(|function| has(function)) {
            found.push(open(&row.plugin, &row.function, &row.reason));
        }
    }
    found
}

fn from_memory(registry: &Registry) -> Vec<Reading> {
    let mut found = Vec::new();
    for plugin in registry.plugins().iter().filter(|plugin| plugin.enabled) {
        let (id, standing) = (plugin.decl.id, plugin.control.standing());
        if standing.disabled.is_some() {
            continue;
        }
        found.extend(standing.quarantined.map(|reason| quarantined(id, &reason)));
        let (state, reason) = plugin.control.breaker();
        if state != BreakerState::Closed {
            found.push(open(id, "", &reason));
        }
        let own = registry.functions().iter().filter(|function| function.is.plugin.id == id);
        for function in own {
            let (state, reason) = function.breaker();
            if state != BreakerState::Closed {
                found.push(open(id, &function.key(), &reason));
            }
        }
    }
    found
}

fn quarantined(id: &str, reason: &str) -> Reading {
    Reading::plain(Kind::PluginQuarantined, id, format!("plugin {id} was cut out: {reason}"))
}

fn open(id: &str, function: &str, reason: &str) -> Reading {
    let whole = if function.is_empty() { "plugin" } else { "function" };
    let subject = of_function(id, function);
    let sentence = format!("the breaker of {whole} {subject} is open: {reason}");
    Reading::plain(Kind::BreakerOpen, subject, sentence)
}

/// Subjects of shared alerts that this instance knows: only of these it can say that they are well.
pub(super) fn known(registry: &Registry) -> impl Iterator<Item = String> {
    let plugins = registry.plugins().iter().map(|plugin| plugin.decl.id.to_owned());
    let functions = registry.functions().iter();
    plugins.chain(functions.map(|function| of_function(function.is.plugin.id, &function.key())))
}
