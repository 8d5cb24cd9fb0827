//! Searches. *Source: spec, search.*

use super::{close, grant, person, role};
use crate::server::{Database, TestApp, on_both_databases};
use serde_json::{Value, json};
use std::collections::BTreeMap;

on_both_databases! {
    case_entry_145_a_renamed_entry_is_found_by_its_new_name;
    case_entry_185_names_come_before_values;
    case_entry_187_anchors;
    case_entry_188_elements_of_lists;
    case_entry_190_days;
    case_entry_191_filter_keys;
    case_entry_193_referrers;
    case_entry_194_entities_that_refer;
    case_entry_196_an_attribute_that_an_entity_does_not_have;
    case_entry_197_sorting;
    case_entry_199_what_is_wrong_with_a_search;
    case_platform_128_a_deleted_role_has_no_name;
    every_type_is_shown_and_blank;
    a_page_runs_across_entities;
    counts_are_those_before_the_page;
    hints_about_names;
    what_may_not_be_read_is_not_found_by_it;
    an_unreadable_entry_has_its_name;
    joins_with_what_is_referred_to;
    a_write_is_found_by_the_next_search;
    all_entities_that_have_an_attribute;
    a_simple_search_sees_what_its_user_may_read;
}

const ADVANCED: &str = "/entry/api/v2/advanced_search/";

/// An entity with entries.
pub(super) struct World {
    pub(super) app: TestApp,
    pub(super) entity: i64,
    pub(super) attrs: BTreeMap<String, i64>,
}

impl World {
    pub(super) fn new(database: Database, attrs: Value) -> Option<Self> {
        let app = TestApp::bare(database)?;
        Some(Self::within(app, "e", attrs))
    }

    pub(super) fn within(app: TestApp, name: &str, attrs: Value) -> Self {
        let (entity, attrs) = app.entity(json!({"name": name, "attrs": attrs}));
        Self { app, entity, attrs }
    }

    pub(super) fn entry(&self, name: &str, values: &[(&str, Value)]) -> i64 {
        let attrs: Value =
            values.iter().map(|(name, value)| json!({"id": self.attrs[*name], "value": value})).collect();
        self.app.entry(self.entity, json!({"name": name, "attrs": attrs}))
    }

    /// The answer to a search of the entity.
    #[track_caller]
    pub(super) fn search(&self, mut body: Value) -> Value {
        for (key, default) in [("entities", json!([self.entity])), ("attrinfo", json!([]))] {
            if body.get(key).is_none() {
                body[key] = default;
            }
        }
        self.app.post(ADVANCED, body).expect(200).json()
    }

    /// Names of what a search finds.
    #[track_caller]
    pub(super) fn names(&self, body: Value) -> String {
        names(&self.search(body))
    }

    /// Names of the entries whose attribute matches.
    #[track_caller]
    fn like(&self, attr: &str, keyword: &str) -> String {
        self.names(json!({"attrinfo": [{"name": attr, "keyword": keyword}]}))
    }

    #[track_caller]
    fn keyed(&self, attr: &str, key: i64, keyword: &str) -> String {
        self.names(json!({"attrinfo": [{"name": attr, "filter_key": key, "keyword": keyword}]}))
    }

    fn refused(&self, body: Value) -> Value {
        self.app.post(ADVANCED, body).expect(400).json()
    }
}

/// A field of each object of a list, joined.
pub(crate) fn column(list: &Value, key: &str) -> String {
    let fields = super::column(list, key);
    let text = |field: &Value| field.as_str().map_or_else(|| field.to_string(), str::to_owned);
    fields.iter().map(text).collect::<Vec<_>>().join(" ")
}

/// Names of the entries in an answer.
pub(crate) fn names(answer: &Value) -> String {
    let rows = answer["values"].as_array().unwrap().iter();
    rows.map(|row| row["entry"]["name"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

fn case_entry_145_a_renamed_entry_is_found_by_its_new_name(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (racks, _) = app.entity(json!({"name": "rack"}));
    let rack = app.entry(racks, json!({"name": "old"}));
    let world = World::within(app, "e", json!([{"name": "rack", "type": 1, "referral": [racks]}]));
    world.entry("a", &[("rack", json!(rack))]);
    assert_eq!(world.like("rack", "old"), "a");
    world.app.put(&format!("/entry/api/v2/{rack}/"), json!({"name": "new"})).expect(202);
    assert_eq!((world.like("rack", "old"), world.like("rack", "new")), (String::new(), "a".to_owned()));
    let shown = world.search(json!({}));
    assert_eq!(
        shown["values"][0]["attrs"]["rack"]["value"],
        json!({"as_object": {"id": rack, "name": "new"}})
    );
    world.app.delete(&format!("/entry/api/v2/{rack}/")).expect(204);
    assert_eq!(world.like("rack", "new"), "");
    assert_eq!(world.keyed("rack", 1, ""), "a");
    world.app.post(&format!("/entry/api/v2/{rack}/restore/"), json!({})).expect(201);
    assert_eq!(world.like("rack", "^new$"), "a");
}

fn simple(app: &TestApp, query: &str) -> Value {
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    app.get(&format!("/entry/api/v2/search/?query={query}")).json()
}

fn case_entry_185_names_come_before_values(database: Database) {
    let Some(world) =
        World::new(database, json!([{"name": "text", "type": 2}, {"name": "list", "type": 1026}]))
    else {
        return;
    };
    let app = &world.app;
    let by_value = world.entry("b", &[("text", json!("a Rack here"))]);
    world.entry("a", &[("list", json!(["x", "RACK"]))]);
    world.entry("rack-2", &[]);
    world.entry("Rack-1", &[("text", json!("rack"))]);
    let exact = world.entry("rack", &[]);
    let gone = world.entry("rack-3", &[("text", json!("rack"))]);
    app.delete(&format!("/entry/api/v2/{gone}/")).expect(204);
    let changed = world.entry("c", &[("text", json!("rack"))]);
    let other = json!({"attrs": [{"id": world.attrs["text"], "value": "other"}]});
    app.put(&format!("/entry/api/v2/{changed}/"), other).expect(202);
    let found = simple(app, "rack");
    assert_eq!(column(&found, "name"), "rack Rack-1 rack-2 a b", "{found}");
    let schema = json!({"id": world.entity, "name": "e", "permission": 8});
    assert_eq!(found[0], json!({"id": exact, "name": "rack", "schema": schema}));
    assert_eq!(column(&simple(app, "a rack"), "id"), by_value.to_string());
    assert_eq!(column(&simple(app, "^rack-|^a$"), "name"), "Rack-1 a rack-2");
    assert_eq!(column(&simple(app, "rack&2"), "name"), "rack-2");
    assert_eq!(simple(app, ""), json!([]));
    assert_eq!(app.get("/entry/api/v2/search/").json(), json!([]));
    assert_eq!(simple(app, "nothing like it"), json!([]));
    assert_eq!(simple(app, "|"), json!([]));
    for number in 0..25 {
        world.entry(&format!("many-{number:02}"), &[]);
    }
    assert_eq!(simple(app, "many").as_array().unwrap().len(), 20);
    assert_eq!(simple(app, "many")[19]["name"], "many-19");
}

fn case_entry_187_anchors(database: Database) {
    let Some(world) = World::new(database, json!([{"name": "s", "type": 2}, {"name": "n", "type": 256}]))
    else {
        return;
    };
    for (name, text) in [("a", "100"), ("b", "101"), ("c", "200"), ("d", "hoge")] {
        let number = text.parse::<i64>().map_or(Value::Null, Value::from);
        world.entry(name, &[("s", json!(text)), ("n", number)]);
    }
    for (keyword, expected) in [
        ("^10", "a b"),
        ("00$", "a c"),
        ("^100$", "a"),
        ("^ge", ""),
        ("GE$", "d"),
        ("0", "a b c"),
        ("0^", ""),
        ("^", "a b c d"),
    ] {
        assert_eq!(world.like("s", keyword), expected, "{keyword}");
    }
    assert_eq!(world.like("n", "^10"), "a b");
    assert_eq!(world.like("n", "^$"), "d");
    for letter in
        ["(", ")", "<", "\"", "{", "[", "#", "~", "@", "+", "*x", ".", "?", "]", "}", "%", "_", "'", "''"]
    {
        world.entry(&format!("z{letter}"), &[("s", json!(format!("x{letter}y")))]);
        assert_eq!(world.like("s", letter), format!("z{letter}"), "{letter}");
    }
    world.entry("folded", &[("s", json!("STRASSE ΣΊΣΥΦΟΣ İstanbul ßẞ"))]);
    for keyword in ["strasse", "σίσυφοσ", "İst", "ßß", "^strasse ΣΊΣΥΦΟΣ İSTANBUL ẞß$"] {
        assert_eq!(world.like("s", keyword), "folded", "{keyword}");
    }
    // What is exactly the same is found, anchors and all.
    world.entry("caret", &[("s", json!("^odd$"))]);
    assert_eq!(world.like("s", "^odd$"), "caret");
}

fn case_entry_188_elements_of_lists(database: Database) {
    let Some(world) = World::new(database, json!([{"name": "list", "type": 1026}])) else { return };
    for (name, list) in [
        ("a", json!(["hoge", "fuga"])),
        ("b", json!(["fuga", "piyo"])),
        ("c", json!(["hoge"])),
        ("d", json!([])),
    ] {
        world.entry(name, &[("list", list)]);
    }
    for (keyword, expected) in [
        ("hoge&fuga", "a"),
        ("fuga|piyo", "a b"),
        ("hoge&piyo|fuga", "a b"),
        ("hoge|", "a c d"),
        ("*", "a b c"),
        ("\\", "d"),
        ("¥", "d"),
        ("h\\e", ""),
    ] {
        assert_eq!(world.like("list", keyword), expected, "{keyword}");
    }
    // No element contains it, and the whole expression is negated.
    assert_eq!(world.keyed("list", 4, "hoge"), "b d");
    assert_eq!(world.keyed("list", 4, "hoge|piyo"), "d");
    assert_eq!(world.keyed("list", 4, "hoge&fuga"), "b c d");
}

fn case_entry_190_days(database: Database) {
    let attrs =
        json!([{"name": "day", "type": 32}, {"name": "time", "type": 128}, {"name": "text", "type": 2}]);
    let Some(world) = World::new(database, attrs) else { return };
    for (name, day) in [("a", "2024-01-15"), ("b", "2024-02-01"), ("c", "2024-03-01")] {
        let time = json!(format!("{day}T12:00:00Z"));
        world.entry(name, &[("day", json!(day)), ("time", time), ("text", json!(day))]);
    }
    world.entry("n", &[]);
    for attr in ["day", "time"] {
        for one in ["2024-02-01", "2024-2-1", "2024/02/01", "2024/2/1", "20240201", "2024-02-01T10:00:00Z"] {
            assert_eq!(world.like(attr, one), "b", "{attr} {one}");
        }
        for (keyword, expected) in [
            (">2024-02-01", "c"),
            ("<2024-02-01", "a"),
            ("<2024-03-01 >2024-01-15", "b"),
            ("2024-02-01~2024-03-01", "b c"),
            ("2024-01-15|2024-03-01", "a c"),
            ("2024-01-01~", ""),
            ("2024-13-01", ""),
            ("<2024-01-01 >2024-03-01", ""),
        ] {
            assert_eq!(world.like(attr, keyword), expected, "{attr} {keyword}");
        }
    }
    assert_eq!(world.like("text", "2024-02-01"), "b");
    assert_eq!(world.like("text", "2024-02"), "b");
}

fn case_entry_191_filter_keys(database: Database) {
    let attrs = json!([{"name": "s", "type": 2}, {"name": "list", "type": 1026}, {"name": "flag", "type": 8}, {"name": "n", "type": 256}]);
    let Some(world) = World::new(database, attrs) else { return };
    world.entry("a", &[("s", json!("same")), ("list", json!(["x", "x"])), ("flag", json!(true))]);
    world.entry("b", &[("s", json!("same")), ("list", json!(["y"])), ("n", json!(1))]);
    world.entry("c", &[("s", json!("other")), ("n", json!(2))]);
    world.entry("d", &[]);
    for (attr, key, keyword, expected) in [
        ("s", 0, "other", "a b c d"),
        ("s", 1, "ignored", "d"),
        ("s", 2, "ignored", "a b c"),
        ("s", 3, "oth", "c"),
        ("s", 3, "", "a b c d"),
        ("s", 4, "same", "c d"),
        ("s", 4, "", "a b c d"),
        ("s", 4, "\\", "d"),
        ("s", 5, "", "a b"),
        ("list", 5, "", "a"),
        ("flag", 5, "", "b c d"),
        ("n", 5, "", ""),
        ("flag", 1, "", ""),
        ("flag", 2, "", "a b c d"),
        ("flag", 3, "true", "a"),
        ("flag", 3, "alse", "b c d"),
        ("flag", 4, "true", "b c d"),
    ] {
        assert_eq!(world.keyed(attr, key, keyword), expected, "{attr} {key} {keyword}");
    }
    let of = |info: Value| {
        world.refused(json!({"entities": [], "attrinfo": [{"name": "s"}, info]}))["attrinfo"].clone()
    };
    let complaint = of(json!({"name": "s", "filter_key": 6}));
    assert_eq!((&complaint[0], &complaint[1]["filter_key"][0]["code"]), (&json!({}), &json!("AE-121000")));
}

/// An entity whose entries are referred to by those of two others.
pub(super) fn referred(database: Database) -> Option<(World, i64, i64)> {
    let world = World::new(database, json!([]))?;
    for name in ["a", "b", "c"] {
        world.entry(name, &[]);
    }
    let id = |name: &str| {
        let rows = world.search(json!({}));
        let row = rows["values"].as_array().unwrap().iter().find(|row| row["entry"]["name"] == name);
        row.unwrap()["entry"]["id"].as_i64().unwrap()
    };
    let attrs = json!([{"name": "to", "type": 1025, "referral": [world.entity]}]);
    let (one, of_one) = world.app.entity(json!({"name": "one", "attrs": attrs}));
    let (two, of_two) = world.app.entity(json!({"name": "two", "attrs": attrs}));
    let refer = |entity: i64, attr: i64, name: &str, to: &[i64]| {
        world.app.entry(entity, json!({"name": name, "attrs": [{"id": attr, "value": to}]}));
    };
    refer(one, of_one["to"], "e-1", &[id("a"), id("b")]);
    refer(two, of_two["to"], "e-2", &[id("b")]);
    Some((world, one, two))
}

fn case_entry_193_referrers(database: Database) {
    let Some((world, one, _)) = referred(database) else { return };
    let by = |name: &str| json!({"has_referral": true, "referral_name": name});
    for (name, expected) in [
        ("", "a b c"),
        ("e-1", "a b"),
        ("E-2$", "b"),
        ("\\", "c"),
        ("*", "a b"),
        ("e-1&e-2", "b"),
        ("nobody", ""),
    ] {
        assert_eq!(world.names(by(name)), expected, "{name}");
    }
    let shown = world.search(by("e-2"));
    let referrers = &shown["values"][0]["referrals"];
    assert_eq!(column(referrers, "name"), "e-1 e-2", "all of them, not only those that match");
    assert_eq!(referrers[0]["schema"], json!({"id": one, "name": "one"}));
    assert_eq!(world.search(by(""))["values"][2]["referrals"], json!([]));
    for none in
        [json!({}), json!({"has_referral": true}), json!({"has_referral": false, "referral_name": "e-1"})]
    {
        let shown = world.search(none.clone());
        assert_eq!((&shown["count"], &shown["values"][0]["referrals"]), (&json!(3), &Value::Null), "{none}");
    }
}

fn case_entry_194_entities_that_refer(database: Database) {
    let Some((world, one, two)) = referred(database) else { return };
    for (body, expected) in [
        (json!({"include_referrals": [one]}), "a b"),
        (json!({"include_referrals": [two]}), "b"),
        (json!({"exclude_referrals": [two]}), "a c"),
        (json!({"exclude_referrals": [one, two]}), "c"),
        (json!({"include_referrals": [one], "exclude_referrals": [two]}), "a"),
        (json!({"include_referrals": [], "exclude_referrals": []}), "a b c"),
        (json!({"include_referrals": [999_999]}), ""),
    ] {
        assert_eq!(world.names(body.clone()), expected, "{body}");
    }
}

fn case_entry_196_an_attribute_that_an_entity_does_not_have(database: Database) {
    let Some(world) = World::new(database, json!([{"name": "s", "type": 2}])) else { return };
    world.entry("a", &[("s", json!("x"))]);
    let shown = world.search(json!({"attrinfo": [{"name": "s"}, {"name": "missing"}]}));
    assert_eq!(
        shown["values"][0]["attrs"],
        json!({"s": {"type": 2, "is_readable": true, "value": {"as_string": "x"}}})
    );
    assert_eq!(world.like("missing", "x"), "");
    assert_eq!(world.keyed("missing", 1, ""), "");
    assert_eq!(world.keyed("missing", 0, "x"), "a");
}

fn case_entry_197_sorting(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (other, _) = app.entity(json!({"name": "other"}));
    let [z, y] = ["Z", "y"].map(|name| app.entry(other, json!({"name": name})));
    let attrs = json!([
        {"name": "s", "type": 2}, {"name": "o", "type": 1, "referral": [other]}, {"name": "d", "type": 32}, {"name": "t", "type": 128},
        {"name": "n", "type": 256}, {"name": "b", "type": 8}, {"name": "named", "type": 2049, "referral": [other]}, {"name": "list", "type": 1026},
    ]);
    let world = World::within(app, "e", attrs);
    world.entry(
        "B",
        &[
            ("s", json!("b")),
            ("o", json!(y)),
            ("d", json!("2024-02-01")),
            ("t", json!("2024-01-01T00:00:00.5Z")),
        ],
    );
    world.entry(
        "a",
        &[
            ("s", json!("C")),
            ("o", json!(z)),
            ("d", json!("2023-01-01")),
            ("t", json!("2024-01-01T00:00:00Z")),
        ],
    );
    world.entry("c", &[]);
    let sorted = |target: &str, order: &str| {
        world.names(
            json!({"attrinfo": [{"name": target}], "sort": {"target_attrname": target, "order": order}}),
        )
    };
    for (target, ascending, descending) in [
        ("s", "c a B", "B a c"),
        ("o", "c a B", "B a c"),
        ("d", "a B c", "B a c"),
        ("t", "a B c", "B a c"),
        ("__entry_name__", "B a c", "c a B"),
    ] {
        assert_eq!(sorted(target, "asc"), ascending, "{target}");
        assert_eq!(sorted(target, "desc"), descending, "{target}");
    }
    assert_eq!(world.names(json!({"attrinfo": [{"name": "d"}], "sort": {"target_attrname": "d"}})), "a B c");
    let refused = |target: &str| {
        let infos = ["n", "b", "named", "list", "unknown"].map(|name| json!({"name": name}));
        world.refused(
            json!({"entities": [world.entity], "attrinfo": infos, "sort": {"target_attrname": target}}),
        )
    };
    for target in ["n", "b", "named", "list", "unknown", "s"] {
        assert!(refused(target).is_string(), "{target}");
    }
    let of = |sort: Value| {
        world.refused(json!({"entities": [], "attrinfo": [{"name": "s"}], "sort": sort}))["sort"].clone()
    };
    assert_eq!(of(json!({"target_attrname": "s", "order": "up"}))["order"][0]["code"], "AE-999999");
    assert_eq!(of(json!({}))["target_attrname"][0]["code"], "AE-113000");
    assert_eq!(of(json!(null))[0]["code"], "AE-999999");
}

fn case_entry_199_what_is_wrong_with_a_search(database: Database) {
    let Some(world) = World::new(database, json!([{"name": "s", "type": 2}])) else { return };
    let all = json!({"entities": [], "attrinfo": [{"name": "unknown"}], "is_all_entities": true});
    assert!(world.refused(all).is_string());
    let long = "x".repeat(250);
    let code = |complaints: &Value, path: &str| {
        complaints.pointer(path).cloned().unwrap_or_else(|| panic!("{path} in {complaints}"))
    };
    for (body, path, expected) in [
        (json!([]), "/non_field_errors/0/code", "AE-121000"),
        (json!(null), "/non_field_errors/0/code", "AE-121000"),
        (json!({"attrinfo": []}), "/entities/0/code", "AE-113000"),
        (json!({"entities": 1, "attrinfo": []}), "/entities/0/code", "AE-121000"),
        (json!({"entities": [1, "x"], "attrinfo": []}), "/entities/1/0/code", "AE-121000"),
        (json!({"entities": []}), "/attrinfo/0/code", "AE-113000"),
        (json!({"entities": [], "attrinfo": 1}), "/attrinfo/non_field_errors/0/code", "AE-121000"),
        (json!({"entities": [], "attrinfo": [1]}), "/attrinfo/0/non_field_errors/0/code", "AE-121000"),
        (json!({"entities": [], "attrinfo": [{}]}), "/attrinfo/0/name/0/code", "AE-113000"),
        (
            json!({"entities": [], "attrinfo": [{"name": "s", "keyword": []}]}),
            "/attrinfo/0/keyword/0/code",
            "AE-121000",
        ),
        (
            json!({"entities": [], "attrinfo": [{"name": "s", "keyword": null}]}),
            "/attrinfo/0/keyword/0/code",
            "AE-999999",
        ),
        (
            json!({"entities": [], "attrinfo": [{"name": "s", "keyword": long}]}),
            "/attrinfo/0/keyword/0/code",
            "AE-122000",
        ),
        (
            json!({"entities": [], "attrinfo": [], "hint_entry": 1}),
            "/hint_entry/non_field_errors/0/code",
            "AE-121000",
        ),
        (
            json!({"entities": [], "attrinfo": [], "hint_entry": {"keyword": long}}),
            "/hint_entry/keyword/0/code",
            "AE-122000",
        ),
        (
            json!({"entities": [], "attrinfo": [], "hint_entry": {"filter_key": 3}}),
            "/hint_entry/filter_key/0/code",
            "AE-121000",
        ),
        (
            json!({"entities": [], "attrinfo": [], "join_attrs": [{"name": "s"}]}),
            "/join_attrs/0/attrinfo/0/code",
            "AE-113000",
        ),
        (
            json!({"entities": [], "attrinfo": [], "join_attrs": [{"name": "s", "attrinfo": []}]}),
            "/join_attrs/0/code",
            "AE-121000",
        ),
        (json!({"entities": [], "attrinfo": [], "entry_limit": "x"}), "/entry_limit/0/code", "AE-121000"),
        (json!({"entities": [], "attrinfo": [], "entry_limit": -1}), "/entry_limit/0/code", "AE-999999"),
        (json!({"entities": [], "attrinfo": [], "entry_offset": -1}), "/entry_offset/0/code", "AE-999999"),
        (json!({"entities": [], "attrinfo": [], "has_referral": "x"}), "/has_referral/0/code", "AE-121000"),
        (
            json!({"entities": [], "attrinfo": [], "is_output_all": null}),
            "/is_output_all/0/code",
            "AE-999999",
        ),
        (
            json!({"entities": [], "attrinfo": [], "referral_name": null}),
            "/referral_name/0/code",
            "AE-999999",
        ),
    ] {
        assert_eq!(code(&world.refused(body.clone()), path), expected, "{body}");
    }
    let empty = json!({"count": 0, "values": [], "total_count": 0});
    for entities in [json!([]), json!([999_999]), json!(["999999"])] {
        assert_eq!(world.search(json!({"entities": entities})), empty);
    }
    world.app.request("POST", ADVANCED, &[], Some(br#"{"entities": [], "attrinfo": []}"#)).expect(403);
}

fn case_platform_128_a_deleted_role_has_no_name(database: Database) {
    let attrs = json!([{"name": "one", "type": 64}, {"name": "many", "type": 1088}]);
    let Some(world) = World::new(database, attrs) else { return };
    let owners = role(&world.app, "owners", &json!({}));
    world.entry("a", &[("one", json!(owners)), ("many", json!([owners]))]);
    assert_eq!((world.like("one", "owner"), world.like("many", "owner")), ("a".to_owned(), "a".to_owned()));
    assert_eq!(column(&simple(&world.app, "owners"), "name"), "a");
    let shown = &world.search(json!({}))["values"][0]["attrs"];
    assert_eq!(shown["one"]["value"], json!({"as_role": {"id": owners, "name": "owners"}}));
    world.app.delete(&format!("/role/api/v2/{owners}")).expect(204);
    assert_eq!((world.like("one", "owner"), world.like("many", "owner")), (String::new(), String::new()));
    assert_eq!(world.keyed("many", 1, ""), "a");
    assert_eq!(simple(&world.app, "owners"), json!([]));
    let shown = &world.search(json!({}))["values"][0]["attrs"];
    assert_eq!(shown["one"]["value"], json!({"as_role": {"id": "", "name": ""}}));
    assert_eq!(shown["many"]["value"], json!({"as_array_role": []}));
}

/// An entity with an attribute of every type, an entry `full` and one with nothing, and what the full one refers to: an entry,
/// a group and a role.
pub(super) fn every_type(database: Database) -> Option<(World, [i64; 3])> {
    let app = TestApp::bare(database)?;
    let (other, _) = app.entity(json!({"name": "other"}));
    let to = app.entry(other, json!({"name": "to"}));
    let choices = json!([{"value": "c1", "label": "Red"}]);
    let refers = |name: &str, code: i32| json!({"name": name, "type": code, "referral": [other]});
    let attrs = json!([
        {"name": "string", "type": 2}, {"name": "text", "type": 4}, {"name": "flag", "type": 8}, {"name": "day", "type": 32},
        {"name": "time", "type": 128}, {"name": "number", "type": 256}, refers("object", 1), {"name": "group", "type": 16},
        {"name": "role", "type": 64}, {"name": "choice", "type": 512, "choices": choices}, refers("named", 2049),
        {"name": "strings", "type": 1026}, {"name": "numbers", "type": 1280}, refers("objects", 1025),
        {"name": "groups", "type": 1040}, {"name": "roles", "type": 1088}, {"name": "choices", "type": 1536, "choices": choices},
        refers("nameds", 3073), refers("flaggeds", 3081),
    ]);
    let world = World::within(app, "e", attrs);
    let group = super::group(&world.app, "g", None, &[]);
    let role = role(&world.app, "r", &json!({}));
    let named = json!({"name": "key", "id": to});
    let flagged = json!({"name": "key", "id": to, "boolean": true});
    let alone = json!({"name": "alone", "id": null, "boolean": true});
    world.entry(
        "full",
        &[
            ("string", json!("s")),
            ("text", json!("t")),
            ("flag", json!(true)),
            ("day", json!("2024-01-31")),
            ("time", json!("2024-01-31T12:00:00Z")),
            ("number", json!(1.5)),
            ("object", json!(to)),
            ("group", json!(group)),
            ("role", json!(role)),
            ("choice", json!("c1")),
            ("named", named.clone()),
            ("strings", json!(["x", "y"])),
            ("numbers", json!([1, null])),
            ("objects", json!([to])),
            ("groups", json!([group])),
            ("roles", json!([role])),
            ("choices", json!(["c1"])),
            ("nameds", json!([named])),
            ("flaggeds", json!([flagged, alone])),
        ],
    );
    world.entry("none", &[]);
    Some((world, [to, group, role]))
}

fn every_type_is_shown_and_blank(database: Database) {
    let Some((world, [to, group, role])) = every_type(database) else { return };
    let shown = world.search(json!({}));
    let object = json!({"id": to, "name": "to"});
    let nothing = json!({"id": "", "name": ""});
    let choice = json!({"value": "c1", "label": "Red"});
    let with_flag = |id: Value, name: &str, flag: bool| json!({"id": id, "name": name, "boolean": flag});
    let expected = [
        ("string", 2, json!({"as_string": "s"}), json!({"as_string": ""})),
        ("text", 4, json!({"as_string": "t"}), json!({"as_string": ""})),
        ("flag", 8, json!({"as_boolean": true}), json!({"as_boolean": false})),
        ("day", 32, json!({"as_string": "2024-01-31"}), json!({"as_string": ""})),
        ("time", 128, json!({"as_string": "2024-01-31T12:00:00+00:00"}), json!({"as_string": ""})),
        ("number", 256, json!({"as_number": 1.5}), json!({"as_number": null})),
        ("object", 1, json!({"as_object": object}), json!({"as_object": nothing})),
        ("group", 16, json!({"as_group": {"id": group, "name": "g"}}), json!({"as_group": nothing})),
        ("role", 64, json!({"as_role": {"id": role, "name": "r"}}), json!({"as_role": nothing})),
        ("choice", 512, json!({"as_select": choice}), json!({"as_select": null})),
        (
            "named",
            2049,
            json!({"as_named_object": {"name": "key", "object": object}}),
            json!({"as_named_object": {"name": "", "object": nothing}}),
        ),
        ("strings", 1026, json!({"as_array_string": ["x", "y"]}), json!({"as_array_string": []})),
        ("numbers", 1280, json!({"as_array_number": [1]}), json!({"as_array_number": []})),
        ("objects", 1025, json!({"as_array_object": [object]}), json!({"as_array_object": []})),
        (
            "groups",
            1040,
            json!({"as_array_group": [{"id": group, "name": "g"}]}),
            json!({"as_array_group": []}),
        ),
        ("roles", 1088, json!({"as_array_role": [{"id": role, "name": "r"}]}), json!({"as_array_role": []})),
        ("choices", 1536, json!({"as_multi_select": [choice]}), json!({"as_multi_select": []})),
        (
            "nameds",
            3073,
            json!({"as_array_named_object": [{"name": "key", "object": object}]}),
            json!({"as_array_named_object": []}),
        ),
        (
            "flaggeds",
            3081,
            json!({"as_array_named_object": [
                {"name": "key", "object": with_flag(json!(to), "to", true)}, {"name": "alone", "object": with_flag(json!(""), "", true)},
            ]}),
            json!({"as_array_named_object": []}),
        ),
    ];
    let (full, none) = (&shown["values"][0], &shown["values"][1]);
    assert_eq!(full["attrs"].as_object().unwrap().len(), expected.len());
    for (name, code, set, blank) in expected {
        assert_eq!(full["attrs"][name], json!({"type": code, "is_readable": true, "value": set}), "{name}");
        assert_eq!(none["attrs"][name], json!({"type": code, "is_readable": true, "value": blank}), "{name}");
    }
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&shown), "count total_count values");
    assert_eq!(keys(full), "entity entry attrs is_readable referrals");
    assert_eq!(full["entity"], json!({"id": world.entity, "name": "e"}));
    let some = world.search(json!({"attrinfo": [{"name": "string"}], "is_output_all": false}));
    assert_eq!(keys(&some["values"][0]["attrs"]), "string");
}

fn a_page_runs_across_entities(database: Database) {
    let Some(world) = World::new(database, json!([])) else { return };
    let (later, _) = world.app.entity(json!({"name": "a later one"}));
    for name in ["b", "a", "C"] {
        world.entry(name, &[]);
        world.app.entry(later, json!({"name": format!("{name}2")}));
    }
    let page = |offset: i64, limit: i64| {
        let body = json!({"entities": [later, world.entity], "entry_offset": offset, "entry_limit": limit});
        let found = world.search(body);
        assert_eq!((&found["count"], &found["total_count"]), (&json!(6), &json!(6)));
        names(&found)
    };
    assert_eq!(page(0, 100), "C a b C2 a2 b2");
    assert_eq!(page(2, 2), "b C2");
    assert_eq!(page(3, 1), "C2");
    assert_eq!(page(5, 10), "b2");
    assert_eq!(page(6, 10), "");
    assert_eq!(page(0, 0), "");
    assert_eq!(page(i64::MAX, i64::MAX), "");
}

fn counts_are_those_before_the_page(database: Database) {
    let Some(world) = World::new(database, json!([{"name": "s", "type": 2}])) else { return };
    for number in 0..130 {
        world.entry(&format!("n{number:03}"), &[("s", json!(format!("v{}", number % 2)))]);
    }
    let found = world
        .search(json!({"attrinfo": [{"name": "s", "keyword": "v1"}], "entry_limit": 7, "entry_offset": 60}));
    assert_eq!((&found["count"], &found["total_count"]), (&json!(65), &json!(65)));
    assert_eq!(names(&found), "n121 n123 n125 n127 n129");
    assert_eq!(world.search(json!({}))["values"].as_array().unwrap().len(), 100);
}

fn hints_about_names(database: Database) {
    let Some(world) = World::new(database, json!([])) else { return };
    for name in ["web-1", "web-2", "db-1", "star*"] {
        world.entry(name, &[]);
    }
    for (hint, expected) in [
        (json!({"filter_key": 1, "keyword": "web"}), "web-1 web-2"),
        (json!({"filter_key": 1, "keyword": "^WEB&1$|db"}), "db-1 web-1"),
        (json!({"filter_key": 2, "keyword": "web"}), "db-1 star*"),
        (json!({"filter_key": 2, "keyword": "web|db"}), "star*"),
        (json!({"filter_key": 0, "keyword": "web"}), "db-1 star* web-1 web-2"),
        (json!({"keyword": "web"}), "db-1 star* web-1 web-2"),
        (json!({}), "db-1 star* web-1 web-2"),
        (json!({"keyword": ""}), "db-1 star* web-1 web-2"),
        (json!({"filter_key": 1}), "db-1 star* web-1 web-2"),
        (json!({"filter_key": 1, "keyword": ""}), ""),
        (json!({"filter_key": 1, "keyword": "*"}), "star*"),
        (json!({"filter_key": 1, "keyword": "1", "exact_match": true}), "db-1 web-1"),
    ] {
        assert_eq!(world.names(json!({"hint_entry": hint})), expected, "{hint}");
    }
}

fn what_may_not_be_read_is_not_found_by_it(database: Database) {
    let Some(world) = World::new(database, json!([{"name": "open", "type": 2}, {"name": "shut", "type": 2}]))
    else {
        return;
    };
    let app = &world.app;
    let values = [("open", json!("x")), ("shut", json!("secret"))];
    let [a, _, _] = ["a", "b", "c"].map(|name| world.entry(name, &values));
    let (user, token) = person(app, "u");
    let ask = |body: Value| app.with_token(&token, "POST", ADVANCED, Some(&body)).expect(200).json();
    let by = |attr: &str, keyword: &str| {
        names(&ask(json!({"entities": [world.entity], "attrinfo": [{"name": attr, "keyword": keyword}]})))
    };
    assert_eq!(by("shut", "secret"), "a b c");
    // One attribute of one entry.
    let detail = app.get(&format!("/entry/api/v2/{a}/")).json();
    let attribute = detail["attrs"][1]["id"].as_i64().unwrap();
    close(app, attribute);
    assert_eq!(by("shut", "secret"), "b c");
    assert_eq!(by("open", "x"), "a b c");
    let negated = json!({"entities": [world.entity], "attrinfo": [{"name": "shut", "filter_key": 4, "keyword": "other"}]});
    assert_eq!(names(&ask(negated)), "b c", "also where it is negated");
    let shown = ask(json!({"entities": [world.entity], "attrinfo": []}));
    let cell = &shown["values"][0]["attrs"]["shut"];
    assert_eq!(cell, &json!({"type": 2, "is_readable": false, "value": {"as_string": ""}}));
    // Its definition.
    close(app, world.attrs["shut"]);
    assert_eq!((by("shut", "secret"), by("shut", "\\")), (String::new(), String::new()));
    let friends = role(app, "friends", &json!({"users": [user]}));
    grant(app, world.attrs["shut"], friends, 2);
    assert_eq!(by("shut", "secret"), "b c");
    grant(app, attribute, friends, 2);
    assert_eq!(by("shut", "secret"), "a b c");
}

fn an_unreadable_entry_has_its_name(database: Database) {
    let Some(world) = World::new(database, json!([{"name": "s", "type": 2}])) else { return };
    let app = &world.app;
    let [a, _] = ["a", "b"].map(|name| world.entry(name, &[("s", json!("x"))]));
    close(app, a);
    let (_, token) = person(app, "u");
    let ask = |body: &Value| app.with_token(&token, "POST", ADVANCED, Some(body)).expect(200).json();
    let all = json!({"entities": [world.entity], "attrinfo": [{"name": "s"}]});
    let shown = ask(&all);
    assert_eq!(shown["count"], 2);
    let entry = json!({"id": a, "name": "a"});
    let row = &shown["values"][0];
    assert_eq!((&row["entry"], &row["attrs"], &row["is_readable"]), (&entry, &json!({}), &json!(false)));
    let found = ask(&json!({"entities": [world.entity], "attrinfo": [{"name": "s", "keyword": "x"}]}));
    assert_eq!(names(&found), "b");
    close(app, world.entity);
    assert_eq!(ask(&all)["count"], 0, "an entity that may not be read is passed over");
}

fn joins_with_what_is_referred_to(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let vendors =
        World::within(app, "vendor", json!([{"name": "country", "type": 2}, {"name": "size", "type": 256}]));
    let acme = vendors.entry("acme", &[("country", json!("JP")), ("size", json!(5))]);
    let umbra = vendors.entry("umbra", &[("country", json!("DE"))]);
    let refers = |name: &str, code: i32| json!({"name": name, "type": code, "referral": [vendors.entity]});
    let world = World::within(
        vendors.app,
        "device",
        json!([refers("by", 1), refers("used", 1025), {"name": "s", "type": 2}]),
    );
    world.entry("a", &[("by", json!(acme)), ("used", json!([acme, umbra]))]);
    world.entry("b", &[("by", json!(umbra)), ("used", json!([umbra]))]);
    world.entry("c", &[]);
    let joined = |join: Value| {
        let names = [json!({"name": "by"}), json!({"name": "used"})];
        world.search(json!({"attrinfo": names, "join_attrs": join, "is_output_all": false}))
    };
    let found = joined(json!([{"name": "by", "attrinfo": [{"name": "country"}, {"name": "size"}]}]));
    assert_eq!(
        (names(&found), &found["count"], &found["total_count"]),
        ("a b c".to_owned(), &json!(3), &json!(3))
    );
    let cell = |row: usize, name: &str| found["values"][row]["attrs"][name].clone();
    assert_eq!(cell(0, "by.country"), json!({"type": 2, "is_readable": true, "value": {"as_string": "JP"}}));
    assert_eq!(cell(0, "by.size"), json!({"type": 256, "is_readable": true, "value": {"as_number": 5}}));
    assert_eq!(cell(1, "by.size"), json!({"type": 256, "is_readable": true, "value": {"as_number": null}}));
    let nothing = json!({"type": 2, "is_readable": true, "value": {"as_string": ""}});
    assert_eq!((cell(2, "by.country"), cell(2, "by.size")), (nothing.clone(), nothing));
    let filtered = joined(json!([{"name": "by", "attrinfo": [{"name": "country", "keyword": "jp"}]}]));
    assert_eq!(
        (names(&filtered), &filtered["count"], &filtered["total_count"]),
        ("a".to_owned(), &json!(1), &json!(3))
    );
    let many = joined(json!([{"name": "used", "attrinfo": [{"name": "country"}]}]));
    assert_eq!((names(&many), &many["count"]), ("a a b c".to_owned(), &json!(4)));
    let both = joined(json!([
        {"name": "used", "attrinfo": [{"name": "country", "filter_key": 2}]}, {"name": "by", "attrinfo": [{"name": "country", "keyword": "JP"}]},
    ]));
    assert_eq!(names(&both), "a a");
    assert_eq!(both["values"][1]["attrs"]["used.country"]["value"], json!({"as_string": "DE"}));
    assert_eq!(both["values"][1]["attrs"]["by.country"]["value"], json!({"as_string": "JP"}));
    let of_text = world.search(json!({"attrinfo": [{"name": "s"}], "join_attrs": [{"name": "s", "attrinfo": [{"name": "country", "filter_key": 1}]}]}));
    assert_eq!((&of_text["count"], &of_text["total_count"]), (&json!(0), &json!(3)));
}

fn a_write_is_found_by_the_next_search(database: Database) {
    let Some(world) = World::new(database, json!([{"name": "s", "type": 2}, {"name": "list", "type": 1026}]))
    else {
        return;
    };
    let app = &world.app;
    let id = world.entry("a", &[("s", json!("first"))]);
    assert_eq!(world.like("s", "first"), "a");
    let put = |value: Value| {
        let body = json!({"attrs": [{"id": world.attrs["s"], "value": value}]});
        app.put(&format!("/entry/api/v2/{id}/"), body).expect(202);
    };
    put(json!("second"));
    assert_eq!((world.like("s", "first"), world.like("s", "second")), (String::new(), "a".to_owned()));
    put(json!(""));
    assert_eq!((world.like("s", "second"), world.keyed("s", 1, "")), (String::new(), "a".to_owned()));
    put(json!("third"));
    app.delete(&format!("/entry/api/v2/{id}/")).expect(204);
    assert_eq!((world.like("s", "third"), simple(app, "third")), (String::new(), json!([])));
    app.post(&format!("/entry/api/v2/{id}/restore/"), json!({})).expect(201);
    assert_eq!(world.like("s", "third"), "a");
    app.post(&format!("/entry/api/v2/{id}/copy/"), json!({"copy_entry_names": ["b"]})).expect(200);
    assert_eq!(world.like("s", "third"), "a b");
    let update = json!({"modelid": world.entity, "value": {"id": world.attrs["s"], "value": "fourth"}, "attrinfo": [{"name": "s", "keyword": "third"}]});
    app.put("/entry/api/v2/bulk/", update).expect(202);
    assert_eq!((world.like("s", "third"), world.like("s", "fourth")), (String::new(), "a b".to_owned()));
    app.put(&format!("/entry/api/v2/{id}/"), json!({"name": "renamed"})).expect(202);
    assert_eq!(column(&simple(app, "renamed"), "id"), id.to_string());
    assert_eq!(world.names(json!({"hint_entry": {"filter_key": 1, "keyword": "renamed"}})), "renamed");
}

fn all_entities_that_have_an_attribute(database: Database) {
    let Some(world) = World::new(database, json!([{"name": "s", "type": 2}])) else { return };
    let app = &world.app;
    world.entry("x", &[("s", json!("v"))]);
    let (first, attrs) = app.entity(json!({"name": "b", "attrs": [{"name": "s", "type": 4}]}));
    app.entry(first, json!({"name": "y", "attrs": [{"id": attrs["s"], "value": "v"}]}));
    let (other, _) = app.entity(json!({"name": "a", "attrs": [{"name": "t", "type": 2}]}));
    app.entry(other, json!({"name": "z"}));
    let all = |names: &[&str]| {
        let infos: Value = names.iter().map(|name| json!({"name": name})).collect();
        names_of_all(&world, infos)
    };
    assert_eq!(all(&["s"]), "y x", "by the names of entities");
    assert_eq!(all(&["s", "t"]), "z y x");
    let keyword = json!([{"name": "s", "keyword": "v"}, {"name": "t"}]);
    assert_eq!(names_of_all(&world, keyword), "y x");
}

fn names_of_all(world: &World, attrinfo: Value) -> String {
    world.names(json!({"entities": [], "attrinfo": attrinfo, "is_all_entities": true}))
}

fn a_simple_search_sees_what_its_user_may_read(database: Database) {
    let Some(world) = World::new(database, json!([{"name": "s", "type": 2}])) else { return };
    let app = &world.app;
    let shut = world.entry("shut-1", &[]);
    world.entry("shut-2", &[("s", json!("whisper"))]);
    let secret = world.entry("other", &[("s", json!("shut away"))]);
    close(app, shut);
    let detail = app.get(&format!("/entry/api/v2/{secret}/")).json();
    close(app, detail["attrs"][0]["id"].as_i64().unwrap());
    let (_, token) = person(app, "u");
    let ask = |query: &str| {
        app.with_token(&token, "GET", &format!("/entry/api/v2/search/?query={query}"), None).json()
    };
    assert_eq!(column(&simple(app, "shut"), "name"), "shut-1 shut-2 other");
    let found = ask("shut");
    assert_eq!(column(&found, "name"), "shut-2", "neither a closed entry nor a closed value");
    assert_eq!(found[0]["schema"]["permission"], 8);
    close(app, world.entity);
    assert_eq!(ask("shut"), json!([]));
}
