//! Jobs: a number for what was asked for. The work is done by the time the number is known. *Source: spec, job.*
//!
//! `operation.rs` is the table of what jobs do; [`begin`] and [`finish`] surround the work, which is done in the transaction of
//! the request; `list.rs` shows jobs, `control.rs` cancels and repeats them.

pub mod control;
pub mod counts;
mod list;
mod operation;

pub use list::{JobItem, JobQuery, detail, list};
pub use operation::{Operation, Status};

use super::ctx::OpCtx;
use super::error::OpError;
use crate::store::queries::job;
use crate::store::rows::NewJob;
use pagoda_plugin_sdk::hooks::pagoda::job as points;
use pagoda_plugin_sdk::payload::{JobAfterRun, JobBeforeRun, JobOnError};
use serde_json::Value;

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
    let now = op.now.as_micros();
    let (target_kind, target_id) = match target {
        None => (None, None),
        Some(Target::Entry(id)) => (Some("entry".to_owned()), Some(id)),
        Some(Target::Entity(id)) => (Some("entity".to_owned()), Some(id)),
    };
    let new = NewJob {
        owner_id: op.user()?.id,
        operation: operation as i32,
        status: Status::Processing as i32,
        target_kind,
        target_id,
        text: String::new(),
        params: params.to_string(),
        created_at: now,
        updated_at: now,
    };
    let running = Running { id: job::insert(&mut op.db, &new)?, operation };
    about_to_run(op, running, params)?;
    Ok(running)
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
    op.host.jobs.count(running.operation, status);
    op.observe::<points::after_run>(|| {
        let mut payload = JobAfterRun::default();
        payload.id = running.id;
        payload.operation = running.operation as i32;
        payload.status = status as i32;
        payload
    });
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
