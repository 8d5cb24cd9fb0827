//! Values that refer to groups and roles. *Source: spec, attribute-types §2, §5, §7.1.*

use super::{column, group, person, role};
use crate::server::{Database, TestApp, on_both_databases};
use serde_json::{Value, json};
use std::collections::BTreeMap;

on_both_databases! {
    groups_and_roles_read_back;
    what_is_refused;
    what_is_mandatory;
    what_changes_nothing_is_not_written;
    deleted_ones_are_treated_as_deleted_entries;
    an_id_of_a_group_is_never_one_of_an_entry;
    reading_costs_a_statement_for_groups_and_one_for_roles;
    deleted_ones_are_null_in_histories_and_do_not_come_back;
    a_role_is_found_by_its_id_before_its_name;
    a_group_takes_no_entry_along;
    what_was_never_written_is_blank;
}

struct World {
    app: TestApp,
    entity: i64,
    attrs: BTreeMap<String, i64>,
    groups: [i64; 2],
    roles: [i64; 2],
}

impl World {
    fn new(database: Database) -> Option<Self> {
        let app = TestApp::bare(database)?;
        let groups = ["ops", "dev"].map(|name| group(&app, name, None, &[]));
        let roles = ["reader", "7"].map(|name| role(&app, name, &json!({})));
        let attrs = [("group", 16), ("role", 64), ("groups", 1040), ("roles", 1088)];
        let attrs = attrs.map(|(name, code)| json!({"name": name, "type": code}));
        let (entity, attrs) = app.entity(json!({"name": "service", "attrs": attrs}));
        Some(Self { app, entity, attrs, groups, roles })
    }

    fn given(&self, values: &[(&str, Value)]) -> Value {
        values.iter().map(|(name, value)| json!({"id": self.attrs[*name], "value": value})).collect()
    }

    fn entry(&self, name: &str, values: &[(&str, Value)]) -> i64 {
        self.app.entry(self.entity, json!({"name": name, "attrs": self.given(values)}))
    }

    fn update(&self, entry: i64, values: &[(&str, Value)]) {
        let body = json!({"attrs": self.given(values)});
        self.app.put(&format!("/entry/api/v2/{entry}/"), body).expect(202);
    }

    fn history(&self, entry: i64) -> Vec<Value> {
        let page = self.app.get(&format!("/entry/api/v2/{entry}/histories/?limit=1000")).expect(200).json();
        column(&page["results"], "curr_value")
    }
}

fn groups_and_roles_read_back(database: Database) {
    let Some(world) = World::new(database) else { return };
    let ([ops, dev], [reader, seven]) = (world.groups, world.roles);
    let (as_ops, as_dev) = (json!({"id": ops, "name": "ops"}), json!({"id": dev, "name": "dev"}));
    let (as_reader, as_seven) = (json!({"id": reader, "name": "reader"}), json!({"id": seven, "name": "7"}));
    let entry = world.entry(
        "by id",
        &[
            ("group", json!(ops)),
            ("role", json!(reader)),
            ("groups", json!([dev.to_string(), null, ops, 0, "", dev])),
            ("roles", json!([seven, "reader", null])),
        ],
    );
    assert_eq!(world.app.value(entry, "group"), json!({"as_group": as_ops}));
    assert_eq!(world.app.value(entry, "role"), json!({"as_role": as_reader}));
    assert_eq!(world.app.value(entry, "groups"), json!({"as_array_group": [as_dev, as_ops, as_dev]}));
    assert_eq!(world.app.value(entry, "roles"), json!({"as_array_role": [as_seven, as_reader]}));

    // A role by its name; digits are an id first, and a name where there is no such id.
    let entry = world.entry("by name", &[("role", json!("reader")), ("roles", json!(["7", "reader"]))]);
    assert_eq!(world.app.value(entry, "role"), json!({"as_role": as_reader}));
    assert_eq!(world.app.value(entry, "roles"), json!({"as_array_role": [as_seven, as_reader]}));

    // Nothing is null, in a detail as in a history, and never an empty object.
    let empty = world.entry("empty", &[("group", json!("")), ("role", json!(0)), ("groups", json!([]))]);
    let nothing = [
        ("group", json!({"as_group": null})),
        ("role", json!({"as_role": null})),
        ("groups", json!({"as_array_group": []})),
        ("roles", json!({"as_array_role": []})),
    ];
    for (name, value) in nothing {
        assert_eq!(world.app.value(empty, name), value);
    }
    let history = world.history(empty);
    assert!(history.contains(&json!({"as_group": null})) && history.contains(&json!({"as_role": null})));
}

fn what_is_refused(database: Database) {
    let Some(world) = World::new(database) else { return };
    let bad = [
        (
            "group",
            vec![
                json!(999),
                json!("ops"),
                json!(true),
                json!([1]),
                json!({}),
                json!(1.5),
                json!(-1),
                json!(" "),
                json!("a\0b"),
                json!("1\0"),
            ],
        ),
        (
            "role",
            vec![
                json!(999),
                json!("999"),
                json!("nobody"),
                json!(true),
                json!(["reader"]),
                json!({"id": 1}),
                json!("a\0b"),
                json!("reader\0"),
            ],
        ),
        (
            "groups",
            vec![
                json!(world.groups[0]),
                json!(null),
                json!(""),
                json!([999]),
                json!(["ops"]),
                json!([[1]]),
                json!(["a\0b"]),
                json!([" "]),
                json!({}),
            ],
        ),
        (
            "roles",
            vec![
                json!("reader"),
                json!(null),
                json!(["reader", "nobody"]),
                json!([true]),
                json!([{}]),
                json!(["a\0b"]),
            ],
        ),
    ];
    for (name, values) in bad {
        for value in values {
            let body = json!({"name": "x", "attrs": world.given(&[(name, value.clone())])});
            let answer =
                world.app.post(&format!("/entity/api/v2/{}/entries/", world.entity), body).expect(400);
            assert_eq!(answer.codes(), ["non_field_errors AE-121000"], "{name} {value}");
        }
    }
    assert!(world.app.entry_names(world.entity).is_empty());
}

fn what_is_mandatory(database: Database) {
    let Some(world) = World::new(database) else { return };
    for (name, code, enough) in [
        ("g", 16, json!(world.groups[0])),
        ("r", 64, json!("reader")),
        ("gs", 1040, json!([world.groups[0], ""])),
        ("rs", 1088, json!(["reader", null])),
    ] {
        let attr = json!({"name": name, "type": code, "is_mandatory": true});
        let (entity, attrs) = world.app.entity(json!({"name": name, "attrs": [attr]}));
        let path = format!("/entity/api/v2/{entity}/entries/");
        let body = |value: &Value| json!({"name": "x", "attrs": [{"id": attrs[name], "value": value}]});
        for nothing in [
            if code > 1024 { json!([""]) } else { json!("") },
            if code > 1024 { json!([]) } else { json!(0) },
            if code > 1024 { json!([null, 0]) } else { json!(null) },
        ] {
            let answer = world.app.post(&path, body(&nothing)).expect(400);
            assert_eq!(answer.codes(), ["non_field_errors AE-121000"], "{name} {nothing}");
        }
        world.app.post(&path, body(&enough)).expect(202);
    }
}

fn what_changes_nothing_is_not_written(database: Database) {
    let Some(world) = World::new(database) else { return };
    let ([ops, dev], [reader, seven]) = (world.groups, world.roles);
    let cases = [
        ("group", json!(ops), json!(ops.to_string()), json!(dev)),
        ("role", json!(reader), json!("reader"), json!(null)),
        ("groups", json!([ops, dev]), json!([dev, null, ops]), json!([ops])),
        ("roles", json!([reader, seven]), json!(["7", "reader"]), json!([])),
    ];
    for (name, first, same, other) in cases {
        let entry = world.entry(name, &[(name, first)]);
        world.update(entry, &[(name, same)]);
        assert_eq!(world.history(entry).len(), 1, "{name}");
        world.update(entry, &[(name, other)]);
        assert_eq!(world.history(entry).len(), 2, "{name}");
    }
}

fn deleted_ones_are_treated_as_deleted_entries(database: Database) {
    let Some(world) = World::new(database) else { return };
    let ([ops, dev], [reader, _]) = (world.groups, world.roles);
    let values = [
        ("group", json!(ops)),
        ("role", json!(reader)),
        ("groups", json!([ops, dev])),
        ("roles", json!([reader])),
    ];
    let entry = world.entry("e", &values);
    world.app.delete(&format!("/group/api/v2/groups/{ops}")).expect(204);
    world.app.delete(&format!("/role/api/v2/{reader}")).expect(204);
    assert_eq!(world.app.value(entry, "group"), json!({"as_group": null}));
    assert_eq!(world.app.value(entry, "role"), json!({"as_role": null}));
    assert_eq!(world.app.value(entry, "groups"), json!({"as_array_group": [{"id": dev, "name": "dev"}]}));
    assert_eq!(world.app.value(entry, "roles"), json!({"as_array_role": []}));
    let refused = json!({"attrs": world.given(&[("group", json!(ops))])});
    let answer = world.app.put(&format!("/entry/api/v2/{entry}/"), refused).expect(400);
    assert_eq!(answer.codes(), ["non_field_errors AE-121000"]);
}

fn an_id_of_a_group_is_never_one_of_an_entry(database: Database) {
    let Some(world) = World::new(database) else { return };
    // As many entries as it takes for one to have the id of a group.
    let (other, _) = world.app.entity(json!({"name": "other"}));
    let entry = world.app.entry(other, json!({"name": "entry"}));
    let mut last = 0;
    while last < entry {
        last = group(&world.app, &format!("g{last}"), None, &[]);
    }
    let referrer = world.entry("refers to a group", &[("group", json!(entry)), ("groups", json!([entry]))]);
    let page = world.app.get(&format!("/entry/api/v2/{entry}/referral/")).expect(200).json();
    assert_eq!(page["count"], 0);
    world.app.delete(&format!("/entry/api/v2/{entry}/")).expect(204);
    assert_eq!(world.app.value(referrer, "group")["as_group"]["id"], entry);
}

fn reading_costs_a_statement_for_groups_and_one_for_roles(database: Database) {
    let Some(world) = World::new(database) else { return };
    let (_, token) = person(&world.app, "guest");
    let cost = |entry: i64| {
        crate::statements::cost(&world.app, || {
            let path = format!("/entry/api/v2/{entry}/");
            drop(world.app.with_token(&token, "GET", &path, None).expect(200));
        })
        .0
    };
    let none = world.entry("none", &[]);
    let [ops, dev] = world.groups;
    let few =
        world.entry("few", &[("group", json!(ops)), ("role", json!("reader")), ("groups", json!([ops]))]);
    let many = world
        .entry("many", &[("group", json!(ops)), ("role", json!("7")), ("groups", json!([ops, dev, ops]))]);
    assert_eq!(cost(few), cost(many));
    // The elements of the list, the groups, the roles.
    assert_eq!(cost(few), cost(none) + 3);
    let history = |entry: i64| {
        crate::statements::cost(&world.app, || {
            let path = format!("/entry/api/v2/{entry}/histories/");
            drop(world.app.with_token(&token, "GET", &path, None).expect(200));
        })
        .0
    };
    assert_eq!(history(few), history(many));
}

fn deleted_ones_are_null_in_histories_and_do_not_come_back(database: Database) {
    let Some(world) = World::new(database) else { return };
    let [ops, dev] = world.groups;
    let as_dev = json!({"id": dev, "name": "dev"});
    let list = world.entry("list", &[("groups", json!([ops, dev]))]);
    let one = world.entry("one", &[("group", json!(ops))]);
    world.update(one, &[("group", json!(dev))]);
    world.app.delete(&format!("/group/api/v2/groups/{ops}")).expect(204);
    assert_eq!(world.history(list), [json!({"as_array_group": [null, as_dev]})]);
    assert_eq!(world.history(one), [json!({"as_group": as_dev}), json!({"as_group": null})]);
    for (entry, attr, left) in
        [(list, "groups", json!({"as_array_group": [as_dev]})), (one, "group", json!({"as_group": null}))]
    {
        let page = world.app.get(&format!("/entry/api/v2/{entry}/histories/")).expect(200).json();
        let oldest = page["results"].as_array().unwrap().last().unwrap()["id"].clone();
        let path = format!("/entry/api/v2/{oldest}/attrv_restore/");
        world.app.with_token(&world.app.token, "PATCH", &path, Some(&json!({}))).expect(200);
        assert_eq!(world.app.value(entry, attr), left);
        // It is not even referred to.
        assert_eq!(world.history(entry)[0], left);
    }
}

fn a_role_is_found_by_its_id_before_its_name(database: Database) {
    let Some(world) = World::new(database) else { return };
    let [reader, _] = world.roles;
    // Its name is the id of another one.
    let digits = role(&world.app, &reader.to_string(), &json!({}));
    let entry = world.entry("x", &[("roles", json!([reader.to_string(), digits]))]);
    let shown = column(&world.app.value(entry, "roles")["as_array_role"], "id");
    assert_eq!(shown, [reader, digits]);
}

fn a_group_takes_no_entry_along(database: Database) {
    let Some(world) = World::new(database) else { return };
    let app = &world.app;
    let (other, _) = app.entity(json!({"name": "other"}));
    let namesake = app.entry(other, json!({"name": "namesake"}));
    let mut last = 0;
    while last < namesake {
        last = group(app, &format!("g{last}"), None, &[]);
    }
    let (entity, attrs) = app.entity(json!({"name": "named", "item_name_type": "AT", "attrs": [
        {"name": "text", "type": 2, "name_order": 1}, {"name": "group", "type": 16, "is_delete_in_chain": true},
        {"name": "groups", "type": 1040, "is_delete_in_chain": true},
    ]}));
    let values = [("text", json!("t")), ("group", json!(namesake)), ("groups", json!([namesake]))];
    let values: Value =
        values.iter().map(|(name, value)| json!({"id": attrs[*name], "value": value})).collect();
    let entry = app.entry(entity, json!({"name": "x", "attrs": values}));
    app.put(&format!("/entry/api/v2/{namesake}/"), json!({"name": "renamed"})).expect(202);
    assert_eq!(app.entry_names(entity), ["t"]);
    app.delete(&format!("/entry/api/v2/{entry}/")).expect(204);
    assert_eq!(app.entry_names(other), ["renamed"]);
}

fn what_was_never_written_is_blank(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("x", &[]);
    let late = [16, 64, 1040, 1088].map(|code| json!({"name": code.to_string(), "type": code}));
    world.app.put(&format!("/entity/api/v2/{}/", world.entity), json!({"attrs": late})).expect(202);
    for (names, blank) in [
        (["group", "16"], json!({"as_group": null})),
        (["role", "64"], json!({"as_role": null})),
        (["groups", "1040"], json!({"as_array_group": []})),
        (["roles", "1088"], json!({"as_array_role": []})),
    ] {
        for name in names {
            assert_eq!(world.app.value(entry, name), blank, "{name}");
        }
    }
    assert!(world.history(entry).is_empty());
}
