//! What is said about bad fields of entities: all of them together, each at its place. *Source: spec, entity §0.2, §2.3, §2.4.*

use crate::server::{Answer, Database, TestApp, on_both_databases};
use serde_json::{Value, json};
use std::collections::BTreeMap;

on_both_databases! {
    bad_fields_of_definitions_are_said_together;
    bad_referrals_are_said_whatever_the_type;
    bad_fields_of_webhooks_are_said_together;
    bad_fields_of_isolation_rules_are_said_together;
    definitions_that_go_keep_their_type;
    only_known_types_can_be_made;
    nothing_is_no_value_of_a_definition;
    names_of_kinds_of_names_are_taken_by_the_letter;
}

const ENTITIES: &str = "/entity/api/v2/";

struct World {
    app: TestApp,
    target: i64,
    entity: i64,
    attrs: BTreeMap<String, i64>,
}

impl World {
    fn new(database: Database) -> Option<Self> {
        let app = TestApp::bare(database)?;
        let (target, _) = app.entity(json!({"name": "target"}));
        let attrs = json!([{"name": "s", "type": 2}, {"name": "o", "type": 1, "referral": [target]}]);
        let (entity, attrs) = app.entity(json!({"name": "e", "attrs": attrs}));
        Some(Self { app, target, entity, attrs })
    }

    fn put(&self, key: &str, list: &Value) -> Answer {
        self.app.put(&format!("{ENTITIES}{}/", self.entity), json!({key: list}))
    }

    /// What an update and a creation with this list are refused with: the same.
    #[track_caller]
    fn refused(&self, key: &str, list: &Value) -> Vec<String> {
        let updated = self.put(key, list).expect(400);
        let created = self.app.post(ENTITIES, json!({"name": "new", key: list})).expect(400);
        assert_eq!(updated.codes(), created.codes(), "{list}");
        updated.codes()
    }
}

fn bad_fields_of_definitions_are_said_together(database: Database) {
    let Some(world) = World::new(database) else { return };
    let new = json!({"name": "n", "type": 2, "is_deleted": true});
    // What is accepted and ignored counts as an element all the same.
    assert_eq!(
        world.put("attrs", &json!([new, {}])).expect(400).codes(),
        ["attrs.1.non_field_errors AE-113000"]
    );
    let unknown = json!([{"id": 999_999, "index": "x"}]);
    assert_eq!(
        world.put("attrs", &unknown).expect(400).codes(),
        ["attrs.0.id AE-230000", "attrs.0.index AE-121000"]
    );
    let both = json!([{"type": 1, "name": "a", "referral": [999_999], "index": "x"}]);
    assert_eq!(world.refused("attrs", &both), ["attrs.0.index AE-121000", "attrs.0.referral AE-230000"]);
    let known = json!([new, {"id": world.attrs["o"], "referral": [999_999], "is_mandatory": "x"}]);
    assert_eq!(
        world.put("attrs", &known).expect(400).codes(),
        ["attrs.1.is_mandatory AE-121000", "attrs.1.referral AE-230000"]
    );
    // A complaint about the whole only where no field is bad, and about names only where all elements are good.
    let whole = json!([{"name": "a", "type": 1, "referral": [], "index": "x"}, {"name": "b", "type": 1}]);
    assert_eq!(
        world.refused("attrs", &whole),
        ["attrs.0.index AE-121000", "attrs.1.non_field_errors AE-113000"]
    );
}

fn bad_referrals_are_said_whatever_the_type(database: Database) {
    let Some(world) = World::new(database) else { return };
    let of =
        |kind: i32, referral: Value| json!({"name": format!("n{kind}"), "type": kind, "referral": referral});
    for kind in [1, 2, 8, 16, 1026, 3081] {
        for (referral, code) in [
            (json!([999_999]), "AE-230000"),
            (json!([world.target, 999_999]), "AE-230000"),
            (json!([world.attrs["s"]]), "AE-230000"),
            (json!([null]), "AE-121000"),
            (json!([world.target, null]), "AE-121000"),
            (json!([true]), "AE-121000"),
            (json!({}), "AE-121000"),
            (json!(null), "AE-999999"),
        ] {
            let expected = format!("attrs.0.referral {code}");
            assert_eq!(
                world.refused("attrs", &json!([of(kind, referral.clone())])),
                [expected],
                "{kind} {referral}"
            );
        }
    }
    let beside = json!([of(2, json!([999_999])), {"name": "x", "type": 2, "index": "x"}]);
    assert_eq!(world.refused("attrs", &beside), ["attrs.0.referral AE-230000", "attrs.1.index AE-121000"]);
    // A good one of a type that refers to nothing is not kept.
    let (entity, _) = world.app.entity(json!({"name": "kept", "attrs": [of(2, json!([world.target]))]}));
    let detail = world.app.get(&format!("{ENTITIES}{entity}/")).expect(200).json();
    assert_eq!(detail["attrs"][0]["referral"], json!([]));
}

fn bad_fields_of_webhooks_are_said_together(database: Database) {
    let Some(world) = World::new(database) else { return };
    for (webhook, codes) in [
        (json!({"id": 999_999, "label": []}), vec!["webhooks.id AE-230000", "webhooks.label AE-121000"]),
        (
            json!({"id": 999_999, "url": "http://a/", "is_enabled": "x"}),
            vec!["webhooks.id AE-230000", "webhooks.is_enabled AE-121000"],
        ),
        (
            json!({"id": 999_999, "headers": [{}]}),
            vec![
                "webhooks.headers.0.header_key AE-113000",
                "webhooks.headers.0.header_value AE-113000",
                "webhooks.id AE-230000",
            ],
        ),
    ] {
        assert_eq!(world.refused("webhooks", &json!([webhook])), codes, "{webhook}");
    }
}

fn bad_fields_of_isolation_rules_are_said_together(database: Database) {
    let Some(world) = World::new(database) else { return };
    let (id, attr) = (999_999, world.attrs["s"]);
    for (rule, codes) in [
        (
            json!({"id": id, "conditions": [{"attr_id": "x"}], "action": {}}),
            vec!["isolation_rules.conditions.attr_id AE-121000", "isolation_rules.id AE-230000"],
        ),
        (
            json!({"id": id, "conditions": [], "action": {"is_prevent_all": "x"}}),
            vec!["isolation_rules.action.is_prevent_all AE-121000", "isolation_rules.id AE-230000"],
        ),
        (
            json!({"id": id, "conditions": [{"attr_id": attr, "ref_cond_id": id}], "action": {"prevent_from_id": id}}),
            vec![
                "isolation_rules.action.prevent_from_id AE-230000",
                "isolation_rules.conditions.ref_cond_id AE-230000",
                "isolation_rules.id AE-230000",
            ],
        ),
        (
            json!({"id": id, "action": 1}),
            vec![
                "isolation_rules.action.non_field_errors AE-121000",
                "isolation_rules.conditions AE-113000",
                "isolation_rules.id AE-230000",
            ],
        ),
    ] {
        assert_eq!(world.refused("isolation_rules", &json!([rule])), codes, "{rule}");
    }
}

fn definitions_that_go_keep_their_type(database: Database) {
    let Some(world) = World::new(database) else { return };
    let id = world.attrs["s"];
    let other = json!([{"id": id, "is_deleted": true, "type": 4}]);
    assert_eq!(world.put("attrs", &other).expect(400).codes(), ["attrs.0.non_field_errors AE-121000"]);
    let bad = json!([{"id": id, "is_deleted": true, "index": "x"}]);
    assert_eq!(world.put("attrs", &bad).expect(400).codes(), ["attrs.0.index AE-121000"]);
    world.put("attrs", &json!([{"id": id, "is_deleted": true, "type": 2}])).expect(202);
}

fn only_known_types_can_be_made(database: Database) {
    let Some(world) = World::new(database) else { return };
    for code in [0, -1, 3, 1024, 1028, 1032, 1056, 1152, 2048, 2057, 4096] {
        let attr = json!([{"name": "n", "type": code, "referral": [world.target]}]);
        assert_eq!(world.refused("attrs", &attr), ["attrs.0.type AE-230000"], "{code}");
    }
}

fn nothing_is_no_value_of_a_definition(database: Database) {
    let Some(world) = World::new(database) else { return };
    for field in [
        "name",
        "type",
        "index",
        "is_mandatory",
        "is_delete_in_chain",
        "is_summarized",
        "is_deleted",
        "referral",
        "note",
        "name_order",
        "name_prefix",
        "name_postfix",
        "display_attr",
    ] {
        let mut attr = json!({"name": "n", "type": 2});
        attr[field] = Value::Null;
        let expected = [format!("attrs.0.{field} AE-999999")];
        assert_eq!(world.refused("attrs", &json!([attr])), expected);
        let mut attr = json!({"id": world.attrs["s"]});
        attr[field] = Value::Null;
        assert_eq!(world.put("attrs", &json!([attr])).expect(400).codes(), expected);
    }
}

fn names_of_kinds_of_names_are_taken_by_the_letter(database: Database) {
    let Some(world) = World::new(database) else { return };
    let long = "x".repeat(201);
    for kind in
        [json!(true), json!(1), json!([]), json!({}), json!(null), json!(long), json!(" US "), json!("us")]
    {
        assert_eq!(world.refused("item_name_type", &kind), ["item_name_type AE-999999"], "{kind}");
    }
    for kind in ["US", "ID", "AT"] {
        world.put("item_name_type", &json!(kind)).expect(202);
    }
}
