//! The rules, shown below `/api/v2/plugins/naming-policy`.

use crate::value::State;
use crate::{AttributeRule, Policies, Rule};
use pagoda_plugin_sdk::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The rule that holds for an entity.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Effective {
    entity: String,
    /// `entity`, `default`, or nothing.
    source: Option<&'static str>,
    rule: Option<Rule>,
}

/// The rule that holds for the names of an entity's entries.
#[get("/policy/{entity}/")]
async fn policy(Path(entity): Path<String>, policies: Config<Policies>) -> Json<Effective> {
    let rule = policies.of(&entity).cloned();
    let own = policies.entities.contains_key(&entity);
    let source = rule.as_ref().map(|_| if own { "entity" } else { "default" });
    Json(Effective { entity, source, rule })
}

/// A name that might be given, with the values that might be given with it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Candidate {
    entity: String,
    name: String,
    /// By the name of the attribute, in the form of write requests.
    #[serde(default)]
    values: BTreeMap<String, Value>,
}

/// What would become of it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Outcome {
    name: String,
    changed: bool,
    accepted: bool,
    reason: Option<String>,
    /// Why values are refused, by the name of the attribute.
    refused: BTreeMap<String, String>,
}

/// What would become of a new entry of this name and these values; nothing is written.
#[post("/check/")]
async fn check(Json(candidate): Json<Candidate>, policies: Config<Policies>) -> Json<Outcome> {
    let Candidate { entity, name: given, values } = candidate;
    let rule = policies.of(&entity);
    let name = rule.map_or_else(|| given.clone(), |rule| rule.normalised(&given));
    let refusal = rule.and_then(|rule| rule.refusal(&name));
    let reason = refusal
        .map(|reject| reject.errors().map(|(_, leaf)| leaf.message.as_ref()).collect::<Vec<_>>().join("; "));
    let rules = rule.map(|rule| &rule.attributes);
    let state = State::of_new(rules.into_iter().flat_map(BTreeMap::keys), &values);
    let fault = |(attribute, rule): (&String, &AttributeRule)| {
        rule.fault(attribute, &state).map(|(_, sentence)| (attribute.clone(), sentence))
    };
    let refused: BTreeMap<String, String> = rules.into_iter().flatten().filter_map(fault).collect();
    let accepted = reason.is_none() && refused.is_empty();
    Json(Outcome { changed: name != given, accepted, name, reason, refused })
}

#[cfg(test)]
mod tests {
    use crate::PLUGIN;
    use pagoda_plugin_sdk::route::Method;
    use pagoda_plugin_sdk::serde_json::{Value, json};
    use pagoda_plugin_sdk::testing::World;

    fn world() -> World {
        let rules = json!({
            "pci-vendor": {"trim": true, "prefix": "v-", "add_prefix": true, "pattern": "^v-[0-9a-f]{4}$"},
            "*": {"max_length": 3, "message": "Three letters."},
        });
        World::new().section(&PLUGIN, json!({"entities": rules}))
    }

    #[test]
    fn the_effective_rule_is_shown() {
        let world = world();
        let policy =
            |entity: &str| world.call(&PLUGIN, Method::Get, &format!("/policy/{entity}/")).send().json();
        let own = policy("pci-vendor");
        assert_eq!((&own["entity"], &own["source"]), (&json!("pci-vendor"), &json!("entity")));
        assert_eq!(
            own["rule"],
            json!({
                "trim": true, "collapse_blanks": false, "case": "keep", "prefix": "v-", "add_prefix": true,
                "pattern": "^v-[0-9a-f]{4}$", "max_length": null, "message": null, "attributes": {},
            })
        );
        assert_eq!(policy("rack")["source"], "default");
        let none = World::new().call(&PLUGIN, Method::Get, "/policy/rack/").send().json();
        assert_eq!(none, json!({"entity": "rack", "source": null, "rule": null}));
    }

    #[test]
    fn names_are_checked_without_being_written() {
        let world = world();
        let check = |entity: &str, name: &str| -> Value {
            let body = json!({"entity": entity, "name": name});
            world.call(&PLUGIN, Method::Post, "/check/").body(body).send().json()
        };
        assert_eq!(
            check("pci-vendor", " 10de"),
            json!({"name": "v-10de", "changed": true, "accepted": true, "reason": null, "refused": {}})
        );
        assert_eq!(
            check("rack", "long"),
            json!({"name": "long", "changed": false, "accepted": false, "reason": "Three letters.", "refused": {}})
        );
        let refused = check("pci-vendor", "xyz");
        assert_eq!((&refused["name"], &refused["accepted"]), (&json!("v-xyz"), &json!(false)));

        let missing = world.call(&PLUGIN, Method::Post, "/check/").body(json!({"entity": "rack"})).send();
        assert_eq!((missing.status(), &missing.json()["name"][0]["code"]), (400, &json!("AE-113000")));
    }

    #[test]
    fn values_are_checked_as_those_of_a_new_entry() {
        let rules = json!({"host": {"attributes": {
            "serial": {"pattern": "^S", "message": "An S."},
            "end": {"required_when": {"attribute": "state", "is": "retired"}},
        }}});
        let world = World::new().section(&PLUGIN, json!({"entities": rules}));
        let check = |values: Value| -> Value {
            let body = json!({"entity": "host", "name": "n", "values": values});
            world.call(&PLUGIN, Method::Post, "/check/").body(body).send().json()
        };
        let refused = check(json!({"serial": "x", "state": "retired"}));
        assert_eq!((&refused["accepted"], &refused["reason"]), (&json!(false), &Value::Null));
        assert_eq!(refused["refused"]["serial"], "An S.");
        assert!(refused["refused"]["end"].as_str().unwrap().contains("`state`"), "{refused}");
        let good = check(json!({"serial": "S1", "state": "retired", "end": "2026-01-01", "else": [1]}));
        assert_eq!((&good["accepted"], &good["refused"]), (&json!(true), &json!({})));
    }

    #[test]
    fn both_routes_are_for_users() {
        let world = world().anonymous();
        assert_eq!(world.call(&PLUGIN, Method::Get, "/policy/rack/").send().status(), 403);
        assert_eq!(world.call(&PLUGIN, Method::Post, "/check/").send().status(), 403);
    }
}
