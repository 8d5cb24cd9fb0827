//! Lists of strings.

use super::{Content, Shown, Stored, Surface, ValueError, ValueType, bounded, list_of};
use crate::services::ctx::OpCtx;
use crate::store::rows::EntityAttrRow;
use serde_json::Value;

/// Type array string (1026). Empty strings are dropped, duplicates and order are kept.
pub(super) struct ArrayString;

fn sorted(content: &Content) -> Vec<&str> {
    let mut texts: Vec<&str> = content.elements.iter().map(|element| element.text.as_str()).collect();
    texts.sort_unstable();
    texts
}

impl ValueType for ArrayString {
    fn read(&self, _: &mut OpCtx, _: &EntityAttrRow, input: &Value) -> Result<Content, ValueError> {
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

    fn show(&self, _: &EntityAttrRow, stored: &Stored<'_>, _: Surface) -> Shown {
        Shown::Strings(stored.children.iter().map(|child| child.value.text_value.clone()).collect())
    }

    fn input(&self, stored: &Stored<'_>) -> Value {
        list_of(stored, |child| Some(Value::from(child.value.text_value.as_str())))
    }

    fn show_blank(&self) -> Shown {
        Shown::Strings(Vec::new())
    }

    fn is_array(&self) -> bool {
        true
    }
}
