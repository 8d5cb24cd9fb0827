//! Plugins: what was linked, what runs, and how the host calls it.
//!
//! Start reading at [`registry::Registry::freeze`] (how registrations become tables) and
//! [`dispatch`] (how a table is run). This room knows nothing of entities or SQL; only `bridge`, the way
//! back from a plugin into the services, does.

mod bridge;
pub mod capabilities;
pub mod contributions;
pub mod dispatch;
pub(crate) mod guard;
pub mod observe;
mod order;
pub mod policy;
pub mod registry;
mod stats;
pub mod table;
