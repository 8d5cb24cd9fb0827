//! `/auth/login/` and `/auth/logout/`. *Source: spec, auth-user §2.1.*

use super::auth::{self, CSRF_COOKIE, SESSION_COOKIE, check_csrf};
use super::body;
use super::endpoint::{AppState, REQUEST_ID, add_slash, query_value};
use super::error::{ApiError, allowed};
use super::limits::LoginOutcome;
use super::pages;
use super::renewal;
use super::traced;
use super::traffic::Meter;
use crate::auth::secret;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::run::{Mode, Runner};
use crate::services::user::{self, Credentials, NewSession};
use crate::store::StoreError;
use crate::store::queries::user::active_by_username;
use crate::store::rows::UserRow;
use crate::ui::{self, Link, Login, Notice, Terms};
use crate::wire::coerce::check_storable;
use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::http::header::{ALLOW, HOST, HeaderValue, LOCATION, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Payload, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use pagoda_plugin_sdk::context::{Origin, RequestInfo};
use pagoda_plugin_sdk::model::User;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Forms of passwords are small, escaped ones too; what is not is none.
pub(super) const MOST_FORM_BYTES: usize = 32 * 1024;
/// Cookie of who has agreed to the terms of service.
const TERMS_COOKIE: &str = "AGREE_TERM_OF_SERVICE";
/// How long a login waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn mount(state: &Arc<AppState>, service: &mut ServiceConfig) {
    let meter = state.traffic.meter("/auth/login/", [&Method::GET, &Method::POST]);
    mount_bare("/auth/login", &meter, service);
    let own = Arc::clone(state);
    service.service(resource("/auth/login/").to(move |http: HttpRequest, payload: Payload| {
        let (state, meter) = (Arc::clone(&own), Arc::clone(&meter));
        async move { meter.watch(http.clone(), login(&state, http, payload, meter.route())).await }
    }));
    let meter = state.traffic.meter("/auth/logout/", [&Method::POST]);
    mount_bare("/auth/logout", &meter, service);
    let own = Arc::clone(state);
    service.service(resource("/auth/logout/").to(move |http: HttpRequest| {
        let (state, meter) = (Arc::clone(&own), Arc::clone(&meter));
        async move { meter.watch(http.clone(), logout(&state, http, meter.route())).await }
    }));
}

/// The path without its last slash leads to the one with it. *Source: spec, auth-user §1.1.*
pub(super) fn mount_bare(path: &str, meter: &Arc<Meter>, service: &mut ServiceConfig) {
    let meter = Arc::clone(meter);
    service.service(resource(path).to(move |http: HttpRequest| {
        let meter = Arc::clone(&meter);
        async move { meter.watch(http.clone(), add_slash(http)).await }
    }));
}

async fn login(state: &Arc<AppState>, http: HttpRequest, payload: Payload, route: &str) -> HttpResponse {
    let trace_id = state.trace_id();
    let answer = async {
        let outcome = match *http.method() {
            Method::GET | Method::HEAD => show(state, &http, &trace_id).await,
            Method::POST => submit(state, &http, payload, &trace_id).await,
            _ => Ok(HttpResponse::build(StatusCode::METHOD_NOT_ALLOWED)
                .insert_header((ALLOW, allowed(&[&Method::GET, &Method::POST])))
                .body("only GET and POST")),
        };
        outcome.unwrap_or_else(|error| error.respond(&trace_id))
    };
    named(traced::answer(traced::begin(&http, route, &trace_id), answer).await, &trace_id)
}

/// The answer under the name that its request has in the log.
pub(super) fn named(mut response: HttpResponse, trace_id: &str) -> HttpResponse {
    if let Ok(value) = HeaderValue::from_str(trace_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The form, or on to where one wanted to go when there is a session already.
async fn show(
    state: &Arc<AppState>,
    http: &HttpRequest,
    trace_id: &Arc<str>,
) -> Result<HttpResponse, ApiError> {
    state.rates.stranger(http)?;
    let next = next_page(http, query_value(http, "next"));
    // A link from a mail, also for who is logged in elsewhere. *Source: spec, auth-user §4.8.*
    if let (Some(uid), Some(token), false) =
        (query_value(http, "uidb64"), query_value(http, "token"), state.host.is_reset_disabled())
    {
        return renewal::form(state, http, StatusCode::OK, &[], Link { uid: &uid, token: &token });
    }
    if auth::session_user(state, http, trace_id).await?.is_some() {
        return Ok(redirect(&next));
    }
    let renewed = query_value(http, "done").as_deref() == Some("password");
    form(state, http, &next, if renewed { Complaint::Renewed } else { Complaint::None })
}

async fn submit(
    state: &Arc<AppState>,
    http: &HttpRequest,
    payload: Payload,
    trace_id: &Arc<str>,
) -> Result<HttpResponse, ApiError> {
    state.rates.stranger(http)?;
    let bytes = body::read(http, payload, MOST_FORM_BYTES).await?;
    let fields = body::form(&bytes);
    let field = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    check_csrf(http, field("csrfmiddlewaretoken").as_deref())?;
    let next = next_page(http, field("next").or_else(|| query_value(http, "next")));
    // Before the password: who does not agree gets no session. *Source: spec, auth-user §2.1.*
    if !agrees(state, field("extra_param").as_deref()) {
        let body =
            json!({"error": "agree to the terms of service: send AGREE_TERM_OF_SERVICE in extra_param"});
        return Err(ApiError::with_body(StatusCode::BAD_REQUEST, body));
    }
    let (username, password) = (field("username").unwrap_or_default(), field("password").unwrap_or_default());

    // Whatever the password is: who must wait does not learn whether it was right.
    let attempt = match state.logins.begin(&username, state.rates.address(http)) {
        Ok(attempt) => attempt,
        Err(seconds) => return form(state, http, &next, Complaint::TooEarly(&username, seconds)),
    };
    let session = begin_session(state, &username, password, trace_id).await;
    state.logins.end(
        attempt,
        match session {
            Ok(Some(_)) => LoginOutcome::Succeeded,
            Ok(None) => LoginOutcome::Failed,
            Err(_) => LoginOutcome::Unknown,
        },
    );
    let Some(session) = session? else {
        return form(state, http, &next, Complaint::Wrong(&username));
    };
    let mut response = redirect(&next);
    let lifetime = time::Duration::try_from(state.session_lifetime).unwrap_or(time::Duration::DAY);
    set_cookie(state, &mut response, SESSION_COOKIE, &session.key, true, lifetime)?;
    // A fresh one, so that one planted before the login is of no use after it.
    set_cookie(state, &mut response, CSRF_COOKIE, &new_csrf()?, false, lifetime)?;
    if state.login_page.check_terms {
        set_cookie(state, &mut response, TERMS_COOKIE, "True", true, time::Duration::days(365))?;
    }
    Ok(response)
}

/// A session, if the password is right.
async fn begin_session(
    state: &Arc<AppState>,
    username: &str,
    password: String,
    trace_id: &Arc<str>,
) -> Result<Option<NewSession>, ApiError> {
    let (sent, lifetime) = (username.to_owned(), state.session_lifetime);
    let found = match check_storable(username) {
        Err(_) => None,
        Ok(()) => {
            let sent = sent.clone();
            let find = move |op: &mut OpCtx| Ok(active_by_username(&mut op.db, &sent)?);
            runner(state, None, trace_id).run(Mode::Read, find).await?
        }
    };
    let credentials = judge(state, found, password).await?;
    Ok(runner(state, None, trace_id)
        .run(Mode::Write, move |op| user::login(op, &sent, credentials.clone(), lifetime))
        .await?)
}

/// Compares the password when there is a place for that. The place stays taken until it is done, also when
/// the client goes away meanwhile: otherwise a storm of broken logins would compare as many at a time.
async fn judge(state: &AppState, found: Option<UserRow>, password: String) -> Result<Credentials, ApiError> {
    in_a_place(state, move || user::judge_password(found, &password)).await
}

/// Hashes or compares a password when there is a place for that, see [`AppState::judges`].
pub(super) async fn in_a_place<T: Send + 'static>(
    state: &AppState,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let place = tokio::time::timeout(PATIENCE, Arc::clone(&state.judges).acquire_owned()).await;
    let Ok(place) = place else {
        return Err(OpError::Unavailable(StoreError::Busy).into());
    };
    let place = place.map_err(|closed| ApiError::internal(closed.to_string()))?;
    let judged = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(place);
        done
    });
    judged.await.map_err(|lost| ApiError::internal(lost.to_string()))
}

async fn logout(state: &Arc<AppState>, http: HttpRequest, route: &str) -> HttpResponse {
    if http.method() != Method::POST {
        return HttpResponse::BadRequest().body("logging out takes a POST");
    }
    let trace_id = state.trace_id();
    let answer = async {
        let ended = async {
            check_csrf(&http, None)?;
            end_session(state, &http, &trace_id).await
        };
        ended.await.unwrap_or_else(|error: ApiError| error.respond(&trace_id))
    };
    named(traced::answer(traced::begin(&http, route, &trace_id), answer).await, &trace_id)
}

/// Ends the request's session, whose CSRF token was checked.
pub(super) async fn end_session(
    state: &Arc<AppState>,
    http: &HttpRequest,
    trace_id: &Arc<str>,
) -> Result<HttpResponse, ApiError> {
    let mut response = HttpResponse::Ok().finish();
    if let (Some(user), Some(cookie)) =
        (auth::session_user(state, http, trace_id).await?, http.cookie(SESSION_COOKIE))
    {
        let key = cookie.value().to_owned();
        runner(state, Some(user), trace_id).run(Mode::Write, move |op| user::logout(op, &key)).await?;
    }
    set_cookie(state, &mut response, SESSION_COOKIE, "", true, time::Duration::ZERO)?;
    Ok(response)
}

pub(super) fn runner(state: &Arc<AppState>, user: Option<User>, trace_id: &Arc<str>) -> Runner {
    let zone = state.host.zone.clone();
    let request = RequestInfo::new(user.map(Arc::new), Arc::clone(trace_id), Origin::Http, zone);
    Runner::new(Arc::clone(&state.host), Arc::new(request))
}

/// Where to go after the login: a path of this server, also when its address is before it.
fn next_page(http: &HttpRequest, next: Option<String>) -> String {
    let host = http.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own = format!("{}://{host}", http.connection_info().scheme());
    next.and_then(|next| own_path(&next, &own)).unwrap_or_else(|| "/ui/".to_owned())
}

/// The path of an address of the server `own`. What a browser could read as another host is not one.
fn own_path(next: &str, own: &str) -> Option<String> {
    let path = next.strip_prefix(own).unwrap_or(next);
    let is_path = path.starts_with('/')
        && !path.starts_with("//")
        && !path.chars().any(|c| c == '\\' || c.is_control());
    is_path.then(|| path.to_owned())
}

fn redirect(next: &str) -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, next)).finish()
}

fn new_csrf() -> Result<String, ApiError> {
    secret::new_key().map_err(|error| ApiError::internal(error.to_string()))
}

/// The CSRF token of the request's cookie; a new one where it has none.
pub(super) fn csrf_token(http: &HttpRequest) -> Result<String, ApiError> {
    let present = http.cookie(CSRF_COOKIE).map(|cookie| cookie.value().to_owned());
    let well_formed = |token: &String| token.len() == 64 && token.chars().all(|c| c.is_ascii_hexdigit());
    present.filter(well_formed).map_or_else(new_csrf, Ok)
}

/// Hands out a CSRF token.
pub(super) fn set_csrf(state: &AppState, response: &mut HttpResponse, token: &str) -> Result<(), ApiError> {
    set_cookie(state, response, CSRF_COOKIE, token, false, time::Duration::days(365))
}

fn set_cookie(
    state: &AppState,
    response: &mut HttpResponse,
    name: &'static str,
    value: &str,
    http_only: bool,
    lifetime: time::Duration,
) -> Result<(), ApiError> {
    let cookie = Cookie::build(name, value)
        .path("/")
        .http_only(http_only)
        .secure(state.secure_cookies)
        .same_site(SameSite::Lax)
        .max_age(lifetime)
        .finish();
    response.add_cookie(&cookie).map_err(|error| ApiError::internal(error.to_string()))
}

/// What the form says about the attempt before.
#[derive(Clone, Copy)]
enum Complaint<'a> {
    None,
    /// A new password was set.
    Renewed,
    /// The name or the password of this user was wrong.
    Wrong(&'a str),
    /// This user may try again in so many seconds.
    TooEarly(&'a str, u64),
}

/// The login page. A failed login gets it again with 200. *Source: spec, auth-user §2.1 (quirk to keep).*
fn form(
    state: &AppState,
    http: &HttpRequest,
    next: &str,
    complaint: Complaint<'_>,
) -> Result<HttpResponse, ApiError> {
    let frame = pages::of_nobody(state, http)?;
    let (username, notice) = match complaint {
        Complaint::None => ("", None),
        Complaint::Renewed => ("", Some((true, "The new password is set. Log in with it.".to_owned()))),
        Complaint::Wrong(user) => (user, Some((false, "The user name or the password is wrong.".to_owned()))),
        Complaint::TooEarly(user, seconds) => {
            (user, Some((false, format!("Too many attempts have failed. Try again in {seconds} s."))))
        }
    };
    let notice = notice.map(|(well, text)| Notice { well, text });
    let said = &state.login_page;
    let are_known = http.cookie(TERMS_COOKIE).is_some_and(|cookie| cookie.value() == "True");
    let page = Login {
        title: said.title.as_deref(),
        subtitle: said.subtitle.as_deref(),
        note: said.note.as_deref(),
        note_url: said.note_url.as_deref(),
        terms: said.check_terms.then_some(Terms { url: said.terms_url.as_deref(), are_known }),
        next,
        username,
        can_reset: !state.host.is_reset_disabled(),
    };
    let status = match complaint {
        Complaint::TooEarly(..) => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::OK,
    };
    let mut response = pages::html(status, ui::login(&frame, notice.as_ref(), &page))?;
    if let Complaint::TooEarly(_, seconds) = complaint {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    pages::dress(&mut response);
    set_csrf(state, &mut response, &frame.csrf)?;
    Ok(response)
}

/// Whether a login may go on: it says that its user agrees to the terms of service, where one must.
/// *Source: spec, auth-user §2.1.*
fn agrees(state: &AppState, extra: Option<&str>) -> bool {
    let is_true = |value: &Value| match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    };
    let read = |extra: &str| {
        let extra: Value = serde_json::from_str(extra).ok()?;
        extra.get("AGREE_TERM_OF_SERVICE").map(is_true)
    };
    !state.login_page.check_terms || extra.and_then(read).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn only_own_paths_are_gone_to() {
        let next = |text: &str| own_path(text, "http://own.example:8080");
        for own in ["/ui/entities?x=1", "http://own.example:8080/ui/entities?x=1"] {
            assert_eq!(next(own).as_deref(), Some("/ui/entities?x=1"));
        }
        for foreign in [
            "https://evil.example/",
            "//evil.example/",
            "/\\evil.example",
            "evil",
            "",
            "/a\r\nb",
            "https://own.example:8080/",
            "http://own.example:80801/",
            "http://own.example:8080@evil.example/",
            "http://own.example:8080//evil.example/",
            "http://own.example:8080",
        ] {
            assert_eq!(next(foreign), None, "{foreign}");
        }
    }
}
