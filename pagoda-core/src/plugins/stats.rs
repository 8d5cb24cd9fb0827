//! What one function of a plugin did since the server started.

use super::histogram::{Histogram, percentile};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How a call ended, as far as counting is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    Rejected,
    Faulted,
}

/// Counters of one function. Relaxed: they are read for display only.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    faults: AtomicU64,
    rejections: AtomicU64,
    skipped: AtomicU64,
    total_ns: AtomicU64,
    max_ns: AtomicU64,
    lengths: Histogram,
}

/// What was counted, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Calls, failed ones included.
    pub calls: u64,
    /// Errors, panics, and calls beyond the budget.
    pub faults: u64,
    /// Rejections.
    pub rejections: u64,
    /// Times that it was not called, because of its state.
    pub skipped: u64,
    /// Time spent in it, in nanoseconds.
    pub total_ns: u64,
    /// The longest call, in nanoseconds.
    pub max_ns: u64,
    /// Calls by length, only classes that have any, ascending: most functions have few, and many are remembered.
    lengths: Vec<(usize, u64)>,
}

impl Counts {
    /// The length below which `share` (0 to 1) of the calls stayed, in milliseconds; none without calls.
    #[must_use]
    pub fn percentile_ms(&self, share: f64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a class is a fifth wide")]
        percentile(&self.lengths, share).map(|ns| ns.min(self.max_ns) as f64 / 1e6)
    }

    /// Upper bound in nanoseconds of each class that has calls, with their number, ascending.
    pub fn lengths(&self) -> impl Iterator<Item = (u64, u64)> {
        self.lengths.iter().map(|(class, count)| (super::histogram::upper(*class), *count))
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        let more = |own: &mut u64, others: u64| *own = own.saturating_add(others);
        more(&mut self.calls, other.calls);
        more(&mut self.faults, other.faults);
        more(&mut self.rejections, other.rejections);
        more(&mut self.skipped, other.skipped);
        more(&mut self.total_ns, other.total_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        for (class, count) in &other.lengths {
            match self.lengths.binary_search_by_key(class, |(class, _)| *class) {
                Ok(at) => self.lengths.get_mut(at).into_iter().for_each(|(_, own)| more(own, *count)),
                Err(at) => self.lengths.insert(at, (*class, *count)),
            }
        }
    }

    /// What was counted since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let less = |now: u64, then: u64| now.saturating_sub(then);
        let then = |class: usize| {
            let found = before.lengths.binary_search_by_key(&class, |(class, _)| *class).ok();
            found.and_then(|at| before.lengths.get(at)).map_or(0, |(_, count)| *count)
        };
        let left = self.lengths.iter().map(|(class, count)| (*class, less(*count, then(*class))));
        Self {
            calls: less(self.calls, before.calls),
            faults: less(self.faults, before.faults),
            rejections: less(self.rejections, before.rejections),
            skipped: less(self.skipped, before.skipped),
            total_ns: less(self.total_ns, before.total_ns),
            max_ns: self.max_ns,
            lengths: left.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

impl Counters {
    #[inline]
    pub(crate) fn count(&self, took: Duration, ended: Ended) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.total_ns.fetch_add(took, Ordering::Relaxed);
        self.lengths.count(took);
        // A plain load first: the maximum rarely moves, and an atomic maximum on every call would not be free.
        if took > self.max_ns.load(Ordering::Relaxed) {
            self.max_ns.fetch_max(took, Ordering::Relaxed);
        }
        match ended {
            Ended::Well => {}
            Ended::Rejected => {
                self.rejections.fetch_add(1, Ordering::Relaxed);
            }
            Ended::Faulted => {
                self.faults.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn skip(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counts {
        let lengths = self.lengths.read();
        Counts {
            calls: lengths.iter().map(|(_, count)| count).sum(),
            faults: self.faults.load(Ordering::Relaxed),
            rejections: self.rejections.load(Ordering::Relaxed),
            skipped: self.skipped.load(Ordering::Relaxed),
            total_ns: self.total_ns.load(Ordering::Relaxed),
            max_ns: self.max_ns.load(Ordering::Relaxed),
            lengths,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Counters, Counts, Ended};
    use std::time::Duration;

    #[test]
    fn a_sum_has_the_percentiles_of_all_calls() {
        let (one, other) = (Counters::default(), Counters::default());
        (0..98).for_each(|_| one.count(Duration::from_micros(1), Ended::Well));
        one.count(Duration::from_micros(3), Ended::Rejected);
        other.count(Duration::from_millis(5), Ended::Faulted);
        other.skip();
        let mut sum = Counts::default();
        sum.add(&one.read());
        sum.add(&other.read());
        assert_eq!((sum.calls, sum.faults, sum.rejections, sum.skipped), (100, 1, 1, 1));
        assert_eq!(sum.lengths().map(|(_, count)| count).sum::<u64>(), 100);
        assert_eq!(sum.percentile_ms(1.0), Some(5.0));
        assert!(sum.percentile_ms(0.5).is_some_and(|ms| ms < 0.002), "{sum:?}");
        let mut bounds: Vec<u64> = sum.lengths().map(|(bound, _)| bound).collect();
        bounds.dedup();
        assert!(bounds.is_sorted() && bounds.len() == 3, "{bounds:?}");
        let before = sum.clone();
        sum.add(&one.read());
        assert_eq!(sum.since(&before).calls, 99);
    }
}
