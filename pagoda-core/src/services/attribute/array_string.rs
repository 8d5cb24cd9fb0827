//! Lists of strings.

use super::{Content, Shown, Stored, ValueError, ValueType, bounded};
use crate::services::ctx::OpCtx;
use serde_json::Value;

/// Type array string (1026). Empty strings are dropped, duplicates and order are kept.
pub(super) struct ArrayString;

fn sorted(content: &Content) -> Vec<&str> {
    let mut texts: Vec<&str> = content.elements.iter().map(|element| element.text.as_str()).collect();
    texts.sort_unstable();
    texts
}

impl ValueType for ArrayString {
    fn read(&self, _op: &mut OpCtx, input: &Value) -> Result<Content, ValueError> {
        let Value::Array(list) = input else {
            return Err(ValueError::invalid("expected a list of strings"));
        };
        let mut elements = Vec::with_capacity(list.len());
        for element in list {
            let Value::String(text) = element else {
                return Err(ValueError::invalid("expected a list of strings"));
            };
            if !bounded(text)?.is_empty() {
                elements.push(Content { text: text.clone(), ..Content::default() });
            }
        }
        Ok(Content { elements, ..Content::default() })
    }

    fn is_blank(&self, content: &Content) -> bool {
        content.elements.is_empty()
    }

    /// As multisets: another order is no change. *Source: spec, attribute-types §7.1 (fixed quirk).*
    fn differs(&self, old: &Content, new: &Content) -> bool {
        sorted(old) != sorted(new)
    }

    fn show(&self, stored: &Stored<'_>) -> Shown {
        Shown::Strings(stored.children.iter().map(|child| child.value.text_value.clone()).collect())
    }

    fn show_blank(&self) -> Shown {
        Shown::Strings(Vec::new())
    }

    fn initial(&self, _default: Option<&Value>) -> Option<Content> {
        None
    }

    fn accepts_default(&self, _default: &Value) -> bool {
        false
    }

    fn is_array(&self) -> bool {
        true
    }

    fn in_names(&self, _stored: &Stored<'_>) -> Option<String> {
        None
    }
}
