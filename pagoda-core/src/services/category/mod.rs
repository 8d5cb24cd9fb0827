//! Categories put entities together for people. *Source: spec, trigger-webhook-category, part C.*
//!
//! Start reading at [`list`]: who may read a category decides which ones exist for a user.

mod input;
mod write;

pub use input::CategoryInput;
pub use write::{CategoryWritten, create, delete, open_to_change, update};

use super::acl::{self, Subject, memo};
use super::ctx::OpCtx;
use super::error::OpError;
use crate::store::queries::category::{self as categories, CategoryFilter, CategoryReader};
use crate::store::rows::{CategoryRow, EntityRow, Paged};
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::model::Level;
use serde::Serialize;
use std::collections::HashMap;

/// A category, exactly the keys of the wire.
#[derive(Debug, Clone, Serialize)]
pub struct CategoryItem {
    id: i64,
    name: String,
    note: String,
    models: Vec<Model>,
    priority: i32,
    permission: i32,
}

/// An entity of a category.
#[derive(Debug, Clone, Serialize)]
struct Model {
    id: i64,
    name: String,
    is_public: bool,
    permission: i32,
}

/// A page of the active categories that the acting user may read, and how many those are in all.
///
/// The rules are part of the statement, so page and count are right however many categories there are. Handlers of
/// `user.before_permission_check` can only be asked one category at a time: with any, all candidates are read and
/// those count that no handler withholds. What handlers withhold they withhold from administrators too.
///
/// # Errors
/// Nobody acts, or the database does not answer.
pub fn list(op: &mut OpCtx, mut filter: CategoryFilter) -> Result<(Vec<CategoryItem>, i64), OpError> {
    filter.reader = if op.user()?.is_superuser {
        None
    } else {
        Some(CategoryReader { level: Level::Readable.code(), roles: memo::roles(op)? })
    };
    let page = if op.wants::<hooks::user::before_permission_check>() {
        page_of_asked(op, filter)?
    } else {
        categories::list(&mut op.db, &filter)?
    };
    Ok((items(op, page.rows)?, page.total))
}

fn page_of_asked(op: &mut OpCtx, filter: CategoryFilter) -> Result<Paged<CategoryRow>, OpError> {
    let (limit, offset) = (filter.limit, filter.offset);
    let candidates = categories::list(&mut op.db, &CategoryFilter { limit: None, offset: 0, ..filter })?;
    acl::look_ahead(op, candidates.rows.iter().map(Subject::from))?;
    let (mut rows, mut total) = (Vec::new(), 0);
    for row in candidates.rows {
        if !acl::allowed(op, &Subject::from(&row), Level::Readable)? {
            continue;
        }
        let shown = total >= offset && limit.is_none_or(|limit| total - offset < limit);
        total += 1;
        if shown {
            rows.push(row);
        }
    }
    Ok(Paged { rows, total })
}

/// An active category that the acting user may read.
///
/// # Errors
/// There is none: to others a category does not exist.
pub fn detail(op: &mut OpCtx, id: i64) -> Result<CategoryItem, OpError> {
    let row = open(op, id)?;
    items(op, vec![row])?.pop().ok_or_else(|| missing(id))
}

fn open(op: &mut OpCtx, id: i64) -> Result<CategoryRow, OpError> {
    let found = categories::by_id(&mut op.db, id)?.filter(|category| category.is_active);
    let category = found.ok_or_else(|| missing(id))?;
    if acl::allowed(op, &Subject::from(&category), Level::Readable)? {
        Ok(category)
    } else {
        Err(missing(id))
    }
}

fn missing(id: i64) -> OpError {
    OpError::not_found("category", id)
}

fn items(op: &mut OpCtx, rows: Vec<CategoryRow>) -> Result<Vec<CategoryItem>, OpError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let within = categories::entities_of(&mut op.db, &ids)?;
    let entities = within.iter().map(|(_, entity)| Subject::from(entity));
    acl::look_ahead(op, rows.iter().map(Subject::from).chain(entities))?;
    let mut models: HashMap<i64, Vec<Model>> = HashMap::new();
    for (category, entity) in within {
        models.entry(category).or_default().push(model(op, entity)?);
    }
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(CategoryItem {
            permission: acl::permission(op, &Subject::from(&row))?,
            models: models.remove(&row.id).unwrap_or_default(),
            id: row.id,
            name: row.name,
            note: row.note,
            priority: row.priority,
        });
    }
    Ok(items)
}

/// Entities that the user may not read are shown as well, with `permission` 1.
fn model(op: &mut OpCtx, entity: EntityRow) -> Result<Model, OpError> {
    let permission = acl::permission(op, &Subject::from(&entity))?;
    Ok(Model { id: entity.id, name: entity.name, is_public: entity.is_public, permission })
}
