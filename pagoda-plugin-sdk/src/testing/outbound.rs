//! Requests to other servers and secrets, as a world has them.

use super::Shared;
use super::bridges::needs;
use crate::bridge::{BridgeError, BridgeResult};
use crate::capability::Capability;
use crate::http::{
    Destination, HostPattern, OutboundError, OutboundRequest, OutboundResponse, OutboundResult, any_allows,
    may_set_header,
};
use crate::plugin::PluginDecl;
use crate::secret::SecretValue;
use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

type Answers = Arc<dyn Fn(&OutboundRequest) -> OutboundResult<OutboundResponse> + Send + Sync>;

/// The other servers.
#[derive(Default)]
pub(super) struct Others(Mutex<Option<Answers>>);

impl fmt::Debug for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Others")
    }
}

impl Others {
    pub(super) fn answer_with(
        &self,
        answer: impl Fn(&OutboundRequest) -> OutboundResult<OutboundResponse> + Send + Sync + 'static,
    ) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(answer));
    }
}

thread_local! {
    /// How many transactions of worlds this thread is in.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
}

/// While it lives, this thread is in a transaction.
pub(super) struct Inside;

impl Inside {
    pub(super) fn enter() -> Self {
        INSIDE.set(INSIDE.get() + 1);
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(INSIDE.get() - 1);
    }
}

pub(super) fn send(
    shared: &Shared,
    plugin: &'static PluginDecl,
    request: &OutboundRequest,
) -> OutboundResult<OutboundResponse> {
    needs(shared, plugin, Capability::ReachHttp).map_err(OutboundError::Capability)?;
    if INSIDE.get() > 0 {
        return Err(OutboundError::InsideTransaction("this closure"));
    }
    let destination = Destination::parse(request.url())?;
    let patterns: Result<Vec<_>, _> = plugin.http_hosts.iter().map(|host| HostPattern::parse(host)).collect();
    let patterns = patterns.map_err(OutboundError::Internal)?;
    let host = destination.authority();
    if !any_allows(&patterns, &destination) {
        return Err(OutboundError::HostNotAllowed { plugin: plugin.id, host });
    }
    if let Some((name, _)) = request.headers().iter().find(|(name, _)| !may_set_header(name)) {
        return Err(OutboundError::BadRequest(format!("the header {name:?} is the host's to set")));
    }
    let answers = shared.1.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match answers {
        Some(answer) => answer(request),
        None => {
            let reason = "the world has no other servers; give it some with `World::with_http`".to_owned();
            Err(OutboundError::Unreachable { host, reason })
        }
    }
}

pub(super) fn secret(
    shared: &Shared,
    plugin: &'static PluginDecl,
    name: &'static str,
) -> BridgeResult<SecretValue> {
    needs(shared, plugin, Capability::Secrets(name))?;
    shared.state().secrets.get(name).cloned().ok_or_else(|| {
        BridgeError::Internal(format!("the world has no secret `{name}`; give it one with `World::secret`"))
    })
}
