//! Isolation rules: how they are written and shown, and whom they hide entries from. *Source: spec, entity §1.5,
//! attribute-types §2.*

use crate::server::{Answer, Database, TestApp, on_both_databases};
use pagoda_core::services::entity::isolated;
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::store::queries::entry;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};

on_both_databases! {
    case_entry_074_a_rule_is_shown;
    case_entry_125_isolated_entries_are_no_values;
    case_entry_172_who_is_not_meant_sees_them_all;
    rules_are_kept_at_the_creation_too;
    a_listed_rule_is_replaced_and_others_stay;
    deleted_rules_go;
    conditions_about_what_is_gone_are_dropped;
    what_is_wrong_with_rules;
    what_rules_refer_to_must_be_there;
    every_type_has_its_meaning;
    asking_costs_the_same_for_few_and_many;
    the_model_and_the_server_agree;
}

const ENTITIES: &str = "/entity/api/v2/";

fn one(entity: i64) -> String {
    format!("{ENTITIES}{entity}/")
}

fn rules(app: &TestApp, entity: i64) -> Value {
    app.get(&one(entity)).expect(200).json()["isolation_rules"].clone()
}

/// Which of the entries are hidden from an entity.
fn hidden(app: &TestApp, requester: i64, entries: &[i64]) -> HashSet<i64> {
    Runner::of_server(&app.host, None)
        .run_blocking(Mode::Read, |op| {
            let candidates = entry::by_ids(&mut op.db, entries)?;
            isolated(op, requester, &candidates)
        })
        .unwrap()
}

/// The complaints about rules, without their messages.
fn complaints(answer: Answer) -> Value {
    super::complaints(answer, "isolation_rules")
}

fn case_entry_074_a_rule_is_shown(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (consumer, _) = app.entity(json!({"name": "consumer"}));
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [
        {"name": "s", "type": 2}, {"name": "o", "type": 1, "referral": [consumer]},
    ]}));
    let referred = app.entry(consumer, json!({"name": "r"}));
    let sent = json!([
        {"conditions": [{"attr_id": attrs["s"], "str_cond": "x"}], "action": {"prevent_from_id": consumer}},
        {
            "conditions": [
                {"attr_id": attrs["o"].to_string(), "ref_cond_id": referred.to_string(), "is_unmatch": true},
                {"attr_id": attrs["s"], "bool_cond": true},
            ],
            "action": {"is_prevent_all": "yes"},
        },
    ]);
    app.put(&one(entity), json!({"isolation_rules": sent})).expect(202);
    let shown = rules(&app, entity);
    let string = json!({"id": attrs["s"], "name": "s", "type": 2});
    let expected = json!([
        {
            "id": shown[0]["id"],
            "conditions": [{
                "id": shown[0]["conditions"][0]["id"], "attr": string, "str_cond": "x", "ref_cond": null,
                "bool_cond": false, "is_unmatch": false,
            }],
            "action": {
                "id": shown[0]["action"]["id"], "prevent_from": {"id": consumer, "name": "consumer"},
                "is_prevent_all": false,
            },
        },
        {
            "id": shown[1]["id"],
            "conditions": [
                {
                    "id": shown[1]["conditions"][0]["id"], "attr": {"id": attrs["o"], "name": "o", "type": 1},
                    "str_cond": "", "bool_cond": false, "is_unmatch": true,
                    "ref_cond": {"id": referred, "name": "r", "schema": {"id": consumer, "name": "consumer"}},
                },
                {
                    "id": shown[1]["conditions"][1]["id"], "attr": string, "str_cond": "", "ref_cond": null,
                    "bool_cond": true, "is_unmatch": false,
                },
            ],
            "action": {"id": shown[1]["action"]["id"], "prevent_from": null, "is_prevent_all": true},
        },
    ]);
    assert_eq!(shown, expected);
    for id in [&shown[0]["id"], &shown[0]["conditions"][0]["id"], &shown[0]["action"]["id"]] {
        assert!(id.is_i64(), "{shown}");
    }
    // An entry that is gone is shown all the same: the rule still asks for it.
    app.delete(&format!("/entry/api/v2/{referred}/")).expect(204);
    assert_eq!(rules(&app, entity)[1]["conditions"][0]["ref_cond"]["id"], referred);
}

fn case_entry_125_isolated_entries_are_no_values(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (target, attrs) = app.entity(json!({"name": "target", "attrs": [{"name": "s", "type": 2}]}));
    let referring = json!([
        {"name": "1", "type": 1, "referral": [target]}, {"name": "1025", "type": 1025, "referral": [target]},
        {"name": "2049", "type": 2049, "referral": [target]}, {"name": "3073", "type": 3073, "referral": [target]},
        {"name": "3081", "type": 3081, "referral": [target]},
    ]);
    let (consumer, consumes) = app.entity(json!({"name": "consumer", "attrs": referring}));
    let (other, others) = app.entity(json!({"name": "other", "attrs": referring}));
    let with = |name: &str, value: &str| {
        app.entry(target, json!({"name": name, "attrs": [{"id": attrs["s"], "value": value}]}))
    };
    let (good, bad) = (with("good", "y"), with("bad", "x"));
    let rule = json!([{
        "conditions": [{"attr_id": attrs["s"], "str_cond": "x"}], "action": {"prevent_from_id": consumer},
    }]);
    app.put(&one(target), json!({"isolation_rules": rule})).expect(202);
    let value = |attr_type: &str, id: i64| match attr_type {
        "1" => json!(id),
        "1025" => json!([good, id]),
        "2049" => json!({"name": "n", "id": id.to_string()}),
        "3073" => json!([{"name": "n", "id": id}]),
        _ => json!([{"name": "n", "id": id, "boolean": true}]),
    };
    let entry = app.entry(consumer, json!({"name": "there"}));
    for (attr_type, id) in &consumes {
        let sent = |target: i64| json!({"name": attr_type, "attrs": [{"id": id, "value": value(attr_type, target)}]});
        let create = format!("{}entries/", one(consumer));
        let refused = app.post(&create, sent(bad)).expect(400);
        assert_eq!(refused.codes(), ["non_field_errors AE-121000"], "{attr_type}");
        let update = format!("/entry/api/v2/{entry}/");
        let change = |target: i64| json!({"attrs": [{"id": id, "value": value(attr_type, target)}]});
        let refused = app.put(&update, change(bad)).expect(400);
        assert_eq!(refused.codes(), ["non_field_errors AE-121000"], "{attr_type}");
        app.post(&create, sent(good)).expect(202);
        app.put(&update, change(good)).expect(202);
        // The rule is against one entity.
        let sent =
            json!({"name": attr_type, "attrs": [{"id": others[attr_type], "value": value(attr_type, bad)}]});
        app.post(&format!("{}entries/", one(other)), sent).expect(202);
    }
    // The values of today count.
    app.put(&format!("/entry/api/v2/{bad}/"), json!({"attrs": [{"id": attrs["s"], "value": "z"}]}))
        .expect(202);
    app.put(&format!("/entry/api/v2/{entry}/"), json!({"attrs": [{"id": consumes["1"], "value": bad}]}))
        .expect(202);
}

fn case_entry_172_who_is_not_meant_sees_them_all(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (consumer, _) = app.entity(json!({"name": "consumer"}));
    let (other, _) = app.entity(json!({"name": "other"}));
    let (target, attrs) = app.entity(json!({"name": "target", "attrs": [{"name": "s", "type": 2}]}));
    let with = |name: &str, value: &str| {
        app.entry(target, json!({"name": name, "attrs": [{"id": attrs["s"], "value": value}]}))
    };
    let entries = [with("a", "x"), with("b", "y"), app.entry(other, json!({"name": "c"}))];
    let condition = json!([{"attr_id": attrs["s"], "str_cond": "x"}]);
    let set = |action: Value| {
        let sent: Vec<Value> = rules(&app, target)
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| json!({"id": rule["id"], "is_deleted": true}))
            .chain([json!({"conditions": condition, "action": action})])
            .collect();
        app.put(&one(target), json!({"isolation_rules": sent})).expect(202);
    };
    set(json!({"prevent_from_id": consumer}));
    assert_eq!(hidden(&app, consumer, &entries), HashSet::from([entries[0]]));
    assert_eq!(hidden(&app, other, &entries), HashSet::new());
    assert_eq!(hidden(&app, target, &entries), HashSet::new());
    set(json!({"is_prevent_all": true}));
    for requester in [consumer, other, target] {
        assert_eq!(hidden(&app, requester, &entries), HashSet::from([entries[0]]));
    }
    // An action that is against nobody hides nothing.
    set(json!({}));
    assert_eq!(hidden(&app, consumer, &entries), HashSet::new());
    assert_eq!(hidden(&app, consumer, &[]), HashSet::new());
}

fn rules_are_kept_at_the_creation_too(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let sent = json!([{"conditions": [], "action": {"is_prevent_all": true}}, {"is_deleted": true}]);
    let (entity, _) = app.entity(json!({"name": "e", "isolation_rules": sent}));
    let shown = rules(&app, entity);
    assert_eq!(shown.as_array().unwrap().len(), 1);
    assert_eq!((&shown[0]["conditions"], &shown[0]["action"]["is_prevent_all"]), (&json!([]), &json!(true)));
    // Without conditions it is about all entries.
    let entries = [app.entry(entity, json!({"name": "a"})), app.entry(entity, json!({"name": "b"}))];
    assert_eq!(hidden(&app, entity, &entries), HashSet::from(entries));
}

fn a_listed_rule_is_replaced_and_others_stay(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let condition = |text: &str| json!({"attr_id": attrs["s"], "str_cond": text, "is_unmatch": true});
    let rule = |texts: &[&str]| {
        let conditions: Vec<Value> = texts.iter().map(|text| condition(text)).collect();
        json!({"conditions": conditions, "action": {"prevent_from_id": entity, "is_prevent_all": true}})
    };
    app.put(&one(entity), json!({"isolation_rules": [rule(&["a", "b"]), rule(&["c"])]})).expect(202);
    let before = rules(&app, entity);
    let sent = json!([
        {"conditions": [{"attr_id": attrs["s"], "str_cond": "d"}], "action": {}, "id": before[0]["id"]},
        rule(&["e"]),
    ]);
    app.put(&one(entity), json!({"isolation_rules": sent})).expect(202);
    let after = rules(&app, entity);
    assert_eq!((&after[0]["id"], &after[1]), (&before[0]["id"], &before[1]));
    assert_eq!(after[0]["conditions"].as_array().unwrap().len(), 1);
    assert_eq!(after[0]["conditions"][0]["str_cond"], "d");
    assert_eq!(after[0]["conditions"][0]["is_unmatch"], false);
    assert_eq!(after[0]["action"]["prevent_from"], Value::Null);
    assert_eq!(after[0]["action"]["is_prevent_all"], false);
    assert_eq!(after[2]["conditions"][0]["str_cond"], "e");
    app.put(&one(entity), json!({"note": "n"})).expect(202);
    app.put(&one(entity), json!({"isolation_rules": []})).expect(202);
    assert_eq!(rules(&app, entity), after);
}

fn deleted_rules_go(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let rule = json!({"conditions": [{"attr_id": attrs["s"]}], "action": {"is_prevent_all": true}});
    app.put(&one(entity), json!({"isolation_rules": [rule, rule, rule]})).expect(202);
    let before = rules(&app, entity);
    let mut whole = rule;
    (whole["id"], whole["is_deleted"]) = (before[0]["id"].clone(), json!("true"));
    let sent = json!([{"id": before[1]["id"], "is_deleted": true}, whole]);
    app.put(&one(entity), json!({"isolation_rules": sent})).expect(202);
    assert_eq!(rules(&app, entity), json!([before[2]]));
}

fn conditions_about_what_is_gone_are_dropped(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let attrs = json!([{"name": "s", "type": 2}, {"name": "t", "type": 2}, {"name": "gone", "type": 2}]);
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": attrs}));
    app.put(&one(entity), json!({"attrs": [{"id": attrs["gone"], "is_deleted": true}]})).expect(202);
    let with = |name: &str, value: &str| {
        let values = json!([{"id": attrs["s"], "value": value}, {"id": attrs["t"], "value": "t"}]);
        app.entry(entity, json!({"name": name, "attrs": values}))
    };
    let entries = [with("a", "x"), with("b", "y")];
    let sent = json!([{
        "conditions": [
            {"attr_id": attrs["gone"], "str_cond": "never"}, {"attr_id": 987_654, "str_cond": "never"},
            {"attr_id": attrs["s"], "str_cond": "x"}, {"attr_id": attrs["t"], "str_cond": "other"},
        ],
        "action": {"is_prevent_all": true},
    }]);
    app.put(&one(entity), json!({"isolation_rules": sent})).expect(202);
    assert_eq!(rules(&app, entity)[0]["conditions"].as_array().unwrap().len(), 2);
    assert_eq!(hidden(&app, entity, &entries), HashSet::new());
    // One whose definition goes later does not count any more, nor is it shown.
    app.put(&one(entity), json!({"attrs": [{"id": attrs["t"], "is_deleted": true}]})).expect(202);
    assert_eq!(rules(&app, entity)[0]["conditions"].as_array().unwrap().len(), 1);
    assert_eq!(hidden(&app, entity, &entries), HashSet::from([entries[0]]));
    // One that goes in the same request is gone.
    let sent = json!([{
        "id": rules(&app, entity)[0]["id"], "conditions": [{"attr_id": attrs["s"], "str_cond": "x"}],
        "action": {"is_prevent_all": true},
    }]);
    let body = json!({"attrs": [{"id": attrs["s"], "is_deleted": true}], "isolation_rules": sent});
    app.put(&one(entity), body).expect(202);
    assert_eq!(rules(&app, entity)[0]["conditions"], json!([]));
    assert_eq!(hidden(&app, entity, &entries), HashSet::from(entries));
}

fn what_is_wrong_with_rules(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let good = json!({"conditions": [], "action": {}});
    let with_condition = |field: &str, value: Value| {
        let mut condition = json!({"attr_id": attrs["s"]});
        condition[field] = value;
        json!({"conditions": [{"attr_id": attrs["s"]}, condition], "action": {}})
    };
    let of_condition = |field: &str, code: &str| json!({"conditions": [{}, {field: [code]}]});
    let with_action = |field: &str, value: Value| json!({"conditions": [], "action": {field: value}});
    let mut cases = vec![
        (json!("hoge"), json!({"non_field_errors": ["AE-121000"]})),
        (json!({}), json!({"non_field_errors": ["AE-121000"]})),
        (json!(null), json!(["AE-999999"])),
        (json!([good, "hoge"]), json!([{}, {"non_field_errors": ["AE-121000"]}])),
    ];
    for (rule, expected) in [
        (json!({}), json!({"conditions": ["AE-113000"], "action": ["AE-113000"]})),
        (
            json!({"conditions": 1, "action": 1}),
            json!({
                "conditions": {"non_field_errors": ["AE-121000"]}, "action": {"non_field_errors": ["AE-121000"]},
            }),
        ),
        (
            json!({"conditions": null, "action": null}),
            json!({
                "conditions": ["AE-999999"], "action": ["AE-999999"],
            }),
        ),
        (
            json!({"conditions": [{}, 7], "action": {}}),
            json!({
                "conditions": [{"attr_id": ["AE-113000"]}, {"non_field_errors": ["AE-121000"]}],
            }),
        ),
        (json!({"id": "x", "conditions": [], "action": {}}), json!({"id": ["AE-121000"]})),
        (json!({"id": 987_654, "conditions": [], "action": {}}), json!({"id": ["AE-230000"]})),
        (json!({"id": 987_654, "is_deleted": true}), json!({"id": ["AE-230000"]})),
        (json!({"is_deleted": "hoge", "conditions": [], "action": {}}), json!({"is_deleted": ["AE-121000"]})),
        (with_condition("attr_id", json!("x")), of_condition("attr_id", "AE-121000")),
        (with_condition("attr_id", json!(null)), of_condition("attr_id", "AE-999999")),
        (with_condition("str_cond", json!([])), of_condition("str_cond", "AE-121000")),
        (with_condition("str_cond", json!(null)), of_condition("str_cond", "AE-999999")),
        (with_condition("ref_cond_id", json!("x")), of_condition("ref_cond_id", "AE-121000")),
        (with_condition("bool_cond", json!("hoge")), of_condition("bool_cond", "AE-121000")),
        (with_condition("is_unmatch", json!([])), of_condition("is_unmatch", "AE-121000")),
        (with_action("is_prevent_all", json!("hoge")), json!({"action": {"is_prevent_all": ["AE-121000"]}})),
        (with_action("is_prevent_all", json!(null)), json!({"action": {"is_prevent_all": ["AE-999999"]}})),
        (with_action("prevent_from_id", json!("x")), json!({"action": {"prevent_from_id": ["AE-121000"]}})),
    ] {
        cases.push((json!([rule]), json!([expected])));
    }
    for (sent, expected) in cases {
        let created = app.post(ENTITIES, json!({"name": "new", "isolation_rules": sent}));
        assert_eq!(complaints(created), expected, "{sent}");
        let changed = app.put(&one(entity), json!({"isolation_rules": sent}));
        assert_eq!(complaints(changed), expected, "{sent}");
    }
    assert_eq!(rules(&app, entity), json!([]));
    // Ids are those of the entity, each once.
    app.put(&one(entity), json!({"isolation_rules": [good]})).expect(202);
    let id = rules(&app, entity)[0]["id"].clone();
    let known = json!({"id": id, "conditions": [], "action": {}});
    let created = app.post(ENTITIES, json!({"name": "new", "isolation_rules": [known]}));
    assert_eq!(complaints(created), json!([{"id": ["AE-230000"]}]));
    let twice = app.put(&one(entity), json!({"isolation_rules": [known, known]}));
    assert_eq!(complaints(twice), json!([{}, {"id": ["AE-121000"]}]));
}

fn what_rules_refer_to_must_be_there(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (target, _) = app.entity(json!({"name": "target"}));
    let (from, _) = app.entity(json!({"name": "from"}));
    let attrs = json!([{"name": "o", "type": 1, "referral": [target]}]);
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": attrs}));
    let referred = app.entry(target, json!({"name": "r"}));
    let rule = |reference: i64, from: i64| {
        json!({
            "conditions": [{"attr_id": attrs["o"], "ref_cond_id": reference}], "action": {"prevent_from_id": from},
        })
    };
    let answer = app.put(&one(entity), json!({"isolation_rules": [rule(987_654, 987_654)]}));
    assert_eq!(
        complaints(answer),
        json!([{"conditions": [{"ref_cond_id": ["AE-230000"]}], "action": {"prevent_from_id": ["AE-230000"]}}])
    );
    app.put(&one(entity), json!({"isolation_rules": [rule(referred, from)]})).expect(202);
    // What a rule refers to already hinders no change of it when it is gone.
    app.delete(&format!("/entry/api/v2/{referred}/")).expect(204);
    app.delete(&one(from)).expect(202);
    let mut again = rule(referred, from);
    again["id"] = rules(&app, entity)[0]["id"].clone();
    app.put(&one(entity), json!({"isolation_rules": [again]})).expect(202);
    let shown = rules(&app, entity);
    assert_eq!(shown[0]["conditions"][0]["ref_cond"]["id"], referred);
    assert_eq!(shown[0]["action"]["prevent_from"]["id"], from);
    let answer = app.put(&one(entity), json!({"isolation_rules": [rule(referred, from)]}));
    assert_eq!(
        complaints(answer),
        json!([{"conditions": [{"ref_cond_id": ["AE-230000"]}], "action": {"prevent_from_id": ["AE-230000"]}}])
    );
}

/// An entity with a definition for each type that conditions can be about, and for some that they cannot.
struct World {
    app: TestApp,
    entity: i64,
    attrs: BTreeMap<i32, i64>,
    referred: [i64; 2],
    made: Cell<u32>,
}

const TYPES: [i32; 11] = [1, 2, 4, 8, 2049, 1025, 1026, 3073, 256, 32, 3081];

impl World {
    fn new(database: Database) -> Option<Self> {
        let app = TestApp::bare(database)?;
        let (target, _) = app.entity(json!({"name": "target"}));
        let attr =
            |attr_type: &i32| json!({"name": attr_type.to_string(), "type": attr_type, "referral": [target]});
        let attrs: Vec<Value> = TYPES.iter().map(attr).collect();
        let (entity, attrs) = app.entity(json!({"name": "e", "attrs": attrs}));
        let attrs = attrs.into_iter().map(|(name, id)| (name.parse().unwrap(), id)).collect();
        let referred = ["r0", "r1"].map(|name| app.entry(target, json!({"name": name})));
        Some(Self { app, entity, attrs, referred, made: Cell::new(0) })
    }

    /// Makes an entry with these values, by type.
    fn entry(&self, values: &[(i32, Value)]) -> i64 {
        self.made.set(self.made.get() + 1);
        let attrs: Vec<Value> = values
            .iter()
            .map(|(attr_type, value)| json!({"id": self.attrs[attr_type], "value": value}))
            .collect();
        self.app.entry(self.entity, json!({"name": format!("e{}", self.made.get()), "attrs": attrs}))
    }

    /// Replaces all rules.
    fn set(&self, new: impl IntoIterator<Item = Value>) {
        let old = rules(&self.app, self.entity);
        let old = old.as_array().unwrap().iter().map(|rule| json!({"id": rule["id"], "is_deleted": true}));
        let sent: Vec<Value> = old.chain(new).collect();
        self.app.put(&one(self.entity), json!({"isolation_rules": sent})).expect(202);
    }

    /// Whether an entry is hidden by a condition about a type.
    fn matches(&self, entry: i64, attr_type: i32, condition: Value) -> bool {
        let mut condition = condition;
        condition["attr_id"] = json!(self.attrs[&attr_type]);
        self.set([json!({"conditions": [condition], "action": {"is_prevent_all": true}})]);
        let found = hidden(&self.app, self.entity, &[entry]).contains(&entry);
        condition["is_unmatch"] = json!(true);
        self.set([json!({"conditions": [condition], "action": {"is_prevent_all": true}})]);
        assert_ne!(hidden(&self.app, self.entity, &[entry]).contains(&entry), found, "{condition}");
        found
    }
}

fn every_type_has_its_meaning(database: Database) {
    let Some(world) = World::new(database) else { return };
    let [r0, r1] = world.referred;
    let empty = world.entry(&[]);
    let named = |name: &str, id: Option<i64>| json!({"name": name, "id": id});
    let full = world.entry(&[
        (1, json!(r0)),
        (2, json!("a")),
        (4, json!("a\nb")),
        (8, json!(true)),
        (2049, named("a", Some(r0))),
        (1025, json!([r0, r1])),
        (1026, json!(["a", "b"])),
        (3073, json!([named("a", Some(r0)), named("b", None)])),
        (256, json!(5)),
        (32, json!("2024-01-02")),
        (3081, json!([{"name": "a", "id": r0, "boolean": true}])),
    ]);
    let text = |text: &str| json!({"str_cond": text});
    let to = |id: Option<i64>| json!({"ref_cond_id": id});
    let both = |text: &str, id: Option<i64>| json!({"str_cond": text, "ref_cond_id": id});
    for (attr_type, condition, on_full, on_empty) in [
        (2, text("a"), true, false),
        (2, text("b"), false, false),
        (2, text(""), false, true),
        (4, text("a\nb"), true, false),
        (4, text(""), false, true),
        (1, to(Some(r0)), true, false),
        (1, to(Some(r1)), false, false),
        (1, to(None), false, true),
        (8, json!({"bool_cond": true}), true, false),
        (8, json!({"bool_cond": false}), false, true),
        (2049, both("a", Some(r0)), true, false),
        (2049, both("a", None), false, false),
        (2049, both("", Some(r0)), false, false),
        (2049, both("", None), false, true),
        (1026, text("b"), true, false),
        (1026, text("c"), false, false),
        (1026, text(""), false, true),
        (1025, to(Some(r1)), true, false),
        (1025, to(None), false, true),
        (3073, both("a", Some(r0)), true, false),
        (3073, both("b", None), true, false),
        (3073, both("b", Some(r0)), false, false),
        (3073, both("", None), false, true),
        // Others never.
        (256, text("5"), false, false),
        (256, text(""), false, false),
        (32, text("2024-01-02"), false, false),
        (32, text(""), false, false),
        (3081, both("a", Some(r0)), false, false),
        (3081, both("", None), false, false),
    ] {
        assert_eq!(
            world.matches(full, attr_type, condition.clone()),
            on_full,
            "full, {attr_type}, {condition}"
        );
        assert_eq!(
            world.matches(empty, attr_type, condition.clone()),
            on_empty,
            "empty, {attr_type}, {condition}"
        );
    }
    // A text that was there once, and is gone, is none.
    let path = format!("/entry/api/v2/{full}/");
    let values =
        json!({"attrs": [{"id": world.attrs[&2], "value": ""}, {"id": world.attrs[&1025], "value": []}]});
    world.app.put(&path, values).expect(202);
    assert!(world.matches(full, 2, text("")) && world.matches(full, 1025, to(None)));
}

fn asking_costs_the_same_for_few_and_many(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entries: Vec<i64> =
        (0..20).map(|n| world.entry(&[(2, json!("a")), (1026, json!([n.to_string(), "b"]))])).collect();
    let cost = |count: usize| {
        Runner::of_server(&world.app.host, None)
            .run_blocking(Mode::Read, |op| {
                let candidates = entry::by_ids(&mut op.db, &entries[..count])?;
                let before = op.db.statements;
                isolated(op, world.entity, &candidates)?;
                Ok(op.db.statements - before)
            })
            .unwrap()
    };
    assert_eq!((cost(1), cost(20)), (1, 1));
    let rule = |text: &str| {
        json!({
            "conditions": [
                {"attr_id": world.attrs[&2], "str_cond": "a"}, {"attr_id": world.attrs[&1026], "str_cond": text},
            ],
            "action": {"is_prevent_all": true},
        })
    };
    world.set([rule("1")]);
    assert_eq!((cost(1), cost(20)), (4, 4));
    world.set((0..10).map(|n| rule(&n.to_string())));
    assert_eq!((cost(1), cost(20)), (4, 4));
}

/// A value by type, in the form of a request; `refs` are places in `World::referred`.
#[derive(Debug, Clone, Default)]
struct Made {
    texts: BTreeMap<i32, Option<&'static str>>,
    flag: Option<bool>,
    object: Option<Option<usize>>,
    named: Option<(&'static str, Option<usize>)>,
    objects: Option<Vec<usize>>,
    strings: Option<Vec<&'static str>>,
    nameds: Option<Vec<(&'static str, Option<usize>)>>,
}

#[derive(Debug, Clone)]
struct Asked {
    attr_type: i32,
    text: &'static str,
    reference: Option<usize>,
    flag: bool,
    unmatch: bool,
}

#[derive(Debug, Clone)]
struct Rule {
    asked: Vec<Asked>,
    all: bool,
    from: bool,
}

impl Made {
    fn sent(&self, refs: [i64; 2]) -> Vec<(i32, Value)> {
        let named = |(name, at): &(&str, Option<usize>)| json!({"name": name, "id": at.map(|at| refs[at])});
        let mut sent = Vec::new();
        for (attr_type, text) in &self.texts {
            sent.extend(text.map(|text| (*attr_type, json!(text))));
        }
        sent.extend(self.flag.map(|flag| (8, json!(flag))));
        sent.extend(self.object.map(|at| (1, json!(at.map(|at| refs[at])))));
        sent.extend(self.named.as_ref().map(|one| (2049, named(one))));
        sent.extend(
            self.objects
                .as_ref()
                .map(|all| (1025, json!(all.iter().map(|at| refs[*at]).collect::<Vec<_>>()))),
        );
        sent.extend(self.strings.as_ref().map(|all| (1026, json!(all))));
        sent.extend(self.nameds.as_ref().map(|all| (3073, json!(all.iter().map(named).collect::<Vec<_>>()))));
        sent
    }

    /// What the specification says, in other words than the server's.
    fn satisfies(&self, asked: &Asked) -> bool {
        let plain = match asked.attr_type {
            2 | 4 => self.texts.get(&asked.attr_type).copied().flatten().unwrap_or("") == asked.text,
            8 => self.flag == Some(true) && asked.flag || self.flag != Some(true) && !asked.flag,
            1 => self.object.flatten() == asked.reference,
            2049 => self.named.unwrap_or(("", None)) == (asked.text, asked.reference),
            1025 => {
                let all = self.objects.clone().unwrap_or_default();
                match asked.reference {
                    None => all.is_empty(),
                    Some(at) => all.contains(&at),
                }
            }
            1026 => {
                let all: Vec<&str> =
                    self.strings.iter().flatten().copied().filter(|text| !text.is_empty()).collect();
                if all.is_empty() { asked.text.is_empty() } else { all.contains(&asked.text) }
            }
            3073 => {
                let wanted = (asked.text, asked.reference);
                let kept: Vec<_> = self.nameds.iter().flatten().filter(|one| **one != ("", None)).collect();
                if kept.is_empty() { wanted == ("", None) } else { kept.contains(&&wanted) }
            }
            _ => false,
        };
        if asked.unmatch { !plain } else { plain }
    }
}

fn made() -> impl Strategy<Value = Made> {
    let text = || prop::sample::select(vec!["", "a", "b"]);
    let at = || prop::option::of(0..2_usize);
    let named = move || (text(), at());
    let texts = (prop::option::of(text()), prop::option::of(text()));
    let flags = prop::option::of(any::<bool>());
    let lists = (
        prop::option::of(prop::collection::vec(0..2_usize, 0..3)),
        prop::option::of(prop::collection::vec(text(), 0..3)),
        prop::option::of(prop::collection::vec(named(), 0..3)),
    );
    (texts, flags, prop::option::of(at()), prop::option::of(named()), lists).prop_map(
        |((string, text), flag, object, named, (objects, strings, nameds))| Made {
            texts: BTreeMap::from([(2, string), (4, text)]),
            flag,
            object,
            named,
            objects,
            strings,
            nameds,
        },
    )
}

fn rule() -> impl Strategy<Value = Rule> {
    let asked = (
        prop::sample::select(TYPES.to_vec()),
        prop::sample::select(vec!["", "a", "b"]),
        prop::option::of(0..2_usize),
        any::<bool>(),
        any::<bool>(),
    );
    let asked = asked.prop_map(|(attr_type, text, reference, flag, unmatch)| Asked {
        attr_type,
        text,
        reference,
        flag,
        unmatch,
    });
    let rule = (prop::collection::vec(asked, 0..3), any::<bool>(), any::<bool>());
    rule.prop_map(|(asked, all, from)| Rule { asked, all, from })
}

fn the_model_and_the_server_agree(database: Database) {
    let Some(world) = World::new(database) else { return };
    let (from, _) = world.app.entity(json!({"name": "from"}));
    let (other, _) = world.app.entity(json!({"name": "other"}));
    let cases = (prop::collection::vec(made(), 1..4), prop::collection::vec(rule(), 0..4));
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&cases, |(values, rules)| {
        let entries: Vec<i64> = values.iter().map(|made| world.entry(&made.sent(world.referred))).collect();
        world.set(rules.iter().map(|rule| {
            let condition = |asked: &Asked| {
                json!({
                    "attr_id": world.attrs[&asked.attr_type], "str_cond": asked.text,
                    "ref_cond_id": asked.reference.map(|at| world.referred[at]), "bool_cond": asked.flag,
                    "is_unmatch": asked.unmatch,
                })
            };
            json!({
                "conditions": rule.asked.iter().map(condition).collect::<Vec<_>>(),
                "action": {"is_prevent_all": rule.all, "prevent_from_id": rule.from.then_some(from)},
            })
        }));
        for (requester, is_from) in [(from, true), (other, false)] {
            let applies = |rule: &&Rule| rule.all || (rule.from && is_from);
            let isolates = |made: &Made| {
                rules.iter().filter(applies).any(|rule| rule.asked.iter().all(|asked| made.satisfies(asked)))
            };
            let expected: HashSet<i64> =
                entries.iter().zip(&values).filter(|(_, made)| isolates(made)).map(|(id, _)| *id).collect();
            prop_assert_eq!(hidden(&world.app, requester, &entries), expected);
        }
        Ok(())
    });
    outcome.unwrap();
}
