//! Whether an async route of a plugin may run on a thread that serves requests.
//!
//! What computes there without awaiting stops everything else that the thread serves, and nobody can cut it off. On
//! the threads of plugins it stops nobody; but the way there and back costs as much as a small route does. So a route
//! runs there until it has come back at once often enough, and again after the first time that it has not.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A poll below this leaves the thread to others in time.
const QUICK: Duration = Duration::from_millis(5);

/// So many quick polls in a row earn the trust.
pub(crate) const ENOUGH: u32 = 500;

/// What is known of one function.
#[derive(Debug, Default)]
pub(crate) struct Trust(AtomicU32);

impl Trust {
    /// Whether it may run among the requests.
    pub(crate) fn is_earned(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= ENOUGH
    }

    /// Notes how long a poll took.
    pub(crate) fn note(&self, took: Duration) {
        if took >= QUICK {
            self.0.store(0, Ordering::Relaxed);
        } else if !self.is_earned() {
            // Two at the same moment may count once too often: it is no account.
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ENOUGH, QUICK, Trust};
    use std::time::Duration;

    #[test]
    fn trust_is_earned_slowly_and_lost_at_once() {
        let trust = Trust::default();
        for _ in 0..ENOUGH {
            assert!(!trust.is_earned());
            trust.note(Duration::ZERO);
        }
        assert!(trust.is_earned());
        trust.note(Duration::ZERO);
        assert!(trust.is_earned());
        trust.note(QUICK);
        assert!(!trust.is_earned());
        trust.note(Duration::ZERO);
        assert!(!trust.is_earned());
    }
}
