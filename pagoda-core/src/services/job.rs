//! Jobs: a number for what was asked for. The work is done by the time the number is known.

use super::ctx::OpCtx;
use super::error::OpError;
use crate::store::queries::job;
use crate::store::rows::NewJob;
use serde_json::Value;

/// What a job does, as the wire counts it. *Source: spec, job.*
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Roles are imported.
    ImportRole = 30,
}

/// How far a job is, as the wire counts it. *Source: spec, entity §0.6.*
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It was asked for.
    Preparing = 1,
    /// It is done.
    Done = 2,
    /// It could not be done.
    Error = 3,
    /// It is done as far as it could be; the text says what could not.
    Warning = 7,
}

/// Begins a job of the acting user.
///
/// # Errors
/// Nobody acts, or the database does not do it.
pub fn begin(op: &mut OpCtx, operation: Operation, params: &Value) -> Result<i64, OpError> {
    let now = op.now.as_micros();
    let new = NewJob {
        owner_id: op.user()?.id,
        operation: operation as i32,
        status: Status::Preparing as i32,
        params: params.to_string(),
        created_at: now,
        updated_at: now,
        ..NewJob::default()
    };
    Ok(job::insert(&mut op.db, &new)?)
}

/// Ends a job.
///
/// # Errors
/// There is no such job.
pub fn finish(op: &mut OpCtx, id: i64, status: Status, text: &str) -> Result<(), OpError> {
    let now = op.now.as_micros();
    Ok(job::set_status(&mut op.db, id, status as i32, text, now)?)
}
