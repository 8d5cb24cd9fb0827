//! What a request says about an entity. *Source: spec, entity §2.3 and §2.4.*

use super::isolation_rule::RuleInput;
use super::webhook::WebhookInput;
use crate::services::entry::compile_pattern;
use crate::services::error::OpError;
use crate::wire::Fields;
use crate::wire::coerce::{self, Reader, Refusal};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::bridge::{EntityChange, NewEntity};
use pagoda_plugin_sdk::model::{AttrType, EntityAttr};
use pagoda_plugin_sdk::payload::EntityAttrChange;
use serde_json::Value;

/// Most characters of names and notes.
pub(super) const MOST_NAME: usize = 200;
/// Most characters of a name pattern.
pub(super) const MOST_PATTERN: usize = 400;
/// Most characters of what stands around a value in automatic names.
const MOST_DECORATION: usize = 20;
/// How entries are named: by the user, by a UUID, from attributes.
pub(super) const NAME_TYPES: [&str; 3] = ["US", "ID", "AT"];

/// What a request says about an entity, read but not yet judged. Absent is "not sent".
#[derive(Debug, Clone, Default)]
pub struct EntityInput {
    /// The name.
    pub name: Option<String>,
    /// The remark.
    pub note: Option<String>,
    /// The expression for entry names.
    pub item_name_pattern: Option<String>,
    /// The way of naming.
    pub item_name_type: Option<String>,
    /// The top-level flag.
    pub is_toplevel: Option<bool>,
    /// Entities that do not count in a deletion chain.
    pub chain_excludes: Option<Vec<i64>>,
    /// The definitions.
    pub attrs: Vec<AttrInput>,
    /// The webhooks; those that are not among them stay.
    pub webhooks: Option<Vec<WebhookInput>>,
    /// The isolation rules; those that are not among them stay.
    pub isolation_rules: Option<Vec<RuleInput>>,
    /// Complaints about the form; with one, nothing is written.
    pub errors: Fields,
}

/// What a request says about one definition.
#[derive(Debug, Clone, Default)]
pub struct AttrInput {
    pub(super) id: Option<i64>,
    pub(super) is_deleted: bool,
    pub(super) name: Option<String>,
    pub(super) attr_type: Option<AttrType>,
    index: Option<i32>,
    is_mandatory: Option<bool>,
    is_delete_in_chain: Option<bool>,
    is_summarized: Option<bool>,
    note: Option<String>,
    referral: Option<Vec<i64>>,
    /// `Some(Null)` clears it.
    default_value: Option<Value>,
    choices: Option<Value>,
    name_order: Option<i32>,
    name_prefix: Option<String>,
    name_postfix: Option<String>,
    display_attr: Option<String>,
    pub(super) errors: Fields,
}

impl EntityInput {
    /// Reads a request body; `creating` says whether a name, and names and types of definitions, must be
    /// there.
    ///
    /// # Errors
    /// The body is no object.
    pub fn read(body: &Value, creating: bool) -> Result<Self, OpError> {
        let mut reader = Reader::new(coerce::object(body)?);
        let read_name = |value: &Value| coerce::name(value, MOST_NAME);
        let name =
            if creating { reader.required("name", read_name) } else { reader.field("name", read_name) };
        let note = reader.field("note", |value| coerce::line(value, MOST_NAME));
        let item_name_pattern = reader.field("item_name_pattern", pattern);
        let item_name_type = reader.field("item_name_type", name_type);
        let is_toplevel = reader.field("is_toplevel", coerce::boolean);
        let chain_excludes = reader.id_list("delete_chain_exclude_entities");
        let attrs = read_attrs(&mut reader, creating);
        let webhooks = WebhookInput::read_all(&mut reader);
        let isolation_rules = RuleInput::read_all(&mut reader);
        let errors = reader.errors;
        Ok(Self {
            name,
            note,
            item_name_pattern,
            item_name_type,
            is_toplevel,
            chain_excludes,
            attrs,
            webhooks,
            isolation_rules,
            errors,
        })
    }
}

/// A name pattern that compiles.
pub(super) fn pattern(value: &Value) -> Result<String, Refusal> {
    let pattern = coerce::line(value, MOST_PATTERN)?;
    check_pattern(&pattern)?;
    Ok(pattern)
}

pub(super) fn check_pattern(pattern: &str) -> Result<(), Refusal> {
    compile_pattern(pattern)
        .map(drop)
        .map_err(|error| (Code::Invalid, format!("no regular expression: {error}")))
}

/// One of [`NAME_TYPES`], letter by letter: whatever else it is, it is none of them.
fn name_type(value: &Value) -> Result<String, Refusal> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    check_name_type(&text)?;
    Ok(text)
}

pub(super) fn check_name_type(text: &str) -> Result<(), Refusal> {
    if NAME_TYPES.contains(&text) {
        return Ok(());
    }
    Err((Code::Other, format!("`{text}` is none of {}", NAME_TYPES.join(", "))))
}

fn read_attrs(reader: &mut Reader<'_>, creating: bool) -> Vec<AttrInput> {
    let list = reader.list("attrs").unwrap_or_default();
    list.iter().map(|element| AttrInput::read(element, creating)).collect()
}

impl AttrInput {
    fn read(element: &Value, creating: bool) -> Self {
        let object = match coerce::element(element) {
            Ok(object) => object,
            Err(errors) => return Self { errors, ..Self::default() },
        };
        let mut reader = Reader::new(object);
        let id = if creating { None } else { reader.field("id", coerce::id) };
        let read_name = |value: &Value| coerce::name(value, MOST_NAME);
        let (name, attr_type) = if creating {
            (reader.required("name", read_name), reader.required("type", attr_type))
        } else {
            (reader.field("name", read_name), reader.field("type", attr_type))
        };
        let flag = |reader: &mut Reader<'_>, field: &str| reader.field(field, coerce::boolean);
        let mut input = Self {
            id,
            is_deleted: flag(&mut reader, "is_deleted").unwrap_or(false),
            name,
            attr_type,
            index: reader.field("index", coerce::small_integer),
            is_mandatory: flag(&mut reader, "is_mandatory"),
            is_delete_in_chain: flag(&mut reader, "is_delete_in_chain"),
            is_summarized: flag(&mut reader, "is_summarized"),
            note: reader.field("note", |value| coerce::line(value, MOST_NAME)),
            referral: reader.field("referral", referral),
            default_value: reader.raw("default_value").cloned(),
            choices: reader.raw("choices").cloned(),
            name_order: reader.field("name_order", coerce::small_integer),
            name_prefix: reader.field("name_prefix", |value| coerce::verbatim(value, MOST_DECORATION)),
            name_postfix: reader.field("name_postfix", |value| coerce::verbatim(value, MOST_DECORATION)),
            display_attr: reader.field("display_attr", |value| coerce::line(value, MOST_NAME)),
            errors: Fields::default(),
        };
        let without_both = input.id.is_none() && (input.name.is_none() || input.attr_type.is_none());
        if !creating && reader.errors.is_empty() && without_both {
            reader.errors = Fields::whole(Code::Required, "an `id`, or a `name` and a `type`");
        }
        input.errors = reader.errors;
        input
    }

    /// The change that this asks for, on top of the present definition if there is one.
    pub(super) fn into_change(self, current: Option<&EntityAttr>) -> EntityAttrChange {
        let mut definition = current.cloned().unwrap_or_default();
        let set = |target: &mut String, value: Option<String>| {
            if let Some(value) = value {
                *target = value;
            }
        };
        set(&mut definition.name, self.name);
        set(&mut definition.note, self.note);
        set(&mut definition.name_prefix, self.name_prefix);
        set(&mut definition.name_postfix, self.name_postfix);
        set(&mut definition.display_attr, self.display_attr);
        definition.attr_type = self.attr_type.unwrap_or(definition.attr_type);
        definition.index = self.index.unwrap_or(definition.index);
        definition.is_mandatory = self.is_mandatory.unwrap_or(definition.is_mandatory);
        definition.is_delete_in_chain = self.is_delete_in_chain.unwrap_or(definition.is_delete_in_chain);
        definition.is_summarized = self.is_summarized.unwrap_or(definition.is_summarized);
        definition.name_order = self.name_order.unwrap_or(definition.name_order);
        definition.referral = self.referral.unwrap_or(definition.referral);
        if let Some(default) = self.default_value {
            definition.default_value = Some(default).filter(|default| !default.is_null());
        }
        if let Some(choices) = self.choices {
            definition.choices = Some(choices).filter(|choices| !choices.is_null());
        }
        let mut change = EntityAttrChange::default();
        change.id = self.id;
        change.is_deleted = self.is_deleted;
        change.definition = definition;
        change
    }
}

/// A type code. One that is no type, or one that this version does not have, is not found.
fn attr_type(value: &Value) -> Result<AttrType, Refusal> {
    let code = coerce::integer(value)?;
    AttrType::from_code(code)
        // Values of 2057 are read and shown, but no definition can be made of it. *Source: spec, entity §2.3.*
        .filter(|attr_type| *attr_type != AttrType::NamedObjectBoolean)
        .filter(|attr_type| crate::services::attribute::value_type(*attr_type).is_some())
        .ok_or_else(|| (Code::NotFound, format!("{code} is no type of attribute that this server has")))
}

/// Ids of entities; the first bad one is the complaint.
fn referral(value: &Value) -> Result<Vec<i64>, Refusal> {
    match value {
        Value::Null => Err((Code::Other, "null is not allowed".into())),
        Value::Array(list) => {
            if list.iter().any(Value::is_null) {
                return Err((Code::Invalid, "null is no id of an entity".into()));
            }
            let mut ids = list.iter().map(coerce::id).collect::<Result<Vec<i64>, Refusal>>()?;
            ids.sort_unstable();
            ids.dedup();
            Ok(ids)
        }
        _ => Err((Code::Invalid, "expected a list of entity ids".into())),
    }
}

impl EntityInput {
    /// What a plugin asks for through the bridge.
    #[must_use]
    pub fn from_plugin(new: NewEntity) -> Self {
        let attrs = new.attrs.into_iter().map(|attr| AttrInput::from_model(None, false, attr)).collect();
        Self {
            name: Some(new.name),
            note: Some(new.note),
            item_name_pattern: Some(new.item_name_pattern),
            is_toplevel: Some(new.is_toplevel),
            attrs,
            ..Self::default()
        }
    }

    /// What a plugin asks to change through the bridge.
    #[must_use]
    pub fn from_plugin_change(change: EntityChange) -> Self {
        let attr =
            |change: EntityAttrChange| AttrInput::from_model(change.id, change.is_deleted, change.definition);
        Self {
            name: change.name,
            note: change.note,
            item_name_pattern: change.item_name_pattern,
            is_toplevel: change.is_toplevel,
            attrs: change.attrs.into_iter().map(attr).collect(),
            ..Self::default()
        }
    }
}

impl AttrInput {
    fn from_model(id: Option<i64>, is_deleted: bool, attr: EntityAttr) -> Self {
        Self {
            id,
            is_deleted,
            name: Some(attr.name),
            attr_type: Some(attr.attr_type),
            index: Some(attr.index),
            is_mandatory: Some(attr.is_mandatory),
            is_delete_in_chain: Some(attr.is_delete_in_chain),
            is_summarized: Some(attr.is_summarized),
            note: Some(attr.note),
            referral: Some(attr.referral),
            default_value: Some(attr.default_value.unwrap_or(Value::Null)),
            choices: Some(attr.choices.unwrap_or(Value::Null)),
            name_order: Some(attr.name_order),
            name_prefix: Some(attr.name_prefix),
            name_postfix: Some(attr.name_postfix),
            display_attr: Some(attr.display_attr),
            errors: Fields::default(),
        }
    }
}
