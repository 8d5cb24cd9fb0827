//! A request to another server.

use super::{OutboundError, OutboundResult};
use crate::route::Method;
use serde::Serialize;
use std::time::Duration;

/// A request to another server: made by its method, completed, and sent with [`super::Http::send`].
///
/// ```
/// use pagoda_plugin_sdk::http::OutboundRequest;
/// # fn main() -> Result<(), pagoda_plugin_sdk::http::OutboundError> {
/// let request = OutboundRequest::post("https://api.example.com/racks")
///     .header("Authorization", "Bearer …")
///     .json(&["R-1", "R-2"])?;
/// assert_eq!(request.body(), br#"["R-1","R-2"]"#);
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "nothing happens before it is sent"]
pub struct OutboundRequest {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    timeout: Option<Duration>,
}

impl std::fmt::Debug for OutboundRequest {
    /// Without the values of headers, the query and the body, where secrets may stand.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("OutboundRequest")
            .field("method", &self.method)
            .field("url", &self.url.split(['?', '#']).next().unwrap_or_default())
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .field("timeout", &self.timeout)
            .finish()
    }
}

impl OutboundRequest {
    /// A request of this method to an absolute address, `http` or `https`.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), body: Vec::new(), timeout: None }
    }

    /// GET
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::Get, url)
    }

    /// POST
    pub fn post(url: impl Into<String>) -> Self {
        Self::new(Method::Post, url)
    }

    /// PUT
    pub fn put(url: impl Into<String>) -> Self {
        Self::new(Method::Put, url)
    }

    /// PATCH
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new(Method::Patch, url)
    }

    /// DELETE
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new(Method::Delete, url)
    }

    /// Adds a header. Those that describe the connection, such as `Host`, are the host's to set.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn bytes(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        self.body = body.into();
        self.header("Content-Type", content_type)
    }

    /// Sets the body without saying what it is: no `Content-Type`, unless a header of the request says it.
    pub fn untyped(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a JSON body.
    ///
    /// # Errors
    /// [`OutboundError::BadRequest`]: the value has no JSON form.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> OutboundResult<Self> {
        let body = serde_json::to_vec(body).map_err(|error| OutboundError::BadRequest(error.to_string()))?;
        Ok(self.bytes("application/json", body))
    }

    /// Sets the longest time until the whole answer is there. It can only shorten what the host allows.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Its method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// Where it goes.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its headers, in order.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Its body; empty for none.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The longest time that it may take, if it says one.
    #[must_use]
    pub fn time_limit(&self) -> Option<Duration> {
        self.timeout
    }
}

#[cfg(test)]
mod tests {
    use super::OutboundRequest;

    #[test]
    fn what_may_be_secret_is_not_shown() {
        let request = OutboundRequest::post("https://a.example/path?token=secret-1")
            .header("Authorization", "secret-2")
            .bytes("text/plain", "secret-3");
        let shown = format!("{request:?}");
        assert!(shown.contains("https://a.example/path") && shown.contains("Authorization"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn a_body_has_one_type() {
        let request = OutboundRequest::put("https://a.example/").bytes("text/plain", "x").json(&7).unwrap();
        assert_eq!(request.headers(), [("Content-Type".to_owned(), "application/json".to_owned())]);
        assert_eq!(request.body(), b"7");
    }
}
