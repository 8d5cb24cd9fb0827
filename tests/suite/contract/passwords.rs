//! Cases B: passwords, and links by mail that set them anew. *Source: spec, auth-user §4.7 to §4.9.*

use super::person;
use super::users::{USERS, co_user, log_in, made, one, send, session, sql};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use crate::wait::Wait;
use pagoda_core::plugins::contributions::Contributions;
use serde_json::{Value, json};

on_both_databases! {
    case_platform_041_a_link_comes_by_mail;
    case_platform_043_044_links_and_passwords_that_do_not_hold;
    case_platform_046_047_049_passwords_of_oneself_and_co_users;
    case_platform_050_passwords_set_by_administrators;
    case_platform_052_there_is_no_ldap;
    passwords_are_not_set_anew_where_that_is_off;
    who_gets_no_mail;
    links_hold_for_three_days_and_one_password;
    changing_a_password_ends_sessions;
    long_passwords_are_bounded;
}

/// A server whose mail becomes files.
pub(crate) fn with_mail(database: Database) -> Option<(TestApp, tempfile::TempDir)> {
    let mail = tempfile::tempdir().unwrap();
    let directory = mail.path().join("mail");
    let app = TestApp::with(database, Contributions::default(), |config| {
        config.accounts.mail_directory = Some(directory.clone());
    })?;
    Some((app, mail))
}

pub(crate) fn letters(mail: &tempfile::TempDir) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(mail.path().join("mail")) else { return Vec::new() };
    let paths = files.map(|file| file.unwrap().path());
    let whole = paths.filter(|path| path.extension().is_some_and(|extension| extension == "eml"));
    whole
        .map(|path| std::fs::read_to_string(path).unwrap().replace("=\r\n", "").replace("=3D", "="))
        .collect()
}

pub(crate) fn wait_for_letter(mail: &tempfile::TempDir) -> String {
    Wait::seconds(20).until_some("a mail comes", || letters(mail).pop())
}

/// Who nobody knows asks.
pub(crate) fn anonymous(app: &TestApp, path: &str, body: &Value) -> Answer {
    let bytes = serde_json::to_vec(body).unwrap();
    app.request("POST", &format!("{USERS}{path}"), &[("Content-Type", "application/json")], Some(&bytes))
}

pub(crate) fn link(letter: &str) -> (String, String) {
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
    let headers = [
        ("Content-Type", "application/json"),
        ("Host", "evil.example.com"),
        ("X-Forwarded-Host", "evil.example.com"),
    ];
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
    // Nor is one that is longer than any that was sent; what no text is stays a complaint about the field.
    let long = "a".repeat(300);
    assert_eq!(ask(&long, &key, good, good), ["token AE-121000"]);
    assert_eq!(ask(&uid, &long, good, good), ["token AE-121000"]);
    assert_eq!(ask("a\0", "b\0", good, good), ["token AE-121000", "uidb64 AE-121000"]);
    let kinds = json!({"uidb64": [], "token": {}, "password1": true, "password2": good});
    let expected = ["password1", "token", "uidb64"].map(|field| format!("{field} AE-121000"));
    assert_eq!(anonymous(&app, "password_reset/confirm", &kinds).expect(400).codes(), expected);
    // The link is looked at with the fields.
    let missing = json!({"uidb64": uid, "token": "x", "password1": "a"});
    assert_eq!(
        anonymous(&app, "password_reset/confirm", &missing).expect(400).codes(),
        ["password2 AE-113000", "token AE-121000"]
    );
    // No name is too long to be asked for.
    let long = json!({"username": "x".repeat(1000)});
    assert_eq!(anonymous(&app, "password_reset", &long).expect(200).json(), long);
    for (bad, code) in [(json!("a\0b"), "AE-121000"), (json!([]), "AE-121000"), (Value::Null, "AE-999999")] {
        let answer = anonymous(&app, "password_reset", &json!({"username": bad})).expect(400);
        assert_eq!(answer.codes(), [format!("username {code}")]);
    }
}

fn who_gets_no_mail(database: Database) {
    let Some((app, mail)) = with_mail(database) else { return };
    app.user(|user| {
        "nopass".clone_into(&mut user.username);
        "n@example.com".clone_into(&mut user.email);
    });
    app.post(USERS, json!({"username": "noaddress", "password": "old password"})).expect(201);
    let (gone, _) = made(&app, "gone");
    app.delete(&one(gone)).expect(204);
    for name in ["twin", "TWIN"] {
        made(&app, name);
    }
    for name in ["nopass", "noaddress", "gone", "twin"] {
        let answer = anonymous(&app, "password_reset", &json!({"username": name})).expect(200);
        assert_eq!(answer.json(), json!({"username": name}));
    }
    // The letters of one server leave in order, so this one is the first.
    made(&app, "guest");
    anonymous(&app, "password_reset", &json!({"username": "guest"})).expect(200);
    wait_for_letter(&mail);
    let letters = letters(&mail);
    assert!(letters.len() == 1 && letters[0].contains("To: guest@example.com"), "{letters:?}");
    app.request("GET", &format!("{USERS}password_reset"), &[], None).expect(405);
    // Credentials that do not hold are refused where none are needed, too.
    let refused = app.with_token("x", "POST", &format!("{USERS}password_reset"), Some(&json!({})));
    assert_eq!(refused.expect(403).codes(), ["AE-000000"]);
}

fn links_hold_for_three_days_and_one_password(database: Database) {
    let mail = tempfile::tempdir().unwrap();
    let directory = mail.path().join("mail");
    let app = TestApp::with(database, Contributions::default(), |config| {
        config.accounts.mail_directory = Some(directory.clone());
        config.accounts.public_url = Some("https://pagoda.example.com".to_owned());
    });
    let Some(app) = app else { return };
    let (id, token) = made(&app, "guest");
    anonymous(&app, "password_reset", &json!({"username": "guest"})).expect(200);
    let letter = wait_for_letter(&mail);
    assert!(letter.contains("https://pagoda.example.com/auth/login/?next=/ui/&uidb64="), "{letter}");
    let (uid, key) = link(&letter);
    let confirm = |password: &str| {
        let body = json!({"uidb64": uid, "token": key, "password1": password, "password2": password});
        anonymous(&app, "password_reset/confirm", &body)
    };
    let refused = || confirm("brand new one").expect(400).codes();
    let earlier = |seconds: i64| {
        sql(&app, &format!("UPDATE password_reset SET requested = requested - {}", seconds * 1_000_000));
    };
    earlier(259_300);
    assert_eq!(refused(), ["token AE-121000"]);
    earlier(-200);
    // A login makes it worthless.
    let (cookies, _) = session(&app, "guest", "old password").unwrap();
    assert_eq!(refused(), ["token AE-121000"]);
    sql(&app, &format!("UPDATE app_user SET last_login = NULL WHERE id = {id}"));
    // So does another password; what was stored before is put back.
    let set = json!({"new_passwd": "n", "chk_passwd": "n"});
    let stored = format!("SELECT password_hash FROM app_user WHERE id = {id}");
    sql(&app, &format!("CREATE TABLE kept AS {stored}"));
    send(&app, &app.token, "PATCH", &format!("{}su_edit_passwd", one(id)), &set).expect(200);
    assert_eq!(refused(), ["token AE-121000"]);
    sql(
        &app,
        &format!("UPDATE app_user SET password_hash = (SELECT password_hash FROM kept) WHERE id = {id}"),
    );
    sql(&app, "DROP TABLE kept");
    // What was refused did not use it up, and its answer repeats nothing.
    let weak = confirm("password123").expect(400);
    assert!(!weak.body.contains("password123"), "{weak:?}");
    assert_eq!(confirm("brand new one").expect(200).json(), json!({}));
    assert_eq!(refused(), ["token AE-121000"]);
    app.request("GET", &format!("{USERS}me"), &[("Cookie", &cookies)], None).expect(403);
    app.with_token(&token, "GET", &format!("{USERS}me"), None).expect(200);
}

fn changing_a_password_ends_sessions(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, token) = made(&app, "guest");
    let (kept, csrf) = session(&app, "guest", "old password").unwrap();
    let (other, _) = session(&app, "guest", "old password").unwrap();
    let body = serde_json::to_vec(&passwords("old password", "newer", "newer")).unwrap();
    let headers =
        [("Cookie", kept.as_str()), ("X-CSRFToken", csrf.as_str()), ("Content-Type", "application/json")];
    app.request("PATCH", &format!("{}edit_passwd", one(id)), &headers, Some(&body)).expect(200);
    let me = |cookies: &str| app.request("GET", &format!("{USERS}me"), &[("Cookie", cookies)], None).status;
    assert_eq!((me(&kept), me(&other)), (200, 403), "all but the one that did it");
    app.with_token(&token, "GET", &format!("{USERS}me"), None).expect(200);
    let set = json!({"new_passwd": "n", "chk_passwd": "n"});
    send(&app, &app.token, "PATCH", &format!("{}su_edit_passwd", one(id)), &set).expect(200);
    assert_eq!(me(&kept), 403);
    let (last, _) = session(&app, "guest", "n").unwrap();
    app.delete(&one(id)).expect(204);
    assert_eq!(me(&last), 403, "so does a deletion");
}

fn long_passwords_are_bounded(database: Database) {
    let Some((app, mail)) = with_mail(database) else { return };
    let (id, token) = made(&app, "guest");
    let edit = format!("{}edit_passwd", one(id));
    let set = format!("{}su_edit_passwd", one(id));
    // Only a new user's password has the limit of 128 characters; the others are bounded in bytes.
    let (long, longest, too_long) = ("p".repeat(1000), "\u{fc}".repeat(2048), "\u{fc}".repeat(2049));
    let body = json!({"new_passwd": long, "chk_passwd": long});
    send(&app, &app.token, "PATCH", &set, &body).expect(200);
    send(&app, &token, "PATCH", &edit, &passwords(&long, &longest, &longest)).expect(200);
    let escaped = "%C3%BC".repeat(2048);
    assert!(log_in(&app, "guest", &escaped));
    let body = json!({"new_passwd": too_long, "chk_passwd": "x"});
    assert_eq!(send(&app, &app.token, "PATCH", &set, &body).expect(400).codes(), ["new_passwd AE-122000"]);
    let refused = send(&app, &token, "PATCH", &edit, &passwords(&too_long, &too_long, "x")).expect(400);
    assert_eq!(refused.codes(), ["new_passwd AE-122000", "old_passwd AE-122000"]);
    anonymous(&app, "password_reset", &json!({"username": "guest"})).expect(200);
    let (uid, key) = link(&wait_for_letter(&mail));
    let confirm = |password: &str| {
        let body = json!({"uidb64": uid, "token": key, "password1": password, "password2": password});
        anonymous(&app, "password_reset/confirm", &body)
    };
    assert_eq!(confirm(&too_long).expect(400).codes(), ["password1 AE-122000", "password2 AE-122000"]);
    confirm(&long).expect(200);
    assert!(log_in(&app, "guest", &long));
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
    // Who has no password has none to repeat.
    let (without, its_token) = person(&app, "without");
    edit(&its_token, without, &passwords("anything", "anything", "anything")).expect(200);
    assert!(log_in(&app, "without", "anything"));
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
    let blank = set(&app.token, id, &json!({"new_passwd": ""})).expect(400).codes();
    assert_eq!(blank, ["chk_passwd AE-113000", "new_passwd AE-999999"]);
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
        (json!({"ldap_password": true}), "ldap_password AE-121000"),
        (json!({"ldap_password": null}), "ldap_password AE-999999"),
        (json!({"ldap_password": "x"}), "non_field_errors AE-121000"),
        // A number is a text wherever one is read.
        (json!({"ldap_password": 5}), "non_field_errors AE-121000"),
    ] {
        assert_eq!(send(&app, &token, "PATCH", &path, &body).expect(400).codes(), [code], "{body}");
    }
    // Nobody but oneself, before the body is read.
    let (_, stranger) = person(&app, "stranger");
    for token in [&stranger, &app.token] {
        assert_eq!(send(&app, token, "PATCH", &path, &json!([])).expect(403).codes(), ["AE-210000"]);
    }
    assert_eq!(app.get(&one(id)).json()["authenticate_type"], 1);
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
    // Fields come first here, and nothing is read there.
    assert_eq!(send(&app, &token, "PATCH", &path, &json!({})).expect(400).codes().len(), 3);
    for path in ["password_reset", "password_reset/confirm"] {
        let path = format!("{USERS}{path}");
        for (media_type, body) in [
            ("application/json", "{\"username\": \"guest\"}"),
            ("application/json", "{"),
            ("text/plain", "x"),
        ] {
            let refused = app
                .request("POST", &path, &[("Content-Type", media_type)], Some(body.as_bytes()))
                .expect(403);
            assert_eq!(refused.codes(), ["AE-210000"], "{path} {body}");
        }
    }
    assert!(log_in(&app, "guest", "old password"));
    let set = json!({"new_passwd": "new", "chk_passwd": "new"});
    send(&app, &app.token, "PATCH", &format!("{}su_edit_passwd", one(id)), &set).expect(200);
}
