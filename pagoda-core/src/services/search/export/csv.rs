//! What is found as a table. *Source: spec, search §6.*

use super::request::Export;
use super::{unwritten, visible};
use crate::services::error::OpError;
use crate::services::job::{File, Sealed};
use crate::services::search::join::Join;
use csv::{Terminator, Writer, WriterBuilder};
use serde_json::Value;
use std::cmp::Ordering;
use std::iter::Peekable;
use std::str::Chars;

/// A table that is being written.
pub(super) struct Table {
    writer: Writer<File>,
    /// The attributes of its columns, as rows name them.
    attrs: Vec<String>,
    /// Whether it says of which entity an entry is.
    has_entity: bool,
    has_referrals: bool,
}

impl Table {
    /// Begins with the names of the columns.
    pub(super) fn new(asked: &Export) -> Result<Self, OpError> {
        let is_joined = !asked.joins.is_empty();
        let own = asked.selection.names().into_iter().map(str::to_owned);
        let joined = asked.joins.iter().flat_map(Join::attrs);
        let (joined, joined_names): (Vec<String>, Vec<&str>) = joined.unzip();
        let mut table = Self {
            writer: WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(Sealed::open()),
            attrs: own.chain(joined).collect(),
            has_entity: !is_joined,
            has_referrals: asked.referrals && !is_joined,
        };
        let mut titles = vec!["Name"];
        titles.extend(table.has_entity.then_some("Entity"));
        titles.extend(asked.selection.names());
        titles.extend(joined_names);
        titles.extend(table.has_referrals.then_some("Referral"));
        table.writer.write_record(&titles).map_err(unwritten)?;
        Ok(table)
    }

    /// Adds an entry as a search shows it.
    pub(super) fn add(&mut self, row: &Value) -> Result<(), OpError> {
        let mut cells = vec![name(&row["entry"]).to_owned()];
        if self.has_entity {
            cells.push(name(&row["entity"]).to_owned());
        }
        cells.extend(self.attrs.iter().map(|attr| cell(&row["attrs"][attr.as_str()])));
        if self.has_referrals {
            cells.push(referrers(&row["referrals"]));
        }
        self.writer.write_record(&cells).map_err(unwritten)
    }

    /// The whole file.
    pub(super) fn end(self) -> Result<File, OpError> {
        self.writer.into_inner().map_err(|error| unwritten(error.into_error()))
    }
}

fn name(object: &Value) -> &str {
    object["name"].as_str().unwrap_or_default()
}

/// An attribute as text; nothing where it may not be read, or is not there.
fn cell(cell: &Value) -> String {
    visible(cell).map(|(key, value)| text(key, value)).unwrap_or_default()
}

/// A value under the key that says what it is. Elements of a list are a line each, in natural order.
fn text(key: &str, value: &Value) -> String {
    match value {
        Value::Array(elements) => {
            let mut lines: Vec<String> = elements.iter().map(|element| one(key, element)).collect();
            lines.sort_by(|a, b| naturally(a, b));
            lines.join("\n")
        }
        value => one(key, value),
    }
}

fn one(key: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => (if *flag { "True" } else { "False" }).to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(_) if key.ends_with("named_object") => {
            format!("{}: {}", name(value), name(&value["object"]))
        }
        Value::Object(object) => {
            let text = object.get("label").or_else(|| object.get("name"));
            text.and_then(Value::as_str).unwrap_or_default().to_owned()
        }
        other => other.to_string(),
    }
}

/// `['a / b', "it's / c"]`: who refers to an entry, with their entities.
fn referrers(list: &Value) -> String {
    let one = |referrer: &Value| quoted(&format!("{} / {}", name(referrer), name(&referrer["schema"])));
    let all: Vec<String> = list.as_array().into_iter().flatten().map(one).collect();
    format!("[{}]", all.join(", "))
}

/// As Python writes a text.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c == quote => quoted.extend(['\\', c]),
            c => quoted.push(c),
        }
    }
    quoted.push(quote);
    quoted
}

/// The order in which people count: `a2` before `a10`.
fn naturally(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.chars().peekable(), b.chars().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (digits(&mut left), digits(&mut right));
                x.len().cmp(&y.len()).then_with(|| x.cmp(&y))
            }
            (None, None) => return a.cmp(b),
            _ => left.next().cmp(&right.next()),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The digits that come next, without zeros in front.
fn digits(chars: &mut Peekable<Chars<'_>>) -> String {
    while chars.next_if_eq(&'0').is_some() {}
    std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::{naturally, quoted, text};
    use serde_json::json;

    #[test]
    fn lines_are_in_natural_order() {
        let mut lines = ["a10", "a2", "b", "a02", "", "10", "9", "a"];
        lines.sort_by(|a, b| naturally(a, b));
        assert_eq!(lines, ["", "9", "10", "a", "a02", "a2", "a10", "b"]);
    }

    #[test]
    fn texts_are_quoted_as_python_does() {
        assert_eq!(quoted("a / b"), "'a / b'");
        assert_eq!(quoted("it's"), "\"it's\"");
        assert_eq!(quoted("'\"\\\n"), r#"'\'"\\\n'"#);
    }

    #[test]
    fn values_are_texts() {
        for (key, value, expected) in [
            ("as_number", json!(null), ""),
            ("as_number", json!(1.5), "1.5"),
            ("as_boolean", json!(false), "False"),
            ("as_object", json!({"id": "", "name": ""}), ""),
            ("as_named_object", json!({"name": "", "object": {"id": "", "name": ""}}), ": "),
            (
                "as_array_named_object",
                json!([{"name": "b", "object": {"name": "y"}}, {"name": "a", "object": {"name": ""}}]),
                "a: \nb: y",
            ),
            ("as_array_number", json!([10, 9]), "9\n10"),
            ("as_select", json!({"value": "v", "label": "L"}), "L"),
            ("as_multi_select", json!([]), ""),
        ] {
            assert_eq!(text(key, &value), expected, "{key} {value}");
        }
    }
}
