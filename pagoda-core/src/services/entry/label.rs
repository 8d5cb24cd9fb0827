//! What is shown beside the name of a referred entry. *Source: spec, attribute-types §5.2.*

use crate::services::acl::{self, Subject};
use crate::services::attribute::{Shown, type_of};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::value;
use crate::store::rows::{EntityAttrRow, LabelRow};
use pagoda_plugin_sdk::model::{AttrType, Level};
use std::collections::HashMap;

/// Labels the entries that values refer to, where their definitions ask for that: one statement for all of them.
/// What the acting user may not read makes no label.
///
/// # Errors
/// The database does not answer.
pub(super) fn add<'a>(
    op: &mut OpCtx,
    shown: impl Iterator<Item = (&'a EntityAttrRow, &'a mut Shown)>,
) -> Result<(), OpError> {
    let mut wanted: Vec<(&EntityAttrRow, &mut Shown)> = shown.filter(|(attr, _)| asks(attr)).collect();
    let mut ids: Vec<i64> = Vec::new();
    for (_, shown) in &mut wanted {
        ids.extend(shown.objects_mut().iter().map(|object| object.id));
    }
    if ids.is_empty() {
        return Ok(());
    }
    ids.sort_unstable();
    ids.dedup();
    let mut names: Vec<&str> = wanted.iter().map(|(attr, _)| attr.display_attr.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let labels = labels(op, &ids, &names)?;
    for (attr, shown) in wanted {
        for object in shown.objects_mut() {
            object.display_label = labels.get(&(object.id, attr.display_attr.clone())).cloned();
        }
    }
    Ok(())
}

/// The labels that attributes of these names make of these entries, by id and name of the attribute: one statement.
///
/// # Errors
/// The database does not answer.
pub(super) fn labels(
    op: &mut OpCtx,
    ids: &[i64],
    names: &[&str],
) -> Result<HashMap<(i64, String), String>, OpError> {
    let mut labels = HashMap::new();
    if ids.is_empty() || names.iter().all(|name| name.is_empty()) {
        return Ok(labels);
    }
    let rows = value::labels_of(&mut op.db, ids, names)?;
    acl::look_ahead(op, rows.iter().map(subject))?;
    for row in rows {
        let Some(label) = text(&row)? else { continue };
        if acl::allowed(op, &subject(&row), Level::Readable)? {
            labels.insert((row.entry.id, row.attr.name), label);
        }
    }
    Ok(labels)
}

fn subject(row: &LabelRow) -> Subject<'_> {
    Subject::attribute(&row.attribute, &row.attr, &row.entry, &row.entity)
}

/// Whether values of an attribute are labelled. *Source: spec, attribute-types §5.2: not for lists with flags.*
pub(super) fn asks(attr: &EntityAttrRow) -> bool {
    let attr_type = AttrType::from_code(i64::from(attr.attr_type));
    !attr.display_attr.is_empty() && attr_type != Some(AttrType::ArrayNamedObjectBoolean)
}

/// The label that a value makes; absent for types that make none, and for empty ones.
fn text(row: &LabelRow) -> Result<Option<String>, OpError> {
    let (attr_type, _) = type_of(&row.attr)?;
    let text = match attr_type {
        AttrType::String | AttrType::Text | AttrType::Number | AttrType::Date => row.value.text_value.clone(),
        AttrType::Datetime => row.value.text_value.replace('Z', "+00:00"),
        AttrType::Boolean => row.value.bool_value.to_string(),
        AttrType::Object => {
            let referred = row.referred.as_ref().filter(|referred| referred.is_active);
            referred.map(|referred| referred.name.clone()).unwrap_or_default()
        }
        _ => String::new(),
    };
    Ok((!text.is_empty()).then_some(text))
}
