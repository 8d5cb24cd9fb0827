//! What the host tells a plugin about its objects: plain values without behaviour.
//!
//! *Source of names and codes: spec, data model and attribute types.*

use crate::time::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;

/// The type of an attribute, with its wire code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(i32)]
pub enum AttrType {
    /// A reference to an entry (1).
    Object = 1,
    /// One line of text (2).
    String = 2,
    /// Text of many lines (4).
    Text = 4,
    /// True or false (8).
    Boolean = 8,
    /// A reference to a group (16).
    Group = 16,
    /// A day (32).
    Date = 32,
    /// A reference to a role (64).
    Role = 64,
    /// A point in time (128).
    Datetime = 128,
    /// A number (256).
    Number = 256,
    /// One of a list of choices (512).
    Select = 512,
    /// References to entries (1025).
    ArrayObject = 1025,
    /// Strings (1026).
    ArrayString = 1026,
    /// References to groups (1040).
    ArrayGroup = 1040,
    /// References to roles (1088).
    ArrayRole = 1088,
    /// Numbers (1280).
    ArrayNumber = 1280,
    /// Several of a list of choices (1536).
    MultiSelect = 1536,
    /// A reference with a name (2049).
    NamedObject = 2049,
    /// A reference with a name and a flag (2057).
    NamedObjectBoolean = 2057,
    /// References with names (3073).
    ArrayNamedObject = 3073,
    /// References with names and flags (3081).
    ArrayNamedObjectBoolean = 3081,
}

impl AttrType {
    /// All types.
    pub const ALL: [Self; 20] = [
        Self::Object,
        Self::String,
        Self::Text,
        Self::Boolean,
        Self::Group,
        Self::Date,
        Self::Role,
        Self::Datetime,
        Self::Number,
        Self::Select,
        Self::ArrayObject,
        Self::ArrayString,
        Self::ArrayGroup,
        Self::ArrayRole,
        Self::ArrayNumber,
        Self::MultiSelect,
        Self::NamedObject,
        Self::NamedObjectBoolean,
        Self::ArrayNamedObject,
        Self::ArrayNamedObjectBoolean,
    ];

    /// The wire code.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The type of a wire code.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| i64::from(kind.code()) == code)
    }

    /// Whether values refer to entries: types 1, 1025, 2049, 2057, 3073 and 3081.
    #[must_use]
    pub const fn refers_to_entries(self) -> bool {
        self.code() & 1 != 0
    }
}

impl Serialize for AttrType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(self.code())
    }
}

impl JsonSchema for AttrType {
    fn schema_name() -> Cow<'static, str> {
        "AttrType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The type of an attribute",
            "type": "integer",
            "enum": Self::ALL.map(Self::code),
        })
    }
}

/// Access levels. *Source: spec, permission model.*
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
#[repr(i32)]
pub enum Level {
    /// 1
    #[default]
    Nothing = 1,
    /// 2
    Readable = 2,
    /// 4
    Writable = 4,
    /// 8
    Full = 8,
}

impl Level {
    /// The wire value: 1, 2, 4 or 8.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The level of this wire value; any other number is none.
    #[must_use]
    pub const fn from_code(code: i64) -> Option<Self> {
        match code {
            1 => Some(Self::Nothing),
            2 => Some(Self::Readable),
            4 => Some(Self::Writable),
            8 => Some(Self::Full),
            _ => None,
        }
    }
}

/// What kind of object a permission is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectKind {
    /// A schema.
    Entity,
    /// An attribute definition.
    EntityAttr,
    /// An entry.
    Entry,
    /// An attribute of an entry.
    Attribute,
    /// A category, which puts entities together.
    Category,
}

/// Any object with access rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRef {
    /// What it is.
    pub kind: ObjectKind,
    /// Its id; all kinds share one id space.
    pub id: i64,
    /// Its name; of an attribute, that of its definition.
    pub name: String,
}

/// An entity, as others mention it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct EntityRef {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
}

/// An entry, as others mention it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct EntryRef {
    /// Its id; 0 before it is stored.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its entity.
    pub entity: EntityRef,
}

/// An attribute definition, as others mention it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AttrRef {
    /// Id of the definition, the one that write requests use.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub attr_type: AttrType,
}

impl Default for AttrRef {
    fn default() -> Self {
        Self { id: 0, name: String::new(), attr_type: AttrType::String }
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct User {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub username: String,
    /// Its address; may be empty.
    pub email: String,
    /// Passes every permission check.
    pub is_superuser: bool,
    /// Can never do more than read, unless it is a superuser.
    pub is_readonly: bool,
    /// When the account was made.
    pub date_joined: Timestamp,
}

/// An entity with its attribute definitions.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Entity {
    /// Its id.
    pub id: i64,
    /// Its name, unique among active entities.
    pub name: String,
    /// A remark.
    pub note: String,
    /// Regular expression that entry names match at their start; empty matches all.
    pub item_name_pattern: String,
    /// How entries are named: `US` by the user, `ID` by a UUID, `AT` from attributes.
    pub item_name_type: String,
    /// Whether it is shown at the top level.
    pub is_toplevel: bool,
    /// False once it is deleted.
    pub is_active: bool,
    /// Who created it; absent when that was the server, or the account is gone.
    pub created_user: Option<String>,
    /// When it was created.
    pub created_time: Timestamp,
    /// Entities whose entries do not keep entries of this one alive in a deletion chain.
    pub delete_chain_exclude_entities: Vec<i64>,
    /// Its active definitions, in display order; filled by [`crate::bridge::DataBridge::entity`], empty in lists.
    pub attrs: Vec<EntityAttr>,
}

impl Entity {
    /// The short form.
    #[must_use]
    pub fn to_ref(&self) -> EntityRef {
        EntityRef { id: self.id, name: self.name.clone() }
    }
}

/// An attribute definition.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EntityAttr {
    /// Its id; 0 before it is stored.
    pub id: i64,
    /// Its name, unique among the active definitions of the entity.
    pub name: String,
    /// Its type, which never changes.
    pub attr_type: AttrType,
    /// Display order, ascending.
    pub index: i32,
    /// Whether entries must have a value.
    pub is_mandatory: bool,
    /// Whether deleting an entry deletes what it alone refers to through this attribute.
    pub is_delete_in_chain: bool,
    /// Whether it is part of summaries.
    pub is_summarized: bool,
    /// A remark.
    pub note: String,
    /// Entities whose entries may be referred to.
    pub referral: Vec<i64>,
    /// Value of new entries that give none.
    pub default_value: Option<Value>,
    /// What select attributes may be: a list of `{"value", "label"}`.
    pub choices: Option<Value>,
    /// Place in automatic names; 0 is none.
    pub name_order: i32,
    /// Text before the value in automatic names.
    pub name_prefix: String,
    /// Text after the value in automatic names.
    pub name_postfix: String,
    /// Name of the attribute of a referred entry that is shown beside its name.
    pub display_attr: String,
}

impl Default for EntityAttr {
    fn default() -> Self {
        Self {
            id: 0,
            name: String::new(),
            attr_type: AttrType::String,
            index: 0,
            is_mandatory: false,
            is_delete_in_chain: false,
            is_summarized: false,
            note: String::new(),
            referral: Vec::new(),
            default_value: None,
            choices: None,
            name_order: 0,
            name_prefix: String::new(),
            name_postfix: String::new(),
            display_attr: String::new(),
        }
    }
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Entry {
    /// Its id.
    pub id: i64,
    /// Its name, unique among the active entries of its entity.
    pub name: String,
    /// Its entity.
    pub entity: EntityRef,
    /// False once it is deleted.
    pub is_active: bool,
    /// Who created it; absent when that was the server, or the account is gone.
    pub created_user: Option<String>,
    /// When it was created.
    pub created_time: Timestamp,
    /// When its row was saved last: creation, rename, deletion, restoration.
    pub updated_time: Timestamp,
    /// Its values in display order, in the wire's detail form; filled by [`crate::bridge::DataBridge::entry`],
    /// empty in lists.
    pub attrs: Vec<Value>,
}

/// A value for an attribute, as write requests carry it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AttrInput {
    /// Id of the attribute definition.
    pub id: i64,
    /// The value in the wire's input form.
    pub value: Value,
}

/// One version of an attribute value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ValueVersion {
    /// Id of the version.
    pub id: i64,
    /// The attribute definition.
    pub attr: AttrRef,
    /// The value in the wire's detail form, such as `{"as_string": "3F"}`.
    pub value: Value,
    /// Who wrote it.
    pub created_user: Option<String>,
    /// When it was written.
    pub created_time: Timestamp,
}

impl Default for ValueVersion {
    fn default() -> Self {
        Self {
            id: 0,
            attr: AttrRef::default(),
            value: Value::Null,
            created_user: None,
            created_time: Timestamp::default(),
        }
    }
}
