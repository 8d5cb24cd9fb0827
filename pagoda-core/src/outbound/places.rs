//! Places among the requests that are under way.

use pagoda_plugin_sdk::http::{OutboundError, OutboundResult};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A limited number of places.
#[derive(Debug)]
pub(super) struct Places(Arc<Semaphore>);

/// One of them, given back when dropped.
#[derive(Debug)]
pub(super) struct Place(#[expect(dead_code, reason = "held until it is dropped")] OwnedSemaphorePermit);

impl Places {
    pub(super) fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }

    /// Waits for a place.
    pub(super) async fn take(&self, until: Instant) -> OutboundResult<Place> {
        let taken = tokio::time::timeout_at(until.into(), Arc::clone(&self.0).acquire_owned()).await;
        taken.ok().and_then(Result::ok).map(Place).ok_or(OutboundError::Busy)
    }

    /// Waits for a place on this thread.
    pub(super) fn take_blocking(&self, until: Instant) -> OutboundResult<Place> {
        let taken = wait(Arc::clone(&self.0).acquire_owned(), until);
        taken.and_then(Result::ok).map(Place).ok_or(OutboundError::Busy)
    }
}

/// Waits for a future that needs no runtime, on this thread; none when it took too long.
fn wait<F: Future>(future: F, until: Instant) -> Option<F::Output> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        std::thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use super::Places;
    use pagoda_plugin_sdk::http::OutboundError;
    use std::time::{Duration, Instant};

    #[test]
    fn who_finds_no_place_in_time_is_told() {
        let places = Places::new(1);
        let now = Instant::now();
        let taken = places.take_blocking(now).unwrap();
        assert!(matches!(places.take_blocking(now + Duration::from_millis(1)), Err(OutboundError::Busy)));
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| places.take_blocking(now + Duration::from_secs(60)).is_ok());
            drop(taken);
            assert!(waits.join().unwrap());
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let _taken = places.take(now).await.unwrap();
            assert!(matches!(places.take(Instant::now()).await, Err(OutboundError::Busy)));
        });
    }
}
