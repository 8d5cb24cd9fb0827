//! The search index of a database that was filled without it, and searches without trigrams.

use crate::contract::search::{column, names};
use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::services::search::rebuild;
use pagoda_core::store::search::Trigrams;
use pagoda_core::store::{DatabaseUrl, Store, StoreOptions};
use serde_json::{Value, json};

on_both_databases! {
    an_index_that_is_lost_is_made_again;
    without_trigrams_searches_are_as_right;
    it_is_known_which_letters_the_index_knows;
}

/// An entity whose entries have values of several kinds, and what searches find in it.
struct World {
    app: TestApp,
    entity: i64,
}

impl World {
    fn new(database: Database) -> Option<Self> {
        let app = TestApp::bare(database)?;
        let (racks, _) = app.entity(json!({"name": "rack"}));
        let rack = app.entry(racks, json!({"name": "Rack North"}));
        let attrs = json!([
            {"name": "text", "type": 2}, {"name": "list", "type": 1026}, {"name": "day", "type": 32}, {"name": "flag", "type": 8},
            {"name": "rack", "type": 1, "referral": [racks]}, {"name": "named", "type": 3073, "referral": [racks]},
        ]);
        let (entity, attrs) = app.entity(json!({"name": "e", "attrs": attrs}));
        let value = |name: &str, value: Value| json!({"id": attrs[name], "value": value});
        for number in 0..30 {
            let values = json!([
                value("text", json!(format!("Text {}", number % 7))),
                value("list", json!(["one", format!("item {}", number % 3)])),
                value("day", json!(format!("2024-01-{:02}", number + 1))),
                value("flag", json!(number % 2 == 0)),
                value("rack", if number % 5 == 0 { json!(rack) } else { Value::Null }),
                value("named", json!([{"name": "n", "id": rack}, {"name": "m", "id": null}])),
            ]);
            app.entry(entity, json!({"name": format!("İ-{number:02}"), "attrs": values}));
        }
        let gone = app.entry(entity, json!({"name": "gone", "attrs": [value("text", json!("Text 1"))]}));
        app.delete(&format!("/entry/api/v2/{gone}/")).expect(204);
        Some(Self { app, entity })
    }

    /// What some searches find.
    fn found(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (name, key, keyword) in [
            ("text", 3, "text 3"),
            ("text", 3, "xt"),
            ("text", 3, "^text 1$|t 2"),
            ("text", 4, "text 3"),
            ("text", 5, ""),
            ("list", 3, "item 1&one"),
            ("day", 3, ">2024-01-20"),
            ("flag", 3, "true"),
            ("rack", 3, "north"),
            ("rack", 1, ""),
            ("named", 1, ""),
        ] {
            let info = json!({"name": name, "filter_key": key, "keyword": keyword});
            let body = json!({"entities": [self.entity], "attrinfo": [info]});
            found.push(names(&self.app.post("/entry/api/v2/advanced_search/", body).expect(200).json()));
        }
        let hint = json!({"entities": [self.entity], "attrinfo": [], "hint_entry": {"filter_key": 1, "keyword": "İ-1"}});
        found.push(names(&self.app.post("/entry/api/v2/advanced_search/", hint).expect(200).json()));
        for query in ["text%203", "xt", "north", "item"] {
            let answer = self.app.get(&format!("/entry/api/v2/search/?query={query}"));
            found.push(column(&answer.json(), "name"));
        }
        found
    }
}

fn an_index_that_is_lost_is_made_again(database: Database) {
    let Some(world) = World::new(database) else { return };
    let store = &world.app.host.store;
    let before = world.found();
    assert!(before.iter().all(|found| !found.is_empty()), "{before:?}");
    let prepared = rebuild::prepare(store).unwrap();
    // The databases of tests know letters of ASCII.
    let trigrams = if database == Database::Sqlite { Trigrams::Indexed } else { Trigrams::OfAscii };
    assert_eq!((prepared.entered, prepared.trigrams), (None, trigrams), "it was made at the start");
    rebuild::forget(store).unwrap();
    assert!(world.found().iter().filter(|found| found.is_empty()).count() > 5);
    // The rack and the thirty; what is deleted is not in it.
    assert_eq!(rebuild::prepare(store).unwrap().entered, Some(31));
    assert_eq!(world.found(), before);
    assert_eq!(rebuild::prepare(store).unwrap().entered, None);
}

fn without_trigrams_searches_are_as_right(database: Database) {
    if database == Database::Sqlite {
        return;
    }
    let Some(world) = World::new(database) else { return };
    let before = world.found();
    let store = &world.app.host.store;
    let drop = "DROP INDEX search_text_trigrams; DROP INDEX entry_name_trigrams; DROP EXTENSION pg_trgm";
    store.writer().unwrap().execute_batch(drop).unwrap();
    assert_eq!(
        pagoda_core::store::search::trigrams(&mut store.reader().unwrap()).unwrap(),
        Trigrams::Missing
    );
    assert_eq!(world.found(), before);
    assert_eq!(
        rebuild::prepare(store).unwrap().trigrams,
        Trigrams::OfAscii,
        "made again where that is allowed"
    );
    assert_eq!(world.found(), before);
}

fn it_is_known_which_letters_the_index_knows(database: Database) {
    let (Database::Postgres, Some(cluster)) = (database, pagoda_test_support::postgres()) else { return };
    let trigrams = |url: &str| {
        let store = Store::open(StoreOptions::new(DatabaseUrl::parse(url).unwrap())).unwrap();
        store.migrate().unwrap();
        rebuild::prepare(&store).unwrap().trigrams
    };
    assert_eq!(trigrams(&cluster.new_database()), Trigrams::OfAscii);
    assert_eq!(trigrams(&cluster.new_database_with_letters()), Trigrams::Indexed);
}
