//! What is found as a document, in the form that imports read. *Source: spec, search §6 and attribute-types §9.*

use super::request::Export;
use super::{unwritten, visible};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::job::{File, Sealed};
use crate::services::search::join::Join;
use crate::store::queries::{entity as entities, entry as entries};
use crate::store::rows::EntryRow;
use crate::wire::yaml;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::io::Write;

/// Names of the entities of entries that are referred to, by the id of the entry.
pub(super) type Entities = HashMap<i64, String>;

/// A document that is being written: entries under their entities.
pub(super) struct Document {
    file: File,
    has_referrals: bool,
    /// Attributes that rows have of a join: they are not of the entry.
    joined: Vec<String>,
    /// The entity and the entry that were written last.
    last: Option<(i64, i64)>,
}

impl Document {
    /// An empty one.
    pub(super) fn new(asked: &Export) -> Self {
        let joined = asked.joins.iter().flat_map(Join::attrs).map(|(joined, _)| joined);
        Self { file: Sealed::open(), has_referrals: asked.referrals, joined: joined.collect(), last: None }
    }

    /// Adds an entry as a search shows it, once: rows of a join repeat it.
    pub(super) fn add(&mut self, row: &Value, names: &Entities) -> Result<(), OpError> {
        let id = |object: &Value| object["id"].as_i64().unwrap_or_default();
        let place = (id(&row["entity"]), id(&row["entry"]));
        if self.last == Some(place) {
            return Ok(());
        }
        if self.last.is_none_or(|(entity, _)| entity != place.0) {
            let entity = written(&json!({ "entity": row["entity"]["name"] }))?;
            self.file.write_all(entity.as_bytes()).map_err(unwritten)?;
            self.file.write_all(b"  entries:\n").map_err(unwritten)?;
        }
        self.last = Some(place);
        let mut entry = json!({ "id": row["entry"]["id"], "name": row["entry"]["name"], "attrs": self.attrs(row, names) });
        if self.has_referrals {
            let one =
                |referrer: &Value| json!({"entity": referrer["schema"]["name"], "entry": referrer["name"]});
            entry["referrals"] = row["referrals"].as_array().into_iter().flatten().map(one).collect();
        }
        for line in written(&entry)?.split_terminator('\n') {
            let indent = if line.is_empty() { "" } else { "  " };
            writeln!(self.file, "{indent}{line}").map_err(unwritten)?;
        }
        Ok(())
    }

    /// The attributes of the entry that may be read.
    fn attrs(&self, row: &Value, names: &Entities) -> Value {
        let one = |(name, cell): (&String, &Value)| {
            let (key, value) = visible(cell).filter(|_| !self.joined.contains(name))?;
            Some(json!({"name": name, "value": importable(key, value, names)}))
        };
        row["attrs"].as_object().into_iter().flatten().filter_map(one).collect()
    }

    /// The whole file.
    pub(super) fn end(mut self) -> Result<File, OpError> {
        if self.last.is_none() {
            self.file.write_all(b"[]\n").map_err(unwritten)?;
        }
        Ok(self.file)
    }
}

/// A list of one.
fn written(row: &Value) -> Result<String, OpError> {
    yaml::write(std::slice::from_ref(row)).map_err(|error| unwritten(anyhow::anyhow!(error)))
}

/// A value as imports read it.
fn importable(key: &str, value: &Value, names: &Entities) -> Value {
    match value {
        Value::Array(elements) => elements.iter().map(|element| importable(key, element, names)).collect(),
        Value::Object(object) if key.ends_with("named_object") => named(object, names),
        Value::Object(_) if key.ends_with("_object") => referred(value, names),
        Value::Object(object) => {
            // A choice has a value, a group and a role have a name.
            let text = object.get("value").or_else(|| object.get("name"));
            text.filter(|text| **text != "" || object.contains_key("value")).cloned().unwrap_or_default()
        }
        other => other.clone(),
    }
}

/// `{entity, name}`, or nothing.
fn referred(object: &Value, names: &Entities) -> Value {
    let entity = object["id"].as_i64().and_then(|id| names.get(&id));
    entity.map_or(Value::Null, |entity| json!({"entity": entity, "name": object["name"]}))
}

/// A reference under its name; with its flag, where it has one.
fn named(object: &Map<String, Value>, names: &Entities) -> Value {
    let name = object.get("name").and_then(Value::as_str).unwrap_or_default();
    let target = object.get("object").cloned().unwrap_or_default();
    let mut referred = referred(&target, names);
    let mut whole = Map::new();
    match (target.get("boolean"), &mut referred) {
        (None, Value::Null) if name.is_empty() => return json!({}),
        (Some(Value::Bool(false)), Value::Null) if name.is_empty() => return json!({}),
        (Some(flag), Value::Object(referred)) => {
            referred.insert("boolean".to_owned(), flag.clone());
        }
        (Some(flag), _) => {
            whole.insert("boolean".to_owned(), flag.clone());
        }
        (None, _) => {}
    }
    whole.insert(name.to_owned(), referred);
    Value::Object(whole)
}

/// The entities of the entries that the attributes of rows refer to: two statements.
///
/// # Errors
/// The database does not answer.
pub(super) fn entities_of(op: &mut OpCtx, rows: &[Value]) -> Result<Entities, OpError> {
    let mut ids = Vec::new();
    let cells = rows.iter().flat_map(|row| row["attrs"].as_object().into_iter().flatten());
    for (_, value) in cells.filter_map(|(_, cell)| visible(cell)).filter(|(key, _)| key.ends_with("object")) {
        let elements = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let id = |element: &Value| element["object"]["id"].as_i64().or_else(|| element["id"].as_i64());
        ids.extend(elements.iter().filter_map(id));
    }
    ids.sort_unstable();
    ids.dedup();
    let referred = entries::by_ids(&mut op.db, &ids)?;
    let mut of: Vec<i64> = referred.iter().map(|entry| entry.entity_id).collect();
    of.sort_unstable();
    of.dedup();
    let known: HashMap<i64, String> =
        entities::by_ids(&mut op.db, &of)?.into_iter().map(|entity| (entity.id, entity.name)).collect();
    let named = |entry: EntryRow| Some((entry.id, known.get(&entry.entity_id)?.clone()));
    Ok(referred.into_iter().filter_map(named).collect())
}
