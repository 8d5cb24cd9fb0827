//! Alerts: what is wrong for long enough is an incident, of which people are told once, and once when it is over.
//!
//! One thread per server looks every few moments for what is wrong (`conditions.rs`); `tracker.rs` decides what opens
//! and what is over, without clock or database; incidents are rows (`incidents.rs`), so that of several instances over
//! one database only one tells, and nothing is lost when a process dies. Each channel (`webhook.rs`, `mail.rs`) has
//! a thread of its own that takes what it has to tell from these rows (`delivery.rs`). No request ever waits for any
//! of it.

mod access;
mod conditions;
mod delivery;
mod incidents;
mod list;
mod mail;
mod notice;
mod reading;
mod system;
#[cfg(test)]
mod tests;
mod tracker;
mod webhook;
mod window;

pub use access::Access;
pub use list::{AlertItem, list};
pub use reading::Kind;

use self::conditions::Conditions;
use self::delivery::Channel;
use self::incidents::Incidents;
use self::mail::Mail;
use self::webhook::Webhook;
use crate::config::{AlertSettings, Config};
use crate::mail::smtp;
use crate::plugins::guard::guarded;
use crate::services::host::Host;
use crate::store::DatabaseUrl;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

/// Looking more often than this would find nothing more.
const LEAST_PAUSE: Duration = Duration::from_millis(25);
/// Looking more seldom would be late.
const MOST_PAUSE: Duration = Duration::from_secs(2);

/// Starts to look after a server that listens at `address`; the threads end with the server, or when the result is
/// told to. None when there are to be no alerts.
///
/// # Errors
/// A channel cannot be set up, or no thread can be made.
pub fn start(host: &Arc<Host>, config: &Config, address: SocketAddr) -> anyhow::Result<Option<Arc<Access>>> {
    let settings = &config.alerts;
    if !settings.enabled {
        return Ok(None);
    }
    let access = Access::new(host);
    let instance = format!("{}:{}", smtp::host_name(), address.port());
    let directory = match &config.database_url {
        DatabaseUrl::Sqlite(path) => path.parent().map(|parent| match parent.as_os_str().is_empty() {
            true => PathBuf::from("."),
            false => parent.to_owned(),
        }),
        DatabaseUrl::Postgres(_) => None,
    };
    let mut channels: Vec<Box<dyn Channel>> = Vec::new();
    if let Some(webhook) = &settings.webhook {
        channels.push(Box::new(Webhook::new(webhook, settings.webhook_secret.clone())));
    }
    if let Some(mail) = Mail::new(settings)? {
        channels.push(Box::new(mail));
    }
    let names = channels.iter().map(|channel| channel.name()).collect();
    let mut wakers = Vec::new();
    for channel in channels {
        let (waker, woken) = sync_channel(1);
        wakers.push(waker);
        let (access, retry) = (Arc::clone(&access), settings.retry);
        std::thread::Builder::new()
            .name(format!("pagoda-{}", channel.name()))
            .spawn(move || delivery::run(&access, channel.as_ref(), retry, &woken))?;
    }
    let conditions = Conditions::new(settings.clone(), directory);
    let incidents = Incidents::new(host, settings, instance, names);
    let (looks, pause) = (Arc::clone(&access), pause(settings));
    std::thread::Builder::new()
        .name("pagoda-alert".to_owned())
        .spawn(move || run(&looks, pause, conditions, incidents, &wakers))?;
    Ok(Some(access))
}

fn pause(settings: &AlertSettings) -> Duration {
    (settings.after.min(settings.clear) / 4).clamp(LEAST_PAUSE, MOST_PAUSE)
}

fn run(
    access: &Access,
    pause: Duration,
    mut conditions: Conditions,
    mut incidents: Incidents,
    wakers: &[SyncSender<()>],
) {
    loop {
        std::thread::sleep(pause);
        let round = access.with(|host| {
            guarded(|| {
                let readings = conditions.look(host);
                incidents.round(host, readings)
            })
        });
        let Some(round) = round else { return };
        match round {
            Ok(true) => {
                for waker in wakers {
                    // One that is full wakes already.
                    let _ = waker.try_send(());
                }
            }
            Ok(false) => {}
            Err(panic) => tracing::error!("a round of alerts failed: {panic:#}"),
        }
    }
}
