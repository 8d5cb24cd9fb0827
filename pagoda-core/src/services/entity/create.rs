//! Creates an entity. *Source: spec, entity §2.3.*

use super::besides::Besides;
use super::records::note_created;
use super::rules::{self, AttrComplaints, Proposed};
use super::{EntityInput, TOPLEVEL, fill_row, model};
use crate::services::acl;
use crate::services::audit::{Action, listed};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::ids;
use crate::store::queries::{attr, entity as entities};
use crate::store::rows::{NewEntity, NewEntityAttr};
use crate::wire::Fields;
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::model::{Entity, EntityAttr, EntityRef, Level};
use pagoda_plugin_sdk::payload::{EntityAfterCreate, EntityAttrChange, EntityBeforeCreate, EntityValidation};
use serde_json::Value;

/// Creates an entity with its definitions.
///
/// # Errors
/// What the request breaks, or who refused.
pub fn create(op: &mut OpCtx, mut input: EntityInput) -> Result<Entity, OpError> {
    acl::require_writer(op)?;
    let mut besides = Besides::take(op, None, &mut input)?;
    let (mut payload, mut errors, attr_errors) = as_payload(input);
    let bad_form = !errors.is_empty() || besides.is_bad() || attr_errors.is_bad();
    if !bad_form {
        op.transform::<hooks::entity::before_create>(&mut payload)?;
        payload.attrs.iter_mut().for_each(rules::normalise);
    }
    besides.judge(op, &mut errors)?;
    let changes = as_changes(&payload.attrs);
    let proposed = Proposed {
        id: None,
        name: (!errors.has("name")).then_some(payload.entity.name.as_str()),
        note: Some(&payload.note),
        item_name_pattern: Some(&payload.item_name_pattern),
        item_name_type: Some(&payload.item_name_type),
        changes: &changes,
        existing: &[],
    };
    rules::judge(op, &proposed, errors, attr_errors)?;
    payload.attrs.iter_mut().for_each(rules::drop_unused_referral);
    op.check::<hooks::pagoda::entity::validation>(|| {
        let mut check = EntityValidation::default();
        check.entity = payload.entity.clone();
        check.proposed = as_model(&payload);
        check
    })?;
    rules::require_room(op)?;
    let created = store(op, payload)?;
    note_created(op, &created)?;
    let mut detail = besides.write(op, created.id)?;
    op.audit(Action::EntityCreate, &created.to_ref(), || {
        detail.insert("attrs".to_owned(), listed(created.attrs.iter().map(|attr| &attr.name)));
        Value::Object(detail)
    });
    let user = op.request.user.as_deref().cloned();
    op.observe::<hooks::entity::after_create>(|| {
        let mut payload = EntityAfterCreate::default();
        payload.entity = created.to_ref();
        payload.created = created.clone();
        payload.user = user;
        payload
    });
    Ok(created)
}

fn as_payload(input: EntityInput) -> (EntityBeforeCreate, Fields, AttrComplaints) {
    let mut payload = EntityBeforeCreate::default();
    payload.entity = EntityRef { id: 0, name: input.name.unwrap_or_default() };
    payload.note = input.note.unwrap_or_default();
    payload.item_name_pattern = input.item_name_pattern.unwrap_or_default();
    payload.item_name_type = input.item_name_type.unwrap_or_else(|| "US".to_owned());
    payload.is_toplevel = input.is_toplevel.unwrap_or_default();
    payload.delete_chain_exclude_entities = input.chain_excludes.unwrap_or_default();
    let mut attr_errors = AttrComplaints::default();
    for (at, mut attr) in input.attrs.into_iter().enumerate() {
        attr_errors.add(at, std::mem::take(&mut attr.errors));
        payload.attrs.push(attr.into_change(None).definition);
    }
    (payload, input.errors, attr_errors)
}

fn as_changes(attrs: &[EntityAttr]) -> Vec<EntityAttrChange> {
    let change = |attr: &EntityAttr| {
        let mut change = EntityAttrChange::default();
        change.definition = attr.clone();
        change
    };
    attrs.iter().map(change).collect()
}

fn as_model(payload: &EntityBeforeCreate) -> Entity {
    let mut model = Entity::default();
    model.name.clone_from(&payload.entity.name);
    model.note.clone_from(&payload.note);
    model.item_name_pattern.clone_from(&payload.item_name_pattern);
    model.item_name_type.clone_from(&payload.item_name_type);
    model.is_toplevel = payload.is_toplevel;
    model.is_active = true;
    model.delete_chain_exclude_entities.clone_from(&payload.delete_chain_exclude_entities);
    model.attrs.clone_from(&payload.attrs);
    model
}

fn store(op: &mut OpCtx, payload: EntityBeforeCreate) -> Result<Entity, OpError> {
    let mut ids = ids::allocate(&mut op.db, 1 + payload.attrs.len())?.into_iter();
    let new = NewEntity {
        id: ids.next().unwrap_or_default(),
        name: payload.entity.name,
        note: payload.note,
        item_name_pattern: payload.item_name_pattern,
        item_name_type: payload.item_name_type,
        status: if payload.is_toplevel { TOPLEVEL } else { 0 },
        is_public: true,
        default_permission: Level::Nothing.code(),
        created_user_id: op.user_id(),
        created_time: op.now.as_micros(),
    };
    let row = entities::insert(&mut op.db, &new).map_err(rules::conflict)?;
    insert_attrs(op, row.id, payload.attrs.into_vec(), &ids.collect::<Vec<_>>())?;
    set_chain_excludes(op, row.id, &payload.delete_chain_exclude_entities)?;
    model(op, &row)
}

/// Inserts definitions under fresh ids.
pub(super) fn insert_attrs(
    op: &mut OpCtx,
    entity_id: i64,
    attrs: Vec<EntityAttr>,
    ids: &[i64],
) -> Result<(), OpError> {
    let (author, now) = (op.user_id(), op.now.as_micros());
    let mut rows: Vec<NewEntityAttr> = Vec::with_capacity(attrs.len());
    let mut referrals = Vec::new();
    for (attr, id) in attrs.into_iter().zip(ids.iter().copied()) {
        let mut row = NewEntityAttr {
            id,
            entity_id,
            is_public: true,
            default_permission: Level::Nothing.code(),
            is_active: true,
            created_user_id: author,
            created_time: now,
            updated_time: now,
            ..NewEntityAttr::default()
        };
        fill_row(&mut row, &attr);
        rows.push(row);
        if !attr.referral.is_empty() {
            referrals.push((id, attr.referral));
        }
    }
    if !rows.is_empty() {
        attr::insert_many(&mut op.db, &rows).map_err(rules::conflict)?;
    }
    for (id, entities) in referrals {
        attr::set_referrals(&mut op.db, id, &entities)?;
    }
    Ok(())
}

/// Stores which entities do not count in a chain; ids of none are dropped. *Source: spec, entity §2.4.*
pub(super) fn set_chain_excludes(op: &mut OpCtx, entity_id: i64, ids: &[i64]) -> Result<(), OpError> {
    let mut known: Vec<i64> = if ids.is_empty() {
        Vec::new()
    } else {
        entities::by_ids(&mut op.db, ids)?.into_iter().filter(|row| row.is_active).map(|row| row.id).collect()
    };
    known.sort_unstable();
    known.dedup();
    Ok(entities::set_chain_excludes(&mut op.db, entity_id, &known)?)
}
