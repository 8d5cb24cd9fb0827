//! The server as the threads of alerts have it: for a moment at a time, and not beyond its end.

use crate::services::host::Host;
use std::sync::{Arc, PoisonError, RwLock, Weak};

/// The way of these threads to the server that they look after.
#[derive(Debug)]
pub struct Access {
    host: Weak<Host>,
    ended: RwLock<bool>,
}

impl Access {
    pub(super) fn new(host: &Arc<Host>) -> Arc<Self> {
        Arc::new(Self { host: Arc::downgrade(host), ended: RwLock::new(false) })
    }

    /// Does something with the server; none when it has ended. Nothing that takes long but the database.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Arc<Host>) -> T) -> Option<T> {
        let ended = self.ended.read().unwrap_or_else(PoisonError::into_inner);
        if *ended {
            return None;
        }
        // Dropped before the lock is given back: who ends the server has its database to himself then.
        let host = self.host.upgrade()?;
        let outcome = work(&host);
        drop(host);
        Some(outcome)
    }

    /// Ends it: waits for what is being done, and nothing more is. Blocks; not for async threads.
    pub fn end(&self) {
        *self.ended.write().unwrap_or_else(PoisonError::into_inner) = true;
    }
}
