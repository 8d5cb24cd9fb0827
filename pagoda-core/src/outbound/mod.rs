//! Requests to other servers, for plugins and to webhooks: who is reached, where that leads, how long and how much.
//!
//! Start reading at [`Outbound::admit`] and `send.rs`. Every hop of a request passes three questions: is the host allowed
//! ([`pagoda_plugin_sdk::http::HostPattern`]), are all addresses behind its name allowed (`address.rs`, asked by
//! the client's own look-up in `resolver.rs`, so that what is checked is what is connected to), and is there
//! time left. This room knows nothing of plugins but their ids; whether one may send requests at all is asked
//! before, in `plugins/bridge/`.

mod address;
mod hosts;
mod places;
mod resolver;
mod send;
mod webhooks;

pub use address::Addresses;
pub use hosts::Hosts;
pub use pagoda_plugin_sdk::http::{OutboundError, OutboundRequest};
pub use webhooks::reason;

use pagoda_plugin_sdk::http::{OutboundResponse, OutboundResult};
use places::{Place, Places};
use resolver::Checked;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Requests of one plugin at the same time: a server that answers slowly must not take all threads.
const MOST_OF_ONE: usize = 16;
/// Requests of all plugins at the same time.
const MOST_OF_ALL: usize = 64;

/// What a caller may reach.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The hosts.
    pub hosts: Hosts,
    /// Which addresses they may have.
    pub reach: Addresses,
    /// Longest time of a request, redirects and the whole answer included.
    pub timeout: Duration,
    /// Largest answer in bytes.
    pub max_bytes: u64,
    /// Whether nothing but the status of an answer is wanted; then the rest is not read.
    pub status_only: bool,
    /// Whether servers that nobody vouches for will do.
    pub any_certificate: bool,
}

/// The client of a server, for all its plugins and webhooks.
#[derive(Debug)]
pub struct Outbound {
    callers: BTreeMap<&'static str, Arc<Caller>>,
    webhooks: Arc<Caller>,
    places: Places,
}

/// The client of one plugin, or of webhooks. Connections are not shared between plugins: what one may reach over a connection
/// that is open already, another perhaps may not.
#[derive(Debug)]
struct Caller {
    name: &'static str,
    policy: Policy,
    places: Places,
    /// Made at the first request: most plugins send none.
    agent: OnceLock<ureq::Agent>,
}

/// A request that has its place and is to be sent, on a thread that may block.
pub struct Ready {
    caller: Arc<Caller>,
    request: OutboundRequest,
    until: Instant,
    /// Held until the answer is there.
    _places: (Place, Place),
}

impl Outbound {
    /// A client for these plugins, by id, and for webhooks.
    #[must_use]
    pub fn new(plugins: impl IntoIterator<Item = (&'static str, Policy)>, webhooks: Policy) -> Self {
        let callers = plugins.into_iter().map(|(plugin, policy)| (plugin, Caller::new(plugin, policy)));
        let webhooks = Caller::new("webhooks", webhooks);
        Self { callers: callers.collect(), webhooks, places: Places::new(MOST_OF_ALL) }
    }

    fn caller(&self, plugin: &'static str) -> OutboundResult<&Arc<Caller>> {
        let unknown = || OutboundError::Internal(format!("plugin {plugin} is not known"));
        self.callers.get(plugin).ok_or_else(unknown)
    }

    /// Waits for a place among the requests that are under way.
    ///
    /// # Errors
    /// The request is refused, or there is no place in time.
    pub async fn admit(
        &self,
        plugin: &'static str,
        request: OutboundRequest,
        left: Duration,
    ) -> OutboundResult<Ready> {
        let caller = self.caller(plugin)?;
        let until = caller.prepare(&request, left)?;
        let own = caller.places.take(until).await?;
        let places = (own, self.places.take(until).await?);
        Ok(Ready { caller: Arc::clone(caller), request, until, _places: places })
    }

    /// As [`Outbound::admit`], from a thread that may block.
    ///
    /// # Errors
    /// As [`Outbound::admit`].
    pub fn admit_blocking(
        &self,
        plugin: &'static str,
        request: OutboundRequest,
        left: Duration,
    ) -> OutboundResult<Ready> {
        self.seat(self.caller(plugin)?, request, left)
    }

    fn seat(&self, caller: &Arc<Caller>, request: OutboundRequest, left: Duration) -> OutboundResult<Ready> {
        let until = caller.prepare(&request, left)?;
        let own = caller.places.take_blocking(until)?;
        let places = (own, self.places.take_blocking(until)?);
        Ok(Ready { caller: Arc::clone(caller), request, until, _places: places })
    }
}

impl Ready {
    /// Sends the request and waits for the whole answer. Blocks; not for async threads.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn send(self) -> OutboundResult<OutboundResponse> {
        send::send(&self.caller, &self.request, self.until)
    }
}

impl Caller {
    fn new(name: &'static str, policy: Policy) -> Arc<Self> {
        Arc::new(Self { name, policy, places: Places::new(MOST_OF_ONE), agent: OnceLock::new() })
    }

    /// Until when a request may take that has `left` at most. What is refused is refused at once, whoever else has
    /// a place.
    fn prepare(&self, request: &OutboundRequest, left: Duration) -> OutboundResult<Instant> {
        let asked = request.time_limit().unwrap_or(Duration::MAX);
        let limit = asked.min(self.policy.timeout).min(left);
        send::check(self, request)?;
        Ok(Instant::now() + limit)
    }

    /// Its client.
    fn agent(&self) -> &ureq::Agent {
        self.agent.get_or_init(|| {
            let tls = ureq::tls::TlsConfig::builder()
                .provider(ureq::tls::TlsProvider::Rustls)
                .root_certs(ureq::tls::RootCerts::PlatformVerifier)
                .disable_verification(self.policy.any_certificate)
                .build();
            let config = ureq::Agent::config_builder()
                .tls_config(tls)
                // Redirects are followed here, each hop checked.
                .max_redirects(0)
                .max_redirects_will_error(false)
                .http_status_as_error(false)
                // A proxy of the environment would look up names by itself, unchecked.
                .proxy(None)
                .user_agent(concat!("pagoda/", env!("CARGO_PKG_VERSION")))
                .build();
            let resolver = Checked::new(self.policy.reach);
            ureq::Agent::with_parts(
                config,
                ureq::unversioned::transport::DefaultConnector::default(),
                resolver,
            )
        })
    }
}
