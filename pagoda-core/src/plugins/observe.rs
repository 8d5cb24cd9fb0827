//! Runs the Observe handlers and the subscribers of plugins' own events, after the commit and before the
//! response.
//!
//! Events are queued while the operation runs and fire only if it is committed. Handlers run in their total
//! order. Plain ones run on the blocking thread that committed; at the first async one the rest moves to
//! the async side, where later plain handlers get a blocking thread of their own. An async handler is cut off
//! at its budget.

use super::dispatch::judge;
use super::function::{Function, Leave};
use super::guard::{Guarded, Watched, guarded};
use super::registry::Registry;
use super::stats::Ended;
use super::table::Tabled;
use super::traced::{self, CutOff};
use super::watch::Ticket;
use pagoda_plugin_sdk::bridge::Gate;
use pagoda_plugin_sdk::catalogue::PointInfo;
use pagoda_plugin_sdk::config::AnyConfig;
use pagoda_plugin_sdk::context::RequestInfo;
use pagoda_plugin_sdk::event::{EVENT_POINT, PluginEvent};
use pagoda_plugin_sdk::hook::{BoxFuture, ObserveHandler, kind};
use pagoda_plugin_sdk::payload::Payload;
use pagoda_plugin_sdk::{HookContext, HookError, HookResult, PluginDecl};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use tracing::{Instrument, Span};

/// Makes the way to data for a function of a plugin.
pub type Gates = Arc<dyn Fn(&Arc<Function>) -> Arc<dyn Gate> + Send + Sync>;

/// What an Observe handler runs with.
#[derive(Clone)]
pub struct Surroundings {
    /// Where the handlers are.
    pub registry: Arc<Registry>,
    /// The request that the operation belonged to.
    pub request: Arc<RequestInfo>,
    /// Plugins that are being called further out; their handlers stay silent.
    pub inside: Vec<&'static PluginDecl>,
    /// Makes the way to data for a function of a plugin.
    pub gate: Gates,
    /// Somebody who waits, and hears it when an async handler hangs.
    pub ticket: Option<Arc<Ticket>>,
}

/// Something that happened, with the handlers that are still to hear of it.
trait Event: Send {
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
        let source = Arc::new(OfPoint::<P>(payload));
        self.queue.push_back(Queued { event: Box::new(Pending { source, next: 0 }), always });
    }

    /// Adds an event of a plugin's own.
    pub(crate) fn push_own(&mut self, event: PluginEvent) {
        let event = Box::new(Pending { source: Arc::new(event), next: 0 });
        self.queue.push_back(Queued { event, always: false });
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

/// Somebody who wants to hear of an event.
struct Listener<'a, T: 'static> {
    function: &'a Arc<Function>,
    handler: ObserveHandler<T>,
    config: Option<&'a AnyConfig>,
    /// Whether this event is for it at all.
    wants: bool,
}

/// What happened, and who listens.
trait Source: Send + Sync + 'static {
    type Payload: Send + Sync + 'static;
    fn point(&self) -> &'static PointInfo;
    fn payload(&self) -> &Self::Payload;
    /// The listener in place `at`; none behind the last.
    fn listener<'a>(&self, registry: &'a Registry, at: usize) -> Option<Listener<'a, Self::Payload>>;
}

/// An Observe point of the catalogue fired.
struct OfPoint<P: Tabled>(P::Payload);

impl<P: Tabled<Kind = kind::Observe>> Source for OfPoint<P> {
    type Payload = P::Payload;

    fn point(&self) -> &'static PointInfo {
        P::info()
    }

    fn payload(&self) -> &P::Payload {
        &self.0
    }

    fn listener<'a>(&self, registry: &'a Registry, at: usize) -> Option<Listener<'a, P::Payload>> {
        let slot = P::table(registry.tables()).slots().get(at)?;
        let entity = self.0.entity().map(|entity| entity.name.as_str());
        Some(Listener {
            function: &slot.function,
            handler: slot.handler,
            config: slot.config.as_ref(),
            wants: slot.info.entity.is_none() || slot.info.entity == entity,
        })
    }
}

/// A plugin emitted an event of its own.
impl Source for PluginEvent {
    type Payload = Self;

    fn point(&self) -> &'static PointInfo {
        &EVENT_POINT
    }

    fn payload(&self) -> &Self {
        self
    }

    fn listener<'a>(&self, registry: &'a Registry, at: usize) -> Option<Listener<'a, Self>> {
        let subscriber = registry.subscriber(&self.name, at)?;
        Some(Listener {
            function: &subscriber.function,
            handler: subscriber.reg.handler,
            config: registry.config(subscriber.reg.plugin),
            wants: true,
        })
    }
}

struct Pending<S> {
    source: Arc<S>,
    /// The listener that is next.
    next: usize,
}

/// A call for which there was leave.
struct Call<'a> {
    function: &'a Arc<Function>,
    point: &'static PointInfo,
    leave: Leave,
    started: Instant,
    with: &'a Surroundings,
}

impl<'a> Call<'a> {
    /// Leave to call a listener that wants to hear; none when it does not, or may not.
    fn of<T>(listener: &Listener<'a, T>, point: &'static PointInfo, with: &'a Surroundings) -> Option<Self> {
        let function = listener.function;
        if !listener.wants || with.inside.iter().any(|plugin| std::ptr::eq(*plugin, function.is.plugin)) {
            return None;
        }
        match function.admit() {
            Ok(leave) => Some(Self { function, point, leave, started: Instant::now(), with }),
            Err(_) => {
                function.skipped();
                traced::skipped(&function.is);
                None
            }
        }
    }

    fn context(&self, config: Option<&AnyConfig>) -> HookContext {
        let gate = (self.with.gate)(self.function);
        let request = Arc::clone(&self.with.request);
        HookContext::outside(self.function.is.plugin, self.point, config.cloned(), request, gate)
    }

    fn ended(&self, span: &Span, outcome: anyhow::Result<HookResult>) {
        let outcome = judge(self.point, outcome.unwrap_or_else(|panic| Err(HookError::Fault(panic))));
        let (ended, fault) = match &outcome {
            Err(HookError::Fault(fault)) => (Ended::Faulted, Some(fault)),
            _ => (Ended::Well, None),
        };
        let trace_id = &self.with.request.trace_id;
        let shown = fault.map(|fault| fault as &dyn std::fmt::Display);
        let counted = self.function.ended(self.leave, self.started.elapsed(), ended, trace_id, shown);
        traced::ended(span, counted, || fault.map(traced::class));
        if let Some(fault) = fault {
            let is = &self.function.is;
            tracing::error!(
                plugin = is.plugin.id,
                hook = %is.role,
                function = is.name,
                at = %format_args!("{}:{}", is.file, is.line),
                %trace_id,
                "plugin handler failed: {fault:#}"
            );
        }
    }

    fn run<T>(&self, handler: fn(HookContext, &T) -> HookResult, config: Option<&AnyConfig>, payload: &T) {
        let span = tracing::debug_span!(
            "hook",
            hook = self.point.name,
            plugin = self.function.is.plugin.id,
            function = self.function.is.name,
            trace_id = %self.with.request.trace_id,
        );
        let _entered = span.enter();
        let traced = traced::call(&self.function.is);
        let _in_traces = traced.enter();
        let ctx = self.context(config);
        let inside = self.function.enter(self.started);
        let outcome = guarded(|| handler(ctx, payload));
        drop(inside);
        self.ended(&traced, outcome);
    }

    async fn run_async<T>(
        &self,
        handler: for<'p> fn(HookContext, &'p T) -> BoxFuture<'p, HookResult>,
        config: Option<&AnyConfig>,
        payload: &T,
    ) {
        let ctx = self.context(config);
        let budget = self.function.times.budget;
        let traced = traced::call(&self.function.is);
        let inside = self.function.enter(self.started);
        let future = traced.in_scope(|| guarded(|| handler(ctx, payload)));
        drop(inside);
        let outcome = match future {
            Ok(future) => {
                let watched =
                    Watched::new(Guarded::new(future), Arc::clone(self.function), self.with.ticket.clone());
                match tokio::time::timeout(budget, watched.instrument(traced.clone())).await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(CutOff(budget).into()),
                }
            }
            Err(panic) => Err(panic),
        };
        self.ended(&traced, outcome);
    }
}

impl<S: Source> Event for Pending<S> {
    fn run_plain(&mut self, with: &Surroundings) -> bool {
        while let Some(listener) = self.source.listener(&with.registry, self.next) {
            let ObserveHandler::Plain(handler) = listener.handler else { return false };
            if let Some(call) = Call::of(&listener, self.source.point(), with) {
                call.run(handler, listener.config, self.source.payload());
            }
            self.next += 1;
        }
        true
    }

    fn run_rest(mut self: Box<Self>, with: Surroundings) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            while let Some(listener) = self.source.listener(&with.registry, self.next) {
                match listener.handler {
                    ObserveHandler::Async(handler) => {
                        if let Some(call) = Call::of(&listener, self.source.point(), &with) {
                            call.run_async(handler, listener.config, self.source.payload()).await;
                        }
                    }
                    ObserveHandler::Plain(_) => {
                        plain_elsewhere(Arc::clone(&self.source), self.next, with.clone()).await;
                    }
                }
                self.next += 1;
            }
        })
    }
}

/// Runs the plain listener in place `at` on a thread that may block. One that hangs is not waited for.
async fn plain_elsewhere<S: Source>(source: Arc<S>, at: usize, with: Surroundings) {
    let point = source.point().name;
    let ticket = Arc::new(Ticket::default());
    let seated = Arc::clone(&ticket);
    let span = Span::current();
    let run = tokio::task::spawn_blocking(move || {
        let _entered = span.enter();
        let _seat = with.registry.watch().sit(seated);
        let Some(listener) = source.listener(&with.registry, at) else { return };
        if let ObserveHandler::Plain(handler) = listener.handler
            && let Some(call) = Call::of(&listener, source.point(), &with)
        {
            call.run(handler, listener.config, source.payload());
        }
    });
    tokio::select! {
        ran = run => {
            if let Err(lost) = ran {
                tracing::error!(hook = point, "an Observe handler was lost: {lost}");
            }
        }
        hung = ticket.hung() => {
            tracing::error!(hook = point, "an Observe handler hangs for {:.0?}; going on without it", hung.for_time);
        }
    }
}
