//! What happened to entities.

use crate::store::schema::entity_history;
use diesel::{Insertable, Queryable, Selectable};

/// One record, of an entity or of one of its definitions.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = entity_history)]
pub struct EntityHistoryRow {
    /// Key, given out by the database; a later record has a greater one.
    pub id: i64,
    /// The entity.
    pub entity_id: i64,
    /// The record of the entity that a record of a definition belongs to.
    pub parent_id: Option<i64>,
    /// The entity or the definition.
    pub object_id: i64,
    /// What was done, as the wire has it.
    pub operation: i32,
    /// Who did it.
    pub user_id: Option<i64>,
    /// When.
    pub at: i64,
    /// What it changed, as JSON.
    pub changes: String,
}

/// A record to insert.
#[derive(Clone, Debug, PartialEq, Eq, Insertable)]
#[diesel(table_name = entity_history, treat_none_as_default_value = false)]
pub struct NewEntityHistory {
    /// See [`EntityHistoryRow::entity_id`].
    pub entity_id: i64,
    /// See [`EntityHistoryRow::parent_id`].
    pub parent_id: Option<i64>,
    /// See [`EntityHistoryRow::object_id`].
    pub object_id: i64,
    /// See [`EntityHistoryRow::operation`].
    pub operation: i32,
    /// See [`EntityHistoryRow::user_id`].
    pub user_id: Option<i64>,
    /// See [`EntityHistoryRow::at`].
    pub at: i64,
    /// See [`EntityHistoryRow::changes`].
    pub changes: String,
}
