//! What bulk updates and deletions tell and do for those who may not see or write everything. *Source: spec, entry §15 and §16,
//! search §2.*

use super::{close, column, person};
use crate::server::{Database, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    conditions_on_what_may_not_be_read_select_nothing;
    a_job_does_not_tell_what_may_not_be_seen;
    a_read_only_user_changes_nothing;
    what_may_not_be_read_is_not_deleted_with_the_rest;
    conditions_on_what_may_not_be_read_delete_nothing;
}

const BULK: &str = "/entry/api/v2/bulk/";

struct World {
    app: TestApp,
    entity: i64,
    mark: i64,
    secret: i64,
}

impl World {
    /// Three entries; the secret of two of them is "x", that of the third is blank.
    fn new(database: Database) -> Option<Self> {
        let app = TestApp::bare(database)?;
        let attrs = json!([{"name": "mark", "type": 2}, {"name": "secret", "type": 2}]);
        let (entity, attrs) = app.entity(json!({"name": "e", "attrs": attrs}));
        for (name, secret) in [("a", "x"), ("b", "x"), ("c", "")] {
            let values = json!([{"id": attrs["secret"], "value": secret}]);
            app.entry(entity, json!({"name": name, "attrs": values}));
        }
        Some(Self { app, entity, mark: attrs["mark"], secret: attrs["secret"] })
    }

    /// Writes a mark into what is selected; how many entries have it then.
    fn marked(&self, token: &str, selection: &Value) -> usize {
        let mark = format!("{selection} {token}");
        let mut body = selection.clone();
        body["modelid"] = json!(self.entity);
        body["value"] = json!({"id": self.mark, "value": mark});
        self.app.with_token(token, "PUT", BULK, Some(&body)).expect(202);
        let list = self.app.get(&format!("/entity/api/v2/{}/entries/?is_active=true", self.entity)).json();
        let ids = column(&list["results"], "id");
        let has = |id: &&Value| self.app.value(id.as_i64().unwrap(), "mark")["as_string"] == mark;
        ids.iter().filter(has).count()
    }

    fn text_of_newest_job(&self, token: &str) -> String {
        let page = self.app.with_token(token, "GET", "/job/api/v2/jobs?limit=1", None).expect(200).json();
        let job = &page["results"][0];
        assert_eq!((&job["operation"], &job["status"]), (&json!(31), &json!(2)), "{page}");
        job["text"].as_str().unwrap().to_owned()
    }
}

fn condition(key: i64, keyword: &str) -> Value {
    json!({"attrinfo": [{"name": "secret", "filter_key": key, "keyword": keyword}]})
}

fn conditions_on_what_may_not_be_read_select_nothing(database: Database) {
    let Some(world) = World::new(database) else { return };
    let (_, guest) = person(&world.app, "guest");
    // Of the administrator: empty, not empty, like, not like, duplicates.
    let selected = [1, 2, 3, 4, 5].map(|key| world.marked(&world.app.token, &condition(key, "x")));
    assert_eq!(selected, [1, 2, 2, 1, 2]);
    close(&world.app, world.secret);
    for key in 1..=5 {
        assert_eq!(world.marked(&guest, &condition(key, "x")), 0, "{key}");
    }
    for no_condition in [condition(0, "x"), condition(3, ""), json!({"attrinfo": []})] {
        assert_eq!(world.marked(&guest, &no_condition), 3, "{no_condition}");
    }
}

fn a_job_does_not_tell_what_may_not_be_seen(database: Database) {
    let Some(world) = World::new(database) else { return };
    let (_, guest) = person(&world.app, "guest");
    close(&world.app, world.entity);
    for selection in [
        json!({}),
        condition(3, "x"),
        condition(3, "y"),
        condition(1, ""),
        json!({"hint_entry": {"filter_key": 1, "keyword": "a"}}),
        json!({"referral_name": "x"}),
    ] {
        assert_eq!(world.marked(&guest, &selection), 0, "{selection}");
        let text = world.text_of_newest_job(&guest);
        let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(digits, ['0', '0'], "{selection}: {text}");
    }
}

fn a_read_only_user_changes_nothing(database: Database) {
    let Some(world) = World::new(database) else { return };
    let app = &world.app;
    let (_, reader) = app.user(|user| {
        "reader".clone_into(&mut user.username);
        user.is_readonly = true;
    });
    assert_eq!(world.marked(&reader, &json!({"attrinfo": []})), 0);
    let list = app.get(&format!("/entity/api/v2/{}/entries/?is_active=true", world.entity)).json();
    let entry = &list["results"][0]["id"];
    let names = json!({"copy_entry_names": ["y"]});
    for (method, path, body) in [
        ("POST", format!("/entry/api/v2/{entry}/copy/"), Some(&names)),
        ("DELETE", format!("/entry/api/v2/bulk_delete/?ids={entry}"), None),
        ("DELETE", format!("/entry/api/v2/bulk_delete/?ids={entry}&isAll=true"), None),
    ] {
        assert_eq!(app.with_token(&reader, method, &path, body).expect(403).codes(), ["AE-210000"], "{path}");
    }
    assert_eq!(app.entry_names(world.entity), ["a", "b", "c"]);
}

fn what_may_not_be_read_is_not_deleted_with_the_rest(database: Database) {
    let Some(world) = World::new(database) else { return };
    let (app, (_, guest)) = (&world.app, person(&world.app, "guest"));
    let list = app.get(&format!("/entity/api/v2/{}/entries/?is_active=true", world.entity)).json();
    let ids = column(&list["results"], "id");
    close(app, ids[1].as_i64().unwrap());
    let send = |filter: &str| {
        let path = format!("/entry/api/v2/bulk_delete/?ids={}&isAll=true{filter}", ids[0]);
        app.with_token(&guest, "DELETE", &path, None)
    };
    assert_eq!(send("").expect(403).codes(), ["AE-210000"]);
    assert_eq!(app.entry_names(world.entity), ["a", "b", "c"]);
    // What it cannot read it does not find either: [{"name":"secret","filterKey":2}]
    send("&attrinfo=%5B%7B%22name%22%3A%22secret%22%2C%22filterKey%22%3A2%7D%5D").expect(204);
    assert_eq!(app.entry_names(world.entity), ["b", "c"]);
}

fn conditions_on_what_may_not_be_read_delete_nothing(database: Database) {
    let Some(world) = World::new(database) else { return };
    let (app, (_, guest)) = (&world.app, person(&world.app, "guest"));
    let list = app.get(&format!("/entity/api/v2/{}/entries/?is_active=true", world.entity)).json();
    let ids = column(&list["results"], "id");
    close(app, world.secret);
    // One that may not be written would answer 403 if it were found.
    close(app, ids[1].as_i64().unwrap());
    for (key, last) in [(3, 0), (2, 2)] {
        let filter = json!([{"name": "secret", "filterKey": key, "keyword": "x"}]).to_string();
        let filter: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/entry/api/v2/bulk_delete/?ids={}&isAll=true&attrinfo={filter}", ids[last]);
        app.with_token(&guest, "DELETE", &path, None).expect(204);
    }
    assert_eq!(app.entry_names(world.entity), ["b"], "the listed ones alone");
}
