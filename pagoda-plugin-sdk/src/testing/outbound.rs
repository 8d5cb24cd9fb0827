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

#[cfg(test)]
mod tests {
    use crate::bridge::BridgeError;
    use crate::capability::Capability;
    use crate::hooks::entry::after_create;
    use crate::http::{OutboundError, OutboundRequest, OutboundResponse};
    use crate::plugin::PluginDecl;
    use crate::secret::Secret;
    use crate::testing::{Everything, World};

    static PLUGIN: PluginDecl = PluginDecl::new("caller", "Caller", "1")
        .with_capabilities(&[Capability::ReachHttp, Capability::Secrets("key")])
        .with_http_hosts(&["api.example.com"]);

    fn world() -> World {
        World::new().secret("key", "k").secret("other", "o").with_http(|_| Ok(OutboundResponse::new(200)))
    }

    #[test]
    fn a_world_refuses_what_the_host_refuses() {
        let send = |world: &World, request: OutboundRequest| {
            world.observing::<after_create>(&PLUGIN).typed::<Everything>().http().send_blocking(request)
        };
        let good = || OutboundRequest::get("https://api.example.com/");
        assert_eq!(send(&world(), good()).unwrap().status(), 200);
        let refused = send(&world(), OutboundRequest::get("https://evil.example/"));
        assert!(
            matches!(refused, Err(OutboundError::HostNotAllowed { plugin: "caller", .. })),
            "{refused:?}"
        );
        let refused = send(&world(), good().header("host", "evil.example"));
        assert!(matches!(refused, Err(OutboundError::BadRequest(_))), "{refused:?}");
        let refused = send(&world().withhold(&["http.out"]), good());
        assert!(matches!(refused, Err(OutboundError::Capability(_))), "{refused:?}");
        let refused = send(&World::new(), good());
        assert!(matches!(refused, Err(OutboundError::Unreachable { .. })), "{refused:?}");
    }

    #[test]
    fn nothing_is_sent_inside_a_transaction() {
        let ctx = world().observing::<after_create>(&PLUGIN).typed::<Everything>();
        let client = ctx.http();
        let inside = ctx.data_blocking(move |_| {
            Ok(client.send_blocking(OutboundRequest::get("https://api.example.com/")))
        });
        let inside = inside.unwrap();
        assert!(matches!(inside, Err(OutboundError::InsideTransaction(_))), "{inside:?}");
        let ctx = world().context::<crate::hooks::entry::before_create>(&PLUGIN).typed::<Everything>();
        let refused = ctx.http().send_blocking(OutboundRequest::get("https://api.example.com/"));
        assert!(
            matches!(refused, Err(OutboundError::InsideTransaction("entry.before_create"))),
            "{refused:?}"
        );
        assert_eq!(ctx.secret(Secret::declared("key")).unwrap().expose(), "k");
    }

    #[test]
    fn secrets_are_those_of_the_declaration() {
        let secret = |world: World, name: &'static str| {
            world.observing::<after_create>(&PLUGIN).typed::<Everything>().secret(Secret::declared(name))
        };
        assert_eq!(secret(world(), "key").unwrap().expose(), "k");
        let refused = secret(world(), "other");
        assert!(matches!(refused, Err(BridgeError::Capability { withheld: false, .. })), "{refused:?}");
        let refused = secret(world().withhold(&["secrets:key"]), "key");
        assert!(matches!(refused, Err(BridgeError::Capability { withheld: true, .. })), "{refused:?}");
    }
}
