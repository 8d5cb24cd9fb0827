//! The part of Pagoda's HTTP API that the loader needs.
//!
//! One method a request. Retrying lives here and nowhere else: `503` and `429` are asked again after
//! `Retry-After` or a growing pause, and so are requests without an answer, unless repeating them could do
//! something twice. Those end as [`ClientError::Lost`], and the caller looks before it asks again.

mod envelope;
mod retry;

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use envelope::{Envelope, Leaf};
pub use retry::RetryPolicy;

/// How long one request may take, from connecting to the last byte.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The id of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct EntityId(pub i64);

/// The id of an attribute's definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct AttrId(pub i64);

/// The id of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub i64);

/// A row of a list of entities.
#[derive(Clone, Debug, Deserialize)]
pub struct EntityRow {
    /// Its id.
    pub id: EntityId,
    /// Its name.
    pub name: String,
}

/// An entity with its attributes.
#[derive(Clone, Debug, Deserialize)]
pub struct EntityDetail {
    /// Its id.
    pub id: EntityId,
    /// Whether the server is still at work on it.
    #[serde(default)]
    pub has_ongoing_changes: bool,
    /// Its attributes.
    pub attrs: Vec<AttrDetail>,
}

/// An attribute's definition.
#[derive(Clone, Debug, Deserialize)]
pub struct AttrDetail {
    /// Its id, used to write values.
    pub id: AttrId,
    /// Its name.
    pub name: String,
    /// The code of its type.
    #[serde(rename = "type")]
    pub type_code: i64,
    /// The entities whose entries it may refer to.
    #[serde(default)]
    pub referral: Vec<EntityRow>,
}

/// A row of a list of entries.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EntryRow {
    /// Its id.
    pub id: EntryId,
    /// Its name as it is stored.
    pub name: String,
}

/// A page of a list.
#[derive(Clone, Debug, Deserialize)]
pub struct Page<T> {
    /// How many rows the whole list has.
    pub count: u64,
    /// The address of the next page, if there is one.
    #[serde(default)]
    pub next: Option<String>,
    /// The rows of this page.
    pub results: Vec<T>,
}

impl<T> Page<T> {
    /// How many pages of the size of this, the first one, the list has.
    #[must_use]
    pub fn pages(&self) -> u64 {
        match (u64::try_from(self.results.len()), &self.next) {
            (Ok(size), Some(_)) if size > 0 => self.count.div_ceil(size),
            _ => 1,
        }
    }
}

/// What the answer to a creation says; servers may leave all of it out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Created {
    /// The id of what was created.
    #[serde(default)]
    pub id: Option<i64>,
}

/// Why a request did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address cannot be used.
    #[error("the address {url:?} cannot be used: {reason}")]
    Address {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No answer came, however often it was asked.
    #[error("{request}: no answer after {attempts} attempts: {cause}")]
    Unreachable {
        /// Method and path.
        request: String,
        /// How often it was tried.
        attempts: u32,
        /// What the last attempt ended with.
        cause: Box<ureq::Error>,
    },
    /// The connection broke, and nobody knows whether the server did what it was asked to.
    #[error("{request}: the answer was lost: {reason}")]
    Lost {
        /// Method and path.
        request: String,
        /// How it was lost.
        reason: String,
    },
    /// The server said no.
    #[error("{request}: {status}: {envelope}")]
    Answered {
        /// Method and path.
        request: String,
        /// The status of the answer.
        status: u16,
        /// Its decoded body.
        envelope: Envelope,
    },
    /// The answer is not what the API promises.
    #[error("{request}: the answer cannot be understood: {cause}")]
    Shape {
        /// Method and path.
        request: String,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
}

impl ClientError {
    /// Whether the server does not accept the token; then nothing else will succeed either.
    #[must_use]
    pub fn is_authentication(&self) -> bool {
        match self {
            Self::Answered { status, envelope, .. } => {
                *status == 401 || (*status == 403 && envelope.has("AE-000000"))
            }
            _ => false,
        }
    }
}

/// Whether a request may be repeated without knowing what became of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Safe,
    Unsafe,
}

/// An answer, read to its end.
struct Reply {
    status: u16,
    retry_after: Option<Duration>,
    body: String,
}

struct Request<'a> {
    method: &'static str,
    path: &'a str,
    query: &'a [(&'a str, &'a str)],
    body: Option<&'a Value>,
}

impl Request<'_> {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// A connection to one Pagoda server, shared by all threads.
pub struct Client {
    agent: ureq::Agent,
    base: String,
    authorization: String,
    retry: RetryPolicy,
}

impl Client {
    /// A client for the server at `url`, acting as the owner of `token`.
    ///
    /// # Errors
    /// [`ClientError::Address`] unless `url` begins with `http://`.
    pub fn new(url: &str, token: &str, retry: RetryPolicy) -> Result<Self, ClientError> {
        let base = url.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") || base.len() == "http://".len() {
            let reason = "it must be http://HOST[:PORT]; this example is built without TLS";
            return Err(ClientError::Address { url: url.to_owned(), reason });
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A followed redirection would turn a creation into a look-up.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(REQUEST_TIMEOUT))
            .user_agent(concat!("pagoda-example-pci-ids/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.into(), base, authorization: format!("Token {}", token.trim()), retry })
    }

    /// How this client waits.
    #[must_use]
    pub fn retry(&self) -> &RetryPolicy {
        &self.retry
    }

    /// The entity with this name, if there is one.
    ///
    /// The letter case counts, unless there is only one candidate without it.
    ///
    /// # Errors
    /// As any request.
    pub fn find_entity(&self, name: &str) -> Result<Option<EntityId>, ClientError> {
        let mut similar = Vec::new();
        let mut offset = 0;
        loop {
            let at = offset.to_string();
            let query = [("search", name), ("limit", "100"), ("offset", &at), ("ordering", "id")];
            let page: Page<EntityRow> = self.get("/entity/api/v2/", &query)?;
            if let Some(row) = page.results.iter().find(|row| row.name == name) {
                return Ok(Some(row.id));
            }
            offset += page.results.len();
            let more = page.next.is_some() && !page.results.is_empty();
            similar.extend(page.results.into_iter().filter(|row| row.name.eq_ignore_ascii_case(name)));
            if !more {
                break;
            }
        }
        Ok(match similar.as_slice() {
            [only] => Some(only.id),
            _ => None,
        })
    }

    /// An entity with its attributes.
    ///
    /// # Errors
    /// As any request.
    pub fn entity(&self, id: EntityId) -> Result<EntityDetail, ClientError> {
        self.get(&format!("/entity/api/v2/{}/", id.0), &[])
    }

    /// Creates an entity; the id may be missing from the answer.
    ///
    /// # Errors
    /// [`ClientError::Lost`] when it is not known whether it was created; as any request.
    pub fn create_entity(&self, body: &Value) -> Result<Option<EntityId>, ClientError> {
        let created = self.create("/entity/api/v2/", body)?;
        Ok(created.id.map(EntityId))
    }

    /// Changes an entity.
    ///
    /// # Errors
    /// [`ClientError::Lost`] when it is not known whether it was changed; as any request.
    pub fn update_entity(&self, id: EntityId, body: &Value) -> Result<(), ClientError> {
        let path = format!("/entity/api/v2/{}/", id.0);
        let request = Request { method: "PUT", path: &path, query: &[], body: Some(body) };
        self.send(&request, Repeat::Unsafe).map(|_| ())
    }

    /// One page of the active entries of an entity, counted from 1; empty past the end.
    ///
    /// # Errors
    /// As any request.
    pub fn entries(
        &self,
        entity: EntityId,
        page: u64,
        search: Option<&str>,
    ) -> Result<Page<EntryRow>, ClientError> {
        let number = page.to_string();
        let mut query = vec![("is_active", "true"), ("page", number.as_str())];
        query.extend(search.map(|search| ("search", search)));
        match self.get(&format!("/entity/api/v2/{}/entries/", entity.0), &query) {
            // A page that is not there any more: something was deleted since the first was read.
            Err(ClientError::Answered { status: 404, .. }) if page > 1 => {
                Ok(Page { count: 0, next: None, results: Vec::new() })
            }
            answer => answer,
        }
    }

    /// Creates an entry; the id may be missing from the answer.
    ///
    /// # Errors
    /// [`ClientError::Lost`] when it is not known whether it was created; as any request.
    pub fn create_entry(&self, entity: EntityId, body: &Value) -> Result<Option<EntryId>, ClientError> {
        let created = self.create(&format!("/entity/api/v2/{}/entries/", entity.0), body)?;
        Ok(created.id.map(EntryId))
    }

    fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, ClientError> {
        let request = Request { method: "GET", path, query, body: None };
        let reply = self.send(&request, Repeat::Safe)?;
        serde_json::from_str(&reply.body)
            .map_err(|cause| ClientError::Shape { request: request.name(), cause })
    }

    fn create(&self, path: &str, body: &Value) -> Result<Created, ClientError> {
        let request = Request { method: "POST", path, query: &[], body: Some(body) };
        let reply = self.send(&request, Repeat::Unsafe)?;
        // The body is an extra of newer servers: whatever it is, the creation has succeeded.
        Ok(serde_json::from_str(&reply.body).unwrap_or_default())
    }

    /// Sends until there is an answer that settles it.
    fn send(&self, request: &Request<'_>, repeat: Repeat) -> Result<Reply, ClientError> {
        let mut attempts = 1;
        loop {
            let last = attempts >= self.retry.attempts;
            let mut asked_to_wait = None;
            match self.attempt(request) {
                Ok(reply) if (200..300).contains(&reply.status) => return Ok(reply),
                Ok(reply) if matches!(reply.status, 429 | 503) && !last => asked_to_wait = reply.retry_after,
                // A gateway lost the server; what the server did is not known.
                Ok(reply) if matches!(reply.status, 502 | 504) && repeat == Repeat::Unsafe => {
                    let reason = format!("the gateway answered {}", reply.status);
                    return Err(ClientError::Lost { request: request.name(), reason });
                }
                Ok(reply) if matches!(reply.status, 502 | 504) && !last => {}
                Ok(reply) => {
                    let envelope = Envelope::decode(&reply.body);
                    let status = reply.status;
                    return Err(ClientError::Answered { request: request.name(), status, envelope });
                }
                Err(error) if is_passing(&error) && repeat == Repeat::Unsafe => {
                    return Err(ClientError::Lost { request: request.name(), reason: error.to_string() });
                }
                Err(error) if is_passing(&error) && !last => {}
                Err(error) => {
                    let cause = Box::new(error);
                    return Err(ClientError::Unreachable { request: request.name(), attempts, cause });
                }
            }
            std::thread::sleep(self.retry.pause(attempts, asked_to_wait));
            attempts += 1;
        }
    }

    fn attempt(&self, request: &Request<'_>) -> Result<Reply, ureq::Error> {
        let url = format!("{}{}", self.base, request.path);
        let mut answer = match (request.method, request.body) {
            ("POST", Some(body)) => {
                self.agent.post(url).header("Authorization", &self.authorization).send_json(body)?
            }
            ("PUT", Some(body)) => {
                self.agent.put(url).header("Authorization", &self.authorization).send_json(body)?
            }
            _ => {
                let get = self.agent.get(url).header("Authorization", &self.authorization);
                get.query_pairs(request.query.iter().copied()).call()?
            }
        };
        let retry_after = answer.headers().get("Retry-After").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|value| self.retry.asked_for(value));
        let body = answer.body_mut().read_to_string()?;
        Ok(Reply { status: answer.status().as_u16(), retry_after, body })
    }
}

/// Whether the same request might get an answer a little later.
///
/// All that is not known to be hopeless may: of an unknown failure it is not known either whether the server has
/// done what it was asked to.
fn is_passing(error: &ureq::Error) -> bool {
    !matches!(error, ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::HostNotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        let new = |url| Client::new(url, "t", RetryPolicy::default()).map(|client| client.base);
        assert_eq!(new("http://localhost:8080/").unwrap(), "http://localhost:8080");
        for bad in ["localhost:8080", "https://localhost", "http://", ""] {
            assert!(matches!(new(bad), Err(ClientError::Address { .. })), "{bad}");
        }
    }

    #[test]
    fn the_number_of_pages_comes_from_the_first() {
        let page = |count, rows, next: bool| Page {
            count,
            next: next.then(|| "next".to_owned()),
            results: vec![(); rows],
        };
        assert_eq!(page(0, 0, false).pages(), 1);
        assert_eq!(page(30, 30, false).pages(), 1);
        assert_eq!(page(31, 30, true).pages(), 2);
        assert_eq!(page(90, 30, true).pages(), 3);
        assert_eq!(page(5, 0, true).pages(), 1);
    }
}
