//! Passwords, as Argon2id in PHC strings.
//!
//! All of it happens on one thread of its own. A comparison takes 19 MiB for tens of milliseconds, and an
//! allocator that keeps freed memory per thread would keep that for every thread that ever compared one.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};

type Job = Box<dyn FnOnce() + Send>;

/// Runs `work` on the one thread that may, and waits for it; none when that thread is gone.
fn on_the_one_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    static JOBS: OnceLock<Mutex<Sender<Job>>> = OnceLock::new();
    let jobs = JOBS.get_or_init(|| {
        let (jobs, queue) = channel::<Job>();
        std::thread::spawn(move || {
            queue.into_iter().for_each(|job| drop(catch_unwind(AssertUnwindSafe(job))))
        });
        Mutex::new(jobs)
    });
    let (done, result) = channel();
    // Whoever asked waits below, so the answer has a taker.
    let job = Box::new(move || drop(done.send(work())));
    jobs.lock().unwrap_or_else(PoisonError::into_inner).send(job).ok()?;
    result.recv().ok()
}

/// Hashes a password. Takes tens of milliseconds, on purpose: never on an async thread.
///
/// # Errors
/// The machine gives no random numbers.
pub fn hash(password: &str) -> anyhow::Result<String> {
    let password = password.to_owned();
    on_the_one_thread(move || hash_here(&password))
        .unwrap_or_else(|| Err(anyhow::anyhow!("no thread for hashing")))
}

fn hash_here(password: &str) -> anyhow::Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    Ok(hash.map_err(|error| anyhow::anyhow!("cannot hash a password: {error}"))?.to_string())
}

/// Whether a password is the one that was hashed. Without a hash it is not, and takes as long to say so.
#[must_use]
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    let (password, hash) = (password.to_owned(), hash.map(str::to_owned));
    on_the_one_thread(move || verify_here(&password, hash.as_deref())).unwrap_or(false)
}

fn verify_here(password: &str, hash: Option<&str>) -> bool {
    static NOBODY: OnceLock<String> = OnceLock::new();
    let stand_in = || NOBODY.get_or_init(|| hash_here("nobody's password").unwrap_or_default()).as_str();
    let text = hash.unwrap_or_else(stand_in);
    let Ok(parsed) = PasswordHash::new(text) else { return false };
    let holds = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
    holds && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::{hash, verify};

    #[test]
    fn only_the_right_password_holds() {
        let stored = hash("correct horse").unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(verify("correct horse", Some(&stored)));
        assert!(!verify("correct house", Some(&stored)));
        assert!(!verify("anything", Some("no hash")));
        assert!(!verify("nobody's password", None));
    }
}
