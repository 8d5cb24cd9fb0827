//! Routes of plugins, at `/api/v2/plugins/<id>/…`: inside the same authentication, limits and error
//! envelope as the host's own.

use super::endpoint::{Cx, Endpoint};
use super::error::{ApiError, ApiResult};
use super::limits::Rates;
use crate::limits::shares::{Crowded, Kind};
use crate::plugins::function::Function;
use crate::plugins::guard::{Guarded, Watched, guarded};
use crate::plugins::registry::Registry;
use crate::plugins::stats::Ended;
use crate::plugins::traced::{self, Class};
use crate::plugins::watch::{Hung, Ticket};
use crate::services::error::OpError;
use crate::services::run::Runner;
use crate::store::StoreError;
use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method as HttpMethod, StatusCode};
use pagoda_plugin_sdk::config::AnyConfig;
use pagoda_plugin_sdk::hook::BoxFuture;
use pagoda_plugin_sdk::route::{Method, Response, RouteContext, RouteHandler, RouteReg, RouteRequest};
use pagoda_plugin_sdk::{RouteError, RouteResult};
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tracing::{Instrument, Span};

/// Where a plugin's routes are mounted.
#[must_use]
pub(super) fn prefix(plugin_id: &str) -> String {
    format!("/api/v2/plugins/{plugin_id}")
}

/// One endpoint per path; the registry has sorted the routes and refused collisions. A plugin that could not
/// be started says so at all of its paths.
pub(super) fn endpoints(registry: &Registry, rates: &Rates) -> Vec<Endpoint> {
    let mut endpoints: Vec<(String, Endpoint)> = Vec::new();
    for route in registry.routes() {
        let reg = route.reg;
        let path = format!("{}{}", prefix(reg.plugin.id), reg.path);
        let config = registry.config(reg.plugin).cloned();
        // Routes of one path are neighbours.
        let endpoint = match endpoints.pop_if(|(known, _)| *known == path) {
            Some((_, endpoint)) => endpoint,
            None => Endpoint::new(path.clone()).at_rate(reg.plugin.id, rates.of_plugin(reg.plugin.id)),
        };
        endpoints.push((path, add(endpoint, reg, Arc::clone(&route.function), config)));
    }
    let mut endpoints: Vec<Endpoint> = endpoints.into_iter().map(|(_, endpoint)| endpoint).collect();
    let broken = registry.plugins().iter().filter(|plugin| plugin.enabled && !plugin.is_mounted());
    endpoints.extend(broken.map(|plugin| {
        let (id, control) = (plugin.decl.id, Arc::clone(&plugin.control));
        METHODS.into_iter().fold(Endpoint::new(format!("{}/{{tail:.*}}", prefix(id))), |endpoint, method| {
            let control = Arc::clone(&control);
            endpoint.on(method_of(method), move |_| {
                let (state, reason) = control.state();
                let reason = reason.unwrap_or_default();
                std::future::ready(Err(ApiError::plugin_unavailable(id, state.as_str(), &reason, None)))
            })
        })
    }));
    endpoints
}

const METHODS: [Method; 5] = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];

fn method_of(method: Method) -> HttpMethod {
    match method {
        Method::Post => HttpMethod::POST,
        Method::Put => HttpMethod::PUT,
        Method::Patch => HttpMethod::PATCH,
        Method::Delete => HttpMethod::DELETE,
        _ => HttpMethod::GET,
    }
}

fn add(endpoint: Endpoint, route: RouteReg, function: Arc<Function>, config: Option<AnyConfig>) -> Endpoint {
    let names: Arc<[&'static str]> = parameter_names(route.path).into();
    endpoint.with_auth(method_of(route.method), route.auth, move |cx| {
        answer(cx, route, Arc::clone(&function), config.clone(), Arc::clone(&names))
    })
}

fn parameter_names(path: &'static str) -> Vec<&'static str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
}

async fn answer(
    cx: Cx,
    route: RouteReg,
    function: Arc<Function>,
    config: Option<AnyConfig>,
    names: Arc<[&'static str]>,
) -> ApiResult {
    let leave = function.admit().map_err(|refused| {
        function.skipped();
        traced::skipped(&function.is);
        let plugin = route.plugin.id;
        ApiError::plugin_unavailable(plugin, refused.state.as_str(), &refused.reason, refused.retry_at)
    })?;
    let runner = Runner::new(Arc::clone(&cx.state.host), Arc::clone(&cx.request));
    let context = RouteContext::new(route.plugin, config, Arc::clone(&cx.request), runner.gate(&function));
    let params = names
        .iter()
        .map(|name| (*name, cx.http.match_info().get(name).unwrap_or_default().to_owned()))
        .collect();
    let request = RouteRequest {
        context,
        params,
        query: cx.http.query_string().to_owned(),
        content_type: cx.body.content_type.clone(),
        body: cx.body.bytes.to_vec(),
    };
    let started = Instant::now();
    let span = traced::call(&function.is);
    let outcome = call(&cx, route.handler, request, &function, started, &span).await;
    let answer = match outcome {
        Ok(Ok(response)) => respond(response, cx.state.max_response_bytes)
            .map_err(|bad| refuse(&route, &cx, &RouteError::fault(bad.into()))),
        Ok(Err(error)) => Err(refuse(&route, &cx, &error)),
        Err(Late::Crowded(crowded)) => {
            function.not_called(leave);
            traced::not_called(&span);
            return Err(OpError::from(crowded).into());
        }
        Err(Late::NotBegun) => {
            function.not_called(leave);
            traced::not_called(&span);
            return Err(OpError::Unavailable(StoreError::Busy).into());
        }
        Err(Late::Beyond(late)) => {
            Err((ApiError::plugin_timeout(route.plugin.id, &late), Some((late, traced::BUDGET))))
        }
    };
    let trace_id = &cx.request.trace_id;
    match answer {
        Ok(response) => {
            let counted = function.ended(leave, started.elapsed(), Ended::Well, trace_id, None);
            traced::ended(&span, counted, || None);
            Ok(response)
        }
        Err((error, fault)) => {
            let ended = if fault.is_some() { Ended::Faulted } else { Ended::Rejected };
            let shown = fault.as_ref().map(|(fault, _)| fault as &dyn Display);
            let counted = function.ended(leave, started.elapsed(), ended, trace_id, shown);
            traced::ended(&span, counted, || fault.map(|(_, class)| class));
            Err(error)
        }
    }
}

/// Why a route's function did not come back.
enum Late {
    /// It was never called: there was no place for it.
    Crowded(Crowded),
    /// Nor this time: others did not give the threads of plugins back.
    NotBegun,
    /// A sentence without its subject.
    Beyond(String),
}

impl Late {
    fn cut_off(budget: Duration) -> Self {
        Self::Beyond(format!("did not answer within {budget:?}"))
    }

    fn hung(hung: &Hung) -> Self {
        Self::Beyond(format!("did not come back for {:.0?}; the server goes on without it", hung.for_time))
    }

    fn given_up() -> Self {
        Self::Beyond("was given up: the server restarts".to_owned())
    }
}

/// Calls the route's function. Async work is cut off at its budget; plain work that hangs is left behind.
///
/// # Errors
/// It did not come back.
async fn call(
    cx: &Cx,
    handler: RouteHandler,
    request: RouteRequest,
    function: &Arc<Function>,
    started: Instant,
    span: &Span,
) -> Result<RouteResult<Response>, Late> {
    let outcome = match handler {
        RouteHandler::Async(handler) => {
            let inside = function.enter(started);
            let future = span.in_scope(|| guarded(|| handler(request)));
            drop(inside);
            match future {
                Ok(future) => run(cx, future, function, span).await?,
                Err(panic) => Err(panic),
            }
        }
        RouteHandler::Plain(handler) => {
            // It may block its thread for as long as it likes; threads are for everybody.
            let shares = &cx.state.host.shares;
            let place =
                shares.take(function.is.plugin.id, Kind::Calls, false).await.map_err(Late::Crowded)?;
            let registry = Arc::clone(&cx.state.host.registry);
            let ticket = Arc::new(Ticket::default());
            let (seated, entered, watch) = (Arc::clone(&ticket), Arc::clone(function), Arc::clone(&registry));
            let span = span.clone();
            let run = tokio::task::spawn_blocking(move || {
                let _entered = span.enter();
                let _seat = watch.watch().sit(seated);
                let inside = entered.enter(Instant::now());
                let outcome = guarded(|| handler(request));
                drop(inside);
                drop(place);
                outcome
            });
            tokio::select! {
                ran = run => ran.unwrap_or_else(|lost| Err(lost.into())),
                hung = ticket.hung() => return Err(Late::hung(&hung)),
                () = registry.watch().given_up() => return Err(Late::given_up()),
            }
        }
    };
    Ok(outcome.unwrap_or_else(|panic| Err(RouteError::fault(panic))))
}

/// Runs an async route until its budget: among the requests if it has earned that, otherwise on the threads of
/// plugins, where it cannot stop anybody else.
///
/// # Errors
/// It did not come back.
async fn run(
    cx: &Cx,
    future: BoxFuture<'static, RouteResult<Response>>,
    function: &Arc<Function>,
    span: &Span,
) -> Result<anyhow::Result<RouteResult<Response>>, Late> {
    let (future, budget) = (Guarded::new(future), function.times.budget);
    let host = &cx.state.host;
    let threads = if function.trust.is_earned() { None } else { Some(host.plugin_runtime()) };
    let runtime = match threads {
        Some(Ok(runtime)) => runtime,
        not_there => {
            if let Some(Err(error)) = not_there {
                tracing::error!("an async route runs among the requests: {error}");
            }
            let watched = Watched::new(future, Arc::clone(function), None);
            return tokio::time::timeout(budget, watched.instrument(span.clone()))
                .await
                .map_err(|_| Late::cut_off(budget));
        }
    };
    let (ticket, begun) = (Arc::new(Ticket::default()), Arc::new(AtomicBool::new(false)));
    let watched = Watched::new(future, Arc::clone(function), Some(Arc::clone(&ticket)));
    let mut task = OnOtherThread(runtime.spawn({
        let begun = Arc::clone(&begun);
        async move {
            begun.store(true, Ordering::Relaxed);
            watched.await
        }
        .instrument(span.clone())
    }));
    // The clock is this thread's: those over there may all be inside of something that does not come back.
    tokio::select! {
        ran = &mut task.0 => Ok(ran.unwrap_or_else(|lost| Err(lost.into()))),
        () = tokio::time::sleep(budget) => {
            Err(if begun.load(Ordering::Relaxed) { Late::cut_off(budget) } else { Late::NotBegun })
        }
        hung = ticket.hung() => Err(Late::hung(&hung)),
        () = host.registry.watch().given_up() => Err(Late::given_up()),
    }
}

/// A task that nobody needs any more once nobody waits for it.
struct OnOtherThread(JoinHandle<anyhow::Result<RouteResult<Response>>>);

impl Drop for OnOtherThread {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An answer of a plugin that is none: its fault.
#[derive(Debug, thiserror::Error)]
enum BadAnswer {
    #[error("the status {0} does not exist")]
    Status(u16),
    #[error("the header {0:?} cannot be sent")]
    Header(String),
    #[error("the response has {bytes} bytes, and max_response_bytes allows {most}")]
    TooLarge { bytes: usize, most: usize },
}

fn respond(response: Response, most: usize) -> Result<HttpResponse, BadAnswer> {
    let bytes = response.body.len();
    if bytes > most {
        return Err(BadAnswer::TooLarge { bytes, most });
    }
    let status = StatusCode::from_u16(response.status).map_err(|_| BadAnswer::Status(response.status))?;
    let mut answer = HttpResponse::build(status);
    if !response.content_type.is_empty() {
        answer.content_type(response.content_type);
    }
    for (name, value) in &response.headers {
        let pair = HeaderName::try_from(name.as_str()).ok().zip(HeaderValue::try_from(value.as_str()).ok());
        answer.append_header(pair.ok_or_else(|| BadAnswer::Header(name.clone()))?);
    }
    Ok(answer.body(response.body))
}

/// The answer for a route's error; the second is the fault behind it, if it is one.
fn refuse(route: &RouteReg, cx: &Cx, error: &RouteError) -> (ApiError, Option<(String, Class)>) {
    let fault = error.source().map(|fault| (format!("{fault:#}"), traced::class(fault)));
    if let Some((fault, _)) = &fault {
        tracing::error!(
            plugin = route.plugin.id,
            route = %format_args!("{} {}", route.method.as_str(), route.path),
            function = route.function,
            at = %format_args!("{}:{}", route.file, route.line),
            trace_id = %cx.request.trace_id,
            "plugin route failed: {fault}"
        );
    }
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (ApiError::with_body(status, error.body().clone()).retry_if_unavailable(), fault)
}
