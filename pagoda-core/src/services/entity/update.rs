//! Changes an entity and its definitions. *Source: spec, entity §2.4.*

use super::besides::Besides;
use super::changes::changes;
use super::create::{insert_attrs, set_chain_excludes};
use super::records::{Touched, note_updated};
use super::removal::remove_attr;
use super::rules::{self, AttrComplaints, Proposed};
use super::{EntityInput, TOPLEVEL, fill_row, model, open_to_change};
use crate::services::acl::{self, Subject};
use crate::services::audit::Action;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::ids;
use crate::store::queries::{attr, entity as entities};
use crate::store::rows::EntityRow;
use crate::wire::Fields;
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::model::{Entity, EntityRef, Level};
use pagoda_plugin_sdk::payload::{EntityAfterUpdate, EntityAttrChange, EntityBeforeUpdate, EntityValidation};
use std::collections::HashMap;
use std::sync::Arc;

/// An entity that may be changed, found before the request body is read.
pub struct EntityUpdate(EntityRow);

impl EntityUpdate {
    /// Finds the entity: it is active and may be written.
    ///
    /// # Errors
    /// Which of these does not hold.
    pub fn open(op: &mut OpCtx, id: i64) -> Result<Self, OpError> {
        open_to_change(op, id, Level::Writable).map(Self)
    }
}

/// Changes an entity; what the request leaves out stays as it is.
///
/// # Errors
/// What the request breaks, or who refused.
pub fn update(op: &mut OpCtx, target: EntityUpdate, mut input: EntityInput) -> Result<(), OpError> {
    let EntityUpdate(row) = target;
    let current = model(op, &row)?;
    let mut besides = Besides::take(op, Some(row.id), &mut input)?;
    let (mut payload, mut errors, attr_errors) = as_payload(&row, &current, input);
    let bad_form = !errors.is_empty() || besides.is_bad() || attr_errors.is_bad();
    if !bad_form {
        require_attrs(op, &row, &payload.attrs)?;
        op.transform::<hooks::entity::before_update>(&mut payload)?;
        payload.attrs.iter_mut().for_each(|change| rules::normalise(&mut change.definition));
    }
    besides.judge(op, &mut errors)?;
    let proposed = Proposed {
        id: Some(row.id),
        name: payload.name.as_deref().filter(|_| !errors.has("name")),
        note: payload.note.as_deref(),
        item_name_pattern: payload.item_name_pattern.as_deref(),
        item_name_type: payload.item_name_type.as_deref(),
        changes: &payload.attrs,
        existing: &current.attrs,
    };
    rules::judge(op, &proposed, errors, attr_errors)?;
    payload.attrs.iter_mut().for_each(|change| rules::drop_unused_referral(&mut change.definition));
    // Handlers may have added changes of other definitions.
    require_attrs(op, &row, &payload.attrs)?;
    op.check::<hooks::pagoda::entity::validation>(|| {
        let mut check = EntityValidation::default();
        check.proposed = as_model(&current, &payload);
        check.entity = check.proposed.to_ref();
        check.current = Some(current.clone());
        check
    })?;
    let (updated, touched) = store(op, row, payload)?;
    note_updated(op, &current, &updated, touched)?;
    let detail = besides.write(op, updated.id)?;
    op.audit(Action::EntityUpdate, &updated.to_ref(), || changes(&current, &updated, detail));
    let user = op.request.user.as_deref().cloned();
    op.observe::<hooks::entity::after_update>(|| {
        let mut payload = EntityAfterUpdate::default();
        payload.entity = updated.to_ref();
        payload.previous = current;
        payload.current = updated.clone();
        payload.user = user;
        payload
    });
    Ok(())
}

fn as_payload(
    row: &EntityRow,
    current: &Entity,
    input: EntityInput,
) -> (EntityBeforeUpdate, Fields, AttrComplaints) {
    let mut payload = EntityBeforeUpdate::default();
    payload.entity = EntityRef { id: row.id, name: row.name.clone() };
    payload.current = Arc::new(current.clone());
    payload.name = input.name;
    payload.note = input.note;
    payload.item_name_pattern = input.item_name_pattern;
    payload.item_name_type = input.item_name_type;
    payload.is_toplevel = input.is_toplevel;
    payload.delete_chain_exclude_entities = input.chain_excludes;
    let mut attr_errors = AttrComplaints::default();
    for (at, mut attr) in input.attrs.into_iter().enumerate() {
        // A new definition that is deleted at once is accepted and nothing. *Source: spec, entity §2.4.*
        if attr.id.is_none() && attr.is_deleted && attr.errors.is_empty() {
            continue;
        }
        attr_errors.add(at, std::mem::take(&mut attr.errors));
        let present = attr.id.and_then(|id| current.attrs.iter().find(|attr| attr.id == id));
        payload.attrs.push(attr.into_change(present));
    }
    (payload, input.errors, attr_errors)
}

/// Changing a definition needs writable on it, removing it needs full. Unknown ids are for the rules.
fn require_attrs(op: &mut OpCtx, entity: &EntityRow, changes: &[EntityAttrChange]) -> Result<(), OpError> {
    let ids: Vec<i64> = changes.iter().filter_map(|change| change.id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut rows = attr::by_ids(&mut op.db, &ids)?;
    rows.retain(|row| row.entity_id == entity.id && row.is_active);
    acl::look_ahead(op, rows.iter().map(|row| Subject::attr(row, entity)))?;
    for row in &rows {
        let removed = changes.iter().any(|change| change.id == Some(row.id) && change.is_deleted);
        let level = if removed { Level::Full } else { Level::Writable };
        acl::require(op, &Subject::attr(row, entity), level)?;
    }
    Ok(())
}

fn as_model(current: &Entity, payload: &EntityBeforeUpdate) -> Entity {
    let mut model = current.clone();
    model.name = payload.name.clone().unwrap_or(model.name);
    model.note = payload.note.clone().unwrap_or(model.note);
    model.item_name_pattern = payload.item_name_pattern.clone().unwrap_or(model.item_name_pattern);
    model.item_name_type = payload.item_name_type.clone().unwrap_or(model.item_name_type);
    model.is_toplevel = payload.is_toplevel.unwrap_or(model.is_toplevel);
    if let Some(excludes) = &payload.delete_chain_exclude_entities {
        model.delete_chain_exclude_entities.clone_from(excludes);
    }
    for change in &payload.attrs {
        match model.attrs.iter().position(|attr| Some(attr.id) == change.id) {
            Some(at) if change.is_deleted => drop(model.attrs.remove(at)),
            Some(at) => {
                if let Some(attr) = model.attrs.get_mut(at) {
                    attr.clone_from(&change.definition);
                }
            }
            None => model.attrs.push(change.definition.clone()),
        }
    }
    model.attrs.sort_by_key(|attr| attr.index);
    model
}

/// Writes the rows; returns the entity as it is now, and what became of the listed definitions in their order.
fn store(
    op: &mut OpCtx,
    mut row: EntityRow,
    payload: EntityBeforeUpdate,
) -> Result<(Entity, Vec<Touched>), OpError> {
    let listed: Vec<(Option<i64>, bool)> =
        payload.attrs.iter().map(|change| (change.id, change.is_deleted)).collect();
    let mut deleted_names = HashMap::new();
    // Removals first: a new definition may take the name of a removed one.
    let (removed, kept): (Vec<_>, Vec<_>) = payload.attrs.into_iter().partition(|change| change.is_deleted);
    for change in removed {
        if let Some(id) = change.id {
            deleted_names.insert(id, remove_attr(op, &row, id)?);
        }
    }
    if let Some(name) = payload.name {
        row.name = name;
    }
    if let Some(note) = payload.note {
        row.note = note;
    }
    if let Some(pattern) = payload.item_name_pattern {
        row.item_name_pattern = pattern;
    }
    if let Some(name_type) = payload.item_name_type {
        row.item_name_type = name_type;
    }
    if let Some(is_toplevel) = payload.is_toplevel {
        row.status = if is_toplevel { row.status | TOPLEVEL } else { row.status & !TOPLEVEL };
    }
    row.updated_time = op.now.as_micros();
    entities::update(&mut op.db, &row).map_err(rules::conflict)?;
    let (changed, new): (Vec<_>, Vec<_>) = kept.into_iter().partition(|change| change.id.is_some());
    change_attrs(op, changed)?;
    let new_ids = if new.is_empty() { Vec::new() } else { ids::allocate(&mut op.db, new.len())? };
    insert_attrs(op, row.id, new.into_iter().map(|change| change.definition).collect(), &new_ids)?;
    if let Some(excludes) = payload.delete_chain_exclude_entities {
        set_chain_excludes(op, row.id, &excludes)?;
    }
    let mut new_ids = new_ids.into_iter();
    let touched = listed.into_iter().filter_map(|listed| match listed {
        (Some(id), true) => Some(Touched::Removed(id, deleted_names.remove(&id)?)),
        (Some(id), false) => Some(Touched::Listed(id)),
        // A new definition that is deleted at once is nothing.
        (None, true) => None,
        (None, false) => new_ids.next().map(Touched::Added),
    });
    let touched = touched.collect();
    Ok((model(op, &row)?, touched))
}

/// Writes changed definitions. When some swap their names, the old ones are moved out of the way first.
fn change_attrs(op: &mut OpCtx, changes: Vec<EntityAttrChange>) -> Result<(), OpError> {
    let ids: Vec<i64> = changes.iter().filter_map(|change| change.id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut rows = attr::by_ids(&mut op.db, &ids)?;
    let renamed = |row: &crate::store::rows::EntityAttrRow, change: &EntityAttrChange| {
        change.id == Some(row.id) && change.definition.name != row.name
    };
    for row in &mut rows {
        let takes_over =
            changes.iter().any(|change| change.definition.name == row.name && change.id != Some(row.id));
        if takes_over && changes.iter().any(|change| renamed(row, change)) {
            row.name = format!("\u{1}{}", row.id);
            attr::update(&mut op.db, row)?;
        }
    }
    for change in changes {
        let Some(row) = rows.iter_mut().find(|row| Some(row.id) == change.id) else { continue };
        fill_row(row, &change.definition);
        row.updated_time = op.now.as_micros();
        attr::update(&mut op.db, row).map_err(rules::conflict)?;
        if change.definition.attr_type.refers_to_entries() {
            attr::set_referrals(&mut op.db, row.id, &change.definition.referral)?;
        }
    }
    Ok(())
}
