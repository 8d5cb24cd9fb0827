//! Plugins: what was linked, what runs, and how the host calls it.
//!
//! Start reading at [`registry::Registry::freeze`] (how registrations become tables) and
//! [`dispatch`] (how a table is run). This room knows nothing of entities or SQL; only `bridge`, the way
//! back from a plugin into the services, does.

pub mod breaker;
pub(crate) mod bridge;
pub mod capabilities;
mod checks;
pub mod contributions;
pub mod control;
pub mod dispatch;
pub mod function;
pub(crate) mod guard;
mod histogram;
pub mod note;
pub mod observe;
mod order;
pub mod policy;
pub mod reach;
pub mod registry;
pub mod stats;
pub mod table;
pub(crate) mod traced;
pub mod trend;
mod trust;
pub mod watch;
