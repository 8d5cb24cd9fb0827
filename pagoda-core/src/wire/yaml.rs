//! Lists in YAML, as imports read and exports write them. *Source: spec, auth-user §1.6.*

use super::Fields;
use pagoda_plugin_sdk::Code;
use serde_json::{Map, Value};

/// Reads a document as JSON.
///
/// # Errors
/// Why it is no YAML, or none that JSON could say.
pub fn parse(bytes: &[u8]) -> Result<Value, String> {
    serde_saphyr::from_slice(bytes).map_err(|error| error.to_string())
}

/// Writes rows: blocks, keys in alphabetical order.
///
/// # Errors
/// They cannot be written.
pub fn write(rows: Vec<Value>) -> Result<String, String> {
    let sorted: Vec<Value> = rows.into_iter().map(sorted).collect();
    serde_saphyr::to_string(&sorted).map_err(|error| error.to_string())
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
            fields.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(fields.into_iter().map(|(key, value)| (key, sorted(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// Reads the rows of a body. Complaints are one element per row, `{}` for good ones.
///
/// # Errors
/// The body of the answer: it is no list, or rows are not what they should be.
pub fn rows<T>(body: &Value, read: impl Fn(&Value) -> Result<T, Fields>) -> Result<Vec<T>, Value> {
    let list = match body {
        Value::Array(list) => list,
        Value::Null => return Err(Fields::whole(Code::Other, "expected a list, not null").to_json()),
        _ => return Err(Fields::whole(Code::Invalid, "expected a list").to_json()),
    };
    let (mut rows, mut complaints) = (Vec::with_capacity(list.len()), Vec::with_capacity(list.len()));
    for element in list {
        match read(element) {
            Ok(row) => {
                rows.push(row);
                complaints.push(Value::Object(Map::new()));
            }
            Err(errors) => complaints.push(errors.to_json()),
        }
    }
    if rows.len() == list.len() { Ok(rows) } else { Err(Value::Array(complaints)) }
}

#[cfg(test)]
mod tests {
    use super::{parse, write};
    use serde_json::json;

    #[test]
    fn blocks_with_sorted_keys_and_lists_below_their_key() {
        let rows = vec![
            json!({"name": "é: x", "id": 2, "users": ["a", "b"], "empty": [], "none": null, "text": ""}),
            json!({"permissions": [{"permission": "full", "obj_id": 3}]}),
        ];
        let text = write(rows.clone()).unwrap();
        let expected = "\
- empty: []
  id: 2
  name: 'é: x'
  none: null
  text: ''
  users:
  - a
  - b
- permissions:
  - obj_id: 3
    permission: full
";
        assert_eq!(text.replace('"', "'"), expected);
        assert_eq!(parse(text.as_bytes()).unwrap(), json!(rows));
        assert_eq!(write(Vec::new()).unwrap(), "[]\n");
    }

    #[test]
    fn what_looks_like_something_else_stays_a_text() {
        let rows = vec![
            json!({"name": "yes"}),
            json!({"name": "1"}),
            json!({"name": "null"}),
            json!({"name": "a\nb"}),
        ];
        let text = write(rows.clone()).unwrap();
        assert_eq!(parse(text.as_bytes()).unwrap(), json!(rows), "{text}");
    }
}
