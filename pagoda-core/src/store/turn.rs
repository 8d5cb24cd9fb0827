//! Turns at what only one can have at a time, in the order of coming.
//!
//! The pool, and also a fair lock that spins before it queues, may let somebody pass who came later. Here one stands in
//! the queue from the moment of asking, and a turn that ends is handed on: it is never free while somebody waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// A queue.
#[derive(Default)]
pub(super) struct Turns(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    taken: bool,
    waiting: VecDeque<Arc<Waiter>>,
}

struct Waiter {
    thread: Thread,
    called: AtomicBool,
}

/// One's turn: over when dropped.
pub(super) struct Turn(Arc<Turns>);

impl Turns {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn, if nobody has it.
    pub(super) fn try_take(self: &Arc<Self>) -> Option<Turn> {
        let mut queue = self.queue();
        if queue.taken {
            return None;
        }
        queue.taken = true;
        Some(Turn(Arc::clone(self)))
    }

    /// A turn when it comes, if it comes in time.
    pub(super) fn take(self: &Arc<Self>, patience: Duration) -> Option<Turn> {
        let deadline = Instant::now() + patience;
        let own = {
            let mut queue = self.queue();
            if !queue.taken {
                queue.taken = true;
                return Some(Turn(Arc::clone(self)));
            }
            let own = Arc::new(Waiter { thread: std::thread::current(), called: AtomicBool::new(false) });
            queue.waiting.push_back(Arc::clone(&own));
            own
        };
        while !own.called.load(Ordering::Acquire) {
            let left = deadline.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                std::thread::park_timeout(left);
                continue;
            }
            let mut queue = self.queue();
            // Called in the last moment: the turn is handed on only under this lock.
            if own.called.load(Ordering::Acquire) {
                break;
            }
            queue.waiting.retain(|waiter| !Arc::ptr_eq(waiter, &own));
            return None;
        }
        Some(Turn(Arc::clone(self)))
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue().waiting.len()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        match queue.waiting.pop_front() {
            Some(next) => {
                next.called.store(true, Ordering::Release);
                next.thread.unpark();
            }
            None => queue.taken = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Turn, Turns};
    use std::sync::mpsc::channel;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn turns_come_in_the_order_of_asking() {
        let turns: Arc<Turns> = Arc::default();
        let first = turns.try_take().unwrap();
        assert!(turns.try_take().is_none());
        let (done, order) = channel();
        let threads: Vec<_> = (0..20)
            .map(|number| {
                let (own, done) = (Arc::clone(&turns), done.clone());
                let thread = std::thread::spawn(move || {
                    let turn = own.take(LONG).unwrap();
                    done.send(number).unwrap();
                    drop(turn);
                });
                while turns.waiting() <= number {
                    std::thread::yield_now();
                }
                thread
            })
            .collect();
        drop(first);
        assert_eq!((0..20).map(|_| order.recv().unwrap()).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(turns.try_take().is_some());
    }

    #[test]
    fn who_loses_patience_is_skipped() {
        let turns: Arc<Turns> = Arc::default();
        let first = turns.try_take().unwrap();
        assert!(turns.take(Duration::from_millis(1)).is_none());
        assert_eq!(turns.waiting(), 0);
        drop(first);
        assert!(turns.take(Duration::ZERO).is_some());
    }

    #[test]
    fn one_at_a_time_whatever_happens() {
        let turns: Arc<Turns> = Arc::default();
        let inside = Mutex::new(());
        let work = |turn: Turn| {
            let alone = inside.try_lock().unwrap();
            std::thread::yield_now();
            drop(alone);
            drop(turn);
        };
        std::thread::scope(|scope| {
            for number in 0..8_u64 {
                let (turns, work) = (&turns, &work);
                scope.spawn(move || {
                    for round in 0..500 {
                        // Some give up at about the moment when they are called.
                        let patience = if round % 3 == 0 { Duration::from_micros(number) } else { LONG };
                        turns.take(patience).map(work).unwrap_or_default();
                    }
                });
            }
        });
        assert!(turns.try_take().is_some());
        assert_eq!(turns.waiting(), 0);
    }
}
