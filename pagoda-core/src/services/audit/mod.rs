//! The audit log: who did what to what, through which plugin and request.
//!
//! An operation notes records while it runs ([`OpCtx::audit`](crate::services::ctx::OpCtx::audit)); they are
//! written to an outbox in its own transaction, so there is one without the other never. What is about a
//! failure, or belongs to no operation, goes through the [`Auditor`], whose one thread also moves the outbox
//! to the log, in which each row's hash covers the row before ([`chain`]). [`verify`] walks it.

mod action;
mod auditor;
pub mod chain;
mod list;
mod record;
mod seal;
#[cfg(test)]
mod tests;
mod time;
mod trail;
mod verify;

pub use action::Action;
pub use auditor::Auditor;
pub use chain::Keys;
pub use list::{AuditItem, list};
pub use record::{AuditObject, AuditRecord, listed};
pub use time::parse_time;
pub(crate) use trail::Trail;
pub use verify::{Problem, Report, verify};

/// What an operator decides about the audit log.
#[derive(Debug, Clone)]
pub struct AuditSettings {
    /// Whether anything is recorded.
    pub enabled: bool,
    /// Days for which rows are kept; none means for ever.
    pub retention_days: Option<u32>,
    /// What rows are signed with.
    pub keys: Keys,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { enabled: true, retention_days: Some(365), keys: Keys::default() }
    }
}
