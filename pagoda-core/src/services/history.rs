//! The written values of an entry. *Source: spec, entry §9; its routes come later.*

use super::acl::{self, Subject};
use super::attribute::{Stored, Surface, value_type};
use super::ctx::OpCtx;
use super::entry::{attr_ref, open, shown_json};
use super::error::OpError;
use crate::store::queries::{attr, entry as entries, user, value};
use crate::store::rows::{AttrValueRow, ChildRow, EntityAttrRow, HistoryRow, ReferredRow};
use pagoda_plugin_sdk::model::{AttrType, Level, ValueVersion};
use pagoda_plugin_sdk::time::Timestamp;
use std::collections::HashMap;

/// The values of an entry's active attributes that the acting user may read, newest first.
///
/// # Errors
/// There is no such entry, or it may not be read.
pub fn history(
    op: &mut OpCtx,
    entry_id: i64,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<ValueVersion>, OpError> {
    let (entry, entity) = open(op, entry_id, Level::Readable)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows: Vec<HistoryRow> = value::history_of(&mut op.db, entry_id, limit, before)?;
    let definitions = attr::active_of(&mut op.db, entity.id)?;
    let attributes = value::attributes_of(&mut op.db, entry_id)?;

    let subjects: Vec<Subject<'_>> = definitions
        .iter()
        .map(|definition| match attributes.iter().find(|attribute| attribute.attr_id == definition.id) {
            Some(attribute) => Subject::attribute(attribute, definition, &entry, &entity),
            None => Subject::attr(definition, &entity),
        })
        .collect();
    acl::look_ahead(op, subjects.iter().cloned())?;
    let mut readable: HashMap<i64, bool> = HashMap::new();
    for (definition, subject) in definitions.iter().zip(&subjects) {
        readable.insert(definition.id, acl::allowed(op, subject, Level::Readable)?);
    }
    let value_ids: Vec<i64> = rows.iter().map(|row| row.value.id).collect();
    let children =
        if value_ids.is_empty() { Vec::new() } else { value::children_of(&mut op.db, &value_ids)? };
    let referred = referred(op, &rows)?;
    let authors: Vec<i64> = rows.iter().filter_map(|row| row.value.created_user_id).collect();
    let names = user::usernames(&mut op.db, &authors)?;

    let mut versions = Vec::with_capacity(rows.len());
    for row in rows {
        let definition = definitions.iter().find(|definition| definition.id == row.attr_id);
        let Some(definition) = definition.filter(|_| readable.get(&row.attr_id) == Some(&true)) else {
            continue;
        };
        let mut version = ValueVersion::default();
        version.id = row.value.id;
        version.attr = attr_ref(definition);
        version.value = shown(definition, &row.value, &children, &referred);
        version.created_user = row.value.created_user_id.and_then(|id| names.get(&id).cloned());
        version.created_time = Timestamp::from_micros(row.value.created_time);
        versions.push(version);
    }
    Ok(versions)
}

/// In the form of the type recorded with the value.
fn shown(
    definition: &EntityAttrRow,
    row: &AttrValueRow,
    children: &[ChildRow],
    referred: &HashMap<i64, ReferredRow>,
) -> serde_json::Value {
    let recorded = AttrType::from_code(i64::from(row.attr_type)).and_then(value_type);
    let Some(value_type) = recorded else { return serde_json::Value::Null };
    let own: Vec<ChildRow> =
        children.iter().filter(|child| child.value.parent_id == Some(row.id)).cloned().collect();
    let referred = row.ref_id.and_then(|id| referred.get(&id));
    let stored = Stored { row, referred, children: &own };
    shown_json(&value_type.show(definition, &stored, Surface::History))
}

/// The entries that values refer to, in two statements however many there are.
fn referred(op: &mut OpCtx, rows: &[HistoryRow]) -> Result<HashMap<i64, ReferredRow>, OpError> {
    let ids: Vec<i64> = rows.iter().filter_map(|row| row.value.ref_id).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = entries::by_ids(&mut op.db, &ids)?;
    let entity_ids: Vec<i64> = found.iter().map(|row| row.entity_id).collect();
    let names: HashMap<i64, String> = crate::store::queries::entity::by_ids(&mut op.db, &entity_ids)?
        .into_iter()
        .map(|row| (row.id, row.name))
        .collect();
    let as_referred = |row: crate::store::rows::EntryRow| {
        let entity_name = names.get(&row.entity_id).cloned().unwrap_or_default();
        let referred = ReferredRow {
            id: row.id,
            name: row.name,
            is_active: row.is_active,
            entity_id: row.entity_id,
            entity_name,
        };
        (referred.id, referred)
    };
    Ok(found.into_iter().map(as_referred).collect())
}
