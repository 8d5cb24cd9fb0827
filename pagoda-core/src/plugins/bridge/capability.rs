//! What the calling plugin may do at all, asked before anything is done for it.

use crate::services::audit::{Action, AuditObject, AuditRecord};
use crate::services::ctx::OpCtx;
use crate::services::run::Runner;
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::bridge::{BridgeError, BridgeResult};
use pagoda_plugin_sdk::capability::Capability;
use pagoda_plugin_sdk::context::RequestInfo;
use serde_json::{Value, json};

/// Refuses a call whose capability the calling plugin has not.
///
/// The calling plugin is the one that the host called last, whatever context the call came through: types
/// may have been cast. Nobody is calling where the host uses a bridge by itself.
#[inline]
pub(super) fn require(op: &mut OpCtx, capability: Capability) -> BridgeResult<()> {
    let Some(plugin) = op.calling_plugin() else { return Ok(()) };
    let outcome = op.host.registry.grants().require(plugin, capability);
    if let Err(refusal) = &outcome {
        capability_refused(op, plugin, refusal);
    }
    outcome
}

/// Every refusal of a capability passes here, before the plugin hears of it. It was counted already.
#[cold]
fn capability_refused(op: &mut OpCtx, plugin: &'static PluginDecl, refusal: &BridgeError) {
    let Some(detail) = log_refusal(&op.request, plugin, refusal) else { return };
    op.audit_failure(Action::CapabilityRefused, Some(AuditObject::plugin(plugin.id)), || detail);
}

/// As [`require`], where no operation is.
pub(super) fn require_outside(
    runner: &Runner,
    plugin: &'static PluginDecl,
    capability: Capability,
) -> BridgeResult<()> {
    let outcome = runner.host.registry.grants().require(plugin, capability);
    if let Err(refusal) = &outcome
        && let Some(detail) = log_refusal(&runner.request, plugin, refusal)
    {
        record_refusal(runner, plugin, detail);
    }
    outcome
}

/// Records a refusal where no operation is.
pub(super) fn record_refusal(runner: &Runner, plugin: &'static PluginDecl, detail: Value) {
    let record = AuditRecord::new(Action::CapabilityRefused, &runner.request);
    let record = record.on(AuditObject::plugin(plugin.id)).through(plugin.id).with(detail);
    runner.host.auditor.record(record);
}

/// Says it in the log; what the audit log is to say beside.
fn log_refusal(request: &RequestInfo, plugin: &PluginDecl, refusal: &BridgeError) -> Option<Value> {
    let BridgeError::Capability { capability, withheld, .. } = refusal else { return None };
    tracing::warn!(
        plugin = plugin.id,
        capability = %capability,
        withheld,
        user = request.user.as_ref().map(|user| user.username.as_str()),
        trace_id = %request.trace_id,
        "capability refused: {refusal}"
    );
    Some(json!({"capability": capability.to_string(), "withheld": withheld}))
}
