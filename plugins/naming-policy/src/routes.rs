//! The rules, shown below `/api/v2/plugins/naming-policy`.

use crate::{Policies, Rule};
use pagoda_plugin_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// The rule that holds for an entity.
#[derive(Debug, Serialize)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
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

/// A name that might be given.
#[derive(Debug, Deserialize)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
struct Candidate {
    entity: String,
    name: String,
}

/// What would become of it.
#[derive(Debug, Serialize)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
struct Outcome {
    name: String,
    changed: bool,
    accepted: bool,
    reason: Option<String>,
}

/// What would become of a name; nothing is written.
#[post("/check/")]
async fn check(Json(candidate): Json<Candidate>, policies: Config<Policies>) -> Json<Outcome> {
    let Candidate { entity, name: given } = candidate;
    let rule = policies.of(&entity);
    let name = rule.map_or_else(|| given.clone(), |rule| rule.normalised(&given));
    let refusal = rule.and_then(|rule| rule.refusal(&name));
    let reason = refusal
        .map(|reject| reject.errors().map(|(_, leaf)| leaf.message.as_ref()).collect::<Vec<_>>().join("; "));
    Json(Outcome { changed: name != given, accepted: reason.is_none(), name, reason })
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
                "pattern": "^v-[0-9a-f]{4}$", "max_length": null, "message": null,
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
            json!({"name": "v-10de", "changed": true, "accepted": true, "reason": null})
        );
        assert_eq!(
            check("rack", "long"),
            json!({"name": "long", "changed": false, "accepted": false, "reason": "Three letters."})
        );
        let refused = check("pci-vendor", "xyz");
        assert_eq!((&refused["name"], &refused["accepted"]), (&json!("v-xyz"), &json!(false)));

        let missing = world.call(&PLUGIN, Method::Post, "/check/").body(json!({"entity": "rack"})).send();
        assert_eq!((missing.status(), &missing.json()["name"][0]["code"]), (400, &json!("AE-113000")));
    }

    #[test]
    fn both_routes_are_for_users() {
        let world = world().anonymous();
        assert_eq!(world.call(&PLUGIN, Method::Get, "/policy/rack/").send().status(), 403);
        assert_eq!(world.call(&PLUGIN, Method::Post, "/check/").send().status(), 403);
    }
}
