//! Cases K: categories, and what else is said about them.

use super::{acl_path, close, column, grant, group, person, role, send_yaml};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::services::category as service;
use pagoda_core::services::run::Mode;
use pagoda_core::store::queries::category as store;
use pagoda_plugin_sdk::hook::{HookInfo, HookReg};
use pagoda_plugin_sdk::hooks::user::before_permission_check;
use pagoda_plugin_sdk::model::ObjectKind;
use pagoda_plugin_sdk::{PluginDecl, Reject};
use serde_json::{Value, json};

on_both_databases! {
    case_platform_190_a_private_one_without_grants_is_not_there;
    case_platform_191_models_are_linked_and_replaced;
    the_list_shows_what_one_may_read_and_counts_it;
    lists_have_an_order_a_search_and_windows;
    listing_costs_the_same_for_few_and_many;
    handlers_narrow_the_list_and_its_count;
    missing_levels_are_refused_before_the_body_is_read;
    writing_reports_what_is_wrong;
    a_change_keeps_what_it_does_not_name;
    deleted_and_unreadable_models;
    a_deleted_one_is_gone_and_its_name_is_free;
    access_rules_are_shown_and_changed_like_others;
    roles_carry_grants_on_categories;
    what_was_done_is_recorded;
}

const CATEGORIES: &str = "/category/api/v2/";

fn one(id: i64) -> String {
    format!("{CATEGORIES}{id}/")
}

fn category(app: &TestApp, name: &str, models: &[i64]) -> i64 {
    prioritized(app, name, 0, models)
}

fn prioritized(app: &TestApp, name: &str, priority: i32, models: &[i64]) -> i64 {
    let body = json!({"name": name, "priority": priority, "models": named(models)});
    app.post(CATEGORIES, body).expect(201).json()["id"].as_i64().unwrap()
}

fn named(models: &[i64]) -> Value {
    models.iter().map(|id| json!({"id": id, "name": "whatever"})).collect()
}

fn listed(app: &TestApp, token: &str, query: &str) -> Value {
    app.with_token(token, "GET", &format!("{CATEGORIES}{query}"), None).expect(200).json()
}

fn names(list: &Value) -> Vec<Value> {
    column(&list["results"], "name")
}

fn case_platform_190_a_private_one_without_grants_is_not_there(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (_, token) = person(&app, "guest");
    let private = category(&app, "private", &[]);
    category(&app, "public", &[]);
    close(&app, private);
    let list = listed(&app, &token, "");
    assert_eq!((names(&list), &list["count"]), (vec![json!("public")], &json!(1)));
    let body = json!({"name": "changed", "models": []});
    for (method, body) in [("GET", None), ("PUT", Some(&body)), ("DELETE", None)] {
        let refused = app.with_token(&token, method, &one(private), body);
        assert_eq!(refused.expect(404).codes(), ["AE-230000"], "{method}");
    }
    // Nor does a wrong body tell that it is there.
    assert_eq!(app.with_token(&token, "PUT", &one(private), Some(&json!([]))).status, 404);
    assert_eq!(app.get(&one(private)).expect(200).json()["name"], "private");
}

fn case_platform_191_models_are_linked_and_replaced(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let [b, a, c] = ["b", "a", "c"].map(|name| app.entity(json!({"name": name})).0);
    let model = |id: i64, name: &str| json!({"id": id, "name": name, "is_public": true, "permission": 8});
    let body =
        json!({"name": " hardware ", "note": "all of it", "priority": "7", "models": named(&[b, a, a])});
    let created = app.post(CATEGORIES, body).expect(201).json();
    let id = created["id"].as_i64().unwrap();
    let written = json!({"id": id, "name": "hardware", "note": "all of it", "models": [model(a, "a"), model(b, "b")],
        "priority": 7});
    assert_eq!(created, written);
    let mut shown = written;
    shown["permission"] = json!(8);
    assert_eq!(app.get(&one(id)).expect(200).json(), shown);
    assert_eq!(app.get(CATEGORIES).expect(200).json()["results"], json!([shown]));

    // Ids that are of nothing are passed over.
    let body = json!({"name": "other", "models": [{"id": c.to_string(), "name": 5}, {"id": 999_999, "name": "x"},
        {"id": id, "name": "no entity"}]});
    let changed = app.put(&one(id), body).expect(200).json();
    let written =
        json!({"id": id, "name": "other", "note": "all of it", "models": [model(c, "c")], "priority": 7});
    assert_eq!(changed, written);
    assert_eq!(app.get(&one(id)).json()["models"], json!([model(c, "c")]));
    app.put(&one(id), json!({"name": "other", "models": []})).expect(200);
    assert_eq!(app.get(&one(id)).json()["models"], json!([]));
}

/// Somebody who is two groups below one whose role has what is granted.
fn heir(app: &TestApp) -> (i64, String) {
    let (member, token) = person(app, "heir");
    let root = group(app, "root", None, &[]);
    let mid = group(app, "mid", Some(root), &[]);
    group(app, "leaf", Some(mid), &[member]);
    (role(app, "of root", &json!({"groups": [root]})), token)
}

fn the_list_shows_what_one_may_read_and_counts_it(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (role, token) = heir(&app);
    let ids: Vec<i64> = (0..6).map(|n| category(&app, &format!("c{n}"), &[])).collect();
    for id in &ids[1..] {
        close(&app, *id);
    }
    grant(&app, ids[2], role, 2);
    grant(&app, ids[3], role, 8);
    app.put(&acl_path(ids[4]), json!({"default_permission": 2})).expect(200);
    let list = listed(&app, &token, "");
    assert_eq!(names(&list), ["c0", "c2", "c3", "c4"]);
    assert_eq!(column(&list["results"], "permission"), [8, 2, 8, 2]);
    assert_eq!(list["count"], 4);
    // Pages and their links are of what is visible.
    let page = listed(&app, &token, "?limit=3&offset=3");
    assert_eq!((names(&page), &page["count"], &page["next"]), (vec![json!("c4")], &json!(4), &Value::Null));
    assert!(page["previous"].as_str().unwrap().ends_with("/category/api/v2/?limit=3"), "{page}");
    assert_eq!(listed(&app, &app.token, "")["count"], 6);
    let (_, reader) = app.user(|user| user.is_readonly = true);
    let list = listed(&app, &reader, "");
    assert_eq!(
        (names(&list), column(&list["results"], "permission")),
        (vec![json!("c0"), json!("c4")], vec![json!(2); 2])
    );
    // What the role loses, or who loses the role, is gone again.
    grant(&app, ids[2], role, 1);
    assert_eq!(names(&listed(&app, &token, "")), ["c0", "c3", "c4"]);
    app.delete(&format!("/role/api/v2/{role}")).expect(204);
    assert_eq!(names(&listed(&app, &token, "")), ["c0", "c4"]);
    app.with_token("none", "GET", CATEGORIES, None).expect(403);
}

fn lists_have_an_order_a_search_and_windows(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let [rack, room] = ["Rack", "room"].map(|name| app.entity(json!({"name": name})).0);
    let first = prioritized(&app, "same", 1, &[rack]);
    let second = prioritized(&app, "same", 1, &[]);
    prioritized(&app, "B", 5, &[rack, room]);
    prioritized(&app, "a", 5, &[]);
    prioritized(&app, "_", 5, &[]);
    prioritized(&app, "last", -3, &[room]);
    let list = listed(&app, &app.token, "");
    assert_eq!(names(&list), ["_", "a", "B", "same", "same", "last"]);
    assert_eq!(column(&list["results"], "id")[3..5], [json!(first), json!(second)]);
    let ordered = |by: &str| names(&listed(&app, &app.token, &format!("?ordering={by}")));
    assert_eq!(ordered("-name"), ["same", "same", "last", "B", "a", "_"]);
    assert_eq!(ordered("priority"), ["last", "same", "same", "B", "a", "_"]);
    assert_eq!(ordered("id"), ["same", "same", "B", "a", "_", "last"]);
    assert_eq!(ordered("models"), names(&list), "an unknown key is none");
    let searched = |words: &str| names(&listed(&app, &app.token, &format!("?search={words}")));
    assert_eq!(searched("rACK"), ["B", "same"]);
    assert_eq!(searched("rack,room"), ["B"], "each word may be found in another place");
    assert_eq!(searched("same%20rack"), ["same"]);
    assert_eq!(searched("_"), ["_"]);
    assert_eq!(listed(&app, &app.token, "?search=rack")["count"], 2, "each is counted once");
    let page = listed(&app, &app.token, "?limit=2&offset=2&search=a");
    assert_eq!((names(&page), &page["count"]), (vec![json!("same"), json!("same")], &json!(5)));
    assert!(
        page["next"].as_str().unwrap().ends_with("/category/api/v2/?limit=2&offset=4&search=a"),
        "{page}"
    );
    assert_eq!(listed(&app, &app.token, "?limit=0")["results"].as_array().unwrap().len(), 6);
    let beyond = listed(&app, &app.token, "?offset=60");
    assert_eq!((names(&beyond), &beyond["count"]), (vec![], &json!(6)));
    assert_eq!(app.get("/category/api/v2").status, 301);
    let refused =
        app.request("PATCH", &one(first), &[("Authorization", &format!("Token {}", app.token))], None);
    assert_eq!(refused.expect(405).codes(), ["AE-999999"]);
}

fn listing_costs_the_same_for_few_and_many(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (role, _) = heir(&app);
    let heir = app.get("/group/api/v2/groups?search=leaf").json()["results"][0]["members"][0]["id"].as_i64();
    let make = |from: usize, to: usize| {
        for n in from..to {
            let entities = [0, 1].map(|m| app.entity(json!({"name": format!("e{n} {m}")})).0);
            let id = category(&app, &format!("c{n}"), &entities);
            close(&app, id);
            close(&app, entities[0]);
            grant(&app, id, role, 4);
        }
    };
    let cost = || {
        crate::agreement::as_id(&app, heir.unwrap())
            .run_blocking(Mode::Read, |op| {
                let before = op.db.statements;
                let filter = store::CategoryFilter { limit: Some(30), ..store::CategoryFilter::default() };
                let (rows, total) = service::list(op, filter)?;
                Ok((op.db.statements - before, rows.len(), total))
            })
            .unwrap()
    };
    make(0, 2);
    let few = cost();
    assert_eq!((few.1, few.2), (2, 2));
    make(2, 9);
    let many = cost();
    assert_eq!((many.1, many.2), (9, 9));
    assert_eq!(few.0, many.0);
    assert!(few.0 <= 5, "{few:?}");
}

static NARROW: PluginDecl = PluginDecl::new("narrow", "Narrow", "1");

/// Withholds all categories with an `x` in the name.
fn narrowing() -> Contributions {
    Contributions::default().with_plugin(&NARROW).with_hook::<before_permission_check>(HookReg {
        info: HookInfo::new(&NARROW, "withhold"),
        handler: |_, asked| {
            if asked.object.kind == ObjectKind::Category && asked.object.name.contains('x') {
                return Err(Reject::new("not this one").into());
            }
            Ok(())
        },
    })
}

fn handlers_narrow_the_list_and_its_count(database: Database) {
    let Some(app) = TestApp::with(database, narrowing(), |_| {}) else { return };
    let (_, token) = person(&app, "guest");
    let ids = ["a", "bx", "c", "dx", "e"].map(|name| category(&app, name, &[]));
    for token in [&token, &app.token] {
        let list = listed(&app, token, "");
        assert_eq!((names(&list), &list["count"]), (vec![json!("a"), json!("c"), json!("e")], &json!(3)));
        let page = listed(&app, token, "?limit=1&offset=1");
        assert_eq!((names(&page), &page["count"]), (vec![json!("c")], &json!(3)));
        assert!(page["next"].as_str().unwrap().ends_with("?limit=1&offset=2"), "{page}");
        app.with_token(token, "GET", &one(ids[1]), None).expect(404);
    }
}

fn missing_levels_are_refused_before_the_body_is_read(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (user, token) = person(&app, "member");
    let (_, reader) = app.user(|user| user.is_readonly = true);
    let role = role(&app, "r", &json!({"users": [user]}));
    let id = category(&app, "c", &[]);
    close(&app, id);
    let bad = json!([]);
    let good = json!({"name": "d", "models": []});
    let send =
        |token: &str, method: &str, body: Option<&Value>| app.with_token(token, method, &one(id), body);
    let denied = |answer: Answer| assert_eq!(answer.expect(403).codes(), ["AE-210000"]);
    grant(&app, id, role, 2);
    send(&token, "GET", None).expect(200);
    denied(send(&token, "PUT", Some(&bad)));
    denied(send(&token, "DELETE", None));
    grant(&app, id, role, 4);
    send(&token, "PUT", Some(&bad)).expect(400);
    send(&token, "PUT", Some(&good)).expect(200);
    denied(send(&token, "DELETE", None));
    // A role on the category says nothing about creating: everybody may, but those who only read.
    denied(app.with_token(&reader, "POST", CATEGORIES, Some(&bad)));
    app.with_token(&token, "POST", CATEGORIES, Some(&bad)).expect(400);
    app.with_token(&token, "POST", CATEGORIES, Some(&good)).expect(201);
    let open = category(&app, "open", &[]);
    denied(app.with_token(&reader, "PUT", &one(open), Some(&bad)));
    denied(app.with_token(&reader, "DELETE", &one(open), None));
    grant(&app, id, role, 8);
    send(&token, "DELETE", None).expect(204);
    let unknown = app.put(&one(999_999), bad);
    assert_eq!(unknown.expect(404).codes(), ["AE-230000"]);
    // The id of an object of another kind is the id of no category.
    let (entity, _) = app.entity(json!({"name": "e"}));
    app.get(&one(entity)).expect(404);
    app.delete(&one(entity)).expect(404);
}

fn writing_reports_what_is_wrong(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let id = category(&app, "c", &[]);
    let with = |key: &str, value: Value| {
        let mut body = json!({"name": "n", "models": []});
        body[key] = value;
        body
    };
    let leaf = |code: &str| json!([{"code": code}]);
    let cases = [
        (json!({}), json!({"name": leaf("AE-113000"), "models": leaf("AE-113000")})),
        (with("name", json!(" ")), json!({"name": leaf("AE-999999")})),
        (with("name", Value::Null), json!({"name": leaf("AE-999999")})),
        (with("name", json!("x".repeat(201))), json!({"name": leaf("AE-122000")})),
        (with("name", json!([])), json!({"name": leaf("AE-121000")})),
        (with("note", Value::Null), json!({"note": leaf("AE-999999")})),
        (with("note", json!("x".repeat(501))), json!({"note": leaf("AE-122000")})),
        (with("priority", json!("high")), json!({"priority": leaf("AE-121000")})),
        (with("priority", json!(true)), json!({"priority": leaf("AE-121000")})),
        (with("priority", Value::Null), json!({"priority": leaf("AE-999999")})),
        (with("priority", json!(2_147_483_648_i64)), json!({"priority": leaf("AE-122000")})),
        (with("models", Value::Null), json!({"models": leaf("AE-999999")})),
        (with("models", json!("x")), json!({"models": {"non_field_errors": leaf("AE-121000")}})),
        (with("models", json!({})), json!({"models": {"non_field_errors": leaf("AE-121000")}})),
        (
            with(
                "models",
                json!([{"id": 1, "name": "n"}, {"id": 1}, {"name": " "}, 5, {"id": "x", "name": null}]),
            ),
            json!({"models": [
                {},
                {"name": leaf("AE-113000")},
                {"id": leaf("AE-113000"), "name": leaf("AE-999999")},
                {"non_field_errors": leaf("AE-121000")},
                {"id": leaf("AE-121000"), "name": leaf("AE-999999")},
            ]}),
        ),
        (json!([]), json!({"non_field_errors": leaf("AE-121000")})),
        (Value::Null, json!({"non_field_errors": leaf("AE-999999")})),
    ];
    for (body, expected) in cases {
        for answer in [app.post(CATEGORIES, body.clone()), app.put(&one(id), body.clone())] {
            assert_eq!(without_messages(answer.expect(400).json()), expected, "{body}");
        }
    }
    assert_eq!(app.get(CATEGORIES).json()["count"], 1);
    let fits = json!({"name": "x".repeat(200), "note": "y".repeat(500), "priority": i32::MAX, "models": [], "more": 1});
    app.post(CATEGORIES, fits).expect(201);
    // Names need not be unique.
    app.post(CATEGORIES, json!({"name": "c", "models": []})).expect(201);
}

fn without_messages(mut errors: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                assert!(fields.remove("message").is_none_or(|message| message.is_string()));
                fields.values_mut().for_each(strip);
            }
            Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut errors);
    errors
}

fn a_change_keeps_what_it_does_not_name(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let body = json!({"name": "c", "note": "n", "priority": 3, "models": []});
    let id = app.post(CATEGORIES, body).expect(201).json()["id"].as_i64().unwrap();
    app.put(&one(id), json!({"name": "d", "models": []})).expect(200);
    let shown = app.get(&one(id)).json();
    assert_eq!((&shown["name"], &shown["note"], &shown["priority"]), (&json!("d"), &json!("n"), &json!(3)));
    app.put(&one(id), json!({"name": "d", "models": [], "note": "", "priority": 0})).expect(200);
    let shown = app.get(&one(id)).json();
    assert_eq!((&shown["note"], &shown["priority"]), (&json!(""), &json!(0)));
}

fn deleted_and_unreadable_models(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (_, token) = person(&app, "guest");
    let [a, b, gone] = ["a", "b", "gone"].map(|name| app.entity(json!({"name": name})).0);
    let id = category(&app, "c", &[a, b, gone]);
    close(&app, b);
    app.delete(&format!("/entity/api/v2/{gone}/")).expect(202);
    let models = json!([
        {"id": a, "name": "a", "is_public": true, "permission": 8},
        {"id": b, "name": "b", "is_public": false, "permission": 1},
    ]);
    let shown = app.with_token(&token, "GET", &one(id), None).expect(200).json();
    assert_eq!(shown["models"], models);
    assert_eq!(listed(&app, &token, "")["results"][0]["models"], models);
    assert_eq!(listed(&app, &token, "?search=gone")["count"], 0, "deleted ones are not found either");
    // Nor can a deleted one be put in; what stays is written as it was.
    let body = json!({"name": "c", "models": named(&[b, gone])});
    let written = app.with_token(&token, "PUT", &one(id), Some(&body)).expect(200).json();
    assert_eq!(written["models"], json!([models[1]]));
    let created = app.post(CATEGORIES, json!({"name": "d", "models": named(&[gone, a])})).expect(201).json();
    assert_eq!(column(&created["models"], "id"), [a]);
}

fn a_deleted_one_is_gone_and_its_name_is_free(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let id = category(&app, "c", &[]);
    assert_eq!(app.delete(&one(id)).expect(204).body, "");
    for method in ["GET", "PUT", "DELETE"] {
        let body = json!({"name": "c", "models": []});
        let answer = app.with_token(&app.token, method, &one(id), (method == "PUT").then_some(&body));
        assert_eq!(answer.expect(404).codes(), ["AE-230000"]);
    }
    assert_eq!(app.get(CATEGORIES).json()["count"], 0);
    // It stays as an object, under another name.
    let name = app.get(&acl_path(id)).expect(200).json()["name"].as_str().unwrap().to_owned();
    assert!(name.strip_prefix("c_deleted_").is_some_and(|rest| rest.len() == 15), "{name}");
    app.delete(&one(category(&app, "c", &[]))).expect(204);
    app.delete(&one(category(&app, "c", &[]))).expect(204);
}

fn access_rules_are_shown_and_changed_like_others(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (user, token) = person(&app, "member");
    let id = category(&app, "c", &[]);
    let (entity, _) = app.entity(json!({"name": "e"}));
    assert!(entity > id, "one id space");
    let shown = app.get(&acl_path(id)).expect(200).json();
    assert_eq!(
        shown,
        json!({"id": id, "name": "c", "is_public": true, "default_permission": 1, "objtype": 16, "roles": [], "parent": null})
    );
    let role = role(&app, "r", &json!({"users": [user]}));
    let body = json!({"is_public": false, "acl_settings": [{"member_id": role, "value": 2}]});
    let changed = app.put(&acl_path(id), body).expect(200).json();
    assert_eq!(
        (&changed["is_public"], &changed["roles"][0]["current_permission"]),
        (&json!(false), &json!(2))
    );
    let refused = app.with_token(&token, "PUT", &acl_path(id), Some(&json!({"is_public": true})));
    assert_eq!(refused.expect(403).codes(), ["AE-210000"]);
    let history = app.with_token(&token, "GET", &format!("{}/history", acl_path(id)), None);
    assert_eq!(history.expect(200).json(), json!([]));
    assert_eq!(app.with_token(&token, "GET", &one(id), None).json()["permission"], 2);
    let (_, stranger) = person(&app, "stranger");
    for path in [acl_path(id), format!("{}/history", acl_path(id))] {
        assert_eq!(app.with_token(&stranger, "GET", &path, None).expect(403).codes(), ["AE-210000"]);
    }
}

fn roles_carry_grants_on_categories(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (_, token) = person(&app, "member");
    let id = category(&app, "c", &[]);
    close(&app, id);
    let row = format!(
        "- {{name: r, users: [member], groups: [], admin_users: [], admin_groups: [], permissions: [{{obj_id: {id}, permission: writable}}]}}"
    );
    send_yaml(&app, &app.token, "/role/api/v2/import", &row).expect(200);
    assert_eq!(app.with_token(&token, "GET", &one(id), None).expect(200).json()["permission"], 4);
    let exported = app.get("/role/api/v2/export").expect(200).body;
    assert!(
        exported.contains(&format!("obj_id: {id}")) && exported.contains("permission: writable"),
        "{exported}"
    );
}

fn what_was_done_is_recorded(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let id = category(&app, "c", &[entity]);
    app.put(&one(id), json!({"name": "d", "models": []})).expect(200);
    close(&app, id);
    app.delete(&one(id)).expect(204);
    let mut rows = crate::audit::log(&app);
    rows.retain(|row| row["object_kind"] == "category");
    let rows = Value::Array(rows);
    assert_eq!(
        column(&rows, "action"),
        ["category.create", "category.update", "acl.update", "category.delete"]
    );
    assert_eq!(column(&rows, "object_name"), ["c", "d", "d", "d"]);
    assert_eq!(column(&rows, "object_id"), [id; 4]);
    assert_eq!(rows[0]["detail"], json!({"priority": 0, "models": [entity]}));
    assert_eq!(rows[1]["detail"], json!({"previous_name": "c", "priority": 0, "models": []}));
}
