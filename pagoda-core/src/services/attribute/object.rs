//! References to entries.

use super::{Content, Shown, ShownObject, Stored, Surface, ValueError, ValueType, list_of};
use crate::services::ctx::OpCtx;
use crate::services::entity::isolated;
use crate::store::queries::entry;
use crate::store::rows::{EntityAttrRow, ReferredRow};
use serde_json::Value;

/// Type object (1). Any active entry is accepted, not only those of the definition's referral entities.
/// *Source: spec, attribute-types §2 (quirk to keep).*
pub(super) struct Object;

/// Type array object (1025). Elements without a reference are dropped.
pub(super) struct ArrayObject;

/// Reads an id, as number or as text; absent for what counts as none.
pub(super) fn id_of(input: &Value) -> Result<Option<i64>, ValueError> {
    let refused = || ValueError::invalid("expected the id of an active entry");
    let id = match input {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::String(text) => text.trim().parse().map_err(|_| refused())?,
        Value::Number(number) => number.as_i64().ok_or_else(refused)?,
        _ => return Err(refused()),
    };
    Ok(Some(id).filter(|id| *id != 0))
}

/// Whether all of these are active entries that the definition's entity may refer to: two statements, and a few more
/// where isolation rules hold for it.
///
/// # Errors
/// The first that is none.
pub(super) fn check(op: &mut OpCtx, attr: &EntityAttrRow, ids: &[i64]) -> Result<(), ValueError> {
    let found = match ids {
        [] => return Ok(()),
        // Prepared once, unlike a list.
        [id] => entry::by_id(&mut op.db, *id)?.into_iter().collect(),
        ids => entry::by_ids(&mut op.db, ids)?,
    };
    let is_there = |id: &i64| found.iter().any(|entry| entry.id == *id && entry.is_active);
    if let Some(missing) = ids.iter().find(|id| !is_there(id)) {
        return Err(ValueError::invalid(format!("there is no active entry {missing}")));
    }
    match isolated(op, attr.entity_id, &found)?.into_iter().min() {
        Some(hidden) => Err(ValueError::invalid(format!("entry {hidden} is isolated from this entity"))),
        None => Ok(()),
    }
}

/// The id of an entry that was not deleted.
pub(super) fn active_id(referred: Option<&ReferredRow>) -> Option<i64> {
    referred.filter(|referred| referred.is_active).map(|referred| referred.id)
}

fn element(reference: Option<i64>) -> Content {
    Content { reference, ..Content::default() }
}

/// Ids of the elements, in ascending order.
fn sorted(content: &Content) -> Vec<Option<i64>> {
    let mut ids: Vec<Option<i64>> = content.elements.iter().map(|element| element.reference).collect();
    ids.sort_unstable();
    ids
}

impl ValueType for Object {
    fn read(&self, op: &mut OpCtx, attr: &EntityAttrRow, input: &Value) -> Result<Content, ValueError> {
        let id = id_of(input)?;
        check(op, attr, id.as_slice())?;
        Ok(element(id))
    }

    fn is_blank(&self, content: &Content) -> bool {
        content.reference.is_none()
    }

    fn differs(&self, old: &Content, new: &Content) -> bool {
        old.reference != new.reference
    }

    fn show(&self, _: &EntityAttrRow, stored: &Stored<'_>, _: Surface) -> Shown {
        Shown::Object(ShownObject::of(stored.referred))
    }

    fn input(&self, stored: &Stored<'_>) -> Value {
        active_id(stored.referred).into()
    }

    fn show_blank(&self) -> Shown {
        Shown::Object(None)
    }

    fn in_names(&self, stored: &Stored<'_>) -> Option<String> {
        stored.referred.filter(|referred| referred.is_active).map(|referred| referred.name.clone())
    }
}

impl ValueType for ArrayObject {
    fn read(&self, op: &mut OpCtx, attr: &EntityAttrRow, input: &Value) -> Result<Content, ValueError> {
        let Value::Array(list) = input else {
            return Err(ValueError::invalid("expected a list of ids of entries"));
        };
        let ids: Vec<Option<i64>> = list.iter().map(id_of).collect::<Result<_, _>>()?;
        let ids: Vec<i64> = ids.into_iter().flatten().collect();
        check(op, attr, &ids)?;
        Ok(Content { elements: ids.into_iter().map(|id| element(Some(id))).collect(), ..Content::default() })
    }

    fn is_blank(&self, content: &Content) -> bool {
        content.elements.is_empty()
    }

    /// As multisets: another order is no change. *Source: spec, attribute-types §7.1 (fixed quirk).*
    fn differs(&self, old: &Content, new: &Content) -> bool {
        sorted(old) != sorted(new)
    }

    /// Deleted entries are left out of a detail and null in a history. *Source: spec, attribute-types §5.1.*
    fn show(&self, _: &EntityAttrRow, stored: &Stored<'_>, on: Surface) -> Shown {
        let shown = stored.children.iter().map(|child| ShownObject::of(child.referred.as_ref()));
        Shown::Objects(shown.filter(|object| object.is_some() || on == Surface::History).collect())
    }

    fn input(&self, stored: &Stored<'_>) -> Value {
        list_of(stored, |child| active_id(child.referred.as_ref()).map(Value::from))
    }

    fn show_blank(&self) -> Shown {
        Shown::Objects(Vec::new())
    }

    fn is_array(&self) -> bool {
        true
    }
}
