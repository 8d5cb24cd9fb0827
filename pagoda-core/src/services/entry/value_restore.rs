//! Brings past values back: one of them, or all that somebody wrote since a time. *Source: spec, entry §10 and §14.*
//!
//! Nothing in a history is taken back: what was is written again, as a request would, by [`update`].

use super::EntryInput;
use super::held::{Held, held_by};
use super::update::{EntryUpdate, update};
use super::values::{self, Given};
use super::versions::inputs_of;
use crate::services::acl::object::AclObject;
use crate::services::acl::{self, Subject};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{entry as entries, lock, value};
use crate::store::rows::{AttrValueRow, EntityRow, EntryRow};
use crate::wire::coerce::{self, Reader};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::{AttrInput, Level};
use pagoda_plugin_sdk::time::Timestamp;
use serde_json::Value;
use std::collections::HashMap;

/// A past value, found before anything else is known about the request.
pub struct PastValue {
    row: AttrValueRow,
    entry_id: i64,
}

impl PastValue {
    /// Finds the value; elements of lists are no values of their own.
    ///
    /// # Errors
    /// There is none.
    pub fn find(op: &mut OpCtx, id: i64) -> Result<Self, OpError> {
        let found = value::with_entry(&mut op.db, id)?.filter(|(row, _)| row.parent_id.is_none());
        let (row, entry_id) = found.ok_or_else(|| OpError::not_found("value", id))?;
        Ok(Self { row, entry_id })
    }
}

/// Writes a past value again, also where it is the present one.
///
/// # Errors
/// The attribute may not be written, the entry or the definition is deleted, `body` is no object, or the value does not fit any
/// more.
pub fn restore(
    op: &mut OpCtx,
    past: PastValue,
    body: impl FnOnce() -> Result<Value, OpError>,
) -> Result<(), OpError> {
    let PastValue { row, entry_id } = past;
    lock::entry(&mut op.db, entry_id)?;
    let AclObject::Attribute(found) = AclObject::find(op, row.attribute_id)? else {
        return Err(OpError::not_found("value", row.id));
    };
    let (attribute, definition, entry, entity) = *found;
    acl::require(op, &Subject::attribute(&attribute, &definition, &entry, &entity), Level::Writable)?;
    if !entry.is_active || !definition.is_active {
        return Err(OpError::rule(Code::NotFound, "the entry or the attribute of the value is deleted"));
    }
    // Nothing in it says anything. *Source: spec, entry §10.*
    coerce::object(&body()?)?;
    let input = inputs_of(op, &[(&row, &definition)])?.remove(&row.id).unwrap_or_default();
    let given = [AttrInput { id: definition.id, value: input }];
    let held = held_by(op, entry.id, entity.id)?;
    // Asked ahead of the update, because the complaint is one about the value and not about a field.
    let read = values::read_given(op, &held, &given, &vec![true; held.len()], Given::Before);
    if let Err(OpError::Invalid(_)) = read {
        return Err(OpError::rule(Code::Invalid, "the attribute does not take this value any more"));
    }
    write_again(op, entry, entity, given.into())
}

/// What a rollback asks for.
pub struct Rollback {
    targets: Vec<i64>,
    at: Timestamp,
}

impl Rollback {
    /// Reads a request body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(op: &OpCtx, body: &Value) -> Result<Self, OpError> {
        let mut reader = Reader::new(coerce::object(body)?);
        let targets = reader.id_list("targets");
        reader.require("targets");
        if targets.as_ref().is_some_and(Vec::is_empty) {
            reader.errors.add("targets", Code::Other, "at least one entry is needed");
        }
        let at = reader.required("at", |value| match value {
            Value::Null => Err((Code::Other, "null is not allowed".into())),
            Value::String(text) => op.host.zone.parse(text.trim()).ok_or_else(not_a_time),
            _ => Err(not_a_time()),
        });
        match (targets, at) {
            (Some(targets), Some(at)) if reader.errors.is_empty() => Ok(Self { targets, at }),
            _ => Err(reader.errors.into()),
        }
    }
}

fn not_a_time() -> coerce::Refusal {
    (Code::Invalid, "expected a time as 2024-01-31T12:00:00Z".into())
}

/// Undoes what the acting user wrote into entries since a time. What cannot be undone is left as it is and not
/// complained about: entries that are not there or may not be written, attributes that somebody else wrote since.
///
/// # Errors
/// The database does not answer.
pub fn rollback(op: &mut OpCtx, asked: &Rollback) -> Result<(), OpError> {
    let mut targets = asked.targets.clone();
    // In one order, so that two of these do not wait for each other.
    targets.sort_unstable();
    targets.dedup();
    for id in targets {
        lock::entry(&mut op.db, id)?;
        let found = entries::with_entity(&mut op.db, id)?.filter(|(entry, _)| entry.is_active);
        let Some((entry, entity)) = found else { continue };
        if !acl::allowed(op, &Subject::entry(&entry, &entity), Level::Writable)? {
            continue;
        }
        let given = undoing(op, &entry, &entity, asked.at.as_micros())?;
        // Where a rule or a plugin is against what was, the other entries go on.
        if let Err(error) = op.nested(|op| write_again(op, entry, entity, given)) {
            error.objection()?;
        }
    }
    Ok(())
}

/// The values that an entry had at `at`, of the attributes that the acting user, and nobody else, wrote since.
fn undoing(op: &mut OpCtx, entry: &EntryRow, entity: &EntityRow, at: i64) -> Result<Vec<AttrInput>, OpError> {
    let held = held_by(op, entry.id, entity.id)?;
    let writable = values::writable(op, &held, Some(entry), entity)?;
    let own: HashMap<i64, &Held> = held
        .iter()
        .zip(&writable)
        .filter(|(_, writable)| **writable)
        .filter_map(|(held, _)| Some((held.attribute.as_ref()?.id, held)))
        .collect();
    let attributes: Vec<i64> = own.keys().copied().collect();
    let since = value::written_since(&mut op.db, &attributes, at)?;
    let me = op.user_id();
    let mut mine: HashMap<i64, bool> = HashMap::new();
    for row in &since {
        *mine.entry(row.attribute_id).or_insert(true) &= row.created_user_id == me;
    }
    let mine: Vec<i64> = mine.into_iter().filter(|(_, mine)| *mine).map(|(attribute, _)| attribute).collect();
    let before = value::newest_until(&mut op.db, &mine, at)?;
    let with_definition = before.iter().filter_map(|row| Some((row, &own.get(&row.attribute_id)?.attr)));
    let inputs = inputs_of(op, &with_definition.collect::<Vec<_>>())?;
    let mut given = Vec::with_capacity(mine.len());
    for attribute in mine {
        let Some(target) = own.get(&attribute) else { continue };
        let value = match before.iter().find(|row| row.attribute_id == attribute) {
            Some(row) => inputs.get(&row.id).cloned().unwrap_or_default(),
            // Nothing was written until then: it was blank, if there was an entry. *Source: spec, entry §14.*
            None if entry.created_time <= at => target.value_type.blank_input(),
            None => continue,
        };
        let input = AttrInput { id: target.attr.id, value };
        // A choice that is gone, say: that attribute stays as it is. *Source: spec, entry §14 (fixed quirk).*
        match values::read_given(op, &held, std::slice::from_ref(&input), &[], Given::Before) {
            Ok(_) => given.push(input),
            Err(OpError::Invalid(_)) => {}
            Err(error) => return Err(error),
        }
    }
    // In the order of display, as a request would have them.
    given.sort_by_key(|input| held.iter().position(|held| held.attr.id == input.id));
    Ok(given)
}

fn write_again(
    op: &mut OpCtx,
    entry: EntryRow,
    entity: EntityRow,
    attrs: Vec<AttrInput>,
) -> Result<(), OpError> {
    if attrs.is_empty() {
        return Ok(());
    }
    let input = EntryInput { name: None, attrs, again: true, ..EntryInput::default() };
    update(op, EntryUpdate::found(entry, entity), input)
}
