//! What a handler or a route knows about its call: who acts, with which configuration, and the way to data.

use crate::bridge::{
    AsPlugin, Auth, BridgeError, BridgeManager, BridgeResult, Bridges, Data, Gate, HookBridge, arrived,
    as_plugin, carry, enter, enter_to_read,
};
use crate::capability::{MayActAsPlugin, MayReachHttp, Nothing};
use crate::catalogue::PointInfo;
use crate::config::{AnyConfig, PluginConfig};
use crate::http::Http;
use crate::model::User;
use crate::plugin::PluginDecl;
use crate::secret::{Secret, SecretValue};
use crate::time::{Timestamp, Zone};
use std::marker::PhantomData;
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
///
/// `C` says what the handler may do. A handler that needs no data takes the plain `HookContext`, which
/// carries [`Nothing`]; one that does takes `HookContext<Plugin>` with `use crate::Plugin`, which carries
/// the capabilities that `plugin!` declares. See [`crate::capability`].
pub struct HookContext<C = Nothing> {
    call: Call,
    request: Arc<RequestInfo>,
    reach: Reach,
    carries: PhantomData<fn() -> C>,
}

#[derive(Clone)]
struct Call {
    plugin: &'static PluginDecl,
    point: &'static PointInfo,
    config: Option<AnyConfig>,
}

enum Reach {
    /// Nobody ever waits for the mutex: this context alone has it. It makes the context `Sync`, without which an async handler that awaits
    /// `ctx.data(…)`, and so holds `&ctx`, would not be `Send`.
    Inside(Mutex<Box<dyn BridgeManager>>),
    Outside(Arc<dyn Gate>),
    /// Another context holds it at the moment, see [`HookContext::lend`].
    Lent,
}

impl<C> std::fmt::Debug for HookContext<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HookContext")
            .field("plugin", &self.call.plugin.id)
            .field("point", &self.call.point.name)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl<C> HookContext<C> {
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
    /// `T` is not the type that `plugin! { config = … }` names.
    pub fn config<T: PluginConfig>(&self) -> anyhow::Result<&T> {
        config_of(self.call.plugin, self.call.config.as_ref())
    }

    /// The data bridge, inside the transaction of the operation.
    ///
    /// # Errors
    /// [`BridgeError::NoTransaction`] in an Observe handler: its operation is committed.
    #[inline]
    pub fn db(&mut self) -> Result<Data<'_, C>, BridgeError> {
        Ok(Data::new(self.manager()?.data()))
    }

    /// The auth bridge, inside the transaction of the operation.
    ///
    /// # Errors
    /// As [`HookContext::db`].
    #[inline]
    pub fn auth(&mut self) -> Result<Auth<'_, C>, BridgeError> {
        Ok(Auth::new(self.manager()?.auth()))
    }

    /// The hook bridge, inside the transaction of the operation. Needs no capability.
    ///
    /// # Errors
    /// As [`HookContext::db`].
    #[inline]
    pub fn hooks(&mut self) -> Result<&mut dyn HookBridge, BridgeError> {
        Ok(self.manager()?.hooks())
    }

    /// All bridges, inside the transaction of the operation.
    ///
    /// # Errors
    /// As [`HookContext::db`].
    #[inline]
    pub fn bridges(&mut self) -> Result<Bridges<'_, C>, BridgeError> {
        Ok(Bridges::new(self.manager()?))
    }

    fn manager(&mut self) -> Result<&mut dyn BridgeManager, BridgeError> {
        match &mut self.reach {
            Reach::Inside(bridges) => Ok(bridges.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut()),
            Reach::Outside(_) | Reach::Lent => Err(BridgeError::NoTransaction(self.call.point.name)),
        }
    }

    /// Runs `work` in a transaction of its own off the async threads, from an async Observe handler.
    ///
    /// # Errors
    /// What `work` returned, or why there was no transaction; in a handler that runs inside one, always.
    pub async fn data<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Data<'_, C>) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        enter(self.gate()?.as_ref(), |bridges| work(&mut Data::new(bridges.data()))).await
    }

    /// As [`HookContext::data`], where nothing is written; a write is refused. On SQLite, which has one
    /// writer at a time, a handler that only reads should say so.
    ///
    /// # Errors
    /// As [`HookContext::data`].
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Data<'_, C>) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        enter_to_read(self.gate()?.as_ref(), |bridges| work(&mut Data::new(bridges.data()))).await
    }

    /// Runs `work` in a transaction of its own, from a plain Observe handler.
    ///
    /// # Errors
    /// As [`HookContext::data`].
    pub fn data_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Data<'_, C>) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let (work, value) = carry(|bridges| work(&mut Data::new(bridges.data())));
        self.gate()?.enter_blocking(work)?;
        arrived(&value)
    }

    fn gate(&self) -> anyhow::Result<&Arc<dyn Gate>> {
        match &self.reach {
            Reach::Outside(gate) => Ok(gate),
            Reach::Inside(_) | Reach::Lent => {
                anyhow::bail!("{} runs inside a transaction: use `ctx.db()`", self.call.point.name)
            }
        }
    }

    /// The way to data as the plugin itself instead of as the acting user, from an Observe handler:
    /// `ctx.as_plugin().data(|db| …).await`. Needs `plugin.act`.
    #[must_use]
    pub fn as_plugin(&self) -> AsPlugin<C>
    where
        C: MayActAsPlugin,
    {
        AsPlugin::new(match &self.reach {
            Reach::Outside(gate) => Ok(Arc::clone(gate)),
            Reach::Inside(_) | Reach::Lent => Err(self.call.point.name),
        })
    }

    /// Runs `work` as the plugin itself, inside the transaction of the operation. Needs `plugin.act`.
    ///
    /// # Errors
    /// What `work` returned, why the plugin cannot act as itself, or as [`HookContext::db`].
    pub fn db_as_plugin<T>(
        &mut self,
        work: impl FnOnce(&mut Data<'_, C>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T>
    where
        C: MayActAsPlugin,
    {
        as_plugin(self.manager()?, |bridges| work(&mut Data::new(bridges.data())))
    }

    /// The client for requests to other servers, from an Observe handler. Needs `http.out`. In a handler that
    /// runs inside a transaction it refuses to send: nothing waits on the network there.
    #[must_use]
    pub fn http(&self) -> Http<C>
    where
        C: MayReachHttp,
    {
        Http::new(match &self.reach {
            Reach::Outside(gate) => Ok(Arc::clone(gate)),
            Reach::Inside(_) | Reach::Lent => Err(self.call.point.name),
        })
    }

    /// The value of a declared secret: `ctx.secret(crate::secrets::SMTP)` with `capabilities = [secrets:smtp]`.
    ///
    /// # Errors
    /// The operator withholds it.
    pub fn secret(&self, secret: Secret<C>) -> BridgeResult<SecretValue> {
        match &self.reach {
            Reach::Inside(bridges) => {
                bridges.lock().unwrap_or_else(PoisonError::into_inner).secret(secret.name())
            }
            Reach::Outside(gate) => gate.secret(secret.name()),
            Reach::Lent => Err(BridgeError::Internal("this context is lent to another one".to_owned())),
        }
    }

    /// The same context, carrying something else.
    fn carrying<D>(self) -> HookContext<D> {
        HookContext { call: self.call, request: self.request, reach: self.reach, carries: PhantomData }
    }
}

/// What the host and tests do with a context; the host knows nothing of what a plugin's types carry.
impl HookContext {
    /// This context as one that carries `C`: what `#[hook]` does for a handler that takes the context by
    /// value as `HookContext<Plugin>`, and what a test does that calls one.
    ///
    /// The host's bridges refuse what the plugin has not declared, whatever `C` is.
    #[must_use]
    pub fn typed<C>(self) -> HookContext<C> {
        self.carrying()
    }

    /// Runs `work` with this context as one that carries `C`: what `#[hook]` does for a handler that takes
    /// the context as `&mut HookContext<Plugin>`. As [`HookContext::typed`], for who has no context of its
    /// own.
    #[inline]
    pub fn lend<C, R>(&mut self, work: impl FnOnce(&mut HookContext<C>) -> R) -> R {
        /// Brings back what was lent, also when `work` panics: the host wants its operation back.
        struct Lent<'a, C> {
            from: &'a mut HookContext,
            typed: HookContext<C>,
        }
        impl<C> Drop for Lent<'_, C> {
            fn drop(&mut self) {
                self.from.reach = std::mem::replace(&mut self.typed.reach, Reach::Lent);
                self.from.call.config = self.typed.call.config.take();
            }
        }
        let Call { plugin, point, ref mut config } = self.call;
        let typed = HookContext {
            call: Call { plugin, point, config: config.take() },
            request: Arc::clone(&self.request),
            reach: std::mem::replace(&mut self.reach, Reach::Lent),
            carries: PhantomData,
        };
        work(&mut Lent { from: self, typed }.typed)
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
            carries: PhantomData,
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
        let call = Call { plugin, point, config };
        Self { call, request, reach: Reach::Outside(gate), carries: PhantomData }
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
            Reach::Outside(_) | Reach::Lent => None,
        }
    }
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
