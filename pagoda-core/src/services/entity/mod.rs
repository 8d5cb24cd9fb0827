//! Entities: one file per operation.

mod attr_names;
mod besides;
mod changes;
mod create;
mod delete;
mod detail;
mod history;
mod input;
mod isolation;
mod isolation_rule;
mod list;
mod probe;
mod records;
mod removal;
mod rules;
mod update;
mod webhook;

pub use attr_names::{AttrName, attr_names};
pub use create::create;
pub use delete::delete;
pub use detail::{EntityDetail, detail};
pub use history::{HistoryItem, OlderItem, history, older_history};
pub use input::EntityInput;
pub use isolation::isolated;
pub use isolation_rule::RuleInput;
pub use list::{EntityItem, browse, list};
pub(crate) use probe::Probes;
pub use update::{EntityUpdate, update};
pub use webhook::WebhookInput;

use super::acl::{self, Subject};
use super::ctx::OpCtx;
use super::error::OpError;
use crate::store::queries::{attr, entity, lock, user};
use crate::store::rows::{EntityAttrRow, EntityRow};
use pagoda_plugin_sdk::model::{AttrType, Entity, EntityAttr, Level};
use pagoda_plugin_sdk::time::Timestamp;

/// The bit of `status` that puts an entity at the top level. *Source: spec, entity §1.1.*
pub const TOPLEVEL: i32 = 1;

/// An active entity that the acting user may `level`.
///
/// # Errors
/// There is none, or the permission is missing.
pub fn open(op: &mut OpCtx, id: i64, level: Level) -> Result<EntityRow, OpError> {
    let found = entity::by_id(&mut op.db, id)?.filter(|entity| entity.is_active);
    let entity = found.ok_or_else(|| OpError::not_found("entity", id))?;
    acl::require(op, &Subject::from(&entity), level)?;
    Ok(entity)
}

/// As [`open`], for an operation that changes it: locked before it is read.
///
/// # Errors
/// As [`open`].
pub fn open_to_change(op: &mut OpCtx, id: i64, level: Level) -> Result<EntityRow, OpError> {
    lock::entity(&mut op.db, id)?;
    open(op, id, level)
}

/// As [`open`], for an operation that adds an entry to it: it stays until that is done.
///
/// # Errors
/// As [`open`].
pub fn open_to_fill(op: &mut OpCtx, id: i64) -> Result<EntityRow, OpError> {
    lock::entity_to_fill(&mut op.db, id)?;
    open(op, id, Level::Writable)
}

/// An entity as plugins see it, with its definitions.
///
/// # Errors
/// The database does not answer.
pub fn model(op: &mut OpCtx, row: &EntityRow) -> Result<Entity, OpError> {
    let attrs = attr::active_of(&mut op.db, row.id)?;
    let mut model = bare_model(op, row)?;
    model.attrs = attr_models(op, &attrs)?;
    let excludes = entity::chain_excludes(&mut op.db, row.id)?;
    model.delete_chain_exclude_entities = excludes.into_iter().map(|(id, _)| id).collect();
    Ok(model)
}

/// An entity as plugins see it, without its definitions.
fn bare_model(op: &mut OpCtx, row: &EntityRow) -> Result<Entity, OpError> {
    let creator: Vec<i64> = row.created_user_id.into_iter().collect();
    let mut names = user::usernames(&mut op.db, &creator)?;
    Ok(model_with(row, row.created_user_id.and_then(|id| names.remove(&id))))
}

fn model_with(row: &EntityRow, created_user: Option<String>) -> Entity {
    let mut model = Entity::default();
    model.id = row.id;
    model.name.clone_from(&row.name);
    model.note.clone_from(&row.note);
    model.item_name_pattern.clone_from(&row.item_name_pattern);
    model.item_name_type.clone_from(&row.item_name_type);
    model.is_toplevel = row.status & TOPLEVEL != 0;
    model.is_active = row.is_active;
    model.created_user = created_user;
    model.created_time = Timestamp::from_micros(row.created_time);
    model
}

/// Definitions as plugins see them.
fn attr_models(op: &mut OpCtx, rows: &[EntityAttrRow]) -> Result<Vec<EntityAttr>, OpError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let referrals = if ids.is_empty() { Vec::new() } else { attr::referrals(&mut op.db, &ids)? };
    let json = |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let model = |row: &EntityAttrRow| {
        let mut model = EntityAttr::default();
        model.id = row.id;
        model.name.clone_from(&row.name);
        model.attr_type = AttrType::from_code(i64::from(row.attr_type)).unwrap_or(AttrType::String);
        model.index = row.sort_index;
        model.is_mandatory = row.is_mandatory;
        model.is_delete_in_chain = row.is_delete_in_chain;
        model.is_summarized = row.is_summarized;
        model.note.clone_from(&row.note);
        model.referral =
            referrals.iter().filter(|(attr, _, _)| *attr == row.id).map(|(_, entity, _)| *entity).collect();
        model.default_value = json(&row.default_value);
        model.choices = json(&row.choices);
        model.name_order = row.name_order;
        model.name_prefix.clone_from(&row.name_prefix);
        model.name_postfix.clone_from(&row.name_postfix);
        model.display_attr.clone_from(&row.display_attr);
        model
    };
    Ok(rows.iter().map(model).collect())
}

/// Puts what a definition says into its row.
fn fill_row(row: &mut EntityAttrRow, model: &EntityAttr) {
    row.name.clone_from(&model.name);
    row.attr_type = model.attr_type.code();
    row.sort_index = model.index;
    row.is_mandatory = model.is_mandatory;
    row.is_delete_in_chain = model.is_delete_in_chain;
    row.is_summarized = model.is_summarized;
    row.note.clone_from(&model.note);
    row.default_value = model.default_value.as_ref().map(ToString::to_string);
    row.choices = model.choices.as_ref().map(ToString::to_string);
    row.name_order = model.name_order;
    row.name_prefix.clone_from(&model.name_prefix);
    row.name_postfix.clone_from(&model.name_postfix);
    row.display_attr.clone_from(&model.display_attr);
}
