//! What is refused as a value, what mandatory means, and what becomes of values whose choices and entries go. *Source: spec,
//! attribute-types §2, §4, §5.*

use super::values::{World, definition};
use crate::server::{Database, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    what_is_refused;
    what_mandatory_means;
    references_that_are_gone;
    choices_in_use_stay;
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
