//! The breaker: what fails too often is left alone for a while, then tried again.
//!
//! Pure: times come in as microseconds since the epoch, nothing here has a clock or a lock.

use std::collections::VecDeque;
use std::time::Duration;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// So many faults within `window` open it.
    pub faults: u32,
    /// How far back faults count.
    pub window: Duration,
    /// How long it stays open the first time; twice as long after each trial that fails.
    pub pause: Duration,
    /// It never stays open longer than this.
    pub most_pause: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            faults: 5,
            window: Duration::from_secs(60),
            pause: Duration::from_secs(10),
            most_pause: Duration::from_secs(600),
        }
    }
}

/// What a breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Everything.
    Closed,
    /// Nothing until `retry_at`.
    Open {
        /// When one call may try again, in microseconds since the epoch.
        retry_at: i64,
        /// How long it was opened for.
        pause: Duration,
    },
    /// One call at a time, to see.
    HalfOpen {
        /// When the call that tries began; absent while none does.
        trial: Option<i64>,
        /// How long it was open before.
        pause: Duration,
    },
}

impl BreakerState {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half_open",
        }
    }
}

/// May a call go through?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Yes.
    Pass,
    /// Yes, and how it ends decides.
    Trial,
    /// No, and not before this time, in microseconds since the epoch.
    Refuse(i64),
}

/// Faults in a sliding window, and what follows from them.
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    state: BreakerState,
    /// Times of faults while closed, oldest first; never more than it takes to open.
    faults: VecDeque<i64>,
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: BreakerState::Closed, faults: VecDeque::new() }
    }

    /// What it lets through.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Faults that count at `now`.
    #[must_use]
    pub fn recent_faults(&self, now: i64) -> usize {
        let horizon = now.saturating_sub(micros(self.settings.window));
        self.faults.iter().filter(|at| **at > horizon).count()
    }

    /// Whether a call may go through at `now`; changes nothing.
    #[must_use]
    pub fn ask(&self, now: i64) -> Ask {
        match self.state {
            BreakerState::Closed => Ask::Pass,
            BreakerState::Open { retry_at, .. } if now < retry_at => Ask::Refuse(retry_at),
            BreakerState::Open { .. } | BreakerState::HalfOpen { trial: None, .. } => Ask::Trial,
            BreakerState::HalfOpen { trial: Some(began), pause } => {
                // A trial that never ended must not keep it half-open for ever.
                let lost = began.saturating_add(micros(pause.max(self.settings.pause)));
                if now >= lost { Ask::Trial } else { Ask::Refuse(lost) }
            }
        }
    }

    /// Notes that the call which [`Breaker::ask`] called a trial begins.
    pub fn begin_trial(&mut self, now: i64) {
        if let BreakerState::Open { pause, .. } | BreakerState::HalfOpen { pause, .. } = self.state {
            self.state = BreakerState::HalfOpen { trial: Some(now), pause };
        }
    }

    /// Notes that a trial ended without saying anything about the function: it was never called, or refused by
    /// somebody else.
    pub fn abandon_trial(&mut self) {
        if let BreakerState::HalfOpen { trial, .. } = &mut self.state {
            *trial = None;
        }
    }

    /// Notes a fault; true when that opens the breaker.
    pub fn fault(&mut self, now: i64) -> bool {
        match self.state {
            // Calls that began before it opened may still fail.
            BreakerState::Open { .. } => false,
            BreakerState::HalfOpen { pause, .. } => {
                self.open(now, pause.saturating_mul(2));
                true
            }
            BreakerState::Closed => {
                let horizon = now.saturating_sub(micros(self.settings.window));
                while self.faults.front().is_some_and(|at| *at <= horizon) {
                    self.faults.pop_front();
                }
                self.faults.push_back(now);
                let opens = self.faults.len() >= usize::try_from(self.settings.faults).unwrap_or(usize::MAX);
                if opens {
                    self.open(now, self.settings.pause);
                }
                opens
            }
        }
    }

    /// Notes that a trial went well; true when that closes the breaker.
    pub fn success(&mut self) -> bool {
        let closes = matches!(self.state, BreakerState::HalfOpen { .. });
        if closes {
            self.close();
        }
        closes
    }

    /// Closes it and forgets all faults.
    pub fn close(&mut self) {
        self.state = BreakerState::Closed;
        self.faults.clear();
    }

    /// Takes over what another instance found.
    pub fn adopt(&mut self, state: BreakerState) {
        if state == BreakerState::Closed {
            self.faults.clear();
        }
        self.state = state;
    }

    fn open(&mut self, now: i64, pause: Duration) {
        let pause = pause.min(self.settings.most_pause).max(Duration::from_millis(1));
        self.faults.clear();
        self.state = BreakerState::Open { retry_at: now.saturating_add(micros(pause)), pause };
    }
}

#[cfg(test)]
mod tests {
    use super::{Ask, Breaker, BreakerSettings, BreakerState};
    use proptest::prelude::*;
    use std::time::Duration;

    const SECOND: i64 = 1_000_000;

    fn breaker() -> Breaker {
        Breaker::new(BreakerSettings {
            faults: 3,
            window: Duration::from_secs(10),
            pause: Duration::from_secs(1),
            most_pause: Duration::from_secs(3),
        })
    }

    #[test]
    fn faults_within_the_window_open_it() {
        let mut breaker = breaker();
        assert!(!breaker.fault(0));
        assert!(!breaker.fault(9 * SECOND));
        // The first is too old by now.
        assert!(!breaker.fault(11 * SECOND));
        assert_eq!(breaker.recent_faults(11 * SECOND), 2);
        assert!(breaker.fault(12 * SECOND));
        assert_eq!(breaker.ask(12 * SECOND), Ask::Refuse(13 * SECOND));
    }

    #[test]
    fn trials_decide_and_pauses_grow_up_to_the_most() {
        let mut breaker = breaker();
        let mut now = 0;
        for _ in 0..3 {
            breaker.fault(now);
        }
        for pause in [1, 2, 3, 3] {
            assert_eq!(breaker.ask(now), Ask::Refuse(now + pause * SECOND));
            now += pause * SECOND;
            assert_eq!(breaker.ask(now), Ask::Trial);
            breaker.begin_trial(now);
            assert!(matches!(breaker.ask(now), Ask::Refuse(_)), "one trial at a time");
            assert!(breaker.fault(now));
        }
        now += 3 * SECOND;
        breaker.begin_trial(now);
        assert!(breaker.success());
        assert_eq!(breaker.ask(now), Ask::Pass);
        assert!(!breaker.fault(now), "the old faults are forgotten");
    }

    #[test]
    fn a_lost_trial_is_followed_by_another() {
        let mut breaker = breaker();
        (0..3).for_each(|_| {
            breaker.fault(0);
        });
        breaker.begin_trial(SECOND);
        assert_eq!(breaker.ask(SECOND + 1), Ask::Refuse(2 * SECOND));
        assert_eq!(breaker.ask(2 * SECOND), Ask::Trial);
        breaker.begin_trial(2 * SECOND);
        breaker.abandon_trial();
        assert_eq!(breaker.ask(2 * SECOND), Ask::Trial);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Wait(u32),
        Call(bool),
    }

    proptest! {
        /// Whatever happens: it refuses only while open or trying, never beyond the longest pause, and
        /// without faults in the window it is never open.
        #[test]
        fn it_always_comes_back(steps in prop::collection::vec(
            prop_oneof![(0u32..5_000_000).prop_map(Step::Wait), any::<bool>().prop_map(Step::Call)], 0..200,
        )) {
            let (mut breaker, mut now, mut faults) = (breaker(), 0i64, 0u32);
            for step in steps {
                match step {
                    Step::Wait(time) => now += i64::from(time),
                    Step::Call(fails) => match breaker.ask(now) {
                        Ask::Refuse(until) => {
                            prop_assert!(until > now && until <= now + 3 * SECOND);
                            prop_assert!(faults >= 3);
                        }
                        ask => {
                            if ask == Ask::Trial {
                                breaker.begin_trial(now);
                            }
                            if fails {
                                faults += 1;
                                breaker.fault(now);
                            } else if ask == Ask::Trial {
                                prop_assert!(breaker.success());
                                prop_assert_eq!(breaker.state(), BreakerState::Closed);
                            }
                        }
                    },
                }
            }
            prop_assert!(breaker.ask(now + 4 * SECOND) == Ask::Pass || breaker.ask(now + 4 * SECOND) == Ask::Trial);
        }
    }
}
