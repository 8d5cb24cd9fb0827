//! Other names of entries.

use super::{MAX_IDS, MAX_ROWS};
use crate::store::conn::on_db;
use crate::store::rows::{AliasRow, NewAlias, Paged};
use crate::store::schema::{entry, entry_alias};
use crate::store::{Db, StoreError};
use diesel::prelude::*;

/// The alias of this name, case included, that an active entry of the entity has.
pub fn active_by_name(db: &mut Db, entity_id: i64, name: &str) -> Result<Option<AliasRow>, StoreError> {
    on_db!(db, |c| entry_alias::table
        .inner_join(entry::table)
        .filter(entry_alias::entity_id.eq(entity_id))
        .filter(entry_alias::name.eq(name))
        .filter(entry::is_active.eq(true))
        .select(AliasRow::as_select())
        .first(c)
        .optional())
}

/// An alias of an active entry.
pub fn by_id(db: &mut Db, id: i64) -> Result<Option<AliasRow>, StoreError> {
    on_db!(db, |c| entry_alias::table
        .inner_join(entry::table)
        .filter(entry_alias::id.eq(id))
        .filter(entry::is_active.eq(true))
        .select(AliasRow::as_select())
        .first(c)
        .optional())
}

/// Aliases of entries in any state, by entry and id.
pub fn of_entries(db: &mut Db, entry_ids: &[i64]) -> Result<Vec<AliasRow>, StoreError> {
    let mut rows = Vec::new();
    for ids in entry_ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| entry_alias::table
            .filter(entry_alias::entry_id.eq_any(ids))
            .order((entry_alias::entry_id, entry_alias::id))
            .select(AliasRow::as_select())
            .load(c))?);
    }
    Ok(rows)
}

/// One page of the aliases of an entry. Two statements.
pub fn list(db: &mut Db, entry_id: i64, limit: i64, offset: i64) -> Result<Paged<AliasRow>, StoreError> {
    let rows = on_db!(db, |c| entry_alias::table
        .filter(entry_alias::entry_id.eq(entry_id))
        .order(entry_alias::id)
        .limit(limit)
        .offset(offset)
        .select(AliasRow::as_select())
        .load(c))?;
    let total =
        on_db!(db, |c| entry_alias::table.filter(entry_alias::entry_id.eq(entry_id)).count().get_result(c))?;
    Ok(Paged { rows, total })
}

/// Inserts aliases and returns their ids in the order of `new`.
pub fn insert(db: &mut Db, new: &[NewAlias]) -> Result<Vec<i64>, StoreError> {
    let mut all = Vec::with_capacity(new.len());
    for rows in new.chunks(MAX_ROWS) {
        let mut ids: Vec<i64> = on_db!(db, |c| diesel::insert_into(entry_alias::table)
            .values(rows)
            .returning(entry_alias::id)
            .get_results(c))?;
        ids.sort_unstable();
        all.append(&mut ids);
    }
    Ok(all)
}

/// Removes an alias.
pub fn delete(db: &mut Db, id: i64) -> Result<(), StoreError> {
    super::found(on_db!(db, |c| diesel::delete(entry_alias::table.find(id)).execute(c))?)
}
