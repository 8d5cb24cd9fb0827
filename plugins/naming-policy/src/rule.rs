//! What a rule does to a name.

use crate::value::AttributeRule;
use pagoda_plugin_sdk::prelude::*;
use regex::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// What happens to the letters of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde", rename_all = "lowercase")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
pub enum Case {
    /// They become capitals.
    Upper,
    /// They become small.
    Lower,
    /// They stay.
    #[default]
    Keep,
}

/// A regular expression, compiled when the configuration is read.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
pub struct Pattern(#[schemars(with = "String")] pub(crate) Regex);

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let compiled = Regex::new(&text);
        compiled
            .map(Self)
            .map_err(|error| serde::de::Error::custom(format!("no regular expression: {error}")))
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

/// The rule for the names and values of one entity's entries.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde", default)]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
pub struct Rule {
    /// Blanks at the ends go.
    pub trim: bool,
    /// Of several blanks in a row one stays, as a space.
    pub collapse_blanks: bool,
    /// What happens to the letters.
    pub case: Case,
    /// What every name starts with; anything when empty.
    pub prefix: String,
    /// Whether a missing prefix is added; otherwise such a name is refused.
    pub add_prefix: bool,
    /// What every name matches, anywhere unless it says `^` and `$`.
    pub pattern: Option<Pattern>,
    /// How long a name may be, in characters.
    pub max_length: Option<usize>,
    /// The sentence of a refusal, in place of what the plugin says by itself.
    pub message: Option<String>,
    /// What is asked of values, by the name of the attribute.
    pub attributes: BTreeMap<String, AttributeRule>,
}

impl Rule {
    /// What is wrong with the rule, beginning with the key.
    pub(crate) fn validate(&self) -> Result<(), String> {
        for (attribute, rule) in &self.attributes {
            rule.validate(attribute).map_err(|problem| format!("attributes.{attribute}{problem}"))?;
        }
        if self.add_prefix && self.prefix.is_empty() {
            return Err("add_prefix: there is no `prefix` to add".to_owned());
        }
        // Otherwise a name would change whenever it is saved, or could never fit.
        let unstable = self.collapse_blanks && self.prefix.ends_with(char::is_whitespace);
        if unstable || self.cleaned(&self.prefix) != self.prefix {
            return Err(format!(
                "prefix: `{}` does not survive this rule's own `trim`, `collapse_blanks` and `case`",
                self.prefix
            ));
        }
        match self.max_length {
            Some(0) => Err("max_length: at least 1".to_owned()),
            Some(most) if most <= self.prefix.chars().count() => {
                Err(format!("max_length: {most} leaves nothing beside the prefix"))
            }
            _ => Ok(()),
        }
    }

    /// The name as it is stored. Doing it twice changes nothing more.
    #[must_use]
    pub fn normalised(&self, name: &str) -> String {
        let cleaned = self.cleaned(name);
        // No name is better than a prefix alone: the host says what is missing.
        if self.add_prefix && !cleaned.is_empty() && !cleaned.starts_with(&self.prefix) {
            return format!("{}{cleaned}", self.prefix);
        }
        cleaned
    }

    fn cleaned(&self, name: &str) -> String {
        let name = if self.trim { name.trim() } else { name };
        let name = if self.collapse_blanks { collapsed(name) } else { name.to_owned() };
        match self.case {
            Case::Upper => name.to_uppercase(),
            Case::Lower => name.to_lowercase(),
            Case::Keep => name,
        }
    }

    /// Why a name is refused, if it is.
    #[must_use]
    pub fn refusal(&self, name: &str) -> Option<Reject> {
        let mut faults = Vec::new();
        if !name.starts_with(&self.prefix) {
            faults.push((Code::InvalidValue, format!("the name starts with `{}`", self.prefix)));
        }
        let length = name.chars().count();
        if let Some(most) = self.max_length.filter(|most| length > *most) {
            let sentence = format!("the name has at most {most} characters, not {length}");
            faults.push((Code::LimitExceeded, sentence));
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.0.is_match(name)) {
            faults.push((Code::InvalidValue, format!("the name matches `{}`", pattern.0.as_str())));
        }
        let mut faults = faults.into_iter();
        let (code, sentence) = faults.next()?;
        let field = "name";
        Some(match &self.message {
            Some(message) => Reject::field(field, message.clone()).with_code(code),
            None => faults
                .fold(Reject::field(field, sentence).with_code(code), |reject, (code, sentence)| {
                    reject.and(field, sentence).with_code(code)
                }),
        })
    }
}

fn collapsed(name: &str) -> String {
    let mut collapsed = String::with_capacity(name.len());
    for c in name.chars() {
        if !c.is_whitespace() {
            collapsed.push(c);
        } else if !collapsed.ends_with(' ') {
            collapsed.push(' ');
        }
    }
    collapsed
}

#[cfg(test)]
mod tests {
    use super::{Case, Pattern, Rule};
    use pagoda_plugin_sdk::prelude::*;
    use proptest::prelude::*;
    use regex::Regex;

    fn vendor() -> Rule {
        Rule {
            trim: true,
            collapse_blanks: true,
            case: Case::Lower,
            prefix: "v-".to_owned(),
            add_prefix: true,
            pattern: Some(Pattern(Regex::new("^v-[0-9a-f]{4}$").unwrap())),
            max_length: Some(8),
            message: None,
            ..Rule::default()
        }
    }

    #[test]
    fn names_are_normalised() {
        let rule = vendor();
        rule.validate().unwrap();
        for (name, expected) in [
            (" 10DE ", "v-10de"),
            ("V-10de", "v-10de"),
            ("v-10de", "v-10de"),
            ("a \t\u{3000} b", "v-a b"),
            ("", ""),
            ("  ", ""),
        ] {
            assert_eq!(rule.normalised(name), expected, "{name:?}");
        }
        assert_eq!(Rule::default().normalised("  As It  is "), "  As It  is ");
        let upper = Rule { case: Case::Upper, ..Rule::default() };
        assert_eq!(upper.normalised("straße"), "STRASSE");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let rule = vendor();
        assert_eq!(rule.refusal("v-10de"), None);
        let reject = rule.refusal("vendor of things").unwrap();
        let codes: Vec<_> = reject.errors().map(|(field, leaf)| (field, leaf.code)).collect();
        assert_eq!(
            codes,
            [("name", Code::InvalidValue), ("name", Code::LimitExceeded), ("name", Code::InvalidValue)]
        );
        let told = Rule { message: Some("Four digits, please.".to_owned()), ..rule };
        assert_eq!(told.refusal("x").unwrap().to_string(), "name: Four digits, please.");
        let length = Rule { max_length: Some(2), ..Rule::default() };
        assert_eq!(length.refusal("éé"), None);
        assert!(length.refusal("ééé").is_some());
    }

    fn rules() -> impl Strategy<Value = Rule> {
        let case = prop_oneof![Just(Case::Upper), Just(Case::Lower), Just(Case::Keep)];
        let flags = (any::<bool>(), any::<bool>(), any::<bool>());
        (flags, case, "[a-zA-Z \\-ßΣİ]{0,3}").prop_map(
            |((trim, collapse_blanks, add_prefix), case, prefix)| Rule {
                trim,
                collapse_blanks,
                case,
                prefix,
                add_prefix,
                ..Rule::default()
            },
        )
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing_more(
            rule in rules().prop_filter("a rule that the start accepts", |rule| rule.validate().is_ok()),
            name in prop_oneof![".{0,12}", "[a-zA-Z \\t\\-ßΣσςİŉ]{0,12}"],
        ) {
            let once = rule.normalised(&name);
            prop_assert_eq!(rule.normalised(&once), once);
        }

        #[test]
        fn an_added_prefix_is_never_missed(
            rule in rules().prop_filter("a rule that adds", |rule| rule.add_prefix && rule.validate().is_ok()),
            name in ".{1,12}",
        ) {
            let name = rule.normalised(&name);
            prop_assert!(name.is_empty() || rule.refusal(&name).is_none());
        }
    }
}
