//! `/health/live` and `/health/ready`, for whoever starts and stops servers.

use super::endpoint::AppState;
use super::error::allowed;
use crate::services::host::MOST_OPERATIONS;
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, RETRY_AFTER};
use actix_web::web::{ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) fn mount(state: &Arc<AppState>, service: &mut ServiceConfig) {
    let meter = state.traffic.meter("/health/live", [&Method::GET]);
    service.service(resource("/health/live").to(move |http: HttpRequest| {
        let meter = Arc::clone(&meter);
        async move { meter.watch(http.clone(), asked(&http, live())).await }
    }));
    let meter = state.traffic.meter("/health/ready", [&Method::GET]);
    let state = Arc::clone(state);
    service.service(resource("/health/ready").to(move |http: HttpRequest| {
        let (state, meter) = (Arc::clone(&state), Arc::clone(&meter));
        async move { meter.watch(http.clone(), asked(&http, ready(&state))).await }
    }));
}

/// The answer to who asks; other methods are refused.
async fn asked(http: &HttpRequest, answer: impl Future<Output = HttpResponse>) -> HttpResponse {
    match *http.method() {
        Method::GET | Method::HEAD => answer.await,
        _ => HttpResponse::MethodNotAllowed().insert_header((ALLOW, allowed(&[&Method::GET]))).finish(),
    }
}

/// The process runs.
async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "live"}))
}

/// Requests will be served: the database answers and nobody told the server to stop. Says of each part how it is,
/// and in a sentence what is wrong.
async fn ready(state: &AppState) -> HttpResponse {
    let (database, reason) = database(state).await;
    let accepting = state.accepting.load(Ordering::Relaxed);
    let reason = if accepting { reason } else { Some("the server is stopping") };
    let operations = json!({"running": state.host.running(), "most": MOST_OPERATIONS});
    let parts = json!({"accepting": accepting, "database": database, "operations": operations});
    match reason {
        None => HttpResponse::Ok().json(json!({"status": "ready", "parts": parts})),
        Some(reason) => HttpResponse::ServiceUnavailable()
            .insert_header((RETRY_AFTER, "1"))
            .json(json!({"status": "unready", "reason": reason, "parts": parts})),
    }
}

/// How the database is, and what is wrong.
async fn database(state: &AppState) -> (&'static str, Option<&'static str>) {
    let Some(admitted) = state.host.admit() else { return ("not asked", Some("the server is busy")) };
    let store = state.host.store.clone();
    let answer = tokio::task::spawn_blocking(move || {
        let answer = store.ping();
        drop(admitted);
        answer
    });
    match answer.await {
        Ok(Ok(())) => ("answers", None),
        Ok(Err(error)) => {
            tracing::warn!("not ready: {error}");
            ("does not answer", Some("the database does not answer"))
        }
        Err(lost) => {
            tracing::error!("the readiness check was lost: {lost}");
            ("not asked", Some("the check failed"))
        }
    }
}
