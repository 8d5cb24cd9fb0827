//! Jobs.

use crate::store::conn::on_db;
use crate::store::rows::{JobRow, NewJob, Paged};
use crate::store::schema::{entity, entry, job, job_result};
use crate::store::{Db, StoreError};
use diesel::dsl::exists;
use diesel::prelude::*;

/// Which jobs a list shows, and which part of them.
#[derive(Clone, Debug)]
pub struct JobFilter {
    /// Only those of this user.
    pub owner_id: Option<i64>,
    /// Not older than this.
    pub created_after: Option<i64>,
    /// Only those with this target.
    pub target_id: Option<i64>,
    /// Rows at most.
    pub limit: i64,
    /// Rows to skip.
    pub offset: i64,
}

/// Which operations are listed when.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Never.
    pub hidden: &'a [i32],
    /// Whatever becomes of their target.
    pub exports: &'a [i32],
    /// As long as they have a target, in any state; others need an active one.
    pub deletions: &'a [i32],
    /// Also without a target.
    pub without_target: i32,
    /// From here on also without a target.
    pub without_target_from: i32,
}

/// The jobs that a filter lets through, boxed for one backend.
macro_rules! matching {
    ($filter:expr, $listed:expr, $dialect:ty) => {{
        let active_entry = entry::table
            .filter(entry::id.nullable().eq(job::target_id))
            .filter(entry::is_active.eq(true))
            .select(entry::id);
        let active_entity = entity::table
            .filter(entity::id.nullable().eq(job::target_id))
            .filter(entity::is_active.eq(true))
            .select(entity::id);
        let alone =
            job::operation.eq($listed.without_target).or(job::operation.ge($listed.without_target_from));
        let mut query = job::table
            .filter(job::operation.ne_all($listed.hidden))
            .filter(
                job::operation
                    .eq_any($listed.exports)
                    .or(exists(active_entry))
                    .or(exists(active_entity))
                    .or(job::operation.eq_any($listed.deletions).and(job::target_id.is_not_null()))
                    .or(job::target_id.is_null().and(alone)),
            )
            .into_boxed::<$dialect>();
        if let Some(owner) = $filter.owner_id {
            query = query.filter(job::owner_id.eq(owner));
        }
        if let Some(after) = $filter.created_after {
            query = query.filter(job::created_at.ge(after));
        }
        if let Some(target) = $filter.target_id {
            query = query.filter(job::target_id.eq(target));
        }
        query
    }};
}

/// One page of jobs, newest first. Two statements.
pub fn list(db: &mut Db, filter: &JobFilter, listed: &Listed<'_>) -> Result<Paged<JobRow>, StoreError> {
    let rows = on_db!(db, |c| matching!(filter, listed, Dialect)
        .order(job::id.desc())
        .limit(filter.limit)
        .offset(filter.offset)
        .select(JobRow::as_select())
        .load(c))?;
    let total = on_db!(db, |c| matching!(filter, listed, Dialect).count().get_result(c))?;
    Ok(Paged { rows, total })
}

/// Inserts a job and gives its id.
pub fn insert(db: &mut Db, new: &NewJob) -> Result<i64, StoreError> {
    on_db!(db, |c| diesel::insert_into(job::table).values(new).returning(job::id).get_result(c))
}

/// Removes jobs in one of these states that changed last before a time, by id, `limit` at most; how many there were.
pub fn delete_older(db: &mut Db, before: i64, statuses: &[i32], limit: i64) -> Result<i64, StoreError> {
    let ids: Vec<i64> = on_db!(db, |c| job::table
        .filter(job::updated_at.lt(before))
        .filter(job::status.eq_any(statuses))
        .order(job::id)
        .limit(limit)
        .select(job::id)
        .load(c))?;
    if ids.is_empty() {
        return Ok(0);
    }
    let removed = on_db!(db, |c| diesel::delete(job::table.filter(job::id.eq_any(&ids))).execute(c))?;
    Ok(i64::try_from(removed).unwrap_or(i64::MAX))
}

/// Notes how far a job is. `NotFound` without such a job.
pub fn set_status(db: &mut Db, id: i64, status: i32, text: &str, now: i64) -> Result<(), StoreError> {
    let rows = on_db!(db, |c| diesel::update(job::table.find(id))
        .set((job::status.eq(status), job::text.eq(text), job::updated_at.eq(now)))
        .execute(c))?;
    super::found(rows)
}

/// A job in any state.
pub fn by_id(db: &mut Db, id: i64) -> Result<Option<JobRow>, StoreError> {
    on_db!(db, |c| job::table.find(id).select(JobRow::as_select()).first(c).optional())
}

/// The newest job of somebody with this operation and exactly these parameters, in one of these states, that changed last
/// after a time.
pub fn newest_alike(
    db: &mut Db,
    new: &NewJob,
    statuses: &[i32],
    after: i64,
) -> Result<Option<JobRow>, StoreError> {
    on_db!(db, |c| job::table
        .filter(job::owner_id.eq(new.owner_id))
        .filter(job::operation.eq(new.operation))
        .filter(job::params.eq(&new.params))
        .filter(job::status.eq_any(statuses))
        .filter(job::updated_at.ge(after))
        .order(job::id.desc())
        .select(JobRow::as_select())
        .first(c)
        .optional())
}

/// Keeps what a job leaves.
pub fn put_result(db: &mut Db, id: i64, content: &[u8]) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::insert_into(job_result::table)
        .values((job_result::job_id.eq(id), job_result::content.eq(content)))
        .execute(c))
    .map(drop)
}

/// What a job left.
pub fn result(db: &mut Db, id: i64) -> Result<Option<Vec<u8>>, StoreError> {
    on_db!(db, |c| job_result::table.find(id).select(job_result::content).first(c).optional())
}
