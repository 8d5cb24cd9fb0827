//! The hook points: their names, kinds and types.
//!
//! The table itself is `pagoda-macros/src/hook_points.in`; from it come [`POINTS`] (data, for lists and
//! checks) and [`points`] (one type per point, for code). `#[hook(entry.after_create)]` resolves to
//! [`points::entry::after_create`].

use crate::hook::{HandlerKind, HookReg};

/// What a handler of a point may do. Decides its signature, see [`crate::hook`](mod@crate::hook).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Runs inside the transaction before the write; may change the payload and may reject.
    Transform,
    /// Runs inside the transaction after the Transform handlers; may reject, changes nothing.
    Check,
    /// Runs after the commit and before the response; changes nothing, cannot reject, may be async.
    Observe,
    /// Runs while a response is built; may change the payload, cannot reject.
    Filter,
}

impl Kind {
    /// The name as lists and JSON show it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transform => "Transform",
            Self::Check => "Check",
            Self::Observe => "Observe",
            Self::Filter => "Filter",
        }
    }

    /// Whether an `Err(Reject)` of a handler refuses the operation. On the other kinds it is a fault.
    #[must_use]
    pub const fn may_reject(self) -> bool {
        matches!(self, Self::Transform | Self::Check)
    }
}

/// Where a point comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// The 27 points that any such system has.
    Common,
    /// The 15 points of Pagoda itself.
    Pagoda,
    /// The 4 points that the system which this one replaces has besides.
    Extension,
}

impl Group {
    /// The name as lists and JSON show it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Common => "common",
            Self::Pagoda => "pagoda",
            Self::Extension => "extension",
        }
    }
}

/// Whether the host fires a point today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FiringState {
    /// It fires; the text says where.
    Fires(&'static str),
    /// The operation that would fire it does not exist yet; the text names it. Handlers may be registered
    /// and will run once it does.
    Awaits(&'static str),
}

/// What there is to know about a hook point without its types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PointInfo {
    /// Position in [`POINTS`] and in every table per point.
    pub index: usize,
    /// The dotted name.
    pub name: &'static str,
    /// What its handlers may do.
    pub kind: Kind,
    /// Where it comes from.
    pub group: Group,
    /// Whether `entity = "…"` may filter its handlers.
    pub by_entity: bool,
    /// Whether and where it fires.
    pub state: FiringState,
    /// What happens, in a sentence.
    pub summary: &'static str,
    /// Name of the payload type in [`crate::payload`].
    pub payload: &'static str,
    /// Other names that `#[hook]` accepts for it, with a deprecation note.
    pub aliases: &'static [&'static str],
}

/// A hook point as a type. Implemented by the types in [`points`] and by nothing else.
pub trait HookPoint: Sized + Copy + 'static {
    /// Position in [`POINTS`].
    const INDEX: usize;
    /// What the handlers receive.
    type Payload: crate::payload::Payload;
    /// Decides the signature of the handlers.
    type Kind: HandlerKind;
    /// The handlers that were linked into this binary, in no particular order.
    fn linked() -> &'static [HookReg<Self>];
    /// The description of this point.
    #[must_use]
    fn info() -> &'static PointInfo {
        // INDEX is made together with POINTS by one macro, so it is always in range.
        #[allow(clippy::indexing_slicing, reason = "INDEX and POINTS are made from the same table")]
        &POINTS[Self::INDEX]
    }
}

/// The point with this dotted name; aliases are not resolved.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static PointInfo> {
    POINTS.iter().find(|point| point.name == name)
}

/// The point that an alias stands for. `airone.` at the front counts as `pagoda.`.
#[must_use]
pub fn resolve(name: &str) -> Option<&'static PointInfo> {
    if let Some(rest) = name.strip_prefix("airone.") {
        return POINTS.iter().find(|point| point.name.strip_prefix("pagoda.") == Some(rest));
    }
    by_name(name).or_else(|| POINTS.iter().find(|point| point.aliases.contains(&name)))
}

pagoda_macros::declare_hook_points!();
