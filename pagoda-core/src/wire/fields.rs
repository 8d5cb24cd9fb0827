//! The error envelope: complaints, collected per field.

use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::error::NON_FIELD;
use serde_json::{Map, Value, json};

/// One `{"message", "code"}`.
#[must_use]
pub fn leaf(code: Code, message: impl Into<String>) -> Value {
    json!({"message": message.into(), "code": code.as_str()})
}

/// Complaints about the fields of one object; all of them are answered together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// One complaint.
    #[must_use]
    pub fn of(field: &str, code: Code, message: impl Into<String>) -> Self {
        let mut fields = Self::default();
        fields.add(field, code, message);
        fields
    }

    /// One complaint about the object as a whole.
    #[must_use]
    pub fn whole(code: Code, message: impl Into<String>) -> Self {
        Self::of(NON_FIELD, code, message)
    }

    /// Adds a complaint.
    pub fn add(&mut self, field: &str, code: Code, message: impl Into<String>) {
        let leaf = leaf(code, message);
        match self.0.get_mut(field) {
            Some(Value::Array(leaves)) => leaves.push(leaf),
            _ => {
                self.0.insert(field.to_owned(), Value::Array(vec![leaf]));
            }
        }
    }

    /// Adds the complaints of a nested object or list, in their own shape.
    pub fn nest(&mut self, field: &str, complaints: Value) {
        self.0.insert(field.to_owned(), complaints);
    }

    /// Adds the complaints of a list with object children: `{"0": {…}, "3": {…}}`.
    pub fn nest_list<'a>(&mut self, field: &str, children: impl IntoIterator<Item = (usize, &'a Fields)>) {
        let bad: Map<String, Value> = children
            .into_iter()
            .filter(|(_, child)| !child.is_empty())
            .map(|(index, child)| (index.to_string(), child.to_json()))
            .collect();
        if !bad.is_empty() {
            self.nest(field, Value::Object(bad));
        }
    }

    /// Adds the complaints of a list with one element for each child, `{}` for good ones, if any is bad.
    pub fn nest_each<'a>(&mut self, field: &str, children: impl IntoIterator<Item = &'a Fields>) {
        let all: Vec<&Fields> = children.into_iter().collect();
        if all.iter().any(|child| !child.is_empty()) {
            self.nest(field, Value::Array(all.into_iter().map(Fields::to_json).collect()));
        }
    }

    /// Whether a field has a complaint already.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// Whether the complaint is about the object as a whole, as about one that is none.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.has(NON_FIELD)
    }

    /// Whether there is nothing to complain about.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The body of the answer.
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }
}
