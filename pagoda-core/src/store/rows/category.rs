//! Categories.

use crate::store::schema::category;
use crate::store::search::fold;
use crate::store::sort_key::sort_key;
use diesel::{AsChangeset, Identifiable, Insertable, Queryable, Selectable};

/// What puts entities together for people.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Queryable, Selectable, Identifiable, Insertable, AsChangeset,
)]
#[diesel(table_name = category, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct CategoryRow {
    /// Key, of the id space of all access-controlled objects.
    pub id: i64,
    /// The name; others may have it too.
    pub name: String,
    /// The name in lower case, computed on insert and update.
    pub name_folded: String,
    /// See [`sort_key`](crate::store::sort_key), computed on insert and update.
    pub name_sort: String,
    /// Free text.
    pub note: String,
    /// Higher ones come first.
    pub priority: i32,
    /// Readable by everybody.
    pub is_public: bool,
    /// Permission of those without a role.
    pub default_permission: i32,
    /// A deleted category stays as an inactive one.
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

/// A category to insert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewCategory {
    /// From [`ids::allocate`](crate::store::ids::allocate).
    pub id: i64,
    /// See [`CategoryRow::name`].
    pub name: String,
    /// See [`CategoryRow::note`].
    pub note: String,
    /// See [`CategoryRow::priority`].
    pub priority: i32,
    /// See [`CategoryRow::is_public`].
    pub is_public: bool,
    /// See [`CategoryRow::default_permission`].
    pub default_permission: i32,
    /// See [`CategoryRow::created_user_id`].
    pub created_user_id: Option<i64>,
    /// See [`CategoryRow::created_time`]; also the first time of update.
    pub created_time: i64,
}

impl NewCategory {
    /// The row as it will be stored: active, with the computed columns.
    pub(in crate::store) fn to_row(&self) -> CategoryRow {
        CategoryRow {
            id: self.id,
            name: self.name.clone(),
            name_folded: fold(&self.name),
            name_sort: sort_key(&self.name),
            note: self.note.clone(),
            priority: self.priority,
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
