//! Jobs: a number for what was asked for. The work is done by the time the number is known. *Source: spec, job.*
//!
//! `operation.rs` is the table of what jobs do; [`begin`] and [`finish`] surround the work, which is done in the transaction of
//! the request, [`record`] notes what was done to a single object; `list.rs` shows jobs, `control.rs` cancels and repeats them.

pub mod control;
pub mod counts;
mod file;
mod list;
mod operation;

pub use file::{File, Sealed, keep, refuse_while_alike, was_canceled};
pub use list::{JobItem, JobQuery, detail, list};
pub use operation::{Operation, Status};

use super::ctx::OpCtx;
use super::error::OpError;
use crate::store::queries::job;
use crate::store::rows::NewJob;
use pagoda_plugin_sdk::hooks::pagoda::job as points;
use pagoda_plugin_sdk::payload::{JobAfterRun, JobBeforeRun, JobOnError};
use serde_json::{Map, Value};

/// A job that is being worked on.
#[derive(Debug, Clone, Copy)]
pub struct Running {
    /// Its number.
    pub id: i64,
    operation: Operation,
}

/// What a job is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An entry.
    Entry(i64),
    /// An entity.
    Entity(i64),
}

/// Begins a job of the acting user.
///
/// # Errors
/// Nobody acts, a plugin is against it, or the database does not do it.
pub fn begin(
    op: &mut OpCtx,
    operation: Operation,
    target: Option<Target>,
    params: &Value,
) -> Result<Running, OpError> {
    let new = new_job(op, operation, Status::Processing, target, params)?;
    let running = Running { id: job::insert(&mut op.db, &new)?, operation };
    about_to_run(op, running, params)?;
    Ok(running)
}

/// Notes what the acting user did to a single object: a job that is done. One statement. *Source: spec, job §6.*
///
/// # Errors
/// Nobody acts, or the database does not do it.
pub fn record(op: &mut OpCtx, operation: Operation, target: Target) -> Result<i64, OpError> {
    let new = new_job(op, operation, Status::Done, Some(target), &Value::Object(Map::new()))?;
    let id = job::insert(&mut op.db, &new)?;
    ended(op, Running { id, operation }, Status::Done);
    Ok(id)
}

fn new_job(
    op: &OpCtx,
    operation: Operation,
    status: Status,
    target: Option<Target>,
    params: &Value,
) -> Result<NewJob, OpError> {
    let now = op.now.as_micros();
    let (target_kind, target_id) = match target {
        None => (None, None),
        Some(Target::Entry(id)) => (Some("entry".to_owned()), Some(id)),
        Some(Target::Entity(id)) => (Some("entity".to_owned()), Some(id)),
    };
    Ok(NewJob {
        owner_id: op.user()?.id,
        operation: operation as i32,
        status: status as i32,
        target_kind,
        target_id,
        text: String::new(),
        params: params.to_string(),
        created_at: now,
        updated_at: now,
    })
}

fn about_to_run(op: &mut OpCtx, running: Running, params: &Value) -> Result<(), OpError> {
    op.check::<points::before_run>(|| {
        let mut payload = JobBeforeRun::default();
        payload.id = running.id;
        payload.operation = running.operation as i32;
        payload.params = params.clone();
        payload
    })
}

/// Ends a job. `text` says what there is to say; of one that failed, why.
///
/// # Errors
/// There is no such job.
pub fn finish(op: &mut OpCtx, running: Running, status: Status, text: &str) -> Result<(), OpError> {
    let now = op.now.as_micros();
    job::set_status(&mut op.db, running.id, status as i32, text, now)?;
    ended(op, running, status);
    if status == Status::Error {
        op.observe::<points::on_error>(|| {
            let mut payload = JobOnError::default();
            payload.id = running.id;
            payload.operation = running.operation as i32;
            payload.error = text.to_owned();
            payload
        });
    }
    Ok(())
}

/// Removes jobs that are over, and changed last so many days ago, the oldest ones first and `most` at most; how many there
/// were. *Source: spec, job §4.*
///
/// # Errors
/// The database does not do it.
pub fn forget(op: &mut OpCtx, days: u32, most: i64) -> Result<i64, OpError> {
    let before = op.now.as_micros() - i64::from(days) * 86_400_000_000;
    let over: Vec<i32> =
        Status::ALL.into_iter().filter(|status| status.is_over()).map(|status| status as i32).collect();
    Ok(job::delete_older(&mut op.db, before, &over, most)?)
}

fn ended(op: &mut OpCtx, running: Running, status: Status) {
    op.host.jobs.count(running.operation, status);
    op.observe::<points::after_run>(|| {
        let mut payload = JobAfterRun::default();
        payload.id = running.id;
        payload.operation = running.operation as i32;
        payload.status = status as i32;
        payload
    });
}
