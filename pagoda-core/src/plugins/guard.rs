//! The border around a plugin's code: a panic ends there and leaves its place behind.

use super::function::Function;
use super::watch::Ticket;
use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Once};
use std::task::{Context, Poll};
use std::time::Instant;

thread_local! {
    /// Where the last panic of this thread was, noted by the panic hook for whoever catches it.
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    /// How many guarded calls this thread is in.
    static GUARDED: RefCell<u32> = const { RefCell::new(0) };
}

/// Makes panics inside guarded calls silent on standard error: whoever catches them logs them, with the
/// plugin and the trace id. Other panics go to the hook that was there before.
pub(crate) fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if GUARDED.with(|depth| *depth.borrow() > 0) {
                let place = panic.location().map(ToString::to_string);
                LAST_PANIC.with(|last| *last.borrow_mut() = place);
            } else {
                previous(panic);
            }
        }));
    });
}

struct Depth;

impl Depth {
    fn enter() -> Self {
        GUARDED.with(|depth| *depth.borrow_mut() += 1);
        Self
    }
}

impl Drop for Depth {
    fn drop(&mut self) {
        GUARDED.with(|depth| *depth.borrow_mut() -= 1);
    }
}

/// Calls `work`; a panic becomes an error that says what and where.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, anyhow::Error> {
    let depth = Depth::enter();
    let outcome = catch_unwind(AssertUnwindSafe(work));
    drop(depth);
    outcome.map_err(|payload| panic_error(payload.as_ref()))
}

fn panic_error(payload: &(dyn Any + Send)) -> anyhow::Error {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is no text".to_owned());
    Panicked(match LAST_PANIC.with(|last| last.borrow_mut().take()) {
        Some(place) => format!("panicked at {place}: {text}"),
        None => format!("panicked: {text}"),
    })
    .into()
}

/// A panic, as an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Panicked(String);

/// A future whose panics become errors.
pub(crate) struct Guarded<F>(F);

impl<F: Future + Unpin> Guarded<F> {
    pub(crate) fn new(future: F) -> Self {
        Self(future)
    }
}

impl<F: Future + Unpin> Future for Guarded<F> {
    type Output = Result<F::Output, anyhow::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match guarded(|| Pin::new(&mut self.0).poll(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

/// A future of a plugin's function: each poll is seen by the watchdog.
pub(crate) struct Watched<F> {
    future: F,
    function: Arc<Function>,
    ticket: Option<Arc<Ticket>>,
}

impl<F: Future + Unpin> Watched<F> {
    /// `ticket` hears of a poll that hangs.
    pub(crate) fn new(future: F, function: Arc<Function>, ticket: Option<Arc<Ticket>>) -> Self {
        Self { future, function, ticket }
    }
}

impl<F: Future + Unpin> Future for Watched<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, function, ticket } = self.get_mut();
        let _seat = ticket.as_ref().map(|ticket| function.sit(ticket));
        let began = Instant::now();
        let inside = function.enter(began);
        let outcome = Pin::new(future).poll(cx);
        drop(inside);
        function.trust.note(began.elapsed());
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::{guarded, install_panic_hook};

    #[test]
    fn a_panic_says_what_and_where() {
        install_panic_hook();
        let error = guarded(|| -> () { panic!("out of cheese") }).unwrap_err().to_string();
        assert!(error.contains("out of cheese") && error.contains("guard.rs:"), "{error}");
        assert_eq!(guarded(|| 7).unwrap(), 7);
    }
}
