//! What all operations of one server share.

use crate::limits::shares::{PluginShares, Rules};
use crate::plugins::registry::Registry;
use crate::store::{Backend, Store};
use pagoda_plugin_sdk::time::Zone;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

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
    /// What each plugin may take of the server at a time.
    pub shares: PluginShares,
    /// Operations that run or wait for a connection, see [`Host::admit`].
    busy: AtomicUsize,
    /// Operations that were told to come back.
    refused: AtomicU64,
}

/// More operations than this at a time would only be threads that sleep: they are told to come back.
pub const MOST_OPERATIONS: usize = 256;

/// What an operator decides about the shares of plugins.
#[derive(Debug, Clone, Copy)]
pub struct ShareSettings {
    /// Operations of one plugin at a time; absent means half of the connections.
    pub operations: Option<usize>,
    /// Calls of one plugin that may wait, for each kind of work.
    pub most_waiting: usize,
    /// How long one waits.
    pub patience: Duration,
}

/// How many plugins may be called within each other. *Source: design §5.*
pub const MOST_NESTED: usize = 4;

impl Host {
    /// A server over these.
    #[must_use]
    pub fn new(store: Store, registry: Registry, zone: Zone, shares: ShareSettings) -> Arc<Self> {
        let rules = Rules {
            connections: store.connections(),
            one_writer: store.backend() == Backend::Sqlite,
            places: MOST_OPERATIONS,
            operations: shares.operations,
            most_waiting: shares.most_waiting,
            patience: shares.patience,
        };
        let shares = PluginShares::new(registry.plugins().iter().map(|plugin| plugin.decl.id), rules);
        Arc::new(Self {
            store,
            registry: Arc::new(registry),
            zone,
            limits: ModelLimits::default(),
            shares,
            busy: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// A place among the running operations, given back when dropped; none when there are too many.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Admitted> {
        let admitted = Admitted(Arc::clone(self));
        let before = self.busy.fetch_add(1, Ordering::Relaxed);
        if before < MOST_OPERATIONS {
            return Some(admitted);
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// Operations that run or wait for a connection.
    #[must_use]
    pub fn running(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// Operations that were told to come back, so far.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// A place among the running operations.
pub(crate) struct Admitted(Arc<Host>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}
