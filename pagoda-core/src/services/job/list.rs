//! Jobs as answers show them. *Source: spec, job §5.1 and §5.2.*

use super::operation::{DELETIONS, EXPORTS, FIRST_OF_PLUGINS, HIDDEN, Operation, Status};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::job::{self as jobs, JobFilter, Listed};
use crate::store::queries::{entity as entities, entry as entries, user};
use crate::store::rows::{JobRow, Paged};
use pagoda_plugin_sdk::time::Timestamp;
use serde::Serialize;
use std::collections::HashMap;
use std::time::Duration;

/// What is not finished for so long counts as timed out, where nothing else is said. *Source: spec, job §3.*
const TIMEOUT: Duration = Duration::from_secs(86_400);

/// A job, exactly the eight keys of the wire.
#[derive(Debug, Clone, Serialize)]
pub struct JobItem {
    id: i64,
    user: String,
    text: String,
    status: i32,
    operation: i32,
    created_at: String,
    target: Option<TargetItem>,
    passed_time: i64,
}

#[derive(Debug, Clone, Serialize)]
struct TargetItem {
    id: i64,
    name: String,
    schema_id: Option<i64>,
    schema_name: Option<String>,
}

/// Which jobs are asked for.
#[derive(Debug, Clone, Default)]
pub struct JobQuery {
    /// Those of all users; of administrators only, others are not asked.
    pub all_users: bool,
    /// Not older than this.
    pub created_after: Option<Timestamp>,
    /// Only those with this target.
    pub target_id: Option<i64>,
    /// Rows per page.
    pub limit: i64,
    /// Rows before the page.
    pub offset: i64,
}

/// A page of jobs, newest first: a constant number of statements.
///
/// # Errors
/// Nobody acts, or the database does not answer.
pub fn list(op: &mut OpCtx, query: &JobQuery) -> Result<Paged<JobItem>, OpError> {
    let user = op.user()?;
    let owner = if query.all_users && user.is_superuser { None } else { Some(user.id) };
    let listed = Listed {
        hidden: &HIDDEN,
        exports: &EXPORTS,
        deletions: &DELETIONS,
        without_target: Operation::CreateEntry as i32,
        without_target_from: FIRST_OF_PLUGINS,
    };
    let filter = JobFilter {
        owner_id: owner,
        created_after: query.created_after.map(|time| time.as_micros()),
        target_id: query.target_id,
        limit: query.limit,
        offset: query.offset,
    };
    let page = jobs::list(&mut op.db, &filter, &listed)?;
    Ok(Paged { rows: items(op, page.rows)?, total: page.total })
}

/// A job of the acting user; administrators see those of others.
///
/// # Errors
/// There is no such job, or it is somebody else's.
pub fn detail(op: &mut OpCtx, id: i64) -> Result<JobItem, OpError> {
    let row = super::control::visible(op, id)?;
    items(op, vec![row])?.pop().ok_or_else(|| OpError::not_found("job", id))
}

/// Whether nothing more happens to a job. *Source: spec, job §3.*
pub(super) fn is_finished(op: &OpCtx, row: &JobRow) -> bool {
    Status::from_code(row.status).is_some_and(Status::is_over) || row.updated_at < unfinished_since(op)
}

/// What changed last before that, in microseconds, is finished whatever its status.
pub(super) fn unfinished_since(op: &OpCtx) -> i64 {
    let timeout = op.host.limits.job_timeout.unwrap_or(TIMEOUT);
    let timeout = i64::try_from(timeout.as_micros()).unwrap_or(i64::MAX);
    op.now.as_micros().saturating_sub(timeout)
}

fn items(op: &mut OpCtx, rows: Vec<JobRow>) -> Result<Vec<JobItem>, OpError> {
    let owners: Vec<i64> = rows.iter().map(|row| row.owner_id).collect();
    let names = user::usernames(&mut op.db, &owners)?;
    let targets: Vec<i64> = rows.iter().filter_map(|row| row.target_id).collect();
    let targets = targets_of(op, targets)?;
    let now = op.now.as_micros();
    let item = |row: JobRow| {
        let until = if is_finished(op, &row) { row.updated_at } else { now };
        JobItem {
            id: row.id,
            user: names.get(&row.owner_id).cloned().unwrap_or_default(),
            status: row.status,
            operation: row.operation,
            created_at: op.host.zone.iso(Timestamp::from_micros(row.created_at)),
            target: row.target_id.and_then(|id| targets.get(&id).cloned()),
            passed_time: (until - row.created_at).max(0) / 1_000_000,
            text: row.text,
        }
    };
    Ok(rows.into_iter().map(item).collect())
}

/// Entries and entities by id: they share one space. Three statements at most.
fn targets_of(op: &mut OpCtx, mut ids: Vec<i64>) -> Result<HashMap<i64, TargetItem>, OpError> {
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = entries::by_ids(&mut op.db, &ids)?;
    ids.extend(found.iter().map(|entry| entry.entity_id));
    let entities: HashMap<i64, String> =
        entities::by_ids(&mut op.db, &ids)?.into_iter().map(|row| (row.id, row.name)).collect();
    let mut targets: HashMap<i64, TargetItem> = entities
        .iter()
        .map(|(id, name)| {
            (*id, TargetItem { id: *id, name: name.clone(), schema_id: None, schema_name: None })
        })
        .collect();
    targets.extend(found.into_iter().map(|entry| {
        let schema_name = entities.get(&entry.entity_id).cloned();
        let item =
            TargetItem { id: entry.id, name: entry.name, schema_id: Some(entry.entity_id), schema_name };
        (entry.id, item)
    }));
    Ok(targets)
}
