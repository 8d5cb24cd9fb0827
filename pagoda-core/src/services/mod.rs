//! The operations: the only place that writes, and the only place that fires hooks.
//!
//! One file per operation; [`ctx::OpCtx`] is what an operation runs in, [`run::Runner`] what runs it.

pub mod acl;
pub mod attribute;
pub mod ctx;
pub mod entity;
pub mod entry;
pub mod error;
pub mod history;
pub mod host;
pub mod run;
pub mod user;
