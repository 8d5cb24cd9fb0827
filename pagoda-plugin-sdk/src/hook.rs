//! Handlers: their types, their registrations, and lists of them.

use crate::catalogue::{HookPoint, PointInfo};
use crate::context::HookContext;
use crate::error::HookResult;
use crate::plugin::PluginDecl;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A future on the heap, as async handlers and routes return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What happens to the operation when a handler fails (returns an error that is no rejection, or panics).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFault {
    /// What the handler did is undone, the failure is logged and counted, the operation goes on.
    #[default]
    Isolate,
    /// The operation is refused with 503, for handlers without which going on would be worse.
    Reject,
}

/// What a registration says besides its handler.
#[derive(Debug, Clone, Copy)]
pub struct HookInfo {
    /// The plugin that registered it.
    pub plugin: &'static PluginDecl,
    /// Name of the handler function.
    pub function: &'static str,
    /// Module of the handler function.
    pub module: &'static str,
    /// Source file of the registration.
    pub file: &'static str,
    /// Line of the registration.
    pub line: u32,
    /// Lower runs first; 100 unless said otherwise.
    pub priority: i32,
    /// Name of the entity whose events the handler wants; all when absent.
    pub entity: Option<&'static str>,
    /// Plugins whose handlers of the same priority run after this one.
    pub before: &'static [&'static str],
    /// Plugins whose handlers of the same priority run before this one.
    pub after: &'static [&'static str],
    /// What a failure means for the operation.
    pub on_fault: OnFault,
    /// Time budget of one call; the plugin's default when absent.
    pub budget: Option<Duration>,
}

impl HookInfo {
    /// A registration made by hand, with every default: priority 100, all entities, no constraints, isolated
    /// failures, the plugin's own budget.
    #[must_use]
    pub const fn new(plugin: &'static PluginDecl, function: &'static str) -> Self {
        Self {
            plugin,
            function,
            module: "",
            file: "",
            line: 0,
            priority: 100,
            entity: None,
            before: &[],
            after: &[],
            on_fault: OnFault::Isolate,
            budget: None,
        }
    }
}

/// A handler together with what its registration says. Made by `#[hook]`, or by hand in a test.
#[derive(Debug)]
pub struct HookReg<P: HookPoint> {
    /// What the registration says.
    pub info: HookInfo,
    /// The function.
    pub handler: Handler<P>,
}

impl<P: HookPoint> Clone for HookReg<P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P: HookPoint> Copy for HookReg<P> {}

/// The handler type of a hook point.
pub type Handler<P> = <<P as HookPoint>::Kind as HandlerKind>::Handler<<P as HookPoint>::Payload>;

/// Says which handlers a kind of point takes. Implemented by the types in [`kind`] only.
pub trait HandlerKind: 'static {
    /// A plain function pointer, or for Observe a choice of a plain and an async one.
    type Handler<T: 'static>: Copy + Send + Sync + std::fmt::Debug + 'static;
}

/// Handler of a Transform or Filter point.
pub type MutHandler<T> = fn(&mut HookContext, &mut T) -> HookResult;
/// Handler of a Check point.
pub type RefHandler<T> = fn(&mut HookContext, &T) -> HookResult;

/// Handler of an Observe point.
pub enum ObserveHandler<T: 'static> {
    /// A plain function; runs off the async threads.
    Plain(fn(HookContext, &T) -> HookResult),
    /// An async function; awaited after the commit, before the response.
    Async(for<'a> fn(HookContext, &'a T) -> BoxFuture<'a, HookResult>),
}
impl<T> Clone for ObserveHandler<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for ObserveHandler<T> {}
impl<T> std::fmt::Debug for ObserveHandler<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Async(_) => "Async",
        })
    }
}

/// The kinds of points as types, see [`crate::catalogue::Kind`].
pub mod kind {
    use super::{HandlerKind, MutHandler, ObserveHandler, RefHandler};
    /// See [`crate::catalogue::Kind::Transform`].
    #[derive(Debug)]
    pub enum Transform {}
    /// See [`crate::catalogue::Kind::Check`].
    #[derive(Debug)]
    pub enum Check {}
    /// See [`crate::catalogue::Kind::Observe`].
    #[derive(Debug)]
    pub enum Observe {}
    /// See [`crate::catalogue::Kind::Filter`].
    #[derive(Debug)]
    pub enum Filter {}
    impl HandlerKind for Transform {
        type Handler<T: 'static> = MutHandler<T>;
    }
    impl HandlerKind for Filter {
        type Handler<T: 'static> = MutHandler<T>;
    }
    impl HandlerKind for Check {
        type Handler<T: 'static> = RefHandler<T>;
    }
    impl HandlerKind for Observe {
        type Handler<T: 'static> = ObserveHandler<T>;
    }
}

/// Implemented by each payload for its own point; the expansion of `#[hook]` asks for it, so that a wrong
/// payload is answered in a sentence.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the payload of this hook point",
    label = "not the payload of this hook point",
    note = "each hook point has a payload type of its own in `pagoda_plugin_sdk::payload`, named after it: `entry.before_create` takes `EntryBeforeCreate`"
)]
pub trait PayloadOf<P: HookPoint> {}

/// Implemented by what a handler may return: [`HookResult`].
#[diagnostic::on_unimplemented(
    message = "a hook handler cannot return `{Self}`",
    label = "not a hook result",
    note = "a hook handler returns `HookResult`: `Ok(())`, `Err(Reject::new(\"why\").into())` where the point may reject, or any error with `?`"
)]
pub trait HookOutput {}
impl HookOutput for HookResult {}

macro_rules! hook_lists {
    ($({ $field:ident $kind:ident $payload:ident [$($path:tt)+] $slice:ident })*) => {
        /// Registrations, listed per point: what the linker collected, or an explicit list.
        ///
        /// With an explicit list a test decides which handlers there are, without any linking tricks.
        #[derive(Debug, Clone, Default)]
        pub struct HookLists {
            $(
                #[doc(hidden)]
                pub $field: Vec<HookReg<crate::$($path)+>>,
            )*
        }

        impl HookLists {
            /// What the linker collected into this binary.
            #[must_use]
            pub fn linked() -> Self {
                Self { $($field: <crate::$($path)+>::linked().to_vec(),)* }
            }

            /// What all registrations say, point by point in catalogue order.
            pub fn infos(&self) -> impl Iterator<Item = (&'static PointInfo, &HookInfo)> {
                std::iter::empty()
                    $(.chain(self.$field.iter().map(|reg| (<crate::$($path)+>::info(), &reg.info))))*
            }

            /// Keeps the registrations for which `keep` holds.
            pub fn retain(&mut self, mut keep: impl FnMut(&HookInfo) -> bool) {
                $(self.$field.retain(|reg| keep(&reg.info));)*
            }
        }

        $(
            impl ListedPoint for crate::$($path)+ {
                fn list(lists: &mut HookLists) -> &mut Vec<HookReg<Self>> {
                    &mut lists.$field
                }
            }
        )*
    };
}

/// Gives the list of one point; implemented for every point.
pub trait ListedPoint: HookPoint {
    /// The registrations of this point.
    fn list(lists: &mut HookLists) -> &mut Vec<HookReg<Self>>;
}

pagoda_macros::with_hook_points!(hook_lists);
