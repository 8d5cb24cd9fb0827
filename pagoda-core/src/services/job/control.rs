//! Jobs called off, repeated, and what they left. *Source: spec, job §5.3 to §5.6.*

use super::file::Sealed;
use super::list::is_finished;
use super::operation::{CANCELABLE, EXPORTS, Operation, PREVIEW, Status};
use super::{Running, about_to_run};
use crate::services::acl;
use crate::services::ctx::OpCtx;
use crate::services::entry::{bulk, copy};
use crate::services::error::OpError;
use crate::store::queries::job as jobs;
use crate::store::queries::{entity as entities, entry as entries};
use crate::store::rows::JobRow;
use pagoda_plugin_sdk::Code;
use serde_json::Value;

/// A job that the acting user may see: an own one, or any for administrators.
///
/// # Errors
/// There is none.
pub(super) fn visible(op: &mut OpCtx, id: i64) -> Result<JobRow, OpError> {
    let user = op.user()?.clone();
    let found = jobs::by_id(&mut op.db, id)?.filter(|row| row.owner_id == user.id || user.is_superuser);
    found.ok_or_else(|| OpError::not_found("job", id))
}

/// A job of the acting user itself.
///
/// # Errors
/// There is none; [`OpError::Denied`] to administrators where it is somebody else's.
fn own(op: &mut OpCtx, id: i64) -> Result<JobRow, OpError> {
    let row = visible(op, id)?;
    if op.user_id() == Some(row.owner_id) { Ok(row) } else { Err(acl::refused(op)) }
}

/// A refusal in words alone, as these routes have it.
fn words(message: &str) -> OpError {
    OpError::Invalid(Value::from(message))
}

/// Calls a job off.
///
/// # Errors
/// It is not the acting user's, it is over, or it cannot be called off.
pub fn cancel(op: &mut OpCtx, id: i64) -> Result<(), OpError> {
    let row = own(op, id)?;
    let status = Status::from_code(row.status);
    if status == Some(Status::Done) {
        return Err(words("the job is done"));
    }
    if !CANCELABLE.contains(&row.operation) {
        return Err(words("a job of this kind cannot be cancelled"));
    }
    if matches!(status, Some(Status::Error | Status::Warning | Status::Timeout)) {
        return Err(words("the job is over"));
    }
    let now = op.now.as_micros();
    Ok(jobs::set_status(&mut op.db, id, Status::Canceled as i32, &row.text, now)?)
}

/// Runs a job again, unless it is done; says what became of that.
///
/// # Errors
/// It is not the acting user's, it is being worked on, or what it is about is not there any more.
pub fn rerun(op: &mut OpCtx, id: i64) -> Result<&'static str, OpError> {
    let me = op.user()?.id;
    let row = jobs::by_id(&mut op.db, id)?.filter(|row| row.owner_id == me);
    let row = row.ok_or_else(|| OpError::not_found("job", id))?;
    match Status::from_code(row.status) {
        Some(Status::Done) => return Ok("the job is done already"),
        Some(Status::Processing) if !is_finished(op, &row) => {
            return Err(words("the job is being worked on"));
        }
        _ => {}
    }
    let target = match row.target_id {
        None => None,
        Some(target) => active_target(op, target)?,
    };
    let Some(target) = target else {
        return Err(words("what the job is about is not there any more"));
    };
    let params: Value = serde_json::from_str(&row.params).unwrap_or_default();
    let operation = Operation::from_code(row.operation);
    let repeated = operation.filter(|operation| operation.is_repeated());
    let Some(operation) = repeated else {
        // An older server may have left it. *Source: spec, job §2.*
        tracing::error!(job = id, operation = row.operation, "nothing here runs jobs of this kind");
        let now = op.now.as_micros();
        jobs::set_status(&mut op.db, id, Status::Preparing as i32, &row.text, now)?;
        return Ok("nothing here runs jobs of this kind: it waits");
    };
    let running = Running { id, operation };
    about_to_run(op, running, &params)?;
    if operation == Operation::CopyOneEntry {
        copy::run_one(op, running, target, &params)?;
    } else {
        bulk::run(op, running, target, &params)?;
    }
    Ok("the job was run")
}

/// The id, if an active entry or entity has it.
fn active_target(op: &mut OpCtx, id: i64) -> Result<Option<i64>, OpError> {
    let entry = entries::by_id(&mut op.db, id)?.is_some_and(|row| row.is_active);
    let is_there = entry || entities::by_id(&mut op.db, id)?.is_some_and(|row| row.is_active);
    Ok(is_there.then_some(id))
}

/// What somebody may ask a job for that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// The file of an export.
    File,
    /// The rows of a preview.
    Preview,
    /// The file of a preview.
    PreviewFile,
}

/// A file that a job left.
#[derive(Debug, Clone)]
pub struct Left {
    /// What it is called: the text of the job.
    pub name: String,
    /// What is in it, as UTF-8.
    pub content: Vec<u8>,
}

/// What a job left. Previews are left by no operation of this server yet.
///
/// # Errors
/// There is nothing to get; the first reason in the order of the wire. *Source: spec, job §5.5 and §5.6.*
pub fn product(op: &mut OpCtx, id: i64, product: Product, good_encoding: bool) -> Result<Left, OpError> {
    let row = own(op, id)?;
    let encoding = || OpError::rule(Code::InvalidValue, "encode: utf-8 or shift_jis");
    let has_any = match product {
        Product::File if !good_encoding => return Err(encoding()),
        Product::File => EXPORTS.contains(&row.operation),
        Product::Preview | Product::PreviewFile => row.operation == PREVIEW,
    };
    if !has_any {
        return Err(OpError::rule(Code::InvalidValue, "a job of this kind leaves nothing to get"));
    }
    if Status::from_code(row.status) != Some(Status::Done) {
        return Err(OpError::rule(Code::NotFinished, "the job is not done"));
    }
    if product == Product::PreviewFile && !good_encoding {
        return Err(encoding());
    }
    let kept = if product == Product::File { jobs::result(&mut op.db, id)? } else { None };
    let Some(kept) = kept else { return Err(OpError::rule(Code::NoResult, "the job left nothing")) };
    let content = Sealed::unsealed(&kept).map_err(|error| OpError::Internal(error.into()))?;
    Ok(Left { name: row.text, content })
}
