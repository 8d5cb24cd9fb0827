//! Pages for who has not logged in: the login with what operators say on it, and passwords set anew with a link.

use crate::contract::passwords::{letters, link, wait_for_letter, with_mail};
use crate::contract::users::{log_in, made, session, sql};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use pagoda_core::plugins::contributions::Contributions;
use serde_json::json;

on_both_databases! {
    the_login_page_looks_like_the_others;
    what_operators_say_on_the_login_page_is_text;
    nobody_logs_in_without_agreeing_to_the_terms;
    a_forgotten_password_is_set_anew;
    the_page_of_a_link_says_what_is_wrong;
    asking_for_a_link_does_not_tell_who_exists;
    forms_of_other_sites_set_no_password;
    there_are_no_pages_where_passwords_are_not_set_anew;
}

const LOGIN: &str = "/auth/login/";
const FORGOTTEN: &str = "/auth/password_reset/";
const CONFIRM: &str = "/auth/password_reset/confirm/";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn get(app: &TestApp, path: &str) -> Answer {
    app.request("GET", path, &[], None)
}

/// Sends a form with its CSRF token, and more headers.
fn submit(app: &TestApp, path: &str, fields: &str, more: &[(&str, &str)]) -> Answer {
    let csrf = "a".repeat(64);
    let cookies = format!("csrftoken={csrf}");
    let headers = [&[FORM, ("Cookie", cookies.as_str())], more].concat();
    let body = format!("csrfmiddlewaretoken={csrf}&{fields}");
    app.request("POST", path, &headers, Some(body.as_bytes()))
}

fn sets_cookie(answer: &Answer, name: &str) -> bool {
    let mut cookies = answer.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case("set-cookie"));
    cookies.any(|(_, value)| value.starts_with(&format!("{name}=")))
}

#[track_caller]
fn is_page(answer: &Answer) {
    assert!(answer.header("content-type").unwrap().starts_with("text/html"), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(answer.header("x-request-id").is_some());
    assert!(!answer.body.contains("<script") && !answer.body.contains("style="), "{}", answer.body);
}

fn the_login_page_looks_like_the_others(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let page = get(&app, LOGIN).expect(200);
    is_page(&page);
    assert_eq!(page.header("referrer-policy"), Some("same-origin"));
    assert!(page.body.contains("<h1>Log in</h1>") && page.body.contains(FORGOTTEN), "{}", page.body);
    assert!(!page.body.contains("extra_param"), "{}", page.body);
    let failed = submit(&app, LOGIN, "username=%3Cb%3E%22&password=x", &[]).expect(200);
    is_page(&failed);
    assert!(failed.body.contains("role=\"alert\"") && !failed.body.contains("<b>"), "{}", failed.body);
    // A sentence that is not among those that there are is not said.
    assert!(!get(&app, "/auth/login/?done=other").expect(200).body.contains("role="));
}

fn what_operators_say_on_the_login_page_is_text(database: Database) {
    let app = TestApp::with(database, Contributions::default(), |config| {
        let page = &mut config.accounts.login_page;
        page.title = Some("Assets & <b>more</b>".to_owned());
        page.subtitle = Some("<i>of the house</i>".to_owned());
        page.note = Some("Ask the <help desk>".to_owned());
        page.note_url = Some("https://example.com/?a=\"b\"&c".to_owned());
    });
    let Some(app) = app else { return };
    let page = get(&app, LOGIN).expect(200).body;
    for word in ["<b>", "<i>", "<help", "\"b\""] {
        assert!(!page.contains(word), "{word}: {page}");
    }
    for word in [
        "Assets &#38; &#60;b&#62;more",
        "of the house",
        "Ask the &#60;help desk&#62;",
        "https://example.com/?a=&#34;b",
    ] {
        assert!(page.contains(word), "{word}: {page}");
    }
}

fn nobody_logs_in_without_agreeing_to_the_terms(database: Database) {
    let app = TestApp::with(database, Contributions::default(), |config| {
        config.accounts.login_page.check_terms = true;
        config.accounts.login_page.terms_url = Some("https://example.com/terms".to_owned());
    });
    let Some(app) = app else { return };
    let page = get(&app, LOGIN).expect(200).body;
    assert!(page.contains("href=\"https://example.com/terms\""), "{page}");
    assert!(
        page.contains("name=\"extra_param\" value='{\"AGREE_TERM_OF_SERVICE\":true}' required>"),
        "{page}"
    );
    let enter = |extra: &str| submit(&app, LOGIN, &format!("username=admin&password=secret{extra}"), &[]);
    let escaped = |value: &str| value.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let with = |value: &str| enter(&format!("&extra_param={}", escaped(value)));
    for refused in [
        enter(""),
        with(""),
        with("nonsense"),
        with("true"),
        with("[]"),
        with("{}"),
        with("{\"AGREE_TERM_OF_SERVICE\": false}"),
        with("{\"AGREE_TERM_OF_SERVICE\": null}"),
        with("{\"AGREE_TERM_OF_SERVICE\": 0}"),
        with("{\"AGREE_TERM_OF_SERVICE\": \"\"}"),
    ] {
        assert!(refused.clone().expect(400).json()["error"].is_string());
        assert!(!sets_cookie(&refused, "sessionid") && !sets_cookie(&refused, "AGREE_TERM_OF_SERVICE"));
    }
    let agreed = "{\"AGREE_TERM_OF_SERVICE\": true}";
    let fields = format!("username=admin&password=wrong&extra_param={}", escaped(agreed));
    let wrong = submit(&app, LOGIN, &fields, &[]);
    assert!(!sets_cookie(&wrong.expect(200), "sessionid"));
    for agreed in [agreed, "{\"AGREE_TERM_OF_SERVICE\": \"yes\"}"] {
        let entered = with(agreed).expect(302);
        assert!(sets_cookie(&entered, "sessionid"));
        let cookies: Vec<&str> = entered.headers.iter().map(|(_, value)| value.as_str()).collect();
        assert!(
            cookies.iter().any(|cookie| cookie.starts_with("AGREE_TERM_OF_SERVICE=True;")),
            "{cookies:?}"
        );
    }
    // Who has agreed before need not tick again.
    let known = app.request("GET", LOGIN, &[("Cookie", "AGREE_TERM_OF_SERVICE=True")], None).expect(200);
    assert!(known.body.contains(" required checked>"), "{}", known.body);
}

fn page_of(uid: &str, token: &str) -> String {
    format!("/auth/login/?next=/ui/&uidb64={uid}&token={token}")
}

fn a_forgotten_password_is_set_anew(database: Database) {
    let Some((app, mail)) = with_mail(database) else { return };
    made(&app, "guest");
    let (cookies, _) = session(&app, "guest", "old password").unwrap();
    let page = get(&app, FORGOTTEN).expect(200);
    is_page(&page);
    assert!(page.body.contains("name=\"username\""), "{}", page.body);
    let asked = submit(&app, FORGOTTEN, "username=guest", &[]).expect(200);
    assert!(asked.body.contains("role=\"status\"") && asked.body.contains("If there is an account"));
    let (uid, token) = link(&wait_for_letter(&mail));
    // Also for who has a session.
    let page = app.request("GET", &page_of(&uid, &token), &[("Cookie", &cookies)], None).expect(200);
    is_page(&page);
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    for field in [format!("name=\"uidb64\" value=\"{uid}\""), format!("name=\"token\" value=\"{token}\"")] {
        assert!(page.body.contains(&field), "{}", page.body);
    }
    let fields = format!("uidb64={uid}&token={token}&password1=brand+new+one&password2=brand+new+one");
    let done = submit(&app, CONFIRM, &fields, &[("Origin", "null")]).expect(303);
    assert_eq!(done.header("location"), Some("/auth/login/?done=password"));
    let login = get(&app, "/auth/login/?done=password").expect(200);
    assert!(login.body.contains("The new password is set."), "{}", login.body);
    assert!(log_in(&app, "guest", "brand new one") && !log_in(&app, "guest", "old password"));
    app.request("GET", "/user/api/v2/me", &[("Cookie", &cookies)], None).expect(403);
    // Once.
    let again = submit(&app, CONFIRM, &fields, &[]).expect(400);
    assert!(again.body.contains("The link does not hold"), "{}", again.body);
}

fn the_page_of_a_link_says_what_is_wrong(database: Database) {
    let Some((app, mail)) = with_mail(database) else { return };
    made(&app, "guest");
    submit(&app, FORGOTTEN, "username=guest", &[]).expect(200);
    let (uid, token) = link(&wait_for_letter(&mail));
    let send = |token: &str, one: &str, two: &str| {
        let fields = format!("uidb64={uid}&token={token}&password1={one}&password2={two}");
        submit(&app, CONFIRM, &fields, &[]).expect(400)
    };
    for (one, two, said) in [
        ("", "brand+new+one", "New password: this field may not be blank."),
        ("brand+new+one", "", "New password, once more: this field may not be blank."),
        ("brand+new+one", "brand+new+two", "The passwords differ."),
        ("short", "short", "A password has at least 8 characters."),
        ("1234567890", "1234567890", "A password is not made of digits alone."),
        ("Dragon123", "Dragon123", "This password is too common."),
    ] {
        let page = send(&token, one, two);
        is_page(&page);
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert!(page.body.contains(said), "{said}: {}", page.body);
        assert!(page.body.contains(&token) && !page.body.contains("brand new"), "{}", page.body);
    }
    let page = send("&token=%22%3E%3Cb%3E", "", "");
    assert!(page.body.contains("The link does not hold") && !page.body.contains("<b>"), "{}", page.body);
    assert!(page.body.contains("New password: this field may not be blank."), "{}", page.body);
    let bare = submit(&app, CONFIRM, "", &[]).expect(400);
    assert!(bare.body.contains("New password: this field is required."), "{}", bare.body);
    // The page itself is shown for whatever link; a part of one is the login.
    assert!(get(&app, &page_of("%22%3E%3Cb%3E", "x")).expect(200).body.contains("&#34;&#62;&#60;b&#62;"));
    assert!(get(&app, "/auth/login/?uidb64=x").expect(200).body.contains("name=\"username\""));
    // Three days later.
    sql(&app, "UPDATE password_reset SET requested = requested - 259300000000");
    assert!(send(&token, "brand+new+one", "brand+new+one").body.contains("The link does not hold"));
    assert!(log_in(&app, "guest", "old password"));
    // Nothing to see without a link, and no other methods.
    assert_eq!(get(&app, CONFIRM).expect(303).header("location"), Some(FORGOTTEN));
    for path in [FORGOTTEN, CONFIRM] {
        is_page(&app.request("DELETE", path, &[], None).expect(405));
        let bare = app.request("POST", path.trim_end_matches('/'), &[], None).expect(301);
        assert_eq!(bare.header("location"), Some(path));
    }
}

fn asking_for_a_link_does_not_tell_who_exists(database: Database) {
    let Some((app, mail)) = with_mail(database) else { return };
    made(&app, "guest");
    let without_csrf = |page: Answer| page.body;
    let long = "x".repeat(1000);
    let [nobody, too_long, guest, again] = ["nobody", &long, "guest", "guest"]
        .map(|name| without_csrf(submit(&app, FORGOTTEN, &format!("username={name}"), &[]).expect(200)));
    assert!(nobody == guest && again == guest && too_long == guest, "{nobody}\n{guest}");
    wait_for_letter(&mail);
    assert_eq!(letters(&mail).len(), 1);
    for (name, said) in [
        ("", "User name: this field may not be blank."),
        ("a%00b", "User name: a text may not contain a NUL character."),
    ] {
        let page = submit(&app, FORGOTTEN, &format!("username={name}"), &[]).expect(400);
        is_page(&page);
        assert!(page.body.contains(said), "{}", page.body);
    }
}

fn forms_of_other_sites_set_no_password(database: Database) {
    let Some((app, mail)) = with_mail(database) else { return };
    made(&app, "guest");
    // What asks for a link says where it comes from, as all forms do.
    for origin in ["https://evil.example", "null"] {
        let refused = submit(&app, FORGOTTEN, "username=guest", &[("Origin", origin)]).expect(403);
        is_page(&refused);
    }
    app.request("POST", FORGOTTEN, &[FORM], Some(b"username=guest")).expect(403);
    submit(&app, FORGOTTEN, "username=guest", &[("Origin", &app.base)]).expect(200);
    let (uid, token) = link(&wait_for_letter(&mail));
    let fields = format!("uidb64={uid}&token={token}&password1=brand+new+one&password2=brand+new+one");
    submit(&app, CONFIRM, &fields, &[("Origin", "https://evil.example")]).expect(403);
    app.request("POST", CONFIRM, &[FORM], Some(fields.as_bytes())).expect(403);
    app.request("POST", CONFIRM, &[FORM, ("Origin", "null")], Some(fields.as_bytes())).expect(403);
    assert!(log_in(&app, "guest", "old password"));
}

fn there_are_no_pages_where_passwords_are_not_set_anew(database: Database) {
    let off = TestApp::with(database, Contributions::default(), |config| {
        config.accounts.password_reset_disabled = true;
    });
    let Some(app) = off else { return };
    let login = get(&app, LOGIN).expect(200);
    assert!(!login.body.contains("password_reset"), "{}", login.body);
    for path in [FORGOTTEN, CONFIRM] {
        for answer in [get(&app, path), submit(&app, path, "username=admin", &[])] {
            let answer = answer.expect(404);
            is_page(&answer);
            assert!(
                answer.body.contains("Ask an administrator") || answer.body.contains("ask an administrator")
            );
        }
    }
    // A link is the login then.
    let page = get(&app, &page_of("MQ", "x")).expect(200);
    assert!(page.body.contains("name=\"username\"") && !page.body.contains("uidb64"), "{}", page.body);
    let body = json!({"username": "admin"}).to_string();
    let headers = [("Content-Type", "application/json")];
    app.request("POST", "/user/api/v2/password_reset", &headers, Some(body.as_bytes())).expect(403);
}
