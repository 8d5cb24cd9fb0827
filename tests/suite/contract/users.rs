//! Cases A and B: credentials, users, tokens. *Source: spec, auth-user §1 to §4.*

use super::passwords::{anonymous, link, wait_for_letter, with_mail};
use super::{ADMIN, column, group, person, role, send_yaml};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use crate::wait::Wait;
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::store::queries::{group as groups, password_reset, user as store};
use pagoda_core::store::rows::UserRow;
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases! {
    case_platform_001_002_without_credentials;
    case_platform_004_005_tokens_have_a_lifetime;
    case_platform_007_008_logging_out_takes_a_post;
    case_platform_016_017_a_user_is_shown_to_itself;
    case_platform_019_022_groups_of_a_user;
    case_platform_020_roles_of_a_user;
    case_platform_023_co_users;
    case_platform_025_026_administrators_make_users;
    case_platform_028_029_others_make_co_users;
    case_platform_031_032_who_deletes_whom;
    case_platform_034_035_own_tokens;
    case_platform_037_038_tokens_of_co_users;
    case_platform_040_import_and_export;
    case_platform_053_users_have_a_limit;
    case_platform_055_no_answer_has_a_password;
    users_are_listed;
    creating_says_what_is_wrong;
    nobody_promotes_itself;
    changing_says_what_is_wrong;
    imports_say_what_is_wrong;
    creating_reports_all_fields_together;
    users_are_listed_by_other_keys;
    changes_of_a_user_hold_at_once;
    missing_users_are_404_and_other_methods_405;
    imports_read_yaml_and_stop_at_their_row;
    what_is_done_to_users_is_recorded;
}

pub(super) const USERS: &str = "/user/api/v2/";

pub(super) fn one(id: i64) -> String {
    format!("{USERS}{id}/")
}

pub(super) fn send(app: &TestApp, token: &str, method: &str, path: &str, body: &Value) -> Answer {
    app.with_token(token, method, path, Some(body))
}

/// A user with a password, made by the administrator; its id and token.
pub(crate) fn made(app: &TestApp, name: &str) -> (i64, String) {
    let body = json!({"username": name, "password": "old password", "email": format!("{name}@example.com")});
    let id = app.post(USERS, body).expect(201).json()["id"].as_i64().unwrap();
    (id, app.issue_token(id))
}

pub(crate) fn log_in(app: &TestApp, name: &str, password: &str) -> bool {
    session(app, name, password).is_some()
}

/// The cookies of a session and its CSRF token, if the password is right.
pub(crate) fn session(app: &TestApp, name: &str, password: &str) -> Option<(String, String)> {
    let key = "a".repeat(64);
    let body = format!("csrfmiddlewaretoken={key}&username={name}&password={}", password.replace(' ', "+"));
    let cookies = format!("csrftoken={key}");
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", cookies.as_str())];
    let answer = app.request("POST", "/auth/login/", &headers, Some(body.as_bytes()));
    let cookie = |name: &str| {
        let mut set = answer.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case("set-cookie"));
        set.find_map(|(_, value)| Some(value.strip_prefix(name)?.split(';').next()?.to_owned()))
    };
    let (session, csrf) = (cookie("sessionid=")?, cookie("csrftoken=")?);
    assert_eq!(answer.status, 302);
    Some((format!("sessionid={session}; csrftoken={csrf}"), csrf))
}

/// The row of a user in the database.
fn row(app: &TestApp, id: i64) -> UserRow {
    let runner = Runner::of_server(&app.host, None);
    runner.run_blocking(Mode::Read, |op| Ok(store::by_id(&mut op.db, id)?)).unwrap().unwrap()
}

pub(crate) fn sql(app: &TestApp, text: &str) {
    let runner = Runner::of_server(&app.host, None);
    runner.run_blocking(Mode::Write, |op| Ok(op.db.execute_batch(text)?)).unwrap();
}

fn case_platform_001_002_without_credentials(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for (method, path) in
        [("GET", "me"), ("GET", ""), ("POST", ""), ("GET", "1/"), ("PUT", "1/"), ("GET", "export/")]
    {
        let answer = app.request(method, &format!("{USERS}{path}"), &[], None).expect(403);
        assert_eq!(answer.codes(), ["AE-000000"], "{method} {path}");
    }
}

fn case_platform_004_005_tokens_have_a_lifetime(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, token) = made(&app, "guest");
    let set = |lifetime: i64| {
        app.put(&one(id), json!({"username": "guest", "token_lifetime": lifetime})).expect(200);
    };
    set(1);
    std::thread::sleep(Duration::from_millis(2100));
    let refused = app.with_token(&token, "GET", &format!("{USERS}me"), None).expect(403);
    assert_eq!(refused.codes(), ["AE-000000"]);
    set(0);
    app.with_token(&token, "GET", &format!("{USERS}me"), None).expect(200);
}

fn case_platform_007_008_logging_out_takes_a_post(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    app.request("GET", "/auth/logout/", &[], None).expect(400);
    assert!(log_in(&app, "admin", "secret"));
}

fn case_platform_016_017_a_user_is_shown_to_itself(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let body = json!({"username": "guest", "password": "x", "email": "g@example.com"});
    let id = app.post(USERS, body).expect(201).json()["id"].as_i64().unwrap();
    let shown = app.get(&one(id)).expect(200).json();
    assert_eq!(
        (&shown["id"], &shown["username"], &shown["email"], &shown["is_superuser"], &shown["token"]),
        (&json!(id), &json!("guest"), &json!("g@example.com"), &json!(false), &Value::Null)
    );
    assert!(shown["date_joined"].as_str().unwrap().ends_with("+00:00"), "{shown}");
    let mut keys: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let mut expected = [
        "id",
        "username",
        "email",
        "is_superuser",
        "date_joined",
        "token",
        "authenticate_type",
        "parent_user",
        "groups",
        "roles",
    ];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    let token = app.issue_token(id);
    let own = app.with_token(&token, "GET", &one(id), None).expect(200);
    assert_eq!(own.header("cache-control"), Some("no-store"), "it has the token");
    let own = own.json();
    assert_eq!((&own["token"]["value"], &own["token"]["lifetime"]), (&json!(token), &json!(86_400)));
    let time = own["token"]["created"].as_str().unwrap();
    assert!(
        time.len() == 19 && time.as_bytes()[4] == b'/' && own["token"]["expire"].as_str().unwrap() > time
    );
    assert_eq!(app.with_token(&token, "GET", &one(ADMIN), None).expect(403).codes(), ["AE-210000"]);
    assert_eq!(app.get(&one(999_999)).expect(404).codes(), ["AE-230000"]);
    // Parents see their co-users, with their tokens.
    let co = co_user(&app, &token, "co");
    let its_token = app.issue_token(co);
    let seen = app.with_token(&token, "GET", &one(co), None).expect(200).json();
    assert_eq!((&seen["parent_user"], &seen["token"]["value"]), (&json!(id), &json!(its_token)));
}

fn case_platform_019_022_groups_of_a_user(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, _) = made(&app, "guest");
    let parent = group(&app, "a parent", None, &[]);
    let child = group(&app, "child", Some(parent), &[id]);
    let gone = group(&app, "gone", None, &[id]);
    app.delete(&format!("/group/api/v2/groups/{gone}")).expect(204);
    let shown = app.get(&one(id)).json();
    assert_eq!(
        shown["groups"],
        json!([
            {"id": parent, "name": "a parent", "is_direct": false}, {"id": child, "name": "child", "is_direct": true},
        ])
    );
}

fn case_platform_020_roles_of_a_user(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, _) = made(&app, "guest");
    let parent = group(&app, "parent", None, &[]);
    let child = group(&app, "child", Some(parent), &[id]);
    let direct = role(&app, "b direct", &json!({"users": [id], "groups": [child]}));
    let admin = role(&app, "a admin", &json!({"admin_groups": [parent]}));
    let both = role(&app, "c both", &json!({"users": [id], "groups": [parent, child]}));
    let gone = role(&app, "gone", &json!({"users": [id]}));
    app.delete(&format!("/role/api/v2/{gone}")).expect(204);
    let shown = app.get(&one(id)).json();
    assert_eq!(
        shown["roles"],
        json!([
            {"id": admin, "name": "a admin", "is_direct": false, "is_admin": true,
             "via_groups": [{"id": parent, "name": "parent"}]},
            {"id": direct, "name": "b direct", "is_direct": true, "is_admin": false,
             "via_groups": [{"id": child, "name": "child"}]},
            {"id": both, "name": "c both", "is_direct": true, "is_admin": false,
             "via_groups": [{"id": child, "name": "child"}, {"id": parent, "name": "parent"}]},
        ])
    );
}

pub(super) fn co_user(app: &TestApp, token: &str, name: &str) -> i64 {
    let body = json!({"username": name, "password": "old password"});
    send(app, token, "POST", USERS, &body).expect(201).json()["id"].as_i64().unwrap()
}

fn case_platform_023_co_users(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, token) = made(&app, "guest");
    let [one_of_them, other, gone] = ["x", "y", "z"].map(|name| co_user(&app, &token, name));
    app.with_token(&token, "DELETE", &one(gone), None).expect(204);
    let me = app.with_token(&token, "GET", &format!("{USERS}me"), None).expect(200).json();
    assert_eq!(
        (&me["user_id"], &me["username"], &me["email"]),
        (&json!(id), &json!("guest"), &json!("guest@example.com"))
    );
    assert_eq!(column(&me["co_users"], "user_id"), [json!(one_of_them), json!(other)], "active ones only");
    assert_eq!(
        me["co_users"][0],
        json!({"user_id": one_of_them, "username": "guest-x", "email": "guest@example.com"})
    );
}

fn case_platform_025_026_administrators_make_users(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let body =
        json!({"username": "root", "password": "a password", "email": "r@example.com", "is_superuser": true});
    let created = app.post(USERS, body.clone()).expect(201).json();
    let id = created["id"].as_i64().unwrap();
    assert_eq!(
        created,
        json!({"id": id, "username": "root", "email": "r@example.com", "is_superuser": true})
    );
    assert!(log_in(&app, "root", "a password"));
    let shown = app.get(&one(id)).json();
    assert_eq!((&shown["parent_user"], &shown["authenticate_type"]), (&Value::Null, &json!(1)));
    let taken = app.post(USERS, body).expect(400);
    assert_eq!((taken.codes(), taken.json().is_array()), (vec!["AE-121000".to_owned()], true));
    // Without an address it is empty.
    let created = app.post(USERS, json!({"username": "plain", "password": "x"})).expect(201).json();
    assert_eq!(created["email"], "");
}

fn case_platform_028_029_others_make_co_users(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, token) = made(&app, "guest");
    made(&app, "newuser");
    let body = json!({"username": "newuser", "password": "x", "email": "other@example.com"});
    let created = send(&app, &token, "POST", USERS, &body).expect(201).json();
    assert_eq!(
        (&created["username"], &created["email"]),
        (&json!("guest-newuser"), &json!("guest@example.com"))
    );
    let list = app.get(&format!("{USERS}?search=guest-newuser")).json();
    let row = &list["results"][0];
    assert_eq!(
        (&row["is_readonly"], &row["parent_user"], &row["is_superuser"]),
        (&json!(true), &json!(id), &json!(false))
    );
    let again = send(&app, &token, "POST", USERS, &body).expect(400);
    assert_eq!(again.codes(), ["username AE-121000"]);
    let root = json!({"username": "root", "password": "x", "is_superuser": true});
    assert_eq!(send(&app, &token, "POST", USERS, &root).expect(403).codes(), ["AE-210000"]);
    let taken = json!({"username": "newuser", "password": "x", "is_superuser": true});
    assert_eq!(send(&app, &token, "POST", USERS, &taken).expect(400).codes(), ["username AE-121000"]);
    assert_eq!(app.get(&format!("{USERS}?search=root")).json()["count"], 0);
}

fn case_platform_031_032_who_deletes_whom(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, token) = made(&app, "guest");
    let (stranger, _) = made(&app, "stranger");
    let co = co_user(&app, &token, "co");
    let its_token = app.issue_token(co);
    for other in [stranger, id] {
        assert_eq!(app.with_token(&token, "DELETE", &one(other), None).expect(403).codes(), ["AE-210000"]);
    }
    app.with_token(&its_token, "GET", &format!("{USERS}me"), None).expect(200);
    let with_it = group(&app, "g", None, &[co]);
    app.with_token(&token, "DELETE", &one(co), None).expect(204);
    let deleted = row(&app, co);
    let suffix = deleted.username.strip_prefix("guest-co_deleted_").unwrap();
    assert!(suffix.len() == 15 && suffix.chars().all(|c| c.is_ascii_digit() || c == '_'), "{suffix}");
    assert!(!deleted.is_active && deleted.email == "deleted__guest@example.com", "{deleted:?}");
    assert_eq!(app.get(&format!("/group/api/v2/groups/{with_it}")).json()["members"], json!([]));
    let noted = Runner::of_server(&app.host, None)
        .run_blocking(Mode::Read, |op| Ok(groups::members_of(&mut op.db, &[with_it])?.len()));
    assert_eq!(noted.unwrap(), 1, "memberships stay");
    assert_eq!(
        app.with_token(&its_token, "GET", &format!("{USERS}me"), None).expect(403).codes(),
        ["AE-000000"]
    );
    assert_eq!(app.get(&one(co)).expect(404).codes(), ["AE-230000"]);
    assert_eq!(app.with_token(&token, "DELETE", &one(co), None).expect(404).codes(), ["AE-230000"]);
    // Its name is free again, and two that are deleted in one second differ.
    let again = co_user(&app, &token, "co");
    app.with_token(&token, "DELETE", &one(again), None).expect(204);
    app.delete(&one(stranger)).expect(204);
    assert!(!log_in(&app, "stranger", "old password"));
}

fn case_platform_034_035_own_tokens(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let body = json!({"username": "guest", "password": "x"});
    let id = app.post(USERS, body).expect(201).json()["id"].as_i64().unwrap();
    let token = app.issue_token(id);
    let path = format!("{USERS}token/");
    assert_eq!(app.with_token(&token, "GET", &path, None).expect(200).json(), json!({"key": token}));
    let new =
        app.with_token(&token, "POST", &path, None).expect(200).json()["key"].as_str().unwrap().to_owned();
    assert_eq!((new.len(), new == token), (40, false));
    app.with_token(&token, "GET", &path, None).expect(403);
    app.with_token(&new, "GET", &path, None).expect(200);
    // There is none before the first.
    sql(&app, &format!("DELETE FROM api_token WHERE user_id = {id}"));
    let (cookies, csrf) = session(&app, "guest", "x").unwrap();
    let headers = [("Cookie", cookies.as_str()), ("X-CSRFToken", csrf.as_str())];
    assert_eq!(app.request("GET", &path, &headers, None).expect(404).codes(), ["AE-230000"]);
    let first = app.request("POST", &path, &headers, None).expect(200).json();
    assert_eq!(app.request("GET", &path, &headers, None).expect(200).json(), first);
}

fn case_platform_037_038_tokens_of_co_users(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, token) = made(&app, "guest");
    let co = co_user(&app, &token, "co");
    let path = |id: i64| format!("{}token/", one(id));
    let before = app.issue_token(co);
    app.with_token(&before, "GET", &format!("{USERS}me"), None).expect(200);
    let key = app.with_token(&token, "POST", &path(co), None).expect(200).json()["key"].clone();
    app.with_token(&before, "GET", &format!("{USERS}me"), None).expect(403);
    let me = app.with_token(key.as_str().unwrap(), "GET", &format!("{USERS}me"), None).expect(200).json();
    assert_eq!(me["user_id"], co);
    // Nobody else, administrators and the user itself included.
    for (token, id) in [(&app.token, co), (&token, ADMIN), (&token, id)] {
        assert_eq!(app.with_token(token, "POST", &path(id), None).expect(403).body, "");
    }
    assert_eq!(app.with_token(&token, "POST", &path(999_999), None).expect(404).codes(), ["AE-230000"]);
    assert_eq!(app.with_token(&token, "GET", &path(co), None).expect(405).codes(), ["AE-999999"]);
}

fn case_platform_040_import_and_export(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let [a, b] = ["a", "b"].map(|name| group(&app, name, None, &[]));
    let (id, token) = made(&app, "guest");
    let rows = format!(
        "- {{username: new, groups: 'a, b', email: n@example.com, is_superuser: true, more: 1}}\n\
         - {{id: {id}, username: renamed, groups: '', email: ''}}\n\
         - {{username: new, groups: b, email: n2@example.com}}\n"
    );
    assert_eq!(send_yaml(&app, &app.token, "/user/api/v2/import/", &rows).expect(200).body, "");
    let exported = app.get("/user/api/v2/export/").expect(200);
    assert_eq!(exported.header("content-type"), Some("application/yaml; charset=utf-8"));
    let new = app.get(&format!("{USERS}?search=new")).json()["results"][0].clone();
    assert_eq!((&new["is_superuser"], &new["email"]), (&json!(false), &json!("n2@example.com")));
    let expected = format!(
        "- email: ''\n  groups: ''\n  id: 1\n  username: admin\n- email: ''\n  groups: ''\n  id: {id}\n  username: renamed\n\
         - email: n2@example.com\n  groups: b\n  id: {}\n  username: new\n",
        new["id"]
    );
    assert_eq!(exported.body, expected);
    assert!(!log_in(&app, "new", ""), "it has no password");
    let members = app.get(&format!("/group/api/v2/groups/{a}")).json()["members"].clone();
    assert_eq!(
        (members, app.get(&format!("/group/api/v2/groups/{b}")).json()["members"][0]["username"].clone()),
        (json!([]), json!("new"))
    );
    // Closed hole: anybody could.
    let refused = send_yaml(&app, &token, "/user/api/v2/import/", "- [");
    assert_eq!(refused.expect(403).codes(), ["AE-210000"]);
    app.with_token(&token, "GET", "/user/api/v2/export/", None).expect(200);
    assert_eq!(app.request("GET", "/user/api/v2/export/", &[], None).expect(403).codes(), ["AE-000000"]);
    assert_eq!(app.post("/user/api/v2/export/", json!({})).expect(405).codes(), ["AE-999999"]);
    let json_only = [("Accept", "application/json")];
    assert_eq!(
        app.request("GET", "/user/api/v2/export/", &json_only, None).expect(406).codes(),
        ["AE-999999"]
    );
    // Several groups, and texts that would be something else without quotes.
    group(&app, "B", None, &[id]);
    send_yaml(
        &app,
        &app.token,
        "/user/api/v2/import/",
        &format!("- {{id: {id}, username: '007', groups: 'a,B', email: ''}}"),
    )
    .expect(200);
    let exported = app.get("/user/api/v2/export/").expect(200).body;
    assert!(
        exported.contains(&format!("- email: ''\n  groups: a,B\n  id: {id}\n  username: '007'\n")),
        "{exported}"
    );
}

fn case_platform_053_users_have_a_limit(database: Database) {
    let limited =
        TestApp::with(database, Contributions::default(), |config| config.limits.max_users = Some(4));
    let Some(app) = limited else { return };
    let (id, _) = made(&app, "guest");
    let (gone, _) = made(&app, "gone");
    app.delete(&one(gone)).expect(204);
    // The first row of an import still has room, and stays.
    let rows = "- {username: last, groups: '', email: ''}\n- {username: m, groups: '', email: ''}\n- {username: more, groups: '', email: ''}";
    let import = send_yaml(&app, &app.token, "/user/api/v2/import/", rows).expect(400);
    assert_eq!(import.codes(), ["non_field_errors AE-122000"]);
    assert_eq!(column(&app.get(USERS).json()["results"], "username"), ["admin", "guest", "last"]);
    let body = json!({"username": "more", "password": "x"});
    assert_eq!(app.post(USERS, body).expect(400).codes(), ["non_field_errors AE-122000"]);
    // Users that are there may change.
    app.put(&one(id), json!({"username": "other"})).expect(200);
    send_yaml(
        &app,
        &app.token,
        "/user/api/v2/import/",
        "- {username: last, groups: '', email: l@example.com}",
    )
    .expect(200);
}

fn case_platform_055_no_answer_has_a_password(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let body = json!({"username": "guest", "password": "very secret", "email": ""});
    let created = app.post(USERS, body).expect(201);
    let id = created.json()["id"].as_i64().unwrap();
    for answer in [
        created,
        app.get(&one(id)),
        app.get(USERS),
        app.put(&one(id), json!({"username": "guest"})),
        app.get(&format!("{}activity", one(id))),
        app.get("/user/api/v2/export/"),
        app.get("/api/v2/audit/"),
    ] {
        assert!(!answer.body.contains("argon2") && !answer.body.contains("very secret"), "{}", answer.body);
    }
}

fn users_are_listed(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for n in 0..31 {
        person(&app, &format!("user{n:02}"));
    }
    app.user(|user| {
        "gone".clone_into(&mut user.username);
        user.is_active = false;
    });
    let page = app.get(USERS).expect(200).json();
    assert_eq!((&page["count"], page["results"].as_array().unwrap().len()), (&json!(32), 30));
    let row = &page["results"][0];
    let mut keys: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        ["date_joined", "email", "id", "is_readonly", "is_superuser", "parent_user", "username"]
    );
    assert_eq!(row["username"], "admin");
    assert_eq!(page["next"], format!("{}{USERS}?page=2", app.base));
    let last = app.get(&format!("{USERS}?page=last")).json();
    assert_eq!(column(&last["results"], "username"), ["user29", "user30"]);
    assert_eq!(app.get(&format!("{USERS}?page=3")).expect(404).codes(), ["AE-230000"]);
    assert_eq!(app.get(&format!("{USERS}?search=USER%201,0")).json()["count"], 2, "all words, in any place");
    let first = app.get(&format!("{USERS}?ordering=-username")).json()["results"][0]["username"].clone();
    assert_eq!(first, "user30");
    let (_, guest) = person(&app, "zz");
    app.with_token(&guest, "GET", USERS, None).expect(200);
    let cost = |path: &str| crate::statements::cost(&app, || drop(app.get(path).expect(200))).0;
    assert_eq!(cost(USERS), cost(&format!("{USERS}?search=zz")));
}

fn creating_says_what_is_wrong(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for (body, codes) in [
        (json!([]), vec!["non_field_errors AE-121000"]),
        (json!({}), vec!["password AE-113000", "username AE-113000"]),
        (json!({"username": " ", "password": ""}), vec!["password AE-999999", "username AE-999999"]),
        (
            json!({"username": null, "password": null, "email": null, "is_superuser": null}),
            vec!["email AE-999999", "is_superuser AE-999999", "password AE-999999", "username AE-999999"],
        ),
        (json!({"username": "x", "password": "p".repeat(129)}), vec!["password AE-122000"]),
        (json!({"username": "x".repeat(151), "password": "p"}), vec!["username AE-122000"]),
        (json!({"username": "x", "password": "p", "email": "nowhere"}), vec!["email AE-121000"]),
        (json!({"username": "plugin:x", "password": "p"}), vec!["username AE-121000"]),
        (
            json!({"username": true, "password": " ", "is_superuser": "maybe"}),
            vec!["is_superuser AE-121000", "password AE-999999", "username AE-121000"],
        ),
    ] {
        assert_eq!(app.post(USERS, body.clone()).expect(400).codes(), codes, "{body}");
    }
    // Creation does not restrict the characters of a name.
    app.post(USERS, json!({"username": "two words!", "password": "p"})).expect(201);
    let longest = json!({"username": 7, "password": "x".repeat(128), "email": ""});
    assert_eq!(app.post(USERS, longest).expect(201).json()["username"], "7");
}

fn creating_reports_all_fields_together(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (_, token) = person(&app, "guest");
    co_user(&app, &token, "bob");
    // What administrators and others get for it, with the name that would be stored.
    for (body, administrators, others) in [
        (
            json!({"username": "guest-bob", "password": "p", "email": "nowhere"}),
            vec!["email AE-121000"],
            vec!["email AE-121000"],
        ),
        (
            json!({"username": "bob", "password": "p", "email": "nowhere"}),
            vec!["email AE-121000"],
            vec!["email AE-121000", "username AE-121000"],
        ),
        (
            json!({"username": "bob"}),
            vec!["password AE-113000"],
            vec!["password AE-113000", "username AE-121000"],
        ),
        (
            json!({"username": "x".repeat(151), "password": "p", "email": "nowhere"}),
            vec!["email AE-121000", "username AE-122000"],
            vec!["email AE-121000", "username AE-122000"],
        ),
        (
            json!({"username": "x".repeat(145), "email": ""}),
            vec!["password AE-113000"],
            vec!["password AE-113000", "username AE-122000"],
        ),
        (
            json!({"username": "bob", "password": "", "is_superuser": true}),
            vec!["password AE-999999"],
            vec!["password AE-999999", "username AE-121000"],
        ),
    ] {
        assert_eq!(app.post(USERS, body.clone()).expect(400).codes(), administrators, "{body}");
        assert_eq!(send(&app, &token, "POST", USERS, &body).expect(400).codes(), others, "{body}");
    }
    // For administrators a name that is taken comes after all of that, in its own form.
    let taken = app.post(USERS, json!({"username": "guest-bob", "password": "p"})).expect(400);
    assert_eq!((taken.codes(), taken.json().is_array()), (vec!["AE-121000".to_owned()], true));
    assert_eq!(app.get(USERS).json()["count"], 3, "nothing was stored");
}

fn users_are_listed_by_other_keys(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for (name, email, joined) in [("b", "B@x.org", 2), ("A", "a@x.org", 3), ("c", "a@x.org", 1)] {
        app.user(|user| {
            user.username = name.to_owned();
            user.email = email.to_owned();
            user.date_joined = joined;
        });
    }
    let names = |query: &str| -> Vec<String> {
        let list = app.get(&format!("{USERS}?{query}")).expect(200).json();
        let names = column(&list["results"], "username");
        names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    for (query, expected) in [
        ("", ["A", "admin", "b", "c"]),
        ("ordering=nonsense", ["A", "admin", "b", "c"]),
        ("ordering=-username", ["c", "b", "admin", "A"]),
        ("ordering=id", ["admin", "b", "A", "c"]),
        ("ordering=-id", ["c", "A", "b", "admin"]),
        ("ordering=email", ["admin", "A", "c", "b"]),
        ("ordering=-email", ["b", "A", "c", "admin"]),
        ("ordering=date_joined", ["c", "b", "A", "admin"]),
        ("ordering=-date_joined", ["admin", "A", "b", "c"]),
        ("ordering=is_superuser", ["b", "A", "c", "admin"]),
        ("ordering=-is_superuser,-email", ["admin", "b", "A", "c"]),
    ] {
        assert_eq!(names(query), expected, "{query}");
    }
}

fn changes_of_a_user_hold_at_once(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (boss, token) = app.user(|user| {
        "boss".clone_into(&mut user.username);
        user.is_superuser = true;
    });
    let me = || app.with_token(&token, "GET", &format!("{USERS}me"), None).expect(200).json();
    assert_eq!(me()["username"], "boss");
    let rows = format!(
        "- {{id: {boss}, username: other, groups: '', email: o@example.com}}\n- {{id: 999999, username: x, groups: '', email: ''}}"
    );
    send_yaml(&app, &app.token, "/user/api/v2/import/", &rows).expect(400);
    assert_eq!((&me()["username"], &me()["email"]), (&json!("other"), &json!("o@example.com")));
    app.with_token(&token, "GET", "/api/v2/audit/", None).expect(200);
    app.put(&one(boss), json!({"username": "other", "is_superuser": false})).expect(200);
    app.with_token(&token, "GET", "/api/v2/audit/", None).expect(403);
}

fn missing_users_are_404_and_other_methods_405(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (gone, _) = person(&app, "gone");
    app.delete(&one(gone)).expect(204);
    for id in [gone, 999_999] {
        for (method, rest) in [
            ("GET", ""),
            ("PUT", ""),
            ("DELETE", ""),
            ("GET", "activity"),
            ("POST", "token/"),
            ("PATCH", "edit_passwd"),
            ("PATCH", "su_edit_passwd"),
            ("PATCH", "auth"),
        ] {
            let answer = send(&app, &app.token, method, &format!("{}{rest}", one(id)), &json!([]));
            assert_eq!(answer.expect(404).codes(), ["AE-230000"], "{method} {rest}");
        }
    }
    for rest in ["edit_passwd", "su_edit_passwd", "auth"] {
        let path = |id: &str| format!("{USERS}{id}/{rest}");
        for id in ["1", "999999", "99999999999999999999999"] {
            assert!(app.put(&path(id), json!({})).expect(405).json().is_string(), "{id} {rest}");
        }
        assert_eq!(app.post(&path("1"), json!({})).expect(405).codes(), ["AE-999999"]);
        app.request("PUT", &path("1"), &[], None).expect(403);
        app.get(&format!("{}/", path("1"))).expect(404);
    }
    for method in ["PATCH", "POST"] {
        assert_eq!(send(&app, &app.token, method, &one(1), &json!({})).expect(405).codes(), ["AE-999999"]);
    }
    for path in ["token", "1", "import", "export", "1/token"] {
        let answer = app.request("POST", &format!("{USERS}{path}?a=b"), &[], None).expect(301);
        assert_eq!(answer.header("location"), Some(format!("{USERS}{path}/?a=b").as_str()));
    }
    for path in ["me/", "x/", "1/activity/"] {
        app.get(&format!("{USERS}{path}")).expect(404);
    }
}

fn nobody_promotes_itself(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, token) = made(&app, "guest");
    for body in [
        json!({"username": "guest", "is_superuser": true}),
        json!({"username": "other"}),
        json!({"username": "guest", "email": "other@example.com"}),
        json!({"username": "guest", "is_superuser": true, "token_lifetime": 1}),
    ] {
        assert_eq!(send(&app, &token, "PUT", &one(id), &body).expect(403).codes(), ["AE-210000"], "{body}");
    }
    let shown = app.get(&one(id)).json();
    assert_eq!((&shown["is_superuser"], &shown["username"]), (&json!(false), &json!("guest")));
    assert_eq!(shown["token"]["lifetime"], 86_400);
    let same = json!({"username": "guest", "email": "guest@example.com", "is_superuser": false, "token_lifetime": 60});
    let updated = send(&app, &token, "PUT", &one(id), &same).expect(200).json();
    assert_eq!(updated, same);
    assert_eq!(send(&app, &token, "PUT", &one(ADMIN), &same).expect(403).codes(), ["AE-210000"]);
    // A parent does not change its co-users.
    let co = co_user(&app, &token, "co");
    let body = json!({"username": "guest-co", "token_lifetime": 1});
    assert_eq!(send(&app, &token, "PUT", &one(co), &body).expect(403).codes(), ["AE-210000"]);
}

fn changing_says_what_is_wrong(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, _) = made(&app, "guest");
    made(&app, "taken");
    for (body, codes) in [
        (json!({}), vec!["username AE-113000"]),
        (json!({"username": "taken"}), vec!["username AE-999999"]),
        (json!({"username": "a b"}), vec!["username AE-121000"]),
        (json!({"username": "x".repeat(151)}), vec!["username AE-122000"]),
        (json!({"username": "guest", "email": "x"}), vec!["email AE-121000"]),
        (json!({"username": "guest", "token_lifetime": "x"}), vec!["token_lifetime AE-121000"]),
        (json!({"username": "guest", "token_lifetime": -1}), vec!["token_lifetime AE-999999"]),
        (json!({"username": "guest", "token_lifetime": 100_000_001}), vec!["token_lifetime AE-122000"]),
        (
            json!({"username": null, "token_lifetime": null}),
            vec!["token_lifetime AE-999999", "username AE-999999"],
        ),
        (
            json!({"username": "a b", "email": null, "is_superuser": null, "token_lifetime": -1}),
            vec![
                "email AE-999999",
                "is_superuser AE-999999",
                "token_lifetime AE-999999",
                "username AE-121000",
            ],
        ),
    ] {
        assert_eq!(app.put(&one(id), body.clone()).expect(400).codes(), codes, "{body}");
    }
    let body =
        json!({"username": "x@y.z+-_1", "email": "", "is_superuser": true, "token_lifetime": "100000000"});
    let updated = app.put(&one(id), body).expect(200).json();
    assert_eq!(
        updated,
        json!({"username": "x@y.z+-_1", "email": "", "is_superuser": true, "token_lifetime": 100_000_000})
    );
    assert_eq!(
        app.with_token(&app.token, "PATCH", &one(id), Some(&json!({}))).expect(405).codes(),
        ["AE-999999"]
    );
    assert_eq!(app.put(&one(999_999), json!([])).expect(404).codes(), ["AE-230000"]);
    // What is left out stays.
    let kept = app.put(&one(id), json!({"username": "guest"})).expect(200).json();
    assert_eq!(
        kept,
        json!({"username": "guest", "email": "", "is_superuser": true, "token_lifetime": 100_000_000})
    );
    // So may a name that creation allowed.
    let body = json!({"username": "two words!", "password": "p"});
    let odd = app.post(USERS, body).expect(201).json()["id"].as_i64().unwrap();
    app.put(&one(odd), json!({"username": "two words!", "email": "o@example.com"})).expect(200);
    assert_eq!(
        app.put(&one(odd), json!({"username": "two words?"})).expect(400).codes(),
        ["username AE-121000"]
    );
    // Who may is asked before the body is read.
    let (_, stranger) = person(&app, "stranger");
    let authorization = format!("Token {stranger}");
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    assert_eq!(app.request("PUT", &one(id), &headers, Some(b"{")).expect(403).codes(), ["AE-210000"]);
}

fn imports_say_what_is_wrong(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let import = |rows: &str| send_yaml(&app, &app.token, "/user/api/v2/import/", rows).expect(400);
    let rows = "- {username: a, groups: '', email: ''}\n- {username: '', email: x}\n- {groups: ''}\n";
    let refused = import(rows).json();
    assert_eq!(refused[0], json!({}));
    assert_eq!(
        import(rows).codes(),
        ["email AE-121000", "groups AE-113000", "username AE-113000", "username AE-999999"]
    );
    assert_eq!(app.get(&format!("{USERS}?search=a")).json()["count"], 1, "nothing was stored");
    for bad in [
        "- {username: one, groups: '', email: ''}\n- {username: two, groups: ''}\n- {username: three, groups: '', email: ''}",
        "- {id: 999999, username: x, groups: '', email: ''}",
        "- {id: 1, username: one, groups: '', email: ''}",
        "- {username: x, groups: nothing, email: ''}",
    ] {
        assert!(import(bad).json().is_string(), "{bad}");
    }
    let names = column(&app.get(USERS).json()["results"], "username");
    assert_eq!(names, ["admin", "one"], "rows before a bad one stay");
    assert_eq!(import("{}").codes(), ["non_field_errors AE-121000"]);
    send_yaml(&app, &app.token, "/user/api/v2/import/", "[]").expect(200);
}

fn imports_read_yaml_and_stop_at_their_row(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (guest, token) = person(&app, "guest");
    let (deleted, _) = person(&app, "deleted");
    app.delete(&one(deleted)).expect(204);
    let path = "/user/api/v2/import/";
    let send_as = |token: &str, media_type: &str, body: &str| {
        let authorization = format!("Token {token}");
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", media_type)];
        app.request("POST", path, &headers, Some(body.as_bytes()))
    };
    send_as(&app.token, "Application/YAML; charset=utf-8", "[]").expect(200);
    for other in ["text/yaml", "application/x-yaml", "application/json"] {
        assert_eq!(send_as(&app.token, other, "[]").expect(415).codes(), ["AE-130000"], "{other}");
        assert_eq!(send_as(&token, other, "[]").expect(403).codes(), ["AE-210000"], "who may comes first");
    }
    let import = |body: &str| send_as(&app.token, "application/yaml", body);
    for broken in
        ["- [", "- {username: a, groups: '', email: ''}\n---\n- {username: b, groups: '', email: ''}\n"]
    {
        assert_eq!(import(broken).expect(400).codes(), ["AE-140000"], "{broken}");
    }
    assert_eq!(import("null").expect(400).codes(), ["non_field_errors AE-999999"]);
    // The form of all rows comes ahead of all of them.
    let long = format!("{{username: {}, groups: '', email: ''}}", "x".repeat(151));
    for (row, codes) in [
        ("{username: a, groups: '', email: null}", vec!["email AE-999999"]),
        ("{username: a, groups: null, email: ''}", vec!["groups AE-999999"]),
        ("{username: a, groups: '', email: '', id: null}", vec!["id AE-999999"]),
        ("{username: null, groups: '', email: ''}", vec!["username AE-999999"]),
        ("{username: a, groups: [x], email: ''}", vec!["groups AE-121000"]),
        ("{username: a, groups: '', email: '', id: x}", vec!["id AE-121000"]),
        ("{username: a, groups: '', email: nowhere, id: true}", vec!["email AE-121000", "id AE-121000"]),
        (long.as_str(), vec!["username AE-122000"]),
        ("7", vec!["non_field_errors AE-121000"]),
    ] {
        let answer = import(&format!("- {{username: first, groups: '', email: ''}}\n- {row}\n")).expect(400);
        assert_eq!(answer.codes(), codes, "{row}");
        assert_eq!(answer.json()[0], json!({}));
    }
    assert_eq!(app.get(USERS).json()["count"], 2, "nothing was stored");
    // The rest is found at its row.
    for bad in [
        "{username: x, groups: ''}".to_owned(),
        format!("{{username: admin, groups: '', email: '', id: {guest}}}"),
        "{username: 'plugin:x', groups: '', email: ''}".to_owned(),
    ] {
        let rows = format!(
            "- {{username: first, groups: '', email: ''}}\n- {bad}\n- {{username: after, groups: '', email: ''}}\n"
        );
        assert!(import(&rows).expect(400).json().is_string(), "{bad}");
    }
    assert_eq!(column(&app.get(USERS).json()["results"], "username"), ["admin", "first", "guest"]);
    // What `is_superuser` says is not read at all; users in any state are found by their id.
    import(&format!(
        "- {{username: again, groups: '', email: '', id: '{deleted}', is_superuser: [nonsense]}}\n- {{username: first, groups: '', email: '', is_superuser: true}}\n"
    ))
    .expect(200);
    let again = row(&app, deleted);
    assert_eq!((again.username.as_str(), again.is_active), ("again", false));
    assert!(!row(&app, guest).is_superuser);
}

fn what_is_done_to_users_is_recorded(database: Database) {
    let Some((app, mail)) = with_mail(database) else { return };
    let (id, token) = made(&app, "guest");
    let co = co_user(&app, &token, "x");
    app.with_token(&token, "POST", &format!("{}token/", one(co)), None).expect(200);
    app.put(&one(id), json!({"username": "guest", "token_lifetime": 5_000})).expect(200);
    let body = json!({"old_passwd": "old password", "new_passwd": "very new", "chk_passwd": "very new"});
    send(&app, &token, "PATCH", &format!("{}edit_passwd", one(id)), &body).expect(200);
    anonymous(&app, "password_reset", &json!({"username": "guest"})).expect(200);
    let (uid, key) = link(&wait_for_letter(&mail));
    let stored = Runner::of_server(&app.host, None)
        .run_blocking(Mode::Read, |op| Ok(password_reset::of_user(&mut op.db, id)?.map(|row| row.digest)));
    assert_ne!(stored.unwrap().unwrap(), key, "who reads the database has no link");
    let body = json!({"uidb64": uid, "token": key, "password1": "very new too", "password2": "very new too"});
    anonymous(&app, "password_reset/confirm", &body).expect(200);
    app.with_token(&token, "DELETE", &one(co), None).expect(204);
    send(&app, &token, "PUT", &one(id), &json!({"username": "guest", "is_superuser": true})).expect(403);
    let expected = [
        "user.create",
        "user.create",
        "token.issue",
        "user.update",
        "user.password_change",
        "user.password_reset_request",
        "user.password_reset",
        "user.delete",
        "auth.denied",
    ];
    Wait::seconds(20).until_ok("all is recorded, in this order", || {
        let rows = app.get("/api/v2/audit/?limit=1000").expect(200).json()["results"].take();
        let mut actions = column(&rows, "action");
        actions.reverse();
        let mut rest = actions.iter();
        if expected.iter().all(|wanted| rest.any(|action| action == wanted)) {
            let text = rows.to_string();
            assert!(!text.contains("very new") && !text.contains("argon2") && !text.contains(&key), "{text}");
            return Ok(());
        }
        Err(actions)
    });
}
