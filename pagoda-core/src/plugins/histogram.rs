//! How long calls took: counts by length, from which percentiles are read.

use std::sync::atomic::{AtomicU64, Ordering};

/// Lengths are told apart by a quarter of a power of two: a percentile is right within a fifth.
const PARTS: usize = 4;
/// Calls below 2⁶ ns are one class, calls of 2³⁸ ns (four and a half minutes) and more another.
const LEAST_POWER: u32 = 6;
const MOST_POWER: u32 = 38;
/// Classes in all.
pub(crate) const CLASSES: usize = (MOST_POWER - LEAST_POWER) as usize * PARTS + 1;

/// The class of a call of `ns` nanoseconds.
#[inline]
fn class(ns: u64) -> usize {
    let power = 63 - (ns | 1).leading_zeros();
    if power < LEAST_POWER {
        return 0;
    }
    if power >= MOST_POWER {
        return CLASSES - 1;
    }
    // The two bits below the leading one.
    let part = (ns >> (power - 2)) & 3;
    let class = u64::from(power - LEAST_POWER) * PARTS as u64 + part;
    usize::try_from(class).unwrap_or(CLASSES - 1).min(CLASSES - 1)
}

/// The longest call of a class, in nanoseconds.
pub(crate) fn upper(class: usize) -> u64 {
    let (power, part) = (class / PARTS, class % PARTS);
    let base = 1u64 << (LEAST_POWER as usize + power).min(62);
    base + (base / 4) * (part as u64 + 1)
}

/// Counts by class; written by all threads, relaxed: read for display only.
#[derive(Debug)]
pub(crate) struct Histogram(Box<[AtomicU64]>);

impl Default for Histogram {
    fn default() -> Self {
        Self((0..CLASSES).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Histogram {
    #[inline]
    pub(crate) fn count(&self, ns: u64) {
        if let Some(class) = self.0.get(class(ns)) {
            class.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The classes that have calls, ascending.
    pub(crate) fn read(&self) -> Vec<(usize, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed)).enumerate();
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

/// The length below which `share` of the calls stayed, in nanoseconds; none when there were no calls.
pub(crate) fn percentile(counts: &[(usize, u64)], share: f64) -> Option<u64> {
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    if all == 0 {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a count of calls, rounded up"
    )]
    let wanted = ((all as f64 * share).ceil() as u64).max(1);
    let mut seen = 0;
    for (class, count) in counts {
        seen += count;
        if seen >= wanted {
            return Some(upper(*class));
        }
    }
    Some(upper(CLASSES - 1))
}

#[cfg(test)]
mod tests {
    use super::{CLASSES, Histogram, class, percentile, upper};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_class_holds_its_lengths(ns in 64u64..(1 << 38)) {
            let class = class(ns);
            prop_assert!(class < CLASSES);
            prop_assert!(ns <= upper(class), "{ns} in {class} up to {}", upper(class));
            prop_assert!(upper(class) as f64 <= ns as f64 * 1.26);
        }
    }

    #[test]
    fn percentiles() {
        let histogram = Histogram::default();
        assert_eq!(percentile(&histogram.read(), 0.5), None);
        (0..99).for_each(|_| histogram.count(1_000));
        histogram.count(1_000_000);
        let counts = histogram.read();
        let near = |share: f64, ns: f64| {
            let found = percentile(&counts, share).unwrap() as f64;
            assert!(found >= ns && found <= ns * 1.26, "{share}: {found}");
        };
        near(0.5, 1_000.0);
        near(0.99, 1_000.0);
        near(1.0, 1_000_000.0);
        histogram.count(0);
        histogram.count(u64::MAX);
    }
}
