//! `/auth/password_reset/`: pages for who has forgotten the password. *Source: spec, auth-user §4.8.*
//!
//! What they do is what the routes of the API do. Where passwords are not set anew there are no such pages.

use super::auth::{check_csrf, check_csrf_of_secret};
use super::body;
use super::endpoint::AppState;
use super::error::{ApiError, ApiResult};
use super::login::{self, MOST_FORM_BYTES, in_a_place, mount_bare, named, runner};
use super::pages::{self, dress, field, see};
use super::traced;
use crate::services::run::Mode;
use crate::services::user::reset;
use crate::ui::{self, Link, Notice};
use actix_web::http::header::{HeaderValue, REFERRER_POLICY};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Payload, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    /// Asks whose password is forgotten, and sends a link.
    Forgotten,
    /// Takes the new password; the page of the link is that of the login.
    Confirm,
}

impl Page {
    fn path(self) -> &'static str {
        match self {
            Self::Forgotten => "/auth/password_reset/",
            Self::Confirm => "/auth/password_reset/confirm/",
        }
    }
}

pub(super) fn mount(state: &Arc<AppState>, service: &mut ServiceConfig) {
    for page in [Page::Forgotten, Page::Confirm] {
        let meter = state.traffic.meter(page.path(), [&Method::GET, &Method::POST]);
        mount_bare(page.path().trim_end_matches('/'), &meter, service);
        let own = Arc::clone(state);
        service.service(resource(page.path()).to(move |http: HttpRequest, payload: Payload| {
            let (state, meter) = (Arc::clone(&own), Arc::clone(&meter));
            async move { meter.watch(http.clone(), answer(&state, http, payload, page)).await }
        }));
    }
}

async fn answer(state: &Arc<AppState>, http: HttpRequest, payload: Payload, page: Page) -> HttpResponse {
    let trace_id = state.trace_id();
    let answer = async {
        let outcome = process(state, &http, payload, page, &trace_id).await;
        let mut response = match (outcome, pages::of_nobody(state, &http)) {
            (Ok(response), _) => response,
            (Err(error), Ok(frame)) => pages::failure(error, &frame, &trace_id),
            (Err(error), Err(_)) => error.respond(&trace_id),
        };
        dress(&mut response);
        response
    };
    named(traced::answer(traced::begin(&http, page.path(), &trace_id), answer).await, &trace_id)
}

async fn process(
    state: &Arc<AppState>,
    http: &HttpRequest,
    payload: Payload,
    page: Page,
    trace_id: &Arc<str>,
) -> ApiResult {
    state.rates.stranger(http)?;
    if state.host.is_reset_disabled() {
        let message = "this server sets no passwords anew; ask an administrator for one";
        return Err(ApiError::not_found(message));
    }
    match (page, http.method()) {
        (Page::Forgotten, &Method::GET | &Method::HEAD) => forgotten(state, http, StatusCode::OK, None, ""),
        // Whoever loads the address again has no link any more.
        (Page::Confirm, &Method::GET | &Method::HEAD) => Ok(see(Page::Forgotten.path())),
        (_, &Method::POST) => {
            let sent = body::form(&body::read(http, payload, MOST_FORM_BYTES).await?);
            match page {
                Page::Forgotten => ask(state, http, sent, trace_id).await,
                Page::Confirm => confirm(state, http, sent, trace_id).await,
            }
        }
        (_, method) => Err(ApiError::not_allowed(method, &[&Method::GET, &Method::POST])),
    }
}

fn forgotten(
    state: &AppState,
    http: &HttpRequest,
    status: StatusCode,
    notice: Option<Notice>,
    username: &str,
) -> ApiResult {
    let frame = pages::of_nobody(state, http)?;
    let mut response = pages::html(status, ui::forgotten(&frame, notice.as_ref(), username))?;
    login::set_csrf(state, &mut response, &frame.csrf)?;
    Ok(response)
}

/// Sends a link, if there is somebody to send it to; the answer does not tell.
async fn ask(state: &Arc<AppState>, http: &HttpRequest, sent: Value, trace_id: &Arc<str>) -> ApiResult {
    check_csrf(http, field(&sent, "csrfmiddlewaretoken"))?;
    let username = field(&sent, "username").unwrap_or_default().to_owned();
    let base = state.reached_at(http);
    let asked = runner(state, None, trace_id)
        .run(Mode::Write, move |op| reset::request(op, || Ok(sent.clone()), &base))
        .await;
    let letter = match asked.map_err(ApiError::from) {
        Ok((_, letter)) => letter,
        Err(error) if error.status() == StatusCode::BAD_REQUEST => {
            let text = format!("User name: {}.", error.sentences().join("; "));
            let notice = Notice { well: false, text };
            return forgotten(state, http, StatusCode::BAD_REQUEST, Some(notice), &username);
        }
        Err(error) => return Err(error),
    };
    if let Some(letter) = letter {
        state.host.post(letter);
    }
    let text = "If there is an account of this name with a password and a mail address, a link is on its way there. It \
                holds once and for three days; a login before makes it worthless. Another one comes after two minutes \
                at the earliest.";
    forgotten(state, http, StatusCode::OK, Some(Notice { well: true, text: text.to_owned() }), "")
}

/// The page of a link. Its address and what is in it are secrets, so nobody learns where requests from it come from.
pub(super) fn form(
    state: &AppState,
    http: &HttpRequest,
    status: StatusCode,
    complaints: &[String],
    link: Link<'_>,
) -> ApiResult {
    let frame = pages::of_nobody(state, http)?;
    let mut response = pages::html(status, ui::renewal(&frame, complaints, link))?;
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    dress(&mut response);
    login::set_csrf(state, &mut response, &frame.csrf)?;
    Ok(response)
}

/// Sets the new password, and leads to the login.
async fn confirm(state: &Arc<AppState>, http: &HttpRequest, sent: Value, trace_id: &Arc<str>) -> ApiResult {
    check_csrf_of_secret(http, field(&sent, "csrfmiddlewaretoken").unwrap_or_default())?;
    let part = |name: &str| field(&sent, name).unwrap_or_default().to_owned();
    let (uid, token) = (part("uidb64"), part("token"));
    match renew(state, sent, trace_id).await {
        Ok(()) => Ok(see("/auth/login/?done=password")),
        Err(error) if error.status() == StatusCode::BAD_REQUEST => {
            let complaints = error.sentences_of(|field| match field {
                "password1" => Some("new password"),
                "password2" => Some("new password, once more"),
                _ => None,
            });
            form(state, http, StatusCode::BAD_REQUEST, &complaints, Link { uid: &uid, token: &token })
        }
        Err(error) => Err(error),
    }
}

async fn renew(state: &Arc<AppState>, sent: Value, trace_id: &Arc<str>) -> Result<(), ApiError> {
    let judge = runner(state, None, trace_id);
    let confirmed = judge.run(Mode::Read, move |op| reset::confirm(op, || Ok(sent.clone()))).await?;
    let to_hash = confirmed.clone();
    let hash = in_a_place(state, move || to_hash.hash()).await??;
    let store = runner(state, None, trace_id);
    Ok(store.run(Mode::Write, move |op| reset::store(op, &confirmed, &hash)).await?)
}
