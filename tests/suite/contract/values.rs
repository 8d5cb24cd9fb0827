//! Values of all types. *Source: spec, attribute-types and entry §1, §3, §5.*

use crate::server::{Database, TestApp, on_both_databases};
use crate::wait::Wait;
use serde_json::{Value, json};
use std::collections::BTreeMap;

on_both_databases! {
    entry_035_only_types_that_refer_need_a_referral;
    entry_043_defaults_keep_their_type;
    entry_044_defaults_are_of_the_type;
    entry_046_types_without_defaults_drop_them;
    entry_050_choices_need_labels_and_get_values;
    entry_103_every_type_reads_back;
    entry_118_integers_stay_integers;
    entry_119_numbers_may_be_none;
    entry_121_lists_of_numbers_hold_numbers;
    entry_128_values_that_were_never_written;
    entry_137_choices_that_are_gone;
    entry_139_what_changes_nothing_is_not_written;
}

/// Definitions of all types that can be made, named by their codes; entity, ids of the definitions, an entry to
/// refer to.
pub(super) struct World {
    pub(super) app: TestApp,
    pub(super) entity: i64,
    pub(super) attrs: BTreeMap<String, i64>,
    pub(super) target: i64,
    pub(super) referred: i64,
}

pub(super) const TYPES: [i32; 15] = [1, 2, 4, 8, 32, 128, 256, 512, 1025, 1026, 1280, 1536, 2049, 3073, 3081];

pub(super) fn definition(attr_type: i32, target: i64) -> Value {
    let mut attr = json!({"name": attr_type.to_string(), "type": attr_type});
    if attr_type & 1 != 0 {
        attr["referral"] = json!([target]);
    }
    if attr_type & 512 != 0 {
        attr["choices"] = json!([{"value": "a", "label": "A"}, {"value": "b", "label": "B"}]);
    }
    attr
}

impl World {
    pub(super) fn new(database: Database) -> Option<Self> {
        let app = TestApp::bare(database)?;
        let (target, _) = app.entity(json!({"name": "target"}));
        let referred = app.entry(target, json!({"name": "referred"}));
        let attrs: Vec<Value> = TYPES.iter().map(|attr_type| definition(*attr_type, target)).collect();
        let (entity, attrs) = app.entity(json!({"name": "e", "attrs": attrs}));
        Some(Self { app, entity, attrs, target, referred })
    }

    pub(super) fn given(&self, values: &[(i32, Value)]) -> Vec<Value> {
        let given = |(attr_type, value): &(i32, Value)| json!({"id": self.attrs[&attr_type.to_string()], "value": value});
        values.iter().map(given).collect()
    }

    pub(super) fn entry(&self, name: &str, values: &[(i32, Value)]) -> i64 {
        self.app.entry(self.entity, json!({"name": name, "attrs": self.given(values)}))
    }

    pub(super) fn value(&self, entry: i64, attr_type: i32) -> Value {
        self.app.value(entry, &attr_type.to_string())
    }

    fn object(&self) -> Value {
        json!({"id": self.referred, "name": "referred", "schema": {"id": self.target, "name": "target"}})
    }

    /// What goes in, and what comes out for it.
    pub(super) fn cases(&self) -> Vec<(i32, Value, Value)> {
        let (id, object) = (self.referred, self.object());
        let named = |object: &Value| json!({"name": "n", "object": object});
        let flagged = |object: &Value, flag: bool| json!({"name": "n", "object": object, "boolean": flag});
        let label = |value: &str| json!({"value": value, "label": value.to_uppercase()});
        let null = Value::Null;
        vec![
            (1, json!(id), json!({"as_object": object})),
            (1, json!(id.to_string()), json!({"as_object": object})),
            (1, json!(""), json!({"as_object": null})),
            (1, json!(0), json!({"as_object": null})),
            (2, json!(" 3F "), json!({"as_string": " 3F "})),
            (4, json!("a\nb"), json!({"as_string": "a\nb"})),
            (8, json!(true), json!({"as_boolean": true})),
            (32, json!("2024-2-1"), json!({"as_string": "2024-02-01"})),
            (32, json!(false), json!({"as_string": ""})),
            (32, null.clone(), json!({"as_string": ""})),
            (128, json!("2024-02-01T00:00:00Z"), json!({"as_string": "2024-02-01T00:00:00Z"})),
            (128, json!("2024-02-01T09:00:00+09:00"), json!({"as_string": "2024-02-01T00:00:00Z"})),
            (128, json!("2024-02-01"), json!({"as_string": "2024-01-31T15:00:00Z"})),
            (128, json!("9999-12-31T23:59:59Z"), json!({"as_string": "9999-12-31T23:59:59Z"})),
            (128, json!(""), json!({"as_string": ""})),
            (256, json!("12"), json!({"as_number": 12})),
            (512, json!("a"), json!({"as_select": label("a")})),
            (512, json!(""), json!({"as_select": null})),
            (512, null.clone(), json!({"as_select": null})),
            (1025, json!([id, "", null, 0, id]), json!({"as_array_object": [object, object]})),
            (1026, json!(["b", "", "a", "a"]), json!({"as_array_string": ["b", "a", "a"]})),
            (1280, json!([3, null, "1.5", ""]), json!({"as_array_number": [3, null, 1.5, null]})),
            (1536, json!(["b", "a", "", null, "b"]), json!({"as_multi_select": [label("b"), label("a")]})),
            (2049, json!({"name": "n", "id": id}), json!({"as_named_object": named(&object)})),
            (2049, json!({"name": "n", "id": null}), json!({"as_named_object": named(&null)})),
            (2049, null.clone(), json!({"as_named_object": {"name": "", "object": null}})),
            (
                3073,
                json!([null, {"name": "n", "id": id}, "", {"name": "", "id": ""}, {}, {"name": "n", "id": ""}]),
                json!({"as_array_named_object": [named(&object), named(&null)]}),
            ),
            (
                3081,
                json!([{"name": "n", "id": id, "boolean": true}, {"name": "n", "id": null}, {"name": "", "id": null, "boolean": true}]),
                json!({"as_array_named_object": [flagged(&object, true), flagged(&null, false)]}),
            ),
        ]
    }
}

/// What a type shows where nothing was ever written.
pub(super) fn blank(attr_type: i32) -> Value {
    match attr_type {
        1 => json!({"as_object": null}),
        8 => json!({"as_boolean": false}),
        256 => json!({"as_number": null}),
        512 => json!({"as_select": null}),
        1025 => json!({"as_array_object": []}),
        1026 => json!({"as_array_string": []}),
        1280 => json!({"as_array_number": []}),
        1536 => json!({"as_multi_select": []}),
        2049 => json!({"as_named_object": {"name": "", "object": null}}),
        3073 | 3081 => json!({"as_array_named_object": []}),
        _ => json!({"as_string": ""}),
    }
}

fn entry_035_only_types_that_refer_need_a_referral(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for referral in [None, Some(json!([]))] {
        let attr = |attr_type: &i32| {
            let mut attr = definition(*attr_type, 0);
            attr.as_object_mut().unwrap().remove("referral");
            if let Some(referral) = &referral {
                attr["referral"] = referral.clone();
            }
            attr
        };
        let body = json!({"name": "e", "attrs": TYPES.iter().map(attr).collect::<Vec<_>>()});
        let answer = app.post("/entity/api/v2/", body).expect(400).json();
        let complained = answer["attrs"].as_object().unwrap();
        let refer: Vec<String> =
            (0..TYPES.len()).filter(|at| TYPES[*at] & 1 != 0).map(|at| at.to_string()).collect();
        let mut complained_about: Vec<&String> = complained.keys().collect();
        complained_about.sort_by_key(|key| key.parse::<usize>().unwrap());
        assert_eq!(complained_about, refer.iter().collect::<Vec<_>>());
        assert!(
            complained.values().all(|errors| errors["non_field_errors"][0]["code"] == "AE-113000"),
            "{answer}"
        );
    }
}

fn entry_043_defaults_keep_their_type(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let defaults = [
        (2, json!("x")),
        (4, json!("a\nb")),
        (8, json!(false)),
        (8, json!(true)),
        (256, json!(0)),
        (256, json!(-1.5)),
    ];
    for (index, (attr_type, default)) in defaults.iter().enumerate() {
        let (id, _) = app.entity(json!({"name": format!("e{index}"), "attrs": [{"name": "a", "type": attr_type, "default_value": default}]}));
        assert_eq!(app.get(&format!("/entity/api/v2/{id}/")).json()["attrs"][0]["default_value"], *default);
    }
}

fn entry_044_defaults_are_of_the_type(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for (attr_type, default) in [
        (2, json!(1)),
        (2, json!(true)),
        (4, json!([])),
        (8, json!("true")),
        (8, json!(0)),
        (256, json!("1")),
        (256, json!(true)),
    ] {
        let body =
            json!({"name": "e", "attrs": [{"name": "a", "type": attr_type, "default_value": default}]});
        let answer = app.post("/entity/api/v2/", body.clone()).expect(400);
        assert_eq!(answer.codes(), ["attrs.0.non_field_errors AE-121000"], "{body}");
    }
}

fn entry_046_types_without_defaults_drop_them(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (target, _) = app.entity(json!({"name": "target"}));
    for attr_type in TYPES.into_iter().filter(|attr_type| ![2, 4, 8, 256].contains(attr_type)) {
        let mut attr = definition(attr_type, target);
        attr["default_value"] = json!(["anything"]);
        let (id, _) = app.entity(json!({"name": attr_type.to_string(), "attrs": [attr]}));
        assert_eq!(
            app.get(&format!("/entity/api/v2/{id}/")).json()["attrs"][0]["default_value"],
            Value::Null
        );
    }
}

fn entry_050_choices_need_labels_and_get_values(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for attr_type in [512, 1536] {
        for choices in [
            json!(null),
            json!([]),
            json!("x"),
            json!([{"value": "a"}]),
            json!([{"label": "a"}, {"label": "a"}]),
            json!([{"label": "a", "value": "x"}, {"label": "b", "value": "x"}]),
        ] {
            let body = json!({"name": "e", "attrs": [{"name": "a", "type": attr_type, "choices": choices}]});
            let answer = app.post("/entity/api/v2/", body.clone()).expect(400);
            assert_eq!(answer.codes(), ["attrs.0.non_field_errors AE-121000"], "{body}");
        }
        let choices = json!([{"label": "a"}, {"label": "b", "value": null}, {"label": "c", "value": "own"}]);
        let (id, _) = app.entity(json!({"name": attr_type.to_string(), "attrs": [{"name": "a", "type": attr_type, "choices": choices}]}));
        let attr = app.get(&format!("/entity/api/v2/{id}/")).json()["attrs"][0].clone();
        let stored = attr["choices"].as_array().unwrap();
        let value = |at: usize| stored[at]["value"].as_str().unwrap();
        assert_eq!((value(0).len(), value(1).len(), value(2)), (32, 32, "own"));
        assert_ne!(value(0), value(1));
        assert_eq!(attr["choices_in_use"], json!([]));
        // What is left out stays; a label may change.
        let path = format!("/entity/api/v2/{id}/");
        app.put(&path, json!({"attrs": [{"id": attr["id"], "note": "n"}]})).expect(202);
        assert_eq!(app.get(&path).json()["attrs"][0]["choices"], attr["choices"]);
    }
}

fn entry_103_every_type_reads_back(database: Database) {
    let Some(world) = World::new(database) else { return };
    for (index, (attr_type, sent, shown)) in world.cases().into_iter().enumerate() {
        let entry = world.entry(&format!("created{index}"), &[(attr_type, sent.clone())]);
        assert_eq!(world.value(entry, attr_type), shown, "{attr_type} {sent}");
        let entry = world.entry(&format!("updated{index}"), &[]);
        let body = json!({"attrs": world.given(&[(attr_type, sent.clone())])});
        world.app.put(&format!("/entry/api/v2/{entry}/"), body).expect(202);
        assert_eq!(world.value(entry, attr_type), shown, "{attr_type} {sent}");
    }
}

fn entry_118_integers_stay_integers(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("x", &[(256, json!(4)), (1280, json!([1, 2.0, "3"]))]);
    assert_eq!(world.value(entry, 256).to_string(), r#"{"as_number":4}"#);
    assert_eq!(world.value(entry, 1280).to_string(), r#"{"as_array_number":[1,2,3]}"#);
}

fn entry_119_numbers_may_be_none(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("x", &[(256, Value::Null)]);
    assert_eq!(world.value(entry, 256), json!({"as_number": null}));
}

fn entry_121_lists_of_numbers_hold_numbers(database: Database) {
    let Some(world) = World::new(database) else { return };
    let path = format!("/entity/api/v2/{}/entries/", world.entity);
    for bad in [json!(["x"]), json!([1, true]), json!([[1]]), json!(1), json!(null)] {
        let body = json!({"name": "x", "attrs": world.given(&[(1280, bad)])});
        assert_eq!(
            world.app.post(&path, body.clone()).expect(400).codes(),
            ["non_field_errors AE-121000"],
            "{body}"
        );
    }
}

fn entry_128_values_that_were_never_written(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("x", &[]);
    let (late, later) = (definition(2, 0), definition(8, 0));
    let late = json!({"name": "late", "type": late["type"], "default_value": "never seen"});
    let later = json!({"name": "later", "type": later["type"], "default_value": true});
    world.app.put(&format!("/entity/api/v2/{}/", world.entity), json!({"attrs": [late, later]})).expect(202);
    for attr_type in TYPES {
        assert_eq!(world.value(entry, attr_type), blank(attr_type), "{attr_type}");
    }
    let detail = world.app.get(&format!("/entry/api/v2/{entry}/")).json();
    let attr = |name: &str| {
        detail["attrs"]
            .as_array()
            .unwrap()
            .iter()
            .find(|attr| attr["schema"]["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!((&attr("late")["id"], &attr("late")["value"]), (&Value::Null, &json!({"as_string": ""})));
    assert_eq!(
        (&attr("later")["id"], &attr("later")["value"]),
        (&Value::Null, &json!({"as_boolean": false}))
    );
}

fn entry_137_choices_that_are_gone(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("x", &[(512, json!("a")), (1536, json!(["a", "b"]))]);
    // They can only go while nobody has them; somebody who comes back has them again.
    world.app.delete(&format!("/entry/api/v2/{entry}/")).expect(204);
    let only_b = json!([{"value": "b", "label": "Bee"}]);
    let attrs = json!([{"id": world.attrs["512"], "choices": only_b}, {"id": world.attrs["1536"], "choices": only_b}]);
    world.app.put(&format!("/entity/api/v2/{}/", world.entity), json!({"attrs": attrs})).expect(202);
    world.app.post(&format!("/entry/api/v2/{entry}/restore/"), json!({})).expect(201);
    let gone = json!({"value": "a", "label": "(deleted choice)"});
    assert_eq!(world.value(entry, 512), json!({"as_select": gone}));
    assert_eq!(world.value(entry, 1536), json!({"as_multi_select": [gone, {"value": "b", "label": "Bee"}]}));
}

/// The versions of an entry's values, counted in the audit log: an update that changes nothing leaves no record.
fn entry_139_what_changes_nothing_is_not_written(database: Database) {
    let Some(world) = World::new(database) else { return };
    let id = world.referred;
    // What is there, what changes nothing about it, what does.
    let cases = [
        (2, json!("a"), vec![json!("a")], vec![json!("b"), json!("")]),
        (8, json!(true), vec![json!(true)], vec![json!(false)]),
        (32, json!("2024-02-01"), vec![json!("2024-2-1")], vec![json!("2024-02-02"), json!(null)]),
        (
            128,
            json!("2024-02-01T00:00:00Z"),
            vec![json!("2024-02-01T09:00:00+09:00")],
            vec![json!("2024-02-01")],
        ),
        (256, json!(1), vec![json!("1"), json!(1.0)], vec![json!(2), json!(null)]),
        (512, json!("a"), vec![json!("a")], vec![json!("b"), json!(null)]),
        (1, json!(id), vec![json!(id.to_string())], vec![json!(null)]),
        (1025, json!([id, id]), vec![json!([id, id, null])], vec![json!([id]), json!([])]),
        (1026, json!(["a", "b"]), vec![json!(["b", "a", ""])], vec![json!(["a", "a"]), json!(["a"])]),
        (1280, json!([]), vec![json!([null]), json!([])], vec![json!([1])]),
        (1280, json!([null]), vec![json!([])], vec![json!([0])]),
        (1280, json!([1, 2]), vec![json!([2, null, 1])], vec![json!([1]), json!([1, 2, 2])]),
        (1536, json!(["a", "b"]), vec![json!(["a", "b", "a"])], vec![json!(["b", "a"]), json!(["a"])]),
        (
            2049,
            json!({"name": "n", "id": id}),
            vec![json!({"name": "n", "id": id.to_string()})],
            vec![json!({"name": "n", "id": null}), json!({"name": "m", "id": id})],
        ),
        (
            3073,
            json!([{"name": "n", "id": id}, {"name": "m", "id": null}]),
            vec![json!([{"name": "m", "id": ""}, {"name": "n", "id": id}])],
            vec![json!([{"name": "n", "id": id}])],
        ),
        (
            3081,
            json!([{"name": "n", "id": id}]),
            vec![json!([{"name": "n", "id": id, "boolean": false}])],
            vec![json!([{"name": "n", "id": id, "boolean": true}])],
        ),
    ];
    for (case, (attr_type, first, same, other)) in cases.into_iter().enumerate() {
        for (index, other) in other.into_iter().enumerate() {
            let entry = world.entry(&format!("e{case}-{index}"), &[(attr_type, first.clone())]);
            let (path, log) = (
                format!("/entry/api/v2/{entry}/"),
                format!("/api/v2/audit/?action=entry.update&object_id={entry}"),
            );
            let update = |value: &Value| {
                world
                    .app
                    .put(&path, json!({"attrs": world.given(&[(attr_type, value.clone())])}))
                    .expect(202);
            };
            same.iter().for_each(update);
            update(&other);
            // Sealed a moment later; the change is the only record there will be.
            let count = Wait::seconds(20).until_some(
                &format!("{attr_type}: {first} {same:?} {other} is in the log"),
                || {
                    let count = world.app.get(&log).expect(200).json()["count"].as_i64().unwrap();
                    (count > 0).then_some(count)
                },
            );
            assert_eq!(count, 1, "{attr_type}: {first} {same:?} {other}");
        }
    }
}
