//! Names that entries had, and other names that they have.

use crate::store::schema::{entry_alias, entry_name};
use diesel::{Insertable, Queryable, Selectable};

/// A name that an entry had.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = entry_name)]
pub struct EntryNameRow {
    /// Key, given out by the database; a later name has a greater one.
    pub id: i64,
    /// The entry.
    pub entry_id: i64,
    /// The name.
    pub name: String,
    /// `+` for the first one, `~` for others.
    pub kind: String,
    /// Who gave it.
    pub user_id: Option<i64>,
    /// When.
    pub at: i64,
}

/// A name to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = entry_name)]
pub struct NewEntryName {
    /// See [`EntryNameRow::entry_id`].
    pub entry_id: i64,
    /// See [`EntryNameRow::name`].
    pub name: String,
    /// See [`EntryNameRow::kind`].
    pub kind: &'static str,
    /// See [`EntryNameRow::user_id`].
    pub user_id: Option<i64>,
    /// See [`EntryNameRow::at`].
    pub at: i64,
}

/// Another name of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = entry_alias)]
pub struct AliasRow {
    /// Key, given out by the database.
    pub id: i64,
    /// The entry.
    pub entry_id: i64,
    /// Its entity.
    pub entity_id: i64,
    /// The name.
    pub name: String,
}

/// An alias to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = entry_alias, treat_none_as_default_value = false)]
pub struct NewAlias {
    /// See [`AliasRow::entry_id`].
    pub entry_id: i64,
    /// See [`AliasRow::entity_id`].
    pub entity_id: i64,
    /// See [`AliasRow::name`].
    pub name: String,
    /// The name in lower case.
    pub name_folded: String,
}
