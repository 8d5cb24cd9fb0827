//! Changes an entry. *Source: spec, entry §5.*

use super::names::{check_alias, check_name, name_conflict, note_name};
use super::values::{self, Given, fire_before, plan_update, read_given};
use super::{EntryInput, Held, attr_ref, autoname, detail, entry_ref, held, open_to_change};
use crate::services::audit::{Action, listed};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{entry, lock};
use crate::store::rows::{EntityRow, EntryRow};
use crate::wire::Fields;
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::model::{AttrInput, EntryRef};
use pagoda_plugin_sdk::payload::{EntryAfterUpdate, EntryBeforeUpdate, EntryValidation};
use serde_json::{Value, json};

/// An entry that may be changed, found before the request body is read.
pub struct EntryUpdate {
    entry: EntryRow,
    entity: EntityRow,
}

impl EntryUpdate {
    /// Finds the entry: it exists, may be written, and is active.
    ///
    /// # Errors
    /// Which of these does not hold.
    pub fn open(op: &mut OpCtx, id: i64) -> Result<Self, OpError> {
        let (entry, entity) = open_to_change(op, id)?;
        if !entry.is_active {
            return Err(OpError::rule(Code::NotFound, "the entry is deleted"));
        }
        Ok(Self { entry, entity })
    }

    /// An active entry that was found and locked already.
    pub(super) fn found(entry: EntryRow, entity: EntityRow) -> Self {
        Self { entry, entity }
    }
}

/// Changes an entry.
///
/// # Errors
/// What the request breaks, or who refused.
pub fn update(op: &mut OpCtx, target: EntryUpdate, input: EntryInput) -> Result<(), OpError> {
    let EntryUpdate { mut entry, entity } = target;
    let EntryInput { name, attrs, again, mut errors, .. } = input;
    if !errors.is_empty() {
        if let Some(name) = name {
            check_name(op, &entity, &name, Some(entry.id), &mut errors)?;
        }
        return Err(errors.into());
    }
    let mut held = held::held_by(op, entry.id, entity.id)?;
    let (name, attrs) = transformed(op, &entry, &entity, &held, name, attrs)?;

    let mut errors = Fields::default();
    if let Some(name) = &name {
        check_name(op, &entity, name, Some(entry.id), &mut errors)?;
    }
    if !errors.is_empty() {
        return Err(errors.into());
    }
    super::check_ids(&attrs)?;
    if let Some(name) = &name {
        // Nobody takes the name as an alias at the same moment.
        lock::entity_to_fill(&mut op.db, entity.id)?;
        check_alias(op, &entity, name)?;
    }
    let writable = values::writable(op, &held, Some(&entry), &entity)?;
    let how = if again { Given::Before } else { Given::Anew };
    let read = read_given(op, &held, &attrs, &writable, how)?;
    let mut reference = entry_ref(&entry, &entity);
    let planned = fire_before(op, &reference, &held, plan_update(&held, read, again))?;
    op.check::<hooks::pagoda::entry::validation>(|| {
        let mut payload = EntryValidation::default();
        payload.entry = reference.clone();
        if let Some(name) = &name {
            payload.entry.name.clone_from(name);
        }
        payload.previous_name = Some(reference.name.clone());
        payload.current = detail::for_hooks(&held).into();
        payload.schema = held.iter().map(|held| attr_ref(&held.attr)).collect();
        payload.attrs = values::inputs(&held, &planned).into();
        payload
    })?;

    let previous_name = entry.name.clone();
    if let Some(name) = name.filter(|name| *name != previous_name) {
        entry.name = name;
        entry.updated_time = op.now.as_micros();
        entry::update(&mut op.db, &entry).map_err(name_conflict)?;
        note_name(op, &entry, "~")?;
    }
    values::write(op, entry.id, &mut held, &planned, false)?;
    autoname::name_from_attributes(op, &mut entry, &entity)?;
    reference.name.clone_from(&entry.name);
    if entry.name != previous_name {
        autoname::rename_referrers(op, entry.id)?;
    }
    note_update(op, &reference, &previous_name, &values::changed_names(&held, &planned));

    let wants = op.wants::<hooks::entry::after_update>();
    if let Some(after) = values::note_after(op, &reference, &held, &planned, wants)? {
        let user = op.request.user.as_deref().cloned();
        op.observe::<hooks::entry::after_update>(|| {
            let mut payload = EntryAfterUpdate::default();
            payload.entry = reference.clone();
            payload.previous_name = previous_name;
            payload.previous = detail::for_hooks(&held);
            payload.attrs = detail::for_hooks(&after);
            payload.changed = values::changed_ids(&held, &planned);
            payload.user = user;
            payload
        });
    }
    Ok(())
}

/// An update that changes nothing is none.
fn note_update(op: &mut OpCtx, entry: &EntryRef, previous_name: &str, attrs: &[&str]) {
    let renamed = entry.name != previous_name;
    if !renamed && attrs.is_empty() {
        return;
    }
    op.audit(Action::EntryUpdate, entry, || {
        let mut detail = json!({"entity": entry.entity, "attrs": listed(attrs)});
        if let (true, Value::Object(fields)) = (renamed, &mut detail) {
            fields.insert("name".to_owned(), json!({"old": previous_name, "new": entry.name}));
        }
        detail
    });
}

fn transformed(
    op: &mut OpCtx,
    entry: &EntryRow,
    entity: &EntityRow,
    held: &[Held],
    name: Option<String>,
    attrs: Vec<AttrInput>,
) -> Result<(Option<String>, Vec<AttrInput>), OpError> {
    if !op.wants::<hooks::entry::before_update>() {
        return Ok((name, attrs));
    }
    let mut payload = EntryBeforeUpdate::default();
    payload.entry = entry_ref(entry, entity);
    payload.schema = held.iter().map(|held| attr_ref(&held.attr)).collect();
    payload.current = detail::for_hooks(held).into();
    payload.name = name;
    payload.attrs = attrs.into();
    op.transform::<hooks::entry::before_update>(&mut payload)?;
    Ok((payload.name, payload.attrs.into_vec()))
}
