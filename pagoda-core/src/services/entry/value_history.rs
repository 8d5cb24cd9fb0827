//! The written values of an entry. *Source: spec, entry §9.*

use super::{label, open};
use crate::services::acl::{self, Subject};
use crate::services::attribute::{Shown, Stored, Surface, value_type};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{attr, entity as entities, entry as entries, user, value};
use crate::store::rows::{AttrValueRow, AttributeRow, ChildRow, EntityAttrRow, Paged, ReferredRow};
use pagoda_plugin_sdk::model::{AttrType, Level};
use pagoda_plugin_sdk::time::Timestamp;
use serde::Serialize;
use std::collections::HashMap;

/// One written value, exactly the eight keys of the wire.
#[derive(Debug, Clone, Serialize)]
pub struct ValueItem {
    id: i64,
    #[serde(rename = "type")]
    attr_type: i32,
    created_time: String,
    created_user: String,
    curr_value: Shown,
    prev_value: Option<Shown>,
    prev_id: Option<i64>,
    parent_attr: ParentAttr,
}

#[derive(Debug, Clone, Serialize)]
struct ParentAttr {
    id: i64,
    name: String,
}

/// One page of the values of an entry's active attributes that the acting user may read, newest first: a constant
/// number of statements.
///
/// # Errors
/// There is no such entry, or it may not be read.
pub fn list(op: &mut OpCtx, id: i64, limit: i64, offset: i64) -> Result<Paged<ValueItem>, OpError> {
    let (entry, entity) = open(op, id, Level::Readable)?;
    let definitions = attr::active_of(&mut op.db, entity.id)?;
    let mut readable: HashMap<i64, &EntityAttrRow> = HashMap::new();
    let attributes = value::attributes_of(&mut op.db, id)?;
    let mut defined: Vec<(&AttributeRow, &EntityAttrRow, Subject<'_>)> = Vec::with_capacity(attributes.len());
    for attribute in &attributes {
        let found = definitions.iter().find(|definition| definition.id == attribute.attr_id);
        let Some(definition) = found else { continue };
        defined.push((attribute, definition, Subject::attribute(attribute, definition, &entry, &entity)));
    }
    acl::look_ahead(op, defined.iter().map(|(_, _, subject)| subject.clone()))?;
    for (attribute, definition, subject) in &defined {
        if acl::allowed(op, subject, Level::Readable)? {
            readable.insert(attribute.id, definition);
        }
    }
    let attributes: Vec<i64> = readable.keys().copied().collect();
    let page = value::versions_of(&mut op.db, &attributes, limit, offset)?;
    let previous: Vec<i64> = page.rows.iter().filter_map(|row| row.prev_id).collect();
    let previous = value::by_ids(&mut op.db, &previous)?;
    let shown = show_all(op, &readable, page.rows.iter().chain(&previous))?;
    let authors: Vec<i64> = page.rows.iter().filter_map(|row| row.created_user_id).collect();
    let names = user::usernames(&mut op.db, &authors)?;
    let mut items = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        let (Some(definition), Some(current)) = (readable.get(&row.attribute_id), shown.get(&row.id)) else {
            continue;
        };
        items.push(ValueItem {
            id: row.id,
            attr_type: row.attr_type,
            created_time: op.host.zone.iso(Timestamp::from_micros(row.created_time)),
            created_user: row.created_user_id.and_then(|id| names.get(&id).cloned()).unwrap_or_default(),
            curr_value: current.clone(),
            prev_value: row.prev_id.and_then(|id| shown.get(&id).cloned()),
            prev_id: row.prev_id,
            parent_attr: ParentAttr { id: row.attribute_id, name: definition.name.clone() },
        });
    }
    Ok(Paged { rows: items, total: page.total })
}

/// The values in the form of the types recorded with them, by id.
fn show_all<'a>(
    op: &mut OpCtx,
    readable: &HashMap<i64, &EntityAttrRow>,
    rows: impl Iterator<Item = &'a AttrValueRow> + Clone,
) -> Result<HashMap<i64, Shown>, OpError> {
    let mut ids: Vec<i64> = rows.clone().map(|row| row.id).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut children: HashMap<i64, Vec<ChildRow>> = HashMap::new();
    for child in value::children_of(&mut op.db, &ids)? {
        children.entry(child.value.parent_id.unwrap_or_default()).or_default().push(child);
    }
    let referred = referred(op, rows.clone())?;
    let mut shown = HashMap::new();
    let mut definitions = HashMap::new();
    for row in rows {
        let recorded = AttrType::from_code(i64::from(row.attr_type)).and_then(value_type);
        let (Some(value_type), Some(definition)) = (recorded, readable.get(&row.attribute_id)) else {
            continue;
        };
        let own = children.get(&row.id).map(Vec::as_slice).unwrap_or_default();
        let referred = row.ref_id.and_then(|id| referred.get(&id));
        let stored = Stored { row, referred, children: own };
        shown.insert(row.id, value_type.show(definition, &stored, Surface::History));
        definitions.insert(row.id, *definition);
    }
    let labelled = shown.iter_mut().filter_map(|(id, shown)| Some((*definitions.get(id)?, shown)));
    label::add(op, labelled)?;
    Ok(shown)
}

/// The entries that values refer to, in two statements however many there are.
fn referred<'a>(
    op: &mut OpCtx,
    rows: impl Iterator<Item = &'a AttrValueRow>,
) -> Result<HashMap<i64, ReferredRow>, OpError> {
    let ids: Vec<i64> = rows.filter_map(|row| row.ref_id).collect();
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
