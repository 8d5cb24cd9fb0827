//! The written values of an entry. *Source: spec, entry §9.*

use super::versions::show_versions;
use super::{label, open};
use crate::services::acl::{self, Subject};
use crate::services::attribute::{Shown, Surface};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{attr, user, value};
use crate::store::rows::{AttrValueRow, AttributeRow, EntityAttrRow, Paged};
use pagoda_plugin_sdk::model::Level;
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
    let with_definition =
        |row| -> Option<(&AttrValueRow, &EntityAttrRow)> { Some((row, *readable.get(&row.attribute_id)?)) };
    let versions: Vec<_> = page.rows.iter().chain(&previous).filter_map(with_definition).collect();
    let mut shown = show_versions(op, &versions, Surface::History)?;
    let definitions: HashMap<i64, &EntityAttrRow> =
        versions.iter().map(|(row, definition)| (row.id, *definition)).collect();
    let labelled = shown.iter_mut().filter_map(|(id, shown)| Some((*definitions.get(id)?, shown)));
    label::add(op, labelled)?;
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
