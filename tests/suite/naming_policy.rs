//! The plugin `naming-policy` in a running server.

use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::plugins::contributions::Contributions;
use serde_json::json;

on_both_databases! {
    names_are_put_right_or_refused;
    values_are_judged_as_they_will_be;
}

fn names_are_put_right_or_refused(database: Database) {
    let plugins = Contributions::of(&[&pagoda_naming_policy::PLUGIN]);
    let policy = json!({"entities": {
        "rack": {"trim": true, "collapse_blanks": true, "case": "lower", "prefix": "r-", "add_prefix": true},
        "host": {"pattern": "^[a-z]+[0-9]{2}$", "message": "letters and two digits"},
    }});
    let change = |config: &mut pagoda_core::config::Config| {
        config.plugins.sections.insert("naming-policy".to_owned(), policy);
    };
    let Some(app) = TestApp::with(database, plugins, change) else { return };
    let (rack, _) = app.entity(json!({"name": "rack"}));
    let entry = app.entry(rack, json!({"name": "Row  A   One"}));
    assert_eq!(app.entry_names(rack), ["r-row a one"]);
    app.put(&format!("/entry/api/v2/{entry}/"), json!({"name": "R-Two"})).expect(202);
    assert_eq!(app.entry_names(rack), ["r-two"]);
    // The name as it will be is the one that must be free.
    let taken = app.post(&format!("/entity/api/v2/{rack}/entries/"), json!({"name": " TWO "})).expect(400);
    assert_eq!(taken.codes(), ["name AE-220000"]);

    let (host, _) = app.entity(json!({"name": "host"}));
    let path = format!("/entity/api/v2/{host}/entries/");
    let refused = app.post(&path, json!({"name": "web1"})).expect(400);
    assert!(
        refused.json()["name"][0]["message"].as_str().unwrap().contains("letters and two digits"),
        "{refused:?}"
    );
    app.post(&path, json!({"name": "web01"})).expect(202);
    let (other, _) = app.entity(json!({"name": "other"}));
    app.entry(other, json!({"name": "Any  Name"}));
    assert_eq!(app.entry_names(other), ["Any  Name"]);

    let base = "/api/v2/plugins/naming-policy";
    let shown = app.get(&format!("{base}/policy/rack/")).expect(200);
    assert!(shown.body.contains("r-"), "{shown:?}");
    let check = |entity: &str, name: &str| {
        app.post(&format!("{base}/check/"), json!({"entity": entity, "name": name})).expect(200).json()
    };
    let checked = check("rack", " A ");
    assert_eq!(
        (&checked["name"], &checked["changed"], &checked["accepted"]),
        (&json!("r-a"), &json!(true), &json!(true))
    );
    assert_eq!(check("host", "web1")["accepted"], json!(false));
}

fn values_are_judged_as_they_will_be(database: Database) {
    let plugins = Contributions::of(&[&pagoda_naming_policy::PLUGIN]);
    let policy = json!({"entities": {"host": {"attributes": {
        "serial": {"pattern": "^S[0-9]+$", "message": "A serial is S and digits."},
        "tags": {"pattern": "^[a-z]+$"},
        "end": {"required_when": {"attribute": "retired", "is": "true"}},
        "owner": {"required_when": {"attribute": "serial", "has_value": true}},
    }}}});
    let change = |config: &mut pagoda_core::config::Config| {
        config.plugins.sections.insert("naming-policy".to_owned(), policy);
    };
    let Some(app) = TestApp::with(database, plugins, change) else { return };
    let (host, attrs) = app.entity(json!({"name": "host", "attrs": [
        {"name": "serial", "type": 2}, {"name": "tags", "type": 1026}, {"name": "retired", "type": 8},
        {"name": "end", "type": 32}, {"name": "owner", "type": 2},
    ]}));
    let values = |pairs: &[(&str, serde_json::Value)]| -> serde_json::Value {
        pairs.iter().map(|(name, value)| json!({"id": attrs[*name], "value": value})).collect()
    };
    let path = format!("/entity/api/v2/{host}/entries/");
    let create = |name: &str, pairs: &[(&str, serde_json::Value)]| {
        app.post(&path, json!({"name": name, "attrs": values(pairs)}))
    };
    let refused = create("a", &[("serial", json!("1")), ("owner", json!("me"))]).expect(400);
    assert_eq!(refused.codes(), ["attrs.serial AE-250000"]);
    assert!(
        refused.json()["attrs.serial"][0]["message"].as_str().unwrap().contains("A serial is S and digits.")
    );
    assert_eq!(
        create("a", &[("serial", json!("S1")), ("tags", json!(["ok", "NOT"])), ("retired", json!(true))])
            .expect(400)
            .codes(),
        ["attrs.end AE-113000", "attrs.owner AE-113000", "attrs.tags AE-250000"]
    );
    assert_eq!(app.entry_names(host), Vec::<String>::new());
    let entry = app.entry(
        host,
        json!({"name": "a", "attrs": values(&[("serial", json!("S1")), ("owner", json!("me"))])}),
    );
    let put = |body: serde_json::Value| app.put(&format!("/entry/api/v2/{entry}/"), body);
    // The present values count where nothing new is written.
    assert_eq!(
        put(json!({"attrs": values(&[("retired", json!(true))])})).expect(400).codes(),
        ["attrs.end AE-113000"]
    );
    put(json!({"attrs": values(&[("retired", json!(true)), ("end", json!("2026-01-01"))])})).expect(202);
    assert_eq!(
        put(json!({"attrs": values(&[("end", json!(null))])})).expect(400).codes(),
        ["attrs.end AE-113000"]
    );
    assert_eq!(
        put(json!({"attrs": values(&[("owner", json!(""))])})).expect(400).codes(),
        ["attrs.owner AE-113000"]
    );
    put(json!({"attrs": values(&[("serial", json!("")), ("owner", json!(""))])})).expect(202);
    put(json!({"name": "b"})).expect(202);
    let checked = app.post(
        "/api/v2/plugins/naming-policy/check/",
        json!({"entity": "host", "name": "n", "values": {"serial": "S2"}}),
    );
    let checked = checked.expect(200).json();
    assert_eq!((&checked["accepted"], checked["refused"].as_object().unwrap().len()), (&json!(false), 1));
}
