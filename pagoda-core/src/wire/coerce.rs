//! Reading JSON scalars as leniently as the wire demands. *Source: spec, entity §0.3.*

use super::Fields;
use pagoda_plugin_sdk::Code;
use serde_json::{Map, Value};

/// Why a scalar is refused.
pub type Refusal = (Code, String);

/// A JSON object being read field by field, with the complaints so far.
pub struct Reader<'a> {
    object: &'a Map<String, Value>,
    /// The complaints so far.
    pub errors: Fields,
}

impl<'a> Reader<'a> {
    /// Reads an object.
    #[must_use]
    pub fn new(object: &'a Map<String, Value>) -> Self {
        Self { object, errors: Fields::default() }
    }

    /// Whether the key was sent.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    /// The value as sent.
    #[must_use]
    pub fn raw(&self, field: &str) -> Option<&'a Value> {
        self.object.get(field)
    }

    /// Reads a list of integers; complaints about elements are keyed by their index.
    pub fn id_list(&mut self, field: &str) -> Option<Vec<i64>> {
        let list = self.list(field)?;
        let mut ids = Vec::with_capacity(list.len());
        let mut bad = Map::new();
        for (index, element) in list.iter().enumerate() {
            match id(element) {
                Ok(id) => ids.push(id),
                Err((code, message)) => {
                    bad.insert(index.to_string(), Value::Array(vec![super::leaf(code, message)]));
                }
            }
        }
        if bad.is_empty() {
            return Some(ids);
        }
        self.errors.nest(field, Value::Object(bad));
        None
    }

    /// Reads a field with `read`; a complaint is noted under its name.
    pub fn field<T>(&mut self, field: &str, read: impl FnOnce(&Value) -> Result<T, Refusal>) -> Option<T> {
        match self.object.get(field).map(read)? {
            Ok(value) => Some(value),
            Err((code, message)) => {
                self.errors.add(field, code, message);
                None
            }
        }
    }

    /// The elements of a list of scalars or objects whose complaints are keyed by index, see
    /// [`Fields::nest_list`]; a complaint is noted where it is no list.
    pub fn list(&mut self, field: &str) -> Option<&'a [Value]> {
        match self.object.get(field)? {
            Value::Array(elements) => return Some(elements),
            Value::Null => self.errors.add(field, Code::Other, "null is not allowed"),
            _ => self.errors.add(field, Code::Invalid, "expected a list"),
        }
        None
    }

    /// As [`Reader::list`], of objects whose complaints are one for each, see [`Fields::nest_each`]. *Source: spec,
    /// entity §0.2.*
    pub fn each(&mut self, field: &str) -> Option<&'a [Value]> {
        match self.object.get(field)? {
            Value::Array(elements) => return Some(elements),
            Value::Null => self.errors.add(field, Code::Other, "null is not allowed"),
            _ => self.errors.nest(field, Fields::whole(Code::Invalid, "expected a list").to_json()),
        }
        None
    }

    /// Reads the elements of [`Reader::list`] and notes their complaints; gives the good ones.
    pub fn list_of<T>(&mut self, field: &str, read: impl Fn(&Value) -> Result<T, Fields>) -> Option<Vec<T>> {
        let (good, complaints) = read_all(self.list(field)?, read);
        self.errors.nest_list(field, complaints.iter().enumerate());
        Some(good)
    }

    /// Reads the elements of [`Reader::each`] and notes their complaints; gives the good ones.
    pub fn each_of<T>(&mut self, field: &str, read: impl Fn(&Value) -> Result<T, Fields>) -> Option<Vec<T>> {
        let (good, complaints) = read_all(self.each(field)?, read);
        self.errors.nest_each(field, &complaints);
        Some(good)
    }

    /// Reads an object within the object; its complaints are noted in their own shape.
    pub fn nested<T>(&mut self, field: &str, read: impl FnOnce(&Value) -> Result<T, Fields>) -> Option<T> {
        match self.object.get(field)? {
            Value::Null => self.errors.add(field, Code::Other, "null is not allowed"),
            object => match read(object) {
                Ok(value) => return Some(value),
                Err(errors) => self.errors.nest(field, errors.to_json()),
            },
        }
        None
    }

    /// Complains about a field that was not sent.
    pub fn require(&mut self, field: &str) {
        if !self.has(field) {
            self.errors.add(field, Code::Required, "this field is required");
        }
    }

    /// As [`Reader::field`], with a complaint when it was not sent.
    pub fn required<T>(&mut self, field: &str, read: impl FnOnce(&Value) -> Result<T, Refusal>) -> Option<T> {
        self.require(field);
        self.field(field, read)
    }
}

/// The good ones of some elements, and a complaint for each of all, empty for the good ones.
fn read_all<T>(elements: &[Value], read: impl Fn(&Value) -> Result<T, Fields>) -> (Vec<T>, Vec<Fields>) {
    let (mut good, mut complaints) = (Vec::with_capacity(elements.len()), Vec::with_capacity(elements.len()));
    for element in elements {
        match not_missing(element).and_then(&read) {
            Ok(value) => {
                good.push(value);
                complaints.push(Fields::default());
            }
            Err(errors) => complaints.push(errors),
        }
    }
    (good, complaints)
}

/// An element of a list that is null is no object, unlike a body that is null. *Source: spec, auth-user §1.3.*
fn not_missing(element: &Value) -> Result<&Value, Fields> {
    if element.is_null() {
        Err(Fields::whole(Code::Invalid, "expected an object, not null"))
    } else {
        Ok(element)
    }
}

/// The object that an element of a list must be.
///
/// # Errors
/// The complaint about the whole element.
pub fn element(value: &Value) -> Result<&Map<String, Value>, Fields> {
    object(not_missing(value)?)
}

fn not_null(value: &Value) -> Result<&Value, Refusal> {
    if value.is_null() { Err((Code::Other, "null is not allowed".into())) } else { Ok(value) }
}

/// Text: a string, or a number as text.
fn text(value: &Value) -> Result<String, Refusal> {
    match not_null(value)? {
        Value::String(text) => check_storable(text).map(|()| text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err((Code::Invalid, "expected a string".into())),
    }
}

/// PostgreSQL has no texts with NUL characters, so no database gets any.
///
/// # Errors
/// The complaint.
pub fn check_storable(text: &str) -> Result<(), Refusal> {
    if text.contains('\0') {
        return Err((Code::Invalid, "a text may not contain a NUL character".into()));
    }
    Ok(())
}

fn at_most(text: String, most: usize) -> Result<String, Refusal> {
    let length = text.chars().count();
    if length > most {
        return Err((Code::LimitExceeded, format!("at most {most} characters, not {length}")));
    }
    Ok(text)
}

/// Trimmed text of at most `most` characters that is not blank.
///
/// # Errors
/// The complaint.
pub fn name(value: &Value, most: usize) -> Result<String, Refusal> {
    let text = text(value)?.trim().to_owned();
    if text.is_empty() {
        return Err((Code::Other, "this field may not be blank".into()));
    }
    at_most(text, most)
}

/// Trimmed text of at most `most` characters.
///
/// # Errors
/// The complaint.
pub fn line(value: &Value, most: usize) -> Result<String, Refusal> {
    at_most(text(value)?.trim().to_owned(), most)
}

/// Text of at most `most` characters, blanks kept.
///
/// # Errors
/// The complaint.
pub fn verbatim(value: &Value, most: usize) -> Result<String, Refusal> {
    at_most(text(value)?, most)
}

/// An integer: a JSON integer, a float without fraction, or a numeric string. One that has more than 64 bits is the largest
/// or the smallest of them, for the limits to refuse.
///
/// # Errors
/// The complaint.
pub fn integer(value: &Value) -> Result<i64, Refusal> {
    let whole = match not_null(value)? {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => digits(text.trim()),
        _ => None,
    };
    whole.ok_or_else(|| (Code::Invalid, "expected an integer".to_owned()))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float beyond 64 bits becomes the largest or the smallest integer"
)]
fn whole(float: f64) -> Option<i64> {
    (float.fract() == 0.0).then_some(float as i64)
}

fn digits(text: &str) -> Option<i64> {
    let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(if sign == "-" { i64::MIN } else { i64::MAX }))
}

/// A 32-bit integer.
///
/// # Errors
/// The complaint: above the range `AE-122000`, below it `AE-999999`.
pub fn small_integer(value: &Value) -> Result<i32, Refusal> {
    let integer = integer(value)?;
    i32::try_from(integer).map_err(|_| {
        let code = if integer > 0 { Code::LimitExceeded } else { Code::Other };
        (code, format!("between {} and {}", i32::MIN, i32::MAX))
    })
}

/// A boolean, or one of the words and numbers that stand for one.
///
/// # Errors
/// The complaint.
pub fn boolean(value: &Value) -> Result<bool, Refusal> {
    let word = match not_null(value)? {
        Value::Bool(flag) => return Ok(*flag),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_ascii_lowercase(),
        _ => String::new(),
    };
    match word.as_str() {
        "true" | "t" | "yes" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "off" | "0" => Ok(false),
        _ => Err((Code::Invalid, "expected true or false".into())),
    }
}

/// An id, or none.
///
/// # Errors
/// The complaint.
pub fn optional_id(value: &Value) -> Result<Option<i64>, Refusal> {
    if value.is_null() { Ok(None) } else { id(value).map(Some) }
}

/// An id: an integer or a numeric string.
///
/// # Errors
/// The complaint.
pub fn id(value: &Value) -> Result<i64, Refusal> {
    match value {
        Value::Number(_) | Value::String(_) => integer(value),
        Value::Null => not_null(value).map(|_| 0),
        _ => Err((Code::Invalid, "expected an id".into())),
    }
}

/// The object that a body must be.
///
/// # Errors
/// The complaint about the whole body.
pub fn object(value: &Value) -> Result<&Map<String, Value>, Fields> {
    match value {
        Value::Object(object) => Ok(object),
        Value::Null => Err(Fields::whole(Code::Other, "expected an object, not null")),
        _ => Err(Fields::whole(Code::Invalid, "expected an object")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Refusal, boolean, integer, line, name, small_integer};
    use pagoda_plugin_sdk::Code;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn code<T>(outcome: Result<T, Refusal>) -> Option<Code> {
        outcome.err().map(|(code, _)| code)
    }

    #[test]
    fn texts() {
        assert_eq!(name(&json!("  a b "), 5).unwrap(), "a b");
        assert_eq!(name(&json!(123), 5).unwrap(), "123");
        assert_eq!(line(&json!("  "), 5).unwrap(), "");
        assert_eq!(code(name(&json!(" "), 5)), Some(Code::Other));
        assert_eq!(code(name(&Value::Null, 5)), Some(Code::Other));
        assert_eq!(code(name(&json!("äöüäöü"), 5)), Some(Code::LimitExceeded));
        for wrong in [json!(true), json!([]), json!({})] {
            assert_eq!(code(name(&wrong, 5)), Some(Code::Invalid), "{wrong}");
        }
    }

    #[test]
    fn numbers_and_flags() {
        assert_eq!(integer(&json!(" 42 ")).unwrap(), 42);
        assert_eq!(code(integer(&json!("4.5"))), Some(Code::Invalid));
        assert_eq!(code(integer(&json!(true))), Some(Code::Invalid));
        assert_eq!(integer(&json!(-3.0)).unwrap(), -3);
        for vast in [json!(1e30), json!(u64::MAX), json!("99999999999999999999"), json!(1_u64 << 32)] {
            assert_eq!(code(small_integer(&vast)), Some(Code::LimitExceeded), "{vast}");
        }
        for tiny in [json!(-1e30), json!("-99999999999999999999")] {
            assert_eq!(code(small_integer(&tiny)), Some(Code::Other), "{tiny}");
        }
        for wrong in ["", "-", "+-1", "1e3", "1.0", "0x1", "٣"] {
            assert_eq!(code(integer(&json!(wrong))), Some(Code::Invalid), "{wrong}");
        }
        assert_eq!(code(small_integer(&json!(-(1_i64 << 32)))), Some(Code::Other));
        for (word, flag) in [("True", true), ("yes", true), ("on", true), ("0", false), ("f", false)] {
            assert_eq!(boolean(&json!(word)).unwrap(), flag);
        }
        for wrong in [json!("hoge"), json!("y"), json!(2), json!([]), json!("")] {
            assert_eq!(code(boolean(&wrong)), Some(Code::Invalid), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_integer_survives_as_number_and_as_text(number: i64) {
            prop_assert_eq!(integer(&json!(number)).unwrap(), number);
            prop_assert_eq!(integer(&json!(number.to_string())).unwrap(), number);
        }
    }
}
