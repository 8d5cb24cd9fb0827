//! Cases A and B: credentials, users, tokens, passwords. *Source: spec, auth-user §1 to §4.*

use super::{ADMIN, column, group, person, role, send_yaml};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use pagoda_core::plugins::contributions::Contributions;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

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
    case_platform_041_a_link_comes_by_mail;
    case_platform_043_044_links_and_passwords_that_do_not_hold;
    case_platform_046_047_049_passwords_of_oneself_and_co_users;
    case_platform_050_passwords_set_by_administrators;
    case_platform_052_there_is_no_ldap;
    case_platform_053_users_have_a_limit;
    case_platform_055_no_answer_has_a_password;
    users_are_listed;
    creating_says_what_is_wrong;
    nobody_promotes_itself;
    changing_says_what_is_wrong;
    imports_say_what_is_wrong;
    passwords_are_not_set_anew_where_that_is_off;
}

const USERS: &str = "/user/api/v2/";

fn one(id: i64) -> String {
    format!("{USERS}{id}/")
}

fn send(app: &TestApp, token: &str, method: &str, path: &str, body: &Value) -> Answer {
    app.with_token(token, method, path, Some(body))
}

/// A user with a password, made by the administrator; its id and token.
fn made(app: &TestApp, name: &str) -> (i64, String) {
    let body = json!({"username": name, "password": "old password", "email": format!("{name}@example.com")});
    let id = app.post(USERS, body).expect(201).json()["id"].as_i64().unwrap();
    (id, app.issue_token(id))
}

fn log_in(app: &TestApp, name: &str, password: &str) -> bool {
    let key = "a".repeat(64);
    let cookie = format!("csrftoken={key}");
    let body = format!("csrfmiddlewaretoken={key}&username={name}&password={}", password.replace(' ', "+"));
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", cookie.as_str())];
    app.request("POST", "/auth/login/", &headers, Some(body.as_bytes())).status == 302
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
    let own = app.with_token(&token, "GET", &one(id), None).expect(200).json();
    assert_eq!((&own["token"]["value"], &own["token"]["lifetime"]), (&json!(token), &json!(86_400)));
    let time = own["token"]["created"].as_str().unwrap();
    assert!(
        time.len() == 19 && time.as_bytes()[4] == b'/' && own["token"]["expire"].as_str().unwrap() > time
    );
    assert_eq!(app.with_token(&token, "GET", &one(ADMIN), None).expect(403).codes(), ["AE-210000"]);
    assert_eq!(app.get(&one(999_999)).expect(404).codes(), ["AE-230000"]);
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
        ])
    );
}

fn co_user(app: &TestApp, token: &str, name: &str) -> i64 {
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
    app.with_token(&token, "DELETE", &one(co), None).expect(204);
    assert_eq!(
        app.with_token(&its_token, "GET", &format!("{USERS}me"), None).expect(403).codes(),
        ["AE-000000"]
    );
    assert_eq!(app.get(&one(co)).expect(404).codes(), ["AE-230000"]);
    assert_eq!(app.with_token(&token, "DELETE", &one(co), None).expect(404).codes(), ["AE-230000"]);
    // Its name is free again.
    co_user(&app, &token, "co");
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
}

fn case_platform_037_038_tokens_of_co_users(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, token) = made(&app, "guest");
    let co = co_user(&app, &token, "co");
    let path = |id: i64| format!("{}token/", one(id));
    let key = app.with_token(&token, "POST", &path(co), None).expect(200).json()["key"].clone();
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
    assert_eq!(exported.body.replace('"', "'"), expected);
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
}

/// A server whose mail becomes files.
fn with_mail(database: Database) -> Option<(TestApp, tempfile::TempDir)> {
    let mail = tempfile::tempdir().unwrap();
    let directory = mail.path().join("mail");
    let app = TestApp::with(database, Contributions::default(), |config| {
        config.accounts.mail_directory = Some(directory.clone());
    })?;
    Some((app, mail))
}

fn letters(mail: &tempfile::TempDir) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(mail.path().join("mail")) else { return Vec::new() };
    let paths = files.map(|file| file.unwrap().path());
    let whole = paths.filter(|path| path.extension().is_some_and(|extension| extension == "eml"));
    whole
        .map(|path| std::fs::read_to_string(path).unwrap().replace("=\r\n", "").replace("=3D", "="))
        .collect()
}

fn wait_for_letter(mail: &tempfile::TempDir) -> String {
    let began = Instant::now();
    loop {
        if let Some(letter) = letters(mail).pop() {
            return letter;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "no mail came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Who nobody knows asks.
fn anonymous(app: &TestApp, path: &str, body: &Value) -> Answer {
    let bytes = serde_json::to_vec(body).unwrap();
    app.request("POST", &format!("{USERS}{path}"), &[("Content-Type", "application/json")], Some(&bytes))
}

fn link(letter: &str) -> (String, String) {
    let part = |name: &str| {
        let rest = letter.split_once(&format!("{name}=")).unwrap().1;
        rest.chars().take_while(|c| c.is_alphanumeric() || "-_".contains(*c)).collect::<String>()
    };
    (part("uidb64"), part("&token"))
}

fn case_platform_041_a_link_comes_by_mail(database: Database) {
    let Some((app, mail)) = with_mail(database) else { return };
    let (id, token) = made(&app, "Guest");
    for unknown in ["nobody", "admin"] {
        let answer = anonymous(&app, "password_reset", &json!({"username": unknown})).expect(200);
        assert_eq!(answer.json(), json!({"username": unknown}), "who exists is not told");
    }
    // The host is not what the request says.
    let body = serde_json::to_vec(&json!({"username": "gUEST"})).unwrap();
    let headers = [("Content-Type", "application/json"), ("Host", "evil.example.com")];
    let answer = app.request("POST", "/user/api/v2/password_reset", &headers, Some(&body)).expect(200);
    assert_eq!(answer.json(), json!({"username": "gUEST"}));
    let letter = wait_for_letter(&mail);
    assert!(letter.contains("To: Guest@example.com"), "{letter}");
    assert!(letter.contains(&format!("{}/auth/login/?next=/ui/&uidb64=", app.base)), "{letter}");
    assert!(!letter.contains("evil"), "{letter}");
    // Asking again at once sends no second mail.
    anonymous(&app, "password_reset", &json!({"username": "Guest"})).expect(200);
    let (uid, key) = link(&letter);
    let confirm = json!({"uidb64": uid, "token": key, "password1": "new long password", "password2": "new long password"});
    assert_eq!(
        anonymous(&app, "password_reset/confirm", &confirm).expect(200).json(),
        json!({}),
        "no passwords in it"
    );
    assert!(log_in(&app, "Guest", "new long password") && !log_in(&app, "Guest", "old password"));
    let again = anonymous(&app, "password_reset/confirm", &confirm).expect(400);
    assert_eq!(again.codes(), ["token AE-121000"], "once");
    assert_eq!(letters(&mail).len(), 1);
    app.with_token(&token, "GET", &one(id), None).expect(200);
}

fn case_platform_043_044_links_and_passwords_that_do_not_hold(database: Database) {
    let Some((app, mail)) = with_mail(database) else { return };
    let (id, _) = made(&app, "guest");
    anonymous(&app, "password_reset", &json!({"username": "guest"})).expect(200);
    let (uid, key) = link(&wait_for_letter(&mail));
    let ask = |uid: &str, key: &str, one: &str, two: &str| {
        let body = json!({"uidb64": uid, "token": key, "password1": one, "password2": two});
        anonymous(&app, "password_reset/confirm", &body).expect(400).codes()
    };
    let good = "a long password";
    for (uid, key) in [("!", key.as_str()), ("OTk5", &key), (&uid, "wrong"), ("MQ", &key)] {
        assert_eq!(ask(uid, key, good, good), ["token AE-121000"], "{uid} {key}");
    }
    for (one, two) in [
        (good, "another password"),
        ("short", "short"),
        ("password123", "password123"),
        ("1234567890", "1234567890"),
    ] {
        assert_eq!(ask(&uid, &key, one, two), ["non_field_errors AE-121000"], "{one}");
    }
    let missing = anonymous(&app, "password_reset/confirm", &json!({})).expect(400).codes();
    let expected = ["password1", "password2", "token", "uidb64"].map(|field| format!("{field} AE-113000"));
    assert_eq!(missing, expected);
    assert_eq!(anonymous(&app, "password_reset", &json!({})).expect(400).codes(), ["username AE-113000"]);
    assert_eq!(
        anonymous(&app, "password_reset", &json!({"username": " "})).expect(400).codes(),
        ["username AE-999999"]
    );
    // Another address, and the link is worth nothing.
    app.put(&one(id), json!({"username": "guest", "email": "new@example.com"})).expect(200);
    assert_eq!(ask(&uid, &key, good, good), ["token AE-121000"]);
}

fn passwords(old: &str, new: &str, again: &str) -> Value {
    json!({"old_passwd": old, "new_passwd": new, "chk_passwd": again})
}

fn case_platform_046_047_049_passwords_of_oneself_and_co_users(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, token) = made(&app, "guest");
    let (stranger, _) = made(&app, "stranger");
    let co = co_user(&app, &token, "co");
    let path = |id: i64| format!("{}edit_passwd", one(id));
    let edit = |token: &str, id: i64, body: &Value| send(&app, token, "PATCH", &path(id), body);
    assert_eq!(edit(&token, co, &passwords("old password", "new", "new")).expect(200).json(), json!({}));
    assert!(log_in(&app, "guest-co", "new"));
    for (who, id, body) in [
        (&token, stranger, passwords("old password", "new", "new")),
        (&app.token, id, passwords("old password", "new", "new")),
        (&token, id, passwords("wrong", "new", "new")),
        (&token, id, passwords("old password", "new", "other")),
        (&token, id, passwords("old password", "old password", "old password")),
    ] {
        assert_eq!(edit(who, id, &body).expect(400).codes(), ["non_field_errors AE-121000"], "{body}");
    }
    let missing = edit(&token, stranger, &json!({"old_passwd": " "})).expect(400).codes();
    assert_eq!(missing, ["chk_passwd AE-113000", "new_passwd AE-113000", "old_passwd AE-999999"]);
    assert_eq!(edit(&token, 999_999, &json!({})).expect(404).codes(), ["AE-230000"]);
    edit(&token, id, &passwords("old password", "new", "new")).expect(200);
    assert!(log_in(&app, "guest", "new") && !log_in(&app, "guest", "old password"));
    for rest in ["edit_passwd", "su_edit_passwd", "auth"] {
        let put = app.put(&format!("{}{rest}", one(999_999)), json!({})).expect(405);
        assert!(put.json().is_string(), "{rest}");
        assert_eq!(app.get(&format!("{}{rest}", one(id))).expect(405).codes(), ["AE-999999"]);
    }
}

fn case_platform_050_passwords_set_by_administrators(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, token) = made(&app, "guest");
    let path = |id: i64| format!("{}su_edit_passwd", one(id));
    let body = |new: &str, again: &str| json!({"new_passwd": new, "chk_passwd": again});
    let set = |token: &str, id: i64, body: &Value| send(&app, token, "PATCH", &path(id), body);
    assert_eq!(set(&token, id, &json!({})).expect(403).codes(), ["AE-210000"]);
    assert_eq!(set(&token, 999_999, &json!({})).expect(404).codes(), ["AE-230000"]);
    let missing = set(&app.token, id, &json!({})).expect(400).codes();
    assert_eq!(missing, ["chk_passwd AE-113000", "new_passwd AE-113000"]);
    assert_eq!(set(&app.token, id, &body("a", "b")).expect(400).codes(), ["non_field_errors AE-121000"]);
    assert_eq!(set(&app.token, id, &body("new", "new")).expect(200).json(), json!({}));
    assert!(log_in(&app, "guest", "new"));
}

fn case_platform_052_there_is_no_ldap(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, token) = made(&app, "guest");
    let path = format!("{}auth", one(id));
    for (body, code) in [
        (json!([]), "non_field_errors AE-121000"),
        (json!({}), "ldap_password AE-113000"),
        (json!({"ldap_password": ""}), "ldap_password AE-999999"),
        (json!({"ldap_password": {}}), "ldap_password AE-121000"),
        (json!({"ldap_password": ["x"]}), "ldap_password AE-121000"),
        (json!({"ldap_password": "x"}), "non_field_errors AE-121000"),
    ] {
        assert_eq!(send(&app, &token, "PATCH", &path, &body).expect(400).codes(), [code], "{body}");
    }
    assert_eq!(send(&app, &app.token, "PATCH", &path, &json!([])).expect(403).codes(), ["AE-210000"]);
}

fn case_platform_053_users_have_a_limit(database: Database) {
    let limited =
        TestApp::with(database, Contributions::default(), |config| config.limits.max_users = Some(2));
    let Some(app) = limited else { return };
    let (id, _) = made(&app, "guest");
    let body = json!({"username": "more", "password": "x"});
    assert_eq!(app.post(USERS, body).expect(400).codes(), ["non_field_errors AE-122000"]);
    // Users that are there may change.
    app.put(&one(id), json!({"username": "other"})).expect(200);
    let import =
        send_yaml(&app, &app.token, "/user/api/v2/import/", "- {username: m, groups: '', email: ''}");
    assert!(import.expect(400).json().is_string());
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
    ] {
        assert_eq!(app.post(USERS, body.clone()).expect(400).codes(), codes, "{body}");
    }
    // Creation does not restrict the characters of a name.
    app.post(USERS, json!({"username": "two words!", "password": "p"})).expect(201);
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

fn passwords_are_not_set_anew_where_that_is_off(database: Database) {
    let off = TestApp::with(database, Contributions::default(), |config| {
        config.accounts.password_reset_disabled = true
    });
    let Some(app) = off else { return };
    let (id, token) = made(&app, "guest");
    let path = format!("{}edit_passwd", one(id));
    let refused = send(&app, &token, "PATCH", &path, &passwords("old password", "new", "new")).expect(403);
    assert_eq!(refused.codes(), ["AE-210000"]);
    for path in ["password_reset", "password_reset/confirm"] {
        assert_eq!(
            anonymous(&app, path, &json!({"username": "guest"})).expect(403).codes(),
            ["AE-210000"],
            "{path}"
        );
    }
    assert!(log_in(&app, "guest", "old password"));
    let set = json!({"new_passwd": "new", "chk_passwd": "new"});
    send(&app, &app.token, "PATCH", &format!("{}su_edit_passwd", one(id)), &set).expect(200);
}
