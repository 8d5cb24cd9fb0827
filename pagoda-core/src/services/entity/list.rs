//! Lists of entities. *Source: spec, entity §2.1.*

use super::{TOPLEVEL, model_with};
use crate::services::acl::{self, Subject};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::entity::{self as entities, EntityFilter};
use crate::store::queries::user;
use crate::store::rows::EntityRow;
use pagoda_plugin_sdk::model::{Entity, Level};
use serde::Serialize;

/// An entity as lists show it, exactly the eight keys of the wire.
#[derive(Debug, Clone, Serialize)]
pub struct EntityItem {
    id: i64,
    name: String,
    note: String,
    item_name_pattern: String,
    item_name_type: String,
    status: i32,
    is_toplevel: bool,
    permission: i32,
}

/// A page of the active entities. Those that the user may not read are in it, with `permission` 1.
///
/// # Errors
/// The database does not answer.
pub fn list(op: &mut OpCtx, filter: &EntityFilter) -> Result<(Vec<EntityItem>, i64), OpError> {
    let page = entities::list(&mut op.db, filter)?;
    acl::look_ahead(op, page.rows.iter().map(Subject::from))?;
    let mut items = Vec::with_capacity(page.rows.len());
    for row in page.rows {
        items.push(EntityItem {
            permission: acl::permission(op, &Subject::from(&row))?,
            id: row.id,
            name: row.name,
            note: row.note,
            item_name_pattern: row.item_name_pattern,
            item_name_type: row.item_name_type,
            status: row.status,
            is_toplevel: row.status & TOPLEVEL != 0,
        });
    }
    Ok((items, page.total))
}

/// Active entities by ascending id that the acting user may read, without their definitions. `terms`, in
/// lower case, must all be in the name.
///
/// # Errors
/// The database does not answer.
pub fn browse(
    op: &mut OpCtx,
    terms: &[String],
    mut after: i64,
    limit: usize,
) -> Result<Vec<Entity>, OpError> {
    let page_size = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut found: Vec<EntityRow> = Vec::new();
    while found.len() < limit {
        let page = entities::all_active(&mut op.db, page_size, after)?;
        let Some(last) = page.last() else { break };
        after = last.id;
        acl::look_ahead(op, page.iter().map(Subject::from))?;
        let full = page.len() >= limit;
        for row in page {
            let matches = terms.iter().all(|term| row.name_folded.contains(term));
            if matches && found.len() < limit && acl::allowed(op, &Subject::from(&row), Level::Readable)? {
                found.push(row);
            }
        }
        if !full {
            break;
        }
    }
    let creators: Vec<i64> = found.iter().filter_map(|row| row.created_user_id).collect();
    let names = user::usernames(&mut op.db, &creators)?;
    let named = |row: &EntityRow| model_with(row, row.created_user_id.and_then(|id| names.get(&id).cloned()));
    Ok(found.iter().map(named).collect())
}
