//! The rules for the names of entries.

use super::pattern::matches_pattern;
use super::{detail, entry_ref, held};
use crate::services::audit::Action;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::StoreError;
use crate::store::constraint::ENTRY_ACTIVE_NAME;
use crate::store::queries;
use crate::store::rows::{EntityRow, EntryRow, NewEntryName};
use crate::wire::Fields;
use crate::wire::coerce::check_storable;
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::payload::EntryAfterUpdate;
use serde_json::json;

/// Complains about a name. `own` is the entry that has it already. *Source: spec, entry §3.1.*
///
/// # Errors
/// The database does not answer.
pub(super) fn check_name(
    op: &mut OpCtx,
    entity: &EntityRow,
    name: &str,
    own: Option<i64>,
    errors: &mut Fields,
) -> Result<(), OpError> {
    let length = name.chars().count();
    if name.trim().is_empty() {
        errors.add("name", Code::Other, "this field may not be blank");
    } else if length > super::MOST_NAME {
        let message = format!("at most {} characters, not {length}", super::MOST_NAME);
        errors.add("name", Code::LimitExceeded, message);
    } else if let Err((code, message)) = check_storable(name) {
        errors.add("name", code, message);
    } else if let Some(found) = queries::entry::active_by_name(&mut op.db, entity.id, name)?
        && Some(found.id) != own
    {
        taken(errors);
    } else if name.contains('\t') {
        errors.add("name", Code::InvalidValue, "a name may not contain a tab");
    } else if !matches_pattern(&entity.item_name_pattern, name) {
        let message = format!("the name does not match the pattern `{}`", entity.item_name_pattern);
        errors.add("name", Code::InvalidValue, message);
    }
    Ok(())
}

/// Whether a name keeps the rules of the entity that are not about its length or other entries.
pub(super) fn may_be_name(entity: &EntityRow, name: &str) -> bool {
    !name.contains('\t') && matches_pattern(&entity.item_name_pattern, name)
}

/// Complains about a name that an active entry has as its alias. *Source: spec, entry §3.1 and §5.*
///
/// # Errors
/// The complaint.
pub(super) fn check_alias(op: &mut OpCtx, entity: &EntityRow, name: &str) -> Result<(), OpError> {
    match queries::alias::active_by_name(&mut op.db, entity.id, name)? {
        Some(_) => Err(OpError::whole(Code::Duplicate, "an entry has this name as an alias")),
        None => Ok(()),
    }
}

/// Notes the name that an entry has now: `+` for its first one, `~` for others.
///
/// # Errors
/// The database does not do it.
pub(super) fn note_name(op: &mut OpCtx, entry: &EntryRow, kind: &'static str) -> Result<(), OpError> {
    note_name_of(op, entry.id, &entry.name, kind)
}

/// As [`note_name`] for a name that an entry has, or had for a moment.
///
/// # Errors
/// The database does not do it.
pub(super) fn note_name_of(
    op: &mut OpCtx,
    entry_id: i64,
    name: &str,
    kind: &'static str,
) -> Result<(), OpError> {
    let new =
        NewEntryName { entry_id, name: name.to_owned(), kind, user_id: op.user_id(), at: op.now.as_micros() };
    Ok(queries::entry_name::insert(&mut op.db, &new)?)
}

/// Whether an active entry has the name, or has it as an alias; `own` does not count as one that has it.
///
/// # Errors
/// The database does not answer.
pub(super) fn is_taken(
    op: &mut OpCtx,
    entity_id: i64,
    name: &str,
    own: Option<i64>,
) -> Result<bool, OpError> {
    let other = queries::entry::active_by_name(&mut op.db, entity_id, name)?;
    Ok(other.is_some_and(|other| Some(other.id) != own)
        || queries::alias::active_by_name(&mut op.db, entity_id, name)?.is_some())
}

/// Says that an entry got another name by something else than an update of its own.
///
/// # Errors
/// The database does not answer.
pub(super) fn note_rename(
    op: &mut OpCtx,
    entry: &EntryRow,
    entity: &EntityRow,
    previous_name: String,
) -> Result<(), OpError> {
    let reference = entry_ref(entry, entity);
    op.audit(Action::EntryUpdate, &reference, || {
        let names = json!({"old": previous_name, "new": reference.name});
        json!({"entity": reference.entity, "attrs": [], "name": names})
    });
    if op.wants::<hooks::entry::after_update>() {
        let held = held::held_by(op, entry.id, entity.id)?;
        let user = op.request.user.as_deref().cloned();
        op.observe::<hooks::entry::after_update>(|| {
            let mut payload = EntryAfterUpdate::default();
            payload.entry = reference;
            payload.previous_name = previous_name;
            payload.attrs = detail::for_hooks(&held);
            payload.user = user;
            payload
        });
    }
    Ok(())
}

fn taken(errors: &mut Fields) {
    errors.add("name", Code::Duplicate, "an entry of this name exists already");
}

/// Whether an entry that comes back may have its name and its aliases again: an active entry of its entity may have one of
/// them by now. *Source: spec, entry §3.3.*
///
/// # Errors
/// The database does not answer.
pub(super) fn is_any_taken(op: &mut OpCtx, entry: &EntryRow, name: &str) -> Result<bool, OpError> {
    let aliases = queries::alias::of_entries(&mut op.db, &[entry.id])?;
    for name in std::iter::once(name).chain(aliases.iter().map(|alias| alias.name.as_str())) {
        if is_taken(op, entry.entity_id, name, Some(entry.id))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Two requests may pass [`check_name`] at the same moment; the database lets one of them through.
pub(super) fn name_conflict(error: StoreError) -> OpError {
    match error {
        StoreError::Conflict { constraint } if constraint == ENTRY_ACTIVE_NAME => {
            let mut errors = Fields::default();
            taken(&mut errors);
            errors.into()
        }
        error => error.into(),
    }
}
