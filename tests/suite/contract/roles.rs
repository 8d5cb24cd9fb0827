//! Cases F: roles.

use super::{ADMIN, close, column, grant, group, permission, person, role, send_yaml};
use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::config::Config;
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::store::queries::job;
use pagoda_core::store::rows::JobRow;
use serde_json::{Value, json};

on_both_databases! {
    case_platform_109_a_role_needs_administrators_that_are_no_members;
    case_platform_110_whoever_writes_a_role_administers_it;
    case_platform_112_a_foreign_role_does_not_exist;
    case_platform_113_a_deleted_role_frees_its_name;
    case_platform_115_an_import_by_id_updates;
    case_platform_116_an_import_grants;
    case_platform_118_deleted_members_are_not_shown;
    case_platform_119_a_list_is_ordered_by_name;
    case_platform_121_a_role_appears_once;
    case_platform_122_guests_see_their_own_roles;
    case_platform_124_belonging_has_many_ways;
    case_platform_125_administrators_edit;
    case_platform_127_a_grant_permits_lower_levels;
    writing_reports_what_is_wrong;
    what_a_change_leaves_out_stays;
    read_only_users_write_no_roles;
    an_import_says_what_it_could_not_do;
    an_import_is_for_administrators;
    an_import_is_judged_row_by_row;
    an_export_can_be_imported;
    lists_cost_the_same_for_few_and_many;
    there_are_no_more_than_may_be;
}

const ROLES: &str = "/role/api/v2/";

fn one(id: i64) -> String {
    format!("{ROLES}{id}")
}

fn get(app: &TestApp, token: &str, path: &str) -> Value {
    app.with_token(token, "GET", path, None).expect(200).json()
}

/// Imports, and gives the job.
fn import(app: &TestApp, body: &str) -> JobRow {
    let answer = send_yaml(app, &app.token, "/role/api/v2/import", body).expect(200).json();
    assert_eq!(answer["result"]["error"], json!([]));
    let id = answer["result"]["job_ids"][0].as_i64().unwrap();
    let runner = Runner::of_server(&app.host, None);
    runner.run_blocking(Mode::Read, |op| Ok(job::by_id(&mut op.db, id)?)).unwrap().unwrap()
}

fn case_platform_109_a_role_needs_administrators_that_are_no_members(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (user, _) = person(&app, "u");
    let group = group(&app, "g", None, &[]);
    let known = role(&app, "known", &json!({}));
    for (body, stays) in [
        (json!({"name": "r"}), true),
        (json!({"name": "r", "admin_users": [], "admin_groups": []}), true),
        (json!({"name": "r", "users": [user], "admin_users": [user]}), true),
        (json!({"name": "r", "groups": [group], "admin_groups": [group]}), true),
    ] {
        assert!(stays);
        assert_eq!(
            app.post(ROLES, body.clone()).expect(400).codes(),
            ["non_field_errors AE-113000"],
            "{body}"
        );
        assert_eq!(
            app.put(&one(known), body.clone()).expect(400).codes(),
            ["non_field_errors AE-113000"],
            "{body}"
        );
    }
}

fn case_platform_110_whoever_writes_a_role_administers_it(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (guest, token) = person(&app, "guest");
    let parent = group(&app, "parent", None, &[]);
    let child = group(&app, "child", Some(parent), &[guest]);
    let foreign = group(&app, "foreign", None, &[]);
    let post = |body: Value| app.with_token(&token, "POST", ROLES, Some(&body));
    for admins in [json!({"admin_users": [ADMIN]}), json!({"admin_groups": [foreign]})] {
        let mut body = admins;
        body["name"] = json!("r");
        assert_eq!(post(body).expect(400).codes(), ["non_field_errors AE-113000"]);
    }
    let own = post(json!({"name": "own", "admin_users": [guest]})).expect(201).json()["id"].as_i64().unwrap();
    post(json!({"name": "by group", "admin_groups": [child]})).expect(201);
    post(json!({"name": "by parent", "admin_groups": [parent]})).expect(201);
    let put = |body: Value| app.with_token(&token, "PUT", &one(own), Some(&body));
    assert_eq!(
        put(json!({"name": "own", "admin_users": [ADMIN]})).expect(400).codes(),
        ["non_field_errors AE-113000"]
    );
    // What is saved counts, not what is sent.
    put(json!({"name": "own", "admin_groups": [foreign]})).expect(200);
}

fn case_platform_112_a_foreign_role_does_not_exist(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (guest, token) = person(&app, "guest");
    let foreign = role(&app, "foreign", &json!({}));
    let member = role(&app, "member", &json!({"users": [guest]}));
    for method in ["GET", "PUT", "DELETE"] {
        for id in [foreign, 999] {
            let answer = app.with_token(&token, method, &one(id), Some(&json!([])));
            assert_eq!(answer.expect(404).codes(), ["AE-230000"], "{method} {id}");
        }
    }
    // One that can be seen and is not one's to change.
    for method in ["PUT", "DELETE"] {
        let answer = app.with_token(&token, method, &one(member), Some(&json!([])));
        assert_eq!(answer.expect(403).codes(), ["AE-210000"]);
    }
    assert_eq!(get(&app, &token, &one(member))["is_editable"], false);
}

fn case_platform_113_a_deleted_role_frees_its_name(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for _ in 0..3 {
        let id = role(&app, "r", &json!({}));
        app.delete(&one(id)).expect(204);
        app.get(&one(id)).expect(404);
    }
    assert_eq!(app.get(ROLES).json(), json!([]));
    assert_eq!(app.delete(&one(999)).expect(404).codes(), ["AE-230000"]);
}

fn case_platform_115_an_import_by_id_updates(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (user, _) = person(&app, "u");
    let (old, _) = person(&app, "old");
    let id = role(&app, "r", &json!({"users": [old], "description": "d"}));
    let body = format!(
        "- id: {id}\n  name: renamed\n  users: [u]\n  groups: []\n  admin_users: []\n  admin_groups: []\n"
    );
    let job = import(&app, &body);
    assert_eq!((job.operation, job.status, job.text.as_str(), job.owner_id), (30, 2, "", ADMIN));
    let shown = app.get(&one(id)).expect(200).json();
    assert_eq!((&shown["name"], &shown["description"]), (&json!("renamed"), &json!("")));
    assert_eq!(shown["users"], json!([{"id": user, "username": "u"}]), "sets are replaced");
    assert_eq!(shown["admin_users"], json!([]));
    // By name as well.
    import(
        &app,
        "- {name: renamed, description: new, users: [], groups: [], admin_users: [admin], admin_groups: []}\n",
    );
    let shown = app.get(&one(id)).json();
    assert_eq!((&shown["users"], &shown["admin_users"][0]["id"]), (&json!([]), &json!(ADMIN)));
    assert_eq!(app.get(ROLES).json().as_array().unwrap().len(), 1);
}

fn case_platform_116_an_import_grants(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let row = |permissions: &str| {
        format!(
            "- name: r\n  users: []\n  groups: []\n  admin_users: [admin]\n  admin_groups: []\n  permissions: {permissions}\n"
        )
    };
    import(&app, &row(&format!("[{{obj_id: {entity}, permission: full}}]")));
    let exported = || app.get("/role/api/v2/export").expect(200).body;
    assert!(
        exported()
            .contains(&format!("  permissions:\n  - obj_id: {entity}\n    permission: full\n  users: []\n")),
        "{}",
        exported()
    );
    let history = app.get(&format!("/acl/api/v2/acls/{entity}/history")).json();
    assert_eq!(history[0]["changes"], json!([{"action": "create", "target": "r", "before": 1, "after": 8}]));
    assert_eq!(history[0]["user"]["id"], ADMIN);
    // Grants that are there are not lowered, other words are passed over.
    let attr = attrs["s"];
    import(
        &app,
        &row(&format!(
            "[{{obj_id: {entity}, permission: readable}}, {{obj_id: '{attr}', permission: writable}}, {{obj_id: {attr}, permission: nothing}}, {{}}]"
        )),
    );
    assert_eq!(exported().matches("permission:").count(), 2, "{}", exported());
    assert!(exported().contains("permission: full\n") && exported().contains("permission: writable\n"));
}

fn case_platform_118_deleted_members_are_not_shown(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (gone, _) = app.user(|user| {
        "gone".clone_into(&mut user.username);
        user.is_active = false;
    });
    let groups = ["a", "b"].map(|name| group(&app, name, None, &[]));
    let id = role(
        &app,
        "r",
        &json!({"users": [gone], "groups": [groups[0]], "admin_groups": [groups[1]], "admin_users": [ADMIN]}),
    );
    for group in groups {
        app.delete(&format!("/group/api/v2/groups/{group}")).expect(204);
    }
    let shown = app.get(&one(id)).expect(200).json();
    for set in ["users", "groups", "admin_groups"] {
        assert_eq!(shown[set], json!([]), "{set}");
    }
    assert_eq!(shown["admin_users"], json!([{"id": ADMIN, "username": "admin"}]));
    let exported = app.get("/role/api/v2/export").body;
    assert!(exported.contains("  users: []\n") && exported.contains("- admin_groups: []\n"), "{exported}");
}

fn case_platform_119_a_list_is_ordered_by_name(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for name in ["b", "C", "a"] {
        role(&app, name, &json!({}));
    }
    let names = |query: &str| column(&app.get(&format!("{ROLES}{query}")).expect(200).json(), "name");
    assert_eq!(names(""), ["a", "b", "C"]);
    assert_eq!(names("?ordering=-name"), ["C", "b", "a"]);
    assert_eq!(names("?search=c&limit=1&page=7"), ["C"], "bare lists have no pages");
    let keys: Vec<String> = app.get(ROLES).json()[0].as_object().unwrap().keys().cloned().collect();
    let expected = [
        "id",
        "is_active",
        "name",
        "description",
        "users",
        "groups",
        "admin_users",
        "admin_groups",
        "is_editable",
    ];
    assert_eq!(keys, expected);
}

fn case_platform_121_a_role_appears_once(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (guest, token) = person(&app, "guest");
    let groups = ["a", "b"].map(|name| group(&app, name, None, &[guest]));
    let id = role(&app, "r", &json!({"users": [guest], "groups": [groups[0]], "admin_groups": [groups[1]]}));
    let body = json!({"name": "r", "admin_users": [guest, ADMIN]});
    app.put(&one(id), body).expect(200);
    assert_eq!(column(&get(&app, &token, ROLES), "id"), [json!(id)]);
    assert_eq!(get(&app, &token, &one(id))["users"][0]["id"], guest, "sets that are not sent stay");
}

fn case_platform_122_guests_see_their_own_roles(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (guest, token) = person(&app, "guest");
    role(&app, "foreign", &json!({}));
    role(&app, "own", &json!({"users": [guest]}));
    assert_eq!(column(&get(&app, &token, ROLES), "name"), ["own"]);
    assert_eq!(column(&app.get(ROLES).json(), "name"), ["foreign", "own"]);
    let exported = |token: &str| app.with_token(token, "GET", "/role/api/v2/export", None).expect(200).body;
    assert_eq!(exported(&token).matches("  name: ").count(), 1);
    assert_eq!(exported(&app.token).matches("  name: ").count(), 2);
    let (_, nobody) = person(&app, "nobody");
    assert_eq!(exported(&nobody), "[]\n");
}

fn case_platform_124_belonging_has_many_ways(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (guest, token) = person(&app, "guest");
    let parent = group(&app, "parent", None, &[]);
    let child = group(&app, "child", Some(parent), &[guest]);
    let ways = [
        ("user", json!({"users": [guest]})),
        ("group", json!({"groups": [child]})),
        ("admin user", json!({"admin_users": [guest]})),
        ("admin group", json!({"admin_groups": [child]})),
        ("parent", json!({"groups": [parent]})),
        ("admin parent", json!({"admin_groups": [parent]})),
    ];
    for (name, ties) in &ways {
        role(&app, name, ties);
    }
    role(&app, "foreign", &json!({}));
    let seen = column(&get(&app, &token, ROLES), "name");
    assert_eq!(seen.len(), ways.len(), "{seen:?}");
    assert!(!seen.contains(&json!("foreign")));
}

fn case_platform_125_administrators_edit(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (guest, token) = person(&app, "guest");
    let parent = group(&app, "parent", None, &[]);
    let child = group(&app, "child", Some(parent), &[guest]);
    for (name, ties, editable) in [
        ("user", json!({"users": [guest]}), false),
        ("group", json!({"groups": [child]}), false),
        ("parent", json!({"groups": [parent]}), false),
        ("admin user", json!({"admin_users": [guest]}), true),
        ("admin group", json!({"admin_groups": [child]}), true),
        ("admin parent", json!({"admin_groups": [parent]}), true),
    ] {
        let id = role(&app, name, &ties);
        assert_eq!(get(&app, &token, &one(id))["is_editable"], editable, "{name}");
        assert_eq!(app.get(&one(id)).json()["is_editable"], true);
        let status = if editable { 204 } else { 403 };
        app.with_token(&token, "DELETE", &one(id), None).expect(status);
    }
}

fn case_platform_127_a_grant_permits_lower_levels(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (guest, token) = person(&app, "guest");
    let (entity, _) = app.entity(json!({"name": "e"}));
    close(&app, entity);
    grant(&app, entity, role(&app, "r", &json!({"users": [guest]})), 4);
    assert_eq!(permission(&app, &token, entity), 4);
    let path = format!("/entity/api/v2/{entity}/");
    app.with_token(&token, "GET", &path, None).expect(200);
    app.with_token(&token, "PUT", &path, Some(&json!({"note": "n"}))).expect(202);
    app.with_token(&token, "DELETE", &path, None).expect(403);
}

fn writing_reports_what_is_wrong(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let known = role(&app, "taken", &json!({}));
    app.delete(&one(role(&app, "deleted", &json!({})))).expect(204);
    let cases = [
        (json!({"admin_users": [1]}), vec!["name AE-113000"]),
        (json!({"name": "", "admin_users": [1]}), vec!["name AE-999999"]),
        (json!({"name": "x".repeat(201), "admin_users": [1]}), vec!["name AE-122000"]),
        (json!({"name": "taken", "admin_users": [1]}), vec!["name AE-999999"]),
        (json!({"name": "r", "admin_users": [1], "users": [999, "x"]}), vec!["users AE-230000"]),
        (json!({"name": "r", "admin_users": [1], "users": ["x", 999]}), vec!["users AE-121000"]),
        (json!({"name": "r", "admin_users": [1], "users": [null]}), vec!["users AE-230000"]),
        (json!({"name": "r", "admin_users": [1], "users": [true]}), vec!["users AE-121000"]),
        (json!({"name": "r", "admin_users": 1}), vec!["admin_users AE-121000"]),
        (json!({"name": "r", "admin_users": [1], "groups": null}), vec!["groups AE-999999"]),
        (
            json!({"groups": [999], "admin_groups": [999]}),
            vec!["admin_groups AE-230000", "groups AE-230000", "name AE-113000"],
        ),
        (json!({"name": "r", "admin_users": [1], "is_active": false}), vec!["is_active AE-250000"]),
        (json!("r"), vec!["non_field_errors AE-121000"]),
        (Value::Null, vec!["non_field_errors AE-999999"]),
    ];
    for (body, codes) in cases {
        assert_eq!(app.post(ROLES, body.clone()).expect(400).codes(), codes, "{body}");
    }
    let off = json!({"name": "taken", "admin_users": [1], "is_active": "false"});
    assert_eq!(app.put(&one(known), off).expect(400).codes(), ["is_active AE-250000"]);
    app.put(&one(known), json!({"name": "taken", "admin_users": [1], "is_active": true})).expect(200);
    assert_eq!(app.get(ROLES).json().as_array().unwrap().len(), 1, "nothing was stored");
}

fn what_a_change_leaves_out_stays(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let users = ["a", "b"].map(|name| person(&app, name).0);
    let created = app.post(ROLES, json!({
        "name": "r", "description": " d ", "users": [users[1].to_string(), users[0], users[1]], "admin_users": [ADMIN],
    }));
    let created = created.expect(201).json();
    let id = created["id"].as_i64().unwrap();
    let expected = json!({
        "id": id, "is_active": true, "name": "r", "description": "d", "users": users, "groups": [],
        "admin_users": [ADMIN], "admin_groups": [],
    });
    assert_eq!(created, expected);
    let updated = app.put(&one(id), json!({"name": "s", "admin_users": [ADMIN]})).expect(200).json();
    assert_eq!((&updated["users"], &updated["description"]), (&json!(users), &json!("d")));
    let updated =
        app.put(&one(id), json!({"name": "s", "description": "", "users": [], "admin_users": [ADMIN]}));
    let updated = updated.expect(200).json();
    assert_eq!((&updated["users"], &updated["description"]), (&json!([]), &json!("")));
}

fn read_only_users_write_no_roles(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (reader, token) = app.user(|user| {
        "reader".clone_into(&mut user.username);
        (user.is_readonly, user.is_superuser) = (true, true);
    });
    let id = role(&app, "r", &json!({"admin_users": [reader]}));
    for (method, path) in
        [("POST", ROLES.to_owned()), ("PUT", one(id)), ("DELETE", one(id)), ("DELETE", one(999))]
    {
        let answer = app.with_token(&token, method, &path, Some(&json!([])));
        assert_eq!(answer.expect(403).codes(), ["AE-210000"], "{method}");
    }
    get(&app, &token, &one(id));
}

fn an_import_says_what_it_could_not_do(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (user, _) = person(&app, "u");
    let gone = group(&app, "gone", None, &[]);
    app.delete(&format!("/group/api/v2/groups/{gone}")).expect(204);
    role(&app, "taken", &json!({}));
    let own = role(&app, "own", &json!({}));
    let body = format!("\
- {{name: one, users: [u, nobody], groups: [gone], admin_users: [admin], admin_groups: [], permissions: [{{obj_id: 999, permission: full}}]}}
- {{id: 999, name: two, users: [], groups: [], admin_users: [], admin_groups: []}}
- {{id: {own}, name: taken, users: [], groups: [], admin_users: [], admin_groups: []}}
- {{name: last, users: [], groups: [], admin_users: [admin], admin_groups: []}}
");
    let job = import(&app, &body);
    assert_eq!((job.status, job.text.lines().count()), (7, 5), "{}", job.text);
    for part in ["one: ", "`nobody`", "`gone`", "object 999", "two: ", "role 999", "taken: "] {
        assert!(job.text.contains(part), "{part}: {}", job.text);
    }
    let list = app.get(ROLES).json();
    assert_eq!(column(&list, "name"), ["last", "one", "own", "taken"]);
    assert_eq!(list[1]["users"], json!([{"id": user, "username": "u"}]));
    // An object that is missing or no id is a mistake of its row; the row's other grants are made.
    let (entity, _) = app.entity(json!({"name": "e"}));
    let row = |permissions: &str| {
        format!(
            "- {{name: last, users: [], groups: [], admin_users: [admin], admin_groups: [], permissions: [{permissions}]}}\n"
        )
    };
    let rows = [
        "{permission: full}",
        "{obj_id: x, permission: full}",
        "{obj_id: null, permission: full}",
        "{obj_id: [], permission: full}",
    ];
    for bad in rows {
        let good = format!("{{obj_id: '{entity}', permission: readable}}");
        let job = import(&app, &row(&format!("{bad}, {good}, {{obj_id: nothing, permission: other}}, {{}}")));
        assert_eq!((job.status, job.text.lines().count()), (7, 1), "{bad}: {}", job.text);
        assert!(job.text.starts_with("last: "), "{}", job.text);
    }
    let exported = app.get("/role/api/v2/export").expect(200).body;
    assert_eq!(
        exported.matches(&format!("obj_id: {entity}\n    permission: readable")).count(),
        1,
        "{exported}"
    );
}

fn an_import_is_for_administrators(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (_, token) = person(&app, "guest");
    let answer = send_yaml(&app, &token, "/role/api/v2/import", "- [");
    assert_eq!(answer.expect(403).codes(), ["AE-210000"]);
    assert_eq!(app.post("/role/api/v2/import", json!([])).expect(415).codes(), ["AE-130000"]);
    assert_eq!(import(&app, "[]").status, 2);
}

fn an_import_is_judged_row_by_row(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let body = "\
- {name: good, users: [], groups: [], admin_users: [], admin_groups: []}
- {name: r}
- {name: r, users: x, groups: null, admin_users: [1, []], admin_groups: [], permissions: [7]}
- text
- {name: r, users: ['', null, ' x '], groups: [ok], admin_users: [], admin_groups: [], permissions: null}
- {name: r, users: [], groups: [], admin_users: [], admin_groups: [], permissions: {obj_id: 1}}
";
    let answer = send_yaml(&app, &app.token, "/role/api/v2/import", body).expect(400).json();
    assert_eq!(answer[0], json!({}));
    let code = |at: &Value| at[0]["code"].as_str().map(str::to_owned).unwrap_or_default();
    for set in ["users", "groups", "admin_users", "admin_groups"] {
        assert_eq!(code(&answer[1][set]), "AE-113000", "{set}");
    }
    assert_eq!(
        (code(&answer[2]["users"]), code(&answer[2]["groups"])),
        ("AE-121000".into(), "AE-999999".into())
    );
    assert_eq!(code(&answer[2]["admin_users"]["1"]), "AE-121000");
    assert_eq!(code(&answer[2]["permissions"]["0"]), "AE-999999");
    assert_eq!(code(&answer[3]["non_field_errors"]), "AE-121000");
    let blank = answer[4]["users"].as_object().unwrap();
    assert_eq!(
        (blank.len(), code(&blank["0"]), code(&blank["1"])),
        (2, "AE-999999".into(), "AE-999999".into())
    );
    assert_eq!(
        (code(&answer[4]["permissions"]), code(&answer[5]["permissions"])),
        ("AE-999999".into(), "AE-121000".into())
    );
    assert_eq!(answer[4].as_object().unwrap().len(), 2);
    assert_eq!(app.get(ROLES).json(), json!([]));
}

fn an_export_can_be_imported(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    let (user, _) = person(&app, "naïve: user");
    let group = group(&app, "g", None, &[]);
    let ties =
        json!({"users": [user], "admin_groups": [group], "description": "two\nlines: # not a comment"});
    let id = role(&app, "yes", &ties);
    grant(&app, entity, id, 4);
    let before = app.get(ROLES).json();
    let exported = app.get("/role/api/v2/export").expect(200).body;
    let keys: Vec<&str> = exported
        .lines()
        .filter(|line| {
            line.starts_with("- ")
                || line.starts_with("  ") && !line.starts_with("   ") && !line.starts_with("  -")
        })
        .map(|line| line.trim_start_matches("- ").trim().split(':').next().unwrap())
        .collect();
    assert_eq!(
        keys,
        ["admin_groups", "description", "groups", "id", "name", "permissions", "users"].iter().copied().fold(
            Vec::new(),
            |mut all: Vec<&str>, key| {
                all.push(key);
                if key == "admin_groups" {
                    all.push("admin_users");
                }
                all
            }
        ),
        "{exported}"
    );
    assert_eq!(import(&app, &exported).status, 2);
    assert_eq!(app.get(ROLES).json(), before);
    assert_eq!(app.get("/role/api/v2/export").body, exported);
}

fn lists_cost_the_same_for_few_and_many(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (guest, _) = person(&app, "guest");
    let group = group(&app, "g", None, &[guest]);
    let add = |from: usize, to: usize| {
        for n in from..to {
            let role = role(&app, &format!("r{n}"), &json!({"users": [guest], "groups": [group]}));
            let (entity, _) =
                app.entity(json!({"name": format!("e{n}"), "attrs": [{"name": "s", "type": 2}]}));
            close(&app, entity);
            grant(&app, entity, role, 2);
        }
    };
    add(0, 2);
    let few = crate::agreement::costs(&app, guest);
    add(2, 9);
    let many = crate::agreement::costs(&app, guest);
    assert_eq!(few, many);
    // Of entities: the page, its length, the roles of the user, the grants. Of roles: theirs, the roles, users, groups.
    assert_eq!(many, [("entities", 4), ("roles", 4), ("role export", 5)]);
}

fn there_are_no_more_than_may_be(database: Database) {
    let limited = |config: &mut Config| {
        (config.limits.max_roles, config.limits.max_groups) = (Some(1), Some(1));
    };
    let Some(app) = TestApp::with(database, Contributions::default(), limited) else { return };
    let first = role(&app, "r", &json!({}));
    group(&app, "g", None, &[]);
    for (path, body) in [
        (ROLES, json!({"name": "s", "admin_users": [ADMIN]})),
        ("/group/api/v2/groups", json!({"name": "h"})),
    ] {
        assert_eq!(app.post(path, body).expect(400).codes(), ["non_field_errors AE-122000"], "{path}");
    }
    // Those that are there can be changed.
    app.put(&one(first), json!({"name": "r2", "admin_users": [ADMIN]})).expect(200);
    let row = "- {name: s, users: [], groups: [], admin_users: [], admin_groups: []}";
    assert_eq!(import(&app, row).status, 3);
    let refused = send_yaml(&app, &app.token, "/group/api/v2/groups/import", "- name: h").expect(400);
    assert_eq!(refused.codes(), ["non_field_errors AE-122000"]);
    assert_eq!(app.get(ROLES).json().as_array().unwrap().len(), 1);
}
