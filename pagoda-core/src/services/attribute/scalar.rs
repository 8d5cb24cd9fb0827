//! Texts of one and of many lines, and booleans.

use super::{Content, Shown, Stored, Surface, ValueError, ValueType, bounded};
use crate::services::ctx::OpCtx;
use crate::store::rows::EntityAttrRow;
use serde_json::Value;

/// Types string (2) and text (4).
pub(super) struct Text;

impl ValueType for Text {
    fn read(&self, _: &mut OpCtx, _: &EntityAttrRow, input: &Value) -> Result<Content, ValueError> {
        match input {
            Value::String(text) => Ok(Content { text: bounded(text)?.to_owned(), ..Content::default() }),
            _ => Err(ValueError::invalid("expected a string")),
        }
    }

    fn is_blank(&self, content: &Content) -> bool {
        content.text.is_empty()
    }

    fn differs(&self, old: &Content, new: &Content) -> bool {
        old.text != new.text
    }

    fn show(&self, _: &EntityAttrRow, stored: &Stored<'_>, _: Surface) -> Shown {
        Shown::Text(stored.row.text_value.clone())
    }

    fn input(&self, stored: &Stored<'_>) -> Value {
        Value::from(stored.row.text_value.as_str())
    }

    fn show_blank(&self) -> Shown {
        Shown::Text(String::new())
    }

    fn initial(&self, default: Option<&Value>) -> Option<Content> {
        let text = default.and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Content { text, ..Content::default() })
    }

    fn blank_input(&self) -> Value {
        Value::String(String::new())
    }

    fn accepts_default(&self, default: &Value) -> bool {
        default.as_str().is_some_and(|text| bounded(text).is_ok())
    }

    fn has_defaults(&self) -> bool {
        true
    }

    fn in_names(&self, stored: &Stored<'_>) -> Option<String> {
        Some(stored.row.text_value.clone())
    }
}

/// Type boolean (8). A boolean is never blank: false is a value.
pub(super) struct Boolean;

impl ValueType for Boolean {
    fn read(&self, _: &mut OpCtx, _: &EntityAttrRow, input: &Value) -> Result<Content, ValueError> {
        match input {
            Value::Bool(flag) => Ok(Content { flag: *flag, ..Content::default() }),
            _ => Err(ValueError::invalid("expected true or false")),
        }
    }

    fn is_blank(&self, _content: &Content) -> bool {
        false
    }

    fn differs(&self, old: &Content, new: &Content) -> bool {
        old.flag != new.flag
    }

    fn show(&self, _: &EntityAttrRow, stored: &Stored<'_>, _: Surface) -> Shown {
        Shown::Boolean(stored.row.bool_value)
    }

    fn input(&self, stored: &Stored<'_>) -> Value {
        Value::Bool(stored.row.bool_value)
    }

    fn show_blank(&self) -> Shown {
        Shown::Boolean(false)
    }

    fn initial(&self, default: Option<&Value>) -> Option<Content> {
        let flag = default.and_then(Value::as_bool).unwrap_or_default();
        Some(Content { flag, ..Content::default() })
    }

    fn blank_input(&self) -> Value {
        Value::Bool(false)
    }

    fn accepts_default(&self, default: &Value) -> bool {
        default.is_boolean()
    }

    fn has_defaults(&self) -> bool {
        true
    }
}
