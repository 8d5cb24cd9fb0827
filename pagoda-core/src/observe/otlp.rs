//! Sends traces to a collector, over HTTP by the client that the server has anyway, and counts what is lost.

use super::traces::{BATCH, QUEUE};
use crate::config::{Collector, Secret};
use anyhow::Context;
use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::SpanData;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use ureq::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

/// For one attempt: finding the host, connecting, sending, the answer. Also how long attempts are repeated.
const LIMIT: Duration = Duration::from_secs(10);
/// An answer says which spans were refused; what is longer says something else.
const MOST_ANSWER: u64 = 1024 * 1024;
/// Between two lines about what is lost.
const QUIET: Duration = Duration::from_secs(60);

/// What sends spans to `to`.
///
/// # Errors
/// It cannot be made; a variable of OpenTelemetry's own may be the reason.
pub(super) fn exporter(
    to: &Collector,
    headers: &[(String, Secret)],
    ledger: &Arc<Ledger>,
) -> anyhow::Result<SpanExporter> {
    let client = Client::new(to, headers, Arc::clone(ledger))?;
    SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(to.url.expose())
        .with_timeout(LIMIT)
        .build()
        .context("traces cannot be exported (otlp_endpoint)")
}

/// Blocks its thread, which is the one that sends spans and nothing else.
struct Client {
    url: Secret,
    headers: HeaderMap,
    agent: ureq::Agent,
    ledger: Arc<Ledger>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    fn new(to: &Collector, set: &[(String, Secret)], ledger: Arc<Ledger>) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        for (name, value) in set {
            let mut value = HeaderValue::try_from(value.expose()).context("otlp_headers")?;
            value.set_sensitive(true);
            headers.append(HeaderName::try_from(name).context("otlp_headers")?, value);
        }
        // Collectors are often an organisation's own, with certificates that only its systems know.
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let agent = ureq::Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(LIMIT))
            // Who it goes to is what the operator wrote, and not what that host or the environment say.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .http_status_as_error(false)
            .max_idle_connections(1)
            .user_agent(concat!("pagoda/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Ok(Self { url: to.url.clone(), headers, agent, ledger })
    }

    fn send(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let mut sent = self.agent.post(self.url.expose());
        if let Some(kind) = request.headers().get(CONTENT_TYPE) {
            sent = sent.header(CONTENT_TYPE, kind);
        }
        for (name, value) in &self.headers {
            sent = sent.header(name, value);
        }
        let mut answer = sent.send(&request.body()[..])?;
        let body = answer.body_mut().with_config().limit(MOST_ANSWER).read_to_vec()?;
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = answer.status();
        if let Some(later) = answer.headers().get(RETRY_AFTER) {
            response.headers_mut().insert(RETRY_AFTER, later.clone());
        }
        Ok(response)
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        match self.send(&request) {
            Ok(response) => {
                if !response.status().is_success() {
                    self.ledger.because(format!("the collector answered {}", response.status()));
                }
                Ok(response)
            }
            Err(error) => {
                self.ledger.because(error.to_string());
                Err(error.into())
            }
        }
    }
}

/// What became of the spans.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// They ended, and were to be sent.
    ended: AtomicU64,
    /// They came out of the queue.
    taken: AtomicU64,
    /// They did, and could not be sent.
    failed: AtomicU64,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    /// What was wrong last.
    reason: String,
    /// When that was told, and how many were lost by then.
    at: Option<Instant>,
    lost: u64,
}

impl Ledger {
    /// A span is about to be put into the queue.
    pub(super) fn ended(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    fn because(&self, reason: String) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).reason = reason;
    }

    /// These came out of the queue, and were sent or not.
    fn exported(&self, spans: u64, well: bool) {
        if !well {
            self.failed.fetch_add(spans, Ordering::Relaxed);
        }
        self.taken.fetch_add(spans, Ordering::Relaxed);
        if let Some((lost, reason)) = self.to_tell(Instant::now(), (QUEUE + BATCH) as u64) {
            tracing::warn!(lost, "traces are not exported: {reason}");
        }
    }

    /// Nothing is sent any more: what is not yet is lost.
    pub(super) fn close(&self) {
        let lost = self.lost(0);
        if lost > 0 {
            tracing::warn!(lost, "some spans were never exported");
        }
    }

    /// How many are lost: sent in vain, and those that can no longer be in a queue that holds so many.
    fn lost(&self, queue: u64) -> u64 {
        let taken = self.taken.load(Ordering::Relaxed);
        let missing = self.ended.load(Ordering::Relaxed).saturating_sub(taken);
        self.failed.load(Ordering::Relaxed) + missing.saturating_sub(queue)
    }

    /// How many were lost since that was told, and why, if there is something new to tell and it is time.
    fn to_tell(&self, now: Instant, queue: u64) -> Option<(u64, String)> {
        let lost = self.lost(queue);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let soon = told.at.is_some_and(|at| now.saturating_duration_since(at) < QUIET);
        if soon || lost <= told.lost {
            return None;
        }
        let new = lost - told.lost;
        (told.at, told.lost) = (Some(now), lost);
        let reason = std::mem::take(&mut told.reason);
        Some((new, if reason.is_empty() { "there are too many".to_owned() } else { reason }))
    }
}

/// An exporter whose spans are counted.
#[derive(Debug)]
pub(super) struct Counted<E> {
    inner: E,
    ledger: Arc<Ledger>,
}

impl<E> Counted<E> {
    pub(super) fn new(inner: E, ledger: Arc<Ledger>) -> Self {
        Self { inner, ledger }
    }
}

impl<E: opentelemetry_sdk::trace::SpanExporter> opentelemetry_sdk::trace::SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        let outcome = self.inner.export(batch).await;
        self.ledger.exported(spans, outcome.is_ok());
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::{Ledger, QUIET};
    use std::time::Instant;

    #[test]
    fn what_is_lost_is_told_once_a_minute() {
        let ledger = Ledger::default();
        let now = Instant::now();
        let tell = |at| ledger.to_tell(at, 10);
        (0..12).for_each(|_| ledger.ended());
        // Two found no place in the queue.
        assert_eq!(tell(now), Some((2, "there are too many".to_owned())));
        ledger.because("no answer".to_owned());
        ledger.exported(10, false);
        assert_eq!((tell(now), tell(now + QUIET / 2)), (None, None));
        assert_eq!(tell(now + QUIET), Some((8, "no answer".to_owned())));
        assert_eq!(tell(now + QUIET * 3), None);
        assert_eq!(ledger.lost(0), 12);
    }
}
