//! Parameters of paths and queries. A query parameter means the same wherever it has the same name.

use super::words::schema_of;
use serde_json::{Value, json};

/// The parameters that the path has.
pub(super) fn of_path(path: &str, word: &str) -> Vec<Value> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": schema_of(word)}))
        .collect()
}

/// A parameter of the query.
pub(super) fn of_query(name: &str, description: &str) -> Value {
    let mut parameter = json!({"name": name, "in": "query", "description": description});
    if let Value::Object(fields) = &mut parameter {
        // Lists are separated by commas where one parameter has them.
        if name == "entity_ids" {
            fields.insert("style".to_owned(), "form".into());
            fields.insert("explode".to_owned(), false.into());
        }
        fields.insert("schema".to_owned(), schema(name));
    }
    parameter
}

fn schema(name: &str) -> Value {
    match name {
        "limit" => json!({"type": "integer", "minimum": 1, "maximum": 1000, "default": 30}),
        "offset" => json!({"type": "integer", "format": "int64", "minimum": 0, "default": 0}),
        "page" => json!({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "const": "last"}]}),
        "is_toplevel" | "is_active" | "all_users" | "isAll" => schema_of("boolean"),
        "object_id" | "target_id" => schema_of("integer"),
        "entity_ids" => schema_of("[id]"),
        "ids" => json!({"type": "array", "items": schema_of("id"), "minItems": 1}),
        "within_minutes" => json!({"type": "integer", "minimum": 1}),
        "encode" => schema_of("one of utf-8|shift_jis"),
        "state" => schema_of("one of open|recovered"),
        "format" => schema_of("one of json|yaml"),
        _ => schema_of("string"),
    }
}
