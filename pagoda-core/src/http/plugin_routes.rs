//! Routes of plugins, at `/api/v2/plugins/<id>/…`: inside the same authentication, limits and error
//! envelope as the host's own.

use super::endpoint::{Cx, Endpoint};
use super::error::{ApiError, ApiResult};
use super::limits::Rates;
use crate::limits::shares::Kind;
use crate::plugins::guard::{Guarded, guarded};
use crate::plugins::registry::Registry;
use crate::services::error::OpError;
use crate::services::run::Runner;
use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method as HttpMethod, StatusCode};
use pagoda_plugin_sdk::config::AnyConfig;
use pagoda_plugin_sdk::route::{Method, Response, RouteContext, RouteHandler, RouteReg, RouteRequest};
use pagoda_plugin_sdk::{RouteError, RouteResult};
use std::sync::Arc;

/// Where a plugin's routes are mounted.
#[must_use]
pub(super) fn prefix(plugin_id: &str) -> String {
    format!("/api/v2/plugins/{plugin_id}")
}

/// One endpoint per path; the registry has sorted the routes and refused collisions.
pub(super) fn endpoints(registry: &Registry, rates: &Rates) -> Vec<Endpoint> {
    let mut endpoints: Vec<(String, Endpoint)> = Vec::new();
    for route in registry.routes() {
        let path = format!("{}{}", prefix(route.plugin.id), route.path);
        let config = registry.config(route.plugin).cloned();
        // Routes of one path are neighbours.
        let endpoint = match endpoints.pop_if(|(known, _)| *known == path) {
            Some((_, endpoint)) => endpoint,
            None => Endpoint::new(path.clone()).at_rate(route.plugin.id, rates.of_plugin(route.plugin.id)),
        };
        endpoints.push((path, add(endpoint, *route, config)));
    }
    endpoints.into_iter().map(|(_, endpoint)| endpoint).collect()
}

fn add(endpoint: Endpoint, route: RouteReg, config: Option<AnyConfig>) -> Endpoint {
    let method = match route.method {
        Method::Post => HttpMethod::POST,
        Method::Put => HttpMethod::PUT,
        Method::Patch => HttpMethod::PATCH,
        Method::Delete => HttpMethod::DELETE,
        _ => HttpMethod::GET,
    };
    let names: Arc<[&'static str]> = parameter_names(route.path).into();
    endpoint.with_auth(method, route.auth, move |cx| answer(cx, route, config.clone(), Arc::clone(&names)))
}

fn parameter_names(path: &'static str) -> Vec<&'static str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
}

async fn answer(cx: Cx, route: RouteReg, config: Option<AnyConfig>, names: Arc<[&'static str]>) -> ApiResult {
    let runner = Runner::new(Arc::clone(&cx.state.host), Arc::clone(&cx.request));
    let context = RouteContext::new(route.plugin, config, Arc::clone(&cx.request), runner.gate(route.plugin));
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
    let outcome = match route.handler {
        RouteHandler::Async(handler) => match guarded(|| handler(request)) {
            Ok(future) => Guarded::new(future).await,
            Err(panic) => Err(panic),
        },
        RouteHandler::Plain(handler) => {
            // It may block its thread for as long as it likes; threads are for everybody.
            let shares = &cx.state.host.shares;
            let place = shares.take(route.plugin.id, Kind::Calls, false).await.map_err(OpError::from)?;
            let call = move || {
                let outcome = guarded(|| handler(request));
                drop(place);
                outcome
            };
            tokio::task::spawn_blocking(call).await.unwrap_or_else(|lost| Err(lost.into()))
        }
    };
    let outcome: RouteResult<Response> = outcome.unwrap_or_else(|panic| Err(RouteError::fault(panic)));
    match outcome {
        Ok(response) => respond(response, cx.state.max_response_bytes)
            .map_err(|bad| refuse(&route, &cx, &RouteError::fault(bad.into()))),
        Err(error) => Err(refuse(&route, &cx, &error)),
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

fn refuse(route: &RouteReg, cx: &Cx, error: &RouteError) -> ApiError {
    if let Some(fault) = error.source() {
        tracing::error!(
            plugin = route.plugin.id,
            route = %format_args!("{} {}", route.method.as_str(), route.path),
            function = route.function,
            at = %format_args!("{}:{}", route.file, route.line),
            trace_id = %cx.request.trace_id,
            "plugin route failed: {fault:#}"
        );
    }
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    ApiError::with_body(status, error.body().clone()).retry_if_unavailable()
}
