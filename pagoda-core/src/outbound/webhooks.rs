//! Requests to webhooks: many at once, of which only the status is wanted.

use super::{MOST_OF_ONE, Outbound, OutboundRequest};
use pagoda_plugin_sdk::http::OutboundResult;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

/// What a status means, in words.
#[must_use]
pub fn reason(status: u16) -> String {
    let answer = ureq::http::Response::builder().status(status).body(()).ok();
    let known = answer.and_then(|answer| answer.status().canonical_reason());
    known.map_or_else(|| format!("status {status}"), str::to_owned)
}

impl Outbound {
    /// Sends all of these at once and says the status of each answer, in order. Blocks until all have answered, or
    /// for `limit` in all; not for async threads.
    pub fn ask_webhooks(&self, requests: Vec<OutboundRequest>, limit: Duration) -> Vec<OutboundResult<u16>> {
        let until = Instant::now() + limit;
        let threads = requests.len().min(MOST_OF_ONE);
        let waiting: Mutex<Vec<(usize, OutboundRequest)>> =
            Mutex::new(requests.into_iter().enumerate().rev().collect());
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let answered = Mutex::new(Vec::new());
        let work = || {
            while let Some((index, request)) = next() {
                let left = until.saturating_duration_since(Instant::now());
                let answer = self.seat(&self.webhooks, request, left).and_then(|ready| ready.send());
                let status = answer.map(|answer| answer.status());
                answered.lock().unwrap_or_else(PoisonError::into_inner).push((index, status));
            }
        };
        thread::scope(|scope| {
            // This thread works too, so that all is done where there are no more threads.
            for _ in 1..threads {
                let started =
                    thread::Builder::new().name("pagoda-webhooks".to_owned()).spawn_scoped(scope, work);
                if let Err(error) = started {
                    tracing::warn!("webhooks are asked by fewer threads: {error}");
                }
            }
            work();
        });
        let mut answered: Vec<(usize, OutboundResult<u16>)> =
            answered.into_inner().unwrap_or_else(PoisonError::into_inner);
        answered.sort_by_key(|(index, _)| *index);
        answered.into_iter().map(|(_, status)| status).collect()
    }
}
