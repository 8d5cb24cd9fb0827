//! Numbers. Stored as decimal text, so that integers of 64 bits are kept exactly.

use super::{Content, Shown, Stored, Surface, ValueError, ValueType, bounded, list_of};
use crate::services::ctx::OpCtx;
use crate::store::rows::EntityAttrRow;
use serde_json::{Number as JsonNumber, Value};

/// Type number (256).
pub(super) struct Number;

/// Type array number (1280). Elements may be empty and stay so.
pub(super) struct ArrayNumber;

/// Reads one number; empty for none.
fn read(input: &Value) -> Result<Content, ValueError> {
    let refused = || ValueError::invalid("expected a number");
    let text = match input {
        Value::Null => String::new(),
        Value::Number(number) => canonical(number).ok_or_else(refused)?,
        Value::String(text) if bounded(text)?.is_empty() => String::new(),
        Value::String(text) => parse(text).ok_or_else(refused)?,
        _ => return Err(refused()),
    };
    Ok(Content { text, ..Content::default() })
}

/// Texts of the elements that are numbers, sorted.
fn sorted(content: &Content) -> Vec<&str> {
    let texts = content.elements.iter().map(|element| element.text.as_str());
    let mut texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
    texts.sort_unstable();
    texts
}

/// The canonical form: an integer without a fraction where it is one, a float otherwise.
fn canonical(number: &JsonNumber) -> Option<String> {
    if number.is_i64() || number.is_u64() {
        return Some(number.to_string());
    }
    let float = number.as_f64().filter(|float| float.is_finite())?;
    // Below 2^63 every float without fraction is an integer of 64 bits.
    if float.fract() == 0.0 && float.abs() < 9_223_372_036_854_775_807.0 {
        return Some(if float == 0.0 { "0".to_owned() } else { format!("{float:.0}") });
    }
    Some(number.to_string())
}

fn parse(text: &str) -> Option<String> {
    let text = text.trim();
    if let Ok(integer) = text.parse::<i64>() {
        return Some(integer.to_string());
    }
    if let Ok(integer) = text.parse::<u64>() {
        return Some(integer.to_string());
    }
    let float: f64 = text.parse().ok().filter(|float: &f64| float.is_finite())?;
    canonical(&JsonNumber::from_f64(float)?)
}

fn shown(text: &str) -> Option<JsonNumber> {
    if text.is_empty() { None } else { serde_json::from_str(text).ok() }
}

impl ValueType for Number {
    fn read(&self, _: &mut OpCtx, _: &EntityAttrRow, input: &Value) -> Result<Content, ValueError> {
        read(input)
    }

    fn is_blank(&self, content: &Content) -> bool {
        content.text.is_empty()
    }

    fn differs(&self, old: &Content, new: &Content) -> bool {
        old.text != new.text
    }

    fn show(&self, _: &EntityAttrRow, stored: &Stored<'_>, _: Surface) -> Shown {
        Shown::Number(shown(&stored.row.text_value))
    }

    fn input(&self, stored: &Stored<'_>) -> Value {
        shown(&stored.row.text_value).map_or(Value::Null, Value::Number)
    }

    fn show_blank(&self) -> Shown {
        Shown::Number(None)
    }

    fn initial(&self, default: Option<&Value>) -> Option<Content> {
        let text = default.and_then(Value::as_number).and_then(canonical)?;
        Some(Content { text, ..Content::default() })
    }

    fn accepts_default(&self, default: &Value) -> bool {
        default.is_number()
    }

    fn has_defaults(&self) -> bool {
        true
    }

    fn in_names(&self, stored: &Stored<'_>) -> Option<String> {
        Some(stored.row.text_value.clone())
    }
}

impl ValueType for ArrayNumber {
    fn read(&self, _: &mut OpCtx, _: &EntityAttrRow, input: &Value) -> Result<Content, ValueError> {
        let Value::Array(list) = input else {
            return Err(ValueError::invalid("expected a list of numbers"));
        };
        let elements = list.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Content { elements, ..Content::default() })
    }

    fn is_blank(&self, content: &Content) -> bool {
        content.elements.is_empty()
    }

    /// *Source: spec, attribute-types §4: an empty element makes the value invalid.*
    fn is_enough(&self, content: &Content) -> bool {
        !content.elements.is_empty() && content.elements.iter().all(|element| !element.text.is_empty())
    }

    /// Empty elements and order do not count. *Source: spec, attribute-types §7.1.*
    fn differs(&self, old: &Content, new: &Content) -> bool {
        sorted(old) != sorted(new)
    }

    fn show(&self, _: &EntityAttrRow, stored: &Stored<'_>, _: Surface) -> Shown {
        Shown::Numbers(stored.children.iter().map(|child| shown(&child.value.text_value)).collect())
    }

    fn input(&self, stored: &Stored<'_>) -> Value {
        list_of(stored, |child| Some(shown(&child.value.text_value).map_or(Value::Null, Value::Number)))
    }

    fn show_blank(&self) -> Shown {
        Shown::Numbers(Vec::new())
    }

    fn is_array(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{canonical, parse, shown};
    use proptest::prelude::*;
    use serde_json::Value;

    fn through(json: &str) -> String {
        let value: Value = serde_json::from_str(json).unwrap();
        shown(&canonical(value.as_number().unwrap()).unwrap()).unwrap().to_string()
    }

    #[test]
    fn integers_come_back_as_integers() {
        assert_eq!(through("4"), "4");
        assert_eq!(through("4.0"), "4");
        assert_eq!(through("1.5"), "1.5");
        assert_eq!(through("-1e10"), "-10000000000");
        assert_eq!(through("9007199254740993"), "9007199254740993");
        assert_eq!(through("0"), "0");
        assert_eq!(through("-0.0"), "0");
        assert_eq!(parse(" 12 ").as_deref(), Some("12"));
        for refused in ["NaN", "inf", "-Infinity", "1x", "", "0x10"] {
            assert_eq!(parse(refused), None, "{refused}");
        }
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(integer: i64, float in -1e300_f64..1e300) {
            prop_assert_eq!(through(&integer.to_string()), integer.to_string());
            let shown: f64 = through(&serde_json::to_string(&float).unwrap()).parse().unwrap();
            prop_assert_eq!(shown, float);
        }
    }
}
