//! The wire's scalars and errors: how JSON is read leniently and how complaints are written.
//!
//! *Source: spec, entity §0.2 and §0.3.* Knows nothing of entities, services or HTTP.

pub mod coerce;
pub mod fields;
pub mod yaml;

pub use fields::{Fields, leaf};
