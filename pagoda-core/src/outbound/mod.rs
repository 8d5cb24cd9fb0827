//! Requests to other servers, for plugins: who is reached, where that leads, how long and how much.
//!
//! Start reading at [`Outbound::admit`] and `send.rs`. Every hop of a request passes three questions: is the host allowed
//! ([`pagoda_plugin_sdk::http::HostPattern`]), are all addresses behind its name allowed (`address.rs`, asked by
//! the client's own look-up in `resolver.rs`, so that what is checked is what is connected to), and is there
//! time left. This room knows nothing of plugins but their ids; whether one may send requests at all is asked
//! before, in `plugins/bridge/`.

mod address;
mod places;
mod resolver;
mod send;

use pagoda_plugin_sdk::http::{
    HostPattern, OutboundError, OutboundRequest, OutboundResponse, OutboundResult,
};
use places::{Place, Places};
use resolver::Checked;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Requests of one plugin at the same time: a server that answers slowly must not take all threads.
const MOST_OF_ONE: usize = 16;
/// Requests of all plugins at the same time.
const MOST_OF_ALL: usize = 64;

/// What a plugin may reach.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The hosts.
    pub hosts: Vec<HostPattern>,
    /// Whether they may have loopback, private and other addresses that are not of the internet.
    pub private: bool,
    /// Longest time of a request, redirects and the whole answer included.
    pub timeout: Duration,
    /// Largest answer in bytes.
    pub max_bytes: u64,
}

/// The client of a server, for all its plugins.
#[derive(Debug)]
pub struct Outbound {
    callers: BTreeMap<&'static str, Arc<Caller>>,
    places: Places,
}

/// The client of one plugin. Connections are not shared between plugins: what one may reach over a connection
/// that is open already, another perhaps may not.
#[derive(Debug)]
struct Caller {
    plugin: &'static str,
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
    /// A client for these plugins, by id.
    #[must_use]
    pub fn new(plugins: impl IntoIterator<Item = (&'static str, Policy)>) -> Self {
        let caller = |(plugin, policy): (&'static str, Policy)| {
            let (places, agent) = (Places::new(MOST_OF_ONE), OnceLock::new());
            (plugin, Arc::new(Caller { plugin, policy, places, agent }))
        };
        Self { callers: plugins.into_iter().map(caller).collect(), places: Places::new(MOST_OF_ALL) }
    }

    /// Until when a request of a plugin may take that has `left` at most.
    fn prepare(
        &self,
        plugin: &'static str,
        request: &OutboundRequest,
        left: Duration,
    ) -> OutboundResult<(Arc<Caller>, Instant)> {
        let unknown = || OutboundError::Internal(format!("plugin {plugin} is not known"));
        let caller = Arc::clone(self.callers.get(plugin).ok_or_else(unknown)?);
        let asked = request.time_limit().unwrap_or(Duration::MAX);
        let limit = asked.min(caller.policy.timeout).min(left);
        // What is refused is refused at once, whoever else has a place.
        send::check(&caller, request)?;
        Ok((caller, Instant::now() + limit))
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
        let (caller, until) = self.prepare(plugin, &request, left)?;
        let own = caller.places.take(until).await?;
        let places = (own, self.places.take(until).await?);
        Ok(Ready { caller, request, until, _places: places })
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
        let (caller, until) = self.prepare(plugin, &request, left)?;
        let own = caller.places.take_blocking(until)?;
        let places = (own, self.places.take_blocking(until)?);
        Ok(Ready { caller, request, until, _places: places })
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
    /// Its client.
    fn agent(&self) -> &ureq::Agent {
        self.agent.get_or_init(|| {
            let tls = ureq::tls::TlsConfig::builder()
                .provider(ureq::tls::TlsProvider::Rustls)
                .root_certs(ureq::tls::RootCerts::PlatformVerifier)
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
            let resolver = Checked::new(self.policy.private);
            ureq::Agent::with_parts(
                config,
                ureq::unversioned::transport::DefaultConnector::default(),
                resolver,
            )
        })
    }
}
