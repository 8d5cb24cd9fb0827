//! Waiting for what comes true by itself, a moment later.

use std::convert::Infallible;
use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// How long a test waits before it gives up.
#[derive(Clone, Copy)]
pub(crate) struct Wait(pub(crate) Duration);

impl Wait {
    pub(crate) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Looks until `what` is true.
    #[track_caller]
    pub(crate) fn until(self, what: &str, mut look: impl FnMut() -> bool) {
        self.until_some(what, || look().then_some(()));
    }

    /// Looks until `what` is there.
    #[track_caller]
    pub(crate) fn until_some<T>(self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        self.until_ok(what, || look().ok_or(None::<Infallible>))
    }

    /// Looks until `what` is there, and says otherwise what was there in its place.
    #[track_caller]
    pub(crate) fn until_ok<T, E: Debug>(self, what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
        let deadline = Instant::now() + self.0;
        loop {
            match look() {
                Ok(found) => return found,
                Err(instead) => {
                    assert!(Instant::now() < deadline, "not within {:?}: {what}; {instead:?}", self.0);
                }
            }
            std::thread::sleep(PAUSE);
        }
    }
}
