//! What all operations of one server share.

use super::audit::{AuditSettings, Auditor};
use crate::outbound::{Outbound, Policy};
use crate::plugins::registry::Registry;
use crate::services::plugin::Seen;
use crate::store::Store;
use pagoda_plugin_sdk::time::Zone;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

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
    /// Sends the requests of plugins.
    pub outbound: Outbound,
    /// Takes what no operation records in the audit log.
    pub auditor: Auditor,
    /// Operations that run or wait for a connection, see [`Host::admit`].
    busy: AtomicUsize,
    /// What this instance knows of the states of plugins in the database.
    pub(super) plugins_seen: Mutex<Seen>,
    /// Whether the process has to be replaced.
    replaced: watch::Sender<bool>,
    /// Where async handlers run, once there was one: see [`Host::plugin_runtime`].
    plugin_runtime: OnceLock<Runtime>,
}

/// More operations than this at a time would only be threads that sleep: they are told to come back.
const MOST_OPERATIONS: usize = 256;

/// Async handlers wait, they do not compute: two threads go a long way, and one that hangs leaves another.
const PLUGIN_THREADS: usize = 2;

/// How many plugins may be called within each other. *Source: design §5.*
pub const MOST_NESTED: usize = 4;

impl Host {
    /// A server over these.
    #[must_use]
    pub fn new(store: Store, registry: Registry, zone: Zone, audit: AuditSettings) -> Arc<Self> {
        Arc::new(Self {
            auditor: Auditor::new(store.clone(), audit),
            outbound: outbound(&registry),
            store,
            registry: Arc::new(registry),
            zone,
            limits: ModelLimits::default(),
            busy: AtomicUsize::new(0),
            plugins_seen: Mutex::default(),
            replaced: watch::Sender::new(false),
            plugin_runtime: OnceLock::new(),
        })
    }

    /// Threads for async handlers of plugins. One that spins there stops no thread that serves requests.
    ///
    /// # Errors
    /// No threads can be made.
    pub(crate) fn plugin_runtime(&self) -> std::io::Result<Handle> {
        if let Some(runtime) = self.plugin_runtime.get() {
            return Ok(runtime.handle().clone());
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(PLUGIN_THREADS)
            .thread_name("pagoda-plugins")
            .enable_all()
            .build()?;
        // Another thread may have been faster; its runtime is the one.
        if let Err(second) = self.plugin_runtime.set(runtime) {
            second.shutdown_background();
        }
        self.plugin_runtime
            .get()
            .map(|runtime| runtime.handle().clone())
            .ok_or_else(|| std::io::ErrorKind::Other.into())
    }

    /// Operations that run or wait.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// Says that the process has to be replaced: a thread of it is lost.
    pub fn replace(&self) {
        self.replaced.send_replace(true);
    }

    /// Whether the process has to be replaced.
    #[must_use]
    pub fn is_to_be_replaced(&self) -> bool {
        *self.replaced.borrow()
    }

    /// Comes back when the process has to be replaced.
    pub async fn to_be_replaced(&self) {
        let mut told = self.replaced.subscribe();
        // The sender lives as long as `self`.
        let _ = told.wait_for(|replaced| *replaced).await;
    }

    /// A place among the running operations, given back when dropped; none when there are too many.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Admitted> {
        let admitted = Admitted(Arc::clone(self));
        let before = self.busy.fetch_add(1, Ordering::Relaxed);
        (before < MOST_OPERATIONS).then_some(admitted)
    }
}

fn outbound(registry: &Registry) -> Outbound {
    Outbound::new(registry.plugins().iter().map(|plugin| {
        let reach = &plugin.reach;
        let (timeout, max_bytes) = (reach.limits.timeout, reach.limits.max_bytes);
        let (hosts, private) = (reach.hosts.clone(), reach.private);
        (plugin.decl.id, Policy { hosts, private, timeout, max_bytes })
    }))
}

impl Drop for Host {
    fn drop(&mut self) {
        // Perhaps on an async thread, where nothing may be waited for.
        if let Some(runtime) = self.plugin_runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A place among the running operations.
pub(crate) struct Admitted(Arc<Host>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}
