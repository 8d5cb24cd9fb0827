//! Rates: how often something may happen, for each key by itself. The rule is governor's (a cell that drains
//! evenly, GCRA); here is a memory for it that cannot grow without end.

use super::open;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota, RateLimiter};
use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// A rate may be exceeded for a moment: so many seconds' worth may come at once.
pub const BURST_SECONDS: u32 = 5;

/// Of a rate per minute at least this many may come at once, or all of them.
pub const LEAST_BURST: u32 = 10;

/// Keys that are remembered. Only a flood of distinct client addresses gets there; what comes beyond shares
/// one rate.
pub const MOST_KEYS: usize = 100_000;

/// So many a second, five seconds' worth at once.
#[must_use]
pub fn per_second(count: NonZeroU32) -> Quota {
    let burst = count.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
    Quota::per_second(count).allow_burst(burst)
}

/// So many a minute, five seconds' worth at once but at least ten, or all of them if they are fewer.
#[must_use]
pub fn per_minute(count: NonZeroU32) -> Quota {
    let burst = (count.get() / (60 / BURST_SECONDS)).max(LEAST_BURST).min(count.get());
    Quota::per_minute(count).allow_burst(NonZeroU32::new(burst).unwrap_or(count))
}

/// A rate for each key.
pub struct Rate<K: Hash + Eq + Clone, C: Clock = MonotonicClock> {
    limiter: RateLimiter<K, Known<K>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
    /// Looks until keys are forgotten whose time is over.
    until_sweep: AtomicUsize,
    sweep_every: usize,
    refused: AtomicU64,
}

impl<K: Hash + Eq + Clone> Rate<K> {
    /// A rate whose time is the machine's.
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        Self::with_clock(quota, MOST_KEYS, MonotonicClock)
    }
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Rate<K, C> {
    /// A rate that remembers at most `most` keys, with another clock.
    pub fn with_clock(quota: Quota, most: usize, clock: C) -> Self {
        let known = Known { most, map: Mutex::default(), others: Mutex::default() };
        // A sweep looks at every key, so it must be paid by as many looks, give or take.
        let sweep_every = (most / 10).max(1);
        Self {
            limiter: RateLimiter::new(quota, known, clock.clone()),
            clock,
            until_sweep: AtomicUsize::new(sweep_every),
            sweep_every,
            refused: AtomicU64::new(0),
        }
    }

    /// Counts one more for `key`.
    ///
    /// # Errors
    /// There were too many; says how long to wait.
    pub fn check(&self, key: &K) -> Result<(), Duration> {
        if self.until_sweep.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.until_sweep.store(self.sweep_every, Ordering::Relaxed);
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        self.limiter.check_key(key).map_err(|until| {
            self.refused.fetch_add(1, Ordering::Relaxed);
            until.wait_time_from(self.clock.now())
        })
    }

    /// How many were refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Keys that are remembered.
    pub fn keys(&self) -> usize {
        self.limiter.len()
    }
}

impl<K: Hash + Eq + Clone, C: Clock> std::fmt::Debug for Rate<K, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rate").field("refused", &self.refused).finish_non_exhaustive()
    }
}

/// When the cell of each key will have drained; those that find no place share one cell.
struct Known<K> {
    most: usize,
    map: Mutex<HashMap<K, Nanos>>,
    others: Mutex<Option<Nanos>>,
}

impl<K: Hash + Eq + Clone> StateStore for Known<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut map = open(&self.map);
        let full = map.len() >= self.most;
        match map.get_mut(key) {
            Some(state) => {
                let (value, after) = decide(Some(*state))?;
                *state = after;
                Ok(value)
            }
            None if full => {
                drop(map);
                let mut state = open(&self.others);
                let (value, after) = decide(*state)?;
                *state = Some(after);
                Ok(value)
            }
            None => {
                let (value, after) = decide(None)?;
                map.insert(key.clone(), after);
                Ok(value)
            }
        }
    }
}

impl<K: Hash + Eq + Clone> ShrinkableKeyedStateStore<K> for Known<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        open(&self.map).retain(|_, state| *state > drop_below);
    }

    fn shrink_to_fit(&self) {
        let mut map = open(&self.map);
        // Only after a flood: a map that is used grows back at once.
        if map.capacity() / 4 > map.len() {
            let room = map.len() * 2;
            map.shrink_to(room);
        }
    }

    fn len(&self) -> usize {
        open(&self.map).len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::{Rate, per_minute, per_second};
    use governor::clock::FakeRelativeClock;
    use std::num::NonZeroU32;
    use std::time::Duration;

    fn count(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    #[test]
    fn bursts_are_five_seconds_worth() {
        let burst = |quota: governor::Quota| quota.burst_size().get();
        assert_eq!((burst(per_second(count(1))), burst(per_second(count(100)))), (5, 500));
        assert_eq!(burst(per_second(NonZeroU32::MAX)), u32::MAX);
        let minutes = [1, 7, 10, 60, 600, 6_000].map(|number| burst(per_minute(count(number))));
        assert_eq!(minutes, [1, 7, 10, 10, 50, 500]);
    }

    #[test]
    fn each_key_has_its_own_rate_and_the_wait_is_told() {
        let clock = FakeRelativeClock::default();
        let rate = Rate::with_clock(per_second(count(2)), 100, clock.clone());
        for _ in 0..10 {
            assert_eq!(rate.check(&"a"), Ok(()));
        }
        assert_eq!(rate.check(&"a"), Err(Duration::from_millis(500)));
        assert_eq!((rate.check(&"b"), rate.refused()), (Ok(()), 1));
        clock.advance(Duration::from_millis(499));
        assert_eq!(rate.check(&"a"), Err(Duration::from_millis(1)));
        clock.advance(Duration::from_millis(1));
        assert_eq!(rate.check(&"a"), Ok(()));
    }

    #[test]
    fn a_flood_of_keys_shares_one_rate_and_is_forgotten() {
        let clock = FakeRelativeClock::default();
        let rate = Rate::with_clock(per_second(count(1)), 50, clock.clone());
        assert_eq!(rate.check(&0), Ok(()));
        let refused = (1..10_000).filter(|key| rate.check(key).is_err()).count();
        assert_eq!(rate.keys(), 50);
        // 49 found a place, 5 went through together.
        assert_eq!(refused, 10_000 - 1 - 49 - 5);
        assert_eq!(rate.check(&0), Ok(()), "who was there before keeps its own rate");
        clock.advance(Duration::from_secs(60));
        for key in 20_000..20_010 {
            assert_eq!(rate.check(&key), Ok(()));
        }
        assert!(rate.keys() <= 10, "{} keys", rate.keys());
    }
}
