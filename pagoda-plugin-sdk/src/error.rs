//! What goes wrong: a plugin's decision ([`Reject`]) and a plugin's failure (a fault) are different things.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::ser::SerializeMap;
use std::borrow::Cow;
use std::fmt;

/// The stable codes of the wire's error envelope. *Source: spec, error envelope and code translation.*
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// `AE-000000`: not authenticated, or the credentials do not hold.
    Unauthenticated,
    /// `AE-113000`: something required is missing.
    Required,
    /// `AE-121000`: wrong type or malformed.
    Invalid,
    /// `AE-122000`: above a limit.
    LimitExceeded,
    /// `AE-123000`: a list that must not be empty is empty.
    Empty,
    /// `AE-130000`: unsupported media type.
    UnsupportedMediaType,
    /// `AE-140000`: the body cannot be parsed.
    Unparsable,
    /// `AE-210000`: permission denied.
    Denied,
    /// `AE-220000`: duplicated object.
    Duplicate,
    /// `AE-230000`: not found.
    NotFound,
    /// `AE-240000`: an entity still has entries.
    NotEmpty,
    /// `AE-250000`: invalid value.
    InvalidValue,
    /// `AE-270000`: a job is not finished.
    NotFinished,
    /// `AE-280000`: a job left no result.
    NoResult,
    /// `AE-999999`: everything else.
    Other,
}

impl Code {
    /// The code as the wire shows it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "AE-000000",
            Self::Required => "AE-113000",
            Self::Invalid => "AE-121000",
            Self::LimitExceeded => "AE-122000",
            Self::Empty => "AE-123000",
            Self::UnsupportedMediaType => "AE-130000",
            Self::Unparsable => "AE-140000",
            Self::Denied => "AE-210000",
            Self::Duplicate => "AE-220000",
            Self::NotFound => "AE-230000",
            Self::NotEmpty => "AE-240000",
            Self::InvalidValue => "AE-250000",
            Self::NotFinished => "AE-270000",
            Self::NoResult => "AE-280000",
            Self::Other => "AE-999999",
        }
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What is wrong. Codes are stable, messages are not.",
            "type": "string",
            "pattern": "^AE-[0-9]{6}$",
        })
    }
}

/// One leaf of the error envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ErrorLeaf {
    /// For people; not part of any contract.
    pub message: Cow<'static, str>,
    /// For programs.
    pub code: Code,
}

impl ErrorLeaf {
    /// A leaf with this code and sentence.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), code }
    }
}

/// A decision of a plugin against an operation: HTTP 400 with field errors in the wire's envelope.
///
/// ```
/// use pagoda_plugin_sdk::{Code, Reject};
/// let reject = Reject::field("name", "names of racks start with `rack-`").with_code(Code::InvalidValue);
/// assert_eq!(
///     serde_json::to_string(&reject).unwrap(),
///     r#"{"name":[{"message":"names of racks start with `rack-`","code":"AE-250000"}]}"#,
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    errors: Vec<(Cow<'static, str>, ErrorLeaf)>,
}

/// The key of errors that belong to no single field.
pub const NON_FIELD: &str = "non_field_errors";

impl Reject {
    /// Refuses the operation as a whole; the sentence stands under `non_field_errors` with `AE-121000`.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self::field(NON_FIELD, message)
    }

    /// Refuses the operation because of one field, with `AE-121000`.
    pub fn field(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { errors: vec![(field.into(), ErrorLeaf::new(Code::Invalid, message))] }
    }

    /// Adds an error of a further field.
    #[must_use]
    pub fn and(mut self, field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        self.errors.push((field.into(), ErrorLeaf::new(Code::Invalid, message)));
        self
    }

    /// Changes the code of the error added last.
    #[must_use]
    pub fn with_code(mut self, code: Code) -> Self {
        if let Some((_, leaf)) = self.errors.last_mut() {
            leaf.code = code;
        }
        self
    }

    /// The errors, field by field.
    pub fn errors(&self) -> impl Iterator<Item = (&str, &ErrorLeaf)> {
        self.errors.iter().map(|(field, leaf)| (field.as_ref(), leaf))
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (field, leaf)) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            if field == NON_FIELD {
                write!(f, "{separator}{}", leaf.message)?;
            } else {
                write!(f, "{separator}{field}: {}", leaf.message)?;
            }
        }
        Ok(())
    }
}

impl Serialize for Reject {
    /// The wire form: `{"field": [{"message", "code"}, …], …}`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields: Vec<(&str, Vec<&ErrorLeaf>)> = Vec::new();
        for (field, leaf) in self.errors() {
            match fields.iter_mut().find(|(name, _)| *name == field) {
                Some((_, leaves)) => leaves.push(leaf),
                None => fields.push((field, vec![leaf])),
            }
        }
        let mut map = serializer.serialize_map(Some(fields.len()))?;
        for (field, leaves) in fields {
            map.serialize_entry(field, &leaves)?;
        }
        map.end()
    }
}

impl JsonSchema for Reject {
    fn schema_name() -> Cow<'static, str> {
        "Reject".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Complaints by field",
            "type": "object",
            "additionalProperties": generator.subschema_for::<Vec<ErrorLeaf>>(),
        })
    }
}

/// What a hook handler returns.
pub type HookResult = Result<(), HookError>;

/// Why a hook handler did not return `Ok`.
///
/// `?` turns a [`Reject`] into the decision it is and every other error into a fault, so that a handler
/// cannot choose a status by accident.
#[derive(Debug)]
pub enum HookError {
    /// A decision; refuses the operation on Transform and Check points. On Observe and Filter points there
    /// is nothing left to refuse, and it counts as a fault.
    Reject(Reject),
    /// A failure; isolated from the operation unless the registration says `on_fault = "reject"`.
    Fault(anyhow::Error),
}

impl From<Reject> for HookError {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}

impl<E: Into<anyhow::Error>> From<E> for HookError {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}
