//! A histogram of durations that costs two atomic additions: the exporter's own takes a lock.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets in microseconds; above the last one there is one more.
pub const BOUNDS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

/// How long something took, each time.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    /// Counts one more.
    pub fn observe(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < took);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(took, Ordering::Relaxed);
    }

    /// What was counted.
    pub fn read(&self) -> Observed {
        let mut observed = Observed { sum_us: self.sum_us.load(Ordering::Relaxed), ..Observed::default() };
        for (to, from) in observed.counts.iter_mut().zip(&self.buckets) {
            *to = from.load(Ordering::Relaxed);
        }
        observed
    }
}

/// What a histogram has counted; several can be added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Observed {
    counts: [u64; BOUNDS.len() + 1],
    sum_us: u64,
}

impl AddAssign for Observed {
    fn add_assign(&mut self, other: Self) {
        for (to, more) in self.counts.iter_mut().zip(other.counts) {
            *to += more;
        }
        self.sum_us += other.sum_us;
    }
}

impl Observed {
    /// From counts of other classes, each with its upper bound in nanoseconds, and the sum of all in nanoseconds.
    pub fn of(classes: impl IntoIterator<Item = (u64, u64)>, total_ns: u64) -> Self {
        let mut observed = Self { sum_us: total_ns / 1_000, ..Self::default() };
        for (upper_ns, count) in classes {
            let bucket = BOUNDS.partition_point(|bound| *bound < upper_ns / 1_000);
            if let Some(bucket) = observed.counts.get_mut(bucket) {
                *bucket += count;
            }
        }
        observed
    }

    /// How often.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long in all, in seconds.
    #[must_use]
    pub fn sum(&self) -> f64 {
        Duration::from_micros(self.sum_us).as_secs_f64()
    }

    /// Each bucket's bound in seconds and own count, the last one without a bound.
    #[must_use]
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = BOUNDS.iter().map(|bound| Duration::from_micros(*bound).as_secs_f64());
        bounds.chain([f64::INFINITY]).zip(self.counts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{BOUNDS, Histogram};
    use std::time::Duration;

    #[test]
    fn a_duration_is_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for micros in [0, 500, 501, 10_000_000, 10_000_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        let mut observed = histogram.read();
        assert_eq!((observed.counts[0], observed.counts[1]), (2, 1));
        assert_eq!((observed.counts[BOUNDS.len() - 1], observed.counts[BOUNDS.len()]), (1, 1));
        assert_eq!(observed.count(), 5);
        observed += observed;
        assert_eq!(observed.count(), 10);
        assert!((observed.sum() - 40.002_004).abs() < 1e-9);
    }
}
