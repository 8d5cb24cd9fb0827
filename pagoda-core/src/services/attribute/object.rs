//! References to entries.

use super::{Content, Shown, ShownObject, Stored, ValueError, ValueType};
use crate::services::ctx::OpCtx;
use crate::store::queries::entry;
use serde_json::Value;

/// Type object (1). Any active entry is accepted, not only those of the definition's referral entities.
/// *Source: spec, attribute-types §2 (quirk to keep).*
pub(super) struct Object;

/// Reads a reference: an id as number or text, or nothing.
pub(super) fn reference(op: &mut OpCtx, input: &Value) -> Result<Option<i64>, ValueError> {
    let refused = || ValueError::invalid("expected the id of an active entry");
    let id = match input {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::String(text) => text.trim().parse().map_err(|_| refused())?,
        Value::Number(number) => number.as_i64().ok_or_else(refused)?,
        _ => return Err(refused()),
    };
    if id == 0 {
        return Ok(None);
    }
    match entry::by_id(&mut op.db, id)? {
        Some(found) if found.is_active => Ok(Some(id)),
        _ => Err(ValueError::invalid(format!("there is no active entry {id}"))),
    }
}

impl ValueType for Object {
    fn read(&self, op: &mut OpCtx, input: &Value) -> Result<Content, ValueError> {
        Ok(Content { reference: reference(op, input)?, ..Content::default() })
    }

    fn is_blank(&self, content: &Content) -> bool {
        content.reference.is_none()
    }

    fn differs(&self, old: &Content, new: &Content) -> bool {
        old.reference != new.reference
    }

    fn show(&self, stored: &Stored<'_>) -> Shown {
        Shown::Object(stored.referred.filter(|referred| referred.is_active).map(ShownObject::of))
    }

    fn show_blank(&self) -> Shown {
        Shown::Object(None)
    }

    fn initial(&self, _default: Option<&Value>) -> Option<Content> {
        None
    }

    fn accepts_default(&self, _default: &Value) -> bool {
        false
    }

    fn in_names(&self, stored: &Stored<'_>) -> Option<String> {
        stored.referred.filter(|referred| referred.is_active).map(|referred| referred.name.clone())
    }
}
