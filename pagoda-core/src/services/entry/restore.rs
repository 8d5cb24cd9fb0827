//! Brings a deleted entry back. *Source: spec, entry §7.*

use super::delete::chained;
use super::names::{is_any_taken, name_conflict, note_name};
use super::{detail, entry_ref, held, open_to_change};
use crate::services::audit::Action;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::search::index;
use crate::store::queries::{entity as entities, entry as entries, lock, value};
use crate::store::rows::{EntityRow, EntryRow};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::payload::{EntryAfterRestore, EntryBeforeRestore};
use pagoda_plugin_sdk::time::Timestamp;
use serde_json::json;

/// Brings a deleted entry back under its old name, with the entries that went with it.
///
/// # Errors
/// There is no such entry, it is not deleted, its name is taken, or somebody refused.
pub fn restore(op: &mut OpCtx, id: i64) -> Result<(), OpError> {
    let (entry, _) = open_to_change(op, id)?;
    if entry.is_active {
        return Err(OpError::rule(Code::NotFound, "the entry is not deleted"));
    }
    // The entity must not go while its entry comes; what was read of it before the lock may be old.
    // Nobody takes one of its aliases meanwhile either.
    lock::entity(&mut op.db, entry.entity_id)?;
    let entity = entities::by_id(&mut op.db, entry.entity_id)?;
    let entity = entity.ok_or_else(|| OpError::not_found("entity", entry.entity_id))?;
    if !entity.is_active {
        return Err(OpError::rule(Code::NotFound, "the entity of the entry is deleted"));
    }
    if taken(op, &entry)? {
        let message = "an entry has its name or one of its aliases already, as its own or as an alias";
        return Err(OpError::rule(Code::Duplicate, message));
    }
    // Chains may be long, so what is still to come back is a list and not a recursion.
    let mut due = restore_one(op, entry, &entity, false)?;
    while let Some(id) = due.pop() {
        lock::entry(&mut op.db, id)?;
        // One whose name is taken by now stays deleted. *Source: spec, entry §7 (fixed quirk).*
        if let Some((entry, entity)) = entries::with_entity(&mut op.db, id)?
            && !entry.is_active
            && entity.is_active
            && !taken(op, &entry)?
        {
            due.extend(restore_one(op, entry, &entity, true)?);
        }
    }
    Ok(())
}

/// The name without what deletion added: a trailing `_deleted_` with digits and underscores.
fn original_name(name: &str) -> &str {
    match name.rsplit_once("_deleted_") {
        Some((original, rest)) if rest.chars().all(|c| c.is_ascii_digit() || c == '_') => original,
        _ => name,
    }
}

fn taken(op: &mut OpCtx, entry: &EntryRow) -> Result<bool, OpError> {
    is_any_taken(op, entry, original_name(&entry.name))
}

/// Brings one entry back; returns those that it refers to through chain attributes, the first one last.
fn restore_one(
    op: &mut OpCtx,
    mut entry: EntryRow,
    entity: &EntityRow,
    in_chain: bool,
) -> Result<Vec<i64>, OpError> {
    let deleted_time = entry.deleted_time;
    let deleted_name = entry.name.clone();
    entry.name = original_name(&entry.name).to_owned();
    let reference = entry_ref(&entry, entity);
    if op.wants::<hooks::entry::before_restore>() {
        let held = held::held_by(op, entry.id, entity.id)?;
        op.check::<hooks::entry::before_restore>(|| {
            let mut payload = EntryBeforeRestore::default();
            payload.entry = reference.clone();
            payload.deleted_name.clone_from(&deleted_name);
            payload.deleted_time = deleted_time.map(Timestamp::from_micros);
            payload.attrs = detail::for_hooks(&held);
            payload.in_chain = in_chain;
            payload
        })?;
    }
    entry.is_active = true;
    entry.deleted_user_id = None;
    entry.deleted_time = None;
    entry.updated_time = op.now.as_micros();
    entries::update(&mut op.db, &entry).map_err(|error| match name_conflict(error) {
        OpError::Invalid(_) => OpError::rule(Code::Duplicate, "an entry of its name exists already"),
        error => error,
    })?;
    note_name(op, &entry, "~")?;
    value::set_attributes_active(&mut op.db, entry.id, true)?;
    op.audit(
        Action::EntryRestore,
        &reference,
        || json!({"entity": reference.entity, "deleted_name": deleted_name, "in_chain": in_chain}),
    );
    let held = held::held_by(op, entry.id, entity.id)?;
    let contents: Vec<_> =
        held.iter().filter_map(|held| Some((held.attr.id, held.attr_type, held.content()?))).collect();
    let values = contents.iter().map(|(attr_id, attr_type, content)| (*attr_id, *attr_type, content));
    index::enter(op, entry.id, values)?;
    let user = op.request.user.as_deref().cloned();
    op.observe::<hooks::entry::after_restore>(|| {
        let mut payload = EntryAfterRestore::default();
        payload.entry = reference;
        payload.deleted_name = deleted_name;
        payload.attrs = detail::for_hooks(&held);
        payload.in_chain = in_chain;
        payload.user = user;
        payload
    });
    let mut due = chained(&held);
    due.reverse();
    Ok(due)
}

#[cfg(test)]
mod tests {
    use super::original_name;

    #[test]
    fn only_the_suffix_of_deletion_goes() {
        assert_eq!(original_name("rack_deleted_20240501_100000"), "rack");
        assert_eq!(original_name("a_deleted_b_deleted_1"), "a_deleted_b");
        assert_eq!(original_name("a_deleted_b"), "a_deleted_b");
        assert_eq!(original_name("a_deleted_"), "a");
        assert_eq!(original_name("rack"), "rack");
    }
}
