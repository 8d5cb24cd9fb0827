//! Versioned attribute values, alone and as the reading queries join them.

use super::{AttributeRow, EntityAttrRow, EntityRow, EntryRow};
use crate::store::schema::attr_value;
use diesel::{Identifiable, Insertable, Queryable, Selectable};

/// One version of a value, or one element of an array value.
///
/// An array is a parent row with one child row per element: a child has `parent_id` and is never the latest
/// itself, its parent is.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = attr_value)]
pub struct AttrValueRow {
    /// Key, given out by the database; a later version has a greater one.
    pub id: i64,
    /// The attribute it is a value of.
    pub attribute_id: i64,
    /// The array value it is an element of.
    pub parent_id: Option<i64>,
    /// Order within the array, from 0.
    pub position: i32,
    /// Type bits of the definition at the time of writing.
    pub attr_type: i32,
    /// This is the current version.
    pub is_latest: bool,
    /// Text, number, date, name of a named reference, id of a group or role: by type.
    pub text_value: String,
    /// Truth value, or the flag of a named reference.
    pub bool_value: bool,
    /// The entry it refers to.
    pub ref_id: Option<i64>,
    /// Who wrote it.
    pub created_user_id: Option<i64>,
    /// When it was written.
    pub created_time: i64,
    /// The version before this one.
    pub prev_id: Option<i64>,
}

/// A value to insert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Insertable)]
#[diesel(table_name = attr_value, treat_none_as_default_value = false)]
pub struct NewAttrValue {
    /// See [`AttrValueRow::attribute_id`].
    pub attribute_id: i64,
    /// See [`AttrValueRow::parent_id`].
    pub parent_id: Option<i64>,
    /// See [`AttrValueRow::position`].
    pub position: i32,
    /// See [`AttrValueRow::attr_type`].
    pub attr_type: i32,
    /// See [`AttrValueRow::is_latest`].
    pub is_latest: bool,
    /// See [`AttrValueRow::text_value`].
    pub text_value: String,
    /// See [`AttrValueRow::bool_value`].
    pub bool_value: bool,
    /// See [`AttrValueRow::ref_id`].
    pub ref_id: Option<i64>,
    /// See [`AttrValueRow::created_user_id`].
    pub created_user_id: Option<i64>,
    /// See [`AttrValueRow::created_time`].
    pub created_time: i64,
    /// See [`AttrValueRow::prev_id`].
    pub prev_id: Option<i64>,
}

/// The entry a value refers to: what is shown of it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct ReferredRow {
    /// Id of the referred entry.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Whether it still exists for users.
    pub is_active: bool,
    /// Its entity.
    pub entity_id: i64,
    /// Name of its entity.
    pub entity_name: String,
}

/// One line of an entry's detail: a definition, and what the entry has for it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct DetailRow {
    /// The definition.
    pub attr: EntityAttrRow,
    /// The entry's attribute; `None` where nothing was ever written.
    pub attribute: Option<AttributeRow>,
    /// Its latest value.
    pub value: Option<AttrValueRow>,
    /// The entry that value refers to, deleted ones included.
    pub referred: Option<ReferredRow>,
}

/// An element of an array value.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct ChildRow {
    /// The element; its `parent_id` is always set.
    pub value: AttrValueRow,
    /// The entry it refers to, deleted ones included.
    pub referred: Option<ReferredRow>,
}

/// A value that may be shown beside the name of its entry.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct LabelRow {
    /// The entry.
    pub entry: EntryRow,
    /// Its entity.
    pub entity: EntityRow,
    /// The definition.
    pub attr: EntityAttrRow,
    /// The entry's attribute.
    pub attribute: AttributeRow,
    /// Its latest value.
    pub value: AttrValueRow,
    /// The entry that value refers to, deleted ones included.
    pub referred: Option<ReferredRow>,
}

/// The latest value of an attribute of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct LatestRow {
    /// The entry's attribute.
    pub attribute: AttributeRow,
    /// Its latest value.
    pub value: AttrValueRow,
    /// The entry that value refers to, deleted ones included.
    pub referred: Option<ReferredRow>,
}

/// An active entry that refers to another one.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct ReferrerRow {
    /// Id of the entry that it refers to.
    pub of: i64,
    /// Its own id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its entity.
    pub entity_id: i64,
    /// Name of its entity.
    pub entity_name: String,
}

/// One line of an entry's history.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct HistoryRow {
    /// The version.
    pub value: AttrValueRow,
    /// The definition it belongs to.
    pub attr_id: i64,
    /// That definition's name today.
    pub attr_name: String,
    /// Whether the definition still exists for users.
    pub attr_is_active: bool,
}

/// An entry with the latest value of one attribute.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct AttrLatestRow {
    /// The entry.
    pub entry: EntryRow,
    /// Its attribute.
    pub attribute: AttributeRow,
    /// The latest value.
    pub value: AttrValueRow,
}

/// A value that somebody wrote, with all that decides who may see it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct WrittenRow {
    /// The version.
    pub value: AttrValueRow,
    /// The attribute of the entry.
    pub attribute: AttributeRow,
    /// Its definition.
    pub attr: EntityAttrRow,
    /// The entry.
    pub entry: EntryRow,
    /// Its entity.
    pub entity: EntityRow,
}
