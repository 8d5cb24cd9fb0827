//! Who sends a request: session first, then token. *Source: spec, auth-user §1.2.*

use super::endpoint::AppState;
use super::error::ApiError;
use crate::services::error::OpError;
use crate::services::run::{Mode, Runner};
use crate::services::user;
use crate::store::StoreError;
use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use pagoda_plugin_sdk::context::{Origin, RequestInfo};
use pagoda_plugin_sdk::model::User;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::SemaphorePermit;

/// Cookie of a session.
pub(super) const SESSION_COOKIE: &str = "sessionid";
/// Cookie whose value unsafe requests of a session repeat in a header or a form field.
pub(super) const CSRF_COOKIE: &str = "csrftoken";
const CSRF_HEADER: &str = "X-CSRFToken";

/// The user who sends the request; none when it carries no credentials.
///
/// # Errors
/// Credentials that do not hold, or a session's unsafe request without its CSRF token.
pub(super) async fn authenticate(
    state: &Arc<AppState>,
    request: &HttpRequest,
    trace_id: &Arc<str>,
) -> Result<Option<Arc<User>>, ApiError> {
    if let Some(user) = session_user(state, request, trace_id).await? {
        if !is_safe(request.method()) {
            check_csrf(request, None)?;
        }
        return Ok(Some(Arc::new(user)));
    }
    match sent_token(request) {
        Ok(None) => Ok(None),
        Ok(Some(key)) => token_user(state, request, &key, trace_id).await.map(Some),
        Err(malformed) => {
            state.rates.stranger(request)?;
            Err(malformed)
        }
    }
}

/// The user of the request's session, if it has one that holds. A session that does not is no credentials.
pub(super) async fn session_user(
    state: &Arc<AppState>,
    request: &HttpRequest,
    trace_id: &Arc<str>,
) -> Result<Option<User>, ApiError> {
    // Parsing keeps what it found with the request, which costs also where there is nothing to find.
    if !request.headers().contains_key(COOKIE) {
        return Ok(None);
    }
    let Some(cookie) = request.cookie(SESSION_COOKIE) else { return Ok(None) };
    let key = cookie.value().to_owned();
    let _place = look(state).await?;
    Ok(runner(state, trace_id).run(Mode::Read, move |op| user::of_session(op, &key)).await?)
}

fn runner(state: &Arc<AppState>, trace_id: &Arc<str>) -> Runner {
    let zone = state.host.zone.clone();
    let request = RequestInfo::new(None, Arc::clone(trace_id), Origin::Http, zone);
    Runner::new(Arc::clone(&state.host), Arc::new(request))
}

/// The key of an `Authorization: Token <key>` header. Another keyword counts as no credentials.
pub(super) fn sent_token(request: &HttpRequest) -> Result<Option<String>, ApiError> {
    let Some(header) = request.headers().get(AUTHORIZATION) else { return Ok(None) };
    let malformed = || ApiError::unauthenticated("send `Authorization: Token <key>`");
    let text = header.to_str().map_err(|_| malformed())?.trim();
    let is_blank = |c| matches!(c, ' ' | '\t');
    let (keyword, key) = text.split_once(is_blank).unwrap_or((text, ""));
    if !keyword.eq_ignore_ascii_case("token") {
        return Ok(None);
    }
    let key = key.trim();
    if key.is_empty() || key.contains(is_blank) {
        return Err(malformed());
    }
    Ok(Some(key.to_owned()))
}

async fn token_user(
    state: &Arc<AppState>,
    request: &HttpRequest,
    key: &str,
    trace_id: &Arc<str>,
) -> Result<Arc<User>, ApiError> {
    if let Some(user) = state.recent.get(key, Instant::now()) {
        return Ok(user);
    }
    // Before it is known whether the token is good: otherwise only the bad guesses would be slow.
    if !state.recent.knows(key) {
        state.rates.stranger(request)?;
    }
    let place = look(state).await?;
    // Another request with the same token may have looked meanwhile.
    let now = Instant::now();
    if let Some(user) = state.recent.get(key, now) {
        return Ok(user);
    }
    let sent = key.to_owned();
    let found = runner(state, trace_id).run(Mode::Read, move |op| user::of_token(op, &sent)).await?;
    drop(place);
    let Some(user) = found else {
        state.recent.forget(key);
        return Err(ApiError::unauthenticated("the token does not hold"));
    };
    let user = Arc::new(user);
    state.recent.put(key, now, Arc::clone(&user));
    Ok(user)
}

/// A place for looking at credentials. A flood of requests waits here, in order and without a thread, and does not
/// fill the places of all operations before it is known where the requests want to go.
async fn look(state: &AppState) -> Result<SemaphorePermit<'_>, ApiError> {
    let place = tokio::time::timeout(state.patience, state.looks.acquire()).await;
    match place {
        Ok(Ok(place)) => Ok(place),
        Ok(Err(closed)) => Err(ApiError::internal(closed.to_string())),
        Err(_) => Err(OpError::Unavailable(StoreError::Busy).into()),
    }
}

pub(super) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// The CSRF token of the cookie must come back by a way that other sites cannot take: a header, or a field
/// of a form. A request that says where it comes from must come from here.
pub(super) fn check_csrf(request: &HttpRequest, form_field: Option<&str>) -> Result<(), ApiError> {
    check_csrf_from(request, form_field, false)
}

/// As [`check_csrf`], for the form of a page that is sent without a referrer: browsers then say `null` for where it comes
/// from. Only where the form has a secret that other sites do not know.
pub(super) fn check_csrf_of_secret(request: &HttpRequest, form_field: &str) -> Result<(), ApiError> {
    check_csrf_from(request, Some(form_field), true)
}

fn check_csrf_from(
    request: &HttpRequest,
    form_field: Option<&str>,
    from_nowhere: bool,
) -> Result<(), ApiError> {
    let failed = || ApiError::denied("the CSRF token is missing or wrong");
    if let Some(origin) = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok()) {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let origin_host = origin.split_once("://").map_or("", |(_, host)| host);
        if origin_host != host && !(from_nowhere && origin == "null") {
            return Err(failed());
        }
    }
    let cookie = request.cookie(CSRF_COOKIE).ok_or_else(failed)?;
    let header = request.headers().get(CSRF_HEADER).and_then(|header| header.to_str().ok());
    let sent = header.or(form_field).ok_or_else(failed)?;
    if cookie.value().is_empty() || cookie.value() != sent {
        return Err(failed());
    }
    Ok(())
}
