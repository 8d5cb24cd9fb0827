//! The way back: a plugin reaches the services through the operation that was lent to it.
//!
//! The only room below `plugins` that knows the services. Each call goes through the service that the HTTP
//! API uses, so it gets the same rules, hooks, history and permissions, as the acting user. Before that each
//! call is refused whose capability the calling plugin has not (`capability.rs`).

mod auth;
mod capability;
mod data;
mod hook;
pub(crate) mod outbound;

use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::plugin_account;
use pagoda_plugin_sdk::bridge::{
    AuthBridge, BridgeError, BridgeManager, BridgeResult, DataBridge, HookBridge,
};
use pagoda_plugin_sdk::capability::Capability;
use pagoda_plugin_sdk::secret::SecretValue;
use std::any::Any;

impl BridgeManager for OpCtx {
    fn auth(&mut self) -> &mut dyn AuthBridge {
        self
    }

    fn data(&mut self) -> &mut dyn DataBridge {
        self
    }

    fn hooks(&mut self) -> &mut dyn HookBridge {
        self
    }

    fn as_plugin(&mut self, work: &mut dyn FnMut(&mut dyn BridgeManager)) -> BridgeResult<()> {
        capability::require(self, Capability::ActAsPlugin)?;
        let Some(plugin) = self.calling_plugin() else {
            return Err(BridgeError::Internal("no plugin is calling".to_owned()));
        };
        let account = self.reach(|op| plugin_account::account(op, plugin)).map_err(OpError::into_bridge)?;
        self.acting_as(account, |op| work(op));
        Ok(())
    }

    fn secret(&mut self, name: &'static str) -> BridgeResult<SecretValue> {
        capability::require(self, Capability::Secrets(name))?;
        outbound::value(&self.host, self.calling_plugin(), name)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// A reading call.
fn read<T>(
    op: &mut OpCtx,
    needs: Capability,
    work: impl FnOnce(&mut OpCtx) -> Result<T, OpError>,
) -> BridgeResult<T> {
    capability::require(op, needs)?;
    op.reach(work).map_err(OpError::into_bridge)
}

/// A writing call.
fn write<T>(
    op: &mut OpCtx,
    needs: Capability,
    work: impl FnOnce(&mut OpCtx) -> Result<T, OpError>,
) -> BridgeResult<T> {
    capability::require(op, needs)?;
    op.reach_to_write(work).map_err(OpError::into_bridge)
}
