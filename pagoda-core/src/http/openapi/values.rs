//! Values of attributes, as they are read and sent. *Source: spec, attribute-types §2 and §5.*

use super::words::{any_of, object, optional};
use serde_json::{Value, json};

/// The keys of values, and what is below them.
const SHOWN: [(&str, &str, &str); 15] = [
    ("StringValue", "as_string", "string"),
    ("NumberValue", "as_number", "number?"),
    ("BooleanValue", "as_boolean", "boolean"),
    ("ObjectValue", "as_object", "EntryRef?"),
    ("GroupValue", "as_group", "NamedId?"),
    ("RoleValue", "as_role", "NamedId?"),
    ("NamedObjectValue", "as_named_object", "NamedObject"),
    ("SelectValue", "as_select", "Choice?"),
    ("ArrayStringValue", "as_array_string", "[string]"),
    ("ArrayNumberValue", "as_array_number", "[number?]"),
    ("ArrayObjectValue", "as_array_object", "[EntryRef?]"),
    ("ArrayGroupValue", "as_array_group", "[NamedId?]"),
    ("ArrayRoleValue", "as_array_role", "[NamedId?]"),
    ("ArrayNamedObjectValue", "as_array_named_object", "[NamedObject]"),
    ("MultiSelectValue", "as_multi_select", "[Choice]"),
];

pub(super) fn schemas() -> Value {
    let mut schemas = json!({
        "EntryRef": optional(
            &[("id", "id"), ("name", "string"), ("schema", "NamedId"), ("display_label", "string")],
            &["id", "name", "schema"],
        ),
        "NamedObject": optional(
            &[("name", "string"), ("object", "EntryRef?"), ("boolean", "boolean")],
            &["name", "object"],
        ),
        "AttrValueWrite": {
            "type": "object",
            "required": ["id", "value"],
            "properties": {
                "id": {"description": "Of the definition", "type": "integer", "format": "int64", "minimum": 1},
                "value": {"$ref": "#/components/schemas/ValueWrite"},
            },
        },
        "ValueWrite": {
            "description": "What the type of the definition takes: a string, a number, a flag, the id of an entry, a group \
                            or a role, a choice, a name with an id, or a list of these; null or blank clears",
            "anyOf": [
                {"type": ["string", "number", "boolean", "null"]},
                {"$ref": "#/components/schemas/NamedObjectWrite"},
                {"type": "array", "items": {"anyOf": [
                    {"type": ["string", "number", "null"]},
                    {"$ref": "#/components/schemas/NamedObjectWrite"},
                ]}},
            ],
        },
        "NamedObjectWrite": {
            "type": "object",
            "required": ["name", "id"],
            "properties": {
                "name": {"type": "string"},
                "id": {"type": ["integer", "string", "null"]},
                "boolean": {"type": "boolean"},
            },
        },
    });
    let names: Vec<&str> = SHOWN.iter().map(|(name, _, _)| *name).collect();
    if let Value::Object(schemas) = &mut schemas {
        for (name, key, word) in SHOWN {
            let mut value = object(&[(key, word)]);
            if let Value::Object(value) = &mut value {
                // A value has exactly one key, and which one it is says what it is.
                value.insert("additionalProperties".to_owned(), false.into());
            }
            schemas.insert(name.to_owned(), value);
        }
        schemas.insert("AttrValue".to_owned(), any_of(&names));
    }
    schemas
}
