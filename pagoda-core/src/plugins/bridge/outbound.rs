//! Requests of plugins to other servers, and their secrets, where no operation is: asked for by capability,
//! limited by what is left of the calling function's time, refusals logged, counted and recorded.

use super::capability::{record_refusal, require_outside};
use crate::services::host::Host;
use crate::services::run::Runner;
use crate::services::transaction;
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::bridge::{BridgeError, BridgeResult};
use pagoda_plugin_sdk::capability::Capability;
use pagoda_plugin_sdk::http::{OutboundError, OutboundRequest, OutboundResponse, OutboundResult};
use pagoda_plugin_sdk::secret::SecretValue;
use serde_json::json;
use std::time::{Duration, Instant};

/// The function that calls, and how long a request of it may take. A twentieth of its time is kept for what
/// it does with the answer, or about a missing one.
fn caller(runner: &Runner, began: Instant) -> OutboundResult<(&'static PluginDecl, Duration)> {
    let function = runner.function.as_ref();
    let function = function.ok_or_else(|| OutboundError::Internal("no plugin is calling".to_owned()))?;
    let budget = function.times.budget;
    let left = (budget - budget / 20).saturating_sub(began.elapsed());
    let plugin = function.is.plugin;
    require_outside(runner, plugin, Capability::ReachHttp).map_err(OutboundError::Capability)?;
    if transaction::is_open() {
        return Err(OutboundError::InsideTransaction("this call"));
    }
    Ok((plugin, left))
}

/// Sends a request off the async threads.
pub(crate) async fn send(
    runner: Runner,
    began: Instant,
    request: OutboundRequest,
) -> OutboundResult<OutboundResponse> {
    let (plugin, left) = caller(&runner, began)?;
    let outcome = match runner.host.outbound.admit(plugin.id, request, left).await {
        // Whoever asked may be cut off meanwhile; the request ends by its own time.
        Ok(ready) => match tokio::task::spawn_blocking(|| ready.send()).await {
            Ok(outcome) => outcome,
            Err(lost) => Err(OutboundError::Internal(format!("the request was lost: {lost}"))),
        },
        Err(error) => Err(error),
    };
    judge(&runner, plugin, outcome)
}

/// Sends a request on this thread, which may block.
pub(crate) fn send_blocking(
    runner: &Runner,
    began: Instant,
    request: OutboundRequest,
) -> OutboundResult<OutboundResponse> {
    let (plugin, left) = caller(runner, began)?;
    let ready = runner.host.outbound.admit_blocking(plugin.id, request, left);
    judge(runner, plugin, ready.and_then(|ready| ready.send()))
}

/// What was refused is said, counted and recorded.
fn judge(
    runner: &Runner,
    plugin: &'static PluginDecl,
    outcome: OutboundResult<OutboundResponse>,
) -> OutboundResult<OutboundResponse> {
    let (host, address) = match &outcome {
        Err(OutboundError::HostNotAllowed { host, .. }) => (host, None),
        Err(OutboundError::AddressNotAllowed { host, address, .. }) => (host, Some(address)),
        _ => return outcome,
    };
    runner.host.registry.grants().count_refusal(plugin);
    let capability = Capability::ReachHttp.as_str();
    tracing::warn!(
        plugin = plugin.id,
        capability,
        host,
        address,
        user = runner.request.user.as_ref().map(|user| user.username.as_str()),
        trace_id = %runner.request.trace_id,
        "request to another server refused"
    );
    record_refusal(runner, plugin, json!({"capability": capability, "host": host, "address": address}));
    outcome
}

/// A secret of the calling plugin, where no operation is.
pub(crate) fn secret(runner: &Runner, name: &'static str) -> BridgeResult<SecretValue> {
    let plugin = runner.function.as_ref().map(|function| function.is.plugin);
    if let Some(plugin) = plugin {
        require_outside(runner, plugin, Capability::Secrets(name))?;
    }
    value(&runner.host, plugin, name)
}

/// The value of a secret that a plugin may have.
pub(super) fn value(
    host: &Host,
    plugin: Option<&'static PluginDecl>,
    name: &'static str,
) -> BridgeResult<SecretValue> {
    let reach = plugin.and_then(|plugin| host.registry.reach(plugin));
    // A plugin one of whose secrets is missing does not run.
    let missing = || BridgeError::Internal(format!("the secret `{name}` is not there"));
    reach.and_then(|reach| reach.secret(name)).cloned().ok_or_else(missing)
}
