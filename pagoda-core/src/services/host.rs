//! What all operations of one server share.

use super::audit::{AuditSettings, Auditor};
use crate::limits::shares::{PluginShares, Rules};
use crate::mail::{Letter, Mailer};
pub use crate::outbound::{Addresses, Hosts};
use crate::outbound::{Outbound, Policy};
use crate::plugins::registry::{Plugin, Registry};
use crate::services::job::counts::JobCounts;
use crate::services::plugin::Seen;
use crate::store::{Backend, Store};
use pagoda_plugin_sdk::time::Zone;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

/// Limits of the data model; absent means none. *Source: spec, entity §1.1.*
#[derive(Debug, Clone, Copy, Default)]
pub struct ModelLimits {
    /// Most active definitions of one entity.
    pub attrs_per_entity: Option<usize>,
    /// Most entities, deleted ones included.
    pub entities: Option<usize>,
    /// Most entries, deleted ones included.
    pub entries: Option<usize>,
    /// Most groups, deleted ones included.
    pub groups: Option<usize>,
    /// Most roles, deleted ones included.
    pub roles: Option<usize>,
    /// Most users, deleted ones included.
    pub users: Option<usize>,
    /// What is not over for so long counts as timed out; absent means a day.
    pub job_timeout: Option<Duration>,
}

/// What a server decides about accounts.
#[derive(Debug)]
pub struct Accounts {
    /// Users do not change passwords, neither with the old one nor by mail.
    pub reset_disabled: bool,
    /// Takes letters to users.
    pub mailer: Arc<dyn Mailer>,
}

/// What an operator decides about webhooks of entities.
#[derive(Debug, Clone)]
pub struct WebhookRules {
    /// Whether there are any.
    pub enabled: bool,
    /// Which hosts they reach.
    pub hosts: Hosts,
    /// Which addresses these may have.
    pub reach: Addresses,
    /// How long a request waits for all of its webhooks.
    pub timeout: Duration,
    /// Whether certificates must be good.
    pub verify_tls: bool,
}

impl Default for WebhookRules {
    fn default() -> Self {
        Self {
            enabled: true,
            hosts: Hosts::All(Some(vec![80, 443])),
            reach: Addresses::Network,
            timeout: Duration::from_secs(3),
            verify_tls: true,
        }
    }
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
    /// What holds for webhooks of entities.
    pub webhooks: WebhookRules,
    /// Sends the requests of plugins, and those to webhooks.
    pub outbound: Outbound,
    /// Takes what no operation records in the audit log.
    pub auditor: Auditor,
    /// What this instance knows of the states of plugins in the database.
    pub(super) plugins_seen: Mutex<Seen>,
    /// What a server decides about accounts; a command has none of it.
    accounts: OnceLock<Accounts>,
    /// Whether the process has to be replaced.
    replaced: watch::Sender<bool>,
    /// Where async handlers run, once there was one: see [`Host::plugin_runtime`].
    plugin_runtime: OnceLock<Runtime>,
    /// What each plugin may take of the server at a time.
    pub shares: PluginShares,
    /// How jobs ended.
    pub jobs: JobCounts,
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

/// Async handlers wait, they do not compute: two threads go a long way, and one that hangs leaves another.
const PLUGIN_THREADS: usize = 2;

/// How many plugins may be called within each other. *Source: design §5.*
pub const MOST_NESTED: usize = 4;

impl Host {
    /// A server over these.
    #[must_use]
    pub fn new(
        store: Store,
        registry: Registry,
        zone: Zone,
        shares: ShareSettings,
        audit: AuditSettings,
        limits: ModelLimits,
        webhooks: WebhookRules,
    ) -> Arc<Self> {
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
            auditor: Auditor::new(store.clone(), audit),
            outbound: outbound(&registry, &webhooks),
            webhooks,
            store,
            registry: Arc::new(registry),
            zone,
            limits,
            shares,
            busy: AtomicUsize::new(0),
            plugins_seen: Mutex::default(),
            accounts: OnceLock::new(),
            replaced: watch::Sender::new(false),
            plugin_runtime: OnceLock::new(),
            refused: AtomicU64::new(0),
            jobs: JobCounts::default(),
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

    /// Hands over what is decided about accounts, once.
    pub fn set_accounts(&self, accounts: Accounts) {
        if self.accounts.set(accounts).is_err() {
            tracing::error!("what is decided about accounts was handed over twice; the first counts");
        }
    }

    /// Whether users do not change passwords.
    #[must_use]
    pub fn is_reset_disabled(&self) -> bool {
        self.accounts.get().is_some_and(|accounts| accounts.reset_disabled)
    }

    /// Sends a letter; never within an operation, which may yet be undone.
    pub fn post(&self, letter: Letter) {
        match self.accounts.get() {
            Some(accounts) => accounts.mailer.post(letter),
            None => tracing::error!("the mail \"{}\" was not sent: this process sends none", letter.subject),
        }
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

fn outbound(registry: &Registry, webhooks: &WebhookRules) -> Outbound {
    let of_plugin = |plugin: &Plugin| {
        let reach = &plugin.reach;
        let policy = Policy {
            hosts: Hosts::Listed(reach.hosts.clone()),
            reach: if reach.private { Addresses::Everything } else { Addresses::Internet },
            timeout: reach.limits.timeout,
            max_bytes: reach.limits.max_bytes,
            ..Policy::default()
        };
        (plugin.decl.id, policy)
    };
    let webhooks = Policy {
        hosts: webhooks.hosts.clone(),
        reach: webhooks.reach,
        timeout: webhooks.timeout,
        status_only: true,
        any_certificate: !webhooks.verify_tls,
        ..Policy::default()
    };
    Outbound::new(registry.plugins().iter().map(of_plugin), webhooks)
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
