//! Copies an entry under other names. *Source: spec, entry §8.*

use super::{EntryInput, attr_ref, create, entity_ref, held, names, open_to_change};
use crate::services::acl;
use crate::services::attribute::Content;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::job::{self, Operation, Running, Status, Target};
use crate::store::queries::{entity as entities, lock};
use crate::store::rows::{EntityRow, EntryRow};
use crate::wire::coerce::{self, Reader};
use crate::wire::leaf;
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::model::{AttrInput, AttrRef, EntryRef, Level};
use pagoda_plugin_sdk::payload::EntryValidation;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

const NAMES: &str = "copy_entry_names";

/// Copies an entry: one job, with one below it for each name. A name that turns out to be bad ends its own job with an
/// error, the others are copied.
///
/// # Errors
/// The entry is not there, may not be written or is deleted, or the names are refused all together.
pub fn copy(op: &mut OpCtx, id: i64, body: impl FnOnce() -> Result<Value, OpError>) -> Result<(), OpError> {
    let (entry, entity) = open_to_change(op, id)?;
    if !entry.is_active {
        return Err(OpError::rule(Code::NotFound, "the entry is deleted"));
    }
    let wanted = read(&body()?)?;
    lock::entity(&mut op.db, entity.id)?;
    check(op, &entity, &wanted)?;
    let source = Source::read(op, &entry, &entity)?;
    source.ask(op, &entity, &wanted)?;
    let parent = job::begin(op, Operation::CopyEntry, Some(Target::Entry(id)), &json!({NAMES: wanted}))?;
    let mut copied = 0;
    for name in &wanted {
        let params = json!({"name": name});
        let one = job::begin(op, Operation::CopyOneEntry, Some(Target::Entry(id)), &params)?;
        copied += usize::from(copy_one(op, one, &source, &entity, name)?);
    }
    job::finish(op, parent, Status::Done, &format!("copied {copied} of {}", wanted.len()))
}

/// The work of a job for one name, again.
///
/// # Errors
/// The entry may not be written any more.
pub fn run_one(op: &mut OpCtx, running: Running, id: i64, params: &Value) -> Result<(), OpError> {
    let (entry, _) = open_to_change(op, id)?;
    lock::entity(&mut op.db, entry.entity_id)?;
    let entity = entities::by_id(&mut op.db, entry.entity_id)?;
    let entity = entity.ok_or_else(|| OpError::not_found("entity", entry.entity_id))?;
    let name = params["name"].as_str().unwrap_or_default();
    let source = Source::read(op, &entry, &entity)?;
    copy_one(op, running, &source, &entity, name).map(|_| ())
}

/// The names, in their order; numbers count as text.
fn read(body: &Value) -> Result<Vec<String>, OpError> {
    let mut reader = Reader::new(coerce::object(body)?);
    let list = reader.required(NAMES, |value| match value {
        Value::Null => Err((Code::Other, "null is not allowed".into())),
        Value::Array(list) if list.is_empty() => Err((Code::Empty, "at least one name is needed".into())),
        Value::Array(list) => Ok(list.clone()),
        _ => Err((Code::Invalid, "expected a list of names".into())),
    });
    let (mut names, mut bad) = (Vec::new(), Map::new());
    for (index, element) in list.iter().flatten().enumerate() {
        // How long a name may be is the matter of its own job. *Source: spec, entry §8 (quirk to keep).*
        match coerce::name(element, usize::MAX) {
            Ok(name) => names.push(name),
            Err((code, message)) => {
                bad.insert(index.to_string(), Value::Array(vec![leaf(code, message)]));
            }
        }
    }
    if !bad.is_empty() {
        reader.errors.nest(NAMES, Value::Object(bad));
    }
    if reader.errors.is_empty() { Ok(names) } else { Err(reader.errors.into()) }
}

/// Names that are taken, and names that break a rule of the entity. *Source: spec, entry §8 (fixed quirks).*
fn check(op: &mut OpCtx, entity: &EntityRow, wanted: &[String]) -> Result<(), OpError> {
    let mut taken = Vec::new();
    for name in wanted {
        if names::is_taken(op, entity.id, name, None)? {
            taken.push(name.as_str());
        }
    }
    if !taken.is_empty() {
        return Err(OpError::field(NAMES, Code::Duplicate, format!("taken already: {}", taken.join(", "))));
    }
    match wanted.iter().find(|name| !names::may_be_name(entity, name)) {
        Some(name) => {
            let message = format!("`{name}` has a tab or does not match the pattern of the entity");
            Err(OpError::field(NAMES, Code::InvalidValue, message))
        }
        None => Ok(()),
    }
}

/// What the acting user can read of an entry, to be written into others.
struct Source {
    schema: Vec<AttrRef>,
    attrs: Vec<AttrInput>,
    contents: HashMap<i64, Content>,
}

impl Source {
    fn read(op: &mut OpCtx, entry: &EntryRow, entity: &EntityRow) -> Result<Self, OpError> {
        let held = held::held_to_copy(op, entry.id, entity.id)?;
        acl::look_ahead(op, held.iter().map(|held| held.subject(entry, entity)))?;
        let schema = held.iter().map(|held| attr_ref(&held.attr)).collect();
        let (mut attrs, mut contents) = (Vec::new(), HashMap::new());
        for held in &held {
            let Some(stored) = held.stored() else { continue };
            if acl::allowed(op, &held.subject(entry, entity), Level::Readable)? {
                attrs.push(AttrInput { id: held.attr.id, value: held.value_type.input(&stored) });
                contents.insert(held.attr.id, stored.content());
            }
        }
        Ok(Self { schema, attrs, contents })
    }

    /// Asks those who validate entries about each copy, ahead of all. *Source: spec, entry §8.*
    fn ask(&self, op: &mut OpCtx, entity: &EntityRow, names: &[String]) -> Result<(), OpError> {
        for name in names {
            op.check::<hooks::pagoda::entry::validation>(|| {
                let mut payload = EntryValidation::default();
                payload.entry = EntryRef { id: 0, name: name.clone(), entity: entity_ref(entity) };
                payload.is_new = true;
                payload.schema = self.schema.iter().cloned().collect();
                payload.attrs = self.attrs.clone().into();
                payload
            })?;
        }
        Ok(())
    }
}

/// Writes one copy; says whether that went well.
fn copy_one(
    op: &mut OpCtx,
    running: Running,
    source: &Source,
    entity: &EntityRow,
    name: &str,
) -> Result<bool, OpError> {
    let input = EntryInput {
        name: Some(name.to_owned()),
        attrs: source.attrs.clone(),
        copied: Some(source.contents.clone()),
        ..EntryInput::default()
    };
    match op.nested(|op| create(op, entity, input)) {
        Ok(made) => {
            job::finish(op, running, Status::Done, &format!("entry {} was made", made.id)).map(|()| true)
        }
        Err(error) => job::finish(op, running, Status::Error, &error.objection()?).map(|()| false),
    }
}
