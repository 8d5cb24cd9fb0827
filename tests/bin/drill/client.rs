//! Somebody who sends requests.

use serde_json::{Value, json};
use std::time::Duration;

/// Longer than any request may take, a plugin that hangs included.
const PATIENCE: Duration = Duration::from_secs(20);
/// Largest answer that is read.
const MOST_BYTES: u64 = 256 << 20;

/// Somebody who sends requests to a server, over connections of its own.
#[derive(Debug)]
pub(crate) struct Client {
    base: String,
    authorization: String,
    agent: ureq::Agent,
}

/// An answer, or why there was none.
#[derive(Debug)]
pub(crate) enum Answer {
    Status(u16, Value),
    None(#[expect(dead_code, reason = "shown in what is said of a broken promise")] String),
}

impl Client {
    pub(crate) fn new(base: &str, token: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE))
            .build()
            .into();
        Self { base: base.to_owned(), authorization: format!("Token {token}"), agent }
    }

    /// Sends one request.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.try_to_send(method, path, body).unwrap_or_else(|error| Answer::None(error.to_string()))
    }

    fn try_to_send(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("Authorization", &self.authorization)
            .header("Content-Type", "application/json");
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut response = self.agent.run(request.body(body)?)?;
        let bytes = response.body_mut().with_config().limit(MOST_BYTES).read_to_vec()?;
        // What is no JSON is of interest by its length alone.
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!({"bytes": bytes.len()}));
        Ok(Answer::Status(response.status().as_u16(), body))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    /// A request whose answer must have this status.
    pub(crate) fn must(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        status: u16,
    ) -> anyhow::Result<Value> {
        match self.send(method, path, body) {
            Answer::Status(found, body) if found == status => Ok(body),
            other => anyhow::bail!("{method} {path}: {other:?}"),
        }
    }

    /// How many entries of an entity a query finds.
    pub(crate) fn count(&self, entity: i64, query: &str) -> anyhow::Result<u64> {
        let list = self.must("GET", &format!("/entity/api/v2/{entity}/entries/?{query}"), None, 200)?;
        list["count"].as_u64().ok_or_else(|| anyhow::anyhow!("a list without a count: {list}"))
    }
}

impl Answer {
    /// The status; 0 where there was no answer.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Status(status, _) => *status,
            Self::None(_) => 0,
        }
    }

    /// Whether the server may or may not have done what was asked of it.
    pub(crate) fn leaves_it_open(&self) -> bool {
        matches!(self.status(), 0 | 500..)
    }
}
