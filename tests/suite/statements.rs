//! What requests cost the database: the same number of statements however many rows are shown, and one commit for a write of
//! one object.
//!
//! The numbers are pinned. One that changes on purpose is changed here, in the same commit; one that grows with the rows is a
//! mistake. They are those of an ordinary user, whose rights come from a role, and the least of several tries: what the server
//! does for itself meanwhile (states of plugins) can only add to them.

use crate::contract::{ADMIN, close, grant, group, person, role};
use crate::server::{Database, TestApp, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    reading_costs_the_same_for_few_rows_and_many;
    searching_costs_the_same_for_few_rows_and_many;
    writing_one_object_is_one_commit;
}

/// Tries of a request.
const TRIES: usize = 5;

/// Statements and commits of all pools until now.
fn spent(app: &TestApp) -> (u64, u64) {
    let pools = app.host.store.pools();
    (pools.iter().map(|pool| pool.statements).sum(), pools.iter().map(|pool| pool.commits).sum())
}

/// What `request` costs: statements and commits.
pub(crate) fn cost(app: &TestApp, mut request: impl FnMut()) -> (u64, u64) {
    let tries = (0..TRIES).map(|_| {
        let before = spent(app);
        request();
        let after = spent(app);
        (after.0 - before.0, after.1 - before.1)
    });
    tries.min().unwrap()
}

/// A server with objects to show, and somebody who may see them through a role.
struct Scene {
    app: TestApp,
    guest: String,
    guest_id: i64,
    rack: i64,
    server: i64,
    attrs: std::collections::BTreeMap<String, i64>,
    /// What all servers refer to.
    shared: i64,
    /// The entry whose detail, history and names are looked at.
    looked_at: i64,
    rows: i64,
}

impl Scene {
    fn new(database: Database) -> Option<Self> {
        let app = TestApp::bare(database)?;
        // What operations record stays in the outbox: moving it to the log is nobody's request, and where requests are slow
        // it would fall into each of the tries.
        app.host.auditor.stop();
        let (guest_id, guest) = person(&app, "guest");
        let below = group(&app, "below", None, &[guest_id]);
        let reader = role(&app, "reader", &json!({"groups": [below]}));
        let (rack, _) = app.entity(json!({"name": "rack", "attrs": [{"name": "floor", "type": 2}]}));
        let (server, attrs) = app.entity(json!({"name": "server", "attrs": [
            {"name": "serial", "type": 2}, {"name": "rack", "type": 1, "referral": [rack], "display_attr": "floor"},
            {"name": "racks", "type": 1025, "referral": [rack]}, {"name": "size", "type": 256},
            {"name": "in use", "type": 8}, {"name": "tags", "type": 1026},
            {"name": "named", "type": 3073, "referral": [rack]},
            {"name": "state", "type": 512, "choices": [{"value": "on", "label": "On"}]},
        ]}));
        for id in [rack, server].into_iter().chain(attrs.values().copied()) {
            close(&app, id);
            grant(&app, id, reader, 8);
        }
        let shared = app.entry(rack, json!({"name": "shared"}));
        let mut scene = Self { app, guest, guest_id, rack, server, attrs, shared, looked_at: 0, rows: 0 };
        scene.looked_at = scene.add_server("looked at");
        Some(scene)
    }

    /// The values of a server, all of its attributes.
    fn values(&self, n: i64) -> Value {
        let value = |name: &str, value: Value| json!({"id": self.attrs[name], "value": value});
        json!([
            value("serial", json!(format!("S{n}"))),
            value("rack", json!(self.shared)),
            value("racks", json!([self.shared])),
            value("size", json!(n)),
            value("in use", json!(n % 2 == 0)),
            value("tags", json!(["a", "b"])),
            value("named", json!([{"name": "n", "id": self.shared}])),
            value("state", json!("on")),
        ])
    }

    fn add_server(&self, name: &str) -> i64 {
        self.app.entry(self.server, json!({"name": name, "attrs": self.values(self.rows)}))
    }

    /// One more row in whatever is listed.
    fn grow(&mut self, until: i64) {
        while self.rows < until {
            self.rows += 1;
            let n = self.rows;
            let app = &self.app;
            app.entity(json!({"name": format!("entity {n}"), "attrs": [{"name": "a", "type": 2}]}));
            app.entry(self.rack, json!({"name": format!("rack {n}")}));
            self.add_server(&format!("server {n}"));
            let (id, _) = person(app, &format!("person {n}"));
            let group = group(app, &format!("group {n}"), None, &[id, self.guest_id]);
            role(app, &format!("role {n}"), &json!({"users": [self.guest_id], "groups": [group]}));
            let change = json!({"name": format!("looked at {n}"), "attrs": self.values(n)});
            app.put(&format!("/entry/api/v2/{}/", self.looked_at), change).expect(202);
            let alias = json!({"name": format!("alias {n}"), "entry": self.looked_at});
            app.post("/entry/api/v2/alias/", alias).expect(201);
            let models = json!([{"id": self.server, "name": "server"}]);
            app.post("/category/api/v2/", json!({"name": format!("category {n}"), "models": models}))
                .expect(201);
            let copy = json!({"copy_entry_names": [format!("copy {n}")]});
            let path = format!("/entry/api/v2/{}/copy/", self.shared);
            app.with_token(&self.guest, "POST", &path, Some(&copy)).expect(200);
            let note = json!({"note": format!("note {n}")});
            app.put(&format!("/entity/api/v2/{}/", self.server), note).expect(202);
            let rule = json!({"default_permission": if n % 2 == 0 { 1 } else { 2 }});
            app.put(&format!("/acl/api/v2/acls/{}", self.server), rule).expect(200);
        }
    }

    fn read(&self, path: &str) -> u64 {
        cost(&self.app, || drop(self.app.with_token(&self.guest, "GET", path, None).expect(200))).0
    }
}

/// A request and what it costs on SQLite and on PostgreSQL.
type Pinned<'a> = (&'a str, u64, u64);

#[track_caller]
fn compare(database: Database, pinned: &[Pinned<'_>], found: &[(&str, u64)]) {
    let expected: Vec<(&str, u64)> = pinned
        .iter()
        .map(|(what, sqlite, postgres)| {
            (*what, if database == Database::Sqlite { *sqlite } else { *postgres })
        })
        .collect();
    assert_eq!(expected, found, "on {database:?}");
}

const READS: &[Pinned<'static>] = &[
    ("entities", 4, 4),
    ("entity", 10, 10),
    ("entries", 6, 6),
    ("entries by name with aliases", 6, 6),
    ("entry", 5, 5),
    ("values written", 7, 7),
    ("names had", 4, 4),
    ("aliases", 3, 3),
    ("groups", 3, 3),
    ("tree of groups", 1, 1),
    ("roles", 4, 4),
    ("access rules", 5, 5),
    ("history of access rules", 6, 6),
    ("history of an entity", 5, 5),
    ("names of attributes", 1, 1),
    ("who refers to an entry", 8, 8),
    ("what an attribute may refer to", 9, 9),
    ("users", 2, 2),
    ("user", 6, 6),
    ("activity", 8, 8),
    ("categories", 5, 5),
    ("jobs", 5, 5),
    ("me", 1, 1),
];

fn reading_costs_the_same_for_few_rows_and_many(database: Database) {
    let Some(mut scene) = Scene::new(database) else { return };
    let (server, looked_at) = (scene.server, scene.looked_at);
    let paths = [
        "/entity/api/v2/".to_owned(),
        format!("/entity/api/v2/{server}/"),
        format!("/entity/api/v2/{server}/entries/"),
        format!("/entity/api/v2/{server}/entries/?search=e&with_alias=1&ordering=name"),
        format!("/entry/api/v2/{looked_at}/"),
        format!("/entry/api/v2/{looked_at}/histories/"),
        format!("/entry/api/v2/{looked_at}/self_histories/"),
        format!("/entry/api/v2/{looked_at}/alias/"),
        "/group/api/v2/groups".to_owned(),
        "/group/api/v2/groups/tree".to_owned(),
        "/role/api/v2/".to_owned(),
        format!("/acl/api/v2/acls/{server}"),
        format!("/acl/api/v2/acls/{server}/history"),
        format!("/entity/api/v2/{server}/histories/"),
        "/entity/api/v2/attrs".to_owned(),
        format!("/entry/api/v2/{}/referral/", scene.shared),
        format!("/entry/api/v2/{}/attr_referrals/", scene.attrs["rack"]),
        "/user/api/v2/".to_owned(),
        format!("/user/api/v2/{}/", scene.guest_id),
        format!("/user/api/v2/{ADMIN}/activity?within_minutes=600"),
        "/category/api/v2/".to_owned(),
        "/job/api/v2/jobs".to_owned(),
        "/user/api/v2/me".to_owned(),
    ];
    assert_eq!(paths.len(), READS.len());
    let measure = |scene: &Scene| -> Vec<(&str, u64)> {
        READS.iter().zip(&paths).map(|((what, _, _), path)| (*what, scene.read(path))).collect()
    };
    scene.grow(3);
    let few = measure(&scene);
    scene.grow(25);
    let many = measure(&scene);
    assert_eq!(few, many, "statements grow with the rows");
    compare(database, READS, &many);
}

const SEARCHES: &[Pinned<'static>] = &[
    ("everything of an entity", 10, 11),
    ("by values, with joins and referrers", 11, 12),
    ("along references", 12, 13),
    ("simple", 19, 20),
];

fn searching_costs_the_same_for_few_rows_and_many(database: Database) {
    let Some(mut scene) = Scene::new(database) else { return };
    let infos =
        json!([{"name": "serial", "keyword": "S"}, {"name": "rack", "keyword": "shared"}, {"name": "racks"}]);
    let join = json!([{"name": "rack", "attrinfo": [{"name": "floor"}]}, {"name": "racks", "attrinfo": [{"name": "floor"}]}]);
    let bodies = [
        ("advanced_search/", json!({"entities": [scene.server], "attrinfo": []})),
        (
            "advanced_search/",
            json!({"entities": [scene.server], "attrinfo": infos, "join_attrs": join, "has_referral": true, "referral_name": ""}),
        ),
        (
            "advanced_search_chain/",
            json!({"entities": ["rack"], "refers": [{"entity": "server", "attrs": [{"name": "serial", "value": "S"}]}]}),
        ),
        ("search/?query=looked", Value::Null),
    ];
    let measure = |scene: &Scene| -> Vec<(&str, u64)> {
        let one = |(what, (path, body)): (&Pinned<'static>, &(&str, Value))| {
            let (method, body) = if body.is_null() { ("GET", None) } else { ("POST", Some(body)) };
            let path = format!("/entry/api/v2/{path}");
            let ask = || drop(scene.app.with_token(&scene.guest, method, &path, body).expect(200));
            (what.0, cost(&scene.app, ask).0)
        };
        SEARCHES.iter().zip(&bodies).map(one).collect()
    };
    scene.grow(3);
    let few = measure(&scene);
    scene.grow(25);
    let many = measure(&scene);
    assert_eq!(few, many, "statements grow with the rows");
    compare(database, SEARCHES, &many);
}

const WRITES: &[Pinned<'static>] = &[
    ("create an entity", 13, 13),
    ("create an entry", 22, 23),
    ("change an entry", 21, 23),
    ("delete an entry", 10, 11),
    ("restore an entry", 14, 16),
    ("add an alias", 5, 6),
    ("change an entity", 13, 14),
    ("create a group", 6, 7),
    ("create a role", 9, 9),
    ("change access rules", 7, 8),
];

fn writing_one_object_is_one_commit(database: Database) {
    let Some(mut scene) = Scene::new(database) else { return };
    scene.grow(3);
    let (app, server) = (&scene.app, scene.server);
    let mut n = 1000;
    let mut number = || {
        n += 1;
        n
    };
    let mut found = Vec::new();
    let mut commits = Vec::new();
    let mut measure = |what: &'static str, request: &mut dyn FnMut()| {
        let (statements, committed) = cost(app, request);
        found.push((what, statements));
        commits.push((what, committed));
    };
    measure("create an entity", &mut || {
        app.post("/entity/api/v2/", json!({"name": number(), "attrs": [{"name": "a", "type": 2}]}))
            .expect(202);
    });
    let mut entries = Vec::new();
    measure("create an entry", &mut || {
        let n = number();
        entries.push(app.entry(server, json!({"name": n, "attrs": scene.values(n)})));
    });
    measure("change an entry", &mut || {
        let n = number();
        let change = json!({"name": n, "attrs": scene.values(n)});
        app.put(&format!("/entry/api/v2/{}/", entries[0]), change).expect(202);
    });
    let mut left = entries.iter();
    measure("delete an entry", &mut || {
        app.delete(&format!("/entry/api/v2/{}/", left.next().unwrap())).expect(204);
    });
    let mut left = entries.iter();
    measure("restore an entry", &mut || {
        app.post(&format!("/entry/api/v2/{}/restore/", left.next().unwrap()), json!({})).expect(201);
    });
    measure("add an alias", &mut || {
        app.post("/entry/api/v2/alias/", json!({"name": number(), "entry": entries[0]})).expect(201);
    });
    measure("change an entity", &mut || {
        app.put(&format!("/entity/api/v2/{server}/"), json!({"note": number()})).expect(202);
    });
    measure("create a group", &mut || {
        app.post("/group/api/v2/groups", json!({"name": number(), "members": [scene.guest_id]})).expect(201);
    });
    measure("create a role", &mut || {
        app.post("/role/api/v2/", json!({"name": number(), "admin_users": [ADMIN]})).expect(201);
    });
    measure("change access rules", &mut || {
        // Neither is what the scene has: saying the same again costs less.
        let rule = json!({"default_permission": if number() % 2 == 0 { 4 } else { 8 }});
        app.put(&format!("/acl/api/v2/acls/{server}"), rule).expect(200);
    });
    let several: Vec<_> = commits.iter().filter(|(_, commits)| *commits != 1).collect();
    assert!(several.is_empty(), "not one commit: {several:?}");
    compare(database, WRITES, &found);
}
