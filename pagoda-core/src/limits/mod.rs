//! How much of something there may be: requests in a time, attempts at a password, a plugin's share of the
//! server. Arithmetic and waiting only: nothing here knows requests, users or the database.

pub mod attempts;
pub mod rate;
pub mod shares;

/// The value behind a lock. One that was poisoned holds counters, which are whole at any time.
fn open<T>(lock: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
