//! Tokens that were good a moment ago.
//!
//! A token is looked up in the database at most every half second, so that expiry, deactivation and
//! revocation count within a second on every instance, and a busy client costs no query per request.
//! *Source: design §10.* Only good ones are remembered: a wrong token always costs the full look.

use pagoda_plugin_sdk::model::User;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How long a look at the database counts.
const FRESH: Duration = Duration::from_millis(500);
/// More entries than this are only ever reached by a flood of distinct tokens.
const MOST: usize = 10_000;

/// Users by token.
#[derive(Debug, Default)]
pub struct Recent {
    seen: RwLock<HashMap<String, Seen>>,
}

/// When it was looked at, unless that counts no more, and whose it was.
type Seen = (Option<Instant>, Arc<User>);

impl Recent {
    /// The user of a token, if the last look is fresh.
    #[must_use]
    pub fn get(&self, token: &str, now: Instant) -> Option<Arc<User>> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        let (looked, user) = seen.get(token)?;
        is_fresh(*looked, now).then(|| Arc::clone(user))
    }

    /// Whether a token was good at any time that is remembered: whoever guesses tokens has none such.
    #[must_use]
    pub fn knows(&self, token: &str) -> bool {
        self.seen.read().unwrap_or_else(PoisonError::into_inner).contains_key(token)
    }

    /// Notes a look that began at `looked`.
    pub fn put(&self, token: &str, looked: Instant, user: Arc<User>) {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.retain(|_, (at, _)| is_fresh(*at, looked));
        }
        seen.insert(token.to_owned(), (Some(looked), user));
    }

    /// Forgets a token that is good no more.
    pub fn forget(&self, token: &str) {
        self.seen.write().unwrap_or_else(PoisonError::into_inner).remove(token);
    }

    /// No look counts any more: somebody's token changed on this instance.
    pub fn clear(&self) {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        seen.values_mut().for_each(|(looked, _)| *looked = None);
    }
}

fn is_fresh(looked: Option<Instant>, now: Instant) -> bool {
    looked.is_some_and(|looked| now.saturating_duration_since(looked) < FRESH)
}

#[cfg(test)]
mod tests {
    use super::{FRESH, Recent};
    use pagoda_plugin_sdk::model::User;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    #[test]
    fn a_look_counts_for_half_a_second() {
        let (recent, looked) = (Recent::default(), Instant::now());
        recent.put("key", looked, Arc::new(User::default()));
        assert!(recent.get("key", looked + FRESH - Duration::from_millis(1)).is_some());
        assert!(recent.get("key", looked + FRESH).is_none());
        assert!(recent.get("other", looked).is_none());
        recent.clear();
        assert!(recent.get("key", looked).is_none());
        assert!(recent.knows("key") && !recent.knows("other"));
        recent.forget("key");
        assert!(!recent.knows("key"));
    }
}
