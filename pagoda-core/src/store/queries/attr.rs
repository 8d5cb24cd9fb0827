//! Definitions of attributes.

use super::{MAX_IDS, MAX_ROWS, found};
use crate::store::conn::on_db;
use crate::store::rows::{EntityAttrRow, NewEntityAttr};
use crate::store::schema::{entity, entity_attr, entity_attr_referral};
use crate::store::{Db, StoreError};
use diesel::prelude::*;

/// Inserts definitions. `Conflict(ENTITY_ATTR_ACTIVE_NAME)` when the entity has an active one of a name.
pub fn insert_many(db: &mut Db, new: &[NewEntityAttr]) -> Result<(), StoreError> {
    for rows in new.chunks(MAX_ROWS) {
        on_db!(db, |c| diesel::insert_into(entity_attr::table).values(rows).execute(c))?;
    }
    Ok(())
}

/// The active definitions of an entity, in order of display.
pub fn active_of(db: &mut Db, entity_id: i64) -> Result<Vec<EntityAttrRow>, StoreError> {
    on_db!(db, |c| entity_attr::table
        .filter(entity_attr::entity_id.eq(entity_id))
        .filter(entity_attr::is_active.eq(true))
        .order((entity_attr::sort_index, entity_attr::id))
        .select(EntityAttrRow::as_select())
        .load(c))
}

/// The active definitions of entities, by entity and id.
pub fn active_of_many(db: &mut Db, entity_ids: &[i64]) -> Result<Vec<EntityAttrRow>, StoreError> {
    let mut rows = Vec::new();
    for ids in entity_ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| entity_attr::table
            .filter(entity_attr::entity_id.eq_any(ids))
            .filter(entity_attr::is_active.eq(true))
            .order((entity_attr::entity_id, entity_attr::id))
            .select(EntityAttrRow::as_select())
            .load::<EntityAttrRow>(c))?);
    }
    Ok(rows)
}

/// The active definitions of all entities, by id.
pub fn all_active(db: &mut Db) -> Result<Vec<EntityAttrRow>, StoreError> {
    on_db!(db, |c| entity_attr::table
        .filter(entity_attr::is_active.eq(true))
        .order(entity_attr::id)
        .select(EntityAttrRow::as_select())
        .load(c))
}

/// A definition in any state.
pub fn by_id(db: &mut Db, id: i64) -> Result<Option<EntityAttrRow>, StoreError> {
    on_db!(db, |c| entity_attr::table.find(id).select(EntityAttrRow::as_select()).first(c).optional())
}

/// Definitions in any state, by id.
pub fn by_ids(db: &mut Db, ids: &[i64]) -> Result<Vec<EntityAttrRow>, StoreError> {
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| entity_attr::table
            .filter(entity_attr::id.eq_any(ids))
            .order(entity_attr::id)
            .select(EntityAttrRow::as_select())
            .load(c))?);
    }
    Ok(rows)
}

/// Writes every column but the key. `NotFound` without such a definition.
pub fn update(db: &mut Db, row: &EntityAttrRow) -> Result<(), StoreError> {
    found(on_db!(db, |c| diesel::update(entity_attr::table.find(row.id)).set(row).execute(c))?)
}

/// Definition, entity id and entity name of every entity that the definitions may refer to, in that order.
pub fn referrals(db: &mut Db, attr_ids: &[i64]) -> Result<Vec<(i64, i64, String)>, StoreError> {
    let mut rows = Vec::new();
    for ids in attr_ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| entity_attr_referral::table
            .inner_join(entity::table.on(entity::id.eq(entity_attr_referral::entity_id)))
            .filter(entity_attr_referral::attr_id.eq_any(ids))
            .order((entity_attr_referral::attr_id, entity_attr_referral::entity_id))
            .select((entity_attr_referral::attr_id, entity_attr_referral::entity_id, entity::name))
            .load::<(i64, i64, String)>(c))?);
    }
    Ok(rows)
}

/// Replaces the entities a definition may refer to; every id must occur once. Two statements.
pub fn set_referrals(db: &mut Db, attr_id: i64, entity_ids: &[i64]) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::delete(
        entity_attr_referral::table.filter(entity_attr_referral::attr_id.eq(attr_id))
    )
    .execute(c))?;
    for ids in entity_ids.chunks(MAX_ROWS) {
        let rows: Vec<_> = ids
            .iter()
            .map(|id| (entity_attr_referral::attr_id.eq(attr_id), entity_attr_referral::entity_id.eq(*id)))
            .collect();
        on_db!(db, |c| diesel::insert_into(entity_attr_referral::table).values(&rows).execute(c))?;
    }
    Ok(())
}
