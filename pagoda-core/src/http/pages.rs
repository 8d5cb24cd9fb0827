//! Pages for people, below `/ui/`: for those who have logged in, never by token.

use super::auth::{self, CSRF_COOKIE, check_csrf};
use super::body;
use super::endpoint::{AppState, Cx, cx, sign_off};
use super::error::{ApiError, ApiResult, allowed};
use super::login;
use super::traced;
use crate::services::acl;
use crate::services::plugin::{self, PluginView, Switch};
use crate::ui::{self, Frame, Notice, Shown, assets};
use actix_web::http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderName,
    HeaderValue, IF_NONE_MATCH, LOCATION, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, Data, Payload, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use pagoda_plugin_sdk::model::User;
use pagoda_plugin_sdk::time::Timestamp;
use serde_json::Value;
use std::sync::Arc;

/// The page of plugins. *Source: design §8.*
const PLUGINS: &str = "/ui/admin/plugins";
/// A form of a page is small; what is not is none.
const MOST_FORM_BYTES: usize = 16 * 1024;
/// Changes of each plugin on the page of all, and on the page of one.
const FEW_CHANGES: i64 = 5;
const MANY_CHANGES: i64 = 50;

/// What every page is sent with. A referrer goes to this server alone; with none at all, browsers would not
/// say where a form comes from, and `check_csrf` wants to know.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'",
        ),
    ),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Home,
    Plugins,
    Plugin,
    Switch(Switch),
    Logout,
}

impl Page {
    /// Its pattern, as traces show it.
    fn route(self) -> &'static str {
        match self {
            Self::Home => "/ui/",
            Self::Plugins => "/ui/admin/plugins",
            Self::Plugin => "/ui/admin/plugins/{plugin}",
            Self::Switch(Switch::Enable) => "/ui/admin/plugins/{plugin}/enable",
            Self::Switch(Switch::Disable) => "/ui/admin/plugins/{plugin}/disable",
            Self::Switch(Switch::Reset) => "/ui/admin/plugins/{plugin}/reset",
            Self::Logout => "/ui/logout",
        }
    }

    fn method(self) -> &'static Method {
        match self {
            Self::Home | Self::Plugins | Self::Plugin => &Method::GET,
            Self::Switch(_) | Self::Logout => &Method::POST,
        }
    }

    fn takes(self, method: &Method) -> bool {
        self.method() == method || (*self.method() == Method::GET && *method == Method::HEAD)
    }
}

pub(super) fn mount(service: &mut ServiceConfig) {
    service.service(resource(format!("{}{{name}}", assets::PREFIX)).to(asset));
    let of_plugin = |rest: &str| format!("{PLUGINS}/{{plugin:[a-z][a-z0-9-]+}}{rest}");
    let mut pages = vec![
        ("/ui".to_owned(), Page::Home),
        (PLUGINS.to_owned(), Page::Plugins),
        (of_plugin(""), Page::Plugin),
        ("/ui/logout".to_owned(), Page::Logout),
    ];
    for switch in [Switch::Enable, Switch::Disable, Switch::Reset] {
        pages.push((of_plugin(&format!("/{}", switch.as_str())), Page::Switch(switch)));
    }
    for (path, page) in pages {
        let slashed = format!("{path}/");
        let serve = move |state: Data<Arc<AppState>>, http: HttpRequest, payload: Payload| async move {
            answer(&state, http, payload, page).await
        };
        service.service(resource([path, slashed]).to(serve));
    }
}

/// A file that pages refer to. Under the address that names its content it may be kept for ever.
async fn asset(http: HttpRequest) -> HttpResponse {
    let name = http.match_info().get("name").unwrap_or_default();
    let Some((asset, version)) = assets::find(name) else { return HttpResponse::NotFound().finish() };
    if !matches!(*http.method(), Method::GET | Method::HEAD) {
        return HttpResponse::MethodNotAllowed().insert_header((ALLOW, allowed(&[&Method::GET]))).finish();
    }
    let named = http.query_string().strip_prefix("v=") == Some(version);
    let keep = if named { "public, max-age=31536000, immutable" } else { "no-cache" };
    let tag = format!("\"{version}\"");
    let known = http.headers().get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let is_known = known.is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag));
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((CACHE_CONTROL, keep)).insert_header((ETAG, tag));
    response.insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if is_known {
        return response.finish();
    }
    response.content_type(asset.content_type);
    if !asset.is_packed {
        return response.body(asset.bytes);
    }
    response.insert_header((VARY, "accept-encoding"));
    if takes_gzip(&http) {
        return response.insert_header((CONTENT_ENCODING, "gzip")).body(asset.bytes);
    }
    match asset.unpacked() {
        Ok(content) => response.body(content),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// Whether the request takes what is packed with gzip.
fn takes_gzip(http: &HttpRequest) -> bool {
    let accepted = http.headers().get(ACCEPT_ENCODING).and_then(|accepted| accepted.to_str().ok());
    accepted.unwrap_or_default().split(',').any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused = matches!(quality.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// What the API browser may do besides: it runs scripts of this server and asks this server, and Swagger UI has icons
/// and styles within its own.
const BROWSER_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
);

/// `GET /api/docs/`: the API browser. It shows what `/api/schema/` shows to everybody.
pub(super) async fn api_browser(_: Cx) -> ApiResult {
    let mut response = html(StatusCode::OK, ui::api_browser())?;
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, BROWSER_POLICY);
    dress(&mut response);
    Ok(response)
}

/// A page that is shown to somebody.
struct Visit {
    cx: Cx,
    frame: Frame,
}

async fn answer(state: &Arc<AppState>, http: HttpRequest, payload: Payload, page: Page) -> HttpResponse {
    let trace_id = state.trace_id();
    let span = traced::begin(&http, page.route(), &trace_id);
    traced::answer(span, show(state, http, payload, page, &trace_id)).await
}

async fn show(
    state: &Arc<AppState>,
    http: HttpRequest,
    payload: Payload,
    page: Page,
    trace_id: &Arc<str>,
) -> HttpResponse {
    let mut frame = empty_frame(state);
    let outcome = match visitor(state, &http, trace_id, &mut frame).await {
        Ok(user) => process(state, http, payload, page, trace_id, user, &frame).await,
        Err(error) => Err(error),
    };
    let mut response = outcome.unwrap_or_else(|error| failure(error, &frame, trace_id));
    dress(&mut response);
    sign_off(state, &mut response, trace_id);
    response
}

fn empty_frame(state: &AppState) -> Frame {
    Frame {
        user: None,
        is_admin: false,
        csrf: String::new(),
        now: Timestamp::now(),
        zone: state.host.zone.clone(),
    }
}

/// What is around a page for who has not logged in.
pub(super) fn of_nobody(state: &AppState, http: &HttpRequest) -> Result<Frame, ApiError> {
    Ok(Frame { csrf: login::csrf_token(http)?, ..empty_frame(state) })
}

/// Gives a page the headers of all pages, but those that it has.
pub(super) fn dress(response: &mut HttpResponse) {
    for (name, value) in HEADERS {
        if !response.headers().contains_key(&name) {
            response.headers_mut().insert(name, value);
        }
    }
}

/// Who looks, and with which CSRF token.
async fn visitor(
    state: &Arc<AppState>,
    http: &HttpRequest,
    trace_id: &Arc<str>,
    frame: &mut Frame,
) -> Result<Option<User>, ApiError> {
    frame.csrf = login::csrf_token(http)?;
    let user = auth::session_user(state, http, trace_id).await?;
    frame.user = user.as_ref().map(|user| user.username.clone());
    frame.is_admin = user.as_ref().is_some_and(|user| user.is_superuser);
    Ok(user)
}

async fn process(
    state: &Arc<AppState>,
    http: HttpRequest,
    payload: Payload,
    page: Page,
    trace_id: &Arc<str>,
    user: Option<User>,
    frame: &Frame,
) -> ApiResult {
    if !page.takes(http.method()) {
        return Err(ApiError::not_allowed(http.method(), &[page.method()]));
    }
    let Some(user) = user else {
        // What somebody wanted to do before logging in is not done after it.
        let next = if auth::is_safe(http.method()) { http.uri().to_string() } else { PLUGINS.to_owned() };
        let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        return Ok(see(&format!("/auth/login/?next={next}")));
    };
    let mut form = Value::Null;
    if !auth::is_safe(http.method()) {
        form = body::form(&body::read(&http, payload, MOST_FORM_BYTES).await?);
        check_csrf(&http, field(&form, "csrfmiddlewaretoken"))?;
    }
    let has_csrf = http.cookie(CSRF_COOKIE).is_some_and(|cookie| cookie.value() == frame.csrf);
    let visit =
        Visit { cx: cx(state, http, Some(Arc::new(user)), trace_id, Bytes::new()), frame: frame.clone() };
    let mut response = match page {
        Page::Home if visit.frame.is_admin => see(PLUGINS),
        Page::Home => visit.nothing_yet()?,
        Page::Plugins => visit.plugins(StatusCode::OK, visit.done()).await?,
        Page::Plugin => visit.plugin(StatusCode::OK, visit.done()).await?,
        Page::Switch(to) => visit.switch(to, field(&form, "from") == Some("plugin")).await?,
        Page::Logout => {
            let mut response = login::end_session(state, &visit.cx.http, trace_id).await?;
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("/auth/login/"));
            response
        }
    };
    if !has_csrf {
        login::set_csrf(state, &mut response, &frame.csrf)?;
    }
    Ok(response)
}

impl Visit {
    fn nothing_yet(&self) -> ApiResult {
        let sentences = [
            "There is no page for you yet: pages so far are for administrators.".to_owned(),
            "Your data is at the API, which /api/schema/ describes.".to_owned(),
        ];
        html(StatusCode::OK, ui::message(&self.frame, "Welcome to Pagoda", &sentences))
    }

    /// What was just done, as the address says after a form was sent.
    fn done(&self) -> Option<Notice> {
        let (done, name) = (self.cx.query("done")?, self.cx.query("plugin")?);
        let registry = &self.cx.state.host.registry;
        let plugin = registry.plugin(&name)?;
        let what = match done.as_str() {
            "enable" => "was enabled",
            "disable" => "was disabled",
            "reset" => "was reset",
            _ => return None,
        };
        let state = registry.state(plugin).0.as_str();
        let text =
            format!("{} {what}, on all instances within two seconds. It is {state}.", plugin.decl.name);
        Some(Notice { well: true, text })
    }

    async fn plugins(&self, status: StatusCode, notice: Option<Notice>) -> ApiResult {
        let views = PluginView::all(&self.cx.state.host.registry);
        let shown = self.with_changes(views, FEW_CHANGES).await?;
        html(status, ui::plugins(&self.frame, notice.as_ref(), &shown))
    }

    async fn plugin(&self, status: StatusCode, notice: Option<Notice>) -> ApiResult {
        let registry = &self.cx.state.host.registry;
        let views = registry.plugin(self.name()).map(|found| PluginView::of(registry, found));
        let shown = self.with_changes(views.into_iter().collect(), MANY_CHANGES).await?;
        let shown = shown.first().ok_or_else(|| self.no_such_plugin())?;
        html(status, ui::plugin(&self.frame, notice.as_ref(), shown))
    }

    async fn with_changes(&self, views: Vec<PluginView>, most: i64) -> Result<Vec<Shown>, ApiError> {
        let work = move |op: &mut crate::services::ctx::OpCtx| {
            acl::require_superuser(op)?;
            let shown = views.iter().map(|view| {
                let changes = plugin::happened(op, view.decl.id, most)?;
                Ok(Shown { plugin: view.clone(), changes: changes.iter().map(Into::into).collect() })
            });
            shown.collect()
        };
        self.cx.read(work).await.map_err(for_administrators)
    }

    /// Does it and shows the page again, by a redirect, so that loading it once more does nothing again.
    async fn switch(&self, to: Switch, back_to_one: bool) -> ApiResult {
        let named = self.name().to_owned();
        let switched = self.cx.write(move |op| plugin::switch(op, &named, to)).await;
        match switched.map_err(for_administrators) {
            Ok(()) => {}
            Err(error) if error.status() == StatusCode::BAD_REQUEST => {
                let notice = Some(Notice { well: false, text: error.sentences().join("; ") });
                return match back_to_one {
                    true => self.plugin(error.status(), notice).await,
                    false => self.plugins(error.status(), notice).await,
                };
            }
            Err(error) => return Err(error),
        }
        self.cx.apply_plugin_states().await?;
        let found = self.cx.state.host.registry.plugin(self.name()).ok_or_else(|| self.no_such_plugin())?;
        let (id, done) = (found.decl.id, to.as_str());
        Ok(see(&match back_to_one {
            true => format!("{PLUGINS}/{id}?done={done}&plugin={id}"),
            false => format!("{PLUGINS}?done={done}&plugin={id}#{id}"),
        }))
    }

    /// The plugin that the path names.
    fn name(&self) -> &str {
        self.cx.http.match_info().get("plugin").unwrap_or_default()
    }

    fn no_such_plugin(&self) -> ApiError {
        ApiError::not_found(&format!("plugin {} does not exist", self.name()))
    }
}

pub(super) fn field<'a>(form: &'a Value, name: &str) -> Option<&'a str> {
    form.get(name).and_then(Value::as_str)
}

fn for_administrators(error: ApiError) -> ApiError {
    match error.status() {
        StatusCode::FORBIDDEN => ApiError::denied("only administrators see and switch plugins"),
        _ => error,
    }
}

pub(super) fn see(address: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, address)).finish()
}

pub(super) fn html(status: StatusCode, page: Result<String, String>) -> ApiResult {
    let page = page.map_err(ApiError::internal)?;
    Ok(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(page))
}

/// An error as a page.
pub(super) fn failure(error: ApiError, frame: &Frame, trace_id: &Arc<str>) -> HttpResponse {
    let (status, mut sentences) = (error.status(), error.sentences());
    sentences.push(format!("request id: {trace_id}"));
    let title = match status {
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::NOT_FOUND => "Not found",
        _ => "That did not work",
    };
    let plain = error.respond(trace_id);
    match html(status, ui::message(frame, title, &sentences)) {
        Ok(mut page) => {
            for (name, value) in plain.headers() {
                if !page.headers().contains_key(name) {
                    page.headers_mut().insert(name.clone(), value.clone());
                }
            }
            page
        }
        Err(unwritten) => unwritten.respond(trace_id),
    }
}
