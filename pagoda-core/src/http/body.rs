//! Reading request bodies: limited, and parsed only when it is their turn.

use super::error::ApiError;
use crate::services::error::OpError;
use crate::wire::yaml;
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use pagoda_plugin_sdk::Code;
use serde_json::Value;
use std::time::Duration;

/// How long a body may stand still.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads a body of at most `most` bytes.
pub(super) async fn read(
    request: &HttpRequest,
    mut payload: Payload,
    most: usize,
) -> Result<Bytes, ApiError> {
    let too_large = || {
        let message = format!("a body has at most {most} bytes");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, Code::LimitExceeded, &message)
    };
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    loop {
        let next = tokio::time::timeout(PATIENCE, payload.next()).await.map_err(|_| {
            let message = format!("no part of the body came for {} seconds", PATIENCE.as_secs());
            ApiError::new(StatusCode::REQUEST_TIMEOUT, Code::Unparsable, &message)
        })?;
        let Some(chunk) = next else { break };
        let chunk = chunk.map_err(|error| {
            let message = format!("the body could not be read: {error}");
            ApiError::new(StatusCode::BAD_REQUEST, Code::Unparsable, &message)
        })?;
        if body.len() + chunk.len() > most {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// A body that waits to be parsed: whether the addressed object is there and allowed comes first.
/// *Source: spec, auth-user §1.7.*
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    pub(super) content_type: String,
}

impl Body {
    /// The body as JSON; an empty one counts as `{}` whatever its type. *Source: spec, auth-user §1.7.*
    pub(super) fn json(&self) -> Result<Value, OpError> {
        if self.bytes.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        let media_type = self.content_type.split(';').next().unwrap_or_default().trim();
        match media_type.to_ascii_lowercase().as_str() {
            "application/json" => serde_json::from_slice(&self.bytes).map_err(|error| {
                OpError::Unreadable(Code::Unparsable, format!("the body is no JSON: {error}"))
            }),
            "application/x-www-form-urlencoded" => Ok(form(&self.bytes)),
            other => {
                let message = format!("send application/json, not `{other}`");
                Err(OpError::Unreadable(Code::UnsupportedMediaType, message))
            }
        }
    }
}

impl Body {
    /// The body of an import, which is YAML and nothing else. *Source: spec, auth-user §1.6.*
    pub(super) fn yaml(&self) -> Result<Value, OpError> {
        // Whatever its type, see `json`: an object, which is no list.
        if self.bytes.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        let media_type = self.content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/yaml") {
            let message = format!("send application/yaml, not `{media_type}`");
            return Err(OpError::Unreadable(Code::UnsupportedMediaType, message));
        }
        yaml::parse(&self.bytes).map_err(|error| {
            OpError::Unreadable(Code::Unparsable, format!("the body is no YAML list: {error}"))
        })
    }
}

/// A form as an object of strings; clients of the wire send JSON, this is for forms of pages.
pub(super) fn form(bytes: &[u8]) -> Value {
    let pairs = form_urlencoded::parse(bytes);
    Value::Object(pairs.map(|(key, value)| (key.into_owned(), Value::String(value.into_owned()))).collect())
}
