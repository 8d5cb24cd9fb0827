//! What an operation has noted so far; undone with what it tells of.

use super::action::Action;
use super::record::{AuditObject, AuditRecord};
use crate::services::ctx::OpCtx;
use crate::store::{Db, StoreError, queries};
use pagoda_plugin_sdk::model::User;
use serde_json::Value;

/// The records of one operation, in order.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    records: Vec<Noted>,
}

#[derive(Debug)]
struct Noted {
    record: AuditRecord,
    /// Stays although the operation is undone: it is about the failure.
    always: bool,
}

impl Trail {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Forgets what came after the first `len`, except what is about the failure itself.
    pub(crate) fn undo(&mut self, len: usize) {
        let undone = self.records.split_off(len.min(self.records.len()));
        self.records.extend(undone.into_iter().filter(|noted| noted.always));
    }

    /// Writes them beside what they tell of: one statement.
    ///
    /// # Errors
    /// The database does not do it; then what they tell of is not done either.
    pub(crate) fn write(&self, db: &mut Db) -> Result<(), StoreError> {
        if self.records.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = self.records.iter().map(|noted| noted.record.to_row()).collect();
        queries::audit::enqueue(db, &rows)
    }

    /// What is left, for the [`Auditor`](super::Auditor).
    pub(crate) fn into_records(self) -> impl Iterator<Item = AuditRecord> {
        self.records.into_iter().map(|noted| noted.record)
    }
}

impl OpCtx {
    /// Notes that the acting user did something. It is in the log if and only if the operation is committed.
    pub fn audit(&mut self, action: Action, object: impl Into<AuditObject>, detail: impl FnOnce() -> Value) {
        self.note(action, false, |record| record.on(object).with(detail()));
    }

    /// As [`OpCtx::audit`], for somebody who is not, or not yet, the acting user.
    pub fn audit_as(
        &mut self,
        user: &User,
        action: Action,
        object: impl Into<AuditObject>,
        detail: impl FnOnce() -> Value,
    ) {
        self.note(action, false, |record| record.by(user).on(object).with(detail()));
    }

    /// Notes something that is about a failure: it is in the log although the operation is undone, unless it
    /// is tried again.
    pub fn audit_failure(
        &mut self,
        action: Action,
        object: Option<AuditObject>,
        detail: impl FnOnce() -> Value,
    ) {
        self.note(action, true, |record| {
            let record = record.with(detail());
            match object {
                Some(object) => record.on(object),
                None => record,
            }
        });
    }

    fn note(&mut self, action: Action, always: bool, fill: impl FnOnce(AuditRecord) -> AuditRecord) {
        if !self.host.auditor.is_enabled() {
            return;
        }
        let mut record = fill(AuditRecord::new(action, &self.request).at(self.now));
        if let Some(plugin) = self.calling_plugin() {
            record = record.through(plugin.id);
        }
        self.trail.records.push(Noted { record, always });
    }
}
