//! `/health/live` and `/health/ready`, for whoever starts and stops servers.

use super::endpoint::AppState;
use actix_web::HttpResponse;
use actix_web::web::{Data, ServiceConfig, resource};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) fn mount(service: &mut ServiceConfig) {
    service.service(resource("/health/live").to(live)).service(resource("/health/ready").to(ready));
}

/// The process runs.
async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "live"}))
}

/// Requests will be served: the database answers and nobody told the server to stop.
async fn ready(state: Data<Arc<AppState>>) -> HttpResponse {
    let unready = |reason: &str| {
        HttpResponse::ServiceUnavailable().json(json!({"status": "unready", "reason": reason}))
    };
    if !state.accepting.load(Ordering::Relaxed) {
        return unready("the server is stopping");
    }
    let Some(admitted) = state.host.admit() else { return unready("the server is busy") };
    let store = state.host.store.clone();
    let answer = tokio::task::spawn_blocking(move || {
        let answer = store.ping();
        drop(admitted);
        answer
    });
    match answer.await {
        Ok(Ok(())) => HttpResponse::Ok().json(json!({"status": "ready"})),
        Ok(Err(error)) => {
            tracing::warn!("not ready: {error}");
            unready("the database does not answer")
        }
        Err(lost) => {
            tracing::error!("the readiness check was lost: {lost}");
            unready("the check failed")
        }
    }
}
