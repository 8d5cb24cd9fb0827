//! `GET /metrics`: what the server counts, for a scraper.

use super::auth;
use super::endpoint::AppState;
use super::error::ApiError;
use crate::config::MetricsAccess;
use crate::observe::metrics::CONTENT_TYPE;
use actix_web::http::Method;
use actix_web::http::header::HeaderValue;
use actix_web::web::{ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use std::sync::Arc;

pub(super) fn mount(state: &Arc<AppState>, service: &mut ServiceConfig) {
    let meter = state.traffic.meter("/metrics", [&Method::GET]);
    let state = Arc::clone(state);
    service.service(resource("/metrics").to(move |http: HttpRequest| {
        let (state, meter) = (Arc::clone(&state), Arc::clone(&meter));
        async move { meter.watch(http.clone(), answer(&state, http)).await }
    }));
}

async fn answer(state: &Arc<AppState>, http: HttpRequest) -> HttpResponse {
    let trace_id = state.trace_id();
    let mut response = match show(state, &http, &trace_id).await {
        Ok(response) => response,
        Err(error) => error.respond(&trace_id),
    };
    if let Ok(value) = HeaderValue::from_str(&trace_id) {
        response.headers_mut().insert(super::endpoint::REQUEST_ID, value);
    }
    response
}

async fn show(
    state: &Arc<AppState>,
    http: &HttpRequest,
    trace_id: &Arc<str>,
) -> Result<HttpResponse, ApiError> {
    if state.metrics_access == MetricsAccess::Administrators {
        let user = auth::authenticate(state, http, trace_id).await?;
        state.rates.admit(http, user.as_deref(), || None)?;
        let user = user.ok_or_else(|| ApiError::unauthenticated("log in or send a token"))?;
        if !user.is_superuser {
            return Err(ApiError::denied("metrics are for administrators"));
        }
    }
    if !matches!(*http.method(), Method::GET | Method::HEAD) {
        return Err(ApiError::not_allowed(http.method(), &[&Method::GET]));
    }
    // Not on a thread that may block: there may be none, and then these numbers are wanted most. The kernel answers
    // from memory.
    let text = state.metrics.text().map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text))
}
