//! Waiting for what comes true by itself, a moment later.

use std::convert::Infallible;
use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until `what` is true.
#[track_caller]
pub(crate) fn until(what: &str, mut look: impl FnMut() -> bool) {
    until_some(what, || look().then_some(()));
}

/// Looks until `what` is there.
#[track_caller]
pub(crate) fn until_some<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look)
}

/// Looks until `what` is there, and says otherwise what was there in its place.
#[track_caller]
pub(crate) fn until_ok<T, E: Debug>(what: &str, look: impl FnMut() -> Result<T, E>) -> T {
    look_within(PATIENCE, what, look)
}

/// Looks until `what` is there, for no longer than `limit`, where that is what is tested.
#[track_caller]
pub(crate) fn within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    look_within(limit, what, || look().ok_or(None::<Infallible>))
}

#[track_caller]
fn look_within<T, E: Debug>(limit: Duration, what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match look() {
            Ok(found) => return found,
            Err(instead) => assert!(Instant::now() < deadline, "not within {limit:?}: {what}; {instead:?}"),
        }
        std::thread::sleep(PAUSE);
    }
}
