//! Writing values: reading what was given, finding what changes, hooks, rows.

use super::attr_ref;
use super::held::{Held, held_by};
use crate::services::acl::{self, Subject};
use crate::services::attribute::{self, Content, ValueError};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::search::index;
use crate::store::ids;
use crate::store::queries::value;
use crate::store::rows::{EntityRow, EntryRow, NewAttrValue, NewAttribute};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::hooks::attribute as points;
use pagoda_plugin_sdk::model::{AttrInput, EntryRef, Level};
use pagoda_plugin_sdk::payload::{
    AttributeAfterCreate, AttributeAfterDelete, AttributeAfterUpdate, AttributeBeforeCreate,
    AttributeBeforeDelete, AttributeBeforeUpdate,
};
use serde_json::Value;
use std::collections::HashMap;

/// A value that is to be written.
pub(super) struct Planned {
    /// Position among the held attributes.
    at: usize,
    /// The value as a request would send it.
    input: Value,
    content: Content,
    turn: Turn,
}

/// What writing a value means to the attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// From none to one.
    First,
    /// From one to another.
    Change,
    /// From one to none.
    Clear,
    /// A blank row at the creation of the entry.
    Blank,
    /// Another row of the value that is there already.
    Again,
}

/// How strictly values are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// A request sends them.
    Anew,
    /// They were stored before, here or in another entry: nothing is required any more. *Source: spec, entry §8 and §10.*
    Before,
}

/// Reads the given values in request order; the first complaint ends it. Later values for the same
/// attribute win. Values that the user may not write are read but left out. *Source: spec, entry §3.1.*
///
/// # Errors
/// The complaint.
pub(super) fn read_given(
    op: &mut OpCtx,
    held: &[Held],
    given: &[AttrInput],
    writable: &[bool],
    how: Given,
) -> Result<Vec<(usize, Content, Value)>, OpError> {
    let mut read: Vec<(usize, Content, Value)> = Vec::with_capacity(given.len());
    for input in given {
        let found = held.iter().position(|held| held.attr.id == input.id);
        let Some(at) = found else {
            let message = format!("attribute {} does not belong to the entity", input.id);
            return Err(OpError::whole(Code::NotFound, message));
        };
        // `at` comes from `position` over the same slice.
        let Some(target) = held.get(at) else { continue };
        let content = read_value(op, target, &input.value, how)?;
        read.retain(|(other, _, _)| *other != at);
        if writable.get(at).copied().unwrap_or(false) {
            read.push((at, content, input.value.clone()));
        }
    }
    Ok(read)
}

/// As [`read_given`] for what comes from another entry: what would be refused now is taken as it was, such as a choice
/// that is gone.
///
/// # Errors
/// A handler asked for an attribute that there is not.
pub(super) fn read_copied(
    op: &mut OpCtx,
    held: &[Held],
    given: &[AttrInput],
    copied: &HashMap<i64, Content>,
) -> Result<Vec<(usize, Content, Value)>, OpError> {
    let all = vec![true; held.len()];
    let mut read = Vec::with_capacity(given.len());
    for input in given {
        let one = read_given(op, held, std::slice::from_ref(input), &all, Given::Before);
        match (one, copied.get(&input.id)) {
            (Ok(one), _) => read.extend(one),
            (Err(OpError::Invalid(_)), Some(content)) => {
                let at = held.iter().position(|held| held.attr.id == input.id);
                read.extend(at.map(|at| (at, content.clone(), input.value.clone())));
            }
            (Err(error), _) => return Err(error),
        }
    }
    Ok(read)
}

fn read_value(op: &mut OpCtx, held: &Held, input: &Value, how: Given) -> Result<Content, OpError> {
    let (id, name) = (held.attr.id, &held.attr.name);
    let content = held.value_type.read(op, &held.attr, input).map_err(|error| match error {
        ValueError::Refused(code, message) => {
            OpError::whole(code, format!("attribute {id} ({name}): {message}"))
        }
        ValueError::Op(error) => error,
    })?;
    if how == Given::Anew && held.attr.is_mandatory && !held.value_type.is_enough(&content) {
        let message = format!("attribute {id} ({name}) is mandatory and may not be empty");
        return Err(OpError::whole(Code::Invalid, message));
    }
    Ok(content)
}

/// Which of the attributes the acting user may write.
///
/// # Errors
/// The operation is broken.
pub(super) fn writable(
    op: &mut OpCtx,
    held: &[Held],
    entry: Option<&EntryRow>,
    entity: &EntityRow,
) -> Result<Vec<bool>, OpError> {
    let mut subjects = Vec::with_capacity(held.len());
    for held in held {
        subjects.push(match entry {
            Some(entry) => held.subject(entry, entity),
            None => Subject::attr(&held.attr, entity),
        });
    }
    acl::look_ahead(op, subjects.iter().cloned())?;
    subjects.iter().map(|subject| acl::allowed(op, subject, Level::Writable)).collect()
}

/// What an update writes: only real changes, unless it is told to write again what is there.
pub(super) fn plan_update(held: &[Held], read: Vec<(usize, Content, Value)>, again: bool) -> Vec<Planned> {
    let again = again.then_some(Turn::Again);
    let turn_of = |at: usize, content: &Content| -> Option<Turn> {
        let held = held.get(at)?;
        let blank = held.value_type.is_blank(content);
        let Some(old) = held.stored().map(|stored| stored.content()) else {
            return if blank { again } else { Some(Turn::First) };
        };
        if !held.value_type.differs(&old, content) {
            return again;
        }
        Some(match (held.value_type.is_blank(&old), blank) {
            (_, true) => Turn::Clear,
            (true, false) => Turn::First,
            (false, false) => Turn::Change,
        })
    };
    read.into_iter()
        .filter_map(|(at, content, input)| {
            let turn = turn_of(at, &content)?;
            Some(Planned { at, input, content, turn })
        })
        .collect()
}

/// What a creation writes: the given values, and the defaults of what was not given.
pub(super) fn plan_creation(
    held: &[Held],
    read: Vec<(usize, Content, Value)>,
    given: &[AttrInput],
    writable: &[bool],
) -> Vec<Planned> {
    let mut planned = Vec::with_capacity(held.len());
    for (at, (held, writable)) in held.iter().zip(writable).enumerate() {
        let (content, input) = match read.iter().find(|(other, _, _)| *other == at) {
            Some((_, content, input)) => (content.clone(), input.clone()),
            None if !writable || given.iter().any(|input| input.id == held.attr.id) => continue,
            None => {
                let default =
                    held.attr.default_value.as_deref().and_then(|text| serde_json::from_str(text).ok());
                match held.value_type.initial(default.as_ref()) {
                    Some(content) => (content, default.unwrap_or_else(|| held.value_type.blank_input())),
                    None => continue,
                }
            }
        };
        let turn = if held.value_type.is_blank(&content) { Turn::Blank } else { Turn::First };
        planned.push(Planned { at, input, content, turn });
    }
    planned
}

/// Fires the `attribute.before_*` points; Transform handlers may change what is written.
///
/// # Errors
/// A handler refused, or what it made of the value breaks a rule.
pub(super) fn fire_before(
    op: &mut OpCtx,
    entry: &EntryRef,
    held: &[Held],
    planned: Vec<Planned>,
) -> Result<Vec<Planned>, OpError> {
    let mut kept = Vec::with_capacity(planned.len());
    for mut planned in planned {
        let Some(target) = held.get(planned.at) else { continue };
        let value = transformed(op, entry, target, &planned)?;
        if value != planned.input {
            planned.content = read_value(op, target, &value, Given::Anew)?;
            planned.input = value;
            let blank = target.value_type.is_blank(&planned.content);
            planned.turn = match (target.content(), blank) {
                (None, false) => Turn::First,
                // Still a row for the given value, as if it had been sent like this.
                (None, true) => Turn::Blank,
                (Some(_), true) => Turn::Clear,
                (Some(old), false) if target.value_type.differs(&old, &planned.content) => Turn::Change,
                (Some(_), false) => continue,
            };
        }
        // Whether the request clears the value or a handler does: who guards it is asked.
        if planned.turn == Turn::Clear {
            op.check::<points::before_delete>(|| {
                let mut payload = AttributeBeforeDelete::default();
                payload.entry = entry.clone();
                payload.attr = attr_ref(&target.attr);
                payload.previous = json(&target.shown());
                payload
            })?;
        }
        kept.push(planned);
    }
    Ok(kept)
}

/// What the Transform handlers make of a value.
fn transformed(op: &mut OpCtx, entry: &EntryRef, target: &Held, planned: &Planned) -> Result<Value, OpError> {
    match planned.turn {
        Turn::First if op.wants::<points::before_create>() => {
            let mut payload = AttributeBeforeCreate::default();
            payload.entry = entry.clone();
            payload.attr = attr_ref(&target.attr);
            payload.value = planned.input.clone();
            op.transform::<points::before_create>(&mut payload)?;
            Ok(payload.value)
        }
        Turn::Change if op.wants::<points::before_update>() => {
            let mut payload = AttributeBeforeUpdate::default();
            payload.entry = entry.clone();
            payload.attr = attr_ref(&target.attr);
            payload.previous = json(&target.shown());
            payload.value = planned.input.clone();
            op.transform::<points::before_update>(&mut payload)?;
            Ok(payload.value)
        }
        _ => Ok(planned.input.clone()),
    }
}

/// The values that will be written, as payloads carry them.
pub(super) fn inputs(held: &[Held], planned: &[Planned]) -> Vec<AttrInput> {
    let input = |planned: &Planned| {
        Some(AttrInput { id: held.get(planned.at)?.attr.id, value: planned.input.clone() })
    };
    planned.iter().filter_map(input).collect()
}

/// Writes the rows of the planned values: a constant number of statements.
///
/// # Errors
/// The database does not do it.
pub(super) fn write(
    op: &mut OpCtx,
    entry_id: i64,
    held: &mut [Held],
    planned: &[Planned],
    all_attributes: bool,
) -> Result<(), OpError> {
    // Also where there is no latest value, which nothing here leaves behind: a row of it would be in the way.
    let known =
        planned.iter().filter_map(|planned| held.get(planned.at)).filter(|held| held.attribute.is_some());
    let known: Vec<_> = known.map(|held| (held.attr.id, held.attr_type)).collect();
    index::leave(op, entry_id, known.into_iter())?;
    add_attributes(op, entry_id, held, planned, all_attributes)?;
    let (author, now) = (op.user_id(), op.now.as_micros());
    let superseded: Vec<i64> = planned
        .iter()
        .filter_map(|planned| held.get(planned.at))
        .filter(|held| held.value.is_some())
        .filter_map(|held| held.attribute.as_ref().map(|attribute| attribute.id))
        .collect();
    if !superseded.is_empty() {
        value::clear_latest(&mut op.db, &superseded)?;
    }
    let mut contents = Vec::with_capacity(planned.len());
    let mut rows: Vec<NewAttrValue> = Vec::with_capacity(planned.len());
    for planned in planned {
        let Some(target) = held.get(planned.at) else { continue };
        let Some(attribute) = &target.attribute else { continue };
        let previous = target.value.as_ref().map(|value| value.id);
        let code = target.attr_type.code();
        rows.push(attribute::row_of(attribute.id, code, &planned.content, author, now, previous));
        contents.push(&planned.content);
    }
    if rows.is_empty() {
        return Ok(());
    }
    let ids = value::insert_values(&mut op.db, &rows)?;
    let elements: Vec<NewAttrValue> = ids
        .iter()
        .zip(&rows)
        .zip(contents)
        .flat_map(|((id, row), content)| attribute::element_rows(*id, row, content))
        .collect();
    if !elements.is_empty() {
        value::insert_values(&mut op.db, &elements)?;
    }
    let written = planned.iter().filter_map(|planned| {
        let target = held.get(planned.at)?;
        Some((target.attr.id, target.attr_type, &planned.content))
    });
    index::enter(op, entry_id, written)
}

/// Gives an instance to every attribute that needs one: at creation all of them, later only those written.
fn add_attributes(
    op: &mut OpCtx,
    entry_id: i64,
    held: &mut [Held],
    planned: &[Planned],
    all: bool,
) -> Result<(), OpError> {
    let (author, now) = (op.user_id(), op.now.as_micros());
    let missing: Vec<usize> = held
        .iter()
        .enumerate()
        .filter(|(at, held)| {
            held.attribute.is_none() && (all || planned.iter().any(|planned| planned.at == *at))
        })
        .map(|(at, _)| at)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let ids = ids::allocate(&mut op.db, missing.len())?;
    let mut rows = Vec::with_capacity(missing.len());
    for (at, id) in missing.into_iter().zip(ids) {
        let Some(held) = held.get_mut(at) else { continue };
        let row = NewAttribute {
            id,
            entry_id,
            attr_id: held.attr.id,
            // The rule of the definition is inherited, its grants are not. *Source: spec, acl-role §2.*
            is_public: held.attr.is_public,
            default_permission: held.attr.default_permission,
            is_active: true,
            created_user_id: author,
            created_time: now,
        };
        held.attribute = Some(row.clone());
        rows.push(row);
    }
    Ok(value::insert_attributes(&mut op.db, &rows)?)
}

/// Notes the `attribute.after_*` events. Returns the values as they are now, when anybody wants them.
///
/// # Errors
/// The database does not answer.
pub(super) fn note_after(
    op: &mut OpCtx,
    entry: &EntryRef,
    before: &[Held],
    planned: &[Planned],
    wanted_anyway: bool,
) -> Result<Option<Vec<Held>>, OpError> {
    let wanted = wanted_anyway
        || op.wants::<points::after_create>()
        || op.wants::<points::after_update>()
        || op.wants::<points::after_delete>();
    if !wanted {
        return Ok(None);
    }
    let after = held_by(op, entry.id, entry.entity.id)?;
    for planned in planned {
        let Some(old) = before.get(planned.at) else { continue };
        let Some(new) = after.iter().find(|held| held.attr.id == old.attr.id) else { continue };
        match planned.turn {
            Turn::First => op.observe::<points::after_create>(|| {
                let mut payload = AttributeAfterCreate::default();
                payload.entry = entry.clone();
                payload.attr = attr_ref(&old.attr);
                payload.value = json(&new.shown());
                payload
            }),
            Turn::Change => op.observe::<points::after_update>(|| {
                let mut payload = AttributeAfterUpdate::default();
                payload.entry = entry.clone();
                payload.attr = attr_ref(&old.attr);
                payload.previous = json(&old.shown());
                payload.value = json(&new.shown());
                payload
            }),
            Turn::Clear => op.observe::<points::after_delete>(|| {
                let mut payload = AttributeAfterDelete::default();
                payload.entry = entry.clone();
                payload.attr = attr_ref(&old.attr);
                payload.previous = json(&old.shown());
                payload
            }),
            Turn::Blank | Turn::Again => {}
        }
    }
    Ok(Some(after))
}

/// The attributes whose values change.
fn changed<'a>(held: &'a [Held], planned: &[Planned]) -> impl Iterator<Item = &'a Held> {
    let changed = planned.iter().filter(|planned| !matches!(planned.turn, Turn::Blank | Turn::Again));
    changed.filter_map(|planned| held.get(planned.at))
}

/// Ids of the definitions whose values change.
pub(super) fn changed_ids(held: &[Held], planned: &[Planned]) -> Vec<i64> {
    changed(held, planned).map(|held| held.attr.id).collect()
}

/// Names of the attributes whose values change, for the audit log.
pub(super) fn changed_names<'a>(held: &'a [Held], planned: &[Planned]) -> Vec<&'a str> {
    changed(held, planned).map(|held| held.attr.name.as_str()).collect()
}

/// A shown value as payloads carry it.
pub(crate) fn json(shown: &attribute::Shown) -> Value {
    serde_json::to_value(shown).unwrap_or(Value::Null)
}
