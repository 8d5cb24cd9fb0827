//! What administrators do with plugins while the server runs.

use super::states;
use crate::services::acl;
use crate::services::audit::{Action, AuditObject};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::plugin;
use crate::store::rows::PluginTransitionRow;
use pagoda_plugin_sdk::Code;
use serde_json::json;

/// What to do with a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// Let it run again: neither disabled nor quarantined any more.
    Enable,
    /// Leave it out until it is enabled.
    Disable,
    /// Close its breakers and lift its quarantine.
    Reset,
}

impl Switch {
    /// The word for it. *Source: design §8.*
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Reset => "reset",
        }
    }
}

/// Switches a plugin on all instances; they notice within a second.
///
/// # Errors
/// The acting user is no administrator, there is no such plugin, or switching would not help it.
pub fn switch(op: &mut OpCtx, name: &str, to: Switch) -> Result<(), OpError> {
    acl::require_superuser(op)?;
    let registry = std::sync::Arc::clone(&op.host.registry);
    let found = registry.plugin(name).ok_or_else(|| OpError::not_found("plugin", name))?;
    let id = found.decl.id;
    if !found.enabled {
        let message = format!("ENABLED_PLUGINS does not name plugin {id}; add it and start the server again");
        return Err(OpError::rule(Code::InvalidValue, message));
    }
    if to != Switch::Disable
        && let Some(reason) = found.control.standing().broken
    {
        let message = format!("plugin {id} cannot run: {reason}; mend that and start the server again");
        return Err(OpError::rule(Code::InvalidValue, message));
    }
    let now = op.now.as_micros();
    let who = op.user()?.username.clone();
    let before = plugin::state(&mut op.db, id)?;
    let (disabled, quarantined) = before.map(|row| (row.disabled, row.quarantined)).unwrap_or_default();
    let (disabled, quarantined, state) = match to {
        Switch::Enable => (None, None, "enabled"),
        Switch::Disable => (Some(format!("{who} switched it off")), quarantined, "disabled"),
        Switch::Reset => (disabled, None, states::RESET),
    };
    plugin::set_state(&mut op.db, id, disabled.as_deref(), quarantined.as_deref(), now)?;
    if to == Switch::Reset {
        plugin::close_breakers(&mut op.db, id, &format!("{who} reset it"), now)?;
    }
    states::happened(op, id, "", state, &format!("by {who}"), now)?;
    let action = match to {
        Switch::Enable => Action::AdminPluginEnable,
        Switch::Disable => Action::AdminPluginDisable,
        Switch::Reset => Action::AdminPluginReset,
    };
    op.audit(action, AuditObject::plugin(id), || json!({}));
    Ok(())
}

/// The last things that happened to a plugin, newest first.
///
/// # Errors
/// The acting user is no administrator.
pub fn happened(op: &mut OpCtx, id: &str, limit: i64) -> Result<Vec<PluginTransitionRow>, OpError> {
    acl::require_superuser(op)?;
    Ok(plugin::transitions(&mut op.db, id, limit)?)
}
