//! Values as answers show them. *Source: spec, attribute-types §5.*

use super::party::ShownParty;
use crate::store::rows::ReferredRow;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A value: an object with one key.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// `as_string`
    Text(String),
    /// `as_number`
    Number(Option<serde_json::Number>),
    /// `as_boolean`
    Boolean(bool),
    /// `as_object`
    Object(Option<ShownObject>),
    /// `as_group`
    Group(Option<ShownParty>),
    /// `as_role`
    Role(Option<ShownParty>),
    /// `as_array_group`
    Groups(Vec<Option<ShownParty>>),
    /// `as_array_role`
    Roles(Vec<Option<ShownParty>>),
    /// `as_named_object`
    Named(ShownNamed),
    /// `as_select`
    Choice(Option<ShownChoice>),
    /// `as_array_string`
    Strings(Vec<String>),
    /// `as_array_number`
    Numbers(Vec<Option<serde_json::Number>>),
    /// `as_array_object`
    Objects(Vec<Option<ShownObject>>),
    /// `as_array_named_object`
    NamedList(Vec<ShownNamed>),
    /// `as_multi_select`
    Choices(Vec<ShownChoice>),
}

/// A referred entry.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownObject {
    pub(crate) id: i64,
    name: String,
    schema: ShownSchema,
    /// The text of the attribute that the definition's `display_attr` names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) display_label: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ShownSchema {
    id: i64,
    name: String,
}

/// A reference with a name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownNamed {
    pub(super) name: String,
    pub(super) object: Option<ShownObject>,
    /// Only of types that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) boolean: Option<bool>,
}

/// A choice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownChoice {
    pub(super) value: String,
    pub(super) label: String,
}

impl ShownObject {
    /// The entry, unless it was deleted.
    pub(super) fn of(referred: Option<&ReferredRow>) -> Option<Self> {
        let referred = referred.filter(|referred| referred.is_active)?;
        let schema = ShownSchema { id: referred.entity_id, name: referred.entity_name.clone() };
        Some(Self { id: referred.id, name: referred.name.clone(), schema, display_label: None })
    }
}

impl Shown {
    /// Ids of the referred entries in it, in order.
    #[must_use]
    pub fn objects(&self) -> Vec<i64> {
        let ids = |object: &ShownObject| object.id;
        match self {
            Self::Object(object) => object.iter().map(ids).collect(),
            Self::Objects(objects) => objects.iter().flatten().map(ids).collect(),
            Self::Named(named) => named.object.iter().map(ids).collect(),
            Self::NamedList(list) => list.iter().filter_map(|named| named.object.as_ref()).map(ids).collect(),
            _ => Vec::new(),
        }
    }

    /// The referred entries in it, to be labelled.
    pub fn objects_mut(&mut self) -> Vec<&mut ShownObject> {
        match self {
            Self::Object(object) => object.iter_mut().collect(),
            Self::Objects(objects) => objects.iter_mut().flatten().collect(),
            Self::Named(named) => named.object.iter_mut().collect(),
            Self::NamedList(list) => list.iter_mut().filter_map(|named| named.object.as_mut()).collect(),
            _ => Vec::new(),
        }
    }

    fn key(&self) -> &'static str {
        match self {
            Self::Text(_) => "as_string",
            Self::Number(_) => "as_number",
            Self::Boolean(_) => "as_boolean",
            Self::Object(_) => "as_object",
            Self::Group(_) => "as_group",
            Self::Role(_) => "as_role",
            Self::Groups(_) => "as_array_group",
            Self::Roles(_) => "as_array_role",
            Self::Named(_) => "as_named_object",
            Self::Choice(_) => "as_select",
            Self::Strings(_) => "as_array_string",
            Self::Numbers(_) => "as_array_number",
            Self::Objects(_) => "as_array_object",
            Self::NamedList(_) => "as_array_named_object",
            Self::Choices(_) => "as_multi_select",
        }
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries(serializer.serialize_map(Some(1))?)
    }
}

impl Shown {
    /// The one entry, and the end.
    fn entries<M: SerializeMap>(&self, mut map: M) -> Result<M::Ok, M::Error> {
        let key = self.key();
        match self {
            Self::Text(text) => map.serialize_entry(key, text)?,
            Self::Number(number) => map.serialize_entry(key, number)?,
            Self::Boolean(flag) => map.serialize_entry(key, flag)?,
            Self::Object(object) => map.serialize_entry(key, object)?,
            Self::Group(party) | Self::Role(party) => map.serialize_entry(key, party)?,
            Self::Groups(parties) | Self::Roles(parties) => map.serialize_entry(key, parties)?,
            Self::Named(named) => map.serialize_entry(key, named)?,
            Self::Choice(choice) => map.serialize_entry(key, choice)?,
            Self::Strings(strings) => map.serialize_entry(key, strings)?,
            Self::Numbers(numbers) => map.serialize_entry(key, numbers)?,
            Self::Objects(objects) => map.serialize_entry(key, objects)?,
            Self::NamedList(list) => map.serialize_entry(key, list)?,
            Self::Choices(choices) => map.serialize_entry(key, choices)?,
        }
        map.end()
    }
}

/// A value as the results of searches show it: other than in a detail, an entry is an id and a name, what is blank keeps
/// its keys, and blank elements are left out. *Source: spec, search §4.6.*
#[derive(Debug)]
pub struct Found<'a>(pub &'a Shown);

/// An entry, a group or a role; both are empty texts where there is none.
#[derive(Serialize)]
struct Target<'a> {
    id: Id,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    boolean: Option<bool>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Id {
    Of(i64),
    Nothing(&'static str),
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    object: Target<'a>,
}

impl<'a> Target<'a> {
    fn of(target: Option<(i64, &'a str)>) -> Self {
        match target {
            Some((id, name)) => Self { id: Id::Of(id), name, boolean: None },
            None => Self { id: Id::Nothing(""), name: "", boolean: None },
        }
    }

    fn object(object: Option<&'a ShownObject>) -> Self {
        Self::of(object.map(|object| (object.id, object.name.as_str())))
    }

    fn party(party: Option<&'a ShownParty>) -> Self {
        Self::of(party.map(|party| (party.id, party.name.as_str())))
    }
}

impl<'a> Named<'a> {
    fn of(named: &'a ShownNamed) -> Self {
        let object = Target { boolean: named.boolean, ..Target::object(named.object.as_ref()) };
        Self { name: &named.name, object }
    }
}

fn parties(parties: &[Option<ShownParty>]) -> Vec<Target<'_>> {
    parties.iter().flatten().map(|party| Target::party(Some(party))).collect()
}

impl Serialize for Found<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(shown) = self;
        let mut map = serializer.serialize_map(Some(1))?;
        let key = shown.key();
        match shown {
            Shown::Object(object) => map.serialize_entry(key, &Target::object(object.as_ref()))?,
            Shown::Group(party) | Shown::Role(party) => {
                map.serialize_entry(key, &Target::party(party.as_ref()))?;
            }
            Shown::Groups(list) | Shown::Roles(list) => map.serialize_entry(key, &parties(list))?,
            Shown::Named(named) => map.serialize_entry(key, &Named::of(named))?,
            Shown::Numbers(numbers) => {
                map.serialize_entry(key, &numbers.iter().flatten().collect::<Vec<_>>())?;
            }
            Shown::Objects(objects) => {
                let objects: Vec<_> =
                    objects.iter().flatten().map(|object| Target::object(Some(object))).collect();
                map.serialize_entry(key, &objects)?;
            }
            Shown::NamedList(list) => {
                map.serialize_entry(key, &list.iter().map(Named::of).collect::<Vec<_>>())?;
            }
            Shown::Text(_)
            | Shown::Number(_)
            | Shown::Boolean(_)
            | Shown::Choice(_)
            | Shown::Strings(_)
            | Shown::Choices(_) => return shown.entries(map),
        }
        map.end()
    }
}
