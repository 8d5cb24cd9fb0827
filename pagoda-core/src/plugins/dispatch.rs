//! Runs the handlers of a point inside an operation: Transform, Check and Filter.
//!
//! What a handler may break ends here. An error or a panic undoes what the handler wrote (a savepoint,
//! made when the handler first reaches for data) and what it did to the payload, is logged and counted, and
//! the operation goes on, unless the registration says `on_fault = "reject"`. The same goes for a handler
//! that is not called because its breaker is open or its plugin is switched off. Everything that surrounds a
//! call is in `call`; its siblings are in [`super::observe`] and `http/plugin_routes.rs`.

use super::control::Refused;
use super::guard::guarded;
use super::stats::Ended;
use super::table::{Slot, Tabled};
use super::traced;
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::bridge::BridgeManager;
use pagoda_plugin_sdk::catalogue::{HookPoint, PointInfo};
use pagoda_plugin_sdk::context::RequestInfo;
use pagoda_plugin_sdk::hook::{HookInfo, OnFault, kind};
use pagoda_plugin_sdk::payload::Payload;
use pagoda_plugin_sdk::{HookContext, HookError, HookResult, Reject};
use std::sync::Arc;
use std::time::Instant;

/// An operation as the executor sees it: something that can be lent to a handler as its bridges, and that
/// can undo what the handler did.
pub trait Session {
    /// The request that the operation belongs to.
    fn request(&self) -> &Arc<RequestInfo>;
    /// Whether `plugin` is already being called further out: its own handlers then stay silent.
    fn is_inside(&self, plugin: &PluginDecl) -> bool;
    /// Lends the operation to a handler of `plugin`; its bridge calls are refused from `until` on.
    fn lend(&mut self, plugin: &'static PluginDecl, until: Instant) -> Box<dyn BridgeManager>;
    /// Takes it back; `keep` says whether what the handler did stays. False when it could not be kept and was
    /// undone.
    ///
    /// # Errors
    /// What the handler did could be neither kept nor undone, so the operation cannot go on.
    fn take_back(&mut self, bridges: Option<Box<dyn BridgeManager>>, keep: bool) -> anyhow::Result<bool>;
}

/// Why an operation does not go on after its handlers ran.
#[derive(Debug)]
pub enum Refusal {
    /// A handler decided so.
    Rejected {
        /// Its plugin.
        plugin: &'static PluginDecl,
        /// Its reasons.
        reject: Reject,
    },
    /// A handler failed whose registration says that going on would be worse.
    Faulted {
        /// Its plugin.
        plugin: &'static PluginDecl,
        /// The point.
        hook: &'static str,
    },
    /// A handler without which going on would be worse is not called for now.
    Unavailable {
        /// Its plugin.
        plugin: &'static PluginDecl,
        /// The point.
        hook: &'static str,
        /// Why.
        refused: Box<Refused>,
    },
    /// The operation itself is broken.
    Broken(anyhow::Error),
}

/// Runs the Transform handlers of `P` over `payload`, each on what the one before left.
///
/// # Errors
/// [`Refusal`]; the payload is then of no use.
#[inline]
pub fn transform<P, S>(
    table: &super::table::PointTable<P>,
    op: &mut S,
    payload: &mut P::Payload,
) -> Result<(), Refusal>
where
    P: Tabled<Kind = kind::Transform>,
    S: Session,
{
    if table.is_empty() {
        return Ok(());
    }
    change(table.slots(), op, payload)
}

/// Runs the Filter handlers of `P` over `payload`, each on what the one before left.
///
/// # Errors
/// [`Refusal::Broken`] only: a Filter handler has nothing to refuse.
#[inline]
pub fn filter<P, S>(
    table: &super::table::PointTable<P>,
    op: &mut S,
    payload: &mut P::Payload,
) -> Result<(), Refusal>
where
    P: Tabled<Kind = kind::Filter>,
    S: Session,
{
    if table.is_empty() {
        return Ok(());
    }
    change(table.slots(), op, payload)
}

fn change<P, S>(slots: &[Slot<P>], op: &mut S, payload: &mut P::Payload) -> Result<(), Refusal>
where
    P: HookPoint,
    P::Kind: pagoda_plugin_sdk::hook::HandlerKind<
            Handler<P::Payload> = pagoda_plugin_sdk::hook::MutHandler<P::Payload>,
        >,
    S: Session,
{
    // A handler that fails half-way must not leave a half-changed payload behind. Lists are copied only when a
    // handler changes them (`payload::List`); names are not, so a copy serves until a handler changes something.
    let mut before: Option<P::Payload> = None;
    for slot in slots {
        if !wanted(slot, payload.entity().map(|entity| entity.name.as_str()), op) {
            continue;
        }
        // Where a fault refuses the operation the payload is of no use afterwards.
        if slot.info.on_fault == OnFault::Isolate && before.as_ref().is_none_or(|before| before != payload) {
            before = Some(payload.clone());
        }
        let ended = call(op, P::info(), slot, |ctx| (slot.handler)(ctx, payload))?;
        if ended == Ended::Faulted
            && let Some(before) = &before
        {
            payload.clone_from(before);
        }
    }
    Ok(())
}

/// Runs the Check handlers of `P` over `payload`.
///
/// # Errors
/// [`Refusal`]
#[inline]
pub fn check<P, S>(
    table: &super::table::PointTable<P>,
    op: &mut S,
    payload: &P::Payload,
) -> Result<(), Refusal>
where
    P: Tabled<Kind = kind::Check>,
    S: Session,
{
    for slot in table.slots() {
        if wanted(slot, payload.entity().map(|entity| entity.name.as_str()), op) {
            call(op, P::info(), slot, |ctx| (slot.handler)(ctx, payload))?;
        }
    }
    Ok(())
}

/// Runs the Check handler in place `index` of `P` alone; nothing where there is none. True unless it failed.
///
/// # Errors
/// [`Refusal`]
pub fn check_one<P, S>(
    table: &super::table::PointTable<P>,
    op: &mut S,
    payload: &P::Payload,
    index: usize,
) -> Result<bool, Refusal>
where
    P: Tabled<Kind = kind::Check>,
    S: Session,
{
    let Some(slot) = table.slots().get(index) else { return Ok(true) };
    let ended = call(op, P::info(), slot, |ctx| (slot.handler)(ctx, payload))?;
    Ok(ended != Ended::Faulted)
}

fn wanted<P: HookPoint, S: Session>(slot: &Slot<P>, entity: Option<&str>, op: &S) -> bool {
    (slot.info.entity.is_none() || slot.info.entity == entity) && !op.is_inside(slot.info.plugin)
}

/// One call of one handler, with everything around it.
fn call<P: HookPoint, S: Session>(
    op: &mut S,
    point: &'static PointInfo,
    slot: &Slot<P>,
    handler: impl FnOnce(&mut HookContext) -> HookResult,
) -> Result<Ended, Refusal> {
    let plugin = slot.info.plugin;
    let leave = match slot.function.admit() {
        Ok(leave) => leave,
        Err(refused) => return skip(point, slot, refused),
    };
    let span = tracing::debug_span!(
        "hook",
        hook = point.name,
        plugin = plugin.id,
        function = slot.info.function,
        trace_id = %op.request().trace_id,
    );
    let _entered = span.enter();
    let traced = traced::call(&slot.function.is);
    let _in_traces = traced.enter();
    let request = Arc::clone(op.request());
    let started = Instant::now();
    let bridges = op.lend(plugin, started + slot.function.times.hard_limit);
    let mut ctx = HookContext::inside(plugin, point, request, bridges);
    ctx.turn_to(plugin, slot.config.as_ref());

    let inside = slot.function.enter(started);
    let outcome = guarded(|| handler(&mut ctx)).unwrap_or_else(|panic| Err(HookError::Fault(panic)));
    drop(inside);
    let took = started.elapsed();

    let mut outcome = judge(point, outcome);
    let kept = op.take_back(ctx.into_bridges(), outcome.is_ok()).map_err(Refusal::Broken)?;
    if outcome.is_ok() && !kept {
        outcome =
            Err(HookError::Fault(anyhow::anyhow!("a statement of the handler failed and it ignored that")));
    }
    let ended = match &outcome {
        Ok(()) => Ended::Well,
        Err(HookError::Reject(_)) => Ended::Rejected,
        Err(HookError::Fault(_)) => Ended::Faulted,
    };
    let fault = match &outcome {
        Err(HookError::Fault(fault)) => Some(fault as &dyn std::fmt::Display),
        _ => None,
    };
    let counted = slot.function.ended(leave, took, ended, &op.request().trace_id, fault);
    let class = || match &outcome {
        Err(HookError::Fault(fault)) => Some(traced::class(fault)),
        _ => None,
    };
    traced::ended(&traced, counted, class);
    match outcome {
        Ok(()) => Ok(ended),
        Err(HookError::Reject(reject)) => Err(Refusal::Rejected { plugin, reject }),
        Err(HookError::Fault(fault)) => {
            log_fault(point, &slot.info, op.request(), &fault);
            match slot.info.on_fault {
                OnFault::Isolate => Ok(ended),
                OnFault::Reject => Err(Refusal::Faulted { plugin, hook: point.name }),
            }
        }
    }
}

/// What becomes of an operation one of whose handlers is not called.
#[cold]
fn skip<P: HookPoint>(
    point: &'static PointInfo,
    slot: &Slot<P>,
    refused: Box<Refused>,
) -> Result<Ended, Refusal> {
    slot.function.skipped();
    traced::skipped(&slot.function.is);
    match slot.info.on_fault {
        OnFault::Isolate => Ok(Ended::Well),
        OnFault::Reject => Err(Refusal::Unavailable { plugin: slot.info.plugin, hook: point.name, refused }),
    }
}

/// A rejection where nothing can be refused any more is a mistake of the plugin, hence a fault.
pub(super) fn judge(point: &PointInfo, outcome: HookResult) -> HookResult {
    match outcome {
        Err(HookError::Reject(reject)) if !point.kind.may_reject() => Err(HookError::Fault(anyhow::anyhow!(
            "the handler rejected ({reject}), but {} is of kind {} and has nothing to refuse",
            point.name,
            point.kind.as_str()
        ))),
        other => other,
    }
}

fn log_fault(point: &PointInfo, info: &HookInfo, request: &RequestInfo, fault: &anyhow::Error) {
    tracing::error!(
        plugin = info.plugin.id,
        hook = point.name,
        function = info.function,
        at = %format_args!("{}:{}", info.file, info.line),
        trace_id = %request.trace_id,
        "plugin handler failed: {fault:#}"
    );
}

#[cfg(test)]
#[path = "dispatch_tests.rs"]
mod tests;
