//! Finds the addresses of a host, and lets none pass that are not reached.

use super::address::{Addresses, refused};
use std::net::IpAddr;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// The system's look-up with a check behind it. The client connects to what this returns and asks nobody
/// again, so a name cannot mean one address when it is checked and another one when it is used.
#[derive(Debug)]
pub(super) struct Checked {
    inner: DefaultResolver,
    reach: Addresses,
}

impl Checked {
    /// Lets the addresses pass that are reached.
    pub(super) fn new(reach: Addresses) -> Self {
        Self { inner: DefaultResolver::default(), reach }
    }
}

/// An address that is not reached, as the client carries it through.
#[derive(Debug, thiserror::Error)]
#[error("{address} is {kind}")]
pub(super) struct Reserved {
    pub(super) address: IpAddr,
    pub(super) kind: &'static str,
}

impl Resolver for Checked {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = self.inner.resolve(uri, config, timeout)?;
        // One bad address is enough: a name that leads inside and outside at once is no accident.
        for address in addresses.iter().map(|address| address.ip()) {
            if let Some(kind) = refused(address, self.reach) {
                return Err(ureq::Error::Other(Box::new(Reserved { address, kind })));
            }
        }
        Ok(addresses)
    }
}
