//! Why a request to another server has no answer.

use crate::bridge::BridgeError;
use std::time::Duration;

/// What sending a request answers.
pub type OutboundResult<T> = Result<T, OutboundError>;

/// Why a request has no answer, or none that can be used.
///
/// No variant holds the path or the query of the request, where secrets may stand.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// The plugin may not send requests at all.
    #[error(transparent)]
    Capability(BridgeError),
    /// The plugin may not reach this host: it has not declared it, or the operator allows others.
    #[error("plugin {plugin} may not reach {host}: it is not among its `http_hosts`")]
    HostNotAllowed {
        /// Its id.
        plugin: &'static str,
        /// The host with its port.
        host: String,
    },
    /// The host is, or its name leads to, an address that plugins do not reach: loopback, private and the like.
    #[error(
        "{host} leads to {address}, {kind}; `http_private` of the operator's `plugin_policy` would allow that"
    )]
    AddressNotAllowed {
        /// The host with its port.
        host: String,
        /// The address.
        address: String,
        /// What it is.
        kind: &'static str,
    },
    /// The address of the request, or of a redirect, cannot be used.
    #[error("the address of the request cannot be used: {0}")]
    BadUrl(String),
    /// Something else about the request cannot be sent.
    #[error("the request cannot be sent: {0}")]
    BadRequest(String),
    /// A handler wanted to wait on the network inside a transaction.
    #[error(
        "{0} runs inside a transaction, where nothing waits on the network: send from an Observe handler or a route"
    )]
    InsideTransaction(&'static str),
    /// More redirects than are followed.
    #[error("more than {0} redirects")]
    TooManyRedirects(u32),
    /// There was no whole answer in time.
    #[error("{host} did not answer within {after:.0?}")]
    TimedOut {
        /// The host with its port.
        host: String,
        /// How long it had.
        after: Duration,
    },
    /// The answer is larger than plugins may receive.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// The host with its port.
        host: String,
        /// The limit.
        limit: u64,
    },
    /// The plugin, or all plugins together, send too many requests at the same time.
    #[error("too many requests are under way; this one found no place in time")]
    Busy,
    /// The host has no address, refuses connections, or breaks off.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// The host with its port.
        host: String,
        /// What happened.
        reason: String,
    },
    /// There is no secure connection to the host, such as with a certificate that nobody vouches for.
    #[error("no secure connection to {host}: {reason}")]
    Tls {
        /// The host with its port.
        host: String,
        /// What happened.
        reason: String,
    },
    /// The host answered with a status of failure; from [`super::OutboundResponse::success`] only.
    #[error("the answer has status {0}")]
    Status(u16),
    /// Anything else; the text is for logs.
    #[error("internal error: {0}")]
    Internal(String),
}

impl OutboundError {
    /// The refusal behind it, if the plugin may not send requests at all.
    #[must_use]
    pub fn capability(&self) -> Option<&BridgeError> {
        match self {
            Self::Capability(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether somebody decided against it, in the plugin's declaration or in the operator's policy.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Capability(_) | Self::HostNotAllowed { .. } | Self::AddressNotAllowed { .. })
    }
}
