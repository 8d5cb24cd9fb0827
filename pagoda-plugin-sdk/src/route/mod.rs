//! Routes of plugins: `#[get("/greet/{name}/")]` and its siblings, mounted at `/api/v2/plugins/<id>/`.

mod describe;
mod error;
mod extract;
mod params;
mod response;

pub use describe::{AnswerBody, Described, Describer, RouteDescription, describe};
pub use error::{RouteError, RouteResult};
pub use extract::{Config, FromRequest, Json, Path, Query};
pub use response::{IntoResponse, Response};

use crate::bridge::{AsPlugin, BridgeResult, Bridges, Data, Gate, arrived, carry, enter, enter_to_read};
use crate::capability::{MayActAsPlugin, MayReachHttp, Nothing};
use crate::config::{AnyConfig, PluginConfig};
use crate::context::{RequestInfo, config_of};
use crate::hook::BoxFuture;
use crate::http::Http;
use crate::model::User;
use crate::plugin::PluginDecl;
use crate::secret::{Secret, SecretValue};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// HTTP methods that routes may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

impl Method {
    /// In capitals, as HTTP writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RouteAuth {
    /// Only authenticated users; everybody else gets 403 `AE-000000`.
    #[default]
    Required,
    /// Everybody. Credentials that are sent are checked all the same, and refused when they do not hold.
    None,
}

/// A request as a route's extractors see it.
#[derive(Debug)]
pub struct RouteRequest {
    /// Who acts, with which configuration, and the way to data.
    pub context: RouteContext,
    /// Names and undecoded texts of the path's parameters, in path order.
    pub params: Vec<(&'static str, String)>,
    /// The query string without `?`, undecoded.
    pub query: String,
    /// The `Content-Type` header; empty when absent.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// What a route's function is turned into.
#[derive(Clone, Copy)]
pub enum RouteHandler {
    /// From a plain function; runs off the async threads.
    Plain(fn(RouteRequest) -> RouteResult<Response>),
    /// From an async function.
    Async(fn(RouteRequest) -> BoxFuture<'static, RouteResult<Response>>),
}

impl std::fmt::Debug for RouteHandler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Async(_) => "Async",
        })
    }
}

/// The registration of a route, collected by the linker.
#[derive(Debug, Clone, Copy)]
pub struct RouteReg {
    /// The plugin that registered it.
    pub plugin: &'static PluginDecl,
    /// Its method.
    pub method: Method,
    /// Its path below `/api/v2/plugins/<id>`: starts with `/`, parameters as `{name}`.
    pub path: &'static str,
    /// Who may call it.
    pub auth: RouteAuth,
    /// Name of its function.
    pub function: &'static str,
    /// First line of the function's documentation; becomes its summary in the OpenAPI document.
    pub summary: &'static str,
    /// Time budget of one call; the plugin's default when absent.
    pub budget: Option<Duration>,
    /// Source file of the registration.
    pub file: &'static str,
    /// Line of the registration.
    pub line: u32,
    /// Its function.
    pub handler: RouteHandler,
    /// Says what it takes and answers; see [`describe`].
    pub describe: fn(&mut Describer<'_>),
}

inventory::collect!(RouteReg);

/// The routes that were linked into this binary, by plugin, path and method.
#[must_use]
pub fn linked() -> Vec<&'static RouteReg> {
    let mut routes: Vec<_> = inventory::iter::<RouteReg>.into_iter().collect();
    routes.sort_by_key(|route| (route.plugin.id, route.path, route.method));
    routes
}

/// The call of a route: who acts, with which configuration, and the way to data.
///
/// `C` says what the route may do. A route that needs no data takes the plain `RouteContext`, which carries
/// [`Nothing`]; one that does takes `RouteContext<Plugin>` with `use crate::Plugin`, which carries the
/// capabilities that `plugin!` declares. See [`crate::capability`].
pub struct RouteContext<C = Nothing> {
    plugin: &'static PluginDecl,
    config: Option<AnyConfig>,
    request: Arc<RequestInfo>,
    gate: Arc<dyn Gate>,
    carries: PhantomData<fn() -> C>,
}

impl<C> Clone for RouteContext<C> {
    fn clone(&self) -> Self {
        self.carrying()
    }
}

impl<C> std::fmt::Debug for RouteContext<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouteContext")
            .field("plugin", &self.plugin.id)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl RouteContext {
    /// For the host and the test kit.
    #[doc(hidden)]
    #[must_use]
    pub fn new(
        plugin: &'static PluginDecl,
        config: Option<AnyConfig>,
        request: Arc<RequestInfo>,
        gate: Arc<dyn Gate>,
    ) -> Self {
        Self { plugin, config, request, gate, carries: PhantomData }
    }

    /// This context as one that carries `C`: what the attributes do for a route that takes
    /// `RouteContext<Plugin>`.
    ///
    /// The host's bridges refuse what the plugin has not declared, whatever `C` is.
    #[must_use]
    pub fn typed<C>(&self) -> RouteContext<C> {
        self.carrying()
    }
}

impl<C> RouteContext<C> {
    /// The plugin that the route belongs to.
    #[must_use]
    pub fn plugin(&self) -> &'static PluginDecl {
        self.plugin
    }

    /// Who acts; absent on anonymous requests, which only routes with `auth = none` see.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        self.request.user.as_deref()
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> &RequestInfo {
        &self.request
    }

    /// The plugin's configuration.
    ///
    /// # Errors
    /// `T` is not the type that `plugin! { config = … }` names.
    pub fn config<T: PluginConfig>(&self) -> anyhow::Result<&T> {
        config_of(self.plugin, self.config.as_ref())
    }

    /// Runs `work` in one transaction off the async threads: committed if it returns `Ok`, rolled back
    /// otherwise. It acts as the user of the request.
    ///
    /// ```standalone_crate
    /// use pagoda_plugin_sdk::prelude::*;
    ///
    /// plugin! { id = "counter", capabilities = [entities.read] }
    ///
    /// #[get("/count/")]
    /// async fn count(ctx: RouteContext<Plugin>) -> RouteResult<Json<usize>> {
    ///     let entities = ctx.data(|db| Ok(db.entities(&EntityQuery::default())?)).await?;
    ///     Ok(Json(entities.len()))
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// What `work` returned, or why no transaction could be had or committed.
    pub async fn data<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Data<'_, C>) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        enter(self.gate.as_ref(), |bridges| work(&mut Data::new(bridges.data()))).await
    }

    /// As [`RouteContext::data`], where nothing is written; a write is refused. On SQLite, which has one
    /// writer at a time, a route that only reads should say so.
    ///
    /// # Errors
    /// As [`RouteContext::data`].
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Data<'_, C>) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        enter_to_read(self.gate.as_ref(), |bridges| work(&mut Data::new(bridges.data()))).await
    }

    /// As [`RouteContext::data`], with all bridges.
    ///
    /// # Errors
    /// As [`RouteContext::data`].
    pub async fn bridges<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Bridges<'_, C>) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        enter(self.gate.as_ref(), |bridges| work(&mut Bridges::new(bridges))).await
    }

    /// As [`RouteContext::data`], for a plain route function.
    ///
    /// # Errors
    /// As [`RouteContext::data`].
    pub fn data_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Data<'_, C>) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let (work, value) = carry(|bridges| work(&mut Data::new(bridges.data())));
        self.gate.enter_blocking(work)?;
        arrived(&value)
    }

    /// The way to data as the plugin itself instead of as the user of the request:
    /// `ctx.as_plugin().data(|db| …).await`. Needs `plugin.act`.
    #[must_use]
    pub fn as_plugin(&self) -> AsPlugin<C>
    where
        C: MayActAsPlugin,
    {
        AsPlugin::new(Ok(Arc::clone(&self.gate)))
    }

    /// The client for requests to other servers: `ctx.http().send(request).await`. Needs `http.out`.
    #[must_use]
    pub fn http(&self) -> Http<C>
    where
        C: MayReachHttp,
    {
        Http::new(Ok(Arc::clone(&self.gate)))
    }

    /// The value of a declared secret: `ctx.secret(crate::secrets::SMTP)` with `capabilities = [secrets:smtp]`.
    ///
    /// # Errors
    /// The operator withholds it.
    pub fn secret(&self, secret: Secret<C>) -> BridgeResult<SecretValue> {
        self.gate.secret(secret.name())
    }

    /// The same call, carrying something else.
    fn carrying<D>(&self) -> RouteContext<D> {
        RouteContext {
            plugin: self.plugin,
            config: self.config.clone(),
            request: Arc::clone(&self.request),
            gate: Arc::clone(&self.gate),
            carries: PhantomData,
        }
    }
}
