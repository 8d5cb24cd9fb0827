//! Past values, each in the form of the type that was recorded with it.

use crate::services::attribute::{Parties, Shown, Stored, Surface, ValueType, value_type};
use crate::services::ctx::OpCtx;
use crate::services::entity::isolated;
use crate::services::error::OpError;
use crate::store::queries::{entity as entities, entry as entries, value};
use crate::store::rows::{AttrValueRow, EntityAttrRow, ReferredRow};
use pagoda_plugin_sdk::model::AttrType;
use serde_json::Value;
use std::collections::HashMap;

/// Shows versions of values as a surface does, by their ids: a constant number of statements however many there are.
///
/// # Errors
/// The database does not answer.
pub(crate) fn show_versions(
    op: &mut OpCtx,
    versions: &[(&AttrValueRow, &EntityAttrRow)],
    on: Surface,
) -> Result<HashMap<i64, Shown>, OpError> {
    with_versions(op, versions, false, |value_type, definition, stored| {
        value_type.show(definition, stored, on)
    })
}

/// Versions of values as requests would send them, by their ids: a constant number of statements. What cannot be referred
/// to any more is left out, be it deleted or isolated by now. *Source: spec, attribute-types §2 and entry §10.*
///
/// # Errors
/// The database does not answer.
pub(super) fn inputs_of(
    op: &mut OpCtx,
    versions: &[(&AttrValueRow, &EntityAttrRow)],
) -> Result<HashMap<i64, Value>, OpError> {
    with_versions(op, versions, true, |value_type, _, stored| value_type.input(stored))
}

/// Lets entries that `requester` may not refer to any more look like deleted ones.
///
/// # Errors
/// The database does not answer.
pub(super) fn hide_isolated<'a>(
    op: &mut OpCtx,
    requester: i64,
    referred: impl Iterator<Item = &'a mut ReferredRow>,
) -> Result<(), OpError> {
    let mut active: Vec<&mut ReferredRow> = referred.filter(|referred| referred.is_active).collect();
    let mut ids: Vec<i64> = active.iter().map(|referred| referred.id).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(());
    }
    let rows = entries::by_ids(&mut op.db, &ids)?;
    let hidden = isolated(op, requester, &rows)?;
    for referred in active.iter_mut().filter(|referred| hidden.contains(&referred.id)) {
        referred.is_active = false;
    }
    Ok(())
}

fn with_versions<T>(
    op: &mut OpCtx,
    versions: &[(&AttrValueRow, &EntityAttrRow)],
    to_write: bool,
    make: impl Fn(&dyn ValueType, &EntityAttrRow, &Stored<'_>) -> T,
) -> Result<HashMap<i64, T>, OpError> {
    let mut ids: Vec<i64> = versions.iter().map(|(row, _)| row.id).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut children = value::children_by_parent(&mut op.db, &ids)?;
    let mut referred = referred(op, versions.iter().filter_map(|(row, _)| row.ref_id).collect())?;
    if to_write && let Some((_, definition)) = versions.first() {
        // They are all of one entry, so of one entity.
        let elements = children.values_mut().flatten().filter_map(|child| child.referred.as_mut());
        hide_isolated(op, definition.entity_id, referred.values_mut().chain(elements))?;
    }
    let elements = children.values().flatten().map(|child| &child.value);
    let parties = Parties::of(op, versions.iter().map(|(row, _)| *row).chain(elements))?;
    let mut made = HashMap::with_capacity(ids.len());
    for (row, definition) in versions {
        let Some(value_type) = AttrType::from_code(i64::from(row.attr_type)).and_then(value_type) else {
            continue;
        };
        let children = children.get(&row.id).map(Vec::as_slice).unwrap_or_default();
        let referred = row.ref_id.and_then(|id| referred.get(&id));
        let stored = Stored { row, referred, children, parties: &parties };
        made.insert(row.id, make(value_type, definition, &stored));
    }
    Ok(made)
}

/// The entries of these ids, in two statements however many there are.
fn referred(op: &mut OpCtx, ids: Vec<i64>) -> Result<HashMap<i64, ReferredRow>, OpError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = entries::by_ids(&mut op.db, &ids)?;
    let entity_ids: Vec<i64> = found.iter().map(|row| row.entity_id).collect();
    let entities = entities::by_ids(&mut op.db, &entity_ids)?;
    let names: HashMap<i64, String> = entities.into_iter().map(|row| (row.id, row.name)).collect();
    let as_referred = |row: crate::store::rows::EntryRow| {
        let entity_name = names.get(&row.entity_id).cloned().unwrap_or_default();
        let (id, name, is_active, entity_id) = (row.id, row.name, row.is_active, row.entity_id);
        (id, ReferredRow { id, name, is_active, entity_id, entity_name })
    };
    Ok(found.into_iter().map(as_referred).collect())
}
