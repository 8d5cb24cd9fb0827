//! Lists in YAML, as imports read and exports write them. *Source: spec, auth-user §1.6.*

use super::Fields;
use pagoda_plugin_sdk::Code;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use serde_saphyr::SingleQuoted;

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
pub fn write(rows: &[Value]) -> Result<String, String> {
    let rows: Vec<Node<'_>> = rows.iter().map(Node).collect();
    serde_saphyr::to_string(&rows).map_err(|error| error.to_string())
}

/// A value as exports write it.
struct Node<'a>(&'a Value);

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let mut fields: Vec<(&String, Node<'_>)> =
                    fields.iter().map(|(key, value)| (key, Node(value))).collect();
                fields.sort_by_key(|(key, _)| *key);
                serializer.collect_map(fields)
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Node)),
            Value::String(text) if is_single_quoted(text) => SingleQuoted(text).serialize(serializer),
            other => other.serialize(serializer),
        }
    }
}

/// Whether a text needs quotes and nothing that only double ones can say.
fn is_single_quoted(text: &str) -> bool {
    serde_saphyr::to_string(&text).is_ok_and(|written| written.starts_with('"'))
        && serde_saphyr::to_string(&SingleQuoted(text)).is_ok()
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
        let text = write(&rows).unwrap();
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
        assert_eq!(text, expected);
        assert_eq!(parse(text.as_bytes()).unwrap(), json!(rows));
        assert_eq!(write(&[]).unwrap(), "[]\n");
    }

    #[test]
    fn what_looks_like_something_else_stays_a_text() {
        let rows = vec![
            json!({"name": "yes"}),
            json!({"name": "1"}),
            json!({"name": "null"}),
            json!({"name": "a\nb"}),
            json!({"name": " it's \"so\" \\ "}),
            json!({"name": "x: \u{7}"}),
        ];
        let text = write(&rows).unwrap();
        assert_eq!(parse(text.as_bytes()).unwrap(), json!(rows), "{text}");
    }

    #[test]
    fn quotes_are_single_ones_where_nothing_is_escaped() {
        let of = |text: &str| write(&[json!(text)]).unwrap();
        for (text, written) in [
            ("", "- ''\n"),
            ("yes", "- 'yes'\n"),
            ("12", "- '12'\n"),
            ("a: b", "- 'a: b'\n"),
            ("- 'x'", "- '- ''x'''\n"),
            ("plain \"so\" text", "- plain \"so\" text\n"),
            ("x: \t", "- \"x: \\t\"\n"),
        ] {
            assert_eq!(of(text), written);
        }
    }
}
