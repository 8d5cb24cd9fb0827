//! What was counted within the last minutes, from counters that only grow.

use crate::plugins::stats::Counts;
use std::collections::VecDeque;

/// The counters of a server at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Counted {
    /// Of each function.
    pub(super) functions: Vec<Counts>,
    /// Waits in vain, of each pool.
    pub(super) timeouts: Vec<u64>,
    /// Operations refused.
    pub(super) refused: u64,
    /// Records that the audit log lost.
    pub(super) lost: u64,
}

impl Counted {
    fn since(&self, before: &Self) -> Self {
        let functions = self.functions.iter().zip(&before.functions);
        let timeouts = self.timeouts.iter().zip(&before.timeouts);
        Self {
            functions: functions.map(|(now, then)| now.since(then)).collect(),
            timeouts: timeouts.map(|(now, then)| now.saturating_sub(*then)).collect(),
            refused: self.refused.saturating_sub(before.refused),
            lost: self.lost.saturating_sub(before.lost),
        }
    }
}

/// So many moments within the window are remembered.
const PARTS: i64 = 10;

/// Remembers counters over some time.
#[derive(Debug)]
pub(super) struct Window {
    length: i64,
    kept: VecDeque<(i64, Counted)>,
}

impl Window {
    /// Over `length` microseconds.
    pub(super) fn new(length: i64) -> Self {
        Self { length, kept: VecDeque::new() }
    }

    /// What was counted within the window that ends `now`. The first moment is what others are compared with.
    pub(super) fn look(&mut self, now: i64, counted: Counted) -> Counted {
        let horizon = now - self.length;
        // The youngest of those that are old enough is what to compare with.
        while self.kept.get(1).is_some_and(|(at, _)| *at <= horizon) {
            self.kept.pop_front();
        }
        let within = match self.kept.front() {
            Some((_, before)) => counted.since(before),
            None => counted.since(&counted),
        };
        if self.kept.back().is_none_or(|(at, _)| now - at >= self.length / PARTS) {
            self.kept.push_back((now, counted));
        }
        within
    }
}

#[cfg(test)]
mod tests {
    use super::{Counted, Window};

    #[test]
    fn what_was_before_the_window_does_not_count() {
        let mut window = Window::new(100);
        let mut look = |now, refused| window.look(now, Counted { refused, ..Counted::default() }).refused;
        assert_eq!(look(0, 5), 0, "what was before the first look");
        assert_eq!(look(10, 7), 2);
        assert_eq!(look(95, 9), 4);
        assert_eq!(look(110, 9), 2, "since 10");
        assert_eq!(look(196, 9), 0, "since 95");
        assert_eq!(look(1_000, 10), 1);
        assert_eq!(look(5_000, 10), 0);
    }

    #[test]
    fn not_every_look_is_remembered() {
        let mut window = Window::new(1_000);
        (0..100_000).for_each(|now| drop(window.look(now, Counted::default())));
        assert!(window.kept.len() <= 12, "{}", window.kept.len());
    }
}
