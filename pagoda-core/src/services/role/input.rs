//! What a request says about a role. *Source: spec, acl-role §6.2.*

use crate::services::error::OpError;
use crate::wire::Fields;
use crate::wire::coerce::{self, Reader, Refusal};
use pagoda_plugin_sdk::Code;
use serde_json::Value;

/// Most characters of a role's name. *Source: spec, acl-role §6.1.*
pub(super) const MOST_NAME: usize = 200;

/// Ids as they were sent, those that are none with their complaint: the first bad one is answered, and whether an id
/// is known is found out later.
pub(super) type Ids = Vec<Result<i64, Refusal>>;

/// A role as a request wants it.
#[derive(Debug, Clone, Default)]
pub struct RoleInput {
    /// The name, where one was sent that is one.
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) users: Option<Ids>,
    pub(super) groups: Option<Ids>,
    pub(super) admin_users: Option<Ids>,
    pub(super) admin_groups: Option<Ids>,
    /// Complaints about the form.
    pub(super) errors: Fields,
}

impl RoleInput {
    /// Reads a request body.
    ///
    /// # Errors
    /// The body is no object.
    pub fn read(body: &Value) -> Result<Self, OpError> {
        let mut reader = Reader::new(coerce::object(body)?);
        let name = reader.required("name", |value| coerce::name(value, MOST_NAME));
        let description = reader.field("description", |value| coerce::line(value, usize::MAX));
        if reader.field("is_active", coerce::boolean) == Some(false) {
            reader.errors.add("is_active", Code::InvalidValue, "a role is switched off by DELETE");
        }
        Ok(Self {
            name,
            description,
            users: reader.field("users", ids),
            groups: reader.field("groups", ids),
            admin_users: reader.field("admin_users", ids),
            admin_groups: reader.field("admin_groups", ids),
            errors: reader.errors,
        })
    }
}

fn ids(value: &Value) -> Result<Ids, Refusal> {
    match value {
        Value::Array(list) => Ok(list.iter().map(id).collect()),
        Value::Null => Err((Code::Other, "null is not allowed".to_owned())),
        _ => Err((Code::Invalid, "expected a list of ids".to_owned())),
    }
}

fn id(element: &Value) -> Result<i64, Refusal> {
    match element {
        Value::Null => Err((Code::NotFound, "null is no id".to_owned())),
        element => coerce::id(element),
    }
}
