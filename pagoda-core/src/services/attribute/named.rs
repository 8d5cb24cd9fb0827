//! References with a name, and perhaps a flag.

use super::object::{active_id, check, id_of};
use super::shown::ShownNamed;
use super::{Content, Shown, ShownObject, Stored, Surface, ValueError, ValueType, bounded, list_of};
use crate::services::ctx::OpCtx;
use crate::store::rows::{AttrValueRow, ChildRow, EntityAttrRow, ReferredRow};
use serde_json::{Map, Value, json};

/// Types named object (2049) and named object with boolean (2057).
pub(super) struct Named {
    /// Whether a flag belongs to it.
    pub(super) with_flag: bool,
}

/// Types array named object (3073) and the same with booleans (3081). Elements with neither name nor reference are
/// dropped.
pub(super) struct ArrayNamed {
    /// Whether a flag belongs to each element.
    pub(super) with_flag: bool,
}

/// Reads `{"name", "id"}`, both required, and `boolean` where there is one. Nothing at all counts as empty.
/// *Source: spec, attribute-types §2 (fixed quirks).*
fn read(input: &Value, with_flag: bool) -> Result<Content, ValueError> {
    let object = match input {
        Value::Null => return Ok(Content::default()),
        Value::String(text) if text.is_empty() => return Ok(Content::default()),
        Value::Object(object) if object.is_empty() => return Ok(Content::default()),
        Value::Object(object) => object,
        _ => return Err(ValueError::invalid("expected an object with `name` and `id`")),
    };
    let text = match object.get("name") {
        Some(Value::String(name)) => bounded(name)?.to_owned(),
        Some(_) => return Err(ValueError::invalid("expected a string as `name`")),
        None => return Err(ValueError::invalid("`name` is missing")),
    };
    let reference = match object.get("id") {
        Some(id) => id_of(id)?,
        None => return Err(ValueError::invalid("`id` is missing")),
    };
    let flag = match object.get("boolean") {
        Some(Value::Bool(flag)) if with_flag => *flag,
        Some(_) if with_flag => return Err(ValueError::invalid("expected true or false as `boolean`")),
        _ => false,
    };
    Ok(Content { text, flag, reference, elements: Vec::new() })
}

fn is_nothing(content: &Content) -> bool {
    content.text.is_empty() && content.reference.is_none()
}

fn show(row: &AttrValueRow, referred: Option<&ReferredRow>, with_flag: bool) -> ShownNamed {
    ShownNamed {
        name: row.text_value.clone(),
        object: ShownObject::of(referred),
        boolean: with_flag.then_some(row.bool_value),
    }
}

fn input(row: &AttrValueRow, referred: Option<&ReferredRow>, with_flag: bool) -> Value {
    let mut input = json!({"name": row.text_value, "id": active_id(referred)});
    if let (true, Value::Object(fields)) = (with_flag, &mut input) {
        fields.insert("boolean".to_owned(), Value::Bool(row.bool_value));
    }
    input
}

/// Whether it is an element whose entry was deleted.
fn is_gone(child: &ChildRow) -> bool {
    child.value.ref_id.is_some() && active_id(child.referred.as_ref()).is_none()
}

impl ValueType for Named {
    fn read(&self, op: &mut OpCtx, attr: &EntityAttrRow, input: &Value) -> Result<Content, ValueError> {
        let content = read(input, self.with_flag)?;
        check(op, attr, content.reference.as_slice())?;
        Ok(content)
    }

    fn is_blank(&self, content: &Content) -> bool {
        is_nothing(content)
    }

    fn differs(&self, old: &Content, new: &Content) -> bool {
        old != new
    }

    fn show(&self, _: &EntityAttrRow, stored: &Stored<'_>, _: Surface) -> Shown {
        Shown::Named(show(stored.row, stored.referred, self.with_flag))
    }

    fn input(&self, stored: &Stored<'_>) -> Value {
        input(stored.row, stored.referred, self.with_flag)
    }

    fn show_blank(&self) -> Shown {
        let boolean = self.with_flag.then_some(false);
        Shown::Named(ShownNamed { name: String::new(), object: None, boolean })
    }
}

/// Names, references and flags, sorted.
fn sorted(content: &Content) -> Vec<(&str, Option<i64>, bool)> {
    let elements = content.elements.iter();
    let mut all: Vec<_> =
        elements.map(|element| (element.text.as_str(), element.reference, element.flag)).collect();
    all.sort_unstable();
    all
}

impl ValueType for ArrayNamed {
    fn read(&self, op: &mut OpCtx, attr: &EntityAttrRow, input: &Value) -> Result<Content, ValueError> {
        let Value::Array(list) = input else {
            return Err(ValueError::invalid("expected a list of objects with `name` and `id`"));
        };
        let mut elements = Vec::with_capacity(list.len());
        for element in list {
            // Without a flag an element is empty in the ways of a named object, with one it says so. *Source: spec,
            // attribute-types §2.*
            if self.with_flag && element.as_object().is_none_or(Map::is_empty) {
                return Err(ValueError::invalid("expected a list of objects with `name` and `id`"));
            }
            let content = read(element, self.with_flag)?;
            if !is_nothing(&content) {
                elements.push(content);
            }
        }
        let ids: Vec<i64> = elements.iter().filter_map(|element| element.reference).collect();
        check(op, attr, &ids)?;
        Ok(Content { elements, ..Content::default() })
    }

    fn is_blank(&self, content: &Content) -> bool {
        content.elements.is_empty()
    }

    /// Another order is no change. *Source: spec, attribute-types §7.1.*
    fn differs(&self, old: &Content, new: &Content) -> bool {
        sorted(old) != sorted(new)
    }

    /// An element whose entry was deleted is left out of a detail and stays in a history; one that never had an
    /// entry stays. *Source: spec, attribute-types §5 and §5.1.*
    fn show(&self, _: &EntityAttrRow, stored: &Stored<'_>, on: Surface) -> Shown {
        let children = stored.children.iter().filter(|child| on == Surface::History || !is_gone(child));
        let shown = children.map(|child| show(&child.value, child.referred.as_ref(), self.with_flag));
        Shown::NamedList(shown.collect())
    }

    fn input(&self, stored: &Stored<'_>) -> Value {
        list_of(stored, |child| {
            (!is_gone(child)).then(|| input(&child.value, child.referred.as_ref(), self.with_flag))
        })
    }

    fn show_blank(&self) -> Shown {
        Shown::NamedList(Vec::new())
    }

    fn is_array(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use serde_json::json;

    #[test]
    fn both_keys_are_needed_and_nothing_is_empty() {
        for nothing in [json!(null), json!(""), json!({}), json!({"name": "", "id": null})] {
            assert_eq!(read(&nothing, false).unwrap(), super::Content::default(), "{nothing}");
        }
        for bad in [
            json!([]),
            json!("x"),
            json!(0),
            json!({"name": "x"}),
            json!({"id": 1}),
            json!({"name": 1, "id": null}),
            json!({"name": "x", "id": "y"}),
            json!({"name": "x", "id": []}),
            json!({"name": "x", "id": null, "boolean": 1}),
        ] {
            assert!(read(&bad, true).is_err(), "{bad}");
        }
        let read = read(&json!({"name": "x", "id": "7", "boolean": true}), true).unwrap();
        assert_eq!((read.text.as_str(), read.reference, read.flag), ("x", Some(7), true));
    }
}
