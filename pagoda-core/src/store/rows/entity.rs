//! Entities and the definitions of their attributes.

use crate::store::schema::{entity, entity_attr};
use crate::store::search::fold;
use crate::store::sort_key::sort_key;
use diesel::{AsChangeset, Identifiable, Insertable, Queryable, Selectable};

/// A type defined by users.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Identifiable, Insertable, AsChangeset)]
#[diesel(table_name = entity, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct EntityRow {
    /// Key, of the id space of all access-controlled objects.
    pub id: i64,
    /// Unique among the active entities.
    pub name: String,
    /// The name in lower case, computed on insert and update.
    pub name_folded: String,
    /// See [`sort_key`](crate::store::sort_key), computed on insert and update.
    pub name_sort: String,
    /// Free text.
    pub note: String,
    /// Pattern that names of entries must match, empty for none.
    pub item_name_pattern: String,
    /// How entries get their name.
    pub item_name_type: String,
    /// Bits; 1 = shown on the top level.
    pub status: i32,
    /// Readable by everybody.
    pub is_public: bool,
    /// Permission of those without a role.
    pub default_permission: i32,
    /// A deleted entity stays as an inactive one.
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

/// An entity to insert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewEntity {
    /// From [`ids::allocate`](crate::store::ids::allocate).
    pub id: i64,
    /// See [`EntityRow::name`].
    pub name: String,
    /// See [`EntityRow::note`].
    pub note: String,
    /// See [`EntityRow::item_name_pattern`].
    pub item_name_pattern: String,
    /// See [`EntityRow::item_name_type`].
    pub item_name_type: String,
    /// See [`EntityRow::status`].
    pub status: i32,
    /// See [`EntityRow::is_public`].
    pub is_public: bool,
    /// See [`EntityRow::default_permission`].
    pub default_permission: i32,
    /// See [`EntityRow::created_user_id`].
    pub created_user_id: Option<i64>,
    /// See [`EntityRow::created_time`]; also the first time of update.
    pub created_time: i64,
}

impl NewEntity {
    /// The row as it will be stored: active, with the computed columns.
    pub(in crate::store) fn to_row(&self) -> EntityRow {
        EntityRow {
            id: self.id,
            name: self.name.clone(),
            name_folded: fold(&self.name),
            name_sort: sort_key(&self.name),
            note: self.note.clone(),
            item_name_pattern: self.item_name_pattern.clone(),
            item_name_type: self.item_name_type.clone(),
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

/// The definition of one attribute of an entity.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Queryable, Selectable, Identifiable, Insertable, AsChangeset,
)]
#[diesel(table_name = entity_attr, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct EntityAttrRow {
    /// Key, of the id space of all access-controlled objects.
    pub id: i64,
    /// The entity it belongs to.
    pub entity_id: i64,
    /// Unique among the active attributes of the entity.
    pub name: String,
    /// Type bits of the wire.
    pub attr_type: i32,
    /// Order of display.
    pub sort_index: i32,
    /// An entry must have a value.
    pub is_mandatory: bool,
    /// Entries referred to are deleted with the referring one.
    pub is_delete_in_chain: bool,
    /// Shown in summaries.
    pub is_summarized: bool,
    /// Free text.
    pub note: String,
    /// Value of an entry made without one, as JSON.
    pub default_value: Option<String>,
    /// Allowed values, as JSON.
    pub choices: Option<String>,
    /// Position in a computed name, 0 for none.
    pub name_order: i32,
    /// Text before the value in a computed name.
    pub name_prefix: String,
    /// Text behind the value in a computed name.
    pub name_postfix: String,
    /// Attribute of the referred entry that is shown with a reference, empty for none.
    pub display_attr: String,
    /// Readable by everybody.
    pub is_public: bool,
    /// Permission of those without a role.
    pub default_permission: i32,
    /// A deleted definition stays as an inactive one.
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

/// A definition to insert: nothing of it is computed, so it is the row itself.
pub type NewEntityAttr = EntityAttrRow;
