//! Names that the server makes. *Source: spec, entry §3.4.*

use super::names::{note_name, note_rename};
use super::{Held, MOST_NAME, held};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::StoreError;
use crate::store::constraint::ENTRY_ACTIVE_NAME;
use crate::store::queries::{alias, entry as entries, lock};
use crate::store::rows::{EntityRow, EntryRow};
use std::collections::HashSet;
use uuid::Uuid;

/// Whether entries are named from their attributes.
fn from_attributes(entity: &EntityRow) -> bool {
    entity.item_name_type == "AT"
}

/// The name of a new entry where the entity gives out ids; it is given once and stays. *Fixed quirk.*
pub(super) fn fresh_id(entity: &EntityRow) -> Option<String> {
    (entity.item_name_type == "ID").then(|| Uuid::new_v4().to_string())
}

/// What the attributes make of the name, cut where a name ends that somebody sends; absent when they make nothing of it.
fn computed(held: &[Held]) -> Option<String> {
    let mut parts: Vec<&Held> = held.iter().filter(|held| held.attr.name_order > 0).collect();
    parts.sort_by_key(|held| held.attr.name_order);
    let mut name = String::new();
    for part in parts {
        let text = match part.stored() {
            Some(stored) => part.value_type.in_names(&stored),
            None => None,
        };
        if let Some(text) = text {
            name.push_str(&part.attr.name_prefix);
            name.push_str(&text);
            name.push_str(&part.attr.name_postfix);
        }
    }
    if let Some((end, _)) = name.char_indices().nth(MOST_NAME) {
        name.truncate(end);
    }
    (!name.is_empty()).then_some(name)
}

/// Gives an entry the name that its attributes make, if its entity wants that; true when it is another one.
///
/// # Errors
/// The database does not do it.
pub(super) fn name_from_attributes(
    op: &mut OpCtx,
    entry: &mut EntryRow,
    entity: &EntityRow,
) -> Result<bool, OpError> {
    if !from_attributes(entity) {
        return Ok(false);
    }
    let held = held::held_by(op, entry.id, entity.id)?;
    let Some(mut name) = computed(&held).filter(|name| *name != entry.name) else { return Ok(false) };
    // Of those that make the same name at the same moment one is the first.
    lock::entity_to_name(&mut op.db, entity.id)?;
    if let Some(other) = holder(op, entity.id, &name)? {
        let is_copy = |name: &str| {
            entry.name.strip_prefix(name).is_some_and(|rest| rest.starts_with(" -- duplicate of ID:"))
        };
        // It has its name already, and would only get another random part.
        if is_copy(&name) {
            return Ok(false);
        }
        name = format!("{name} -- duplicate of ID:{other} -- {}", Uuid::new_v4());
    }
    entry.name = name;
    entry.updated_time = op.now.as_micros();
    entries::update(&mut op.db, entry).map_err(|error| match error {
        // Somebody took it as a name of his own choice just now: what is made of it then is decided anew.
        StoreError::Conflict { constraint } if constraint == ENTRY_ACTIVE_NAME => StoreError::Serialization,
        error => error,
    })?;
    note_name(op, entry, "~")?;
    Ok(true)
}

/// The active entry that has a name, or has it as an alias.
fn holder(op: &mut OpCtx, entity: i64, name: &str) -> Result<Option<i64>, OpError> {
    if let Some(entry) = entries::active_by_name(&mut op.db, entity, name)? {
        return Ok(Some(entry.id));
    }
    Ok(alias::active_by_name(&mut op.db, entity, name)?.map(|alias| alias.entry_id))
}

/// Names those anew that are named after an entry whose name has changed, and those named after them: each once, so
/// circles end.
///
/// # Errors
/// The database does not do it.
pub(super) fn rename_referrers(op: &mut OpCtx, renamed: i64) -> Result<(), OpError> {
    let mut seen = HashSet::from([renamed]);
    let mut due = vec![renamed];
    while let Some(id) = due.pop() {
        for referrer in entries::active_referrers_named_after(&mut op.db, id)? {
            if !seen.insert(referrer) {
                continue;
            }
            lock::entry(&mut op.db, referrer)?;
            let Some((mut entry, entity)) = entries::with_entity(&mut op.db, referrer)? else { continue };
            let previous_name = entry.name.clone();
            if name_from_attributes(op, &mut entry, &entity)? {
                note_rename(op, &entry, &entity, previous_name)?;
                due.push(referrer);
            }
        }
    }
    Ok(())
}
