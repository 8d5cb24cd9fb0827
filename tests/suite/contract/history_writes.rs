//! Cases I: bringing past values back. *Source: spec, entry §10 and §14.*

use super::{close, column, grant, person, role};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use serde_json::{Value, json};
use std::collections::BTreeMap;

on_both_databases! {
    case_entry_155_157_histories_show_what_was_written;
    case_entry_158_a_past_value_is_written_again;
    restoring_a_value_refuses_in_order;
    what_is_gone_is_not_brought_back;
    case_entry_164_own_changes_are_undone;
    case_entry_166_what_cannot_be_undone_stays;
    a_rollback_says_what_is_wrong_with_it;
    values_of_others_and_stale_choices_stay;
}

/// An entity with an attribute of every type, and two entries to refer to.
pub(super) struct World {
    pub(super) app: TestApp,
    pub(super) entity: i64,
    pub(super) attrs: BTreeMap<String, i64>,
    pub(super) referred: [i64; 2],
}

pub(super) const NAMED: &str = "named";

impl World {
    pub(super) fn new(database: Database) -> Option<Self> {
        let app = TestApp::bare(database)?;
        let (target, _) = app.entity(json!({"name": "target"}));
        let referred = ["one", "two"].map(|name| app.entry(target, json!({"name": name})));
        let choices = json!([{"value": "a", "label": "A"}, {"value": "b", "label": "B"}]);
        let attrs = json!([
            {"name": "string", "type": 2}, {"name": "text", "type": 4}, {"name": "boolean", "type": 8},
            {"name": "group", "type": 16}, {"name": "date", "type": 32}, {"name": "role", "type": 64},
            {"name": "datetime", "type": 128}, {"name": "number", "type": 256},
            {"name": "select", "type": 512, "choices": choices}, {"name": "object", "type": 1, "referral": [target]},
            {"name": "objects", "type": 1025, "referral": [target]}, {"name": "strings", "type": 1026},
            {"name": "groups", "type": 1040}, {"name": "roles", "type": 1088}, {"name": "numbers", "type": 1280},
            {"name": "choices", "type": 1536, "choices": choices}, {"name": NAMED, "type": 2049, "referral": [target]},
            {"name": "named list", "type": 3073, "referral": [target]},
            {"name": "flagged list", "type": 3081, "referral": [target]},
        ]);
        let (entity, attrs) = app.entity(json!({"name": "e", "attrs": attrs}));
        Some(Self { app, entity, attrs, referred })
    }

    /// Two values of every type: the first, and another one.
    pub(super) fn values(&self) -> Vec<(&'static str, Value, Value)> {
        let ([one, two], app) = (self.referred, &self.app);
        let [ops, dev] = ["ops", "dev"].map(|name| super::group(app, name, None, &[]));
        let [reader, writer] = ["reader", "writer"].map(|name| role(app, name, &json!({})));
        vec![
            ("string", json!("a"), json!("b")),
            ("text", json!("a\nb"), json!("")),
            ("boolean", json!(true), json!(false)),
            ("group", json!(ops), json!(dev)),
            ("date", json!("2024-02-01"), json!("2024-02-02")),
            ("role", json!(reader), json!(writer)),
            ("datetime", json!("2024-02-01T00:00:00Z"), json!(null)),
            ("number", json!(9_007_199_254_740_993_i64), json!(1.5)),
            ("select", json!("a"), json!("b")),
            ("object", json!(one), json!(two)),
            ("objects", json!([one, two]), json!([])),
            ("strings", json!(["b", "a", "b"]), json!(["c"])),
            ("groups", json!([ops, dev]), json!([dev])),
            ("roles", json!([reader]), json!([writer, reader])),
            ("numbers", json!([1, null, 2.5]), json!([3])),
            ("choices", json!(["b", "a"]), json!(["a"])),
            // Without a reference, and with one.
            (NAMED, json!({"name": "n", "id": null}), json!({"name": "m", "id": one})),
            ("named list", json!([{"name": "n", "id": one}, {"name": "m", "id": null}]), json!([])),
            (
                "flagged list",
                json!([{"name": "n", "id": one, "boolean": true}, {"name": "m", "id": null, "boolean": true}]),
                json!([{"name": "n", "id": two, "boolean": false}]),
            ),
        ]
    }

    fn given(&self, values: impl Iterator<Item = (&'static str, Value)>) -> Value {
        values.map(|(name, value)| json!({"id": self.attrs[name], "value": value})).collect()
    }

    pub(super) fn entry(&self, name: &str, values: &[(&'static str, Value)]) -> i64 {
        let attrs = self.given(values.iter().cloned());
        self.app.entry(self.entity, json!({"name": name, "attrs": attrs}))
    }

    pub(super) fn update(&self, entry: i64, values: &[(&'static str, Value)]) {
        self.update_as(&self.app.token, entry, values);
    }

    pub(super) fn update_as(&self, token: &str, entry: i64, values: &[(&'static str, Value)]) {
        let body = json!({"attrs": self.given(values.iter().cloned())});
        self.app.with_token(token, "PUT", &format!("/entry/api/v2/{entry}/"), Some(&body)).expect(202);
    }

    /// The rows of one attribute, newest first.
    pub(super) fn history(&self, entry: i64, attr: &str) -> Vec<Value> {
        let page = self.app.get(&format!("/entry/api/v2/{entry}/histories/?limit=1000")).expect(200).json();
        let rows = page["results"].as_array().unwrap().iter();
        rows.filter(|row| row["parent_attr"]["name"] == attr).cloned().collect()
    }

    pub(super) fn restore(&self, method: &str, token: &str, value: &Value) -> Answer {
        self.app.with_token(token, method, &format!("/entry/api/v2/{value}/attrv_restore/"), Some(&json!({})))
    }

    pub(super) fn rollback(&self, token: &str, body: &Value) -> Answer {
        self.app.with_token(token, "POST", "/entry/api/v2/rollback/", Some(body))
    }
}

fn case_entry_155_157_histories_show_what_was_written(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("e", &[]);
    let values = world.values();
    world.update(entry, &values.iter().map(|(name, first, _)| (*name, first.clone())).collect::<Vec<_>>());
    let page = world.app.get(&format!("/entry/api/v2/{entry}/histories/?limit=1000")).expect(200).json();
    let rows = page["results"].as_array().unwrap();
    let ids: Vec<i64> = rows.iter().map(|row| row["id"].as_i64().unwrap()).collect();
    assert!(ids.is_sorted_by(|newer, older| newer > older));
    let keys: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    let mut expected =
        ["id", "type", "created_time", "created_user", "curr_value", "prev_value", "prev_id", "parent_attr"];
    expected.sort_unstable();
    let mut keys: Vec<&str> = keys.into_iter().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, expected);
    let of = |name: &str| rows.iter().find(|row| row["parent_attr"]["name"] == name).unwrap();
    assert_eq!(of("datetime")["curr_value"], json!({"as_string": "2024-02-01T00:00:00+00:00"}));
    assert_eq!((&of("datetime")["prev_value"], &of("datetime")["prev_id"]), (&Value::Null, &Value::Null));
    assert_eq!(of("group")["curr_value"]["as_group"]["name"], "ops");
    assert_eq!(of("roles")["curr_value"]["as_array_role"][0]["name"], "reader");
    assert_eq!(of("boolean")["prev_value"], json!({"as_boolean": false}), "false was its first value");

    // What may not be read is not there.
    let (_, guest) = person(&world.app, "guest");
    close(&world.app, world.attrs["string"]);
    let path = format!("/entry/api/v2/{entry}/histories/?limit=1000");
    let page = world.app.with_token(&guest, "GET", &path, None).expect(200).json();
    let names: Vec<Value> =
        column(&page["results"], "parent_attr").iter().map(|attr| attr["name"].clone()).collect();
    assert!(!names.contains(&json!("string")) && names.contains(&json!("text")), "{names:?}");
}

fn case_entry_158_a_past_value_is_written_again(database: Database) {
    let Some(world) = World::new(database) else { return };
    let values = world.values();
    let firsts: Vec<_> = values.iter().map(|(name, first, _)| (*name, first.clone())).collect();
    let entry = world.entry("e", &firsts);
    let before: Vec<Value> = firsts.iter().map(|(name, _)| world.app.value(entry, name)).collect();
    world.update(entry, &values.iter().map(|(name, _, other)| (*name, other.clone())).collect::<Vec<_>>());
    for ((name, _), before) in firsts.iter().zip(&before) {
        let rows = world.history(entry, name);
        assert_eq!(rows.len(), 2, "{name}");
        assert_ne!(world.app.value(entry, name), *before, "{name}");
        let answer = world.restore("PATCH", &world.app.token, &rows[1]["id"]).expect(200);
        assert_eq!(answer.json(), json!({}));
        assert_eq!(world.app.value(entry, name), *before, "{name}");
        let now = world.history(entry, name);
        assert_eq!((now.len(), &now[0]["prev_id"]), (3, &rows[0]["id"]), "{name}");
        // Also the present value is written again.
        world.restore("PATCH", &world.app.token, &now[0]["id"]).expect(200);
        assert_eq!(world.history(entry, name).len(), 4, "{name}");
        assert_eq!(world.app.value(entry, name), *before, "{name}");
    }
}

fn restoring_a_value_refuses_in_order(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("e", &[("string", json!("a"))]);
    let value = world.history(entry, "string")[0]["id"].clone();
    let (_, guest) = person(&world.app, "guest");
    let (_, reader) = world.app.user(|user| {
        "reader".clone_into(&mut user.username);
        user.is_readonly = true;
    });
    // Read-only users learn nothing, not even whether there is such a value.
    for id in [&value, &json!(999_999)] {
        assert_eq!(world.restore("PATCH", &reader, id).expect(403).body, "");
    }
    for method in ["PATCH", "PUT"] {
        assert_eq!(world.restore(method, &guest, &json!(999_999)).expect(404).codes(), ["AE-230000"]);
    }
    assert_eq!(world.restore("PUT", &guest, &value).expect(400).codes(), ["AE-121000"]);
    for method in ["POST", "GET", "DELETE"] {
        assert_eq!(world.restore(method, &guest, &value).expect(405).codes(), ["AE-999999"], "{method}");
    }
    world.restore("PATCH", &guest, &value).expect(200);

    close(&world.app, world.attrs["string"]);
    assert_eq!(world.restore("PATCH", &guest, &value).expect(403).codes(), ["AE-210000"]);
    let role = role(&world.app, "r", &json!({"users": [], "groups": []}));
    grant(&world.app, world.attrs["string"], role, 4);
    assert_eq!(world.restore("PATCH", &guest, &value).expect(403).codes(), ["AE-210000"]);
    grant_the_attribute(&world, entry, &value);
    // Elements of lists are no values of their own.
    let list = world.entry("list", &[("strings", json!(["a", "b"]))]);
    let element = world.history(list, "strings")[0]["id"].as_i64().unwrap() + 1;
    assert_eq!(world.restore("PATCH", &world.app.token, &json!(element)).expect(404).codes(), ["AE-230000"]);
    // Nor is anything brought back into what is deleted.
    world.app.delete(&format!("/entry/api/v2/{entry}/")).expect(204);
    assert_eq!(world.restore("PATCH", &world.app.token, &value).expect(400).codes(), ["AE-230000"]);
}

/// Leave to write the attribute of the entry is what it takes.
fn grant_the_attribute(world: &World, entry: i64, value: &Value) {
    let (id, writer) = person(&world.app, "writer");
    let writers = role(&world.app, "writers", &json!({"users": [id]}));
    let detail = world.app.get(&format!("/entry/api/v2/{entry}/")).expect(200).json();
    let attrs = detail["attrs"].as_array().unwrap();
    let attribute = attrs.iter().find(|attr| attr["schema"]["name"] == "string").unwrap()["id"].clone();
    let attribute = attribute.as_i64().unwrap();
    grant(&world.app, world.attrs["string"], writers, 4);
    world.restore("PATCH", &writer, value).expect(200);
    close(&world.app, attribute);
    for (level, status) in [(2, 403), (4, 200)] {
        grant(&world.app, attribute, writers, level);
        world.restore("PATCH", &writer, value).expect(status);
    }
}

fn what_is_gone_is_not_brought_back(database: Database) {
    let Some(world) = World::new(database) else { return };
    let [one, two] = world.referred;
    let named = |id: i64| json!({"name": "n", "id": id});
    let entry = world.entry(
        "e",
        &[
            ("object", json!(one)),
            ("objects", json!([one, two])),
            (NAMED, named(one)),
            ("named list", json!([named(one), named(two)])),
            ("select", json!("a")),
            ("choices", json!(["a", "b"])),
        ],
    );
    let firsts: BTreeMap<&str, Value> = ["object", "objects", NAMED, "named list", "select", "choices"]
        .map(|name| (name, world.history(entry, name)[0]["id"].clone()))
        .into();
    world.update(
        entry,
        &[
            ("object", json!(two)),
            ("objects", json!([])),
            (NAMED, named(two)),
            ("named list", json!([])),
            ("select", json!("b")),
            ("choices", json!(["b"])),
        ],
    );
    world.app.delete(&format!("/entry/api/v2/{one}/")).expect(204);
    for name in ["object", "objects", NAMED, "named list"] {
        world.restore("PATCH", &world.app.token, &firsts[name]).expect(200);
    }
    let two = json!({"id": two, "name": "two", "schema": {"id": 1, "name": "target"}});
    assert_eq!(world.app.value(entry, "object"), json!({"as_object": null}));
    assert_eq!(world.app.value(entry, "objects"), json!({"as_array_object": [two]}));
    assert_eq!(world.app.value(entry, NAMED), json!({"as_named_object": {"name": "n", "object": null}}));
    let list = json!({"as_array_named_object": [{"name": "n", "object": two}]});
    assert_eq!(world.app.value(entry, "named list"), list);
    // Not even once it is there again: what was written does not refer to it.
    world.app.post(&format!("/entry/api/v2/{one}/restore/"), json!({})).expect(201);
    assert_eq!(world.app.value(entry, "object"), json!({"as_object": null}));
    assert_eq!(world.app.value(entry, "named list"), list);
    // Choices that are gone.
    for name in ["select", "choices"] {
        let change = json!({"attrs": [{"id": world.attrs[name], "choices": [{"value": "b", "label": "B"}]}]});
        world.app.put(&format!("/entity/api/v2/{}/", world.entity), change).expect(202);
        let answer = world.restore("PATCH", &world.app.token, &firsts[name]).expect(400);
        assert_eq!(answer.codes(), ["AE-121000"], "{name}");
        assert!(answer.json().is_array());
    }
}

/// A moment after everything that was written until now, and before what comes.
pub(super) fn moment() -> String {
    std::thread::sleep(std::time::Duration::from_millis(2));
    let now = pagoda_plugin_sdk::time::Timestamp::now().utc_iso();
    std::thread::sleep(std::time::Duration::from_millis(2));
    now
}

fn case_entry_164_own_changes_are_undone(database: Database) {
    let Some(world) = World::new(database) else { return };
    let [one, two] = world.referred;
    let write = |entry: i64, text: &str, id: i64| {
        world.update(entry, &[("string", json!(text)), ("object", json!(id)), ("objects", json!([id]))]);
    };
    let entry =
        world.entry("e", &[("string", json!("initial")), ("object", json!(one)), ("objects", json!([one]))]);
    let first = moment();
    write(entry, "v1", two);
    write(entry, "v2", one);
    let third = moment();
    write(entry, "v3", two);

    let answer = world.rollback(&world.app.token, &json!({"targets": [entry], "at": third})).expect(200);
    assert_eq!(answer.body, "");
    assert_eq!(world.app.value(entry, "string"), json!({"as_string": "v2"}));
    assert_eq!(world.app.value(entry, "object")["as_object"]["id"], one);
    world.rollback(&world.app.token, &json!({"targets": [entry.to_string()], "at": first})).expect(200);
    assert_eq!(world.app.value(entry, "string"), json!({"as_string": "initial"}));
    assert_eq!(world.app.value(entry, "object")["as_object"]["id"], one);
    assert_eq!(world.app.value(entry, "objects")["as_array_object"][0]["id"], one);
    let texts: Vec<Value> = column(&json!(world.history(entry, "string")), "curr_value");
    let expected = ["initial", "v2", "v3", "v2", "v1", "initial"].map(|text| json!({"as_string": text}));
    assert_eq!(texts, expected, "history only grows");
}

fn case_entry_166_what_cannot_be_undone_stays(database: Database) {
    let Some(world) = World::new(database) else { return };
    let (_, guest) = person(&world.app, "guest");
    let at = moment();
    let [kept, deleted, closed] =
        ["kept", "deleted", "closed"].map(|name| world.entry(name, &[("string", json!("a"))]));
    let after = moment();
    for entry in [kept, deleted, closed] {
        world.update_as(&guest, entry, &[("string", json!("b")), ("number", json!(1))]);
    }
    world.app.delete(&format!("/entry/api/v2/{deleted}/")).expect(204);
    close(&world.app, closed);
    let body = json!({"targets": [999_999, deleted, closed, kept, kept], "at": after});
    world.rollback(&guest, &body).expect(200);
    assert_eq!(world.app.value(kept, "string"), json!({"as_string": "a"}));
    assert_eq!(world.app.value(kept, "number"), json!({"as_number": null}), "nothing was written until then");
    assert_eq!(world.app.value(closed, "string"), json!({"as_string": "b"}));
    // Before there was an entry there is nothing to go back to.
    world.rollback(&world.app.token, &json!({"targets": [kept], "at": at})).expect(200);
    assert_eq!(world.app.value(kept, "string"), json!({"as_string": "a"}));
}

fn a_rollback_says_what_is_wrong_with_it(database: Database) {
    let Some(world) = World::new(database) else { return };
    let (_, reader) = world.app.user(|user| {
        "reader".clone_into(&mut user.username);
        user.is_readonly = true;
    });
    assert_eq!(world.rollback(&reader, &json!({})).expect(403).body, "");
    for (body, codes) in [
        (json!({}), vec!["at AE-113000", "targets AE-113000"]),
        (json!([]), vec!["non_field_errors AE-121000"]),
        (json!({"targets": [], "at": "2024-05-01"}), vec!["targets AE-999999"]),
        (json!({"targets": 1, "at": "2024-05-01"}), vec!["targets AE-121000"]),
        (json!({"targets": null, "at": "2024-05-01"}), vec!["targets AE-999999"]),
        (
            json!({"targets": [1, "x", 2, [3], true], "at": "2024-05-01"}),
            vec!["targets.1 AE-121000", "targets.3 AE-121000", "targets.4 AE-121000"],
        ),
        (json!({"targets": ["x"], "at": "2024-13-01"}), vec!["at AE-121000", "targets.0 AE-121000"]),
        (json!({"targets": [1], "at": ""}), vec!["at AE-121000"]),
        (json!({"targets": [1], "at": 5}), vec!["at AE-121000"]),
        (json!({"targets": [1], "at": "yesterday"}), vec!["at AE-121000"]),
        (json!({"targets": [1], "at": null}), vec!["at AE-999999"]),
    ] {
        assert_eq!(world.rollback(&world.app.token, &body).expect(400).codes(), codes, "{body}");
    }
    for at in ["2024-05-01", "2024-05-01T00:00:00", "2024-05-01T00:00:00Z", "2024-05-01T00:00:00+09:00"] {
        world.rollback(&world.app.token, &json!({"targets": [1], "at": at})).expect(200);
    }
}

fn values_of_others_and_stale_choices_stay(database: Database) {
    let Some(world) = World::new(database) else { return };
    let (_, guest) = person(&world.app, "guest");
    let values = [
        ("string", json!("a")),
        ("text", json!("a")),
        ("select", json!("a")),
        ("choices", json!(["a"])),
        ("flagged list", json!([])),
    ];
    let entry = world.entry("e", &values);
    let flagged = json!([{"name": "n", "id": null, "boolean": true}]);
    world.update(entry, &[("flagged list", flagged)]);
    let at = moment();
    let changed = [
        ("string", json!("b")),
        ("text", json!("b")),
        ("select", json!("b")),
        ("choices", json!(["b"])),
        ("flagged list", json!([])),
    ];
    world.update(entry, &changed);
    world.update_as(&guest, entry, &[("string", json!("c"))]);
    world.update(entry, &[("string", json!("d"))]);
    let only_b = json!([{"value": "b", "label": "B"}]);
    let change = ["select", "choices"].map(|name| json!({"id": world.attrs[name], "choices": only_b}));
    world.app.put(&format!("/entity/api/v2/{}/", world.entity), json!({"attrs": change})).expect(202);
    world.rollback(&world.app.token, &json!({"targets": [entry], "at": at})).expect(200);
    assert_eq!(world.app.value(entry, "string"), json!({"as_string": "d"}), "somebody else wrote in between");
    assert_eq!(world.app.value(entry, "select")["as_select"]["value"], "b", "the choice is gone");
    assert_eq!(world.app.value(entry, "choices")["as_multi_select"][0]["value"], "b");
    assert_eq!(world.app.value(entry, "text"), json!({"as_string": "a"}), "the rest goes on");
    let list = json!({"as_array_named_object": [{"name": "n", "object": null, "boolean": true}]});
    assert_eq!(world.app.value(entry, "flagged list"), list);
}
