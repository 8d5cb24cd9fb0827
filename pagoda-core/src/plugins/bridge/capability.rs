//! What the calling plugin may do at all, asked before anything is done for it.

use crate::services::audit::{Action, AuditObject};
use crate::services::ctx::OpCtx;
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::bridge::{BridgeError, BridgeResult};
use pagoda_plugin_sdk::capability::Capability;
use serde_json::json;

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
    let BridgeError::Capability { capability, withheld, .. } = refusal else { return };
    tracing::warn!(
        plugin = plugin.id,
        capability = %capability,
        withheld,
        user = op.request.user.as_ref().map(|user| user.username.as_str()),
        trace_id = %op.request.trace_id,
        "capability refused: {refusal}"
    );
    let (capability, withheld) = (capability.to_string(), *withheld);
    op.audit_failure(
        Action::CapabilityRefused,
        Some(AuditObject::plugin(plugin.id)),
        || json!({"capability": capability, "withheld": withheld}),
    );
}
