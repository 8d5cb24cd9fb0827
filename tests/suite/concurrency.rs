//! Many at once: nothing is lost, nothing is there twice.

use crate::contract::{group, role};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use serde_json::{Value, json};
use std::sync::Barrier;

on_both_databases! {
    updates_of_different_attributes_all_arrive;
    updates_of_one_attribute_are_all_in_its_history;
    of_many_entries_of_one_name_one_is_made;
    of_many_aliases_of_one_name_one_is_made;
    an_entry_and_an_alias_do_not_share_a_name;
    of_many_groups_of_one_name_one_is_made;
    of_many_roles_of_one_name_one_is_made;
    of_many_entities_of_one_name_one_is_made;
    restores_and_rollbacks_keep_one_value_the_latest;
    entries_that_make_one_name_are_all_stored;
    names_follow_renames_that_happen_at_the_same_moment;
}

const CLIENTS: usize = 8;

/// Sends a request from each of several clients, as much at once as can be; their answers.
fn at_once(app: &TestApp, request: impl Fn(usize) -> Answer + Sync) -> Vec<Answer> {
    let (barrier, request) = (Barrier::new(CLIENTS), &request);
    assert!(!app.token.is_empty());
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    request(client)
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

/// One of them got this status, the others 400 with these codes.
fn one_of(answers: &[Answer], good: u16, codes: &[&str]) {
    let told: Vec<(u16, &str)> = answers.iter().map(|answer| (answer.status, answer.body.as_str())).collect();
    let made = answers.iter().filter(|answer| answer.status == good).count();
    assert_eq!(made, 1, "{told:?}");
    for answer in answers.iter().filter(|answer| answer.status != good) {
        assert_eq!(answer.status, 400, "{told:?}");
        assert_eq!(answer.codes(), codes, "{told:?}");
    }
}

fn updates_of_different_attributes_all_arrive(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let definitions: Vec<Value> = (0..CLIENTS).map(|n| json!({"name": format!("a{n}"), "type": 2})).collect();
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": definitions}));
    let entry = app.entry(entity, json!({"name": "x"}));
    for round in 0..5 {
        let answers = at_once(&app, |client| {
            let attr = attrs[&format!("a{client}")];
            let body = json!({"attrs": [{"id": attr, "value": format!("{client}-{round}")}]});
            app.put(&format!("/entry/api/v2/{entry}/"), body)
        });
        assert!(answers.iter().all(|answer| answer.status == 202));
        for client in 0..CLIENTS {
            let expected = json!({"as_string": format!("{client}-{round}")});
            assert_eq!(app.value(entry, &format!("a{client}")), expected);
        }
    }
}

/// The values of an entry, newest first, which are one chain.
fn chain(app: &TestApp, entry: i64) -> Vec<Value> {
    let page = app.get(&format!("/entry/api/v2/{entry}/histories/?limit=1000")).expect(200).json();
    let rows = page["results"].as_array().unwrap().clone();
    for pair in rows.windows(2) {
        assert_eq!(pair[0]["prev_id"], pair[1]["id"], "{page}");
    }
    rows
}

fn updates_of_one_attribute_are_all_in_its_history(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "a", "type": 2}]}));
    let entry = app.entry(entity, json!({"name": "x"}));
    let answers = at_once(&app, |client| {
        let body = json!({"attrs": [{"id": attrs["a"], "value": client.to_string()}]});
        app.put(&format!("/entry/api/v2/{entry}/"), body)
    });
    assert!(answers.iter().all(|answer| answer.status == 202));
    let rows = chain(&app, entry);
    let mut texts: Vec<&str> =
        rows.iter().map(|row| row["curr_value"]["as_string"].as_str().unwrap()).collect();
    assert_eq!(app.value(entry, "a")["as_string"], texts[0]);
    texts.sort_unstable();
    assert_eq!(texts, ["", "0", "1", "2", "3", "4", "5", "6", "7"]);
}

fn of_many_entries_of_one_name_one_is_made(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    for round in 0..5 {
        let path = format!("/entity/api/v2/{entity}/entries/");
        let answers = at_once(&app, |_| app.post(&path, json!({"name": format!("same{round}")})));
        one_of(&answers, 202, &["name AE-220000"]);
    }
    assert_eq!(app.entry_names(entity).len(), 5);
}

fn of_many_aliases_of_one_name_one_is_made(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let entries: Vec<i64> =
        (0..CLIENTS).map(|n| app.entry(entity, json!({"name": format!("e{n}")}))).collect();
    for round in 0..5 {
        let answers = at_once(&app, |client| {
            app.post(
                "/entry/api/v2/alias/",
                json!({"name": format!("same{round}"), "entry": entries[client]}),
            )
        });
        one_of(&answers, 201, &["non_field_errors AE-220000"]);
    }
}

fn an_entry_and_an_alias_do_not_share_a_name(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let entry = app.entry(entity, json!({"name": "owner"}));
    for round in 0..5 {
        let name = format!("same{round}");
        let answers = at_once(&app, |client| {
            if client % 2 == 0 {
                app.post("/entry/api/v2/alias/", json!({"name": name, "entry": entry}))
            } else {
                app.post(&format!("/entity/api/v2/{entity}/entries/"), json!({"name": name}))
            }
        });
        let made: Vec<u16> =
            answers.iter().map(|answer| answer.status).filter(|status| *status != 400).collect();
        assert!(made == [201] || made == [202], "{made:?}");
    }
}

fn of_many_groups_of_one_name_one_is_made(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let known = group(&app, "known", None, &[]);
    let answers = at_once(&app, |_| {
        app.post("/group/api/v2/groups", json!({"name": "same", "parent_group": known, "members": []}))
    });
    one_of(&answers, 201, &["name AE-999999"]);
}

fn of_many_roles_of_one_name_one_is_made(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    role(&app, "known", &json!({}));
    let answers = at_once(&app, |_| app.post("/role/api/v2/", json!({"name": "same", "admin_users": [1]})));
    one_of(&answers, 201, &["name AE-999999"]);
}

fn of_many_entities_of_one_name_one_is_made(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let answers = at_once(&app, |_| app.post("/entity/api/v2/", json!({"name": "same"})));
    one_of(&answers, 202, &["name AE-220000"]);
}

fn restores_and_rollbacks_keep_one_value_the_latest(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "a", "type": 2}]}));
    let entry = app.entry(entity, json!({"name": "x", "attrs": [{"id": attrs["a"], "value": "first"}]}));
    let at = pagoda_plugin_sdk::time::Timestamp::now().utc_iso();
    let first = chain(&app, entry)[0]["id"].clone();
    std::thread::sleep(std::time::Duration::from_millis(3));
    let path = format!("/entry/api/v2/{entry}/");
    app.put(&path, json!({"attrs": [{"id": attrs["a"], "value": "second"}]})).expect(202);
    let answers = at_once(&app, |client| match client % 3 {
        0 => app.put(&path, json!({"attrs": [{"id": attrs["a"], "value": format!("u{client}")}]})),
        1 => {
            let path = format!("/entry/api/v2/{first}/attrv_restore/");
            app.with_token(&app.token, "PATCH", &path, Some(&json!({})))
        }
        _ => app.post("/entry/api/v2/rollback/", json!({"targets": [entry], "at": at})),
    });
    assert!(answers.iter().all(|answer| [200, 202].contains(&answer.status)));
    // Each wrote one value, whoever came first.
    let rows = chain(&app, entry);
    assert_eq!(rows.len(), 2 + CLIENTS);
    assert_eq!(app.value(entry, "a"), rows[0]["curr_value"]);
}

/// One of the entries has the name itself, the others say of which they are duplicates.
fn one_plain_name(app: &TestApp, entity: i64, name: &str) {
    let page = app.get(&format!("/entity/api/v2/{entity}/entries/?is_active=true")).expect(200).json();
    let rows = page["results"].as_array().unwrap();
    let (plain, others): (Vec<&Value>, Vec<&Value>) = rows.iter().partition(|row| row["name"] == name);
    assert_eq!((plain.len(), others.len()), (1, CLIENTS - 1), "{page}");
    let start = format!("{name} -- duplicate of ID:{} -- ", plain[0]["id"]);
    assert!(others.iter().all(|row| row["name"].as_str().unwrap().starts_with(&start)), "{page}");
}

fn entries_that_make_one_name_are_all_stored(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for round in 0..3 {
        let (entity, attrs) =
            app.entity(json!({"name": format!("e{round}"), "item_name_type": "AT", "attrs": [
                {"name": "a", "type": 2, "name_order": 1},
            ]}));
        let value = |text: &str| json!([{"id": attrs["a"], "value": text}]);
        let path = format!("/entity/api/v2/{entity}/entries/");
        let made = at_once(&app, |client| {
            app.post(&path, json!({"name": format!("sent {client}"), "attrs": value("made")}))
        });
        let told: Vec<(u16, &str)> =
            made.iter().map(|answer| (answer.status, answer.body.as_str())).collect();
        assert!(made.iter().all(|answer| answer.status == 202), "{told:?}");
        one_plain_name(&app, entity, "made");
        let changed = at_once(&app, |client| {
            let entry = made[client].json()["id"].clone();
            app.put(&format!("/entry/api/v2/{entry}/"), json!({"attrs": value("changed")}))
        });
        let told: Vec<(u16, &str)> =
            changed.iter().map(|answer| (answer.status, answer.body.as_str())).collect();
        assert!(changed.iter().all(|answer| answer.status == 202), "{told:?}");
        one_plain_name(&app, entity, "changed");
        // The name that is sent is judged as well: for a moment somebody else may have it.
        let made = at_once(&app, |_| app.post(&path, json!({"name": "one", "attrs": value("third")})));
        let refused = made.iter().filter(|answer| answer.status != 202);
        refused.for_each(|answer| assert_eq!(answer.codes(), ["name AE-220000"], "{answer:?}"));
        assert!(app.entry_names(entity).contains(&"third".to_owned()));
    }
}

fn names_follow_renames_that_happen_at_the_same_moment(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (first, _) = app.entity(json!({"name": "first"}));
    let entry = app.entry(first, json!({"name": "a"}));
    let (second, attrs) = app.entity(json!({"name": "second", "item_name_type": "AT", "attrs": [
        {"name": "o", "type": 1, "referral": [first], "name_order": 1},
        {"name": "s", "type": 2, "name_order": 2, "name_prefix": "-"},
    ]}));
    let value = |text: &str| json!({"id": attrs["s"], "value": text});
    let after: Vec<i64> = (0..CLIENTS)
        .map(|n| {
            let values = json!([{"id": attrs["o"], "value": entry}, value(&n.to_string())]);
            app.entry(second, json!({"name": format!("sent {n}"), "attrs": values}))
        })
        .collect();
    for round in 0..5 {
        let answers = at_once(&app, |client| {
            if client % 4 == 0 {
                app.put(&format!("/entry/api/v2/{entry}/"), json!({"name": format!("{round}.{client}")}))
            } else {
                let body = json!({"attrs": [value(&format!("{client} in {round}"))]});
                app.put(&format!("/entry/api/v2/{}/", after[client]), body)
            }
        });
        let told: Vec<(u16, &str)> =
            answers.iter().map(|answer| (answer.status, answer.body.as_str())).collect();
        assert!(answers.iter().all(|answer| answer.status == 202), "{told:?}");
        let name = app.entry_names(first).remove(0);
        for (client, id) in after.iter().enumerate() {
            let shown = app.get(&format!("/entry/api/v2/{id}/")).expect(200).json()["name"].clone();
            let own = app.value(*id, "s")["as_string"].as_str().unwrap().to_owned();
            assert_eq!(shown, format!("{name}-{own}"), "{client} in {round}");
        }
    }
}
