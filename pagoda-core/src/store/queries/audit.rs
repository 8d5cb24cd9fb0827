//! The audit log: what waits to be moved to it, the log itself, and its head.

use super::{MAX_IDS, MAX_ROWS};
use crate::store::conn::on_db;
use crate::store::rows::{AuditHeadRow, AuditOutboxRow, AuditRow, NewAudit, Paged};
use crate::store::schema::{audit_head, audit_log, audit_outbox};
use crate::store::{Backend, Db, StoreError};
use diesel::prelude::*;

/// Which rows of the log; what is absent lets all through.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Name of who acted.
    pub actor: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// What it was done to.
    pub object_kind: Option<String>,
    /// Its id.
    pub object_id: Option<i64>,
    /// Its name.
    pub object_name: Option<String>,
    /// The plugin through which it was done.
    pub plugin: Option<String>,
    /// The request.
    pub trace_id: Option<String>,
    /// Not before this time.
    pub since: Option<i64>,
    /// Before this time.
    pub until: Option<i64>,
}

/// The rows that a filter lets through, boxed for one backend.
macro_rules! matching {
    ($filter:expr, $dialect:ty) => {{
        let filter: &AuditFilter = $filter;
        let mut query = audit_log::table.into_boxed::<$dialect>();
        if let Some(actor) = &filter.actor {
            query = query.filter(audit_log::actor.eq(actor));
        }
        if let Some(action) = &filter.action {
            query = query.filter(audit_log::action.eq(action));
        }
        if let Some(kind) = &filter.object_kind {
            query = query.filter(audit_log::object_kind.eq(kind));
        }
        if let Some(id) = filter.object_id {
            query = query.filter(audit_log::object_id.eq(id));
        }
        if let Some(name) = &filter.object_name {
            query = query.filter(audit_log::object_name.eq(name));
        }
        if let Some(plugin) = &filter.plugin {
            query = query.filter(audit_log::plugin.eq(plugin));
        }
        if let Some(trace_id) = &filter.trace_id {
            query = query.filter(audit_log::trace_id.eq(trace_id));
        }
        if let Some(since) = filter.since {
            query = query.filter(audit_log::at.ge(since));
        }
        if let Some(until) = filter.until {
            query = query.filter(audit_log::at.lt(until));
        }
        query
    }};
}

/// Notes records for the log, inside the transaction that they tell of.
pub fn enqueue(db: &mut Db, records: &[NewAudit]) -> Result<(), StoreError> {
    for records in records.chunks(MAX_ROWS) {
        on_db!(db, |c| diesel::insert_into(audit_outbox::table).values(records).execute(c))?;
    }
    Ok(())
}

/// Records that wait, oldest id first.
pub fn waiting(db: &mut Db, limit: i64) -> Result<Vec<AuditOutboxRow>, StoreError> {
    on_db!(db, |c| audit_outbox::table
        .order(audit_outbox::id)
        .limit(limit)
        .select(AuditOutboxRow::as_select())
        .load(c))
}

/// How many records wait.
pub fn count_waiting(db: &mut Db) -> Result<i64, StoreError> {
    on_db!(db, |c| audit_outbox::table.count().get_result(c))
}

/// Forgets records that were moved to the log. By id, because on PostgreSQL lower ones may still come.
pub fn remove_waiting(db: &mut Db, ids: &[i64]) -> Result<(), StoreError> {
    for ids in ids.chunks(MAX_IDS) {
        on_db!(db, |c| diesel::delete(audit_outbox::table.filter(audit_outbox::id.eq_any(ids))).execute(c))?;
    }
    Ok(())
}

/// Where the log ends; none when somebody removed that row.
pub fn head(db: &mut Db) -> Result<Option<AuditHeadRow>, StoreError> {
    on_db!(db, |c| audit_head::table.select(AuditHeadRow::as_select()).first(c).optional())
}

/// As [`head`], and nobody else writes the log until the transaction ends. Two statements on PostgreSQL.
pub fn lock_head(db: &mut Db) -> Result<Option<AuditHeadRow>, StoreError> {
    match db.backend() {
        // The transaction of the one writer is lock enough.
        Backend::Sqlite => {}
        Backend::Postgres => db.execute_batch("SELECT only_row FROM audit_head FOR UPDATE")?,
    }
    head(db)
}

/// Moves the head. `NotFound` when somebody removed it.
pub fn set_head(db: &mut Db, head: &AuditHeadRow) -> Result<(), StoreError> {
    super::found(on_db!(db, |c| diesel::update(audit_head::table).set(head).execute(c))?)
}

/// Adds rows at the end of the log.
pub fn append(db: &mut Db, rows: &[AuditRow]) -> Result<(), StoreError> {
    for rows in rows.chunks(MAX_ROWS) {
        on_db!(db, |c| diesel::insert_into(audit_log::table).values(rows).execute(c))?;
    }
    Ok(())
}

/// Place, time and hash of the oldest rows.
pub fn oldest(db: &mut Db, limit: i64) -> Result<Vec<(i64, i64, String)>, StoreError> {
    on_db!(db, |c| audit_log::table
        .order(audit_log::seq)
        .limit(limit)
        .select((audit_log::seq, audit_log::at, audit_log::hash))
        .load(c))
}

/// Removes the rows from the beginning of the log up to `seq`; how many there were.
pub fn remove_through(db: &mut Db, seq: i64) -> Result<usize, StoreError> {
    on_db!(db, |c| diesel::delete(audit_log::table.filter(audit_log::seq.le(seq))).execute(c))
}

/// Rows after `after`, in order.
pub fn after(db: &mut Db, filter: &AuditFilter, after: i64, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
    on_db!(db, |c| matching!(filter, Dialect)
        .filter(audit_log::seq.gt(after))
        .order(audit_log::seq)
        .limit(limit)
        .select(AuditRow::as_select())
        .load(c))
}

/// One page, newest first. Two statements.
pub fn list(
    db: &mut Db,
    filter: &AuditFilter,
    limit: i64,
    offset: i64,
) -> Result<Paged<AuditRow>, StoreError> {
    let rows = on_db!(db, |c| matching!(filter, Dialect)
        .order(audit_log::seq.desc())
        .limit(limit)
        .offset(offset)
        .select(AuditRow::as_select())
        .load(c))?;
    let total = on_db!(db, |c| matching!(filter, Dialect).count().get_result(c))?;
    Ok(Paged { rows, total })
}
