//! One change of many entries, and the deletion of many. *Source: spec, entry §15 and §16.*

use super::delete::delete;
use super::update::{EntryUpdate, update};
use super::values::{self, Given};
use super::{EntryInput, entities_of, held};
use crate::services::acl::{self, Subject};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::job::{self, Operation, Running, Status, Target};
use crate::services::search::{self, AttrFilter, Selection};
use crate::store::queries::{attr, entity as entities, entry as entries, lock};
use crate::store::rows::{EntityRow, EntryRow};
use crate::wire::coerce::{self, Reader};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::{AttrInput, Level};
use serde_json::Value;

/// Entries that a deletion of all takes at most. *Source: spec, entry §16.*
const MOST_DELETED: usize = 10_000;

/// A change of many entries, read but not yet judged.
struct BulkEdit {
    model: i64,
    value: AttrInput,
    selection: Selection,
}

impl BulkEdit {
    fn read(body: &Value) -> Result<Self, OpError> {
        let mut reader = Reader::new(coerce::object(body)?);
        let model = reader.required("modelid", coerce::integer);
        reader.require("value");
        let value = reader.nested("value", super::read_value);
        let selection = Selection::read(&mut reader);
        match (model, value) {
            (Some(model), Some(value)) if reader.errors.is_empty() => Ok(Self { model, value, selection }),
            _ => Err(reader.errors.into()),
        }
    }
}

/// Writes a value into all entries of an entity that are meant, where the acting user may write the attribute.
///
/// # Errors
/// The request is wrong, the entity is not there, or the value does not fit; then nothing is changed.
pub fn edit(op: &mut OpCtx, body: &Value) -> Result<(), OpError> {
    let asked = BulkEdit::read(body)?;
    let entity = entities::by_id(&mut op.db, asked.model)?.filter(|entity| entity.is_active);
    let entity = entity.ok_or_else(|| OpError::Invalid(Value::from("there is no such model")))?;
    // A value that fits no entry fits none at all, so it is judged once, ahead of all.
    let held = held::held_by(op, 0, entity.id)?;
    let all = vec![true; held.len()];
    values::read_given(op, &held, std::slice::from_ref(&asked.value), &all, Given::Anew)?;
    let running = job::begin(op, Operation::BulkEditEntry, Some(Target::Entity(entity.id)), body)?;
    apply(op, running, &entity, &asked)
}

/// The work of a job again.
///
/// # Errors
/// The entity is not there any more, or the value does not fit any more.
pub fn run(op: &mut OpCtx, running: Running, model: i64, params: &Value) -> Result<(), OpError> {
    let asked = BulkEdit::read(params)?;
    let entity = entities::by_id(&mut op.db, model)?.filter(|entity| entity.is_active);
    let entity = entity.ok_or_else(|| OpError::not_found("entity", model))?;
    apply(op, running, &entity, &asked)
}

fn apply(op: &mut OpCtx, running: Running, entity: &EntityRow, asked: &BulkEdit) -> Result<(), OpError> {
    let meant = writable_of_meant(op, entity, asked)?;
    let total = meant.len();
    let mut failures = Vec::new();
    for entry in meant {
        lock::entry(&mut op.db, entry.id)?;
        // What it is now that nobody else changes it.
        let found = entries::by_id(&mut op.db, entry.id)?.filter(|entry| entry.is_active);
        let Some(entry) = found else { continue };
        let name = entry.name.clone();
        let input = EntryInput { attrs: vec![asked.value.clone()], ..EntryInput::default() };
        if let Err(error) = op.nested(|op| update(op, EntryUpdate::found(entry, entity.clone()), input)) {
            failures.push(format!("{name}: {}", error.objection()?));
        }
    }
    let progress = format!("progress: [{total:>5}/{total:>5}]");
    if failures.is_empty() {
        return job::finish(op, running, Status::Done, &progress);
    }
    job::finish(op, running, Status::Warning, &format!("{progress}\n{}", failures.join("\n")))
}

/// The entries that are meant, without those whose attribute cannot be written in any case: how many others there are is
/// nothing that the job may tell.
fn writable_of_meant(op: &mut OpCtx, entity: &EntityRow, asked: &BulkEdit) -> Result<Vec<EntryRow>, OpError> {
    let definition = attr::by_id(&mut op.db, asked.value.id)?;
    let may_write = match &definition {
        Some(definition) => acl::allowed(op, &Subject::attr(definition, entity), Level::Writable)?,
        None => false,
    };
    if !may_write {
        return Ok(Vec::new());
    }
    let meant = search::select(op, entity, &asked.selection, usize::MAX)?;
    acl::look_ahead(op, meant.iter().map(|entry| Subject::entry(entry, entity)))?;
    let mut kept = Vec::with_capacity(meant.len());
    for entry in meant {
        if acl::allowed(op, &Subject::entry(&entry, entity), Level::Writable)? {
            kept.push(entry);
        }
    }
    Ok(kept)
}

/// The deletion of many entries, as its query says it.
#[derive(Debug, Clone, Default)]
pub struct BulkDelete {
    /// `ids`, each as it was sent.
    pub ids: Vec<String>,
    /// `isAll`: also the rest of the entity of the first one.
    pub is_all: bool,
    /// `attrinfo`: JSON that says which of the rest.
    pub attrinfo: Option<String>,
}

/// Deletes entries, all or none.
///
/// # Errors
/// The request is wrong, an entry is not there, or one of them may not be written.
pub fn delete_many(op: &mut OpCtx, asked: &BulkDelete) -> Result<(), OpError> {
    let missing = |what: &str| OpError::rule(Code::Required, what.to_owned());
    let selection = match &asked.attrinfo {
        None => Selection::default(),
        Some(text) => Selection { attrs: read_filters(text)?, ..Selection::default() },
    };
    let ids: Option<Vec<i64>> = asked.ids.iter().map(|id| decimal(id)).collect();
    let ids = ids.filter(|ids| !ids.is_empty()).ok_or_else(|| missing("ids: ids of entries are needed"))?;
    let mut rows = entries::by_ids(&mut op.db, &ids)?;
    rows.retain(|row| row.is_active);
    // An id that is unknown, deleted or repeated leaves less than was asked for.
    if rows.len() != ids.len() {
        return Err(OpError::not_found("entry", "among those asked for"));
    }
    if asked.is_all {
        let first = ids.first().and_then(|id| rows.iter().find(|row| row.id == *id));
        let entity = match first {
            Some(first) => entities::by_id(&mut op.db, first.entity_id)?,
            None => None,
        };
        if let Some(entity) = entity {
            let more = search::select(op, &entity, &selection, MOST_DELETED)?;
            rows.extend(more.into_iter().filter(|row| !ids.contains(&row.id)));
        }
    }
    require_writable(op, &rows)?;
    rows.sort_by_key(|row| row.id);
    for row in rows {
        lock::entry(&mut op.db, row.id)?;
        // The chain of another one may have taken it along.
        if entries::by_id(&mut op.db, row.id)?.is_some_and(|row| row.is_active) {
            delete(op, row.id)?;
            job::record(op, Operation::DeleteEntry, Target::Entry(row.id))?;
        }
    }
    Ok(())
}

fn decimal(text: &str) -> Option<i64> {
    let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // With more digits than an id can have it is one of nothing.
    is_decimal.then(|| text.parse().unwrap_or(i64::MAX))
}

/// Filters as this route has them: `filterKey` in camel case. *Source: spec, entry §16.*
fn read_filters(text: &str) -> Result<Vec<AttrFilter>, OpError> {
    let refused =
        || OpError::rule(Code::Required, "attrinfo: expected a list of {name, filterKey, keyword} as JSON");
    let list: Vec<Value> = serde_json::from_str(text).map_err(|_| refused())?;
    let filter = |element: &Value| {
        let key = coerce::integer(element.get("filterKey")?).ok()?;
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        // Without a keyword it is empty. *Source: spec, entry §16 (fixed quirk).*
        let keyword = element.get("keyword").map_or_else(|| Some(String::new()), text)?;
        AttrFilter::of(text(element.get("name")?)?, Some(key), &keyword)
    };
    list.iter().map(filter).collect::<Option<Vec<_>>>().ok_or_else(refused)
}

/// Whether all of these may be written: a constant number of statements.
fn require_writable(op: &mut OpCtx, rows: &[EntryRow]) -> Result<(), OpError> {
    let known = entities_of(op, rows)?;
    let subject = |row| Some(Subject::entry(row, known.get(&row.entity_id)?));
    let subjects: Vec<Subject<'_>> = rows.iter().filter_map(subject).collect();
    acl::look_ahead(op, subjects.iter().cloned())?;
    subjects.iter().try_for_each(|subject| acl::require(op, subject, Level::Writable))
}
