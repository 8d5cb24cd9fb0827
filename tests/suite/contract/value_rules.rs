//! What is refused as a value, what mandatory means, and what becomes of values whose choices and entries go. *Source: spec,
//! attribute-types §2, §4, §5.*

use super::values::{TYPES, World, blank, definition};
use super::{close, column, person};
use crate::server::{Database, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    what_is_refused;
    what_mandatory_means;
    references_that_are_gone;
    choices_in_use_stay;
    what_is_mandatory_is_not_emptied_by_an_update;
    a_first_value_counts_where_it_says_something;
    what_may_not_be_read_shows_as_blank;
    what_may_not_be_written_is_judged_and_not_stored;
}

fn what_is_refused(database: Database) {
    let Some(world) = World::new(database) else { return };
    let (null, id) = (Value::Null, world.referred);
    let refused = [
        (1, vec![json!("x"), json!(9999), json!(true), json!([]), json!({})]),
        (2, vec![null.clone(), json!(1), json!(true), json!([]), json!({})]),
        (8, vec![null.clone(), json!(0), json!("true"), json!([])]),
        (32, vec![json!("2024/02/01"), json!("2024-02-30"), json!("x"), json!(1), json!(["x"])]),
        (128, vec![json!("x"), json!("2024-02-30T00:00:00Z"), json!(1), json!(false), json!([])]),
        (256, vec![json!(true), json!("x"), json!("NaN"), json!("Infinity"), json!([])]),
        (512, vec![json!("c"), json!(1), json!(["a"]), json!({"value": "a"})]),
        (1025, vec![json!(id), null.clone(), json!(["x"]), json!([9999]), json!([[id]])]),
        (1026, vec![json!("x"), json!([1]), json!([null]), null.clone()]),
        (1536, vec![json!("a"), json!(["c"]), json!([1]), null.clone()]),
        (
            2049,
            vec![
                json!("x"),
                json!({"name": "n"}),
                json!({"id": id}),
                json!({"name": 1, "id": id}),
                json!({"name": "n", "id": 9999}),
                json!([]),
            ],
        ),
        (
            3073,
            vec![
                json!({"name": "n", "id": id}),
                json!(["x"]),
                json!([0]),
                json!([{"name": "n"}]),
                null.clone(),
            ],
        ),
        (
            3081,
            vec![
                json!([{"name": "n", "id": id, "boolean": "x"}]),
                json!([{"name": "n"}]),
                json!([{}]),
                json!([null]),
                json!("x"),
                null,
            ],
        ),
    ];
    let path = format!("/entity/api/v2/{}/entries/", world.entity);
    for (attr_type, values) in refused {
        for value in values {
            let body = json!({"name": "x", "attrs": world.given(&[(attr_type, value)])});
            assert_eq!(
                world.app.post(&path, body.clone()).expect(400).codes(),
                ["non_field_errors AE-121000"],
                "{body}"
            );
        }
    }
    let long = "x".repeat(65_537);
    for (attr_type, value) in [
        (2, json!(long)),
        (4, json!(long)),
        (1026, json!([long])),
        (2049, json!({"name": long, "id": null})),
        (3081, json!([{"name": long, "id": null}])),
        (256, json!(long)),
    ] {
        let body = json!({"name": "x", "attrs": world.given(&[(attr_type, value)])});
        assert_eq!(
            world.app.post(&path, body).expect(400).codes(),
            ["non_field_errors AE-122000"],
            "{attr_type}"
        );
    }
    assert!(world.app.entry_names(world.entity).is_empty());
}

/// *Source: spec, attribute-types §4.*
fn what_mandatory_means(database: Database) {
    let Some(world) = World::new(database) else { return };
    let id = world.referred;
    // What is not enough, what is.
    let cases = [
        (2, vec![json!("")], json!("x")),
        (8, vec![], json!(false)),
        (32, vec![json!(""), json!(null)], json!("2024-02-01")),
        (256, vec![json!(null)], json!(0)),
        (512, vec![json!("")], json!("a")),
        (1, vec![json!(null), json!(0)], json!(id)),
        (1025, vec![json!([]), json!([null])], json!([null, id])),
        (1026, vec![json!([]), json!([""])], json!(["", "a"])),
        (1280, vec![json!([]), json!([null]), json!([1, null])], json!([0])),
        (1536, vec![json!([]), json!([""])], json!(["a"])),
        (
            2049,
            vec![json!({"name": "", "id": null}), json!(null), json!({})],
            json!({"name": "n", "id": null}),
        ),
        (3073, vec![json!([]), json!([{"name": "", "id": ""}])], json!([{"name": "", "id": id}])),
        (3081, vec![json!([{"name": "", "id": "", "boolean": true}])], json!([{"name": "n", "id": null}])),
    ];
    for (attr_type, too_little, enough) in cases {
        let mut attr = definition(attr_type, world.target);
        attr["is_mandatory"] = json!(true);
        let (entity, attrs) = world.app.entity(json!({"name": format!("m{attr_type}"), "attrs": [attr]}));
        let path = format!("/entity/api/v2/{entity}/entries/");
        let body = |value: &Value| json!({"name": "x", "attrs": [{"id": attrs[&attr_type.to_string()], "value": value}]});
        assert_eq!(
            world.app.post(&path, json!({"name": "x"})).expect(400).codes(),
            ["non_field_errors AE-113000"]
        );
        for value in too_little {
            let answer = world.app.post(&path, body(&value)).expect(400);
            assert_eq!(answer.codes(), ["non_field_errors AE-121000"], "{attr_type} {value}");
        }
        let entry = world.app.entry(entity, body(&enough));
        // An update may leave it out, and may not empty it.
        world.app.put(&format!("/entry/api/v2/{entry}/"), json!({})).expect(202);
    }
}

fn references_that_are_gone(database: Database) {
    let Some(world) = World::new(database) else { return };
    let id = world.referred;
    let named = json!({"name": "n", "id": id});
    let entry = world.entry(
        "x",
        &[
            (1, json!(id)),
            (1025, json!([id])),
            (2049, named.clone()),
            (3073, json!([named, {"name": "m", "id": null}])),
            (3081, json!([named, {"name": "m", "id": null, "boolean": true}])),
        ],
    );
    let shown = |attr_type: i32| world.value(entry, attr_type);
    let before: Vec<Value> = [1, 1025, 2049, 3073, 3081].map(shown).to_vec();
    world.app.delete(&format!("/entry/api/v2/{id}/")).expect(204);
    assert_eq!(shown(1), json!({"as_object": null}));
    assert_eq!(shown(1025), json!({"as_array_object": []}));
    assert_eq!(shown(2049), json!({"as_named_object": {"name": "n", "object": null}}));
    assert_eq!(shown(3073), json!({"as_array_named_object": [{"name": "m", "object": null}]}));
    assert_eq!(
        shown(3081),
        json!({"as_array_named_object": [{"name": "m", "object": null, "boolean": true}]})
    );
    world.app.post(&format!("/entry/api/v2/{id}/restore/"), json!({})).expect(201);
    assert_eq!([1, 1025, 2049, 3073, 3081].map(shown).to_vec(), before);
}

/// *Source: spec, entity §1.2.*
fn choices_in_use_stay(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("x", &[(512, json!("a")), (1536, json!(["b", "a"]))]);
    let path = format!("/entity/api/v2/{}/", world.entity);
    let of = |name: &str| {
        let detail = world.app.get(&path).json();
        detail["attrs"].as_array().unwrap().iter().find(|attr| attr["name"] == name).unwrap().clone()
    };
    assert_eq!(of("512")["choices_in_use"], json!(["a"]));
    assert_eq!(of("1536")["choices_in_use"], json!(["a", "b"]));
    assert_eq!(of("2")["choices_in_use"], json!([]));
    let put = |name: &str, choices: Value| {
        world.app.put(&path, json!({"attrs": [{"id": world.attrs[name], "choices": choices}]}))
    };
    let without = |value: &str| json!([{"value": value, "label": "kept"}, {"label": "new"}]);
    assert_eq!(put("512", without("b")).expect(400).codes(), ["attrs.0.non_field_errors AE-121000"]);
    assert_eq!(put("1536", without("a")).expect(400).codes(), ["attrs.0.non_field_errors AE-121000"]);
    put("512", without("a")).expect(202);
    assert_eq!(world.value(entry, 512), json!({"as_select": {"value": "a", "label": "kept"}}));
    // Past values and those of deleted entries do not count.
    world
        .app
        .put(&format!("/entry/api/v2/{entry}/"), json!({"attrs": world.given(&[(1536, json!(["b"]))])}))
        .expect(202);
    put("1536", without("b")).expect(202);
}

/// *Source: spec, attribute-types §4.*
fn what_is_mandatory_is_not_emptied_by_an_update(database: Database) {
    let Some(world) = World::new(database) else { return };
    let id = world.referred;
    let named = json!({"name": "n", "id": id});
    let given: Vec<(i32, Value, Vec<Value>)> = vec![
        (1, json!(id), vec![json!(null), json!(""), json!(0)]),
        (2, json!("a"), vec![json!("")]),
        (4, json!("a"), vec![json!("")]),
        (32, json!("2024-02-01"), vec![json!(null), json!("")]),
        (128, json!("2024-02-01"), vec![json!(null), json!("")]),
        (256, json!(1), vec![json!(null), json!("")]),
        (512, json!("a"), vec![json!(null), json!("")]),
        (1025, json!([id]), vec![json!([]), json!([null, 0])]),
        (1026, json!(["a"]), vec![json!([]), json!([""])]),
        (1280, json!([1]), vec![json!([]), json!([null]), json!([1, null])]),
        (1536, json!(["a"]), vec![json!([]), json!([""])]),
        (2049, named.clone(), vec![json!(null), json!({}), json!({"name": "", "id": null})]),
        (3073, json!([named]), vec![json!([]), json!([null]), json!([{"name": "", "id": ""}])]),
        (3081, json!([named]), vec![json!([]), json!([{"name": "", "id": "", "boolean": true}])]),
    ];
    let values: Vec<(i32, Value)> = given.iter().map(|(code, value, _)| (*code, value.clone())).collect();
    let entry = world.entry("x", &values);
    let mandatory: Value = world.attrs.values().map(|id| json!({"id": id, "is_mandatory": true})).collect();
    world.app.put(&format!("/entity/api/v2/{}/", world.entity), json!({"attrs": mandatory})).expect(202);
    for (code, _, too_little) in given {
        let before = world.value(entry, code);
        for value in too_little {
            let body = json!({"attrs": world.given(&[(code, value.clone())])});
            let answer = world.app.put(&format!("/entry/api/v2/{entry}/"), body).expect(400);
            assert_eq!(answer.codes(), ["non_field_errors AE-121000"], "{code} {value}");
        }
        assert_eq!(world.value(entry, code), before, "{code}");
    }
    // A flag always says something, and what is left out is not asked for.
    let body = json!({"attrs": world.given(&[(8, json!(false))])});
    world.app.put(&format!("/entry/api/v2/{entry}/"), body).expect(202);
}

/// *Source: spec, attribute-types §7.1.*
fn a_first_value_counts_where_it_says_something(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("x", &[]);
    let late = TYPES.map(|code| {
        let mut attr = definition(code, world.target);
        attr["name"] = json!(format!("late {code}"));
        attr
    });
    let path = format!("/entity/api/v2/{}/", world.entity);
    world.app.put(&path, json!({"attrs": late})).expect(202);
    let detail = world.app.get(&path).expect(200).json();
    let written = || {
        let page = world.app.get(&format!("/entry/api/v2/{entry}/histories/?limit=100")).expect(200).json();
        let names = column(&page["results"], "parent_attr");
        names.iter().filter(|attr| attr["name"].as_str().unwrap().starts_with("late")).count()
    };
    for code in TYPES {
        let name = format!("late {code}");
        let id = detail["attrs"].as_array().unwrap().iter().find(|attr| attr["name"] == name).unwrap()["id"]
            .clone();
        let nothing = match code {
            2 | 4 => json!(""),
            8 => json!(false),
            1025.. if code != 2049 => json!([]),
            _ => Value::Null,
        };
        let before = written();
        for _ in 0..2 {
            let body = json!({"attrs": [{"id": id, "value": nothing}]});
            world.app.put(&format!("/entry/api/v2/{entry}/"), body).expect(202);
        }
        // Of all of them only a flag says something, and that once.
        assert_eq!(written() - before, usize::from(code == 8), "{code}");
        assert_eq!(world.app.value(entry, &name), blank(code), "{code}");
    }
}

/// *Source: spec, attribute-types §5 and entry §1.1.*
fn what_may_not_be_read_shows_as_blank(database: Database) {
    let Some(world) = World::new(database) else { return };
    let app = &world.app;
    let group = super::group(app, "g", None, &[]);
    super::role(app, "r", &json!({}));
    let codes = [16, 64, 1040, 1088];
    let attrs = codes.map(|code| json!({"name": code.to_string(), "type": code}));
    app.put(&format!("/entity/api/v2/{}/", world.entity), json!({"attrs": attrs})).expect(202);
    let detail = app.get(&format!("/entity/api/v2/{}/", world.entity)).json();
    let definitions = detail["attrs"].as_array().unwrap();
    let given: Vec<Value> = definitions
        .iter()
        .map(|attr| {
            let value = match attr["type"].as_i64().unwrap() {
                16 => json!(group),
                64 => json!("r"),
                1040 => json!([group]),
                1088 => json!(["r"]),
                code => world.cases().into_iter().find(|(other, ..)| i64::from(*other) == code).unwrap().1,
            };
            json!({"id": attr["id"], "value": value})
        })
        .collect();
    let entry = app.entry(world.entity, json!({"name": "x", "attrs": given}));
    for attr in definitions {
        close(app, attr["id"].as_i64().unwrap());
    }
    let (_, guest) = person(app, "guest");
    let shown = app.with_token(&guest, "GET", &format!("/entry/api/v2/{entry}/"), None).expect(200).json();
    let shown = shown["attrs"].as_array().unwrap();
    assert_eq!(shown.len(), TYPES.len() + codes.len());
    for attr in shown {
        let blank = match attr["type"].as_i64().unwrap() {
            16 => json!({"as_group": null}),
            64 => json!({"as_role": null}),
            1040 => json!({"as_array_group": []}),
            1088 => json!({"as_array_role": []}),
            code => blank(i32::try_from(code).unwrap()),
        };
        assert_eq!((&attr["is_readable"], &attr["value"]), (&json!(false), &blank), "{attr}");
        let name = attr["schema"]["name"].as_str().unwrap();
        assert_ne!(app.value(entry, name), blank, "{name} has a value");
    }
}

/// *Source: spec, entry §3.1 and §5, attribute-types §6.*
fn what_may_not_be_written_is_judged_and_not_stored(database: Database) {
    let Some(world) = World::new(database) else { return };
    let (app, (_, guest)) = (&world.app, person(&world.app, "guest"));
    let entry = world.entry("x", &[(2, json!("a")), (256, json!(1))]);
    for code in [2, 8, 256] {
        close(app, world.attrs[&code.to_string()]);
    }
    let defaults = json!({"attrs": [
        {"id": world.attrs["2"], "default_value": "d"}, {"id": world.attrs["8"], "default_value": true},
        {"id": world.attrs["256"], "default_value": 7}, {"id": world.attrs["4"], "default_value": "d"},
    ]});
    app.put(&format!("/entity/api/v2/{}/", world.entity), defaults).expect(202);
    let put = |value: Value| {
        let body = json!({"attrs": world.given(&[(256, value)])});
        app.with_token(&guest, "PUT", &format!("/entry/api/v2/{entry}/"), Some(&body))
    };
    assert_eq!(put(json!("x")).expect(400).codes(), ["non_field_errors AE-121000"]);
    put(json!(2)).expect(202);
    assert_eq!(world.value(entry, 256), json!({"as_number": 1}));
    // A default of what may not be written is not stored, neither is a row.
    let path = format!("/entity/api/v2/{}/entries/", world.entity);
    let made = app.with_token(&guest, "POST", &path, Some(&json!({"name": "y"}))).expect(202).json();
    let made = made["id"].as_i64().unwrap();
    for code in [2, 8, 256] {
        assert_eq!(world.value(made, code), blank(code), "{code}");
    }
    assert_eq!(world.value(made, 4), json!({"as_string": "d"}));
    let page = app.get(&format!("/entry/api/v2/{made}/histories/")).expect(200).json();
    let rows = column(&page["results"], "parent_attr");
    assert_eq!((rows.len(), &rows[0]["name"]), (1, &json!("4")), "{page}");
}
