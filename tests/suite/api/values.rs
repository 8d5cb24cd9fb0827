//! Attribute values, type by type. *Source: spec, attribute-types.*

use crate::server::{Database, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    what_goes_in_comes_out;
    what_is_refused;
    references_follow_what_they_refer_to;
}

fn all_types(app: &TestApp) -> (i64, std::collections::BTreeMap<String, i64>, i64) {
    let (target, _) = app.entity(json!({"name": "target"}));
    let referred = app.entry(target, json!({"name": "referred"}));
    let (id, attrs) = app.entity(json!({"name": "e", "attrs": [
        {"name": "string", "type": 2}, {"name": "text", "type": 4}, {"name": "number", "type": 256},
        {"name": "boolean", "type": 8}, {"name": "object", "type": 1, "referral": [target]}, {"name": "strings", "type": 1026}]}));
    (id, attrs, referred)
}

fn what_goes_in_comes_out(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, attrs, referred) = all_types(&app);
    let object =
        json!({"as_object": {"id": referred, "name": "referred", "schema": {"id": 1, "name": "target"}}});
    let cases = [
        ("string", json!("3F"), json!({"as_string": "3F"})),
        ("string", json!(" kept \u{1F3EF} "), json!({"as_string": " kept \u{1F3EF} "})),
        ("text", json!("a\nb"), json!({"as_string": "a\nb"})),
        ("number", json!(4), json!({"as_number": 4})),
        ("number", json!(1.5), json!({"as_number": 1.5})),
        ("number", json!("12"), json!({"as_number": 12})),
        ("number", json!(-1e10), json!({"as_number": -10_000_000_000_i64})),
        ("number", json!(9_007_199_254_740_993_i64), json!({"as_number": 9_007_199_254_740_993_i64})),
        ("number", Value::Null, json!({"as_number": null})),
        ("boolean", json!(true), json!({"as_boolean": true})),
        ("object", json!(referred), object.clone()),
        ("object", json!(referred.to_string()), object),
        ("object", json!(0), json!({"as_object": null})),
        ("strings", json!(["b", "", "a", "a"]), json!({"as_array_string": ["b", "a", "a"]})),
        ("strings", json!([]), json!({"as_array_string": []})),
    ];
    for (index, (attr, sent, shown)) in cases.iter().enumerate() {
        let body = json!({"name": format!("n{index}"), "attrs": [{"id": attrs[*attr], "value": sent}]});
        let entry = app.entry(id, body.clone());
        assert_eq!(app.value(entry, attr), *shown, "{body}");
    }
}

fn what_is_refused(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, attrs, _) = all_types(&app);
    let refused = [
        ("string", vec![Value::Null, json!(1), json!(true), json!([]), json!({})]),
        ("text", vec![Value::Null, json!(1)]),
        ("number", vec![json!(true), json!("x"), json!("NaN"), json!("Infinity"), json!([])]),
        ("boolean", vec![Value::Null, json!(0), json!("true")]),
        ("object", vec![json!("x"), json!(9999), json!(id), json!(true), json!([]), json!({})]),
        ("strings", vec![json!("x"), json!([1]), json!([null]), Value::Null, json!({})]),
    ];
    let path = format!("/entity/api/v2/{id}/entries/");
    for (attr, values) in refused {
        for value in values {
            let body = json!({"name": "x", "attrs": [{"id": attrs[attr], "value": value}]});
            assert_eq!(
                app.post(&path, body.clone()).expect(400).codes(),
                ["non_field_errors AE-121000"],
                "{body}"
            );
        }
    }
    assert!(app.entry_names(id).is_empty());
}

fn references_follow_what_they_refer_to(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, attrs, referred) = all_types(&app);
    let entry = app.entry(id, json!({"name": "x", "attrs": [{"id": attrs["object"], "value": referred}]}));
    app.put(&format!("/entry/api/v2/{referred}/"), json!({"name": "renamed"})).expect(202);
    assert_eq!(app.value(entry, "object")["as_object"]["name"], "renamed");
    app.delete(&format!("/entry/api/v2/{referred}/")).expect(204);
    assert_eq!(app.value(entry, "object"), json!({"as_object": null}));
    app.post(&format!("/entry/api/v2/{referred}/restore/"), json!({})).expect(201);
    assert_eq!(app.value(entry, "object")["as_object"]["name"], "renamed");
}
