//! The one route that is older than the API: for sessions only, and errors are plain text. *Source: spec, entity §2.7.*

use super::auth;
use super::endpoint::{AppState, cx, json, sign_off};
use super::error::ApiResult;
use super::traced;
use crate::services::entity;
use actix_web::http::header::LOCATION;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use std::fmt::Write;
use std::sync::Arc;

const HISTORY: &str = "/entity/api/v2/history/{id:[0-9]+}";

/// Mounts it. It must come before the area that it lies in.
pub(super) fn mount(state: &Arc<AppState>, service: &mut ServiceConfig) {
    let meter = state.traffic.meter(HISTORY, [&Method::GET]);
    let state = Arc::clone(state);
    service.service(resource(HISTORY).to(move |http: HttpRequest| {
        let (state, meter) = (Arc::clone(&state), Arc::clone(&meter));
        async move { meter.watch(http.clone(), answer(&state, http)).await }
    }));
}

async fn answer(state: &Arc<AppState>, http: HttpRequest) -> HttpResponse {
    let trace_id = state.trace_id();
    let span = traced::begin(&http, HISTORY, &trace_id);
    let mut response = traced::answer(span, async {
        history(state, http, &trace_id).await.unwrap_or_else(|error| error.respond(&trace_id))
    })
    .await;
    sign_off(state, &mut response, &trace_id);
    response
}

/// A token does not count here: with one, and without a session, nobody is logged in.
async fn history(state: &Arc<AppState>, http: HttpRequest, trace_id: &Arc<str>) -> ApiResult {
    let user = auth::session_user(state, &http, trace_id).await?.map(Arc::new);
    state.rates.admit(&http, user.as_deref(), || None)?;
    if user.is_none() {
        let location = format!("/auth/login?next={}?{}", http.path(), quoted(http.query_string()));
        return Ok(HttpResponse::SeeOther().insert_header((LOCATION, location)).finish());
    }
    if *http.method() != Method::GET {
        return Ok(bad_request("only GET"));
    }
    let Some(id) = http.match_info().get("id").and_then(|text| text.parse::<i64>().ok()) else {
        return Ok(bad_request("there is no such entity"));
    };
    let cx = cx(state, http, user, trace_id, Bytes::new());
    match cx.read(move |op| entity::older_history(op, id)).await? {
        Some(items) => json(StatusCode::OK, &items),
        None => Ok(bad_request("there is no such entity")),
    }
}

fn bad_request(message: &'static str) -> HttpResponse {
    HttpResponse::BadRequest().content_type("text/plain; charset=utf-8").body(message)
}

/// A query as part of another one: all but letters, digits and `/_.-~` by their codes.
fn quoted(query: &str) -> String {
    let mut quoted = String::with_capacity(query.len());
    for byte in query.bytes() {
        if byte.is_ascii_alphanumeric() || b"/_.-~".contains(&byte) {
            quoted.push(char::from(byte));
        } else {
            // Writing into a string does not fail.
            let _ = write!(quoted, "%{byte:02X}");
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_query_is_one_value() {
        assert_eq!(quoted(""), "");
        assert_eq!(quoted("a=1&b=x/y_%20"), "a%3D1%26b%3Dx/y_%2520");
    }
}
