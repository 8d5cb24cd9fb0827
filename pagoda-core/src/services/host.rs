//! What all operations of one server share.

use super::audit::{AuditSettings, Auditor};
use crate::plugins::registry::Registry;
use crate::store::Store;
use pagoda_plugin_sdk::time::Zone;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Limits of the data model; absent means none. *Source: spec, entity §1.1.*
#[derive(Debug, Clone, Copy, Default)]
pub struct ModelLimits {
    /// Most active definitions of one entity.
    pub attrs_per_entity: Option<usize>,
}

/// A server: its database, its plugins, its settings.
#[derive(Debug)]
pub struct Host {
    /// The database.
    pub store: Store,
    /// The plugins.
    pub registry: Arc<Registry>,
    /// The time zone in which most times are shown.
    pub zone: Zone,
    /// Limits of the data model.
    pub limits: ModelLimits,
    /// Takes what no operation records in the audit log.
    pub auditor: Auditor,
    /// Operations that run or wait for a connection, see [`Host::admit`].
    busy: AtomicUsize,
}

/// More operations than this at a time would only be threads that sleep: they are told to come back.
const MOST_OPERATIONS: usize = 256;

/// How many plugins may be called within each other. *Source: design §5.*
pub const MOST_NESTED: usize = 4;

impl Host {
    /// A server over these.
    #[must_use]
    pub fn new(store: Store, registry: Registry, zone: Zone, audit: AuditSettings) -> Arc<Self> {
        Arc::new(Self {
            auditor: Auditor::new(store.clone(), audit),
            store,
            registry: Arc::new(registry),
            zone,
            limits: ModelLimits::default(),
            busy: AtomicUsize::new(0),
        })
    }

    /// A place among the running operations, given back when dropped; none when there are too many.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Admitted> {
        let admitted = Admitted(Arc::clone(self));
        let before = self.busy.fetch_add(1, Ordering::Relaxed);
        (before < MOST_OPERATIONS).then_some(admitted)
    }
}

/// A place among the running operations.
pub(crate) struct Admitted(Arc<Host>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}
