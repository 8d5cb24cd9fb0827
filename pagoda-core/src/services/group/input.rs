//! What a request says about a group. *Source: spec, auth-user §5.2.*

use crate::services::error::OpError;
use crate::wire::coerce::{self, Reader};
use crate::wire::{Fields, leaf};
use pagoda_plugin_sdk::Code;
use serde_json::{Map, Value};

/// Most characters of a group's name. *Source: spec, auth-user §5.1.*
pub(super) const MOST_NAME: usize = 150;

/// A group as a request wants it: what it leaves out is empty, a change is a full replacement.
#[derive(Debug, Clone, Default)]
pub struct GroupInput {
    /// The name, where one was sent that is one.
    pub(super) name: Option<String>,
    /// The group above.
    pub(super) parent: Option<i64>,
    /// Ids of users, ascending, each once.
    pub(super) members: Vec<i64>,
    /// Complaints about the form.
    pub(super) errors: Fields,
}

impl GroupInput {
    /// Reads a request body.
    ///
    /// # Errors
    /// The body is no object.
    pub fn read(body: &Value) -> Result<Self, OpError> {
        let mut reader = Reader::new(coerce::object(body)?);
        let name = reader.required("name", |value| coerce::name(value, MOST_NAME));
        let parent = match reader.raw("parent_group") {
            None | Some(Value::Null) => None,
            Some(_) => reader.field("parent_group", coerce::id),
        };
        let mut members = Vec::new();
        match reader.raw("members") {
            None => {}
            Some(Value::Null) => reader.errors.add("members", Code::Other, "null is not allowed"),
            Some(Value::Array(list)) => {
                let mut bad = Map::new();
                for (index, element) in list.iter().enumerate() {
                    match coerce::integer(element) {
                        Ok(id) => members.push(id),
                        Err((code, message)) => {
                            bad.insert(index.to_string(), Value::Array(vec![leaf(code, message)]));
                        }
                    }
                }
                if !bad.is_empty() {
                    reader.errors.nest("members", Value::Object(bad));
                }
            }
            Some(_) => reader.errors.add("members", Code::Invalid, "expected a list"),
        }
        members.sort_unstable();
        members.dedup();
        Ok(Self { name, parent, members, errors: reader.errors })
    }
}
