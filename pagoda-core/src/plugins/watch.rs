//! Who is inside a plugin's code right now, and since when.
//!
//! Plain code cannot be cut off, so somebody has to look: each thread notes what it enters in a place of its
//! own that the watchdog reads. Time that a plugin spends inside the host, in a bridge call, is not its own
//! and does not count. Costs two stores on the way in and three on the way out.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The places of all threads that entered a plugin of one server.
#[derive(Debug)]
pub struct Watch {
    /// Tells the servers of one process apart.
    id: usize,
    base: Instant,
    threads: Mutex<Vec<Arc<Place>>>,
    given_up: Notify,
    hung_threads: AtomicUsize,
}

/// What one thread is doing.
#[derive(Debug, Default)]
struct Place {
    /// Since when it runs a plugin's own code, in nanoseconds since the base; 0 while it does not.
    since: AtomicU64,
    /// Own time of the same call before that, in nanoseconds.
    before: AtomicU64,
    /// Which function it is.
    function: AtomicUsize,
    /// Somebody who waits for this thread and can be told that it hangs.
    ticket: Mutex<Option<Arc<Ticket>>>,
}

thread_local! {
    /// The places of this thread, one per server; in practice one.
    static HERE: RefCell<Vec<(usize, Arc<Place>)>> = const { RefCell::new(Vec::new()) };
}

/// A call that does not come back.
#[derive(Debug, Clone)]
pub struct Hung {
    /// Index of its function in the registry.
    pub function: usize,
    /// Own time that it has taken.
    pub for_time: Duration,
}

/// Held by whoever waits for a thread; tells it that the thread hangs in a plugin.
#[derive(Debug, Default)]
pub struct Ticket {
    hung: OnceLock<Hung>,
    wake: Notify,
}

impl Ticket {
    /// Comes back once the thread is known to hang; never, if it does not.
    pub async fn hung(&self) -> Hung {
        loop {
            let woken = self.wake.notified();
            if let Some(hung) = self.hung.get() {
                return hung.clone();
            }
            woken.await;
        }
    }

    /// Whether it is known to hang.
    #[must_use]
    pub fn is_hung(&self) -> bool {
        self.hung.get().is_some()
    }

    fn tell(&self, hung: Hung) {
        if self.hung.set(hung).is_ok() {
            self.wake.notify_waiters();
            // For whoever begins to wait between the look and the wake.
            self.wake.notify_one();
        }
    }
}

/// What was in the place before, to be put back.
#[derive(Debug)]
struct Saved {
    since: u64,
    before: u64,
    function: usize,
}

/// While it lives, this thread is inside the function.
#[derive(Debug)]
pub(crate) struct Inside<'a> {
    watch: &'a Watch,
    saved: Saved,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.watch.here(|place| {
            place.function.store(self.saved.function, Ordering::Relaxed);
            place.before.store(self.saved.before, Ordering::Relaxed);
            place.since.store(self.saved.since, Ordering::Release);
        });
    }
}

/// While it lives, this thread is in the host, called by a plugin.
#[derive(Debug)]
pub(crate) struct InHost<'a> {
    watch: &'a Watch,
    /// Whether a plugin was running at all.
    was_inside: bool,
}

impl Drop for InHost<'_> {
    fn drop(&mut self) {
        if self.was_inside {
            let now = self.watch.nanos(Instant::now());
            self.watch.here(|place| place.since.store(now, Ordering::Release));
        }
    }
}

/// While it lives, the ticket hears of this thread.
#[derive(Debug)]
pub struct Seat<'a>(&'a Watch);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.here(|place| *place.ticket.lock().unwrap_or_else(PoisonError::into_inner) = None);
    }
}

impl Default for Watch {
    fn default() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        Self {
            id: COUNT.fetch_add(1, Ordering::Relaxed),
            base: Instant::now(),
            threads: Mutex::new(Vec::new()),
            given_up: Notify::new(),
            hung_threads: AtomicUsize::new(0),
        }
    }
}

impl Watch {
    fn nanos(&self, at: Instant) -> u64 {
        // 0 means that nothing runs.
        u64::try_from(at.saturating_duration_since(self.base).as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    fn here<T>(&self, use_it: impl FnOnce(&Place) -> T) -> T {
        HERE.with_borrow_mut(|places| {
            if let Some((_, place)) = places.iter().find(|(id, _)| *id == self.id) {
                return use_it(place);
            }
            let place = Arc::new(Place::default());
            let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
            // Threads come and go; what nobody else holds belongs to one that went.
            threads.retain(|place| Arc::strong_count(place) > 1);
            threads.push(Arc::clone(&place));
            drop(threads);
            let outcome = use_it(&place);
            places.push((self.id, place));
            outcome
        })
    }

    /// Notes that this thread enters a function at `now`, until the result is dropped.
    pub(crate) fn enter(&self, function: usize, now: Instant) -> Inside<'_> {
        let now = self.nanos(now);
        let saved = self.here(|place| {
            let saved = Saved {
                since: place.since.load(Ordering::Relaxed),
                before: place.before.load(Ordering::Relaxed),
                function: place.function.load(Ordering::Relaxed),
            };
            place.function.store(function, Ordering::Relaxed);
            place.before.store(0, Ordering::Relaxed);
            place.since.store(now, Ordering::Release);
            saved
        });
        Inside { watch: self, saved }
    }

    /// Notes that this thread is back in the host, until the result is dropped.
    pub(crate) fn in_host(&self) -> InHost<'_> {
        let now = self.nanos(Instant::now());
        let was_inside = self.here(|place| {
            let since = place.since.load(Ordering::Relaxed);
            if since == 0 {
                return false;
            }
            place.before.fetch_add(now.saturating_sub(since), Ordering::Relaxed);
            place.since.store(0, Ordering::Release);
            true
        });
        InHost { watch: self, was_inside }
    }

    /// Tells `ticket` when this thread hangs, until the result is dropped.
    pub fn sit(&self, ticket: Arc<Ticket>) -> Seat<'_> {
        self.here(|place| *place.ticket.lock().unwrap_or_else(PoisonError::into_inner) = Some(ticket));
        Seat(self)
    }

    /// The calls whose own time is beyond what `limit` allows their function. Whoever waits for them is told.
    pub(crate) fn hung(&self, limit: impl Fn(usize) -> Option<Duration>) -> Vec<Hung> {
        let now = self.nanos(Instant::now());
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut found = Vec::new();
        for place in threads {
            let since = place.since.load(Ordering::Acquire);
            if since == 0 {
                continue;
            }
            let function = place.function.load(Ordering::Relaxed);
            let own = now.saturating_sub(since).saturating_add(place.before.load(Ordering::Relaxed));
            // It may have gone on while we looked.
            if place.since.load(Ordering::Acquire) != since {
                continue;
            }
            let for_time = Duration::from_nanos(own);
            if limit(function).is_some_and(|limit| for_time > limit) {
                let hung = Hung { function, for_time };
                let ticket = place.ticket.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(ticket) = ticket {
                    ticket.tell(hung.clone());
                }
                found.push(hung);
            }
        }
        self.hung_threads.store(found.len(), Ordering::Relaxed);
        found
    }

    /// Threads that did not come back when they were last looked at.
    #[must_use]
    pub fn hung_threads(&self) -> usize {
        self.hung_threads.load(Ordering::Relaxed)
    }

    /// Tells everybody who waits for an operation now not to wait any longer.
    pub fn give_up(&self) {
        self.given_up.notify_waiters();
    }

    /// Comes back when it is no use to wait any longer.
    pub async fn given_up(&self) {
        self.given_up.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::{Ticket, Watch};
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    const NO_TIME: Duration = Duration::ZERO;

    #[test]
    fn a_call_is_seen_while_it_runs_and_its_waiter_is_told() {
        let watch = Arc::new(Watch::default());
        let ticket = Arc::new(Ticket::default());
        let (inside, seen) = (mpsc::channel(), mpsc::channel::<()>());
        let thread = std::thread::spawn({
            let (watch, ticket) = (Arc::clone(&watch), Arc::clone(&ticket));
            move || {
                let _seat = watch.sit(ticket);
                let _call = watch.enter(7, Instant::now());
                inside.0.send(()).unwrap();
                seen.1.recv().unwrap();
            }
        });
        inside.1.recv().unwrap();
        assert!(watch.hung(|_| Some(Duration::from_secs(3600))).is_empty());
        assert!(watch.hung(|_| None).is_empty());
        let hung = watch.hung(|function| (function == 7).then_some(NO_TIME));
        assert_eq!(hung.iter().map(|hung| hung.function).collect::<Vec<_>>(), [7]);
        let told = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(ticket.hung());
        assert_eq!(told.function, 7);
        seen.0.send(()).unwrap();
        thread.join().unwrap();
        assert!(watch.hung(|_| Some(NO_TIME)).is_empty());
    }

    #[test]
    fn time_in_the_host_does_not_count_and_calls_nest() {
        let watch = Watch::default();
        let seen = |watch: &Watch| -> Vec<usize> {
            watch.hung(|_| Some(NO_TIME)).iter().map(|hung| hung.function).collect()
        };
        let outer = watch.enter(1, Instant::now());
        assert_eq!(seen(&watch), [1]);
        {
            let _host = watch.in_host();
            assert!(seen(&watch).is_empty());
            {
                let _inner = watch.enter(2, Instant::now());
                assert_eq!(seen(&watch), [2]);
            }
            assert!(seen(&watch).is_empty());
        }
        assert_eq!(seen(&watch), [1]);
        drop(outer);
        assert!(seen(&watch).is_empty());
    }
}
