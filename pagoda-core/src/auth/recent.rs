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
    seen: RwLock<HashMap<String, (Instant, Arc<User>)>>,
}

impl Recent {
    /// The user of a token, if the last look is fresh.
    #[must_use]
    pub fn get(&self, token: &str, now: Instant) -> Option<Arc<User>> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        let (looked, user) = seen.get(token)?;
        (now.saturating_duration_since(*looked) < FRESH).then(|| Arc::clone(user))
    }

    /// Notes a look that began at `looked`.
    pub fn put(&self, token: &str, looked: Instant, user: Arc<User>) {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.retain(|_, (at, _)| looked.saturating_duration_since(*at) < FRESH);
        }
        seen.insert(token.to_owned(), (looked, user));
    }

    /// Forgets everything: somebody's token changed on this instance.
    pub fn clear(&self) {
        self.seen.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
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
    }
}
