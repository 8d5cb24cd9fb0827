//! The plugin `naming-policy` in a running server.

use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::plugins::contributions::Contributions;
use serde_json::json;

on_both_databases! {
    names_are_put_right_or_refused;
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
