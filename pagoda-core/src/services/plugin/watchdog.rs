//! Sees to plugins that do not come back.
//!
//! Plain code cannot be cut off. What stays inside a plugin beyond its hard limit costs a thread for good, and
//! on SQLite perhaps the only writer. So its plugin is quarantined, and the process has to be replaced.

use crate::plugins::function::Function;
use crate::plugins::note::{Note, What};
use crate::plugins::watch::Hung;
use crate::services::host::Host;
use pagoda_plugin_sdk::time::Timestamp;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often the watchdog looks: a call is found at most this long after its hard limit.
const EVERY: Duration = Duration::from_millis(50);

/// Starts the watchdog of a server; it ends with the server. A server without plugins needs none.
///
/// # Errors
/// No thread can be made.
pub fn watch(host: &Arc<Host>) -> std::io::Result<()> {
    if host.registry.functions().is_empty() {
        return Ok(());
    }
    let host = Arc::downgrade(host);
    std::thread::Builder::new().name("pagoda-watch".to_owned()).spawn(move || run(&host)).map(|_| ())
}

fn run(host: &Weak<Host>) {
    loop {
        std::thread::sleep(EVERY);
        let Some(host) = host.upgrade() else { return };
        let functions = host.registry.functions();
        let limit = |index: usize| functions.get(index).map(|function| function.times.hard_limit);
        for hung in host.registry.watch().hung(limit) {
            if let Some(function) = functions.get(hung.function) {
                quarantine(&host, function, &hung);
            }
        }
    }
}

fn quarantine(host: &Host, function: &Function, hung: &Hung) {
    let Some(plugin) = host.registry.plugin(function.is.plugin.id) else { return };
    if plugin.control.standing().quarantined.is_some() {
        return;
    }
    let reason = format!(
        "{} ({}:{}) did not come back for {:.1?}; its hard limit is {:?}",
        function.key(),
        function.is.file,
        function.is.line,
        hung.for_time,
        function.times.hard_limit
    );
    tracing::error!(plugin = plugin.decl.id, "quarantined, the process will be replaced: {reason}");
    plugin.control.set_standing(|standing| standing.quarantined = Some(reason.clone()));
    function.gave_up(&reason);
    host.registry.note(Note { plugin: plugin.decl, what: What::Quarantined, reason, at: Timestamp::now() });
    host.replace();
}
