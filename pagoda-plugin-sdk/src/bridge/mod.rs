//! The bridges: how a plugin reaches the host's objects.
//!
//! Three traits, gathered by a [`BridgeManager`] that the host builds per request. Everything goes through
//! the same services as the HTTP API: same validation, same hooks, same history, same access rules, as the
//! acting user.
//!
//! The traits are what a host implements. A plugin gets them as [`Data`], [`Auth`] and [`Bridges`], which
//! know the capabilities of the context that they come from.

mod as_plugin;
mod auth;
mod data;
mod hook;
mod typed;

pub use as_plugin::AsPlugin;
pub use auth::AuthBridge;
pub use data::{DataBridge, EntityChange, EntityQuery, EntryChange, EntryQuery, NewEntity, NewEntry};
pub use hook::{HandlerStats, HookBridge};
pub(crate) use typed::as_plugin;
pub use typed::{Auth, Bridges, Data};

use crate::capability::Capability;
use crate::error::Reject;
use crate::hook::BoxFuture;
use crate::http::{OutboundRequest, OutboundResponse, OutboundResult};
use crate::model::{Level, ObjectRef};
use crate::secret::SecretValue;
use std::any::Any;

/// What a bridge call answers.
pub type BridgeResult<T> = Result<T, BridgeError>;

/// Why a bridge call failed.
///
/// In a route, `?` turns it into the answer that the host's own route would give; in a hook it is a fault
/// unless the handler makes something else of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BridgeError {
    /// There is no such active object.
    #[error("{what} {id} does not exist")]
    NotFound {
        /// What was looked for: `entity`, `entry`.
        what: &'static str,
        /// Its id or name.
        id: String,
    },
    /// The acting user may not do that.
    #[error("the acting user lacks {level:?} on {object:?}")]
    Denied {
        /// For what; absent for rights that belong to no object.
        object: Option<ObjectRef>,
        /// How much was needed.
        level: Level,
    },
    /// The plugin that calls may not do that, whoever acts.
    #[error("{}", capability_sentence(plugin, *capability, *withheld))]
    Capability {
        /// Its id.
        plugin: &'static str,
        /// What it would have needed.
        capability: Capability,
        /// Whether the operator withholds it; otherwise the plugin has not declared it.
        withheld: bool,
    },
    /// The input breaks a rule of the host; the value is the wire's error body.
    #[error("invalid input: {0}")]
    Invalid(serde_json::Value),
    /// A handler of another plugin refused the operation.
    #[error("refused by plugin {plugin}: {reject}")]
    Rejected {
        /// Its id.
        plugin: String,
        /// Its reasons.
        reject: Reject,
    },
    /// A write where only reading is possible, such as in a Filter handler.
    #[error("{0} cannot write: it runs while data is being read")]
    ReadOnly(&'static str),
    /// Plugins called each other too deeply.
    #[error("plugins are nested more than {limit} deep ({chain})")]
    TooDeep {
        /// The limit.
        limit: usize,
        /// The plugins, outermost first.
        chain: String,
    },
    /// The call needs a transaction that this context has not: use `ctx.data(|db| …)`.
    #[error(
        "{0} runs after the commit and holds no transaction: use `ctx.data(|db| …).await` or `ctx.data_blocking(|db| …)`"
    )]
    NoTransaction(&'static str),
    /// The database is busy or away; trying again later may help.
    #[error("the database cannot answer now: {0}")]
    Unavailable(String),
    /// The plugin's share of the server is used up: too many of its operations run and wait. Trying again
    /// later helps.
    #[error("{0}")]
    Busy(String),
    /// Anything else; the text is for logs.
    #[error("internal error: {0}")]
    Internal(String),
}

fn capability_sentence(plugin: &str, capability: Capability, withheld: bool) -> String {
    if withheld {
        format!("the operator withholds the capability `{capability}` from plugin {plugin}")
    } else {
        format!("plugin {plugin} has not declared the capability `{capability}`")
    }
}

/// The bridges of one request, sharing one transaction.
pub trait BridgeManager: Send {
    /// Who acts, and what they may do.
    fn auth(&mut self) -> &mut dyn AuthBridge;
    /// Entities, entries, values.
    fn data(&mut self) -> &mut dyn DataBridge;
    /// The hook catalogue, statistics, events.
    fn hooks(&mut self) -> &mut dyn HookBridge;
    /// Calls `work` once while the calling plugin acts as itself instead of the acting user.
    ///
    /// # Errors
    /// It may not, or its account cannot be had; `work` was then not called.
    fn as_plugin(&mut self, work: &mut dyn FnMut(&mut dyn BridgeManager)) -> BridgeResult<()>;
    /// The value of a secret of the calling plugin.
    ///
    /// # Errors
    /// The plugin has not declared it, the operator withholds it, or it is not there.
    fn secret(&mut self, name: &'static str) -> BridgeResult<SecretValue>;
    /// For the host, which lends itself as a manager and wants itself back.
    #[doc(hidden)]
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

/// Work that runs inside one transaction: committed if it returns `Ok`, rolled back otherwise.
pub type Work = Box<dyn FnOnce(&mut dyn BridgeManager) -> anyhow::Result<()> + Send>;

/// The way from a place without a transaction into one, and to what needs none. Implemented by the host.
pub trait Gate: Send + Sync {
    /// Runs `work` in one transaction off the async threads; then the Observe hooks of what it did.
    fn enter(&self, work: Work) -> BoxFuture<'static, anyhow::Result<()>>;
    /// The same from a plain function that runs off the async threads already.
    ///
    /// # Errors
    /// What `work` returned, or why no transaction could be had or committed.
    fn enter_blocking(&self, work: Work) -> anyhow::Result<()>;
    /// As [`Gate::enter`], where nothing is written: many can do that at the same time, also on SQLite.
    fn enter_to_read(&self, work: Work) -> BoxFuture<'static, anyhow::Result<()>> {
        self.enter(work)
    }
    /// Sends a request of the calling plugin to another server, off the async threads.
    fn http(&self, request: OutboundRequest) -> BoxFuture<'static, OutboundResult<OutboundResponse>>;
    /// The same from a plain function that runs off the async threads already.
    ///
    /// # Errors
    /// Why there is no answer.
    fn http_blocking(&self, request: OutboundRequest) -> OutboundResult<OutboundResponse>;
    /// The value of a secret of the calling plugin.
    ///
    /// # Errors
    /// As [`BridgeManager::secret`].
    fn secret(&self, name: &'static str) -> BridgeResult<SecretValue>;
}

/// Carries a value out of [`Work`].
pub(crate) fn carry<T: Send + 'static>(
    work: impl FnOnce(&mut dyn BridgeManager) -> anyhow::Result<T> + Send + 'static,
) -> (Work, std::sync::mpsc::Receiver<T>) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let work = Box::new(move |bridges: &mut dyn BridgeManager| {
        let value = work(bridges)?;
        // The receiver lives until the gate has returned.
        sender.send(value).map_err(|_| anyhow::anyhow!("the caller went away"))
    });
    (work, receiver)
}

/// Takes the value that [`carry`] sent, once the gate said `Ok`.
pub(crate) fn arrived<T>(receiver: &std::sync::mpsc::Receiver<T>) -> anyhow::Result<T> {
    receiver.try_recv().map_err(|_| anyhow::anyhow!("the host did not run the work"))
}

/// Runs `work` behind a gate and brings its value back.
pub(crate) async fn enter<T: Send + 'static>(
    gate: &dyn Gate,
    work: impl FnOnce(&mut dyn BridgeManager) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let (work, value) = carry(work);
    gate.enter(work).await?;
    arrived(&value)
}

/// As [`enter`], where nothing is written.
pub(crate) async fn enter_to_read<T: Send + 'static>(
    gate: &dyn Gate,
    work: impl FnOnce(&mut dyn BridgeManager) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let (work, value) = carry(work);
    gate.enter_to_read(work).await?;
    arrived(&value)
}
