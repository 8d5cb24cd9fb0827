//! The states of plugins in the database, which all instances share.
//!
//! An instance writes down what its breakers and its watchdog do, and takes over what others wrote: a row with
//! a revision that it has not seen.

use crate::plugins::breaker::BreakerState;
use crate::plugins::note::{Note, What};
use crate::services::audit::{Action, AuditObject};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::host::Host;
use crate::services::run::{Mode, Runner};
use crate::store::StoreError;
use crate::store::queries::plugin;
use crate::store::rows::{PluginBreakerRow, PluginTransitionRow};
use pagoda_plugin_sdk::time::Timestamp;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// What stands in the list of a plugin's changes when it was reset.
pub(super) const RESET: &str = "reset";

/// The revisions that this instance knows.
#[derive(Debug, Default)]
pub struct Seen {
    states: HashMap<String, i64>,
    breakers: HashMap<(String, String), i64>,
}

/// Takes over what the database says about plugins. Blocks; not for async threads.
///
/// # Errors
/// The database cannot be read.
pub fn sync(host: &Arc<Host>) -> Result<(), StoreError> {
    // Held all along, so that an own change is never taken for somebody else's.
    let mut seen = host.plugins_seen.lock().unwrap_or_else(PoisonError::into_inner);
    let mut db = host.store.reader()?;
    let (states, breakers) = (plugin::states(&mut db)?, plugin::breakers(&mut db)?);
    drop(db);
    for row in states {
        if seen.states.insert(row.plugin.clone(), row.revision) == Some(row.revision) {
            continue;
        }
        if let Some(found) = host.registry.plugin(&row.plugin) {
            found.control.set_standing(|standing| {
                standing.disabled = row.disabled;
                standing.quarantined = row.quarantined;
                // Somebody saw to it; another try may go better.
                standing.not_started = None;
            });
        }
    }
    for row in breakers {
        let key = (row.plugin.clone(), row.function.clone());
        if seen.breakers.insert(key, row.revision) != Some(row.revision) {
            adopt(host, &row);
        }
    }
    drop(seen);
    Ok(())
}

fn adopt(host: &Host, row: &PluginBreakerRow) {
    let pause = Duration::from_micros(u64::try_from(row.pause).unwrap_or(0));
    let state = match row.state.as_str() {
        "open" => BreakerState::Open { retry_at: row.retry_at, pause },
        "half_open" => BreakerState::HalfOpen { trial: Some(row.changed_at), pause },
        _ => BreakerState::Closed,
    };
    if row.function.is_empty() {
        if let Some(plugin) = host.registry.plugin(&row.plugin) {
            plugin.control.adopt(state, &row.reason);
        }
        return;
    }
    for function in host.registry.functions() {
        if function.is.plugin.id == row.plugin && function.key() == row.function {
            function.adopt(state, &row.reason);
        }
    }
}

/// Writes down what happened to a plugin on this instance.
///
/// # Errors
/// The database cannot be written; nothing was.
pub(super) fn write(host: &Arc<Host>, note: &Note) -> Result<(), OpError> {
    let mut seen = host.plugins_seen.lock().unwrap_or_else(PoisonError::into_inner);
    let runner = Runner::of_server(host, None);
    let (id, at) = (note.plugin.id, note.at.as_micros());
    match &note.what {
        What::Breaker { function, to } => {
            let (retry_at, pause) = match to {
                BreakerState::Closed => (0, Duration::ZERO),
                BreakerState::Open { retry_at, pause } => (*retry_at, *pause),
                BreakerState::HalfOpen { trial, pause } => (trial.unwrap_or(at), *pause),
            };
            let row = PluginBreakerRow {
                plugin: id.to_owned(),
                function: function.clone().unwrap_or_default(),
                state: to.as_str().to_owned(),
                reason: note.reason.clone(),
                retry_at,
                pause: i64::try_from(pause.as_micros()).unwrap_or(i64::MAX),
                revision: 1,
                changed_at: at,
            };
            let revision = runner.run_blocking(Mode::Write, |op| {
                if plugin::happened_since(&mut op.db, id, RESET, at)? {
                    return Ok(None);
                }
                happened(op, id, &row.function, &row.state, &row.reason, at)?;
                Ok(Some(plugin::set_breaker(&mut op.db, &row)?))
            })?;
            match revision {
                Some(revision) => drop(seen.breakers.insert((row.plugin, row.function), revision)),
                // Somebody reset the plugin before this could be written down: what counts is the reset.
                None => adopt(host, &PluginBreakerRow { state: "closed".to_owned(), ..row }),
            }
        }
        What::Quarantined => {
            let revision = runner.run_blocking(Mode::Write, |op| quarantine(op, id, &note.reason, at))?;
            seen.states.insert(id.to_owned(), revision);
        }
        What::NotStarted => {
            runner.run_blocking(Mode::Write, |op| happened(op, id, "", "failed", &note.reason, at))?;
        }
    }
    Ok(())
}

fn quarantine(op: &mut OpCtx, id: &str, reason: &str, at: i64) -> Result<i64, OpError> {
    let before = plugin::state(&mut op.db, id)?;
    let disabled = before.and_then(|row| row.disabled);
    happened(op, id, "", "quarantined", reason, at)?;
    Ok(plugin::set_state(&mut op.db, id, disabled.as_deref(), Some(reason), at)?)
}

/// Writes down quarantines of the process that this one replaces: where one held the database, it could not.
///
/// # Errors
/// The database cannot be written.
pub fn quarantine_from_before(host: &Arc<Host>, quarantined: &[(String, String)]) -> Result<(), OpError> {
    for (id, reason) in quarantined {
        let known = Runner::of_server(host, None).run_blocking(Mode::Write, |op| {
            let known = plugin::state(&mut op.db, id)?.and_then(|row| row.quarantined);
            if known.as_deref() != Some(reason) {
                quarantine(op, id, reason, Timestamp::now().as_micros())?;
            }
            Ok(known)
        })?;
        if known.as_deref() != Some(reason) {
            tracing::error!(plugin = id.as_str(), "quarantined: {reason}");
        }
    }
    Ok(())
}

/// Notes what happened, for people: in the list of the plugin's changes, and in the audit log.
pub(super) fn happened(
    op: &mut OpCtx,
    plugin_id: &str,
    function: &str,
    state: &str,
    reason: &str,
    at: i64,
) -> Result<(), OpError> {
    let row = PluginTransitionRow {
        plugin: plugin_id.to_owned(),
        function: function.to_owned(),
        state: state.to_owned(),
        reason: reason.to_owned(),
        at,
    };
    plugin::insert_transition(&mut op.db, &row)?;
    op.audit(
        Action::PluginState,
        AuditObject::plugin(plugin_id),
        || json!({"function": function, "state": state, "reason": reason}),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{happened, sync, write};
    use crate::plugins::breaker::BreakerState;
    use crate::plugins::contributions::Contributions;
    use crate::plugins::note::{Note, What};
    use crate::plugins::registry::{PluginSettings, Registry};
    use crate::services::audit::AuditSettings;
    use crate::services::host::{Host, ModelLimits, ShareSettings, WebhookRules};
    use crate::services::run::{Mode, Runner};
    use crate::store::{DatabaseUrl, Store, StoreOptions};
    use pagoda_plugin_sdk::PluginDecl;
    use pagoda_plugin_sdk::time::{Timestamp, Zone};
    use std::time::Duration;

    static PLUGIN: PluginDecl = PluginDecl::new("a-plugin", "A plugin", "1.0.0");

    #[test]
    fn what_was_before_a_reset_does_not_come_back() {
        let directory = tempfile::tempdir().unwrap();
        let store =
            Store::open(StoreOptions::new(DatabaseUrl::Sqlite(directory.path().join("p.db")))).unwrap();
        store.migrate().unwrap();
        let registry = Registry::freeze(Contributions::of(&[&PLUGIN]), &PluginSettings::default()).unwrap();
        let shares = ShareSettings { operations: None, most_waiting: 8, patience: Duration::from_secs(1) };
        let host = Host::new(
            store,
            registry,
            Zone::utc(),
            shares,
            AuditSettings::default(),
            ModelLimits::default(),
            WebhookRules::default(),
        );
        let control = &host.registry.plugin("a-plugin").unwrap().control;
        let open = |at: i64| {
            let to = BreakerState::Open { retry_at: i64::MAX, pause: Duration::from_secs(10) };
            control.adopt(to, "it failed");
            let what = What::Breaker { function: None, to };
            Note { plugin: &PLUGIN, what, reason: "it failed".to_owned(), at: Timestamp::from_micros(at) }
        };
        let reset = |at: i64| {
            let outcome = Runner::of_server(&host, None)
                .run_blocking(Mode::Write, |op| happened(op, "a-plugin", "", super::RESET, "by amy", at));
            outcome.unwrap();
        };
        // Opened, reset, and only then written down.
        let late = open(1_000);
        reset(2_000);
        write(&host, &late).unwrap();
        sync(&host).unwrap();
        assert_eq!(control.breaker().0, BreakerState::Closed);
        // Opened after the reset, it stays open.
        write(&host, &open(3_000)).unwrap();
        sync(&host).unwrap();
        assert!(matches!(control.breaker().0, BreakerState::Open { .. }));
    }
}
