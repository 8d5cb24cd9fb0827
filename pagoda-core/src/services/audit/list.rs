//! The log as administrators see it.

use crate::services::acl;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::audit::{self, AuditFilter};
use crate::store::rows::AuditRow;
use pagoda_plugin_sdk::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

/// A row of the log as it is shown and exported: everything that its hash covers.
#[derive(Debug, Serialize)]
pub struct AuditItem {
    /// Its place: from 1, without gaps.
    pub seq: i64,
    /// When, in UTC with microseconds.
    pub at: String,
    /// Id of who acted.
    pub actor_id: Option<i64>,
    /// Name of who acted, at that time.
    pub actor: Option<String>,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub object_kind: Option<String>,
    /// Its id.
    pub object_id: Option<i64>,
    /// Its name, at that time.
    pub object_name: Option<String>,
    /// The plugin through which it was done.
    pub plugin: Option<String>,
    /// The request.
    pub trace_id: String,
    /// Where the request came from.
    pub origin: String,
    /// More: a JSON object, byte for byte as it is stored.
    pub detail: Box<RawValue>,
    /// Hash of the row before.
    pub prev_hash: String,
    /// Hash of this row.
    pub hash: String,
}

impl From<AuditRow> for AuditItem {
    fn from(row: AuditRow) -> Self {
        Self {
            seq: row.seq,
            at: Timestamp::from_micros(row.at).utc_iso(),
            actor_id: row.actor_id,
            actor: row.actor,
            action: row.action,
            object_kind: row.object_kind,
            object_id: row.object_id,
            object_name: row.object_name,
            plugin: row.plugin,
            trace_id: row.trace_id,
            origin: row.origin,
            detail: raw(row.detail),
            prev_hash: row.prev_hash,
            hash: row.hash,
        }
    }
}

/// What is no JSON, or would break the line, was tampered with; it is shown as a text.
fn raw(detail: String) -> Box<RawValue> {
    let text = detail.clone();
    match RawValue::from_string(detail) {
        Ok(raw) if !text.contains(['\n', '\r']) => raw,
        _ => serde_json::value::to_raw_value(&text).unwrap_or_default(),
    }
}

/// A page of the log for administrators, newest first, and how many rows match in all.
///
/// # Errors
/// The acting user is no administrator.
pub fn list(
    op: &mut OpCtx,
    filter: &AuditFilter,
    limit: i64,
    offset: i64,
) -> Result<(Vec<AuditItem>, i64), OpError> {
    acl::require_superuser(op)?;
    let page = audit::list(&mut op.db, filter, limit, offset)?;
    Ok((page.rows.into_iter().map(AuditItem::from).collect(), page.total))
}
