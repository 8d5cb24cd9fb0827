//! The entries of an entity. *Source: spec, entity §2.6.*

use super::{close, column, grant, person, role};
use crate::server::{Database, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    case_entry_097_entries_in_order;
    case_entry_098_active_and_deleted_entries;
    case_entry_100_entries_of_an_entity_that_may_not_be_read;
    case_entry_101_entries_of_no_entity;
    there_are_no_more_entries_than_may_be;
}

fn path(entity: i64) -> String {
    format!("/entity/api/v2/{entity}/entries/")
}

fn names(app: &TestApp, entity: i64, query: &str) -> Vec<Value> {
    column(&app.get(&format!("{}{query}", path(entity))).expect(200).json()["results"], "name")
}

fn case_entry_097_entries_in_order(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let ids: Vec<i64> = ["b", "A", "a"].map(|name| app.entry(entity, json!({"name": name}))).to_vec();
    app.put(&format!("/entry/api/v2/{}/", ids[0]), json!({"name": "c"})).expect(202);
    assert_eq!(names(&app, entity, ""), ["c", "A", "a"]);
    assert_eq!(names(&app, entity, "?ordering=nonsense"), ["c", "A", "a"]);
    assert_eq!(names(&app, entity, "?ordering=name"), ["a", "A", "c"]);
    assert_eq!(names(&app, entity, "?ordering=-name"), ["c", "A", "a"]);
    assert_eq!(names(&app, entity, "?ordering=-updated_time"), ["c", "a", "A"]);
    assert_eq!(names(&app, entity, "?ordering=updated_time,name"), ["A", "a", "c"]);
    assert_eq!(names(&app, entity, "?search=A"), ["A", "a"]);
    let row = app.get(&path(entity)).json()["results"][0].clone();
    assert_eq!(row.as_object().unwrap().len(), 9, "{row}");
}

fn case_entry_098_active_and_deleted_entries(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    app.entry(entity, json!({"name": "kept"}));
    let gone = app.entry(entity, json!({"name": "gone"}));
    app.delete(&format!("/entry/api/v2/{gone}/")).expect(204);
    for (value, rows) in [("true", 1), ("1", 1), ("TRUE", 1), ("False", 1), ("0", 1), ("x", 2), ("", 2)] {
        assert_eq!(names(&app, entity, &format!("?is_active={value}")).len(), rows, "{value}");
    }
    assert_eq!(names(&app, entity, "?is_active=true"), ["kept"]);
    assert_eq!(names(&app, entity, "").len(), 2);
}

fn case_entry_100_entries_of_an_entity_that_may_not_be_read(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (guest, token) = person(&app, "guest");
    let (entity, _) = app.entity(json!({"name": "e"}));
    close(&app, entity);
    let see = |query: &str| app.with_token(&token, "GET", &format!("{}{query}", path(entity)), None);
    assert_eq!(see("").expect(403).codes(), ["AE-210000"]);
    assert_eq!(see("?page=9").expect(403).codes(), ["AE-210000"]);
    let role = role(&app, "r", &json!({"users": [guest]}));
    grant(&app, entity, role, 2);
    see("").expect(200);
    assert_eq!(see("?page=9").expect(404).codes(), ["AE-230000"]);
}

fn case_entry_101_entries_of_no_entity(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (gone, _) = app.entity(json!({"name": "gone"}));
    app.delete(&format!("/entity/api/v2/{gone}/")).expect(202);
    for id in [9999, gone] {
        assert_eq!(app.get(&path(id)).expect(404).codes(), ["AE-230000"]);
    }
    assert_eq!(app.post(&path(9999), json!({"name": "x"})).expect(400).codes(), ["schema AE-230000"]);
    assert_eq!(app.post(&path(gone), json!({"name": "x"})).expect(404).codes(), ["AE-230000"]);
}

/// Also when many ask at once.
fn there_are_no_more_entries_than_may_be(database: Database) {
    let plugins = pagoda_core::plugins::contributions::Contributions::default();
    let Some(app) = TestApp::with(database, plugins, |config| config.limits.max_entries = Some(3)) else {
        return;
    };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let app = &app;
        let ask = move |n: i32| app.post(&path(entity), json!({"name": format!("n{n}")})).status;
        let asked: Vec<_> = (0..8).map(|n| scope.spawn(move || ask(n))).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 202).count(), 3, "{statuses:?}");
    let refused = app.post(&path(entity), json!({"name": "x"})).expect(400);
    assert_eq!(refused.codes(), ["non_field_errors AE-122000"]);
    assert_eq!(names(&app, entity, "").len(), 3);
}
