//! The frozen handlers: one table per point, in execution order.

use super::function::Function;
use super::order::{execution_order, overruled};
use pagoda_plugin_sdk::bridge::HandlerStats;
use pagoda_plugin_sdk::catalogue::{HookPoint, PointInfo};
use pagoda_plugin_sdk::config::AnyConfig;
use pagoda_plugin_sdk::hook::{Handler, HookInfo, HookLists, ListedPoint};
use std::sync::Arc;

/// A handler in its place.
#[derive(Debug)]
pub(crate) struct Slot<P: HookPoint> {
    pub(crate) handler: Handler<P>,
    pub(crate) info: HookInfo,
    pub(crate) config: Option<AnyConfig>,
    pub(crate) function: Arc<Function>,
}

/// The handlers of one point, in execution order.
#[derive(Debug)]
pub struct PointTable<P: HookPoint> {
    slots: Box<[Slot<P>]>,
}

impl<P: HookPoint> Default for PointTable<P> {
    fn default() -> Self {
        Self { slots: Box::default() }
    }
}

impl<P: HookPoint> PointTable<P> {
    /// Whether nothing is to be done: one load and one compare, before any payload is made.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// All handlers, in order; which of them an event is for is decided when it fires.
    #[inline]
    pub(crate) fn slots(&self) -> &[Slot<P>] {
        &self.slots
    }
}

impl<P: ListedPoint> PointTable<P> {
    fn freeze(lists: &mut HookLists, make: &mut MakeSlot<'_>, problems: &mut Vec<String>) -> Self {
        let list = std::mem::take(P::list(lists));
        let infos: Vec<HookInfo> = list.iter().map(|reg| reg.info).collect();
        let order = execution_order(P::info(), &infos).unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        });
        let slots = order.into_iter().filter_map(|index| list.get(index)).map(|reg| {
            let (config, function) = make(P::info(), &reg.info);
            Slot { handler: reg.handler, info: reg.info, config, function }
        });
        Self { slots: slots.collect() }
    }
}

/// Makes what a handler runs with: its plugin's configuration, and its place among the functions.
pub(super) type MakeSlot<'a> =
    dyn FnMut(&'static PointInfo, &HookInfo) -> (Option<AnyConfig>, Arc<Function>) + 'a;

/// Gives the table of one point; implemented for every point.
pub trait Tabled: ListedPoint {
    /// The table of this point: a field, so that finding it costs nothing.
    fn table(tables: &HookTables) -> &PointTable<Self>;
}

fn statistics(point: &'static PointInfo, info: &HookInfo, function: &Function) -> HandlerStats {
    let counts = function.counts();
    let mut stats = HandlerStats::default();
    stats.hook = point.name;
    stats.plugin = info.plugin.id;
    stats.function = info.function;
    stats.calls = counts.calls;
    stats.faults = counts.faults;
    stats.rejections = counts.rejections;
    stats.total_ns = counts.total_ns;
    stats.max_ns = counts.max_ns;
    stats
}

macro_rules! hook_tables {
    ($({ $field:ident $kind:ident $payload:ident [$($path:tt)+] $slice:ident })*) => {
        /// The tables of all points.
        #[derive(Debug, Default)]
        pub struct HookTables {
            $($field: PointTable<pagoda_plugin_sdk::$($path)+>,)*
        }

        impl HookTables {
            /// Sorts every list into its table; adds what is wrong with the constraints to `problems`.
            pub(super) fn freeze(
                mut lists: HookLists,
                make: &mut MakeSlot<'_>,
                problems: &mut Vec<String>,
            ) -> Self {
                Self { $($field: PointTable::freeze(&mut lists, make, problems),)* }
            }

            /// What the registrations say, point by point in catalogue order, in execution order.
            pub fn handlers(&self) -> Vec<(&'static PointInfo, Vec<HookInfo>)> {
                vec![$((
                    <pagoda_plugin_sdk::$($path)+>::info(),
                    self.$field.slots.iter().map(|slot| slot.info).collect(),
                ),)*]
            }

            /// Constraints that priorities overrule, each a sentence.
            pub fn warnings(&self) -> Vec<String> {
                let handlers = self.handlers();
                handlers.iter().flat_map(|(point, infos)| overruled(point, infos)).collect()
            }

            /// What every handler did.
            pub fn statistics(&self) -> Vec<HandlerStats> {
                let mut all = Vec::new();
                $(all.extend(self.$field.slots.iter().map(|slot| {
                    statistics(<pagoda_plugin_sdk::$($path)+>::info(), &slot.info, &slot.function)
                }));)*
                all
            }
        }

        $(
            impl Tabled for pagoda_plugin_sdk::$($path)+ {
                #[inline]
                fn table(tables: &HookTables) -> &PointTable<Self> {
                    &tables.$field
                }
            }
        )*
    };
}

pagoda_plugin_sdk::__private::with_hook_points!(hook_tables);
