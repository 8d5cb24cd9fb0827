//! What a rule asks of values: of their text, and of what must be there because something else is.

use crate::rule::Pattern;
use pagoda_plugin_sdk::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The rule for one attribute.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde", default)]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
pub struct AttributeRule {
    /// What the text of a value matches, of each element of a list; anywhere unless it says `^` and `$`. A value that
    /// is not there matches.
    pub pattern: Option<Pattern>,
    /// When there must be a value.
    pub required_when: Option<Condition>,
    /// The sentence of a refusal, in place of what the plugin says by itself.
    pub message: Option<String>,
}

/// Something about another attribute: that it has this value, or any.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde", default)]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
pub struct Condition {
    /// The name of the other attribute.
    pub attribute: String,
    /// The text of the value, or of one element of a list.
    pub is: Option<String>,
    /// Any value.
    pub has_value: bool,
}

impl Condition {
    fn holds(&self, state: &State) -> bool {
        let texts = state.texts(&self.attribute);
        match &self.is {
            Some(value) => texts.contains(value),
            None => !texts.is_empty(),
        }
    }
}

impl AttributeRule {
    /// What is wrong with the rule of this attribute, beginning with what follows its name in the key.
    pub(crate) fn validate(&self, attribute: &str) -> Result<(), String> {
        if self.pattern.is_none() && self.required_when.is_none() {
            return Err(": neither `pattern` nor `required_when`".to_owned());
        }
        match &self.required_when {
            Some(condition) if condition.attribute.is_empty() => {
                Err(".required_when: `attribute` names another attribute".to_owned())
            }
            Some(condition) if condition.attribute == attribute => {
                Err(".required_when: an attribute cannot depend on itself".to_owned())
            }
            Some(condition) if condition.is.is_some() == condition.has_value => {
                Err(".required_when: either `is` or `has_value = true`".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Why the state is refused because of this attribute, if it is. What the write does not touch is no reason.
    pub(crate) fn fault(&self, attribute: &str, state: &State) -> Option<(Code, String)> {
        // An entity without the attribute could never comply.
        if !state.known.contains(attribute) {
            return None;
        }
        let fault = self.missing(attribute, state).or_else(|| self.misfit(attribute, state));
        fault.map(|(code, sentence)| (code, self.message.clone().unwrap_or(sentence)))
    }

    fn missing(&self, attribute: &str, state: &State) -> Option<(Code, String)> {
        let condition = self.required_when.as_ref()?;
        let touched = state.is_touched(attribute) || state.is_touched(&condition.attribute);
        if !touched || !condition.holds(state) || !state.texts(attribute).is_empty() {
            return None;
        }
        let other = &condition.attribute;
        let sentence = match &condition.is {
            Some(value) => format!("`{attribute}` is required when `{other}` is `{value}`"),
            None => format!("`{attribute}` is required when `{other}` has a value"),
        };
        Some((Code::Required, sentence))
    }

    fn misfit(&self, attribute: &str, state: &State) -> Option<(Code, String)> {
        let pattern = self.pattern.as_ref().filter(|_| state.is_touched(attribute))?;
        let bad = state.texts(attribute).iter().find(|text| !pattern.0.is_match(text))?;
        let sentence = format!("`{attribute}` matches `{}`, which `{bad}` does not", pattern.0.as_str());
        Some((Code::InvalidValue, sentence))
    }
}

/// The values of an entry as they will be, as texts.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The attributes that the entity has.
    known: BTreeSet<String>,
    /// The attributes that are written.
    touched: BTreeSet<String>,
    /// One text for a value, one for each element of a list, none where there is nothing.
    texts: BTreeMap<String, Vec<String>>,
    /// On creation everything is touched: what is not given is given as nothing.
    is_new: bool,
}

impl State {
    /// The state after a write: what is written, over what is there.
    pub(crate) fn after(checked: &EntryValidation) -> Self {
        let mut state = Self { is_new: checked.is_new, ..Self::default() };
        for shown in checked.current.iter() {
            if let (Some(name), Some(value)) = (shown["schema"]["name"].as_str(), shown.get("value")) {
                state.texts.insert(name.to_owned(), texts(value));
            }
        }
        for attr in checked.schema.iter() {
            state.known.insert(attr.name.clone());
            // Of several values for one attribute the last one is written.
            if let Some(input) = checked.attrs.iter().rev().find(|input| input.id == attr.id) {
                state.texts.insert(attr.name.clone(), texts(&input.value));
                state.touched.insert(attr.name.clone());
            }
        }
        state
    }

    /// The state of a new entry with these values, whose entity has the attributes of the rules.
    pub(crate) fn of_new<'a>(
        known: impl Iterator<Item = &'a String>,
        values: &BTreeMap<String, Value>,
    ) -> Self {
        let texts = values.iter().map(|(name, value)| (name.clone(), texts(value))).collect();
        Self { known: known.cloned().collect(), texts, is_new: true, ..Self::default() }
    }

    fn texts(&self, attribute: &str) -> &[String] {
        self.texts.get(attribute).map_or(&[], Vec::as_slice)
    }

    fn is_touched(&self, attribute: &str) -> bool {
        self.is_new || self.touched.contains(attribute)
    }
}

/// The texts of a value in the form of requests or of answers: of a choice its value, of a named reference its name, of
/// a reference the id, which is what both forms have.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Bool(flag) => vec![flag.to_string()],
        Value::Number(number) => vec![plain(number)],
        Value::Array(elements) => elements.iter().flat_map(texts).collect(),
        Value::Object(fields) => {
            let of = |key: &str| fields.get(key).map(texts).unwrap_or_default();
            if let Some((_, inner)) = fields.iter().find(|(key, _)| key.starts_with("as_")) {
                return texts(inner);
            }
            if fields.contains_key("schema") {
                return of("id");
            }
            ["value", "name", "object", "id"]
                .into_iter()
                .map(of)
                .find(|texts| !texts.is_empty())
                .unwrap_or_default()
        }
    }
}

/// `5.0` is written as `5`, so that a request and an answer agree.
fn plain(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 => format!("{float:.0}"),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::texts;
    use pagoda_plugin_sdk::serde_json::json;

    #[test]
    fn requests_and_answers_have_the_same_texts() {
        for (request, answer, expected) in [
            (json!("a"), json!({"as_string": "a"}), vec!["a"]),
            (json!(""), json!({"as_string": ""}), vec![]),
            (json!(5), json!({"as_number": 5.0}), vec!["5"]),
            (json!(null), json!({"as_number": null}), vec![]),
            (json!(1.5), json!({"as_number": 1.5}), vec!["1.5"]),
            (json!("s"), json!({"as_select": {"value": "s", "label": "S"}}), vec!["s"]),
            (json!(["a", "b"]), json!({"as_array_string": ["a", "b"]}), vec!["a", "b"]),
            (json!([]), json!({"as_array_string": []}), vec![]),
            (
                json!(7),
                json!({"as_object": {"id": 7, "name": "n", "schema": {"id": 1, "name": "e"}}}),
                vec!["7"],
            ),
            (
                json!({"name": "n", "id": 7}),
                json!({"as_named_object": {"name": "n", "object": {"id": 7, "name": "o", "schema": {}}}}),
                vec!["n"],
            ),
            (
                json!({"name": "", "id": null}),
                json!({"as_named_object": {"name": "", "object": null}}),
                vec![],
            ),
        ] {
            assert_eq!(texts(&request), expected, "{request}");
            assert_eq!(texts(&answer), expected, "{answer}");
        }
        assert_eq!(texts(&json!(true)), ["true"]);
        assert_eq!(texts(&json!({"as_boolean": true})), ["true"]);
    }
}
