//! The way back: a plugin reaches the services through the operation that was lent to it.
//!
//! The only room below `plugins` that knows the services. Each call goes through the service that the HTTP
//! API uses, so it gets the same rules, hooks, history and permissions, as the acting user.

mod auth;
mod data;
mod hook;

use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use pagoda_plugin_sdk::bridge::{AuthBridge, BridgeManager, BridgeResult, DataBridge, HookBridge};
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

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// A reading call.
fn read<T>(op: &mut OpCtx, work: impl FnOnce(&mut OpCtx) -> Result<T, OpError>) -> BridgeResult<T> {
    op.reach(work).map_err(OpError::into_bridge)
}

/// A writing call.
fn write<T>(op: &mut OpCtx, work: impl FnOnce(&mut OpCtx) -> Result<T, OpError>) -> BridgeResult<T> {
    op.reach_to_write(work).map_err(OpError::into_bridge)
}
