//! Counts and latencies.

use std::collections::BTreeMap;
use std::time::Duration;

/// What happened to some requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    /// Answers by status; 0 stands for none.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// In microseconds.
    latencies: Vec<u32>,
}

impl Figures {
    pub(crate) fn note(&mut self, status: u16, took: Duration) {
        *self.statuses.entry(status).or_default() += 1;
        self.latencies.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.latencies.extend(other.latencies);
    }

    pub(crate) fn len(&self) -> usize {
        self.latencies.len()
    }

    /// The time in milliseconds within which so many of a thousand were answered; 0 of none.
    pub(crate) fn percentile(&self, of_thousand: usize) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * of_thousand / 1000).min(sorted.len().saturating_sub(1));
        sorted.get(at).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    }

    pub(crate) fn line(&self) -> String {
        let statuses: Vec<String> =
            self.statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect();
        format!(
            "{} requests ({}), p50 {:.1} ms, p99 {:.1} ms",
            self.len(),
            statuses.join(", "),
            self.percentile(500),
            self.percentile(990)
        )
    }
}
