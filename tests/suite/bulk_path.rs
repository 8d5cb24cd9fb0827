//! An entry that came through the store's bulk path is like one that was created: it reads, changes, goes and comes back
//! the same way.

use crate::contract::{group, role};
use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::services::attribute::Content;
use pagoda_core::services::search::index;
use pagoda_core::store::bulk::{self, BulkAttribute, BulkEntry};
use pagoda_core::store::ids;
use pagoda_core::store::queries::{entry, value};
use pagoda_core::store::rows::{AttrValueRow, NewAttrValue, NewEntry};
use pagoda_plugin_sdk::model::AttrType;
use serde_json::{Value, json};

on_both_databases! {
    it_reads_as_one_that_was_created;
    it_changes_and_goes_and_comes_back_as_one_that_was_created;
    it_refers_and_is_referred_to;
    it_is_found_by_what_it_has;
}

/// Two entries with the same values of all types, one created, one out of the bulk path.
struct Pair {
    app: TestApp,
    server: i64,
    attrs: std::collections::BTreeMap<String, i64>,
    rack: i64,
    created: i64,
    bulk: i64,
}

impl Pair {
    fn new(database: Database) -> Option<Self> {
        let app = TestApp::bare(database)?;
        let team = group(&app, "team", None, &[]);
        let keepers = role(&app, "keepers", &json!({}));
        let (racks, _) = app.entity(json!({"name": "rack"}));
        let rack = app.entry(racks, json!({"name": "r1"}));
        let choices = json!([{"value": "on", "label": "On"}, {"value": "off", "label": "Off"}]);
        let types: [(&str, i64, Value); 19] = [
            ("string", 2, json!("S1")),
            ("text", 4, json!("one\ntwo")),
            ("flag", 8, json!(true)),
            ("day", 32, json!("2024-02-01")),
            ("moment", 128, json!("2024-02-01T03:04:05Z")),
            ("number", 256, json!(1.5)),
            ("choice", 512, json!("on")),
            ("entry", 1, json!(rack)),
            ("entries", 1_025, json!([rack, rack])),
            ("strings", 1_026, json!(["b", "a"])),
            ("numbers", 1_280, json!([2, null, 1])),
            ("choices", 1_536, json!(["off", "on"])),
            ("group", 16, json!(team)),
            ("role", 64, json!(keepers)),
            ("groups", 1_040, json!([team])),
            ("roles", 1_088, json!([keepers])),
            ("named", 2_049, json!({"name": "n", "id": rack})),
            ("nameds", 3_073, json!([{"name": "n", "id": rack}, {"name": "m", "id": null}])),
            ("flagged", 3_081, json!([{"name": "n", "id": rack, "boolean": true}])),
        ];
        let definition = |name: &str, code: i64| {
            let choices = if matches!(code, 512 | 1_536) { choices.clone() } else { json!([]) };
            let referral = if code & 1 == 1 { json!([racks]) } else { json!([]) };
            json!({"name": name, "type": code, "choices": choices, "referral": referral})
        };
        let mut definitions: Vec<Value> =
            types.iter().map(|(name, code, _)| definition(name, *code)).collect();
        definitions.push(definition("unset", 2_049));
        let (server, attrs) = app.entity(json!({"name": "server", "attrs": definitions}));
        let values: Vec<Value> =
            types.iter().map(|(name, _, value)| json!({"id": attrs[*name], "value": value})).collect();
        let created = app.entry(server, json!({"name": "one", "attrs": values}));
        let bulk = through_bulk(&app, created, "two");
        Some(Self { app, server, attrs, rack, created, bulk })
    }

    /// What a path answers for either; ids, names and times of the entries themselves aside.
    fn both(&self, ask: impl Fn(i64) -> Value) -> (Value, Value) {
        (stripped(&ask(self.created)), stripped(&ask(self.bulk)))
    }

    #[track_caller]
    fn same(&self, path: impl Fn(i64) -> String) {
        let (created, bulk) = self.both(|id| self.app.get(&path(id)).expect(200).json());
        assert_eq!(created, bulk);
        assert!(created.as_object().is_some_and(|object| !object.is_empty()), "{created}");
    }
}

/// Writes the rows of an entry once more, for another one.
fn through_bulk(app: &TestApp, of: i64, name: &str) -> i64 {
    let db = &mut app.host.store.writer().unwrap();
    let like = entry::by_id(db, of).unwrap().unwrap();
    let values = value::latest_of(db, of).unwrap();
    let as_new = |row: &AttrValueRow| NewAttrValue {
        position: row.position,
        attr_type: row.attr_type,
        is_latest: row.is_latest,
        text_value: row.text_value.clone(),
        bool_value: row.bool_value,
        ref_id: row.ref_id,
        created_user_id: row.created_user_id,
        created_time: row.created_time,
        ..NewAttrValue::default()
    };
    let mut attributes = Vec::new();
    for attribute in value::attributes_of(db, of).unwrap() {
        let latest = values.iter().find(|(other, _)| other.id == attribute.id).map(|(_, value)| value);
        let mut elements = Vec::new();
        let mut postings = Vec::new();
        if let Some(latest) = latest {
            let children = value::children_of(db, &[latest.id]).unwrap();
            elements.extend(children.iter().map(|child| as_new(&child.value)));
            let content = Content::of(latest, &children);
            let attr_type = AttrType::from_code(i64::from(latest.attr_type)).unwrap();
            postings = index::postings(attribute.attr_id, attr_type, &content);
        }
        attributes.push(BulkAttribute { attribute, value: latest.map(as_new), elements, postings });
    }
    let new = NewEntry {
        id: ids::allocate(db, 1).unwrap()[0],
        entity_id: like.entity_id,
        name: name.to_owned(),
        status: like.status,
        is_public: like.is_public,
        default_permission: like.default_permission,
        created_user_id: like.created_user_id,
        created_time: like.created_time,
    };
    let id = new.id;
    db.begin().unwrap();
    bulk::insert(db, &mut [BulkEntry { entry: new, attributes, ..BulkEntry::default() }]).unwrap();
    db.commit().unwrap();
    id
}

/// Without what is each entry's own: ids of attributes and values, and its name.
fn stripped(value: &Value) -> Value {
    match value {
        Value::Array(list) => list.iter().map(stripped).collect(),
        Value::Object(fields) => {
            let own = ["id", "name", "prev_id", "deleted_time", "created_time"];
            // Of entries the name is their own; of whatever they have or refer to it matters.
            let is_entry = ["attrs", "is_active", "objtype"].iter().any(|key| fields.contains_key(*key));
            let keep = |key: &str| !own.contains(&key) || (key == "name" && !is_entry);
            fields
                .iter()
                .filter(|(key, _)| keep(key))
                .map(|(key, value)| (key.clone(), stripped(value)))
                .collect()
        }
        other => other.clone(),
    }
}

fn it_is_found_by_what_it_has(database: Database) {
    let Some(pair) = Pair::new(database) else { return };
    for (name, keyword) in [
        ("string", "^s1$"),
        ("text", "two"),
        ("flag", "true"),
        ("day", "2024-02-01"),
        ("moment", "2024-02-01"),
        ("number", "1.5"),
        ("choice", "on"),
        ("entry", "r1"),
        ("strings", "a&b"),
        ("numbers", "\\"),
        ("group", "team"),
        ("roles", "keepers"),
        ("nameds", "r1&\\"),
        ("unset", "\\"),
    ] {
        let body = json!({"entities": [pair.server], "attrinfo": [{"name": name, "keyword": keyword}]});
        let found = pair.app.post("/entry/api/v2/advanced_search/", body).expect(200).json();
        assert_eq!(crate::contract::search::names(&found), "one two", "{name} {keyword}");
    }
}

fn it_reads_as_one_that_was_created(database: Database) {
    let Some(pair) = Pair::new(database) else { return };
    pair.same(|id| format!("/entry/api/v2/{id}/"));
    pair.same(|id| format!("/entry/api/v2/{id}/histories/"));
    pair.same(|id| format!("/acl/api/v2/acls/{id}"));
    let names = |id: i64| pair.app.get(&format!("/entry/api/v2/{id}/self_histories/")).expect(200).json();
    let of = |id: i64| {
        let page = names(id);
        let rows = page["results"].as_array().unwrap().clone();
        rows.iter().map(|row| row["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((of(pair.created), of(pair.bulk)), (vec![json!("one")], vec![json!("two")]));
    assert_eq!(pair.app.entry_names(pair.server), ["one", "two"]);
    for attr in ["flagged", "numbers", "named", "groups", "moment"] {
        let (created, bulk) = (pair.app.value(pair.created, attr), pair.app.value(pair.bulk, attr));
        assert_eq!(created, bulk, "{attr}");
    }
}

fn it_changes_and_goes_and_comes_back_as_one_that_was_created(database: Database) {
    let Some(pair) = Pair::new(database) else { return };
    let app = &pair.app;
    let change = json!({"attrs": [
        {"id": pair.attrs["string"], "value": "S2"},
        {"id": pair.attrs["strings"], "value": ["c"]},
        {"id": pair.attrs["entry"], "value": null},
        {"id": pair.attrs["unset"], "value": {"name": "set", "id": pair.rack}},
    ]});
    for id in [pair.created, pair.bulk] {
        app.put(&format!("/entry/api/v2/{id}/"), change.clone()).expect(202);
        assert_eq!(app.value(id, "string"), json!({"as_string": "S2"}));
    }
    pair.same(|id| format!("/entry/api/v2/{id}/"));
    pair.same(|id| format!("/entry/api/v2/{id}/histories/"));
    for (id, name) in [(pair.created, "copy of one"), (pair.bulk, "copy of two")] {
        let copies = json!({"copy_entry_names": [name]});
        app.post(&format!("/entry/api/v2/{id}/copy/"), copies).expect(200);
    }
    assert_eq!(app.entry_names(pair.server), ["one", "two", "copy of one", "copy of two"]);
    for id in [pair.created, pair.bulk] {
        app.delete(&format!("/entry/api/v2/{id}/")).expect(204);
    }
    pair.same(|id| format!("/entry/api/v2/{id}/"));
    assert_eq!(app.entry_names(pair.server), ["copy of one", "copy of two"]);
    // The name that one had may be another's now; the other one's is free.
    app.entry(pair.server, json!({"name": "one"}));
    let back = |id: i64| app.post(&format!("/entry/api/v2/{id}/restore/"), json!({})).status;
    assert_eq!([back(pair.created), back(pair.bulk)], [400, 201]);
    assert_eq!(app.value(pair.bulk, "strings"), json!({"as_array_string": ["c"]}));
    let same = json!({"name": "two"});
    let taken = app.post(&format!("/entity/api/v2/{}/entries/", pair.server), same).expect(400);
    assert_eq!(taken.codes(), ["name AE-220000"]);
}

fn it_refers_and_is_referred_to(database: Database) {
    let Some(pair) = Pair::new(database) else { return };
    let referrers = |id: i64| {
        let page = pair.app.get(&format!("/entry/api/v2/{id}/referral/")).expect(200).json();
        let mut ids: Vec<i64> =
            page["results"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(referrers(pair.rack), [pair.created, pair.bulk]);
    let other = pair.app.entry(
        pair.server,
        json!({"name": "three", "attrs": [{"id": pair.attrs["entry"], "value": pair.bulk}]}),
    );
    assert_eq!(referrers(pair.bulk), [other]);
}
