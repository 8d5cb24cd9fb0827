//! Entities.

use super::{MAX_IDS, MAX_ROWS, contains, directed, found};
use crate::store::conn::on_db;
use crate::store::rows::{EntityRow, NewEntity, Paged};
use crate::store::schema::{entity, entity_attr, entity_chain_exclude};
use crate::store::search::fold;
use crate::store::sort_key::sort_key;
use crate::store::{Db, StoreError};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

/// What a list of entities can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityOrder {
    /// Key.
    Id,
    /// Name, as [`sort_key`] has it.
    Name,
    /// Note, bytewise.
    Note,
    /// Pattern of entry names, bytewise.
    ItemNamePattern,
    /// How entries get their name, bytewise.
    ItemNameType,
    /// Status bits.
    Status,
}

/// Which active entities a list shows, and which part of them.
#[derive(Clone, Debug)]
pub struct EntityFilter {
    /// Only those (not) shown on the top level.
    pub toplevel: Option<bool>,
    /// Each must be contained in the name, ignoring case.
    pub terms: Vec<String>,
    /// Columns to order by, with `true` for descending; ties, and an empty list, go by id ascending.
    pub order: Vec<(EntityOrder, bool)>,
    /// Rows at most.
    pub limit: i64,
    /// Rows to skip.
    pub offset: i64,
}

/// Bit 1 of `status`: shown on the top level.
const TOPLEVEL: &str = "(entity.status & 1) = 1";
const NOT_TOPLEVEL: &str = "(entity.status & 1) = 0";

/// The active entities that a filter lets through, boxed for one backend.
macro_rules! matching {
    ($filter:expr, $dialect:ty) => {{
        let mut query = entity::table.filter(entity::is_active.eq(true)).into_boxed::<$dialect>();
        if let Some(toplevel) = $filter.toplevel {
            query = query.filter(sql::<Bool>(if toplevel { TOPLEVEL } else { NOT_TOPLEVEL }));
        }
        for term in &$filter.terms {
            query = query.filter(entity::name_folded.like(contains(term)).escape('\\'));
        }
        query
    }};
}

/// Inserts an active entity. `Conflict(ENTITY_ACTIVE_NAME)` when the name is taken.
pub fn insert(db: &mut Db, new: &NewEntity) -> Result<EntityRow, StoreError> {
    let row = new.to_row();
    on_db!(db, |c| diesel::insert_into(entity::table).values(&row).execute(c))?;
    Ok(row)
}

/// An entity in any state.
pub fn by_id(db: &mut Db, id: i64) -> Result<Option<EntityRow>, StoreError> {
    on_db!(db, |c| entity::table.find(id).select(EntityRow::as_select()).first(c).optional())
}

/// Entities in any state, by id.
pub fn by_ids(db: &mut Db, ids: &[i64]) -> Result<Vec<EntityRow>, StoreError> {
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| entity::table
            .filter(entity::id.eq_any(ids))
            .order(entity::id)
            .select(EntityRow::as_select())
            .load(c))?);
    }
    Ok(rows)
}

/// The active entity of this name, case included.
pub fn active_by_name(db: &mut Db, name: &str) -> Result<Option<EntityRow>, StoreError> {
    on_db!(db, |c| entity::table
        .filter(entity::is_active)
        .filter(entity::name.eq(name))
        .select(EntityRow::as_select())
        .first(c)
        .optional())
}

/// Writes every column but the key; the computed ones follow the name. `NotFound` without such an entity.
pub fn update(db: &mut Db, row: &EntityRow) -> Result<(), StoreError> {
    let row = EntityRow { name_folded: fold(&row.name), name_sort: sort_key(&row.name), ..row.clone() };
    found(on_db!(db, |c| diesel::update(entity::table.find(row.id)).set(&row).execute(c))?)
}

/// One page of the active entities. Two statements.
pub fn list(db: &mut Db, filter: &EntityFilter) -> Result<Paged<EntityRow>, StoreError> {
    let rows = on_db!(db, |c| {
        let mut query = matching!(filter, Dialect).select(EntityRow::as_select());
        for (column, descending) in &filter.order {
            query = match column {
                EntityOrder::Id => directed!(query, entity::id, *descending),
                EntityOrder::Name => directed!(query, entity::name_sort, *descending),
                EntityOrder::Note => directed!(query, entity::note, *descending),
                EntityOrder::ItemNamePattern => directed!(query, entity::item_name_pattern, *descending),
                EntityOrder::ItemNameType => directed!(query, entity::item_name_type, *descending),
                EntityOrder::Status => directed!(query, entity::status, *descending),
            };
        }
        query.then_order_by(entity::id.asc()).limit(filter.limit).offset(filter.offset).load(c)
    })?;
    let total = on_db!(db, |c| matching!(filter, Dialect).count().get_result(c))?;
    Ok(Paged { rows, total })
}

/// Active entities in any page size, by id, after `after_id`.
pub fn all_active(db: &mut Db, limit: i64, after_id: i64) -> Result<Vec<EntityRow>, StoreError> {
    on_db!(db, |c| entity::table
        .filter(entity::is_active.eq(true))
        .filter(entity::id.gt(after_id))
        .order(entity::id)
        .limit(limit)
        .select(EntityRow::as_select())
        .load(c))
}

/// The active entities, by name, that have an active definition of one of these names.
pub fn active_with_attrs(db: &mut Db, names: &[&str]) -> Result<Vec<EntityRow>, StoreError> {
    on_db!(db, |c| entity::table
        .filter(entity::is_active.eq(true))
        .filter(
            entity::id.eq_any(
                entity_attr::table
                    .filter(entity_attr::is_active.eq(true))
                    .filter(entity_attr::name.eq_any(names))
                    .select(entity_attr::entity_id)
            )
        )
        .order((entity::name_sort, entity::id))
        .select(EntityRow::as_select())
        .load(c))
}

/// Ids and names of the entities whose entries are left out when entries of `entity_id` are deleted in a chain.
pub fn chain_excludes(db: &mut Db, entity_id: i64) -> Result<Vec<(i64, String)>, StoreError> {
    on_db!(db, |c| entity_chain_exclude::table
        .inner_join(entity::table.on(entity::id.eq(entity_chain_exclude::excluded_entity_id)))
        .filter(entity_chain_exclude::entity_id.eq(entity_id))
        .order(entity::id)
        .select((entity::id, entity::name))
        .load(c))
}

/// Replaces that set; every id must occur once. Two statements.
pub fn set_chain_excludes(db: &mut Db, entity_id: i64, excluded: &[i64]) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::delete(
        entity_chain_exclude::table.filter(entity_chain_exclude::entity_id.eq(entity_id))
    )
    .execute(c))?;
    for ids in excluded.chunks(MAX_ROWS) {
        let rows: Vec<_> = ids
            .iter()
            .map(|id| {
                (
                    entity_chain_exclude::entity_id.eq(entity_id),
                    entity_chain_exclude::excluded_entity_id.eq(*id),
                )
            })
            .collect();
        on_db!(db, |c| diesel::insert_into(entity_chain_exclude::table).values(&rows).execute(c))?;
    }
    Ok(())
}

/// How many entities there are, inactive ones included.
pub fn count(db: &mut Db) -> Result<i64, StoreError> {
    on_db!(db, |c| entity::table.count().get_result(c))
}
