//! Categories are made, changed and deleted. *Source: spec, trigger-webhook-category, part C.*

use super::{CategoryInput, Model, items};
use crate::services::acl::{self, Subject};
use crate::services::audit::{Action, AuditObject};
use crate::services::ctx::OpCtx;
use crate::services::entry::deleted_name;
use crate::services::error::OpError;
use crate::store::ids;
use crate::store::queries::{category as categories, entity as entities, lock};
use crate::store::rows::{CategoryRow, NewCategory};
use pagoda_plugin_sdk::model::Level;
use serde::Serialize;
use serde_json::json;

/// A category that was written, exactly the keys of the wire: its own `permission` is not among them.
#[derive(Debug, Clone, Serialize)]
pub struct CategoryWritten {
    id: i64,
    name: String,
    note: String,
    models: Vec<Model>,
    priority: i32,
}

/// Makes a category: public, like every new object.
///
/// # Errors
/// The acting user may write nothing, or the database does not do it.
pub fn create(op: &mut OpCtx, input: CategoryInput) -> Result<CategoryWritten, OpError> {
    acl::require_writer(op)?;
    let CategoryInput { name, note, priority, models } = input;
    let new = NewCategory {
        id: ids::allocate(&mut op.db, 1)?.first().copied().unwrap_or_default(),
        name,
        note: note.unwrap_or_default(),
        priority: priority.unwrap_or_default(),
        is_public: true,
        default_permission: Level::Nothing.code(),
        created_user_id: op.user_id(),
        created_time: op.now.as_micros(),
    };
    let row = categories::insert(&mut op.db, &new)?;
    let models = set_models(op, row.id, &models)?;
    op.audit(
        Action::CategoryCreate,
        object(row.id, &row.name),
        || json!({"priority": row.priority, "models": models}),
    );
    written(op, row)
}

/// An active category of which the acting user has the level, locked and found before the request body is read.
///
/// # Errors
/// There is no such category for this user, or the level is missing.
pub fn open_to_change(op: &mut OpCtx, id: i64, level: Level) -> Result<CategoryRow, OpError> {
    lock::category(&mut op.db, id)?;
    let row = super::open(op, id)?;
    acl::require(op, &Subject::from(&row), level)?;
    Ok(row)
}

/// Changes a category that [`open_to_change`] found. Note and priority stay where the request does not name them; its
/// active entities are replaced.
///
/// # Errors
/// The database does not do it.
pub fn update(
    op: &mut OpCtx,
    mut row: CategoryRow,
    input: CategoryInput,
) -> Result<CategoryWritten, OpError> {
    let CategoryInput { name, note, priority, models } = input;
    let previous = std::mem::replace(&mut row.name, name);
    row.note = note.unwrap_or(row.note);
    row.priority = priority.unwrap_or(row.priority);
    row.updated_time = op.now.as_micros();
    categories::update(&mut op.db, &row)?;
    let models = set_models(op, row.id, &models)?;
    op.audit(
        Action::CategoryUpdate,
        object(row.id, &row.name),
        || json!({"previous_name": previous, "priority": row.priority, "models": models}),
    );
    written(op, row)
}

/// Deletes a category: it stays in the database, inactive and under another name.
///
/// # Errors
/// There is no such category for this user, or it may not be deleted.
pub fn delete(op: &mut OpCtx, id: i64) -> Result<(), OpError> {
    let mut row = open_to_change(op, id, Level::Full)?;
    let deleted = deleted_name(&row.name, op.now, &op.host.zone);
    let previous = std::mem::replace(&mut row.name, deleted);
    row.is_active = false;
    row.deleted_user_id = op.user_id();
    row.deleted_time = Some(op.now.as_micros());
    row.updated_time = op.now.as_micros();
    categories::update(&mut op.db, &row)?;
    op.audit(Action::CategoryDelete, object(id, &previous), || json!({"deleted_name": row.name}));
    Ok(())
}

/// Sets the active entities; ids that are of none are passed over. Gives those that are in it now.
fn set_models(op: &mut OpCtx, id: i64, models: &[i64]) -> Result<Vec<i64>, OpError> {
    let found = entities::by_ids(&mut op.db, models)?.into_iter().filter(|entity| entity.is_active);
    let active: Vec<i64> = found.map(|entity| entity.id).collect();
    categories::set_entities(&mut op.db, id, &active)?;
    Ok(active)
}

fn written(op: &mut OpCtx, row: CategoryRow) -> Result<CategoryWritten, OpError> {
    let id = row.id;
    let item = items(op, vec![row])?.pop().ok_or_else(|| super::missing(id))?;
    let (name, note) = (item.name, item.note);
    Ok(CategoryWritten { id, name, note, models: item.models, priority: item.priority })
}

fn object(id: i64, name: &str) -> AuditObject {
    AuditObject { kind: "category", id: Some(id), name: name.to_owned() }
}
