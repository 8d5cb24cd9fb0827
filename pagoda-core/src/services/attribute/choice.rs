//! Choices out of a list that the definition has.

use super::shown::ShownChoice;
use super::{Content, Shown, Stored, Surface, ValueError, ValueType, bounded, list_of, text_or_null};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::value;
use crate::store::rows::EntityAttrRow;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use uuid::Uuid;

/// Type select (512).
pub(super) struct Select;

/// Type multi-select (1536). Repetitions and empty elements are dropped, the order is kept.
pub(super) struct MultiSelect;

/// What is shown for a value that is no choice any more. *Source: spec, attribute-types §5.*
pub const DELETED: &str = "(deleted choice)";

#[derive(Debug, Clone, Deserialize)]
struct Choice {
    value: String,
    label: String,
}

fn choices(attr: &EntityAttrRow) -> Vec<Choice> {
    attr.choices.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Reads one choice; empty for none.
fn read(choices: &[Choice], input: &Value) -> Result<String, ValueError> {
    let text = match input {
        Value::Null => return Ok(String::new()),
        Value::String(text) => bounded(text)?,
        _ => return Err(ValueError::invalid("expected the `value` of a choice")),
    };
    if !text.is_empty() && !choices.is_empty() && !choices.iter().any(|choice| choice.value == text) {
        return Err(ValueError::invalid(format!("`{text}` is none of the choices")));
    }
    Ok(text.to_owned())
}

/// The labels of the choices of a definition.
pub struct ChoiceLabels(Vec<Choice>);

/// The labels of the choices of a definition.
#[must_use]
pub fn labels(attr: &EntityAttrRow) -> ChoiceLabels {
    ChoiceLabels(choices(attr))
}

impl ChoiceLabels {
    /// The choices: value and label.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|choice| (choice.value.as_str(), choice.label.as_str()))
    }
}

fn show(choices: &[Choice], value: &str) -> ShownChoice {
    let label = choices.iter().find(|choice| choice.value == value).map_or(DELETED, |choice| &choice.label);
    ShownChoice { value: value.to_owned(), label: label.to_owned() }
}

impl ValueType for Select {
    fn read(&self, _: &mut OpCtx, attr: &EntityAttrRow, input: &Value) -> Result<Content, ValueError> {
        Ok(Content { text: read(&choices(attr), input)?, ..Content::default() })
    }

    fn is_blank(&self, content: &Content) -> bool {
        content.text.is_empty()
    }

    fn differs(&self, old: &Content, new: &Content) -> bool {
        old.text != new.text
    }

    fn show(&self, attr: &EntityAttrRow, stored: &Stored<'_>, _: Surface) -> Shown {
        let value = &stored.row.text_value;
        Shown::Choice((!value.is_empty()).then(|| show(&choices(attr), value)))
    }

    fn input(&self, stored: &Stored<'_>) -> Value {
        text_or_null(&stored.row.text_value)
    }

    fn show_blank(&self) -> Shown {
        Shown::Choice(None)
    }
}

impl ValueType for MultiSelect {
    fn read(&self, _: &mut OpCtx, attr: &EntityAttrRow, input: &Value) -> Result<Content, ValueError> {
        let Value::Array(list) = input else {
            return Err(ValueError::invalid("expected a list of `value`s of choices"));
        };
        let choices = choices(attr);
        let mut elements: Vec<Content> = Vec::with_capacity(list.len());
        let mut seen = HashSet::new();
        for element in list {
            let text = read(&choices, element)?;
            if !text.is_empty() && seen.insert(text.clone()) {
                elements.push(Content { text, ..Content::default() });
            }
        }
        Ok(Content { elements, ..Content::default() })
    }

    fn is_blank(&self, content: &Content) -> bool {
        content.elements.is_empty()
    }

    /// The order counts. *Source: spec, attribute-types §7.1.*
    fn differs(&self, old: &Content, new: &Content) -> bool {
        old.elements != new.elements
    }

    fn show(&self, attr: &EntityAttrRow, stored: &Stored<'_>, _: Surface) -> Shown {
        let choices = choices(attr);
        Shown::Choices(stored.children.iter().map(|child| show(&choices, &child.value.text_value)).collect())
    }

    fn input(&self, stored: &Stored<'_>) -> Value {
        list_of(stored, |child| Some(Value::from(child.value.text_value.as_str())))
    }

    fn show_blank(&self) -> Shown {
        Shown::Choices(Vec::new())
    }

    fn is_array(&self) -> bool {
        true
    }
}

/// Judges the choices of a definition as a request sends them, and gives those a value that have none. What comes
/// back is what is stored. *Source: spec, entity §1.2.*
///
/// # Errors
/// The complaint, in a sentence.
pub fn judge(sent: Option<&Value>) -> Result<Value, String> {
    let Some(Value::Array(list)) = sent.filter(|sent| **sent != json!([])) else {
        return Err("`choices` must be a list of objects with a `label`, and not empty".to_owned());
    };
    let (mut labels, mut values) = (HashSet::new(), HashSet::new());
    let mut judged = Vec::with_capacity(list.len());
    for (index, choice) in list.iter().enumerate() {
        let bad = |problem: &str| Err(format!("`choices`, element {index}: {problem}"));
        let Some(choice) = choice.as_object() else { return bad("expected an object") };
        let Some(label) = choice.get("label").and_then(Value::as_str).filter(|label| !label.is_empty())
        else {
            return bad("`label` must be a text that is not empty");
        };
        if !labels.insert(label.to_owned()) {
            return bad("another choice has this `label`");
        }
        let value = match choice.get("value") {
            None | Some(Value::Null) => Uuid::new_v4().simple().to_string(),
            Some(Value::String(value)) if !value.is_empty() => value.clone(),
            Some(_) => return bad("`value` must be a text that is not empty"),
        };
        let texts = bounded(label).and_then(|_| bounded(&value));
        if texts.is_err() {
            return bad("a text cannot be stored");
        }
        if !values.insert(value.clone()) {
            return bad("another choice has this `value`");
        }
        judged.push(json!({"value": value, "label": label}));
    }
    Ok(Value::Array(judged))
}

/// The choices that latest values of entries use, sorted, by definition: two statements.
///
/// # Errors
/// The database does not answer.
pub fn in_use(op: &mut OpCtx, attrs: &[i64]) -> Result<BTreeMap<i64, BTreeSet<String>>, OpError> {
    let mut used: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    if !attrs.is_empty() {
        for (attr, text) in value::latest_texts(&mut op.db, attrs)? {
            used.entry(attr).or_default().insert(text);
        }
    }
    Ok(used)
}

/// The values of stored choices.
#[must_use]
pub fn values(choices: &Value) -> BTreeSet<String> {
    let list = choices.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|choice| choice.get("value")?.as_str()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::{judge, values};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn choices_need_labels_and_get_values() {
        for bad in [
            json!(null),
            json!([]),
            json!({}),
            json!("x"),
            json!(["x"]),
            json!([{}]),
            json!([{"label": ""}]),
            json!([{"label": 1}]),
            json!([{"label": "a", "value": ""}]),
            json!([{"label": "a", "value": 1}]),
            json!([{"label": "a"}, {"label": "a"}]),
            json!([{"label": "a", "value": "1"}, {"label": "b", "value": "1"}]),
        ] {
            assert!(judge(Some(&bad)).is_err(), "{bad}");
        }
        assert!(judge(None).is_err());
        let judged = judge(Some(
            &json!([{"label": "a", "value": " x "}, {"label": "b", "value": null}, {"label": "c"}]),
        ))
        .unwrap();
        assert_eq!(judged[0], json!({"value": " x ", "label": "a"}));
        let values = values(&judged);
        assert_eq!(values.len(), 3);
        assert!(values.iter().filter(|value| value.len() == 32).count() == 2, "{values:?}");
    }

    proptest! {
        #[test]
        fn what_was_judged_well_stays(labels in prop::collection::hash_set("[a-z]{1,5}", 1..6)) {
            let sent: Vec<_> = labels.iter().map(|label| json!({"label": label})).collect();
            let judged = judge(Some(&json!(sent))).unwrap();
            prop_assert_eq!(judge(Some(&judged)).unwrap(), judged);
        }
    }
}
