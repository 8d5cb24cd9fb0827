//! What happened to entities.

use super::MAX_ROWS;
use crate::store::conn::on_db;
use crate::store::rows::{EntityHistoryRow, NewEntityHistory, Paged};
use crate::store::schema::entity_history;
use crate::store::{Db, StoreError};
use diesel::prelude::*;

/// Inserts a record and gives its id.
pub fn insert(db: &mut Db, new: &NewEntityHistory) -> Result<i64, StoreError> {
    on_db!(db, |c| diesel::insert_into(entity_history::table)
        .values(new)
        .returning(entity_history::id)
        .get_result(c))
}

/// Inserts records; later ones get greater ids.
pub fn insert_many(db: &mut Db, new: &[NewEntityHistory]) -> Result<(), StoreError> {
    for rows in new.chunks(MAX_ROWS) {
        on_db!(db, |c| diesel::insert_into(entity_history::table).values(rows).execute(c))?;
    }
    Ok(())
}

/// One page of the records of an entity and its definitions, newest first. Two statements.
pub fn list(
    db: &mut Db,
    entity_id: i64,
    limit: i64,
    offset: i64,
) -> Result<Paged<EntityHistoryRow>, StoreError> {
    let rows = on_db!(db, |c| entity_history::table
        .filter(entity_history::entity_id.eq(entity_id))
        .order(entity_history::id.desc())
        .limit(limit)
        .offset(offset)
        .select(EntityHistoryRow::as_select())
        .load(c))?;
    let total = on_db!(db, |c| entity_history::table
        .filter(entity_history::entity_id.eq(entity_id))
        .count()
        .get_result(c))?;
    Ok(Paged { rows, total })
}

/// All records of an entity and its definitions, oldest first.
pub fn all_of(db: &mut Db, entity_id: i64) -> Result<Vec<EntityHistoryRow>, StoreError> {
    on_db!(db, |c| entity_history::table
        .filter(entity_history::entity_id.eq(entity_id))
        .order(entity_history::id)
        .select(EntityHistoryRow::as_select())
        .load(c))
}
