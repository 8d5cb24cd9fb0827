//! Row locks: who changes an object reads it only once nobody else is changing it.
//!
//! SQLite has one writer at a time and needs none of this; PostgreSQL would let two transactions read the same
//! state and both write. An object is locked *before* it is read, so that what is read is what the other left.

use crate::store::{Backend, Db, StoreError};

fn lock(db: &mut Db, table: &str, id: i64, strength: &str) -> Result<(), StoreError> {
    match db.backend() {
        Backend::Sqlite => Ok(()),
        // Table and strength are words of this file, the id is a number.
        Backend::Postgres => {
            db.execute_batch(&format!("SELECT 1 FROM {table} WHERE id = {id} FOR {strength}"))
        }
    }
}

/// Nobody else changes or deletes the entry until the transaction ends.
pub fn entry(db: &mut Db, id: i64) -> Result<(), StoreError> {
    lock(db, "entry", id, "UPDATE")
}

/// Nobody else changes or deletes the entity, or adds entries to it, until the transaction ends.
pub fn entity(db: &mut Db, id: i64) -> Result<(), StoreError> {
    lock(db, "entity", id, "UPDATE")
}

/// Nobody deletes the entity until the transaction ends; others may add entries to it as well.
pub fn entity_to_fill(db: &mut Db, id: i64) -> Result<(), StoreError> {
    lock(db, "entity", id, "KEY SHARE")
}

/// Nobody else names an entry of the entity from its attributes until the transaction ends; others may add entries to it.
pub fn entity_to_name(db: &mut Db, id: i64) -> Result<(), StoreError> {
    lock(db, "entity", id, "NO KEY UPDATE")
}

/// Nobody else changes the definition until the transaction ends.
pub fn entity_attr(db: &mut Db, id: i64) -> Result<(), StoreError> {
    lock(db, "entity_attr", id, "UPDATE")
}

/// Nobody else changes the attribute of an entry until the transaction ends.
pub fn attribute(db: &mut Db, id: i64) -> Result<(), StoreError> {
    lock(db, "attribute", id, "UPDATE")
}

/// Nobody else changes or deletes the category until the transaction ends.
pub fn category(db: &mut Db, id: i64) -> Result<(), StoreError> {
    lock(db, "category", id, "UPDATE")
}

/// Nobody else changes the user until the transaction ends; groups and roles may take it as a member.
pub fn user(db: &mut Db, id: i64) -> Result<(), StoreError> {
    lock(db, "app_user", id, "NO KEY UPDATE")
}

/// Nobody else makes or changes a user until the transaction ends; reading goes on. How many there are concerns
/// more than one row.
pub fn all_users(db: &mut Db) -> Result<(), StoreError> {
    table(db, "app_user")
}

/// Nobody else changes the role until the transaction ends.
pub fn role(db: &mut Db, id: i64) -> Result<(), StoreError> {
    lock(db, "role", id, "UPDATE")
}

/// Nobody else makes or changes a role until the transaction ends; reading goes on.
pub fn all_roles(db: &mut Db) -> Result<(), StoreError> {
    table(db, "role")
}

/// Nobody else makes or changes a group until the transaction ends; reading goes on. Who is above whom concerns
/// more than one row.
pub fn all_groups(db: &mut Db) -> Result<(), StoreError> {
    table(db, "user_group")
}

/// Nobody else makes an entity until the transaction ends, if they ask for the same; everything else goes on.
pub fn new_entities(db: &mut Db) -> Result<(), StoreError> {
    turn(db, NEW_ENTITIES)
}

/// Nobody else makes an entry until the transaction ends, if they ask for the same; everything else goes on.
pub fn new_entries(db: &mut Db) -> Result<(), StoreError> {
    turn(db, NEW_ENTRIES)
}

/// Numbers of what is locked without being a row or a table; they mean something in this file only.
const NEW_ENTITIES: i64 = 0x7061_676f_6461_0001;
const NEW_ENTRIES: i64 = 0x7061_676f_6461_0002;

/// A lock on the table would stop those who change its rows as well.
fn turn(db: &mut Db, number: i64) -> Result<(), StoreError> {
    match db.backend() {
        Backend::Sqlite => Ok(()),
        Backend::Postgres => db.execute_batch(&format!("SELECT pg_advisory_xact_lock({number})")),
    }
}

fn table(db: &mut Db, table: &str) -> Result<(), StoreError> {
    match db.backend() {
        Backend::Sqlite => Ok(()),
        Backend::Postgres => db.execute_batch(&format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")),
    }
}
