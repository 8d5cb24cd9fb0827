//! The span that a call of a plugin's function is in traces.
//!
//! Not that of the log lines: traces have it at any `log`, and say in it how the call ended. Where nobody makes
//! traces it costs a load and a compare.

use super::function::{Described, Role};
use super::guard::Panicked;
use super::stats::Ended;
use std::time::Duration;
use tracing::{Span, field};

/// What kind of fault it was; what a plugin said about it may hold what users wrote and stays in the log.
pub(crate) type Class = &'static str;

/// It was cut off, or took longer than it may.
pub(crate) const BUDGET: Class = "budget";

/// Async work that did not end in its time.
#[derive(Debug, thiserror::Error)]
#[error("it was cut off at its budget of {0:?}")]
pub(crate) struct CutOff(pub(crate) Duration);

/// The kind of a fault.
pub(crate) fn class(fault: &anyhow::Error) -> Class {
    if fault.is::<Panicked>() {
        "panic"
    } else if fault.is::<CutOff>() {
        BUDGET
    } else {
        "error"
    }
}

/// What calls it: a point, an event, or for a route nothing of that kind.
fn hook(function: &Described) -> Option<&'static str> {
    match function.role {
        Role::Hook { hook, .. } => Some(hook),
        Role::Subscriber { event } => Some(event),
        Role::Route { .. } => None,
    }
}

/// A span for a call that begins now.
#[inline]
pub(crate) fn call(function: &Described) -> Span {
    if !cfg!(feature = "otlp") {
        return Span::none();
    }
    // What stands in the macro is made only if somebody makes traces.
    tracing::info_span!(
        "call",
        otel.name = %match hook(function) {
            Some(hook) => format!("hook {} {hook}", function.plugin.id),
            None => format!("route {} {}", function.plugin.id, function.name),
        },
        otel.status_code = field::Empty,
        error.type = field::Empty,
        hook = hook(function),
        plugin = function.plugin.id,
        function = function.name,
        pagoda.outcome = field::Empty,
    )
}

/// Says how the call ended.
pub(crate) fn ended(span: &Span, ended: Ended, fault: impl FnOnce() -> Option<Class>) {
    if span.is_disabled() {
        return;
    }
    let outcome = match ended {
        Ended::Well => "ok",
        Ended::Rejected => "rejected",
        Ended::Faulted => "fault",
    };
    span.record("pagoda.outcome", outcome);
    if ended == Ended::Faulted {
        span.record("error.type", fault().unwrap_or(BUDGET));
        span.record("otel.status_code", "ERROR");
    }
}

/// There was no place for the call.
pub(crate) fn not_called(span: &Span) {
    span.record("pagoda.outcome", "skipped");
}

/// A call that there was no leave for: a span without length.
#[cold]
pub(crate) fn skipped(function: &Described) {
    not_called(&call(function));
}
