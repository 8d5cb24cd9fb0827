//! Creates an entry. *Source: spec, entry §3.*

use super::names::{check_alias, check_name, name_conflict, note_name, note_name_of};
use super::room::require_room;
use super::values::{self, Given, fire_before, plan_creation, read_given};
use super::{EntryInput, Held, attr_ref, autoname, detail, entity_ref, entry_ref, held};
use crate::services::acl::{self, Subject};
use crate::services::audit::{Action, listed};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::ids;
use crate::store::queries::entry;
use crate::store::rows::{EntityRow, NewEntry};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::model::{AttrInput, EntryRef, Level};
use pagoda_plugin_sdk::payload::{EntryAfterCreate, EntryBeforeCreate, EntryValidation};
use serde_json::json;

/// Creates an entry of `entity`, which the caller found and the acting user may write.
///
/// # Errors
/// What the request breaks, or who refused.
pub fn create(op: &mut OpCtx, entity: &EntityRow, input: EntryInput) -> Result<EntryRef, OpError> {
    acl::require(op, &Subject::from(entity), Level::Writable)?;
    let EntryInput { name, attrs, copied, mut errors, .. } = input;
    let name = match name {
        Some(name) if errors.is_empty() => name,
        name => {
            // The form is wrong already; say all that is wrong with the fields at once.
            if let Some(name) = name {
                check_name(op, entity, &name, None, &mut errors)?;
            }
            return Err(errors.into());
        }
    };
    // No entry has the id 0, so this yields the definitions with nothing held.
    let mut held = held::held_by(op, 0, entity.id)?;
    let (name, attrs) = transformed(op, entity, &held, name, attrs)?;

    let mut errors = crate::wire::Fields::default();
    check_name(op, entity, &name, None, &mut errors)?;
    if !errors.is_empty() {
        return Err(errors.into());
    }
    let (read, writable) = match &copied {
        None => {
            let writable = values::writable(op, &held, None, entity)?;
            check_presence(op, entity, &held, &attrs, &writable)?;
            check_alias(op, entity, &name)?;
            (read_given(op, &held, &attrs, &writable, Given::Anew)?, writable)
        }
        Some(copied) => {
            check_alias(op, entity, &name)?;
            (values::read_copied(op, &held, &attrs, copied)?, vec![false; held.len()])
        }
    };

    let mut reference = EntryRef { id: 0, name: name.clone(), entity: entity_ref(entity) };
    let planned = fire_before(op, &reference, &held, plan_creation(&held, read, &attrs, &writable))?;
    op.check::<hooks::pagoda::entry::validation>(|| {
        let mut payload = EntryValidation::default();
        payload.entry = reference.clone();
        payload.is_new = true;
        payload.schema = held.iter().map(|held| attr_ref(&held.attr)).collect();
        payload.attrs = values::inputs(&held, &planned).into();
        payload
    })?;

    require_room(op, 1)?;
    let id = ids::allocate(&mut op.db, 1)?.first().copied().unwrap_or_default();
    let given = autoname::fresh_id(entity);
    let new = NewEntry {
        id,
        entity_id: entity.id,
        name: given.clone().unwrap_or_else(|| name.clone()),
        status: 0,
        // An entry inherits nothing but starts public, as every object. *Source: spec, acl-role §2.*
        is_public: true,
        default_permission: Level::Nothing.code(),
        created_user_id: op.user_id(),
        created_time: op.now.as_micros(),
    };
    let mut row = entry::insert(&mut op.db, &new).map_err(name_conflict)?;
    // The name that was sent is the first one, also where the server gives another at once. *Source: spec, entry §11.*
    note_name_of(op, id, &name, "+")?;
    if given.is_some() {
        note_name(op, &row, "~")?;
    }
    values::write(op, id, &mut held, &planned, true)?;
    autoname::name_from_attributes(op, &mut row, entity)?;
    reference = entry_ref(&row, entity);
    op.audit(
        Action::EntryCreate,
        &reference,
        || json!({"entity": reference.entity, "attrs": listed(values::changed_names(&held, &planned))}),
    );

    let wants = op.wants::<hooks::entry::after_create>();
    if let Some(after) = values::note_after(op, &reference, &held, &planned, wants)? {
        let (user, now) = (op.request.user.as_deref().cloned(), op.now);
        op.observe::<hooks::entry::after_create>(|| {
            let mut payload = EntryAfterCreate::default();
            payload.entry = reference.clone();
            payload.attrs = detail::for_hooks(&after);
            payload.user = user;
            payload.created_time = now;
            payload
        });
    }
    Ok(reference)
}

fn transformed(
    op: &mut OpCtx,
    entity: &EntityRow,
    held: &[Held],
    name: String,
    attrs: Vec<AttrInput>,
) -> Result<(String, Vec<AttrInput>), OpError> {
    if !op.wants::<hooks::entry::before_create>() {
        return Ok((name, attrs));
    }
    let mut payload = EntryBeforeCreate::default();
    payload.entity = entity_ref(entity);
    payload.schema = held.iter().map(|held| attr_ref(&held.attr)).collect();
    payload.name = name;
    payload.attrs = attrs.into();
    op.transform::<hooks::entry::before_create>(&mut payload)?;
    Ok((payload.name, payload.attrs.into_vec()))
}

/// Ids that can be none, and what must be there. *Source: spec, entry §3.1, in its order.*
fn check_presence(
    op: &mut OpCtx,
    entity: &EntityRow,
    held: &[Held],
    attrs: &[AttrInput],
    writable: &[bool],
) -> Result<(), OpError> {
    super::check_ids(attrs)?;
    for (held, writable) in held.iter().zip(writable) {
        if held.attr.is_mandatory && !writable {
            acl::require(op, &Subject::attr(&held.attr, entity), Level::Writable)?;
        }
    }
    for held in held.iter().filter(|held| held.attr.is_mandatory) {
        if !attrs.iter().any(|input| input.id == held.attr.id) {
            let message = format!("attribute {} ({}) is mandatory", held.attr.id, held.attr.name);
            return Err(OpError::whole(Code::Required, message));
        }
    }
    Ok(())
}
