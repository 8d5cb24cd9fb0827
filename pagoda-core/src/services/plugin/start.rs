//! Starts plugins: their handlers of `system.startup`, one by one.
//!
//! A plugin whose start fails is left out, the rest serves. Each handler has a transaction of its own, so that
//! one plugin's failure undoes nothing of another's.

use crate::plugins::control::PluginState;
use crate::plugins::note::{Note, What};
use crate::plugins::registry::Plugin;
use crate::plugins::table::Tabled;
use crate::plugins::watch::Ticket;
use crate::services::error::OpError;
use crate::services::host::Host;
use crate::services::run::{Mode, Runner};
use crate::store::Backend;
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::payload::SystemStartup;
use pagoda_plugin_sdk::time::Timestamp;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

type Startup = hooks::system::startup;

/// Starts every plugin that may run and was not started yet. Blocks; not for async threads.
///
/// # Errors
/// With `strict`, the first plugin that could not be started and why.
pub fn start_all(host: &Arc<Host>, strict: bool) -> anyhow::Result<()> {
    let payload = Arc::new(payload(host));
    // In the total order of the handlers, across plugins.
    for (index, slot) in Startup::table(host.registry.tables()).slots().iter().enumerate() {
        let Some(plugin) = host.registry.plugin(slot.info.plugin.id) else { continue };
        if plugin.is_started() || plugin.state().0 == PluginState::Failed || host.is_to_be_replaced() {
            continue;
        }
        if plugin.state().0 == PluginState::Disabled {
            continue;
        }
        if let Err(reason) = call(host, index, &payload) {
            anyhow::ensure!(!strict, "plugin {} cannot be started: {reason}", plugin.decl.id);
            fail(host, plugin, reason);
        }
    }
    for plugin in host.registry.plugins() {
        if plugin.is_mounted() && plugin.control.standing().is_good() {
            plugin.set_started();
        }
    }
    Ok(())
}

fn payload(host: &Host) -> SystemStartup {
    let mut payload = SystemStartup::default();
    payload.version = env!("CARGO_PKG_VERSION").to_owned();
    payload.database = match host.store.backend() {
        Backend::Sqlite => "sqlite",
        Backend::Postgres => "postgres",
    }
    .to_owned();
    let running = host.registry.plugins().iter().filter(|plugin| plugin.is_mounted());
    payload.plugins = running.map(|plugin| plugin.decl.id.to_owned()).collect();
    payload
}

/// Calls one handler, on a thread of its own: one that hangs must not keep the server from starting.
fn call(host: &Arc<Host>, index: usize, payload: &Arc<SystemStartup>) -> Result<(), String> {
    let (done, outcome) = channel();
    let ticket = Arc::new(Ticket::default());
    let (host, payload, seated) = (Arc::clone(host), Arc::clone(payload), Arc::clone(&ticket));
    let thread = std::thread::Builder::new().name("pagoda-start".to_owned()).spawn(move || {
        let registry = Arc::clone(&host.registry);
        let _seat = registry.watch().sit(seated);
        let runner = Runner::of_server(&host, None);
        let called = runner.run_blocking(Mode::Write, |op| op.check_one::<Startup>(&payload, index));
        // Nobody listens any more once it was given up.
        let _ = done.send(called);
    });
    thread.map_err(|error| format!("no thread can be made: {error}"))?;
    loop {
        match outcome.recv_timeout(Duration::from_millis(20)) {
            Ok(Ok(None)) => return Ok(()),
            Ok(Ok(Some(fault))) => return Err(format!("system.startup failed: {fault}")),
            Ok(Err(OpError::Rejected { reject, .. })) => {
                return Err(format!("system.startup refused: {reject}"));
            }
            Ok(Err(error)) => return Err(format!("system.startup failed: {error}")),
            Err(RecvTimeoutError::Timeout) if ticket.is_hung() => {
                return Err("system.startup did not come back".to_owned());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err("system.startup was lost".to_owned()),
        }
    }
}

fn fail(host: &Host, plugin: &Plugin, reason: String) {
    tracing::error!(plugin = plugin.decl.id, "plugin cannot be started and is left out: {reason}");
    plugin.control.set_standing(|standing| standing.not_started = Some(reason.clone()));
    host.registry.note(Note { plugin: plugin.decl, what: What::NotStarted, reason, at: Timestamp::now() });
}
