//! The answer of another server.

use super::{OutboundError, OutboundResult};
use anyhow::Context;
use serde::de::DeserializeOwned;

/// A whole answer.
#[derive(Clone, Default)]
pub struct OutboundResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl std::fmt::Debug for OutboundResponse {
    /// Without the values of headers and the body, where secrets may stand.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("OutboundResponse")
            .field("status", &self.status)
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

impl OutboundResponse {
    /// An answer without headers and body, for hosts and tests.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first header of this name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Its headers, in order.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Its body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Its body, kept.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// Its body as text.
    ///
    /// # Errors
    /// It is no UTF-8.
    pub fn text(&self) -> anyhow::Result<&str> {
        std::str::from_utf8(&self.body).context("the answer is no UTF-8")
    }

    /// Its body, read from JSON.
    ///
    /// # Errors
    /// It is no such JSON.
    pub fn json<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_slice(&self.body).context("the answer is not the JSON that was expected")
    }

    /// Itself, if its status is one of success (200 to 299).
    ///
    /// # Errors
    /// [`OutboundError::Status`]
    pub fn success(self) -> OutboundResult<Self> {
        if (200..300).contains(&self.status) { Ok(self) } else { Err(OutboundError::Status(self.status)) }
    }
}
