//! Pagoda's error bodies as text that a person can read.
//!
//! An error is a tree of objects and lists whose leaves are `{"message", "code"}`; it may also be a bare text, or
//! nothing, or (from a proxy) a page of HTML. All of them decode into something.

use std::fmt;

use serde_json::Value;

/// How much of a body that is not an error of Pagoda's is shown, in characters.
const EXCERPT: usize = 200;

/// One message of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// To what it belongs, for example `attrs.0.value`; empty for the whole request.
    pub place: String,
    /// What is wrong, in words.
    pub message: String,
    /// What is wrong, for programs: `AE-220000` and the like, if there is one.
    pub code: Option<String>,
}

/// The decoded body of an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Its messages, in the order of the body.
    pub leaves: Vec<Leaf>,
}

impl Envelope {
    /// Decodes a body.
    #[must_use]
    pub fn decode(body: &str) -> Self {
        let mut leaves = Vec::new();
        match serde_json::from_str::<Value>(body) {
            Ok(value) => collect(&value, &mut Vec::new(), &mut leaves),
            Err(_) => {
                let text: String = body.split_whitespace().collect::<Vec<_>>().join(" ");
                let message: String = text.chars().take(EXCERPT).collect();
                if !message.is_empty() {
                    leaves.push(Leaf { place: String::new(), message, code: None });
                }
            }
        }
        Self { leaves }
    }

    /// Whether this code occurs.
    #[must_use]
    pub fn has(&self, code: &str) -> bool {
        self.leaves.iter().any(|leaf| leaf.code.as_deref() == Some(code))
    }

    /// The first code.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.leaves.iter().find_map(|leaf| leaf.code.as_deref())
    }

    /// All messages without their codes.
    #[must_use]
    pub fn message(&self) -> String {
        let texts: Vec<String> = self.leaves.iter().map(Leaf::text).collect();
        if texts.is_empty() { "no reason given".to_owned() } else { texts.join("; ") }
    }
}

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.leaves.is_empty() {
            return f.write_str("no reason given");
        }
        for (index, leaf) in self.leaves.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}", leaf.text())?;
            if let Some(code) = &leaf.code {
                write!(f, " ({code})")?;
            }
        }
        Ok(())
    }
}

impl Leaf {
    fn text(&self) -> String {
        match self.place.as_str() {
            "" | "non_field_errors" => self.message.clone(),
            place => format!("{place}: {}", self.message),
        }
    }
}

fn collect(value: &Value, place: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    let mut push = |message: &str, code: Option<&str>| {
        leaves.push(Leaf {
            place: place.join("."),
            message: message.to_owned(),
            code: code.map(str::to_owned),
        });
    };
    match value {
        Value::Object(map) => {
            let text = |key| map.get(key).and_then(Value::as_str);
            match (text("message"), text("code")) {
                (Some(message), code) => push(message, code),
                (None, Some(code)) => push("no message", Some(code)),
                (None, None) => {
                    for (key, child) in map {
                        place.push(key.clone());
                        collect(child, place, leaves);
                        place.pop();
                    }
                }
            }
        }
        Value::Array(list) => {
            for (index, child) in list.iter().enumerate() {
                // The index says something only where elements are objects with fields of their own.
                let nested = child.as_object().is_some_and(|map| !map.contains_key("code"));
                if nested {
                    place.push(index.to_string());
                }
                collect(child, place, leaves);
                if nested {
                    place.pop();
                }
            }
        }
        Value::Null => {}
        Value::String(text) => push(text, None),
        other => push(&other.to_string(), None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(body: &str, text: &str) {
        assert_eq!(Envelope::decode(body).to_string(), text, "{body}");
    }

    #[test]
    fn every_shape_becomes_text() {
        check(r#"{"message":"No.","code":"AE-210000"}"#, "No. (AE-210000)");
        check(r#"[{"message":"Gone","code":"AE-230000"}]"#, "Gone (AE-230000)");
        check(r#"{"name":[{"message":"taken","code":"AE-220000"}]}"#, "name: taken (AE-220000)");
        check(r#"{"non_field_errors":[{"message":"bad","code":"AE-121000"}]}"#, "bad (AE-121000)");
        check(
            r#"{"attrs":{"0":{"value":[{"message":"missing","code":"AE-113000"}]}},"name":[{"message":"x","code":"y"}]}"#,
            "attrs.0.value: missing (AE-113000); name: x (y)",
        );
        check(r#"[{},{"url":[{"message":"bad","code":"AE-121000"}]}]"#, "1.url: bad (AE-121000)");
        check(r#""a text""#, "a text");
        check("<html>\n  Bad   Gateway", "<html> Bad Gateway");
        check("", "no reason given");
        check("null", "no reason given");
        check("{}", "no reason given");
    }

    #[test]
    fn codes_can_be_asked_for() {
        let envelope = Envelope::decode(r#"{"a":["text"],"b":[{"message":"m","code":"AE-1"}]}"#);
        assert!(envelope.has("AE-1") && !envelope.has("AE-2"));
        assert_eq!(envelope.code(), Some("AE-1"));
        assert_eq!(envelope.message(), "a: text; b: m");
    }

    proptest! {
        #[test]
        fn anything_decodes(body: String) {
            prop_assert!(!Envelope::decode(&body).to_string().is_empty() || body == "\"\"");
        }
    }
}
