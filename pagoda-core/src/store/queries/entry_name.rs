//! The names that entries had.

use crate::store::conn::on_db;
use crate::store::rows::{EntryNameRow, NewEntryName, Paged};
use crate::store::schema::entry_name;
use crate::store::{Db, StoreError};
use diesel::prelude::*;

/// Notes a name.
pub fn insert(db: &mut Db, new: &NewEntryName) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::insert_into(entry_name::table).values(new).execute(c)).map(|_| ())
}

/// One page of an entry's names, newest first, and the one before the oldest of the page. Two statements.
pub fn list(db: &mut Db, entry_id: i64, limit: i64, offset: i64) -> Result<Paged<EntryNameRow>, StoreError> {
    let rows = on_db!(db, |c| entry_name::table
        .filter(entry_name::entry_id.eq(entry_id))
        .order(entry_name::id.desc())
        .limit(limit.saturating_add(1))
        .offset(offset)
        .select(EntryNameRow::as_select())
        .load(c))?;
    let total =
        on_db!(db, |c| entry_name::table.filter(entry_name::entry_id.eq(entry_id)).count().get_result(c))?;
    Ok(Paged { rows, total })
}

/// One of the names of an entry.
pub fn of_entry(db: &mut Db, entry_id: i64, id: i64) -> Result<Option<EntryNameRow>, StoreError> {
    on_db!(db, |c| entry_name::table
        .filter(entry_name::id.eq(id).and(entry_name::entry_id.eq(entry_id)))
        .select(EntryNameRow::as_select())
        .first(c)
        .optional())
}
