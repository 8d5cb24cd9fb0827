//! Runs the Observe handlers, after the commit and before the response.
//!
//! Events are queued while the operation runs and fire only if it is committed. Handlers run in their total
//! order. Plain ones run on the blocking thread that committed; at the first async one the rest moves to
//! the async side, where later plain handlers get a blocking thread of their own.

use super::dispatch::{judge, log_fault};
use super::guard::{Guarded, guarded};
use super::registry::Registry;
use super::stats::Ended;
use super::table::{Slot, Tabled};
use pagoda_plugin_sdk::bridge::Gate;
use pagoda_plugin_sdk::context::RequestInfo;
use pagoda_plugin_sdk::event::{EVENT_POINT, PluginEvent};
use pagoda_plugin_sdk::hook::{BoxFuture, ObserveHandler, kind};
use pagoda_plugin_sdk::payload::Payload;
use pagoda_plugin_sdk::{HookContext, HookError, HookResult, PluginDecl};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// What an Observe handler runs with.
#[derive(Clone)]
pub struct Surroundings {
    /// Where the handlers are.
    pub registry: Arc<Registry>,
    /// The request that the operation belonged to.
    pub request: Arc<RequestInfo>,
    /// Plugins that are being called further out; their handlers stay silent.
    pub inside: Vec<&'static PluginDecl>,
    /// Makes the way to data for a handler of a plugin.
    pub gate: Arc<dyn Fn(&'static PluginDecl) -> Arc<dyn Gate> + Send + Sync>,
}

/// Something that happened, with the handlers that are still to hear of it.
pub(crate) trait Event: Send {
    /// Runs plain handlers up to the first async one; true when none is left.
    fn run_plain(&mut self, with: &Surroundings) -> bool;
    /// Runs the rest.
    fn run_rest(self: Box<Self>, with: Surroundings) -> BoxFuture<'static, ()>;
}

/// Events in the order in which they happened.
#[derive(Default)]
pub struct Events {
    queue: VecDeque<Queued>,
}

struct Queued {
    event: Box<dyn Event>,
    /// Fires although the operation failed: it is about the failure.
    always: bool,
}

impl Events {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Adds one.
    pub(crate) fn push<P: Tabled<Kind = kind::Observe>>(&mut self, payload: P::Payload, always: bool) {
        let event = Box::new(Observed::<P> { payload: Arc::new(payload), next: 0 });
        self.queue.push_back(Queued { event, always });
    }

    /// Adds an event of a plugin's own.
    pub(crate) fn push_own(&mut self, event: PluginEvent) {
        self.queue
            .push_back(Queued { event: Box::new(Own { event: Arc::new(event), next: 0 }), always: false });
    }

    /// Forgets what came after the first `len`, except what is about the failure itself.
    pub(crate) fn undo(&mut self, len: usize) {
        let undone = self.queue.split_off(len.min(self.queue.len()));
        self.queue.extend(undone.into_iter().filter(|queued| queued.always));
    }

    /// Runs what can run here, on a thread that may block; what is left needs [`Events::run_rest`].
    pub(crate) fn run_plain(&mut self, with: &Surroundings) {
        while let Some(front) = self.queue.front_mut() {
            if !front.event.run_plain(with) {
                return;
            }
            self.queue.pop_front();
        }
    }

    /// Runs what is left, on the async side.
    pub(crate) async fn run_rest(self, with: Surroundings) {
        for queued in self.queue {
            queued.event.run_rest(with.clone()).await;
        }
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

struct Observed<P: Tabled> {
    payload: Arc<P::Payload>,
    /// The handler that is next.
    next: usize,
}

impl<P: Tabled<Kind = kind::Observe>> Observed<P> {
    fn wants(&self, slot: &Slot<P>, with: &Surroundings) -> bool {
        let entity = self.payload.entity().map(|entity| entity.name.as_str());
        (slot.info.entity.is_none() || slot.info.entity == entity)
            && !with.inside.iter().any(|plugin| std::ptr::eq(*plugin, slot.info.plugin))
    }

    fn context(slot: &Slot<P>, with: &Surroundings) -> HookContext {
        let plugin = slot.info.plugin;
        let gate = (with.gate)(plugin);
        HookContext::outside(plugin, P::info(), slot.config.clone(), Arc::clone(&with.request), gate)
    }

    fn finish(slot: &Slot<P>, with: &Surroundings, started: Instant, outcome: anyhow::Result<HookResult>) {
        let outcome = judge(P::info(), outcome.unwrap_or_else(|panic| Err(HookError::Fault(panic))));
        let ended = if outcome.is_ok() { Ended::Well } else { Ended::Faulted };
        slot.counters.count(started.elapsed(), ended);
        if let Err(HookError::Fault(fault)) = outcome {
            log_fault(P::info(), &slot.info, &with.request, &fault);
        }
    }

    fn run_one_plain(
        slot: &Slot<P>,
        handler: fn(HookContext, &P::Payload) -> HookResult,
        payload: &P::Payload,
        with: &Surroundings,
    ) {
        let span = tracing::debug_span!(
            "hook",
            hook = P::info().name,
            plugin = slot.info.plugin.id,
            function = slot.info.function,
            trace_id = %with.request.trace_id,
        );
        let _entered = span.enter();
        let ctx = Self::context(slot, with);
        let started = Instant::now();
        let outcome = guarded(|| handler(ctx, payload));
        Self::finish(slot, with, started, outcome);
    }
}

impl<P: Tabled<Kind = kind::Observe>> Event for Observed<P> {
    fn run_plain(&mut self, with: &Surroundings) -> bool {
        let registry = Arc::clone(&with.registry);
        while let Some(slot) = P::table(registry.tables()).slots().get(self.next) {
            if self.wants(slot, with) {
                match slot.handler {
                    ObserveHandler::Plain(handler) => Self::run_one_plain(slot, handler, &self.payload, with),
                    ObserveHandler::Async(_) => return false,
                }
            }
            self.next += 1;
        }
        true
    }

    fn run_rest(mut self: Box<Self>, with: Surroundings) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let registry = Arc::clone(&with.registry);
            while let Some(slot) = P::table(registry.tables()).slots().get(self.next) {
                if self.wants(slot, &with) {
                    match slot.handler {
                        ObserveHandler::Async(handler) => {
                            let started = Instant::now();
                            let ctx = Self::context(slot, &with);
                            let outcome = match guarded(|| handler(ctx, &self.payload)) {
                                Ok(future) => Guarded::new(future).await,
                                Err(panic) => Err(panic),
                            };
                            Self::finish(slot, &with, started, outcome);
                        }
                        ObserveHandler::Plain(handler) => {
                            let (at, payload, with) = (self.next, Arc::clone(&self.payload), with.clone());
                            let run = tokio::task::spawn_blocking(move || {
                                if let Some(slot) = P::table(with.registry.tables()).slots().get(at) {
                                    Self::run_one_plain(slot, handler, &payload, &with);
                                }
                            });
                            if let Err(lost) = run.await {
                                tracing::error!(hook = P::info().name, "an Observe handler was lost: {lost}");
                            }
                        }
                    }
                }
                self.next += 1;
            }
        })
    }
}

struct Own {
    event: Arc<PluginEvent>,
    next: usize,
}

impl Own {
    fn context(plugin: &'static PluginDecl, with: &Surroundings) -> HookContext {
        let config = with.registry.config(plugin).cloned();
        HookContext::outside(plugin, &EVENT_POINT, config, Arc::clone(&with.request), (with.gate)(plugin))
    }

    fn finish(
        &self,
        reg: &pagoda_plugin_sdk::event::SubscriberReg,
        with: &Surroundings,
        outcome: anyhow::Result<HookResult>,
    ) {
        let outcome = judge(&EVENT_POINT, outcome.unwrap_or_else(|panic| Err(HookError::Fault(panic))));
        if let Err(HookError::Fault(fault)) = outcome {
            tracing::error!(
                plugin = reg.plugin.id,
                event = self.event.name,
                function = reg.function,
                at = %format_args!("{}:{}", reg.file, reg.line),
                trace_id = %with.request.trace_id,
                "plugin subscriber failed: {fault:#}"
            );
        }
    }
}

impl Event for Own {
    fn run_plain(&mut self, with: &Surroundings) -> bool {
        let registry = Arc::clone(&with.registry);
        while let Some(reg) = registry.subscribers(&self.event.name).nth(self.next) {
            match reg.handler {
                ObserveHandler::Plain(handler) => {
                    let ctx = Self::context(reg.plugin, with);
                    let outcome = guarded(|| handler(ctx, &self.event));
                    self.finish(reg, with, outcome);
                }
                ObserveHandler::Async(_) => return false,
            }
            self.next += 1;
        }
        true
    }

    fn run_rest(mut self: Box<Self>, with: Surroundings) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let registry = Arc::clone(&with.registry);
            while let Some(reg) = registry.subscribers(&self.event.name).nth(self.next) {
                let ctx = Self::context(reg.plugin, &with);
                let outcome = match reg.handler {
                    ObserveHandler::Async(handler) => match guarded(|| handler(ctx, &self.event)) {
                        Ok(future) => Guarded::new(future).await,
                        Err(panic) => Err(panic),
                    },
                    ObserveHandler::Plain(handler) => {
                        let event = Arc::clone(&self.event);
                        tokio::task::spawn_blocking(move || guarded(|| handler(ctx, &event)))
                            .await
                            .unwrap_or_else(|lost| Err(lost.into()))
                    }
                };
                self.finish(reg, &with, outcome);
                self.next += 1;
            }
        })
    }
}
