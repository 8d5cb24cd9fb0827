//! What the expansions of the macros name. Nothing here is meant for people or covered by semver.

pub use crate::catalogue::slices;
pub use inventory;
pub use linkme;
pub use pagoda_macros::with_hook_points;

use crate::capability::Carried;
use crate::catalogue::HookPoint;
use crate::context::HookContext;
use crate::event::PluginEvent;
use crate::hook::{HookOutput, PayloadOf};
use crate::route::{Describer, IntoResponse};

/// Compiles only if `T` is the payload of `P`; called with the span of the parameter's type.
pub const fn payload_of<P: HookPoint, T: PayloadOf<P>>() {}

/// Compiles only if `R` is what a handler may return; called with the span of the return type.
pub const fn hook_output<R: HookOutput>() {}

/// Compiles only if `C` is a [`HookContext`]; called with the span of the parameter's type.
pub const fn hook_context<C: TheHookContext>() {}

/// [`HookContext::lend`] by a path that no author's import makes redundant.
#[inline]
pub fn lend<C, R>(raw: &mut HookContext, work: impl FnOnce(&mut HookContext<C>) -> R) -> R {
    raw.lend(work)
}

/// [`HookContext::typed`], likewise.
#[inline]
pub fn typed<C>(raw: HookContext) -> HookContext<C> {
    raw.typed()
}

/// Describes what a route answers whose result is `impl Trait`, which cannot be named a second time.
pub fn describe_output<A, R: IntoResponse>(route: &mut Describer<'_>, _: impl FnOnce(A) -> R) {
    R::describe(route);
}

/// [`describe_output`] of an `async fn`.
pub fn describe_output_async<A, R: IntoResponse, F: Future<Output = R>>(
    route: &mut Describer<'_>,
    _: impl FnOnce(A) -> F,
) {
    R::describe(route);
}

/// Compiles only if `T` is [`PluginEvent`]; called with the span of the parameter's type.
pub const fn event_payload<T: ThePluginEvent>() {}

/// The context of a handler, as a bound with a message of its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the context of a handler",
    label = "not the context of a handler",
    note = "the first parameter is the `HookContext` or `HookContext<Plugin>`, the second the payload"
)]
pub trait TheHookContext {}
impl<C: Carried> TheHookContext for HookContext<C> {}

/// The payload of a subscriber, as a bound with a message of its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a subscriber hears",
    label = "not the payload of a subscriber",
    note = "a subscriber takes `&PluginEvent` as its second parameter"
)]
pub trait ThePluginEvent {}
impl ThePluginEvent for PluginEvent {}
