//! Keeps the states of plugins the same on all instances, and remembers how they did.

use super::{start, states};
use crate::plugins::note::Note;
use crate::services::host::Host;
use crate::services::run::{Mode, Runner};
use crate::store::queries::plugin;
use pagoda_plugin_sdk::time::Timestamp;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How often the database is looked at: what one instance does counts on all within a second.
const EVERY: Duration = Duration::from_millis(500);
/// How often the counters are remembered.
const REMEMBER: Duration = Duration::from_secs(60);
/// How long the database remembers what happened to plugins, in microseconds: 90 days.
const KEPT: i64 = 90 * 24 * 3_600_000_000;

/// Starts the keeper of a server; it ends with the server. A server without plugins needs none.
///
/// # Errors
/// No thread can be made.
pub fn keep(host: &Arc<Host>) -> std::io::Result<()> {
    if host.registry.plugins().is_empty() {
        return Ok(());
    }
    let Some(notes) = host.registry.take_notes() else { return Ok(()) };
    let host = Arc::downgrade(host);
    std::thread::Builder::new().name("pagoda-keep".to_owned()).spawn(move || run(&host, &notes)).map(|_| ())
}

fn run(host: &Weak<Host>, notes: &Receiver<Note>) {
    let (mut pending, mut well) = (VecDeque::new(), true);
    let mut remembered = Instant::now();
    loop {
        let note = match notes.recv_timeout(EVERY) {
            Ok(note) => Some(note),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let Some(host) = host.upgrade() else { return };
        pending.extend(note);
        let outcome = write_all(&host, &mut pending).and_then(|()| {
            states::sync(&host)?;
            start::start_all(&host, false)
        });
        match outcome {
            Ok(()) => well = true,
            // Once, not twice a second for as long as the database is away.
            Err(error) if well => {
                tracing::error!("the states of plugins cannot be kept: {error:#}");
                well = false;
            }
            Err(_) => {}
        }
        if remembered.elapsed() >= REMEMBER {
            remembered = Instant::now();
            host.registry.remember(Timestamp::now());
            forget(&host);
        }
    }
}

/// Writes down what happened, oldest first; what cannot be written stays.
fn write_all(host: &Arc<Host>, pending: &mut VecDeque<Note>) -> anyhow::Result<()> {
    while let Some(note) = pending.front() {
        states::write(host, note)?;
        pending.pop_front();
    }
    Ok(())
}

fn forget(host: &Arc<Host>) {
    let before = Timestamp::now().as_micros().saturating_sub(KEPT);
    let forgotten = Runner::of_server(host, None)
        .run_blocking(Mode::Write, |op| Ok(plugin::forget_transitions(&mut op.db, before)?));
    if let Err(error) = forgotten {
        tracing::warn!("what happened to plugins long ago cannot be forgotten: {error}");
    }
}
