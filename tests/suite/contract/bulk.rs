//! Changes and deletions of many entries. *Source: spec, entry §15 and §16; search §2 for what is meant.*

use super::{close, column, grant, person, role};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeMap;

on_both_databases! {
    case_entry_173_only_entries_that_match_change;
    what_is_meant_by_keywords;
    what_is_meant_by_filter_keys;
    what_is_meant_by_names_and_referrers;
    a_bulk_update_says_what_is_wrong_with_it;
    attributes_that_may_not_be_written_are_passed_over;
    case_entry_175_deleting_the_rest_of_an_entity;
    a_bulk_deletion_refuses_in_order;
    deleting_all_asks_for_permission_on_all;
}

pub(super) const BULK: &str = "/entry/api/v2/bulk/";

/// An entity whose entries are selected, and marked to see which were.
pub(super) struct World {
    pub(super) app: TestApp,
    pub(super) entity: i64,
    pub(super) attrs: BTreeMap<String, i64>,
    marks: Cell<u32>,
}

impl World {
    fn new(database: Database) -> Option<Self> {
        let app = TestApp::bare(database)?;
        let (target, _) = app.entity(json!({"name": "target"}));
        let attrs = json!([
            {"name": "text", "type": 2}, {"name": "list", "type": 1026}, {"name": "day", "type": 32},
            {"name": "time", "type": 128}, {"name": "number", "type": 256}, {"name": "flag", "type": 8},
            {"name": "numbers", "type": 1280}, {"name": "object", "type": 1, "referral": [target]},
            {"name": "named", "type": 2049, "referral": [target]},
            {"name": "choice", "type": 512, "choices": [{"value": "1", "label": "Linux"}, {"value": "2", "label": "BSD"}]},
            {"name": "group", "type": 16},
        ]);
        Some(Self::of(app, attrs.as_array().unwrap()))
    }

    /// With these attributes, and one for marks.
    pub(super) fn of(app: TestApp, attrs: &[Value]) -> Self {
        let mark = json!({"name": "mark", "type": 2});
        let attrs: Vec<Value> = attrs.iter().cloned().chain([mark]).collect();
        let (entity, attrs) = app.entity(json!({"name": "e", "attrs": attrs}));
        Self { app, entity, attrs, marks: Cell::new(0) }
    }

    pub(super) fn entry(&self, name: &str, values: &[(&str, Value)]) -> i64 {
        let attrs: Value =
            values.iter().map(|(name, value)| json!({"id": self.attrs[*name], "value": value})).collect();
        self.app.entry(self.entity, json!({"name": name, "attrs": attrs}))
    }

    fn send(&self, token: &str, body: &Value) -> Answer {
        self.app.with_token(token, "PUT", BULK, Some(body))
    }

    /// Names of the entries that a selection means: those that get a new mark.
    pub(super) fn meant(&self, selection: Value) -> Vec<String> {
        let mark = self.marks.replace(self.marks.get() + 1).to_string();
        let mut body = selection;
        body["modelid"] = json!(self.entity);
        body["value"] = json!({"id": self.attrs["mark"], "value": mark});
        self.send(&self.app.token, &body).expect(202);
        let list = self.app.get(&format!("/entity/api/v2/{}/entries/?is_active=true", self.entity)).json();
        let rows = list["results"].as_array().unwrap().iter();
        let marked = rows
            .filter(|row| self.app.value(row["id"].as_i64().unwrap(), "mark") == json!({"as_string": mark}));
        marked.map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    }
}

/// Compares what selections mean with what they should.
#[track_caller]
fn check(world: &World, cases: Vec<(Value, Vec<&str>)>) {
    for (selection, expected) in cases {
        let shown = selection.to_string();
        assert_eq!(world.meant(selection), expected, "{shown}");
    }
}

pub(super) fn like(name: &str, keyword: &str) -> Value {
    json!({"attrinfo": [{"name": name, "keyword": keyword}]})
}

pub(super) fn keyed(name: &str, filter_key: i64, keyword: &str) -> Value {
    json!({"attrinfo": [{"name": name, "filter_key": filter_key, "keyword": keyword}]})
}

fn case_entry_173_only_entries_that_match_change(database: Database) {
    let Some(world) = World::new(database) else { return };
    let [first, second, third] =
        ["bar", "baz", "foo"].map(|text| world.entry(&format!("e-{text}"), &[("text", json!(text))]));
    let body = json!({
        "modelid": world.entity, "value": {"id": world.attrs["number"], "value": "7"},
        "attrinfo": [{"name": "text", "filter_key": 3, "keyword": "ba"}],
        "hint_entry": {"filter_key": 1, "keyword": "bar"},
    });
    assert_eq!(world.send(&world.app.token, &body).expect(202).json(), json!({}));
    assert_eq!(world.app.value(first, "number"), json!({"as_number": 7}));
    assert_eq!(world.app.value(second, "number"), json!({"as_number": null}));
    // A definition that is younger than the entries, and all entries.
    let added = json!({"attrs": [{"name": "new", "type": 2}]});
    world.app.put(&format!("/entity/api/v2/{}/", world.entity), added).expect(202);
    let detail = world.app.get(&format!("/entity/api/v2/{}/", world.entity)).json();
    let new =
        detail["attrs"].as_array().unwrap().iter().find(|attr| attr["name"] == "new").unwrap()["id"].clone();
    let body = json!({"modelid": world.entity.to_string(), "value": {"id": new, "value": "x"}});
    world.app.with_token(&world.app.token, "PATCH", BULK, Some(&body)).expect(202);
    for entry in [first, second, third] {
        assert_eq!(world.app.value(entry, "new"), json!({"as_string": "x"}));
    }
    let job = &world.app.get("/job/api/v2/jobs").json()["results"][0];
    assert_eq!((&job["operation"], &job["status"]), (&json!(31), &json!(2)));
    assert_eq!(
        job["target"],
        json!({"id": world.entity, "name": "e", "schema_id": null, "schema_name": null})
    );
    assert!(job["text"].as_str().unwrap().contains("3/"), "{job}");
}

fn what_is_meant_by_keywords(database: Database) {
    let Some(world) = World::new(database) else { return };
    world.entry(
        "a",
        &[("text", json!("100")), ("list", json!(["hoge", "fuga"])), ("day", json!("2024-02-01"))],
    );
    world.entry(
        "b",
        &[("text", json!("101")), ("list", json!(["fuga", "piyo"])), ("day", json!("2024-03-01"))],
    );
    world.entry("c", &[("text", json!("200")), ("list", json!([])), ("time", json!("2024-02-01T23:00:00Z"))]);
    world.entry("d", &[("text", json!("2024-02-01")), ("choice", json!("1")), ("flag", json!(true))]);
    check(
        &world,
        vec![
            (like("text", "^10"), vec!["a", "b"]),
            (like("text", "00$"), vec!["a", "c"]),
            (like("text", "^100$"), vec!["a"]),
            (like("text", "^ge"), vec![]),
            (like("list", "hoge&fuga"), vec!["a"]),
            (like("list", "fuga|piyo"), vec!["a", "b"]),
            (like("list", "hoge&piyo|fuga"), vec!["a", "b"]),
            (like("list", "\\"), vec!["c", "d"]),
            (like("list", "*"), vec!["a", "b"]),
            (like("day", "2024-2-1"), vec!["a"]),
            (like("day", "2024/02/01"), vec!["a"]),
            (like("day", ">2024-02-01"), vec!["b"]),
            (like("day", "<2024-03-01"), vec!["a"]),
            (like("day", "<2024-03-02 >2024-01-31"), vec!["a", "b"]),
            (like("day", "2024-02-01~2024-02-29"), vec!["a"]),
            (like("day", "\\"), vec!["c", "d"]),
            (like("time", "2024-02-01"), vec!["c"]),
            (like("text", "2024-02-01"), vec!["d"]),
            (like("choice", "LINUX"), vec!["d"]),
            (like("flag", "true"), vec!["d"]),
            (like("flag", "false"), vec!["a", "b", "c"]),
            (like("text", ""), vec!["a", "b", "c", "d"]),
            (like("nothing", "x"), vec![]),
            (like("nothing", ""), vec!["a", "b", "c", "d"]),
            (
                json!({"attrinfo": [{"name": "text", "keyword": "10"}, {"name": "list", "keyword": "piyo"}]}),
                vec!["b"],
            ),
        ],
    );
}

fn what_is_meant_by_filter_keys(database: Database) {
    let Some(world) = World::new(database) else { return };
    let target = world.app.entry(1, json!({"name": "one"}));
    world.entry("a", &[("text", json!("x")), ("list", json!(["p", "q"])), ("object", json!(target))]);
    world.entry(
        "b",
        &[("text", json!("X")), ("list", json!(["p"])), ("named", json!({"name": "n", "id": null}))],
    );
    world.entry("c", &[("text", json!("x")), ("numbers", json!([1, null]))]);
    world.entry("d", &[("named", json!({"name": "n", "id": target}))]);
    check(
        &world,
        vec![
            (keyed("text", 0, "zzz"), vec!["a", "b", "c", "d"]),
            (keyed("text", 1, "zzz"), vec!["d"]),
            (keyed("text", 2, "zzz"), vec!["a", "b", "c"]),
            (keyed("text", 3, "X"), vec!["a", "b", "c"]),
            (keyed("text", 4, "x"), vec!["d"]),
            (keyed("text", 4, ""), vec!["a", "b", "c", "d"]),
            // No element contains it; the whole expression is negated.
            (keyed("list", 4, "q"), vec!["b", "c", "d"]),
            (keyed("list", 4, "p|q"), vec!["c", "d"]),
            (keyed("list", 4, "p&q"), vec!["b", "c", "d"]),
            (keyed("list", 4, "\\"), vec!["c", "d"]),
            // Compared exactly, within the entity.
            (keyed("text", 5, ""), vec!["a", "c"]),
            (keyed("list", 5, ""), vec!["a", "b"]),
            (keyed("object", 5, ""), vec![]),
            (keyed("object", 3, "ONE"), vec!["a"]),
            // A name without a reference is empty, as is a list with an empty number.
            (keyed("named", 1, ""), vec!["a", "b", "c"]),
            (keyed("numbers", 1, ""), vec!["a", "b", "c", "d"]),
        ],
    );
}

fn what_is_meant_by_names_and_referrers(database: Database) {
    let Some(world) = World::new(database) else { return };
    let [one, two, _] = ["one", "two *", "three"].map(|name| world.entry(name, &[]));
    let (referring, attrs) = world.app.entity(json!({"name": "r", "attrs": [
        {"name": "o", "type": 1, "referral": [world.entity]}, {"name": "os", "type": 1025, "referral": [world.entity]},
    ]}));
    let value = |name: &str, value: Value| json!({"id": attrs[name], "value": value});
    world.app.entry(
        referring,
        json!({"name": "r-1", "attrs": [value("o", json!(one)), value("os", json!([one, two]))]}),
    );
    let hint = |key: i64, keyword: &str| json!({"hint_entry": {"filter_key": key, "keyword": keyword}});
    let referred = |name: &str| json!({"referral_name": name});
    let all = vec!["one", "two *", "three"];
    check(
        &world,
        vec![
            (hint(1, "T"), vec!["two *", "three"]),
            (hint(1, "^one$|thr"), vec!["one", "three"]),
            (hint(2, "^one$|thr"), vec!["two *"]),
            (hint(1, "*"), vec!["two *"]),
            (hint(1, ""), vec![]),
            (hint(0, "x"), all.clone()),
            (json!({"hint_entry": {"keyword": "one"}}), all.clone()),
            (json!({"hint_entry": {"filter_key": 1}}), all.clone()),
            (json!({"hint_entry": {}}), all.clone()),
            (referred(""), all.clone()),
            (referred("R-1"), vec!["one", "two *"]),
            (referred("\\"), vec!["three"]),
            (referred("*"), vec!["one", "two *"]),
            (referred("r-2"), vec![]),
        ],
    );
}

fn a_bulk_update_says_what_is_wrong_with_it(database: Database) {
    let Some(world) = World::new(database) else { return };
    let entry = world.entry("a", &[("text", json!("x"))]);
    let (other, others) = world.app.entity(json!({"name": "other", "attrs": [{"name": "s", "type": 2}]}));
    let good = json!({"id": world.attrs["text"], "value": "y"});
    let model = world.entity;
    for (body, codes) in [
        (json!([]), vec!["non_field_errors AE-121000"]),
        (json!({}), vec!["modelid AE-113000", "value AE-113000"]),
        (
            json!({"modelid": "x", "value": {}}),
            vec!["modelid AE-121000", "value.id AE-113000", "value.value AE-113000"],
        ),
        (json!({"modelid": model, "value": 1}), vec!["value.non_field_errors AE-121000"]),
        (json!({"modelid": model, "value": null}), vec!["value AE-999999"]),
        (json!({"modelid": model, "value": {"id": "x", "value": 1}}), vec!["value.id AE-121000"]),
        (
            json!({"modelid": model, "value": {"id": others["s"], "value": "y"}}),
            vec!["non_field_errors AE-230000"],
        ),
        (
            json!({"modelid": model, "value": {"id": world.attrs["number"], "value": "y"}}),
            vec!["non_field_errors AE-121000"],
        ),
        (
            json!({"modelid": model, "value": {"id": world.attrs["text"], "value": "y".repeat(65_537)}}),
            vec!["non_field_errors AE-122000"],
        ),
        (
            json!({"modelid": model, "value": good, "attrinfo": 1}),
            vec!["attrinfo.non_field_errors AE-121000"],
        ),
        (json!({"modelid": model, "value": good, "attrinfo": null}), vec!["attrinfo AE-999999"]),
        (
            json!({"modelid": model, "value": good, "attrinfo": [{"name": ""}]}),
            vec!["attrinfo.name AE-999999"],
        ),
        (
            json!({"modelid": model, "value": good, "attrinfo": [{"name": "text"}, {}, 1, {"name": "text", "filter_key": 6}]}),
            vec![
                "attrinfo.filter_key AE-121000",
                "attrinfo.name AE-113000",
                "attrinfo.non_field_errors AE-121000",
            ],
        ),
        (
            json!({"modelid": model, "value": good, "attrinfo": [{"name": "text", "keyword": "x".repeat(250)}]}),
            vec!["attrinfo.keyword AE-122000"],
        ),
        (
            json!({"modelid": model, "value": good, "hint_entry": 1}),
            vec!["hint_entry.non_field_errors AE-121000"],
        ),
        (
            json!({"modelid": model, "value": good, "hint_entry": {"filter_key": 3}}),
            vec!["hint_entry.filter_key AE-121000"],
        ),
        (
            json!({"modelid": model, "value": good, "hint_entry": {"filter_key": 1, "keyword": "x".repeat(250)}}),
            vec!["hint_entry.keyword AE-122000"],
        ),
    ] {
        assert_eq!(world.send(&world.app.token, &body).expect(400).codes(), codes, "{body}");
    }
    let posted = world.app.post(BULK, json!({"modelid": model, "value": good})).expect(405);
    assert_eq!(posted.codes(), ["AE-999999"]);
    let unknown = world.send(&world.app.token, &json!({"modelid": 999_999, "value": good})).expect(400);
    assert!(unknown.json().is_string());
    world.app.delete(&format!("/entity/api/v2/{other}/")).expect(202);
    let gone = world.send(&world.app.token, &json!({"modelid": other, "value": good})).expect(400);
    assert!(gone.json().is_string());
    assert_eq!(world.app.value(entry, "text"), json!({"as_string": "x"}), "nothing was changed");
    let jobs = world.app.get("/job/api/v2/jobs").json();
    assert!(!column(&jobs["results"], "operation").contains(&json!(31)), "{jobs}");
}

fn attributes_that_may_not_be_written_are_passed_over(database: Database) {
    let Some(world) = World::new(database) else { return };
    let (_, guest) = person(&world.app, "guest");
    let [open, closed] = ["open", "closed"].map(|name| world.entry(name, &[("text", json!("x"))]));
    close(&world.app, closed);
    let body = json!({"modelid": world.entity, "value": {"id": world.attrs["text"], "value": "y"}});
    world.send(&guest, &body).expect(202);
    assert_eq!(world.app.value(open, "text"), json!({"as_string": "y"}));
    assert_eq!(world.app.value(closed, "text"), json!({"as_string": "x"}));
    let history = world.app.get(&format!("/entry/api/v2/{open}/histories/?limit=1")).json();
    assert_eq!(history["results"][0]["created_user"], "guest");
    close(&world.app, world.attrs["text"]);
    let body = json!({"modelid": world.entity, "value": {"id": world.attrs["text"], "value": "z"}});
    world.send(&guest, &body).expect(202);
    assert_eq!(world.app.value(open, "text"), json!({"as_string": "y"}));
}

fn delete(app: &TestApp, token: &str, query: &str) -> Answer {
    app.with_token(token, "DELETE", &format!("/entry/api/v2/bulk_delete/?{query}"), None)
}

fn encoded(value: &Value) -> String {
    let text = value.to_string();
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn case_entry_175_deleting_the_rest_of_an_entity(database: Database) {
    let Some(world) = World::new(database) else { return };
    let app = &world.app;
    let other = app.entry(1, json!({"name": "other"}));
    let ids: Vec<i64> = ["x1", "x2", "y1", "y2"]
        .map(|text| world.entry(&format!("e-{text}"), &[("text", json!(text))]))
        .into();
    // Without isAll the filter means nothing.
    let filter = encoded(&json!([{"name": "text", "keyword": "x", "filterKey": "3"}]));
    delete(app, &app.token, &format!("ids={}&attrinfo={filter}", ids[0])).expect(204);
    assert_eq!(app.entry_names(world.entity), ["e-x2", "e-y1", "e-y2"]);
    delete(app, &app.token, &format!("ids={}&ids={other}&isAll=TRUE&attrinfo={filter}", ids[2])).expect(204);
    assert_eq!(
        app.entry_names(world.entity),
        ["e-y2"],
        "the listed ones, and what matches of the first one's entity"
    );
    assert!(app.entry_names(1).is_empty());
    let last = world.entry("e-z", &[]);
    delete(app, &app.token, &format!("ids={last}&isAll=true")).expect(204);
    assert!(app.entry_names(world.entity).is_empty());
}

fn a_bulk_deletion_refuses_in_order(database: Database) {
    let Some(world) = World::new(database) else { return };
    let app = &world.app;
    let [one, two] = ["one", "two"].map(|name| world.entry(name, &[]));
    let gone = world.entry("gone", &[]);
    app.delete(&format!("/entry/api/v2/{gone}/")).expect(204);
    for bad in [
        "ids=1&attrinfo=x".to_owned(),
        "attrinfo=x".to_owned(),
        format!("ids={one}&attrinfo={}", encoded(&json!({}))),
        format!("ids={one}&attrinfo={}", encoded(&json!([{"name": "text", "keyword": "x"}]))),
        format!("ids={one}&attrinfo={}", encoded(&json!([{"name": "text", "filterKey": 6}]))),
        format!("ids={one}&attrinfo={}", encoded(&json!([{"filterKey": 1, "keyword": ""}]))),
        String::new(),
        "ids=".to_owned(),
        format!("ids={one}&ids=x"),
        format!("ids={one}&ids=-1"),
        format!("ids={one}.0"),
    ] {
        assert_eq!(delete(app, &app.token, &bad).expect(400).codes(), ["AE-113000"], "{bad}");
    }
    for missing in [
        format!("ids={one}&ids=999999"),
        format!("ids={one}&ids={gone}"),
        format!("ids={one}&ids={one}"),
        format!("ids={}", "9".repeat(30)),
    ] {
        assert_eq!(delete(app, &app.token, &missing).expect(404).codes(), ["AE-230000"], "{missing}");
    }
    let (_, guest) = person(app, "guest");
    close(app, two);
    let both = format!("ids={one}&ids={two}");
    assert_eq!(delete(app, &guest, &both).expect(403).codes(), ["AE-210000"]);
    assert_eq!(app.entry_names(world.entity), ["one", "two"], "nothing was deleted");
    // A missing keyword is an empty one.
    let filter = encoded(&json!([{"name": "text", "filterKey": 3}]));
    delete(app, &app.token, &format!("{both}&attrinfo={filter}")).expect(204);
    assert!(app.entry_names(world.entity).is_empty());
}

fn deleting_all_asks_for_permission_on_all(database: Database) {
    let Some(world) = World::new(database) else { return };
    let app = &world.app;
    let (id, guest) = person(app, "guest");
    let reader = role(app, "reader", &json!({"users": [id]}));
    let [one, two] = ["one", "two"].map(|name| world.entry(name, &[]));
    close(app, two);
    grant(app, two, reader, 2);
    let query = format!("ids={one}&isAll=true");
    assert_eq!(delete(app, &guest, &query).expect(403).codes(), ["AE-210000"]);
    assert_eq!(app.entry_names(world.entity), ["one", "two"]);
    grant(app, two, reader, 4);
    delete(app, &guest, &query).expect(204);
    assert!(app.entry_names(world.entity).is_empty());
}
