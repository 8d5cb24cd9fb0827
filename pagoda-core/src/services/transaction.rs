//! Whether this thread is inside a transaction, where nothing waits on the network.

use std::cell::Cell;

thread_local! {
    static OPEN: Cell<u32> = const { Cell::new(0) };
}

/// While it lives, this thread is inside a transaction.
#[derive(Debug)]
pub(super) struct Open;

impl Open {
    pub(super) fn enter() -> Self {
        OPEN.set(OPEN.get() + 1);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        OPEN.set(OPEN.get() - 1);
    }
}

/// Whether this thread is inside one.
pub(crate) fn is_open() -> bool {
    OPEN.get() > 0
}
