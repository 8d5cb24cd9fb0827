//! What happens to every API request, in this order: path (404, 301), `Accept` (406), credentials (403),
//! rates (429), method (405), body size (413), handler. *Source: spec, auth-user §1.7.*

use super::auth;
use super::body::{self, Body};
use super::error::{ApiError, ApiResult};
use super::limits::{Logins, PluginRate, Rates, admit_to_plugin};
use super::traced;
use super::traffic::{Meter, Traffic};
use crate::auth::recent::Recent;
use crate::config::{LoginPage, MetricsAccess};
use crate::observe::metrics::Metrics;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::host::{Host, MOST_OPERATIONS};
use crate::services::plugin;
use crate::services::run::{Mode, Runner};
use crate::store::StoreError;
use actix_web::http::header::{ACCEPT, HeaderName, HeaderValue, LOCATION};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::web::{self, Bytes, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::context::{Origin, RequestInfo};
use pagoda_plugin_sdk::model::User;
use pagoda_plugin_sdk::route::RouteAuth;
use serde::Serialize;
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The header that names a request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Requests whose credentials are looked up at a time: a quarter of the places for operations.
const MOST_LOOKS: usize = MOST_OPERATIONS / 4;

/// What all requests of a server share.
#[derive(Debug)]
pub struct AppState {
    /// The server.
    pub host: Arc<Host>,
    /// Tokens that were good a moment ago.
    pub recent: Recent,
    /// Largest request body in bytes.
    pub max_body_bytes: usize,
    /// How long a login lasts.
    pub session_lifetime: Duration,
    /// Whether cookies are for HTTPS only.
    pub secure_cookies: bool,
    /// Where people reach the server, for links in mail.
    pub public_url: Option<String>,
    /// What the login page says and asks for.
    pub login_page: LoginPage,
    /// The OpenAPI document, in JSON: as a value it would take several times as much memory.
    pub openapi: Bytes,
    /// Places for comparing passwords, which takes a processor for tens of milliseconds and much memory: a
    /// storm of logins must not stop everything else.
    pub judges: Arc<Semaphore>,
    /// Attempts to log in.
    pub logins: Arc<Logins>,
    /// Rates of requests.
    pub rates: Arc<Rates>,
    /// What requests are counted by.
    pub traffic: Arc<Traffic>,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// Who may read it.
    pub metrics_access: MetricsAccess,
    /// Largest response of a plugin's route in bytes.
    pub max_response_bytes: usize,
    /// Places for searches: half of the connections.
    pub searches: Arc<Semaphore>,
    /// How long one may take.
    pub search_timeout: Duration,
    /// Places for looking at credentials.
    pub looks: Semaphore,
    /// How long a request waits for such a place.
    pub patience: Duration,
    /// False once the server was told to stop.
    pub accepting: AtomicBool,
    /// Makes trace ids of this process differ from those of others.
    trace_prefix: u32,
    trace_count: AtomicU64,
}

impl AppState {
    /// The state of a server with these settings.
    #[must_use]
    pub fn new(host: Arc<Host>, config: &crate::config::Config) -> Arc<Self> {
        let openapi = Bytes::from(super::openapi::document(&host.registry).to_string());
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let mut prefix = [0; 4];
        // Without random numbers the prefix is 0: ids are for logs only.
        let _ = getrandom::fill(&mut prefix);
        let rates = Arc::new(Rates::new(config, &host.registry));
        let searches = Arc::new(Semaphore::new(host.store.connections().div_ceil(2)));
        Arc::new(Self {
            host,
            recent: Recent::default(),
            max_body_bytes: config.max_body_bytes,
            session_lifetime: config.session_lifetime,
            secure_cookies: config.cookies_are_secure(),
            public_url: config.accounts.public_url.clone(),
            login_page: config.accounts.login_page.clone(),
            openapi,
            judges: Arc::new(Semaphore::new(cores.div_ceil(2))),
            logins: Arc::new(Logins::new(config.limits.login_delay_max)),
            rates,
            traffic: Arc::default(),
            metrics: Metrics::default(),
            metrics_access: config.limits.metrics_access,
            max_response_bytes: config.limits.max_response_bytes,
            searches,
            search_timeout: config.limits.search_timeout,
            looks: Semaphore::new(MOST_LOOKS),
            patience: config.database_timeout,
            accepting: AtomicBool::new(true),
            trace_prefix: u32::from_le_bytes(prefix),
            trace_count: AtomicU64::new(0),
        })
    }

    /// Where people reach the server. Never the host that the request claims: a mail must not lead to whoever wrote it.
    pub(super) fn reached_at(&self, http: &HttpRequest) -> String {
        match &self.public_url {
            Some(base) => base.clone(),
            None => format!("http://{}", http.app_config().local_addr()),
        }
    }

    /// A name for a request in logs and in the `X-Request-Id` header.
    pub(super) fn trace_id(&self) -> Arc<str> {
        let count = self.trace_count.fetch_add(1, Ordering::Relaxed);
        // By hand: the formatting machinery would be a tenth of what a small request costs outside the kernel.
        let mut id = [0; 18];
        let (prefix, number) = id.split_at_mut(8);
        write_hex(u64::from(self.trace_prefix), prefix);
        write_hex(count, number);
        std::str::from_utf8(&id).unwrap_or_default().into()
    }
}

/// Fills `to` with the last hexadecimal digits of `number`.
fn write_hex(mut number: u64, to: &mut [u8]) {
    for place in to.iter_mut().rev() {
        let digit = (number & 15) as u8;
        *place = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        number >>= 4;
    }
}

/// One API request, authenticated, for a handler.
pub(super) struct Cx {
    pub(super) state: Arc<AppState>,
    pub(super) http: HttpRequest,
    pub(super) request: Arc<RequestInfo>,
    pub(super) body: Body,
}

pub(super) type Answer = Pin<Box<dyn Future<Output = ApiResult>>>;
pub(super) type Handler = Rc<dyn Fn(Cx) -> Answer>;

impl Cx {
    pub(super) fn runner(&self) -> Runner {
        Runner::new(Arc::clone(&self.state.host), Arc::clone(&self.request))
    }

    /// Runs a reading operation.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut OpCtx) -> Result<T, OpError> + Send + 'static,
    ) -> Result<T, ApiError> {
        Ok(self.runner().run(Mode::Read, work).await?)
    }

    /// Runs a writing operation.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut OpCtx) -> Result<T, OpError> + Send + 'static,
    ) -> Result<T, ApiError> {
        Ok(self.runner().run(Mode::Write, work).await?)
    }

    /// Runs a search: a reading operation whose time is limited. Only some run at a time, so that slow ones leave connections
    /// for everything else.
    pub(super) async fn search<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut OpCtx) -> Result<T, OpError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (place, limit) = self.search_place().await?;
        let work = move |op: &mut OpCtx| {
            // Held as long as it runs, also when the client goes away.
            let _place = &place;
            op.db.limit_time(limit)?;
            work(op)
        };
        self.read(work).await
    }

    /// A place among the searches that run at a time, and how long a search may take.
    pub(super) async fn search_place(&self) -> Result<(OwnedSemaphorePermit, Duration), ApiError> {
        let place = Arc::clone(&self.state.searches).acquire_owned();
        match tokio::time::timeout(self.state.patience, place).await {
            Ok(Ok(place)) => Ok((place, self.state.search_timeout)),
            _ => Err(OpError::Unavailable(StoreError::Busy).into()),
        }
    }

    /// Takes over what the database says about plugins now, not only when the next look is due.
    pub(super) async fn apply_plugin_states(&self) -> Result<(), ApiError> {
        let host = Arc::clone(&self.state.host);
        let applied = tokio::task::spawn_blocking(move || {
            plugin::sync(&host)?;
            plugin::start_all(&host, false)
        });
        let applied = applied.await.map_err(|lost| ApiError::internal(lost.to_string()))?;
        applied.map_err(|error| ApiError::internal(format!("{error:#}")))
    }

    /// A numeric parameter of the path. The router lets only digits through; more of them than an id can
    /// have name nothing.
    pub(super) fn id(&self, name: &str) -> Result<i64, ApiError> {
        let text = self.http.match_info().get(name).unwrap_or_default();
        text.parse().map_err(|_| ApiError::not_found(&format!("{text} does not exist")))
    }

    /// The value of a query parameter; the last one when it is repeated.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        query_value(&self.http, name)
    }

    /// Refuses in words, and whatever the id, what a route knows and does not do but by PATCH. *Source: spec, auth-user
    /// §4 and job §5.4.*
    pub(super) fn patch_only(&self) -> Result<(), ApiError> {
        if self.http.method() == Method::PATCH {
            return Ok(());
        }
        let refusal =
            ApiError::with_body(StatusCode::METHOD_NOT_ALLOWED, serde_json::Value::from("use PATCH"));
        Err(refusal.allowing(&[&Method::PATCH]))
    }

    /// All values of a query parameter that may be repeated.
    pub(super) fn queries(&self, name: &str) -> Vec<String> {
        let pairs = form_urlencoded::parse(self.http.query_string().as_bytes());
        pairs.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
    }
}

/// The value of a query parameter; the last one when it is repeated.
pub(super) fn query_value(http: &HttpRequest, name: &str) -> Option<String> {
    let pairs = form_urlencoded::parse(http.query_string().as_bytes());
    pairs.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).last()
}

/// Below it everything belongs to a plugin.
const PLUGINS: &str = "/api/v2/plugins/";
/// What the answers of an endpoint are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    /// Errors are JSON all the same. *Source: spec, auth-user §1.6.*
    Yaml,
    /// Whatever the request accepts.
    Any,
}

/// A path with what it answers.
pub(super) struct Endpoint {
    path: String,
    methods: Vec<(Method, RouteAuth, Handler)>,
    /// Those of them that are known and refused.
    refused: Vec<Method>,
    /// What answers are, so that `Accept` must admit it.
    answers: Format,
    /// The plugin that it belongs to, with the rate of its requests.
    plugin_rate: Option<(&'static str, Arc<PluginRate>)>,
}

impl Endpoint {
    pub(super) fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            methods: Vec::new(),
            refused: Vec::new(),
            answers: Format::Json,
            plugin_rate: None,
        }
    }

    /// Counts against the rate of a plugin, if it has one.
    pub(super) fn at_rate(mut self, plugin: &'static str, rate: Option<Arc<PluginRate>>) -> Self {
        self.plugin_rate = rate.map(|rate| (plugin, rate));
        self
    }

    /// Answers in other formats, whatever the request accepts.
    pub(super) fn any_format(mut self) -> Self {
        self.answers = Format::Any;
        self
    }

    /// Answers lists in YAML.
    pub(super) fn in_yaml(mut self) -> Self {
        self.answers = Format::Yaml;
        self
    }

    /// Adds a method for authenticated users.
    pub(super) fn on<F, A>(self, method: Method, handler: F) -> Self
    where
        F: Fn(Cx) -> A + 'static,
        A: Future<Output = ApiResult> + 'static,
    {
        self.with_auth(method, RouteAuth::Required, handler)
    }

    /// Adds a method that is known, and refused in words of its own: `Allow` and the description do not list it.
    pub(super) fn refusing<F, A>(mut self, method: Method, handler: F) -> Self
    where
        F: Fn(Cx) -> A + 'static,
        A: Future<Output = ApiResult> + 'static,
    {
        self.refused.push(method.clone());
        self.on(method, handler)
    }

    /// The pattern of its path.
    #[cfg(test)]
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The methods that do something.
    pub(super) fn offered(&self) -> impl Iterator<Item = &Method> {
        self.methods.iter().map(|(method, _, _)| method).filter(|method| !self.refused.contains(method))
    }

    /// Adds a method; with [`RouteAuth::None`] anonymous requests may use it.
    pub(super) fn with_auth<F, A>(mut self, method: Method, auth: RouteAuth, handler: F) -> Self
    where
        F: Fn(Cx) -> A + 'static,
        A: Future<Output = ApiResult> + 'static,
    {
        self.methods.push((method, auth, Rc::new(move |cx| Box::pin(handler(cx)))));
        self
    }

    /// The first three parts of its path, if they are words; `/entity/api/v2` of `/entity/api/v2/{id}/`. Of what
    /// belongs to a plugin the first four.
    pub(super) fn area(&self) -> Option<&str> {
        let upto = |parts: usize| {
            let end = self.path.match_indices('/').nth(parts).map_or(self.path.len(), |(end, _)| end);
            let area = self.path.get(..end)?;
            let words = area.split('/').filter(|part| !part.is_empty() && !part.contains('{')).count();
            (words == parts).then_some(area)
        };
        upto(4).filter(|area| area.starts_with(PLUGINS)).or_else(|| upto(3))
    }

    /// Mounts it where `area` is already matched; a path that ends in a slash answers without it by a
    /// redirect, before anything else.
    pub(super) fn mount(self, area: &str, traffic: &Traffic, service: &mut ServiceConfig) {
        let path = self.path.strip_prefix(area).unwrap_or(&self.path).to_owned();
        let meter = traffic.meter(&self.path, self.methods.iter().map(|(method, _, _)| method));
        if let Some(bare) = path.strip_suffix('/').filter(|bare| !(area.is_empty() && bare.is_empty())) {
            let meter = Arc::clone(&meter);
            service.service(web::resource(bare).to(move |http: HttpRequest| {
                let meter = Arc::clone(&meter);
                async move { meter.watch(http.clone(), add_slash(http)).await }
            }));
        }
        let endpoint = Rc::new((self, meter));
        service.service(web::resource(path).to(move |http: HttpRequest, payload: Payload| {
            let endpoint = Rc::clone(&endpoint);
            async move { endpoint.0.answer(http, payload, &endpoint.1).await }
        }));
    }

    async fn answer(&self, http: HttpRequest, payload: Payload, meter: &Meter) -> HttpResponse {
        let counted = meter.begin(http.method());
        let Some(state) = http.app_data::<web::Data<Arc<AppState>>>().map(|data| Arc::clone(data.as_ref()))
        else {
            return HttpResponse::InternalServerError().finish();
        };
        let trace_id = state.trace_id();
        let user = Cell::new(None);
        let span = traced::begin(&http, meter.route(), &trace_id);
        let mut response = traced::answer(span, async {
            match self.process(&state, http, payload, &trace_id, &user).await {
                Ok(response) => response,
                Err(error) => error.respond(&trace_id),
            }
        })
        .await;
        sign_off(&state, &mut response, &trace_id);
        counted.end(&response, user.get());
        response
    }

    async fn process(
        &self,
        state: &Arc<AppState>,
        http: HttpRequest,
        payload: Payload,
        trace_id: &Arc<str>,
        seen: &Cell<Option<i64>>,
    ) -> ApiResult {
        let refused = match self.answers {
            Format::Json if !accepts_json(&http) => Some("this route answers application/json"),
            Format::Yaml if !accepts(&http, &["application/yaml"]) => {
                Some("this route answers application/yaml")
            }
            _ => None,
        };
        if let Some(message) = refused {
            return Err(ApiError::new(StatusCode::NOT_ACCEPTABLE, Code::Other, message));
        }
        let user = auth::authenticate(state, &http, trace_id).await?;
        seen.set(user.as_ref().map(|user| user.id));
        state.rates.admit(&http, user.as_deref(), || auth::sent_token(&http).ok().flatten())?;
        if let Some((plugin, rate)) = &self.plugin_rate {
            admit_to_plugin(plugin, rate)?;
        }
        if http.query_string().contains("%00") {
            let message = "the query may not contain a NUL character";
            let body = serde_json::json!([crate::wire::leaf(Code::InvalidValue, message)]);
            return Err(ApiError::with_body(StatusCode::BAD_REQUEST, body));
        }
        let method = if http.method() == Method::HEAD { &Method::GET } else { http.method() };
        let found = self.methods.iter().find(|(known, _, _)| known == method);
        // Whether a method exists is for those who may use the path at all.
        let open = match found {
            Some((_, auth, _)) => *auth == RouteAuth::None,
            None => self.methods.iter().any(|(_, auth, _)| *auth == RouteAuth::None),
        };
        if user.is_none() && !open {
            return Err(ApiError::unauthenticated("log in or send a token"));
        }
        let Some((_, _, handler)) = found else {
            return Err(ApiError::not_allowed(method, &self.offered().collect::<Vec<_>>()));
        };
        let body = if auth::is_safe(http.method()) {
            Bytes::new()
        } else {
            body::read(&http, payload, state.max_body_bytes).await?
        };
        handler(cx(state, http, user, trace_id, body)).await
    }
}

/// What every response leaves with.
pub(super) fn sign_off(state: &AppState, response: &mut HttpResponse, trace_id: &str) {
    if !state.accepting.load(Ordering::Relaxed) {
        // The client's next request is for the process that comes after this one.
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    // Hexadecimal digits are always a header value.
    if let Ok(value) = HeaderValue::from_str(trace_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
}

pub(super) fn cx(
    state: &Arc<AppState>,
    http: HttpRequest,
    user: Option<Arc<User>>,
    trace_id: &Arc<str>,
    bytes: Bytes,
) -> Cx {
    let content_type = http.headers().get(actix_web::http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let zone = state.host.zone.clone();
    let request = Arc::new(RequestInfo::new(user, Arc::clone(trace_id), Origin::Http, zone));
    Cx { state: Arc::clone(state), http, request, body: Body { bytes, content_type } }
}

/// 301 to the same path with a slash, query kept. *Source: spec, auth-user §1.1.*
pub(super) async fn add_slash(http: HttpRequest) -> HttpResponse {
    let query = http.query_string();
    let separator = if query.is_empty() { "" } else { "?" };
    let location = format!("{}/{separator}{query}", http.path());
    HttpResponse::MovedPermanently().insert_header((LOCATION, location)).finish()
}

/// Whether the `Accept` header admits JSON, or HTML, which gets JSON all the same.
fn accepts_json(http: &HttpRequest) -> bool {
    accepts(http, &["application/json", "text/html", "text/*"])
}

/// Whether the `Accept` header admits one of these.
fn accepts(http: &HttpRequest, types: &[&str]) -> bool {
    let Some(accept) = http.headers().get(ACCEPT) else { return true };
    // What most clients send.
    if accept == "*/*" {
        return true;
    }
    let Ok(accept) = accept.to_str() else { return false };
    accept.trim().is_empty()
        || accept.split(',').any(|range| {
            let range = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            matches!(range.as_str(), "*/*" | "application/*") || types.contains(&range.as_str())
        })
}

/// An answer in JSON.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> ApiResult {
    let bytes = serde_json::to_vec(body).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(HttpResponse::build(status).content_type("application/json").body(bytes))
}

/// An answer in YAML: the rows of an export. *Source: spec, auth-user §1.6.*
pub(super) fn yaml(rows: &[serde_json::Value]) -> ApiResult {
    let text = crate::wire::yaml::write(rows).map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok().content_type("application/yaml; charset=utf-8").body(text))
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> ApiResult {
    Ok(HttpResponse::build(status).finish())
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, write_hex};

    #[test]
    fn the_last_digits_fill_the_place() {
        let of = |number| {
            let mut text = [0; 5];
            write_hex(number, &mut text);
            String::from_utf8(text.to_vec()).unwrap()
        };
        assert_eq!((of(0), of(0x9af), of(0x12_3456)), ("00000".into(), "009af".into(), "23456".into()));
    }

    #[test]
    fn an_area_is_three_words() {
        let of = |path: &str| Endpoint::new(path).area().map(str::to_owned);
        assert_eq!(of("/entity/api/v2/").as_deref(), Some("/entity/api/v2"));
        assert_eq!(of("/entity/api/v2/{id:[0-9]+}/entries/").as_deref(), Some("/entity/api/v2"));
        assert_eq!(of("/api/v2/plugins/hello/{name}/").as_deref(), Some("/api/v2/plugins/hello"));
        assert_eq!(of("/api/v2/plugins/{plugin}/enable").as_deref(), Some("/api/v2/plugins"));
        assert_eq!(of("/api/v2/plugins/").as_deref(), Some("/api/v2/plugins"));
        assert_eq!(of("/user/api/v2/me").as_deref(), Some("/user/api/v2"));
        assert_eq!(of("/api/schema/"), None);
        assert_eq!(of("/a/{b}/c/"), None);
    }
}
