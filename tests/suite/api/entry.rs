//! Entries: `/entity/api/v2/<id>/entries/` and `/entry/api/v2/`

use crate::server::{Database, TestApp, on_both_databases};
use crate::{PLUGIN, Plugin};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_plugin_sdk::prelude::*;
use serde_json::{Value, json};

on_both_databases! {
    listing;
    creation;
    creation_reports_what_is_wrong;
    retrieving;
    updating;
    deletion_and_restoration;
    deletion_in_a_chain;
    a_long_chain_goes_and_comes_back;
    permissions;
    one_name_one_entry;
    edits_at_the_same_time_are_all_kept;
    an_entity_does_not_go_while_entries_come;
}

fn listing(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, _) = app.entity(json!({"name": "e"}));
    for name in ["b", "a", "C"] {
        app.entry(id, json!({"name": name}));
    }
    let gone = app.entry(id, json!({"name": "gone"}));
    app.delete(&format!("/entry/api/v2/{gone}/")).expect(204);
    let path = format!("/entity/api/v2/{id}/entries/");
    let names = |query: &str| -> Vec<String> {
        let list = app.get(&format!("{path}{query}")).expect(200).json();
        list["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect()
    };
    // 97, 98
    assert_eq!(names("?is_active=true"), ["b", "a", "C"]);
    assert_eq!(names("?is_active=1&ordering=name"), ["a", "b", "C"]);
    assert_eq!(names("?is_active=True&ordering=-name"), ["C", "b", "a"]);
    assert_eq!(names("?is_active=true&ordering=-updated_time"), ["C", "a", "b"]);
    assert_eq!(names("?is_active=false").len(), 1);
    assert_eq!(names("").len(), 4);
    assert_eq!(names("?is_active=true&search=c"), ["C"]);
    let row = app.get(&path).json()["results"][0].clone();
    let keys: Vec<_> = row.as_object().unwrap().keys().cloned().collect();
    let wire = [
        "id",
        "name",
        "schema",
        "is_active",
        "deleted_user",
        "deleted_time",
        "updated_time",
        "aliases",
        "permission",
    ];
    assert_eq!(keys, wire);
    assert!(row["updated_time"].as_str().unwrap().ends_with("+09:00"), "{row}");
    let gone = app.get(&format!("{path}?is_active=false")).json()["results"][0].clone();
    assert_eq!(gone["deleted_user"]["username"], "admin");
    assert!(gone["deleted_user"]["date_joined"].as_str().unwrap().ends_with("+00:00"));
    // 101, pages
    assert_eq!(app.get("/entity/api/v2/9999/entries/").expect(404).codes(), ["AE-230000"]);
    for page in ["0", "2", "x"] {
        assert_eq!(app.get(&format!("{path}?page={page}")).expect(404).codes(), ["AE-230000"], "{page}");
    }
    for n in 0..30 {
        app.entry(id, json!({"name": format!("n{n}")}));
    }
    let last = app.get(&format!("{path}?page=last")).expect(200).json();
    assert_eq!((last["count"].as_i64(), last["results"].as_array().unwrap().len()), (Some(34), 4));
    assert!(last["previous"].as_str().unwrap().ends_with("/entries/"), "{last}");
    let first = app.get(&format!("{path}?page=")).expect(200).json();
    assert!(first["next"].as_str().unwrap().ends_with("/entries/?page=2"), "{first}");
}

fn creation(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, attrs) = app.entity(json!({"name": "e", "item_name_pattern": "^[a-z]", "attrs": [
        {"name": "s", "type": 2, "default_value": "d"}, {"name": "b", "type": 8, "default_value": true},
        {"name": "n", "type": 256, "default_value": -42.5}, {"name": "t", "type": 4}]}));
    let path = format!("/entity/api/v2/{id}/entries/");
    // 115: defaults of what is not given
    let entry = app.entry(id, json!({"name": "  by default  "}));
    assert_eq!(app.value(entry, "s"), json!({"as_string": "d"}));
    assert_eq!(app.value(entry, "b"), json!({"as_boolean": true}));
    assert_eq!(app.value(entry, "n"), json!({"as_number": -42.5}));
    assert_eq!(app.value(entry, "t"), json!({"as_string": ""}));
    assert_eq!(app.get(&format!("/entry/api/v2/{entry}/")).json()["name"], "by default");
    // 116: given values win, also blank ones
    let given = json!({"name": "given", "attrs": [{"id": attrs["s"], "value": ""}, {"id": attrs["b"], "value": false},
        {"id": attrs["n"].to_string(), "value": null}]});
    let entry = app.entry(id, given);
    assert_eq!(app.value(entry, "s"), json!({"as_string": ""}));
    assert_eq!(app.value(entry, "b"), json!({"as_boolean": false}));
    assert_eq!(app.value(entry, "n"), json!({"as_number": null}));
    // 110
    app.post(&path, json!({"name": "x".repeat(200)})).expect(202);
    app.post(&path, json!({"name": "Capital"})).expect(400);
}

fn creation_reports_what_is_wrong(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (target, _) = app.entity(json!({"name": "target"}));
    let (id, attrs) = app.entity(json!({"name": "e", "item_name_pattern": "^[a-z]", "attrs": [
        {"name": "s", "type": 2}, {"name": "o", "type": 1, "referral": [target]}, {"name": "must", "type": 2, "is_mandatory": true}]}));
    let (_, foreign) = app.entity(json!({"name": "f", "attrs": [{"name": "s", "type": 2}]}));
    let must = json!({"id": attrs["must"], "value": "m"});
    app.entry(id, json!({"name": "taken", "attrs": [must]}));
    let cases: &[(&str, Value, &[&str])] = &[
        ("name", json!({}), &["name AE-113000"]),
        ("name", json!({"name": null}), &["name AE-999999"]),
        ("name", json!({"name": "  "}), &["name AE-999999"]),
        ("name", json!({"name": {}}), &["name AE-121000"]),
        ("110", json!({"name": "x".repeat(201)}), &["name AE-122000"]),
        ("name", json!({"name": "taken"}), &["name AE-220000"]),
        ("name", json!({"name": "a\tb"}), &["name AE-250000"]),
        ("name", json!({"name": "Capital"}), &["name AE-250000"]),
        ("112", json!({"name": "a", "attrs": "hoge"}), &["attrs AE-121000"]),
        ("112", json!({"name": "a", "attrs": ["hoge"]}), &["attrs.0.non_field_errors AE-121000"]),
        ("112", json!({"name": "a", "attrs": [{}]}), &["attrs.0.id AE-113000", "attrs.0.value AE-113000"]),
        (
            "112",
            json!({"name": "taken", "attrs": [{"id": "hoge", "value": 1}]}),
            &["attrs.0.id AE-121000", "name AE-220000"],
        ),
        (
            "112",
            json!({"name": "a", "attrs": [must, {"id": 9999, "value": "x"}]}),
            &["non_field_errors AE-230000"],
        ),
        (
            "foreign",
            json!({"name": "a", "attrs": [must, {"id": foreign["s"], "value": "x"}]}),
            &["non_field_errors AE-230000"],
        ),
        (
            "id",
            json!({"name": "a", "attrs": [must, {"id": 0, "value": "x"}]}),
            &["non_field_errors AE-121000"],
        ),
        (
            "113",
            json!({"name": "a", "attrs": [must, {"id": attrs["o"], "value": "hoge"}]}),
            &["non_field_errors AE-121000"],
        ),
        ("mandatory", json!({"name": "a"}), &["non_field_errors AE-113000"]),
        (
            "mandatory",
            json!({"name": "a", "attrs": [{"id": attrs["must"], "value": ""}]}),
            &["non_field_errors AE-121000"],
        ),
        (
            "size",
            json!({"name": "a", "attrs": [must, {"id": attrs["s"], "value": "x".repeat(65_537)}]}),
            &["non_field_errors AE-122000"],
        ),
        ("body", json!([]), &["non_field_errors AE-121000"]),
    ];
    let path = format!("/entity/api/v2/{id}/entries/");
    for (case, body, codes) in cases {
        assert_eq!(&app.post(&path, body.clone()).expect(400).codes(), codes, "case {case}");
    }
    // 109, with the other fields' errors
    let unknown = app.post("/entity/api/v2/9999/entries/", json!({"name": "", "attrs": 1})).expect(400);
    assert_eq!(unknown.codes(), ["attrs AE-121000", "name AE-999999", "schema AE-230000"]);
    assert_eq!(app.entry_names(id), ["taken"]);
}

fn retrieving(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2, "index": 2}, {"name": "u", "type": 2, "index": 1}]}));
    let entry = app.entry(id, json!({"name": "x", "attrs": [{"id": attrs["s"], "value": "v"}]}));
    app.put(
        &format!("/entity/api/v2/{id}/"),
        json!({"attrs": [{"name": "late", "type": 2, "index": 3, "default_value": "d"}]}),
    )
    .expect(202);
    let detail = app.get(&format!("/entry/api/v2/{entry}/")).expect(200).json();
    let keys: Vec<_> = detail.as_object().unwrap().keys().cloned().collect();
    let wire = [
        "id",
        "name",
        "schema",
        "is_active",
        "deleted_user",
        "deleted_time",
        "attrs",
        "is_public",
        "permission",
    ];
    assert_eq!(keys, wire);
    assert_eq!(detail["schema"], json!({"id": id, "name": "e", "is_public": true, "permission": 8}));
    let shown = detail["attrs"].as_array().unwrap();
    let names: Vec<_> = shown.iter().map(|attr| attr["schema"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["u", "s", "late"]);
    assert_eq!(shown[1].as_object().unwrap().len(), 6);
    // 128: an attribute that came later has no instance and its type's blank value
    assert_eq!((&shown[2]["id"], &shown[2]["value"]), (&Value::Null, &json!({"as_string": ""})));
    // 133
    app.put(&format!("/entity/api/v2/{id}/"), json!({"attrs": [{"id": attrs["s"], "is_deleted": true}]}))
        .expect(202);
    assert_eq!(app.get(&format!("/entry/api/v2/{entry}/")).json()["attrs"].as_array().unwrap().len(), 2);
    app.get("/entry/api/v2/9999/").expect(404);
}

fn updating(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, attrs) =
        app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}, {"name": "l", "type": 1026}]}));
    let entry = app.entry(id, json!({"name": "x", "attrs": [{"id": attrs["s"], "value": "1"}, {"id": attrs["l"], "value": ["a", "b"]}]}));
    app.entry(id, json!({"name": "other"}));
    let path = format!("/entry/api/v2/{entry}/");
    app.put(&path, json!({})).expect(202);
    app.put(&path, json!({"name": "x"})).expect(202);
    app.put(&path, json!({"name": "y", "attrs": [{"id": attrs["s"], "value": "2"}]})).expect(202);
    assert_eq!(app.get(&path).json()["name"], "y");
    assert_eq!(app.value(entry, "s"), json!({"as_string": "2"}));
    assert_eq!(app.value(entry, "l"), json!({"as_array_string": ["a", "b"]}));
    // Another order of an array is no change, another multitude is.
    app.put(&path, json!({"attrs": [{"id": attrs["l"], "value": ["b", "a"]}]})).expect(202);
    assert_eq!(app.value(entry, "l"), json!({"as_array_string": ["a", "b"]}));
    app.put(&path, json!({"attrs": [{"id": attrs["l"], "value": ["a", "a"]}]})).expect(202);
    assert_eq!(app.value(entry, "l"), json!({"as_array_string": ["a", "a"]}));
    // 143
    assert_eq!(app.put(&path, json!({"name": "other"})).expect(400).codes(), ["name AE-220000"]);
    assert_eq!(app.put(&path, json!({"name": "a\tb"})).expect(400).codes(), ["name AE-250000"]);
    // A deleted entry is refused before its body is looked at.
    app.delete(&path).expect(204);
    assert_eq!(app.put(&path, json!("x")).expect(400).codes(), ["AE-230000"]);
    assert_eq!(app.put("/entry/api/v2/9999/", json!({})).expect(404).codes(), ["AE-230000"]);
}

fn deletion_and_restoration(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let entry = app.entry(id, json!({"name": "x", "attrs": [{"id": attrs["s"], "value": "v"}]}));
    let path = format!("/entry/api/v2/{entry}/");
    let restore = format!("{path}restore/");
    assert_eq!(app.post(&restore, json!({})).expect(400).codes(), ["AE-230000"]);
    // 146
    assert_eq!(app.delete(&path).expect(204).body, "");
    let detail = app.get(&path).expect(200).json();
    assert!(detail["name"].as_str().unwrap().starts_with("x_deleted_20"), "{detail}");
    assert_eq!((&detail["is_active"], &detail["deleted_user"]["username"]), (&json!(false), &json!("admin")));
    assert_eq!(detail["attrs"][0]["value"], json!({"as_string": "v"}));
    assert_eq!(app.delete(&path).expect(400).codes(), ["AE-230000"]);
    assert_eq!(app.delete("/entry/api/v2/9999/").expect(404).codes(), ["AE-230000"]);
    // 151
    let second = app.entry(id, json!({"name": "x"}));
    assert_eq!(app.post(&restore, json!({})).expect(400).codes(), ["AE-220000"]);
    app.delete(&format!("/entry/api/v2/{second}/")).expect(204);
    assert_eq!(app.post(&restore, json!({})).expect(201).json(), json!({}));
    let detail = app.get(&path).json();
    assert_eq!(
        (&detail["name"], &detail["deleted_user"], &detail["deleted_time"]),
        (&json!("x"), &Value::Null, &Value::Null)
    );
    assert_eq!(app.value(entry, "s"), json!({"as_string": "v"}));
}

fn deletion_in_a_chain(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (part, _) = app.entity(json!({"name": "part"}));
    let (log, _) =
        app.entity(json!({"name": "log", "attrs": [{"name": "of", "type": 1, "referral": [part]}]}));
    let (whole, attrs) = app.entity(json!({"name": "whole", "attrs": [
        {"name": "has", "type": 1, "referral": [part], "is_delete_in_chain": true}]}));
    let log_of = app.get(&format!("/entity/api/v2/{log}/")).json()["attrs"][0]["id"].as_i64().unwrap();
    let with = |name: &str, part: i64| {
        app.entry(whole, json!({"name": name, "attrs": [{"id": attrs["has"], "value": part}]}))
    };
    let is_active = |id: i64| app.get(&format!("/entry/api/v2/{id}/")).json()["is_active"].clone();
    // 148
    let (own, shared, logged) = (
        app.entry(part, json!({"name": "own"})),
        app.entry(part, json!({"name": "shared"})),
        app.entry(part, json!({"name": "logged"})),
    );
    let (one, two, three) = (with("one", own), with("two", shared), with("three", shared));
    app.delete(&format!("/entry/api/v2/{one}/")).expect(204);
    app.delete(&format!("/entry/api/v2/{two}/")).expect(204);
    assert_eq!((is_active(own), is_active(shared)), (json!(false), json!(true)));
    app.delete(&format!("/entry/api/v2/{three}/")).expect(204);
    assert_eq!(is_active(shared), json!(false));
    // Restoring brings back what went along, unless its name is taken.
    app.entry(part, json!({"name": "shared"}));
    app.post(&format!("/entry/api/v2/{one}/restore/"), json!({})).expect(201);
    app.post(&format!("/entry/api/v2/{three}/restore/"), json!({})).expect(201);
    assert_eq!((is_active(own), is_active(shared)), (json!(true), json!(false)));
    // 149: a referrer of an excluded entity does not keep an entry alive
    app.entry(log, json!({"name": "l", "attrs": [{"id": log_of, "value": logged}]}));
    let four = with("four", logged);
    app.delete(&format!("/entry/api/v2/{four}/")).expect(204);
    assert_eq!(is_active(logged), json!(true));
    app.post(&format!("/entry/api/v2/{four}/restore/"), json!({})).expect(201);
    app.put(&format!("/entity/api/v2/{part}/"), json!({"delete_chain_exclude_entities": [log]})).expect(202);
    app.delete(&format!("/entry/api/v2/{four}/")).expect(204);
    assert_eq!(is_active(logged), json!(false));
}

fn permissions(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, _) = app.entity(json!({"name": "e"}));
    let entry = app.entry(id, json!({"name": "x"}));
    let (_, reader) = app.user(|user| user.is_readonly = true);
    let (list, path) = (format!("/entity/api/v2/{id}/entries/"), format!("/entry/api/v2/{entry}/"));
    let body = json!({"name": "y"});
    // 127, and a broken body of one who may not is never looked at
    for (method, path) in
        [("POST", &list), ("PUT", &path), ("DELETE", &path), ("POST", &format!("{path}restore/"))]
    {
        let answer = app.with_token(&reader, method, path, Some(&body)).expect(403);
        assert_eq!(answer.codes(), ["AE-210000"], "{method} {path}");
    }
    let detail = app.with_token(&reader, "GET", &path, None).expect(200).json();
    assert_eq!((&detail["permission"], &detail["schema"]["permission"]), (&json!(2), &json!(2)));
}

/// Eight simultaneous creations of one name give one entry and seven refusals.
fn one_name_one_entry(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, _) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let path = format!("/entity/api/v2/{id}/entries/");
    let outcomes: Vec<u16> = std::thread::scope(|scope| {
        let create = || app.post(&path, json!({"name": "same"})).status;
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|status| **status == 202).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|status| **status == 400).count(), 7, "{outcomes:?}");
    assert_eq!(app.entry_names(id), ["same"]);
}

/// Of eight edits at the same time none is lost and none fails: each is a version on top of another.
fn edits_at_the_same_time_are_all_kept(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (id, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let entry = app.entry(id, json!({"name": "x", "attrs": [{"id": attrs["s"], "value": "first"}]}));
    let path = format!("/entry/api/v2/{entry}/");
    let outcomes: Vec<u16> = std::thread::scope(|scope| {
        let (app, path, attrs) = (&app, &path, &attrs);
        let edit = move |n: usize| {
            app.put(path, json!({"attrs": [{"id": attrs["s"], "value": format!("v{n}")}]})).status
        };
        let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || edit(n))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes, [202; 8]);
    let versions = app.get(&format!("/api/v2/plugins/test-plugin/history/{entry}/")).expect(200).json();
    let mut values: Vec<_> = versions
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value["as_string"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(json!({"as_string": values[0]}), app.value(entry, "s"));
    values.sort();
    assert_eq!(values, ["first", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7"]);
}

/// The versions of an entry's values, newest first.
#[get("/history/{entry}/")]
async fn history(ctx: RouteContext<Plugin>, Path(entry): Path<i64>) -> RouteResult<Json<Vec<Value>>> {
    let versions = ctx.read(move |db| Ok(db.history(entry, 0, 0)?)).await?;
    Ok(Json(versions.into_iter().map(|version| version.value).collect()))
}

/// Whoever comes first wins: an entry in the entity, or a deleted entity without entries.
fn an_entity_does_not_go_while_entries_come(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for round in 0..8 {
        let (id, _) = app.entity(json!({"name": format!("e{round}")}));
        let (created, deleted) = std::thread::scope(|scope| {
            let create = scope
                .spawn(|| app.post(&format!("/entity/api/v2/{id}/entries/"), json!({"name": "x"})).status);
            let delete = scope.spawn(|| app.delete(&format!("/entity/api/v2/{id}/")).status);
            (create.join().unwrap(), delete.join().unwrap())
        });
        assert!(
            matches!((created, deleted), (202, 400) | (404, 202)),
            "created {created}, deleted {deleted}"
        );
    }
}

/// Each entry refers to the one before it.
fn a_long_chain_goes_and_comes_back(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, _) = app.entity(json!({"name": "link"}));
    let next = json!({"attrs": [{"name": "next", "type": 1, "referral": [id], "is_delete_in_chain": true}]});
    app.put(&format!("/entity/api/v2/{id}/"), next).expect(202);
    let next = app.get(&format!("/entity/api/v2/{id}/")).json()["attrs"][0]["id"].as_i64().unwrap();
    let first = app.entry(id, json!({"name": "0"}));
    let link =
        |last, n: i32| app.entry(id, json!({"name": n.to_string(), "attrs": [{"id": next, "value": last}]}));
    let head = (1..500).fold(first, link);
    app.delete(&format!("/entry/api/v2/{head}/")).expect(204);
    assert!(app.entry_names(id).is_empty());
    app.post(&format!("/entry/api/v2/{head}/restore/"), json!({})).expect(201);
    assert_eq!(app.get(&format!("/entity/api/v2/{id}/entries/?is_active=true")).json()["count"], 500);
}
