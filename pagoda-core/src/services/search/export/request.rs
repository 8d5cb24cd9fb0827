//! What an export is asked for with. *Source: spec, search §6.*

use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::search::filter::Selection;
use crate::services::search::join::Join;
use crate::store::queries::entity as entities;
use crate::wire::Fields;
use crate::wire::coerce::{self, Reader};
use pagoda_plugin_sdk::Code;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A table.
    Csv,
    /// A document that can be imported.
    Yaml,
}

impl Style {
    /// As requests and names of files have it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Yaml => "yaml",
        }
    }
}

/// A request, read.
#[derive(Debug)]
pub(super) struct Export {
    /// The entities, in their order in the file.
    pub(super) entities: Vec<i64>,
    pub(super) selection: Selection,
    pub(super) joins: Vec<Join>,
    /// Whether the file says who refers to an entry.
    pub(super) referrals: bool,
    pub(super) style: Style,
    /// The request as it was understood: what was given, coerced.
    pub(super) echo: Value,
}

impl Export {
    /// Reads a request body.
    ///
    /// # Errors
    /// The complaints about it, all together.
    pub(super) fn read(op: &mut OpCtx, body: &Value) -> Result<Self, OpError> {
        let object = coerce::element(body)?;
        let mut reader = Reader::new(object);
        reader.require("entities");
        reader.require("attrinfo");
        let style = reader.required("export_style", |value| match value.as_str() {
            Some("csv") => Ok(Style::Csv),
            Some("yaml") => Ok(Style::Yaml),
            _ => Err((Code::Invalid, "`yaml` or `csv`".to_owned())),
        });
        let asked = reader.id_list("entities");
        if let Some(asked) = &asked {
            check_entities(op, &mut reader.errors, asked)?;
        }
        let all = reader.field("is_all_entities", coerce::boolean).unwrap_or_default();
        let joins = reader.each_of("join_attrs", Join::read).unwrap_or_default();
        let referrals = reader.field("has_referral", coerce::boolean).unwrap_or_default();
        let mut selection = Selection::read(&mut reader);
        let is_blank =
            |name: &Value| coerce::verbatim(name, usize::MAX).is_ok_and(|name| name.trim().is_empty());
        if object.get("referral_name").is_some_and(is_blank) {
            reader.errors.add("referral_name", Code::Other, "this field may not be blank");
        }
        if !referrals {
            selection.referrers = None;
        }
        let (Some(mut entities), Some(style), true) = (asked, style, reader.errors.is_empty()) else {
            return Err(reader.errors.into());
        };
        if all {
            let found = entities::active_with_attrs(&mut op.db, &selection.names())?;
            if found.is_empty() {
                let message = "no entity has any attribute of `attrinfo`";
                return Err(Fields::whole(Code::Invalid, message).into());
            }
            entities = found.into_iter().map(|entity| entity.id).collect();
        }
        let mut echo = echo(object);
        echo.insert("entities".to_owned(), json!(entities));
        echo.insert("is_all_entities".to_owned(), Value::Bool(all));
        Ok(Self { entities, selection, joins, referrals, style, echo: Value::Object(echo) })
    }
}

/// Complains about entities that never were, or that are there twice; deleted ones find nothing.
fn check_entities(op: &mut OpCtx, errors: &mut Fields, ids: &[i64]) -> Result<(), OpError> {
    let unique: HashSet<i64> = ids.iter().copied().collect();
    if unique.len() < ids.len() {
        errors.add("entities", Code::Invalid, "an entity is there twice");
    } else if entities::by_ids(&mut op.db, ids)?.len() < ids.len() {
        errors.add("entities", Code::Invalid, "there is no such entity");
    }
    Ok(())
}

/// How a value of a request is given back.
type Echo = fn(&Value) -> Option<Value>;

fn text(value: &Value) -> Option<Value> {
    coerce::verbatim(value, usize::MAX).ok().map(Value::from)
}

fn integer(value: &Value) -> Option<Value> {
    coerce::integer(value).ok().map(Value::from)
}

fn boolean(value: &Value) -> Option<Value> {
    coerce::boolean(value).ok().map(Value::from)
}

/// The keys of an object that are known, coerced.
fn keys(value: &Value, known: &[(&str, Echo)]) -> Option<Value> {
    value.as_object().map(|object| Value::Object(given(object, known)))
}

fn given(object: &Map<String, Value>, known: &[(&str, Echo)]) -> Map<String, Value> {
    let one = |(key, echo): &(&str, Echo)| Some(((*key).to_owned(), echo(object.get(*key)?)?));
    known.iter().filter_map(one).collect()
}

fn filters(value: &Value) -> Option<Value> {
    let one = |element: &Value| keys(element, &[("name", text), ("filter_key", integer), ("keyword", text)]);
    value.as_array().map(|list| list.iter().filter_map(one).collect())
}

fn joins(value: &Value) -> Option<Value> {
    let one = |element: &Value| keys(element, &[("name", text), ("offset", integer), ("attrinfo", filters)]);
    value.as_array().map(|list| list.iter().filter_map(one).collect())
}

fn hint(value: &Value) -> Option<Value> {
    keys(value, &[("filter_key", integer), ("keyword", text), ("exact_match", boolean)])
}

/// What was given, apart from the entities, of a request without fault.
fn echo(object: &Map<String, Value>) -> Map<String, Value> {
    let known: [(&str, Echo); 6] = [
        ("attrinfo", filters),
        ("join_attrs", joins),
        ("has_referral", boolean),
        ("referral_name", text),
        ("hint_entry", hint),
        ("export_style", text),
    ];
    given(object, &known)
}

/// The same with the keys of all objects in order, so that requests are compared by what they say.
pub(super) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut pairs: Vec<(String, Value)> =
                object.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(pairs.into_iter().collect())
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
