//! Attribute values: what may go in, how it is stored, how it comes out. One type, one [`ValueType`].
//!
//! *Source: spec, attribute-types.* A new type is a module with an implementation and a line in
//! [`value_type`]; nothing else in the host asks for a type by name.

mod array_string;
mod choice;
mod moment;
mod named;
mod number;
mod object;
mod party;
mod scalar;
mod shown;

pub use choice::{
    DELETED as DELETED_CHOICE, in_use, judge as judge_choices, labels as choice_labels,
    values as choice_values,
};
pub use party::Parties;
pub use shown::{Found, Shown, ShownObject};

use super::ctx::OpCtx;
use super::error::OpError;
use crate::store::rows::{AttrValueRow, ChildRow, EntityAttrRow, NewAttrValue, ReferredRow};
use crate::wire::coerce;
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::AttrType;
use serde_json::Value;

/// A value in stored form: the columns of its row, and rows for the elements of an array.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Content {
    /// Text, number as decimal text, name, or the id of a group or role as decimal text.
    pub text: String,
    /// A flag.
    pub flag: bool,
    /// Id of the entry that is referred to.
    pub reference: Option<i64>,
    /// Elements of an array, in order.
    pub elements: Vec<Content>,
}

impl Content {
    /// What is in a row and in those of its elements.
    #[must_use]
    pub fn of(row: &AttrValueRow, children: &[ChildRow]) -> Self {
        Self {
            text: row.text_value.clone(),
            flag: row.bool_value,
            reference: row.ref_id,
            elements: children.iter().map(|child| Self::of(&child.value, &[])).collect(),
        }
    }
}

/// A stored value with what it refers to.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// Its row.
    pub row: &'a AttrValueRow,
    /// The entry it refers to, in any state.
    pub referred: Option<&'a ReferredRow>,
    /// The elements, in order.
    pub children: &'a [ChildRow],
    /// The groups and roles that it and its elements refer to.
    pub parties: &'a Parties,
}

/// A list out of what each element is; what is none is left out.
fn list_of(stored: &Stored<'_>, element: impl Fn(&ChildRow) -> Option<Value>) -> Value {
    Value::Array(stored.children.iter().filter_map(element).collect())
}

/// A text, or nothing where it is empty.
fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { Value::from(text) }
}

impl Stored<'_> {
    /// In the form in which values are compared and written.
    #[must_use]
    pub fn content(&self) -> Content {
        Content::of(self.row, self.children)
    }
}

/// Where a value is shown: the surfaces differ in small things. *Source: spec, attribute-types §5.1.*
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// The detail of an entry.
    Detail,
    /// Its history.
    History,
    /// The results of searches, which [`Shown`] has a form of its own for. *Source: spec, search §4.6.*
    Search,
}

/// Why a value is refused: an operation that cannot go on, or a complaint.
#[derive(Debug)]
pub enum ValueError {
    /// The value itself.
    Refused(Code, String),
    /// Something else.
    Op(OpError),
}

impl ValueError {
    fn invalid(message: impl Into<String>) -> Self {
        Self::Refused(Code::Invalid, message.into())
    }
}

impl From<OpError> for ValueError {
    fn from(error: OpError) -> Self {
        Self::Op(error)
    }
}

impl From<crate::store::StoreError> for ValueError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Op(error.into())
    }
}

/// What the host must know about a type of attribute.
pub trait ValueType: Sync {
    /// Reads the input form of a value for the definition.
    ///
    /// # Errors
    /// The complaint.
    fn read(&self, op: &mut OpCtx, attr: &EntityAttrRow, input: &Value) -> Result<Content, ValueError>;

    /// Whether there is nothing in it.
    fn is_blank(&self, content: &Content) -> bool;

    /// Whether it is enough for a mandatory attribute. *Source: spec, attribute-types §4.*
    fn is_enough(&self, content: &Content) -> bool {
        !self.is_blank(content)
    }

    /// Whether writing `new` over `old` changes anything. *Source: spec, attribute-types §7.1.*
    fn differs(&self, old: &Content, new: &Content) -> bool;

    /// The output form of a stored value of the definition.
    fn show(&self, attr: &EntityAttrRow, stored: &Stored<'_>, on: Surface) -> Shown;

    /// The output form where there is no value, or none that may be seen.
    fn show_blank(&self) -> Shown;

    /// What a new entry gets when the request gives nothing; absent when no row is to be written.
    /// *Source: spec, attribute-types §6.*
    fn initial(&self, _default: Option<&Value>) -> Option<Content> {
        None
    }

    /// How a request sends the blank value.
    fn blank_input(&self) -> Value {
        if self.is_array() { Value::Array(Vec::new()) } else { Value::Null }
    }

    /// How a request would send a stored value; references to what was deleted are left out. Reading it gives the content
    /// again, so values are copied and brought back the way in which they come in.
    fn input(&self, stored: &Stored<'_>) -> Value;

    /// Whether a JSON value may be the default of a definition.
    fn accepts_default(&self, _default: &Value) -> bool {
        false
    }

    /// Whether a definition may have a default at all; others have theirs silently dropped.
    fn has_defaults(&self) -> bool {
        false
    }

    /// Whether values are lists with rows of their own for the elements.
    fn is_array(&self) -> bool {
        false
    }

    /// Whether values refer to groups or roles.
    fn names_parties(&self) -> bool {
        false
    }

    /// Its part in automatic names; absent for types that have none, `Some("")` for an empty one.
    fn in_names(&self, _stored: &Stored<'_>) -> Option<String> {
        None
    }
}

/// The type of an attribute, if this version has it.
#[must_use]
pub fn value_type(attr_type: AttrType) -> Option<&'static dyn ValueType> {
    Some(match attr_type {
        AttrType::String | AttrType::Text => &scalar::Text,
        AttrType::Boolean => &scalar::Boolean,
        AttrType::Number => &number::Number,
        AttrType::ArrayNumber => &number::ArrayNumber,
        AttrType::Date => &moment::Date,
        AttrType::Datetime => &moment::Datetime,
        AttrType::Object => &object::Object,
        AttrType::ArrayObject => &object::ArrayObject,
        AttrType::ArrayString => &array_string::ArrayString,
        AttrType::Select => &choice::Select,
        AttrType::MultiSelect => &choice::MultiSelect,
        AttrType::NamedObject => &named::Named { with_flag: false },
        AttrType::NamedObjectBoolean => &named::Named { with_flag: true },
        AttrType::ArrayNamedObject => &named::ArrayNamed { with_flag: false },
        AttrType::ArrayNamedObjectBoolean => &named::ArrayNamed { with_flag: true },
        AttrType::Group => &party::OneParty(party::Party::Group),
        AttrType::Role => &party::OneParty(party::Party::Role),
        AttrType::ArrayGroup => &party::ArrayParty(party::Party::Group),
        AttrType::ArrayRole => &party::ArrayParty(party::Party::Role),
        _ => return None,
    })
}

/// Whether definitions of the type have choices.
#[must_use]
pub fn has_choices(attr_type: AttrType) -> bool {
    matches!(attr_type, AttrType::Select | AttrType::MultiSelect)
}

/// The type of a stored definition.
///
/// # Errors
/// The database holds a type that this version does not have.
pub fn type_of(attr: &EntityAttrRow) -> Result<(AttrType, &'static dyn ValueType), OpError> {
    AttrType::from_code(i64::from(attr.attr_type))
        .and_then(|attr_type| Some((attr_type, value_type(attr_type)?)))
        .ok_or_else(|| {
            OpError::Internal(anyhow::anyhow!(
                "attribute definition {} has type {}, which this version does not have",
                attr.id,
                attr.attr_type
            ))
        })
}

/// Most bytes of one text. *Source: spec, attribute-types §2.*
pub const MOST_BYTES: usize = 65_536;

fn bounded(text: &str) -> Result<&str, ValueError> {
    if text.len() > MOST_BYTES {
        let message = format!("at most {MOST_BYTES} bytes, not {}", text.len());
        return Err(ValueError::Refused(Code::LimitExceeded, message));
    }
    coerce::check_storable(text).map_err(|(code, message)| ValueError::Refused(code, message))?;
    Ok(text)
}

/// The rows of a value: the value itself; its elements follow once it has an id.
#[must_use]
pub fn row_of(
    attribute_id: i64,
    attr_type: i32,
    content: &Content,
    author: Option<i64>,
    now: i64,
    previous: Option<i64>,
) -> NewAttrValue {
    NewAttrValue {
        attribute_id,
        parent_id: None,
        position: 0,
        attr_type,
        is_latest: true,
        text_value: content.text.clone(),
        bool_value: content.flag,
        ref_id: content.reference,
        created_user_id: author,
        created_time: now,
        prev_id: previous,
    }
}

/// The rows of a value's elements.
pub fn element_rows<'a>(
    parent_id: i64,
    parent: &'a NewAttrValue,
    content: &'a Content,
) -> impl Iterator<Item = NewAttrValue> + 'a {
    content.elements.iter().enumerate().map(move |(position, element)| NewAttrValue {
        parent_id: Some(parent_id),
        position: i32::try_from(position).unwrap_or(i32::MAX),
        is_latest: false,
        text_value: element.text.clone(),
        bool_value: element.flag,
        ref_id: element.reference,
        prev_id: None,
        ..parent.clone()
    })
}
