//! One rule per entity for the names and values of its entries: normalises names, and refuses what does not fit.
//!
//! `rule.rs` says what a rule does to a name, `value.rs` what it asks of values, and both know nothing of hooks; `hooks.rs` applies it when entries
//! are written; `routes.rs` shows it. The configuration is described in `README.md`.
#![forbid(unsafe_code)]

mod hooks;
mod routes;
mod rule;
mod value;

pub use rule::{Case, Pattern, Rule};
pub use value::{AttributeRule, Condition};

use pagoda_plugin_sdk::prelude::*;
use std::collections::BTreeMap;

plugin! {
    id = "naming-policy",
    name = "Naming policy",
    config = Policies,
}

/// The key of the rule for all entities without one of their own. No entity can be meant by it: the rule is
/// looked up by the entity's name first, so one that is named so has this very rule.
const DEFAULT: &str = "*";

/// The configuration: rules by the name of the entity.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
pub struct Policies {
    /// The rules; `*` is the one of all entities without one of their own.
    #[serde(default)]
    pub entities: BTreeMap<String, Rule>,
}

impl Policies {
    /// The rule that holds for an entity.
    #[must_use]
    pub fn of(&self, entity: &str) -> Option<&Rule> {
        self.entities.get(entity).or_else(|| self.entities.get(DEFAULT))
    }
}

impl PluginConfig for Policies {
    fn validate(&self) -> Result<(), String> {
        for (entity, rule) in &self.entities {
            rule.validate().map_err(|problem| format!("entities.{entity}.{problem}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{PLUGIN, Policies};
    use pagoda_plugin_sdk::serde_json::{Value, json};

    fn problems(section: Value) -> Vec<String> {
        let read = PLUGIN.config.as_ref().map(|spec| spec.read(section));
        read.and_then(Result::err).unwrap_or_default()
    }

    #[test]
    fn mistakes_name_their_key() {
        for (rule, problem) in [
            (json!({"trimm": true}), "entities.rack.trimm: unknown key"),
            (json!({"case": "upper", "prefix": "v-"}), "entities.rack.prefix: "),
            (json!({"trim": true, "prefix": "v "}), "entities.rack.prefix: "),
            (json!({"collapse_blanks": true, "prefix": "v "}), "entities.rack.prefix: "),
            (json!({"add_prefix": true}), "entities.rack.add_prefix: "),
            (json!({"max_length": 0}), "entities.rack.max_length: "),
            (json!({"prefix": "rack-", "max_length": 5}), "entities.rack.max_length: "),
            (json!({"pattern": "("}), "entities.rack.pattern: "),
            (json!({"case": "title"}), "entities.rack.case: "),
            (json!({"attributes": {"a": {}}}), "entities.rack.attributes.a: "),
            (json!({"attributes": {"a": {"pattern": "("}}}), "entities.rack.attributes.a.pattern: "),
            (
                json!({"attributes": {"a": {"required_when": {"attribute": "b"}}}}),
                "entities.rack.attributes.a.required_when: ",
            ),
            (
                json!({"attributes": {"a": {"required_when": {"attribute": "b", "is": "x", "has_value": true}}}}),
                "entities.rack.attributes.a.required_when: ",
            ),
            (
                json!({"attributes": {"a": {"required_when": {"attribute": "a", "is": "x"}}}}),
                "entities.rack.attributes.a.required_when: ",
            ),
        ] {
            let found = problems(json!({"entities": {"rack": rule}}));
            assert!(found[0].starts_with(problem), "{problem}: {found:?}");
        }
        assert_eq!(problems(json!({})), Vec::<String>::new());
    }

    #[test]
    fn the_default_holds_where_no_other_rule_does() {
        let section = json!({"entities": {"rack": {"trim": true}, "*": {"max_length": 3}}});
        let read = PLUGIN.config.as_ref().map(|spec| spec.read(section).unwrap()).unwrap();
        let policies = read.downcast_ref::<Policies>().unwrap();
        assert!(policies.of("rack").is_some_and(|rule| rule.trim && rule.max_length.is_none()));
        assert!(policies.of("room").is_some_and(|rule| rule.max_length == Some(3)));
        assert!(Policies::default().of("room").is_none());
    }
}
