//! Routes of plugins, at `/api/v2/plugins/<id>/…`: inside the same authentication, limits and error
//! envelope as the host's own.

use super::endpoint::{Cx, Endpoint};
use super::error::{ApiError, ApiResult};
use crate::plugins::function::Function;
use crate::plugins::guard::{Guarded, Watched, guarded};
use crate::plugins::registry::Registry;
use crate::plugins::stats::Ended;
use crate::plugins::watch::Ticket;
use crate::services::run::Runner;
use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method as HttpMethod, StatusCode};
use pagoda_plugin_sdk::config::AnyConfig;
use pagoda_plugin_sdk::route::{Method, Response, RouteContext, RouteHandler, RouteReg, RouteRequest};
use pagoda_plugin_sdk::{RouteError, RouteResult};
use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

/// Where a plugin's routes are mounted.
#[must_use]
pub(super) fn prefix(plugin_id: &str) -> String {
    format!("/api/v2/plugins/{plugin_id}")
}

/// One endpoint per path; the registry has sorted the routes and refused collisions. A plugin that could not
/// be started says so at all of its paths.
pub(super) fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    let mut endpoints: Vec<(String, Endpoint)> = Vec::new();
    for route in registry.routes() {
        let reg = route.reg;
        let path = format!("{}{}", prefix(reg.plugin.id), reg.path);
        let config = registry.config(reg.plugin).cloned();
        // Routes of one path are neighbours.
        let endpoint = match endpoints.pop_if(|(known, _)| *known == path) {
            Some((_, endpoint)) => endpoint,
            None => Endpoint::new(path.clone()),
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
    let outcome = call(&cx, route.handler, request, &function, started).await;
    let answer = match outcome {
        Ok(Ok(response)) => respond(response).map_err(|error| (error, None)),
        Ok(Err(error)) => Err(refuse(&route, &cx, error)),
        Err(late) => Err((ApiError::plugin_timeout(route.plugin.id, &late), Some(late))),
    };
    let trace_id = &cx.request.trace_id;
    match answer {
        Ok(response) => {
            function.ended(leave, started.elapsed(), Ended::Well, trace_id, None);
            Ok(response)
        }
        Err((error, None)) => {
            let ended = if error.is_internal() { Ended::Faulted } else { Ended::Rejected };
            let cause = error.cause().map(str::to_owned);
            let cause = cause.as_ref().map(|cause| cause as &dyn Display);
            function.ended(leave, started.elapsed(), ended, trace_id, cause);
            Err(error)
        }
        Err((error, Some(fault))) => {
            function.ended(leave, started.elapsed(), Ended::Faulted, trace_id, Some(&fault));
            Err(error)
        }
    }
}

/// Calls the route's function. Async work is cut off at its budget; plain work that hangs is left behind.
///
/// # Errors
/// It did not come back: a sentence without its subject.
async fn call(
    cx: &Cx,
    handler: RouteHandler,
    request: RouteRequest,
    function: &Arc<Function>,
    started: Instant,
) -> Result<RouteResult<Response>, String> {
    let outcome = match handler {
        RouteHandler::Async(handler) => {
            let budget = function.times.budget;
            let inside = function.enter(started);
            let future = guarded(|| handler(request));
            drop(inside);
            match future {
                Ok(future) => {
                    let watched = Watched::new(Guarded::new(future), Arc::clone(function), None);
                    let late = |_| format!("did not answer within {budget:?}");
                    tokio::time::timeout(budget, watched).await.map_err(late)?
                }
                Err(panic) => Err(panic),
            }
        }
        RouteHandler::Plain(handler) => {
            let registry = Arc::clone(&cx.state.host.registry);
            let ticket = Arc::new(Ticket::default());
            let (seated, entered, watch) = (Arc::clone(&ticket), Arc::clone(function), Arc::clone(&registry));
            let run = tokio::task::spawn_blocking(move || {
                let _seat = watch.watch().sit(seated);
                let _inside = entered.enter(Instant::now());
                guarded(|| handler(request))
            });
            tokio::select! {
                ran = run => ran.unwrap_or_else(|lost| Err(lost.into())),
                hung = ticket.hung() => {
                    return Err(format!("did not come back for {:.0?}; the server goes on without it", hung.for_time));
                }
                () = registry.watch().given_up() => return Err("was given up: the server restarts".to_owned()),
            }
        }
    };
    Ok(outcome.unwrap_or_else(|panic| Err(RouteError::fault(panic))))
}

fn respond(response: Response) -> ApiResult {
    let status = StatusCode::from_u16(response.status)
        .map_err(|_| ApiError::internal(format!("a plugin answered with status {}", response.status)))?;
    let mut answer = HttpResponse::build(status);
    if !response.content_type.is_empty() {
        answer.content_type(response.content_type);
    }
    for (name, value) in &response.headers {
        let pair = HeaderName::try_from(name.as_str()).ok().zip(HeaderValue::try_from(value.as_str()).ok());
        let pair = pair
            .ok_or_else(|| ApiError::internal(format!("a plugin answered with the bad header {name:?}")))?;
        answer.append_header(pair);
    }
    Ok(answer.body(response.body))
}

/// The answer for a route's error; the second is the fault behind it, if it is one.
fn refuse(route: &RouteReg, cx: &Cx, error: RouteError) -> (ApiError, Option<String>) {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let fault = error.source().map(|fault| format!("{fault:#}"));
    if let Some(fault) = &fault {
        tracing::error!(
            plugin = route.plugin.id,
            route = %format_args!("{} {}", route.method.as_str(), route.path),
            function = route.function,
            at = %format_args!("{}:{}", route.file, route.line),
            trace_id = %cx.request.trace_id,
            "plugin route failed: {fault}"
        );
    }
    (ApiError::with_body(status, error.body().clone()), fault)
}
