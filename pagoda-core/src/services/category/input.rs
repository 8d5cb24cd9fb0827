//! What a request says about a category. *Source: spec, trigger-webhook-category, part C.*

use crate::services::error::OpError;
use crate::wire::Fields;
use crate::wire::coerce::{self, Reader};
use serde_json::Value;

/// Most characters of a name, of a category as of an entity.
const MOST_NAME: usize = 200;
/// Most characters of a note.
const MOST_NOTE: usize = 500;

/// A category as a request wants it.
#[derive(Debug, Clone, Default)]
pub struct CategoryInput {
    pub(super) name: String,
    /// Absent is "not sent".
    pub(super) note: Option<String>,
    /// Absent is "not sent".
    pub(super) priority: Option<i32>,
    /// Ids of entities, ascending, each once; some may be of none.
    pub(super) models: Vec<i64>,
}

impl CategoryInput {
    /// Reads a request body.
    ///
    /// # Errors
    /// What is wrong with it, all fields together.
    pub fn read(body: &Value) -> Result<Self, OpError> {
        let mut reader = Reader::new(coerce::object(body)?);
        let name = reader.required("name", |value| coerce::name(value, MOST_NAME));
        let note = reader.field("note", |value| coerce::line(value, MOST_NOTE));
        let priority = reader.field("priority", coerce::small_integer);
        let models = models(&mut reader);
        if !reader.errors.is_empty() {
            return Err(reader.errors.into());
        }
        Ok(Self { name: name.unwrap_or_default(), note, priority, models })
    }
}

fn models(reader: &mut Reader<'_>) -> Vec<i64> {
    reader.require("models");
    let mut ids = reader.each_of("models", model).unwrap_or_default();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The id of an entity; its name must be there, and is not looked at.
fn model(element: &Value) -> Result<i64, Fields> {
    let mut reader = Reader::new(coerce::element(element)?);
    let id = reader.required("id", coerce::integer);
    let name = reader.required("name", |value| coerce::name(value, MOST_NAME));
    match (id, name) {
        (Some(id), Some(_)) => Ok(id),
        _ => Err(reader.errors),
    }
}
