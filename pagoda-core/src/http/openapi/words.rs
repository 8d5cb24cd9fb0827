//! The short words in which schemas are written down, so that a schema reads like a table.
//!
//! `integer`, `number`, `string`, `boolean`, `object`, `array` and `any` are what they are in JSON Schema. `id`,
//! `count`, `int32`, `time`, `email` and `yes` are narrower; `name 200` is a text of so many characters that is not
//! blank, `line 200` one that may be, `name` has no bound; `one of a|b` is one of these texts. A word with a capital is the schema of that
//! name. `[word]` is a list, `word?` may be null.

use serde_json::{Map, Value, json};

/// The schema that a word means.
pub(super) fn schema_of(word: &str) -> Value {
    if let Some(word) = word.strip_suffix('?') {
        return or_null(schema_of(word));
    }
    if let Some(element) = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return json!({"type": "array", "items": schema_of(element)});
    }
    if let Some(texts) = word.strip_prefix("one of ") {
        return json!({"type": "string", "enum": texts.split('|').collect::<Vec<_>>()});
    }
    match word.split_once(' ') {
        Some(("name", most)) => {
            json!({"type": "string", "minLength": 1, "maxLength": number(most), "pattern": "\\S"})
        }
        Some(("line", most)) => json!({"type": "string", "maxLength": number(most)}),
        _ => plain(word),
    }
}

fn plain(word: &str) -> Value {
    match word {
        "any" => json!({}),
        "id" => json!({"type": "integer", "format": "int64", "minimum": 1}),
        "count" => json!({"type": "integer", "format": "int64", "minimum": 0}),
        "integer" => json!({"type": "integer", "format": "int64"}),
        "int32" => {
            json!({"type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX})
        }
        "time" => json!({"type": "string", "format": "date-time"}),
        "name" => json!({"type": "string", "minLength": 1, "pattern": "\\S"}),
        "email" => json!({"type": "string", "format": "email"}),
        "yes" => json!({"type": "boolean", "const": true}),
        word if word.starts_with(char::is_uppercase) => reference(word),
        word => json!({"type": word}),
    }
}

fn number(text: &str) -> u32 {
    text.parse().unwrap_or_default()
}

/// The same, or null.
fn or_null(schema: Value) -> Value {
    match schema {
        Value::Object(mut fields) if fields.get("type").is_some_and(Value::is_string) => {
            let kind = fields.remove("type").unwrap_or_default();
            if let Some(Value::Array(texts)) = fields.get_mut("enum") {
                texts.push(Value::Null);
            }
            fields.insert("type".to_owned(), json!([kind, "null"]));
            Value::Object(fields)
        }
        schema => json!({"anyOf": [schema, {"type": "null"}]}),
    }
}

/// The schema of this name.
pub(super) fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

/// An object with all of these fields.
pub(super) fn object(fields: &[(&str, &str)]) -> Value {
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        fields.iter().map(|(name, word)| ((*name).to_owned(), schema_of(word))).collect();
    json!({"type": "object", "required": required, "properties": properties})
}

/// An object with some of these fields.
pub(super) fn optional(fields: &[(&str, &str)], required: &[&str]) -> Value {
    let mut described = object(fields);
    if let Value::Object(described) = &mut described {
        if required.is_empty() {
            described.remove("required");
        } else {
            described.insert("required".to_owned(), json!(required));
        }
    }
    described
}

/// A list of what has this name.
pub(super) fn list_of(schema: &str) -> Value {
    json!({"type": "array", "items": reference(schema)})
}

/// A page of what has this name. *Source: spec, entity §0.4.*
pub(super) fn page_of(schema: &str) -> Value {
    let link = json!({"type": ["string", "null"], "format": "uri"});
    json!({
        "type": "object",
        "required": ["count", "next", "previous", "results"],
        "properties": {
            "count": schema_of("count"),
            "next": link,
            "previous": link,
            "results": list_of(schema),
        },
    })
}

/// One of these.
pub(super) fn any_of(schemas: &[&str]) -> Value {
    json!({"anyOf": schemas.iter().map(|schema| schema_of(schema)).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::schema_of;
    use serde_json::json;

    #[test]
    fn words_mean_schemas() {
        let id = json!({"type": "integer", "format": "int64", "minimum": 1});
        assert_eq!(schema_of("[id]"), json!({"type": "array", "items": id}));
        assert_eq!(schema_of("id?"), json!({"type": ["integer", "null"], "format": "int64", "minimum": 1}));
        let name = json!({"$ref": "#/components/schemas/Name"});
        assert_eq!(schema_of("Name?"), json!({"anyOf": [name, {"type": "null"}]}));
        assert_eq!(schema_of("[Name]?"), json!({"type": ["array", "null"], "items": name}));
        assert_eq!(schema_of("one of a|b?"), json!({"type": ["string", "null"], "enum": ["a", "b", null]}));
        assert_eq!(schema_of("line 20"), json!({"type": "string", "maxLength": 20}));
        assert_eq!(schema_of("boolean"), json!({"type": "boolean"}));
        assert_eq!(schema_of("any"), json!({}));
    }
}
