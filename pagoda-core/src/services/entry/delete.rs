//! Deletes an entry, and in a chain what it alone refers to. *Source: spec, entry §6.*

use super::names::note_name;
use super::{Held, detail, entry_ref, held, open_to_change};
use crate::services::audit::Action;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{entity as entities, entry as entries, lock, value};
use crate::store::rows::{EntityRow, EntryRow};
use crate::store::search;
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::payload::{EntryAfterDelete, EntryBeforeDelete};
use pagoda_plugin_sdk::time::{Timestamp, Zone};
use serde_json::json;

/// Deletes an entry: it stays in the database, inactive and under another name.
///
/// # Errors
/// There is no such entry, it is deleted already, or somebody refused.
pub fn delete(op: &mut OpCtx, id: i64) -> Result<(), OpError> {
    let (entry, entity) = open_to_change(op, id)?;
    if !entry.is_active {
        return Err(OpError::rule(Code::NotFound, "the entry is deleted already"));
    }
    // Chains may be long, so what is still to go is a list and not a recursion.
    let mut due = delete_one(op, entry, &entity, false)?;
    while let Some(id) = due.pop() {
        lock::entry(&mut op.db, id)?;
        // The chain may have come by here already.
        let found = entries::with_entity(&mut op.db, id)?.filter(|(entry, _)| entry.is_active);
        let Some((entry, entity)) = found else { continue };
        if !is_kept(op, id, &entity)? {
            due.extend(delete_one(op, entry, &entity, true)?);
        }
    }
    Ok(())
}

/// The name of something that was deleted at `now`: `<name>_deleted_<YYYYMMDD_HHMMSS>`, server time zone.
#[must_use]
pub fn deleted_name(name: &str, now: Timestamp, zone: &Zone) -> String {
    format!("{name}_deleted_{}", zone.format(now, "%Y%m%d_%H%M%S"))
}

/// As [`deleted_name`], where names are unique over all rows: two of one second differ by a number. `taken` says
/// whether a name is.
///
/// # Errors
/// Those of `taken`.
pub(crate) fn free_deleted_name(
    op: &mut OpCtx,
    name: &str,
    taken: impl Fn(&mut OpCtx, &str) -> Result<bool, OpError>,
) -> Result<String, OpError> {
    let deleted = deleted_name(name, op.now, &op.host.zone);
    let mut free = deleted.clone();
    let mut number = 1;
    while taken(op, &free)? {
        number += 1;
        free = format!("{deleted}_{number}");
    }
    Ok(free)
}

/// Deletes one entry; returns those that it referred to through chain attributes, the first one last.
fn delete_one(
    op: &mut OpCtx,
    mut entry: EntryRow,
    entity: &EntityRow,
    in_chain: bool,
) -> Result<Vec<i64>, OpError> {
    let held = held::held_by(op, entry.id, entity.id)?;
    let reference = entry_ref(&entry, entity);
    op.check::<hooks::entry::before_delete>(|| {
        let mut payload = EntryBeforeDelete::default();
        payload.entry = reference.clone();
        payload.attrs = detail::for_hooks(&held);
        payload.in_chain = in_chain;
        payload
    })?;

    let deleted = deleted_name(&entry.name, op.now, &op.host.zone);
    entry.name.clone_from(&deleted);
    entry.is_active = false;
    entry.deleted_user_id = op.user_id();
    entry.deleted_time = Some(op.now.as_micros());
    entry.updated_time = op.now.as_micros();
    entries::update(&mut op.db, &entry)?;
    note_name(op, &entry, "~")?;
    value::set_attributes_active(&mut op.db, entry.id, false)?;
    search::remove(&mut op.db, entry.id)?;
    op.audit(
        Action::EntryDelete,
        &reference,
        || json!({"entity": reference.entity, "deleted_name": deleted, "in_chain": in_chain}),
    );

    let user = op.request.user.as_deref().cloned();
    op.observe::<hooks::entry::after_delete>(|| {
        let mut payload = EntryAfterDelete::default();
        payload.entry = reference;
        payload.deleted_name = deleted;
        payload.attrs = detail::for_hooks(&held);
        payload.in_chain = in_chain;
        payload.user = user;
        payload
    });
    let mut due = chained(&held);
    due.reverse();
    Ok(due)
}

/// Whether another active entry refers to it, those of excluded entities not counted. The entry that was
/// deleted is inactive by now, so it does not count either. No permission is asked for.
/// *Source: spec, entry §6 (quirk to keep).*
fn is_kept(op: &mut OpCtx, id: i64, entity: &EntityRow) -> Result<bool, OpError> {
    let excluded = entities::chain_excludes(&mut op.db, entity.id)?;
    let excluded: Vec<i64> = excluded.into_iter().map(|(id, _)| id).collect();
    Ok(!entries::active_referrers(&mut op.db, id, &excluded, 1)?.is_empty())
}

/// Ids of the entries that chain attributes refer to.
pub(super) fn chained(held: &[Held]) -> Vec<i64> {
    let mut ids: Vec<i64> = held
        .iter()
        .filter(|held| held.attr.is_delete_in_chain && held.attr_type.refers_to_entries())
        .filter_map(Held::content)
        .flat_map(|content| {
            content
                .reference
                .into_iter()
                .chain(content.elements.iter().filter_map(|element| element.reference))
                .collect::<Vec<_>>()
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
