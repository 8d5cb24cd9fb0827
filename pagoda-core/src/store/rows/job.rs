//! Jobs: what was asked for and answers with a number to ask again by.

use crate::store::schema::job;
use diesel::{Identifiable, Insertable, Queryable, Selectable};

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = job)]
pub struct JobRow {
    /// Key, given out by the database.
    pub id: i64,
    /// Who asked for it.
    pub owner_id: i64,
    /// What is done: the number of the wire.
    pub operation: i32,
    /// How far it is: the number of the wire.
    pub status: i32,
    /// What kind of object it is about, if one.
    pub target_kind: Option<String>,
    /// Which one.
    pub target_id: Option<i64>,
    /// What there is to say about it.
    pub text: String,
    /// What it was asked with, as JSON.
    pub params: String,
    /// When it was asked for.
    pub created_at: i64,
    /// When it last changed.
    pub updated_at: i64,
}

/// A job to insert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Insertable)]
#[diesel(table_name = job, treat_none_as_default_value = false)]
pub struct NewJob {
    /// See [`JobRow::owner_id`].
    pub owner_id: i64,
    /// See [`JobRow::operation`].
    pub operation: i32,
    /// See [`JobRow::status`].
    pub status: i32,
    /// See [`JobRow::target_kind`].
    pub target_kind: Option<String>,
    /// See [`JobRow::target_id`].
    pub target_id: Option<i64>,
    /// See [`JobRow::text`].
    pub text: String,
    /// See [`JobRow::params`].
    pub params: String,
    /// See [`JobRow::created_at`].
    pub created_at: i64,
    /// See [`JobRow::updated_at`].
    pub updated_at: i64,
}
