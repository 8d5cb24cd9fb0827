//! Removes a definition, and with it the values of all entries. *Source: spec, entity §2.4.*

use crate::services::attribute::{Parties, Stored, Surface, type_of};
use crate::services::ctx::OpCtx;
use crate::services::entry::{attr_ref, deleted_name, entry_ref, shown_json};
use crate::services::error::OpError;
use crate::store::queries::{attr, entry as entries, value};
use crate::store::rows::{AttrLatestRow, ChildRow, EntityAttrRow, EntityRow, ReferredRow};
use pagoda_plugin_sdk::hooks::attribute as points;
use pagoda_plugin_sdk::payload::{AttributeAfterDelete, AttributeBeforeDelete};
use serde_json::Value;

/// Entries looked at in one go while handlers hear of the values that vanish.
const PAGE: i64 = 500;

/// Removes a definition; returns the name that it has now.
///
/// # Errors
/// A handler refused.
pub(super) fn remove_attr(op: &mut OpCtx, entity: &EntityRow, id: i64) -> Result<String, OpError> {
    let found = attr::by_id(&mut op.db, id)?.filter(|row| row.entity_id == entity.id && row.is_active);
    let mut row = found.ok_or_else(|| OpError::not_found("attribute definition", id))?;
    if op.wants::<points::before_delete>() || op.wants::<points::after_delete>() {
        announce(op, entity, &row)?;
    }
    row.name = deleted_name(&row.name, op.now, &op.host.zone);
    row.is_active = false;
    row.deleted_user_id = op.user_id();
    row.deleted_time = Some(op.now.as_micros());
    row.updated_time = op.now.as_micros();
    attr::update(&mut op.db, &row)?;
    Ok(row.name)
}

/// Tells the handlers of every value that vanishes with the definition.
fn announce(op: &mut OpCtx, entity: &EntityRow, attr: &EntityAttrRow) -> Result<(), OpError> {
    let mut after = 0;
    loop {
        let page = value::nonempty_latest_of_attr(&mut op.db, attr.id, after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.entry.id;
        for row in page {
            announce_one(op, entity, attr, &row)?;
        }
    }
}

fn announce_one(
    op: &mut OpCtx,
    entity: &EntityRow,
    attr: &EntityAttrRow,
    row: &AttrLatestRow,
) -> Result<(), OpError> {
    let (entry, previous) = (entry_ref(&row.entry, entity), shown(op, attr, row)?);
    op.check::<points::before_delete>(|| {
        let mut payload = AttributeBeforeDelete::default();
        payload.entry = entry.clone();
        payload.attr = attr_ref(attr);
        payload.previous = previous.clone();
        payload.definition_removed = true;
        payload
    })?;
    op.observe::<points::after_delete>(|| {
        let mut payload = AttributeAfterDelete::default();
        payload.entry = entry;
        payload.attr = attr_ref(attr);
        payload.previous = previous;
        payload.definition_removed = true;
        payload
    });
    Ok(())
}

fn shown(op: &mut OpCtx, attr: &EntityAttrRow, row: &AttrLatestRow) -> Result<Value, OpError> {
    let (_, value_type) = type_of(attr)?;
    let children: Vec<ChildRow> =
        if value_type.is_array() { value::children_of(&mut op.db, &[row.value.id])? } else { Vec::new() };
    let referred = match row.value.ref_id {
        None => None,
        Some(id) => entries::with_entity(&mut op.db, id)?.map(|(entry, entity)| ReferredRow {
            id: entry.id,
            name: entry.name,
            is_active: entry.is_active,
            entity_id: entity.id,
            entity_name: entity.name,
        }),
    };
    let rows = std::iter::once(&row.value).chain(children.iter().map(|child| &child.value));
    let parties = Parties::of(op, rows)?;
    let stored =
        Stored { row: &row.value, referred: referred.as_ref(), children: &children, parties: &parties };
    Ok(shown_json(&value_type.show(attr, &stored, Surface::Detail)))
}
