//! What is left of entries whose entity was deleted. *Source: spec, entry §1.1, §9, §11.*

use super::column;
use crate::server::{Database, TestApp, on_both_databases};
use serde_json::json;

on_both_databases! {
    entries_of_a_deleted_entity_are_shown_without_attributes;
    nothing_is_made_or_brought_back_in_a_deleted_entity;
}

/// An entry that was deleted, and then its entity was.
fn scene(database: Database) -> Option<(TestApp, i64, i64)> {
    let app = TestApp::bare(database)?;
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let entry = app.entry(entity, json!({"name": "x", "attrs": [{"id": attrs["s"], "value": "a"}]}));
    app.delete(&format!("/entry/api/v2/{entry}/")).expect(204);
    assert_eq!(app.value(entry, "s"), json!({"as_string": "a"}), "of a deleted entry they are shown");
    app.delete(&format!("/entity/api/v2/{entity}/")).expect(202);
    Some((app, entity, entry))
}

fn entries_of_a_deleted_entity_are_shown_without_attributes(database: Database) {
    let Some((app, entity, entry)) = scene(database) else { return };
    let detail = app.get(&format!("/entry/api/v2/{entry}/")).expect(200).json();
    assert_eq!((&detail["is_active"], &detail["attrs"]), (&json!(false), &json!([])));
    assert_eq!(detail["schema"]["id"], entity);
    let schema = detail["schema"]["name"].as_str().unwrap();
    assert!(schema.starts_with("e_deleted_"), "{schema}");
    let page = app.get(&format!("/entry/api/v2/{entry}/histories/")).expect(200).json();
    assert_eq!((&page["count"], &page["results"]), (&json!(0), &json!([])), "no definition is active");
    let page = app.get(&format!("/entry/api/v2/{entry}/self_histories/")).expect(200).json();
    assert_eq!(column(&page["results"], "history_type"), ["~", "+"]);
    assert_eq!(column(&page["results"], "name")[1], "x");
}

fn nothing_is_made_or_brought_back_in_a_deleted_entity(database: Database) {
    let Some((app, entity, entry)) = scene(database) else { return };
    let made = app.post(&format!("/entity/api/v2/{entity}/entries/"), json!({"name": "y"})).expect(404);
    assert_eq!(made.codes(), ["AE-230000"]);
    let restored = app.post(&format!("/entry/api/v2/{entry}/restore/"), json!({})).expect(400);
    assert_eq!(restored.codes(), ["AE-230000"]);
    assert_eq!(app.get(&format!("/entity/api/v2/{entity}/entries/")).expect(404).codes(), ["AE-230000"]);
}
