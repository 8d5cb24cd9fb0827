//! Entities, entries and values, through the host's own services.

use super::BridgeResult;
use crate::model::{AttrInput, Entity, EntityAttr, Entry, EntryRef, ValueVersion};
use crate::payload::EntityAttrChange;

/// Which entities to list.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EntityQuery {
    /// Words that the name contains, all of them, ignoring case; separated by blanks or commas.
    pub search: String,
    /// Only entities with a larger id: for reading on, page by page.
    pub after: i64,
    /// At most so many, ascending by id; the host allows 1,000 at a time, and 0 means that.
    pub limit: u32,
}

/// Which entries to list.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EntryQuery {
    /// Only entries of this entity.
    pub entity: Option<i64>,
    /// Words that the name contains, all of them, ignoring case; separated by blanks or commas.
    pub search: String,
    /// Only entries with a larger id: for reading on, page by page.
    pub after: i64,
    /// At most so many, ascending by id; the host allows 1,000 at a time, and 0 means that.
    pub limit: u32,
}

/// An entity to be created. Defaults: no remark, no pattern, named by the user, not top-level, without
/// webhooks and isolation rules.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct NewEntity {
    /// Its name.
    pub name: String,
    /// A remark.
    pub note: String,
    /// Regular expression for entry names.
    pub item_name_pattern: String,
    /// Whether it is shown at the top level.
    pub is_toplevel: bool,
    /// Its definitions; ids are ignored.
    pub attrs: Vec<EntityAttr>,
}

/// A change of an entity; `None` leaves a field as it is. Webhooks and isolation rules always stay.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EntityChange {
    /// The new name.
    pub name: Option<String>,
    /// The new remark.
    pub note: Option<String>,
    /// The new expression for entry names.
    pub item_name_pattern: Option<String>,
    /// The new top-level flag.
    pub is_toplevel: Option<bool>,
    /// Changes of definitions.
    pub attrs: Vec<EntityAttrChange>,
}

/// An entry to be created.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct NewEntry {
    /// Its name.
    pub name: String,
    /// Its values in the wire's input form.
    pub attrs: Vec<AttrInput>,
}

/// A change of an entry; attributes not listed stay as they are.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EntryChange {
    /// The new name.
    pub name: Option<String>,
    /// The new values in the wire's input form.
    pub attrs: Vec<AttrInput>,
}

/// Reads and writes as the acting user: with validation, hooks, history and access rules.
///
/// Each write is atomic: if it returns an error, nothing of it remains. Lists leave out what the acting
/// user cannot read.
///
/// # Errors
/// All methods: [`super::BridgeError`], whose variants say when.
#[allow(clippy::missing_errors_doc, reason = "said once for the trait")]
pub trait DataBridge {
    /// Active entities, ascending by id, without their definitions.
    fn entities(&mut self, query: &EntityQuery) -> BridgeResult<Vec<Entity>>;
    /// An active entity with its definitions.
    fn entity(&mut self, id: i64) -> BridgeResult<Entity>;
    /// The active entity of this name, with its definitions.
    fn entity_by_name(&mut self, name: &str) -> BridgeResult<Entity>;
    /// Creates an entity.
    fn create_entity(&mut self, new: NewEntity) -> BridgeResult<Entity>;
    /// Changes an entity.
    fn update_entity(&mut self, id: i64, change: EntityChange) -> BridgeResult<()>;
    /// Deletes an entity without active entries.
    fn delete_entity(&mut self, id: i64) -> BridgeResult<()>;

    /// Active entries, ascending by id, without their values.
    fn entries(&mut self, query: &EntryQuery) -> BridgeResult<Vec<Entry>>;
    /// An active entry with its values.
    fn entry(&mut self, id: i64) -> BridgeResult<Entry>;
    /// The active entry of this name, with its values.
    fn entry_by_name(&mut self, entity: i64, name: &str) -> BridgeResult<Entry>;
    /// Creates an entry.
    fn create_entry(&mut self, entity: i64, new: NewEntry) -> BridgeResult<EntryRef>;
    /// Changes an entry.
    fn update_entry(&mut self, id: i64, change: EntryChange) -> BridgeResult<()>;
    /// Deletes an entry, and what it alone refers to through chain attributes.
    fn delete_entry(&mut self, id: i64) -> BridgeResult<()>;
    /// Brings a deleted entry back.
    fn restore_entry(&mut self, id: i64) -> BridgeResult<()>;

    /// The written values of an entry, newest first: at most `limit` (1,000 when 0), older than the
    /// version `before` when that is not 0.
    fn history(&mut self, entry: i64, before: i64, limit: u32) -> BridgeResult<Vec<ValueVersion>>;
}
