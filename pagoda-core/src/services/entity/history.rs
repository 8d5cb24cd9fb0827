//! What happened to an entity, as the wire shows it. *Source: spec, entity §2.7.*

use crate::services::acl::{self, Subject};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{attr, entity as entities, entity_history as records, user};
use crate::store::rows::{EntityHistoryRow, EntityRow, Paged};
use pagoda_plugin_sdk::model::Level;
use pagoda_plugin_sdk::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;

/// One record, exactly the seven keys of the wire.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryItem {
    operation: i32,
    time: String,
    username: String,
    text: &'static str,
    target_obj: String,
    is_detail: bool,
    changes: Value,
}

/// One record of an entity with those of its definitions, as the older route shows it.
#[derive(Debug, Clone, Serialize)]
pub struct OlderItem {
    user: OlderUser,
    operation: i32,
    details: Vec<OlderDetail>,
    time: String,
}

#[derive(Debug, Clone, Serialize)]
struct OlderUser {
    username: String,
}

#[derive(Debug, Clone, Serialize)]
struct OlderDetail {
    operation: i32,
    target_obj: OlderTarget,
    text: &'static str,
}

#[derive(Debug, Clone, Serialize)]
struct OlderTarget {
    name: String,
}

/// One page of what happened to an entity in any state, newest first.
///
/// # Errors
/// There is no such entity, or it may not be read.
pub fn history(op: &mut OpCtx, id: i64, limit: i64, offset: i64) -> Result<Paged<HistoryItem>, OpError> {
    let found = entities::by_id(&mut op.db, id)?;
    let entity = found.ok_or_else(|| OpError::not_found("entity", id))?;
    acl::require(op, &Subject::from(&entity), Level::Readable)?;
    let page = records::list(&mut op.db, id, limit, offset)?;
    let names = Names::of(op, entity, &page.rows)?;
    let mut items = Vec::with_capacity(page.rows.len());
    for row in page.rows {
        items.push(HistoryItem {
            operation: row.operation,
            time: op.host.zone.iso(Timestamp::from_micros(row.at)),
            username: names.user(&row),
            text: "",
            target_obj: names.target(&row),
            is_detail: row.parent_id.is_some(),
            changes: serde_json::from_str(&row.changes)
                .map_err(|error| OpError::Internal(anyhow::anyhow!("record {}: {error}", row.id)))?,
        });
    }
    Ok(Paged { rows: items, total: page.total })
}

/// All that happened to an entity in any state, newest first, with what happened to its definitions in the order of
/// the request; none when there is no such entity.
///
/// # Errors
/// It may not be read.
pub fn older_history(op: &mut OpCtx, id: i64) -> Result<Option<Vec<OlderItem>>, OpError> {
    let Some(entity) = entities::by_id(&mut op.db, id)? else { return Ok(None) };
    acl::require(op, &Subject::from(&entity), Level::Readable)?;
    let rows = records::all_of(&mut op.db, id)?;
    let names = Names::of(op, entity, &rows)?;
    let mut details: HashMap<i64, Vec<OlderDetail>> = HashMap::new();
    for row in &rows {
        if let Some(parent) = row.parent_id {
            details.entry(parent).or_default().push(OlderDetail {
                operation: row.operation,
                target_obj: OlderTarget { name: names.target(row) },
                text: "",
            });
        }
    }
    let item = |row: &EntityHistoryRow| OlderItem {
        user: OlderUser { username: names.user(row) },
        operation: row.operation,
        details: details.remove(&row.id).unwrap_or_default(),
        time: op.host.zone.iso(Timestamp::from_micros(row.at)),
    };
    Ok(Some(rows.iter().rev().filter(|row| row.parent_id.is_none()).map(item).collect()))
}

/// What the objects and users of some records are called now.
struct Names {
    entity: EntityRow,
    attrs: HashMap<i64, String>,
    users: HashMap<i64, String>,
}

impl Names {
    fn of(op: &mut OpCtx, entity: EntityRow, rows: &[EntityHistoryRow]) -> Result<Self, OpError> {
        let mut ids: Vec<i64> =
            rows.iter().filter(|row| row.parent_id.is_some()).map(|row| row.object_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let attrs = attr::by_ids(&mut op.db, &ids)?.into_iter().map(|row| (row.id, row.name)).collect();
        let mut authors: Vec<i64> = rows.iter().filter_map(|row| row.user_id).collect();
        authors.sort_unstable();
        authors.dedup();
        let users = user::usernames(&mut op.db, &authors)?;
        Ok(Self { entity, attrs, users })
    }

    fn target(&self, row: &EntityHistoryRow) -> String {
        let name = match row.parent_id {
            None => Some(&self.entity.name),
            Some(_) => self.attrs.get(&row.object_id),
        };
        name.cloned().unwrap_or_default()
    }

    /// Empty where nobody acted.
    fn user(&self, row: &EntityHistoryRow) -> String {
        row.user_id.and_then(|id| self.users.get(&id).cloned()).unwrap_or_default()
    }
}
