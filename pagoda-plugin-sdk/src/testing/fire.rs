//! Firing a point: all handlers that a plugin registered for it.

use super::{World, block_on};
use crate::catalogue::HookPoint;
use crate::context::HookContext;
use crate::error::HookResult;
use crate::event::{self, PluginEvent};
use crate::hook::kind::{Check, Filter, Observe, Transform};
use crate::hook::{HandlerKind, ObserveHandler};
use crate::payload::Payload;
use crate::plugin::PluginDecl;

/// Runs handlers of a kind. Implemented for every kind.
pub trait Run: HandlerKind {
    /// Calls `handler` and waits for it.
    ///
    /// # Errors
    /// What the handler returned.
    fn run<T: 'static>(handler: Self::Handler<T>, context: HookContext, payload: &mut T) -> HookResult;
}

impl Run for Transform {
    fn run<T: 'static>(handler: Self::Handler<T>, mut context: HookContext, payload: &mut T) -> HookResult {
        handler(&mut context, payload)
    }
}

impl Run for Filter {
    fn run<T: 'static>(handler: Self::Handler<T>, mut context: HookContext, payload: &mut T) -> HookResult {
        handler(&mut context, payload)
    }
}

impl Run for Check {
    fn run<T: 'static>(handler: Self::Handler<T>, mut context: HookContext, payload: &mut T) -> HookResult {
        handler(&mut context, payload)
    }
}

impl Run for Observe {
    fn run<T: 'static>(handler: Self::Handler<T>, context: HookContext, payload: &mut T) -> HookResult {
        observe(handler, context, payload)
    }
}

fn observe<T>(handler: ObserveHandler<T>, context: HookContext, payload: &T) -> HookResult {
    match handler {
        ObserveHandler::Plain(handler) => handler(context, payload),
        ObserveHandler::Async(handler) => block_on(handler(context, payload)),
    }
}

impl World {
    /// Runs the handlers that `plugin` registered for `P`: those whose entity filter fits, in the order of
    /// their priorities and names. Stops at the first error and undoes what that handler wrote.
    ///
    /// # Errors
    /// What a handler returned. In a host a rejection refuses the operation, and every other error is
    /// isolated from it unless the registration says `on_fault = "reject"`.
    #[track_caller]
    pub fn fire<P: HookPoint>(&self, plugin: &'static PluginDecl, payload: &mut P::Payload) -> HookResult
    where
        P::Kind: Run,
    {
        let mut handlers: Vec<_> = P::linked().iter().filter(|reg| reg.info.plugin.id == plugin.id).collect();
        handlers.sort_by_key(|reg| (reg.info.priority, reg.info.function));
        for reg in handlers {
            let of = payload.entity();
            if reg.info.entity.is_none_or(|wanted| of.is_some_and(|entity| entity.name == wanted)) {
                let context = self.context::<P>(plugin);
                self.shared.transaction(|| P::Kind::run(reg.handler, context, payload))?;
            }
        }
        Ok(())
    }

    /// Runs the functions with which `plugin` subscribed to this event.
    ///
    /// # Errors
    /// What the first failing one returned.
    #[track_caller]
    pub fn tell(&self, plugin: &'static PluginDecl, event: &PluginEvent) -> HookResult {
        for reg in event::linked() {
            if reg.plugin.id == plugin.id && reg.event == event.name {
                observe(reg.handler, self.hearing(plugin), event)?;
            }
        }
        Ok(())
    }
}

impl PluginEvent {
    /// For tests: the event that the host delivers for `emit(name, data)` of a plugin; `name` is the full
    /// one, `<plugin id>.<name>`.
    #[must_use]
    pub fn new(name: &str, data: serde_json::Value) -> Self {
        Self { name: name.to_owned(), data }
    }
}
