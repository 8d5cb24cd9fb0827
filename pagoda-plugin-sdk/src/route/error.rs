//! What a route answers when it does not answer.

use crate::bridge::BridgeError;
use crate::error::{Code, ErrorLeaf, Reject};
use crate::http::OutboundError;
use serde_json::{Value, json};
use std::borrow::Cow;

/// What a route returns.
pub type RouteResult<T> = Result<T, RouteError>;

/// An answer in the wire's error envelope, or a failure.
///
/// `?` keeps what an error means: a [`BridgeError`] becomes the answer that the host's own route would give
/// (404, 403, 400, 503), a [`Reject`] becomes 400, everything else is a failure of the plugin: 500, logged
/// with the trace id, without its text in the answer.
#[derive(Debug)]
pub struct RouteError {
    status: u16,
    body: Value,
    source: Option<anyhow::Error>,
}

impl RouteError {
    /// An answer with this status and JSON body.
    #[must_use]
    pub fn with_body(status: u16, body: Value) -> Self {
        Self { status, body, source: None }
    }

    /// An answer with this status, code and sentence.
    pub fn new(status: u16, code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        let leaf = ErrorLeaf::new(code, message);
        Self::with_body(status, json!({"message": leaf.message, "code": leaf.code}))
    }

    /// 404 `AE-230000`.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(404, Code::NotFound, message)
    }

    /// 403 `AE-210000`.
    pub fn denied(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(403, Code::Denied, message)
    }

    /// 400 with errors of fields.
    #[must_use]
    pub fn invalid(reject: &Reject) -> Self {
        Self::with_body(400, json!(reject))
    }

    /// 400 in the form that plugins of the older system used for their own errors:
    /// `{"error": "plugin_error", "message", "plugin_id"}`. *Source: spec, SDK bases.*
    pub fn plugin(plugin_id: &str, message: impl Into<Cow<'static, str>>) -> Self {
        let message: Cow<'static, str> = message.into();
        Self::with_body(400, json!({"error": "plugin_error", "message": message, "plugin_id": plugin_id}))
    }

    /// A failure of the plugin: 500.
    #[must_use]
    pub fn fault(source: anyhow::Error) -> Self {
        let leaf = json!({"message": "the plugin failed; the request id names the entry in the log", "code": Code::Other});
        Self { status: 500, body: leaf, source: Some(source) }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// The failure behind a 500.
    #[must_use]
    pub fn source(&self) -> Option<&anyhow::Error> {
        self.source.as_ref()
    }

    fn of_bridge(error: &BridgeError) -> Option<Self> {
        let text = error.to_string();
        Some(match error {
            BridgeError::NotFound { .. } => Self::not_found(text),
            BridgeError::Denied { .. } => Self::denied("you are not allowed to do that"),
            BridgeError::Capability { .. } => Self::denied(text),
            BridgeError::Invalid(body) => Self::with_body(400, body.clone()),
            BridgeError::Rejected { reject, .. } => Self::invalid(reject),
            BridgeError::Unavailable(_) | BridgeError::Busy(_) => Self::new(503, Code::Other, text),
            _ => return None,
        })
    }
}

impl From<Reject> for RouteError {
    fn from(reject: Reject) -> Self {
        Self::invalid(&reject)
    }
}

impl<E: Into<anyhow::Error>> From<E> for RouteError {
    fn from(error: E) -> Self {
        let error = error.into();
        let outbound = || error.downcast_ref::<OutboundError>().and_then(OutboundError::capability);
        match error.downcast_ref::<BridgeError>().or_else(outbound).and_then(Self::of_bridge) {
            Some(answer) => answer,
            None => Self::fault(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RouteError;
    use crate::bridge::BridgeError;
    use anyhow::Context;

    #[test]
    fn a_bridge_error_keeps_its_meaning_through_anyhow() {
        let missing = || Err::<(), _>(BridgeError::NotFound { what: "entity", id: "7".into() });
        assert_eq!(RouteError::from(missing().unwrap_err()).status(), 404);
        assert_eq!(RouteError::from(missing().context("while greeting").unwrap_err()).status(), 404);
        let fault = RouteError::from(anyhow::anyhow!("secret detail"));
        assert_eq!(fault.status(), 500);
        assert!(!fault.body().to_string().contains("secret"));
    }
}
