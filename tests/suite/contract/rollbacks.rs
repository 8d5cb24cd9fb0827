//! Going back to a moment, type by type and where something is against it. *Source: spec, entry §14.*

use super::history_writes::{World, moment};
use super::{close, column, person};
use crate::server::{Database, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    values_of_every_type_are_rolled_back;
    what_was_blank_is_blank_again;
    what_others_wrote_stays;
    what_may_not_be_written_stays;
    what_did_not_exist_then_is_blank_or_stays;
    names_stay;
}

fn back(world: &World, token: &str, targets: &[i64], at: &str) {
    world.rollback(token, &json!({"targets": targets, "at": at})).expect(200);
}

/// The texts of an attribute, newest first.
fn texts(world: &World, entry: i64, attr: &str) -> Vec<Value> {
    let rows = json!(world.history(entry, attr));
    column(&rows, "curr_value").iter().map(|value| value["as_string"].clone()).collect()
}

fn values_of_every_type_are_rolled_back(database: Database) {
    let Some(world) = World::new(database) else { return };
    for (attr, first, second) in world.values() {
        let entry = world.entry(attr, &[(attr, first.clone())]);
        let (initial, before) = (world.app.value(entry, attr), moment());
        world.update(entry, &[(attr, second.clone())]);
        world.update(entry, &[(attr, first.clone())]);
        world.update(entry, &[(attr, second)]);
        let (then, between) = (world.app.value(entry, attr), moment());
        world.update(entry, &[(attr, first)]);
        let written = world.history(entry, attr).len();
        back(&world, &world.app.token, &[entry], &between);
        assert_eq!(world.app.value(entry, attr), then, "{attr}");
        assert_eq!(world.history(entry, attr).len(), written + 1, "history only grows");
        back(&world, &world.app.token, &[entry], &before);
        assert_eq!(world.app.value(entry, attr), initial, "{attr}");
        // Once for a request that names it twice; what was written since is the caller's own.
        back(&world, &world.app.token, &[entry, entry], &before);
        assert_eq!(world.history(entry, attr).len(), written + 3, "{attr}");
    }
}

fn what_was_blank_is_blank_again(database: Database) {
    let Some(world) = World::new(database) else { return };
    for (attr, first, _) in world.values() {
        let entry = world.entry(attr, &[]);
        let (blank, at) = (world.app.value(entry, attr), moment());
        world.update(entry, &[(attr, first)]);
        assert_ne!(world.app.value(entry, attr), blank, "{attr}");
        back(&world, &world.app.token, &[entry], &at);
        assert_eq!(world.app.value(entry, attr), blank, "{attr}");
    }
}

fn what_others_wrote_stays(database: Database) {
    let Some(world) = World::new(database) else { return };
    let [(_, amy), (_, bob)] = ["amy", "bob"].map(|name| person(&world.app, name));
    let entry = world.entry("x", &[("string", json!("a")), ("text", json!("a"))]);
    let at = moment();
    world.update_as(&bob, entry, &[("string", json!("b"))]);
    world.update_as(&amy, entry, &[("string", json!("c")), ("text", json!("c"))]);
    back(&world, &amy, &[entry], &at);
    assert_eq!(texts(&world, entry, "string"), ["c", "b", "a"], "Bob wrote one of them");
    assert_eq!(texts(&world, entry, "text"), ["a", "c", "a"], "who wrote what was before is no hindrance");
    assert_eq!(world.history(entry, "text")[0]["created_user"], "amy");
}

fn what_may_not_be_written_stays(database: Database) {
    let Some(world) = World::new(database) else { return };
    let (_, amy) = person(&world.app, "amy");
    let both = |text: &str| [("string", json!(text)), ("text", json!(text))];
    let entries = ["x", "y", "z"].map(|name| world.entry(name, &both("a")));
    let at = moment();
    for entry in entries {
        world.update_as(&amy, entry, &both("b"));
    }
    let [closed, partly, open] = entries;
    close(&world.app, closed);
    let detail = world.app.get(&format!("/entry/api/v2/{partly}/")).expect(200).json();
    let attrs = detail["attrs"].as_array().unwrap();
    let string = attrs.iter().find(|attr| attr["schema"]["name"] == "string").unwrap();
    close(&world.app, string["id"].as_i64().unwrap());
    back(&world, &amy, &entries, &at);
    assert_eq!(texts(&world, closed, "string"), ["b", "a"]);
    assert_eq!(texts(&world, partly, "string"), ["b", "a"]);
    assert_eq!(texts(&world, partly, "text"), ["a", "b", "a"]);
    assert_eq!(texts(&world, open, "string"), ["a", "b", "a"]);
}

fn what_did_not_exist_then_is_blank_or_stays(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("x", &[]);
    let at = moment();
    // The entry was there, the definition was not.
    let path = format!("/entity/api/v2/{}/", world.entity);
    world.app.put(&path, json!({"attrs": [{"name": "late", "type": 2}]})).expect(202);
    let detail = world.app.get(&path).json();
    let late = detail["attrs"].as_array().unwrap().iter().find(|attr| attr["name"] == "late").unwrap();
    let body = json!({"attrs": [{"id": late["id"], "value": "new"}]});
    world.app.put(&format!("/entry/api/v2/{entry}/"), body).expect(202);
    // The entry was not.
    let young = world.entry("young", &[("string", json!("a"))]);
    world.update(young, &[("string", json!("b"))]);
    back(&world, &world.app.token, &[entry, young], &at);
    assert_eq!(world.app.value(entry, "late"), json!({"as_string": ""}));
    assert_eq!(texts(&world, young, "string"), ["b", "a"]);
}

fn names_stay(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("old", &[("string", json!("a"))]);
    let at = moment();
    let body = json!({"name": "new", "attrs": [{"id": world.attrs["string"], "value": "b"}]});
    world.app.put(&format!("/entry/api/v2/{entry}/"), body).expect(202);
    back(&world, &world.app.token, &[-1, entry], &at);
    let detail = world.app.get(&format!("/entry/api/v2/{entry}/")).expect(200).json();
    assert_eq!(detail["name"], "new");
    assert_eq!(texts(&world, entry, "string"), ["a", "b", "a"]);
}
