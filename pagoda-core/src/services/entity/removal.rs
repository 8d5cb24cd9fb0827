//! Removes a definition, and with it the values of all entries. *Source: spec, entity §2.4.*

use crate::services::attribute::Surface;
use crate::services::ctx::OpCtx;
use crate::services::entry::{attr_ref, deleted_name, entry_ref, show_versions, shown_json};
use crate::services::error::OpError;
use crate::store::queries::{attr, value};
use crate::store::rows::{AttrLatestRow, EntityAttrRow, EntityRow};
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

/// Tells the handlers of every value that vanishes with the definition: a constant number of statements for each page.
fn announce(op: &mut OpCtx, entity: &EntityRow, attr: &EntityAttrRow) -> Result<(), OpError> {
    let mut after = 0;
    loop {
        let page = value::nonempty_latest_of_attr(&mut op.db, attr.id, after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.entry.id;
        let values: Vec<_> = page.iter().map(|row| (&row.value, attr)).collect();
        let mut shown = show_versions(op, &values, Surface::Detail)?;
        for row in &page {
            let previous = shown.remove(&row.value.id).map(|shown| shown_json(&shown)).unwrap_or_default();
            announce_one(op, entity, attr, row, previous)?;
        }
    }
}

fn announce_one(
    op: &mut OpCtx,
    entity: &EntityRow,
    attr: &EntityAttrRow,
    row: &AttrLatestRow,
    previous: Value,
) -> Result<(), OpError> {
    let entry = entry_ref(&row.entry, entity);
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
