//! Entries: one file per operation.
//!
//! Every operation reads like the specification: who may, what is there, Transform hooks, rules, Check
//! hooks, store, Observe hooks. Each is the only place that does what it does.

pub mod alias;
mod autoname;
pub mod bulk;
pub mod copy;
mod create;
mod delete;
mod detail;
mod held;
mod label;
mod list;
pub mod name_history;
mod names;
mod pattern;
pub mod reference;
mod restore;
mod room;
mod update;
pub mod value_history;
pub mod value_restore;
mod values;
mod versions;

pub use create::create;
pub(crate) use delete::free_deleted_name;
pub use delete::{delete, deleted_name};
pub use detail::{EntryDetail, detail, detail_of};
pub use held::Held;
pub(super) use list::items;
pub use list::{EntryItem, ListQuery, browse, list, search};
pub(crate) use pattern::compile as compile_pattern;
pub use restore::restore;
pub use room::require_room;
pub use update::{EntryUpdate, update};
pub(crate) use values::json as shown_json;
pub(crate) use versions::show_versions;

use super::acl::{self, Subject};
use super::attribute::Content;
use super::ctx::OpCtx;
use super::error::OpError;
use crate::store::queries;
use crate::store::rows::{EntityAttrRow, EntityRow, EntryRow};
use crate::wire::Fields;
use crate::wire::coerce::{self, Reader};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::{AttrInput, AttrRef, AttrType, EntityRef, EntryRef, Level};
use serde_json::Value;
use std::collections::HashMap;

/// Most characters of an entry's name. *Source: spec, entry §3.*
const MOST_NAME: usize = 200;

/// What a request says about an entry, read but not yet judged.
#[derive(Debug, Clone, Default)]
pub struct EntryInput {
    /// The name, where one was sent.
    pub name: Option<String>,
    /// The values, where some were sent.
    pub attrs: Vec<AttrInput>,
    /// Whether values come back that the entry had before, when it is changed: they are a new version also where they are the
    /// present ones, and nothing is required of them.
    pub again: bool,
    /// What is copied from another entry, by definition, when an entry is created: it is not judged again, nothing is
    /// required, and nothing gets a default.
    pub copied: Option<HashMap<i64, Content>>,
    /// Complaints about the form; with one, nothing is written.
    pub errors: Fields,
}

impl EntryInput {
    /// Reads a request body. *Source: spec, entry §3.1 and §5.*
    ///
    /// # Errors
    /// The body is no object.
    pub fn read(body: &Value, name_required: bool) -> Result<Self, OpError> {
        let mut reader = Reader::new(coerce::object(body)?);
        let read_name = |value: &Value| coerce::name(value, MOST_NAME);
        let name =
            if name_required { reader.required("name", read_name) } else { reader.field("name", read_name) };
        let attrs = reader.list_of("attrs", read_value).unwrap_or_default();
        if !name_required {
            // They say how the old system works on a change; here they say nothing, but are judged. *Source: spec, entry §5.*
            reader.field("delay_trigger", coerce::boolean);
            reader.id_list("call_stacks");
        }
        Ok(Self { name, attrs, again: false, copied: None, errors: reader.errors })
    }
}

fn read_value(element: &Value) -> Result<AttrInput, Fields> {
    let mut reader = Reader::new(coerce::element(element)?);
    let id = reader.required("id", coerce::integer);
    let value = reader.required("value", |value| Ok(value.clone()));
    match (id, value) {
        (Some(id), Some(value)) if reader.errors.is_empty() => Ok(AttrInput { id, value }),
        _ => Err(reader.errors),
    }
}

/// The entities of entries, by id: one statement.
///
/// # Errors
/// The database does not answer.
fn entities_of(op: &mut OpCtx, rows: &[EntryRow]) -> Result<HashMap<i64, EntityRow>, OpError> {
    let mut ids: Vec<i64> = rows.iter().map(|row| row.entity_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let found = queries::entity::by_ids(&mut op.db, &ids)?;
    Ok(found.into_iter().map(|row| (row.id, row)).collect())
}

/// An entry with its entity, in any state, that the acting user may `level`.
///
/// # Errors
/// There is none, or the permission is missing.
pub fn open(op: &mut OpCtx, id: i64, level: Level) -> Result<(EntryRow, EntityRow), OpError> {
    let found = queries::entry::with_entity(&mut op.db, id)?;
    let (entry, entity) = found.ok_or_else(|| OpError::not_found("entry", id))?;
    acl::require(op, &Subject::entry(&entry, &entity), level)?;
    Ok((entry, entity))
}

/// As [`open`], for an operation that changes it: locked before it is read, so that of two edits at the same
/// time each sees what the other left.
///
/// # Errors
/// As [`open`].
fn open_to_change(op: &mut OpCtx, id: i64) -> Result<(EntryRow, EntityRow), OpError> {
    queries::lock::entry(&mut op.db, id)?;
    open(op, id, Level::Writable)
}

/// As plugins see an entity.
#[must_use]
pub fn entity_ref(entity: &EntityRow) -> EntityRef {
    EntityRef { id: entity.id, name: entity.name.clone() }
}

/// As plugins see an entry.
#[must_use]
pub fn entry_ref(entry: &EntryRow, entity: &EntityRow) -> EntryRef {
    EntryRef { id: entry.id, name: entry.name.clone(), entity: entity_ref(entity) }
}

/// As plugins see a definition.
#[must_use]
pub fn attr_ref(attr: &EntityAttrRow) -> AttrRef {
    let attr_type = AttrType::from_code(i64::from(attr.attr_type)).unwrap_or(AttrType::String);
    AttrRef { id: attr.id, name: attr.name.clone(), attr_type }
}

/// *Source: spec, entry §3.1.*
fn check_ids(attrs: &[AttrInput]) -> Result<(), OpError> {
    match attrs.iter().find(|input| input.id <= 0) {
        Some(input) => Err(OpError::whole(Code::Invalid, format!("{} is no attribute id", input.id))),
        None => Ok(()),
    }
}
