//! How functions did over the last half hour, minute by minute.

use super::stats::Counts;
use pagoda_plugin_sdk::time::Timestamp;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Minutes that are remembered.
pub const MINUTES: usize = 30;
/// Percentiles are those of the last so many minutes.
const RECENT: usize = 10;

/// Counters at the end of each of the last minutes, oldest first.
#[derive(Debug, Default)]
pub(super) struct Trend(Mutex<VecDeque<(Timestamp, Vec<Counts>)>>);

/// One function over the last minutes.
#[derive(Debug, Clone)]
pub struct Course {
    /// The last ten minutes or so.
    pub recent: Counts,
    /// What was counted in each minute, oldest first; the last one is not over yet.
    pub minutes: Vec<Counts>,
}

impl Trend {
    pub(super) fn remember(&self, now: Timestamp, counts: Vec<Counts>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((now, counts));
        while kept.len() > MINUTES {
            kept.pop_front();
        }
    }

    pub(super) fn course(&self, index: usize, now: &Counts) -> Course {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |at: usize| kept.get(at).and_then(|(_, counts)| counts.get(index));
        let nothing = Counts::default();
        let recent = now.since(kept.len().checked_sub(RECENT).and_then(of).unwrap_or(&nothing));
        let ends = (0..kept.len()).filter_map(of).chain([now]);
        let starts = [&nothing].into_iter().chain((0..kept.len()).filter_map(of));
        let minutes: Vec<Counts> = ends.zip(starts).map(|(end, start)| end.since(start)).collect();
        // What lies before the oldest remembered minute is not one minute.
        let skip = if kept.len() == MINUTES { 1 } else { 0 };
        Course { recent, minutes: minutes.into_iter().skip(skip).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::{MINUTES, Trend};
    use crate::plugins::stats::{Counters, Ended};
    use pagoda_plugin_sdk::time::Timestamp;
    use std::time::Duration;

    #[test]
    fn each_minute_has_its_own_calls() {
        let (trend, counters) = (Trend::default(), Counters::default());
        let call = |ended| counters.count(Duration::from_micros(5), ended);
        let calls = |trend: &Trend| -> Vec<u64> {
            trend.course(0, &counters.read()).minutes.iter().map(|minute| minute.calls).collect()
        };
        call(Ended::Well);
        assert_eq!(calls(&trend), [1]);
        trend.remember(Timestamp::now(), vec![counters.read()]);
        call(Ended::Well);
        call(Ended::Faulted);
        assert_eq!(calls(&trend), [1, 2]);
        for _ in 0..2 * MINUTES {
            trend.remember(Timestamp::now(), vec![counters.read()]);
        }
        call(Ended::Well);
        let course = trend.course(0, &counters.read());
        assert_eq!(course.minutes.len(), MINUTES);
        assert_eq!(course.minutes.iter().map(|minute| minute.calls).sum::<u64>(), 1);
        assert_eq!((course.recent.calls, course.recent.faults), (1, 0));
    }
}
