//! What hook handlers receive: one type per hook point.
//!
//! All fields are public and every payload is [`Default`] and `#[non_exhaustive]`: the host and tests make
//! one with `Default::default()` and fill it field by field, and a field that is added later breaks nobody.
//!
//! The host keeps a copy of what a handler may change, in case it fails half-way. So that this costs little, what a
//! handler reads and does not change is shared (`Arc<[…]>`), and lists that it may change are a [`List`].

mod attribute;
mod data;
mod entity;
mod entry;
mod list;
mod user;

pub use attribute::*;
pub use data::*;
pub use entity::*;
pub use entry::*;
pub use list::List;
pub use user::*;

use crate::model::EntityRef;

/// Implemented by every payload.
pub trait Payload: Clone + PartialEq + std::fmt::Debug + Default + Send + Sync + 'static {
    /// The entity that the event is about, for `entity = "…"` filters.
    fn entity(&self) -> Option<&EntityRef>;
}

/// Declares payload types: `Name { field: Type } by |p| path to the entity`.
macro_rules! payloads {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* } $(by $($entity:ident).+)? ;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Default)]
            #[non_exhaustive]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }
            impl $crate::payload::Payload for $name {
                fn entity(&self) -> Option<&$crate::model::EntityRef> {
                    payloads!(@entity self $($($entity).+)?)
                }
            }
        )*
    };
    (@entity $self:ident) => { None };
    (@entity $self:ident $($entity:ident).+) => { Some(&$self.$($entity).+) };
}
use payloads;
