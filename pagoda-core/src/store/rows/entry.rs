//! Entries, and the attributes that hold their values.

use crate::store::schema::{attribute, entry};
use crate::store::search::fold;
use crate::store::sort_key::sort_key;
use diesel::{AsChangeset, Identifiable, Insertable, Queryable, Selectable};

/// One thing of an entity.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Identifiable, Insertable, AsChangeset)]
#[diesel(table_name = entry, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct EntryRow {
    /// Key, of the id space of all access-controlled objects.
    pub id: i64,
    /// The entity it is one of.
    pub entity_id: i64,
    /// Unique among the active entries of the entity.
    pub name: String,
    /// The name in lower case, computed on insert and update.
    pub name_folded: String,
    /// See [`sort_key`](crate::store::sort_key), computed on insert and update.
    pub name_sort: String,
    /// Bits of the wire.
    pub status: i32,
    /// Readable by everybody.
    pub is_public: bool,
    /// Permission of those without a role.
    pub default_permission: i32,
    /// A deleted entry stays as an inactive one and can be restored.
    pub is_active: bool,
    /// Who made it.
    pub created_user_id: Option<i64>,
    /// When it was made.
    pub created_time: i64,
    /// When it was last changed.
    pub updated_time: i64,
    /// Who deleted it.
    pub deleted_user_id: Option<i64>,
    /// When it was deleted.
    pub deleted_time: Option<i64>,
}

/// An entry to insert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewEntry {
    /// From [`ids::allocate`](crate::store::ids::allocate).
    pub id: i64,
    /// See [`EntryRow::entity_id`].
    pub entity_id: i64,
    /// See [`EntryRow::name`].
    pub name: String,
    /// See [`EntryRow::status`].
    pub status: i32,
    /// See [`EntryRow::is_public`].
    pub is_public: bool,
    /// See [`EntryRow::default_permission`].
    pub default_permission: i32,
    /// See [`EntryRow::created_user_id`].
    pub created_user_id: Option<i64>,
    /// See [`EntryRow::created_time`]; also the first time of update.
    pub created_time: i64,
}

impl NewEntry {
    /// The row as it will be stored: active, with the computed columns.
    pub(in crate::store) fn to_row(&self) -> EntryRow {
        EntryRow {
            id: self.id,
            entity_id: self.entity_id,
            name: self.name.clone(),
            name_folded: fold(&self.name),
            name_sort: sort_key(&self.name),
            status: self.status,
            is_public: self.is_public,
            default_permission: self.default_permission,
            is_active: true,
            created_user_id: self.created_user_id,
            created_time: self.created_time,
            updated_time: self.created_time,
            deleted_user_id: None,
            deleted_time: None,
        }
    }
}

/// What ties an entry to one definition of its entity; the values hang on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Queryable, Selectable, Identifiable, Insertable)]
#[diesel(table_name = attribute, treat_none_as_default_value = false)]
pub struct AttributeRow {
    /// Key, of the id space of all access-controlled objects.
    pub id: i64,
    /// The entry it belongs to.
    pub entry_id: i64,
    /// The definition it follows.
    pub attr_id: i64,
    /// Readable by everybody.
    pub is_public: bool,
    /// Permission of those without a role.
    pub default_permission: i32,
    /// Follows the entry's and the definition's.
    pub is_active: bool,
    /// Who made it.
    pub created_user_id: Option<i64>,
    /// When it was made.
    pub created_time: i64,
}

/// An attribute to insert: nothing of it is computed, so it is the row itself.
pub type NewAttribute = AttributeRow;
