//! What a handler or a route knows about its call: who acts, with which configuration, and the way to data.

use crate::bridge::{AuthBridge, BridgeError, BridgeManager, DataBridge, Gate, HookBridge, arrived, carry};
use crate::catalogue::PointInfo;
use crate::config::{AnyConfig, PluginConfig};
use crate::model::User;
use crate::plugin::PluginDecl;
use crate::time::{Timestamp, Zone};
use std::sync::{Arc, Mutex, PoisonError};

/// Where an operation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// An HTTP request.
    Http,
    /// The command line.
    Cli,
    /// The server itself: start and stop.
    Server,
}

/// What all handlers and routes of one request share.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RequestInfo {
    /// Who acts; absent for anonymous requests and for the server itself.
    pub user: Option<Arc<User>>,
    /// Names the request in logs and in the `X-Request-Id` header.
    pub trace_id: Arc<str>,
    /// Where it comes from.
    pub origin: Origin,
    /// When it began.
    pub started: Timestamp,
    /// The time zone of the server.
    pub zone: Zone,
}

impl RequestInfo {
    /// A request of this user that begins now.
    #[must_use]
    pub fn new(user: Option<Arc<User>>, trace_id: Arc<str>, origin: Origin, zone: Zone) -> Self {
        Self { user, trace_id, origin, started: Timestamp::now(), zone }
    }
}

/// The call of a hook handler.
///
/// * Transform, Check and Filter handlers get it as `&mut HookContext` and reach data with
///   [`HookContext::db`], inside the transaction of the operation. If the handler fails, what it wrote is
///   undone.
/// * Observe handlers get it by value, after the commit. An async one reaches data with
///   `ctx.data(|db| …).await`, a plain one with [`HookContext::data_blocking`]; each call is a transaction
///   of its own.
pub struct HookContext {
    call: Call,
    request: Arc<RequestInfo>,
    reach: Reach,
}

#[derive(Clone)]
struct Call {
    plugin: &'static PluginDecl,
    point: &'static PointInfo,
    config: Option<AnyConfig>,
}

enum Reach {
    /// The mutex is never locked. It makes the context `Sync`, without which an async handler that awaits
    /// `ctx.data(…)`, and so holds `&ctx`, would not be `Send`.
    Inside(Mutex<Box<dyn BridgeManager>>),
    Outside(Arc<dyn Gate>),
}

impl std::fmt::Debug for HookContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HookContext")
            .field("plugin", &self.call.plugin.id)
            .field("point", &self.call.point.name)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl HookContext {
    /// The plugin that is called.
    #[must_use]
    pub fn plugin(&self) -> &'static PluginDecl {
        self.call.plugin
    }

    /// The point that fires.
    #[must_use]
    pub fn point(&self) -> &'static PointInfo {
        self.call.point
    }

    /// Who acts; absent for anonymous requests and for the server itself.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        self.request.user.as_deref()
    }

    /// The request that this call belongs to.
    #[must_use]
    pub fn request(&self) -> &RequestInfo {
        &self.request
    }

    /// The plugin's configuration.
    ///
    /// # Errors
    /// `C` is not the type that `plugin! { config = … }` names.
    pub fn config<C: PluginConfig>(&self) -> anyhow::Result<&C> {
        config_of(self.call.plugin, self.call.config.as_ref())
    }

    /// The data bridge, inside the transaction of the operation.
    ///
    /// # Errors
    /// [`BridgeError::NoTransaction`] in an Observe handler: its operation is committed.
    pub fn db(&mut self) -> Result<&mut dyn DataBridge, BridgeError> {
        Ok(self.bridges()?.data())
    }

    /// The auth bridge, inside the transaction of the operation.
    ///
    /// # Errors
    /// As [`HookContext::db`].
    pub fn auth(&mut self) -> Result<&mut dyn AuthBridge, BridgeError> {
        Ok(self.bridges()?.auth())
    }

    /// The hook bridge, inside the transaction of the operation.
    ///
    /// # Errors
    /// As [`HookContext::db`].
    pub fn hooks(&mut self) -> Result<&mut dyn HookBridge, BridgeError> {
        Ok(self.bridges()?.hooks())
    }

    /// All bridges, inside the transaction of the operation.
    ///
    /// # Errors
    /// As [`HookContext::db`].
    pub fn bridges(&mut self) -> Result<&mut dyn BridgeManager, BridgeError> {
        match &mut self.reach {
            Reach::Inside(bridges) => Ok(bridges.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut()),
            Reach::Outside(_) => Err(BridgeError::NoTransaction(self.call.point.name)),
        }
    }

    /// Runs `work` in a transaction of its own off the async threads, from an async Observe handler.
    ///
    /// # Errors
    /// What `work` returned, or why there was no transaction; in a handler that runs inside one, always.
    pub async fn data<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn DataBridge) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        enter(self.gate()?.as_ref(), |bridges| work(bridges.data())).await
    }

    /// As [`HookContext::data`], where nothing is written; a write is refused. On SQLite, which has one
    /// writer at a time, a handler that only reads should say so.
    ///
    /// # Errors
    /// As [`HookContext::data`].
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn DataBridge) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        enter_to_read(self.gate()?.as_ref(), |bridges| work(bridges.data())).await
    }

    /// Runs `work` in a transaction of its own, from a plain Observe handler.
    ///
    /// # Errors
    /// As [`HookContext::data`].
    pub fn data_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn DataBridge) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let (work, value) = carry(|bridges| work(bridges.data()));
        self.gate()?.enter_blocking(work)?;
        arrived(&value)
    }

    fn gate(&self) -> anyhow::Result<&Arc<dyn Gate>> {
        match &self.reach {
            Reach::Outside(gate) => Ok(gate),
            Reach::Inside(_) => {
                anyhow::bail!("{} runs inside a transaction: use `ctx.db()`", self.call.point.name)
            }
        }
    }

    /// For the host and the test kit: a context inside a transaction.
    #[doc(hidden)]
    #[must_use]
    pub fn inside(
        plugin: &'static PluginDecl,
        point: &'static PointInfo,
        request: Arc<RequestInfo>,
        bridges: Box<dyn BridgeManager>,
    ) -> Self {
        Self {
            call: Call { plugin, point, config: None },
            request,
            reach: Reach::Inside(Mutex::new(bridges)),
        }
    }

    /// For the host and the test kit: a context after the commit.
    #[doc(hidden)]
    #[must_use]
    pub fn outside(
        plugin: &'static PluginDecl,
        point: &'static PointInfo,
        config: Option<AnyConfig>,
        request: Arc<RequestInfo>,
        gate: Arc<dyn Gate>,
    ) -> Self {
        Self { call: Call { plugin, point, config }, request, reach: Reach::Outside(gate) }
    }

    /// For the host: the next handler of the same dispatch.
    #[doc(hidden)]
    pub fn turn_to(&mut self, plugin: &'static PluginDecl, config: Option<&AnyConfig>) {
        self.call.plugin = plugin;
        self.call.config = config.cloned();
    }

    /// For the host: takes back the bridges that it lent.
    #[doc(hidden)]
    #[must_use]
    pub fn into_bridges(self) -> Option<Box<dyn BridgeManager>> {
        match self.reach {
            Reach::Inside(bridges) => Some(bridges.into_inner().unwrap_or_else(PoisonError::into_inner)),
            Reach::Outside(_) => None,
        }
    }
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

/// The configuration of a plugin as `C`.
pub(crate) fn config_of<'a, C: PluginConfig>(
    plugin: &PluginDecl,
    config: Option<&'a AnyConfig>,
) -> anyhow::Result<&'a C> {
    config.and_then(|config| config.downcast_ref()).ok_or_else(|| {
        anyhow::anyhow!(
            "plugin {} asked for a configuration of type {}, which is not the one its `plugin!` names",
            plugin.id,
            std::any::type_name::<C>()
        )
    })
}
