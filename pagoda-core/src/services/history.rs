//! The written values of an entry, as plugins read them; `entry/value_history.rs` is what the wire shows of them.

use super::acl::{self, Subject};
use super::attribute::Surface;
use super::ctx::OpCtx;
use super::entry::{attr_ref, open, show_versions, shown_json};
use super::error::OpError;
use crate::store::queries::{attr, user, value};
use crate::store::rows::{AttrValueRow, EntityAttrRow, HistoryRow};
use pagoda_plugin_sdk::model::{Level, ValueVersion};
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
    let readable_definition = |attr_id: i64| {
        let definition = definitions.iter().find(|definition| definition.id == attr_id);
        definition.filter(|_| readable.get(&attr_id) == Some(&true))
    };
    let read: Vec<(&AttrValueRow, &EntityAttrRow)> =
        rows.iter().filter_map(|row| Some((&row.value, readable_definition(row.attr_id)?))).collect();
    let shown = show_versions(op, &read, Surface::History)?;
    let authors: Vec<i64> = rows.iter().filter_map(|row| row.value.created_user_id).collect();
    let names = user::usernames(&mut op.db, &authors)?;

    let version = |(row, definition): &(&AttrValueRow, &EntityAttrRow)| {
        let mut version = ValueVersion::default();
        version.id = row.id;
        version.attr = attr_ref(definition);
        version.value = shown.get(&row.id).map(shown_json).unwrap_or_default();
        version.created_user = row.created_user_id.and_then(|id| names.get(&id).cloned());
        version.created_time = Timestamp::from_micros(row.created_time);
        version
    };
    Ok(read.iter().map(version).collect())
}
