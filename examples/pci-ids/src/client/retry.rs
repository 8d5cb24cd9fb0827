//! How often, and after which pause, a request is made again.

use std::time::Duration;

/// The longest pause that a server can ask for; more is cut to this.
const LONGEST_ASKED: Duration = Duration::from_secs(120);

/// How often, and after which pause, a request is made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a request is made at most, the first time included.
    pub attempts: u32,
    /// The pause after the first attempt; it doubles with each further one.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Default for RetryPolicy {
    /// Ten attempts over about a minute: longer than a server takes to start again.
    fn default() -> Self {
        Self { attempts: 10, first_pause: Duration::from_millis(200), longest_pause: Duration::from_secs(15) }
    }
}

impl RetryPolicy {
    /// The pause after so many attempts: the own one, or what the server asked for if that is longer.
    #[must_use]
    pub fn pause(&self, attempts: u32, asked_for: Option<Duration>) -> Duration {
        let factor = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        let own = self.first_pause.saturating_mul(factor).min(self.longest_pause);
        own.max(asked_for.unwrap_or_default())
    }

    /// Reads `Retry-After`.
    ///
    /// Only the form in seconds; with a date the own pauses apply, as the clocks of the two may differ.
    pub(crate) fn asked_for(&self, header: &str) -> Option<Duration> {
        let seconds = header.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(LONGEST_ASKED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let policy = RetryPolicy {
            attempts: 9,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_millis(500),
        };
        let pauses: Vec<_> = (1..=5).map(|attempt| policy.pause(attempt, None).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 500, 500]);
        assert_eq!(policy.pause(u32::MAX, None), policy.longest_pause);
        assert_eq!(policy.pause(1, policy.asked_for("7")), Duration::from_secs(7));
        assert_eq!(policy.pause(2, policy.asked_for("0")), Duration::from_millis(200));
    }

    #[test]
    fn what_servers_ask_for() {
        let asked = |header| RetryPolicy::default().asked_for(header);
        assert_eq!(asked(" 3 "), Some(Duration::from_secs(3)));
        assert_eq!(asked("0"), Some(Duration::ZERO));
        assert_eq!(asked("86400"), Some(LONGEST_ASKED));
        assert_eq!(asked("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(asked("-1"), None);
    }
}
