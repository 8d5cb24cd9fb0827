//! From an operation's failure to an answer: the only place with their status codes.

use crate::services::error::OpError;
use crate::store::StoreError;
use crate::wire::leaf;
use actix_web::HttpResponse;
use actix_web::http::header::{ALLOW, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::time::Timestamp;
use serde_json::{Value, json};

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    body: Value,
    /// Seconds after which trying again makes sense.
    retry: Option<u64>,
    /// The methods that there are, where another one was sent: a bit for each of [`METHODS`].
    allow: u8,
    /// For the log; never part of the answer.
    cause: Option<String>,
}

pub(crate) type ApiResult = Result<HttpResponse, ApiError>;

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: Code, message: &str) -> Self {
        Self::with_body(status, leaf(code, message))
    }

    pub(crate) fn with_body(status: StatusCode, body: Value) -> Self {
        Self { status, body, retry: None, allow: 0, cause: None }
    }

    /// Credentials are missing or do not hold: 403, never 401. *Source: spec, auth-user §1.2.*
    pub(crate) fn unauthenticated(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, Code::Unauthenticated, message)
    }

    pub(crate) fn denied(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, Code::Denied, message)
    }

    pub(crate) fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::NotFound, message)
    }

    /// 405, with the methods that there are. *Source: RFC 9110 §15.5.6.*
    pub(crate) fn not_allowed(method: &Method, there_are: &[&Method]) -> Self {
        let message = format!("{method} is not allowed here");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, Code::Other, &message).allowing(there_are)
    }

    /// The same refusal with the methods that there are.
    pub(crate) fn allowing(mut self, there_are: &[&Method]) -> Self {
        self.allow = bits(there_are);
        self
    }

    pub(crate) fn internal(cause: String) -> Self {
        let message = "internal error; the request id names the entry in the log";
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Other, message);
        error.cause = Some(cause);
        error
    }

    /// A plugin that is not called for now: says which, why, and when to try again.
    pub(crate) fn plugin_unavailable(plugin: &str, state: &str, reason: &str, retry_at: Option<i64>) -> Self {
        let wait = retry_at.map(|at| at.saturating_sub(Timestamp::now().as_micros()));
        let seconds = wait.map(|micros| u64::try_from(micros).unwrap_or(0).div_ceil(1_000_000).max(1));
        let when = match seconds {
            Some(seconds) => format!("try again in {seconds} s"),
            None => "an administrator has to see to it".to_owned(),
        };
        let body = json!({
            "message": format!("plugin {plugin} is {state}: {reason}; {when}"),
            "code": Code::Other,
            "plugin": plugin,
            "state": state,
            "reason": reason,
            "retry_after": seconds,
        });
        let mut error = Self::with_body(StatusCode::SERVICE_UNAVAILABLE, body);
        error.retry = seconds;
        error
    }

    /// A plugin's route did not answer in time.
    pub(crate) fn plugin_timeout(plugin: &str, message: &str) -> Self {
        let cause = format!("plugin {plugin}: {message}");
        Self::unavailable(StatusCode::GATEWAY_TIMEOUT, &format!("plugin {plugin} {message}"), cause)
    }

    fn unavailable(status: StatusCode, message: &str, cause: String) -> Self {
        let mut error = Self::new(status, Code::Other, message);
        error.retry = Some(1);
        error.cause = Some(cause);
        error
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What it says, for people: the messages of its body, without their places.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect_messages(&self.body, &mut found);
        found
    }

    /// As [`ApiError::sentences`], with the field before each where `label` has a name for it.
    pub(crate) fn sentences_of(&self, label: impl Fn(&str) -> Option<&'static str>) -> Vec<String> {
        let Value::Object(fields) = &self.body else { return self.sentences() };
        let one = |(field, complaints): (&String, &Value)| {
            let mut found = Vec::new();
            collect_messages(complaints, &mut found);
            let name = label(field);
            found.into_iter().map(move |message| match name {
                Some(name) => format!("{name}: {message}"),
                None => message,
            })
        };
        fields.iter().flat_map(one).collect()
    }

    /// More than a limit allows: 429. *Source: spec, error translation (throttled).*
    pub(crate) fn too_many(message: &str, seconds: u64) -> Self {
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, Code::Other, message);
        error.retry = Some(seconds);
        error
    }

    /// The same refusal with nothing said about it. *Source: spec, entity §0.2 (403 with empty body).*
    pub(crate) fn without_body(mut self) -> Self {
        self.body = Value::Null;
        self
    }

    /// A denial in words alone, as some routes have it. *Source: spec, job §5.*
    pub(crate) fn denied_in_words(mut self) -> Self {
        if self.status == StatusCode::FORBIDDEN {
            self.body = json!("the job is somebody else's");
        }
        self
    }

    /// Tells to try again soon, where the status means that it may help.
    pub(crate) fn retry_if_unavailable(mut self) -> Self {
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            self.retry = self.retry.or(Some(1));
        }
        self
    }

    /// The answer; what went wrong inside goes to the log under the trace id.
    pub(crate) fn respond(self, trace_id: &str) -> HttpResponse {
        if let Some(cause) = self.cause {
            tracing::error!(trace_id, status = self.status.as_u16(), "request failed: {cause}");
        }
        let mut response = HttpResponse::build(self.status);
        if let Some(seconds) = self.retry {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if self.allow != 0 {
            response.insert_header((ALLOW, names(self.allow)));
        }
        if self.body.is_null() { response.finish() } else { response.json(self.body) }
    }
}

/// Methods that paths have; where there is GET there is HEAD.
const METHODS: [(Method, &str); 5] = [
    (Method::GET, "GET, HEAD"),
    (Method::POST, "POST"),
    (Method::PUT, "PUT"),
    (Method::PATCH, "PATCH"),
    (Method::DELETE, "DELETE"),
];

fn bits(there_are: &[&Method]) -> u8 {
    METHODS
        .iter()
        .enumerate()
        .filter(|(_, (method, _))| there_are.contains(&method))
        .map(|(bit, _)| 1 << bit)
        .sum()
}

fn names(bits: u8) -> String {
    let named = METHODS.iter().enumerate().filter(|(bit, _)| bits & 1 << bit != 0);
    named.map(|(_, (_, name))| *name).collect::<Vec<_>>().join(", ")
}

/// The methods of a path as `Allow` lists them.
pub(crate) fn allowed(there_are: &[&Method]) -> String {
    names(bits(there_are))
}

fn collect_messages(body: &Value, found: &mut Vec<String>) {
    match body {
        Value::Object(fields) => match fields.get("message") {
            Some(Value::String(message)) => found.push(message.clone()),
            _ => fields.values().for_each(|value| collect_messages(value, found)),
        },
        Value::Array(items) => items.iter().for_each(|item| collect_messages(item, found)),
        _ => {}
    }
}

impl From<OpError> for ApiError {
    fn from(error: OpError) -> Self {
        match error {
            OpError::Invalid(body) => Self::with_body(StatusCode::BAD_REQUEST, body),
            OpError::Unreadable(code, message) => {
                let status = match code {
                    Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    _ => StatusCode::BAD_REQUEST,
                };
                Self::new(status, code, &message)
            }
            OpError::Rejected { reject, .. } => Self::with_body(StatusCode::BAD_REQUEST, json!(reject)),
            OpError::Denied { .. } => Self::denied("you are not allowed to do that"),
            OpError::Unauthenticated => Self::unauthenticated("log in or send a token"),
            OpError::NotFound { what, id } => Self::not_found(&format!("{what} {id} does not exist")),
            OpError::PluginFault { plugin, hook } => Self::unavailable(
                StatusCode::SERVICE_UNAVAILABLE,
                &format!("plugin {plugin} failed and this operation does not go on without it"),
                format!("plugin {plugin} failed in {hook}, which is registered with on_fault = \"reject\""),
            ),
            OpError::PluginUnavailable { plugin, state, reason, retry_at } => {
                Self::plugin_unavailable(plugin, state, &reason, retry_at)
            }
            OpError::PluginHung { plugin, function } => Self::unavailable(
                StatusCode::GATEWAY_TIMEOUT,
                &format!("plugin {plugin} did not come back; the server goes on without it"),
                format!("plugin {plugin} hangs in {function}"),
            ),
            OpError::GivenUp => Self::unavailable(
                StatusCode::SERVICE_UNAVAILABLE,
                "the server restarts; what you asked for may or may not have been done",
                "given up because the process is replaced".to_owned(),
            ),
            OpError::Crowded(crowded) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::Other, &crowded.to_string())
                    .retry_if_unavailable()
            }
            OpError::Unavailable(error) => of_store(&error),
            OpError::TooDeep { .. } | OpError::ReadOnly | OpError::OutOfTime(_) | OpError::Internal(_) => {
                Self::internal(error.to_string())
            }
        }
    }
}

fn of_store(error: &StoreError) -> ApiError {
    let (status, message) = match error {
        StoreError::DiskFull => {
            (StatusCode::INSUFFICIENT_STORAGE, "the database's disk is full; nothing was changed")
        }
        StoreError::ReadOnly => {
            (StatusCode::SERVICE_UNAVAILABLE, "the database is read-only; nothing was changed")
        }
        StoreError::Unreachable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be reached"),
        StoreError::OutOfTime => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the search takes longer than it may (search_timeout_s); ask for less: a longer keyword, fewer entities, a smaller page",
        ),
        StoreError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "the server is busy; try again"),
        StoreError::Serialization => {
            (StatusCode::SERVICE_UNAVAILABLE, "others changed the same things at the same time; try again")
        }
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the database cannot answer now"),
    };
    ApiError::unavailable(status, message, error.to_string())
}
