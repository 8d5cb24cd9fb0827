//! Jobs.

use crate::store::conn::on_db;
use crate::store::rows::{JobRow, NewJob};
use crate::store::schema::job;
use crate::store::{Db, StoreError};
use diesel::prelude::*;

/// Inserts a job and gives its id.
pub fn insert(db: &mut Db, new: &NewJob) -> Result<i64, StoreError> {
    on_db!(db, |c| diesel::insert_into(job::table).values(new).returning(job::id).get_result(c))
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
