//! The faults that hooks and routes have in common.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

/// How long `slow` takes where nothing is said, in milliseconds.
const SLOW_MS: u64 = 1_000;

/// How long `slow` takes.
pub(crate) fn slow(n: Option<u64>) -> Duration {
    Duration::from_millis(n.unwrap_or(SLOW_MS))
}

/// Keeps the thread, doing nothing.
pub(crate) fn block(n: Option<u64>) {
    std::thread::sleep(slow(n));
}

/// Keeps the thread computing: for `n` milliseconds, or for ever.
pub(crate) fn spin(n: Option<u64>) {
    let started = Instant::now();
    let ends = n.map(Duration::from_millis);
    while ends.is_none_or(|ends| started.elapsed() < ends) {
        spin_loop();
    }
}

/// Panics.
#[expect(clippy::panic, reason = "that is what it is for")]
pub(crate) fn panic(place: &str) -> ! {
    panic!("chaos: a drill panics in {place}")
}

/// The error of `error`.
pub(crate) fn error(place: &str) -> pagoda_plugin_sdk::anyhow::Error {
    pagoda_plugin_sdk::anyhow::anyhow!("chaos: a drill fails in {place}")
}
