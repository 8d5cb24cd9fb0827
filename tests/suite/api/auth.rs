//! Credentials, sessions, tokens, and the order of checks.

use crate::contract::users::session;
use crate::server::{Answer, Database, TestApp, on_both_databases};
use crate::wait::Wait;
use pagoda_core::plugins::contributions::Contributions;
use serde_json::json;

on_both_databases! {
    tokens;
    a_session_from_login_to_logout;
    checks_come_in_their_order;
    credentials_count_on_open_routes_too;
    plugins_are_found_by_both_their_names;
    a_revoked_token_stops_working_within_a_second;
}

fn tokens(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let me = |authorization: &str| {
        app.request("GET", "/user/api/v2/me", &[("Authorization", authorization)], None)
    };
    let token = &app.token;
    // 1, 2
    let anonymous = app.request("GET", "/user/api/v2/me", &[], None).expect(403);
    assert_eq!(anonymous.codes(), ["AE-000000"]);
    for good in [
        format!("Token {token}"),
        format!("tOkEn   {token}"),
        format!("Token\t{token}"),
        format!("Token \t \t{token}"),
    ] {
        assert_eq!(me(&good).expect(200).json()["username"], "admin");
    }
    for bad in [
        "Token",
        "Token x",
        &format!("Token {token} x"),
        &format!("Token {token}\tx"),
        &format!("Token{token}"),
        &format!("Token {}", token.to_uppercase()),
        &format!("Bearer {token}"),
    ] {
        assert_eq!(me(bad).expect(403).codes(), ["AE-000000"], "{bad}");
    }
    // 34, 35: a user's own token, and none before the first
    assert_eq!(app.get("/user/api/v2/token/").expect(200).json(), json!({"key": token}));
    // 4, 5
    let (_, short) = app.user(|user| user.token_lifetime = 1);
    let (_, eternal) = app.user(|user| (user.token_lifetime, user.username) = (0, "eternal".to_owned()));
    let status = |token: &str| app.with_token(token, "GET", "/user/api/v2/me", None).status;
    assert_eq!((status(&short), status(&eternal)), (200, 200));
    Wait::seconds(10).until("the token is at the end of its lifetime", || status(&short) != 200);
    assert_eq!((status(&short), status(&eternal)), (403, 200));
    // An inactive user's token does not hold.
    let (_, inactive) = app.user(|user| (user.is_active, user.username) = (false, "inactive".to_owned()));
    assert_eq!(status(&inactive), 403);
    // A new token replaces the old one at once on the instance that made it.
    let fresh =
        app.with_token(&eternal, "POST", "/user/api/v2/token/", None).expect(200).json()["key"].clone();
    assert_eq!((status(&eternal), status(fresh.as_str().unwrap())), (403, 200));
}

fn a_revoked_token_stops_working_within_a_second(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, token) = app.user(|_| {});
    let status = || app.with_token(&token, "GET", "/user/api/v2/me", None).status;
    assert_eq!(status(), 200);
    // As another instance would do it: in the database, not through this server's cache.
    app.issue_token(id);
    Wait::seconds(1).until("it is good no more", || status() != 200);
}

fn cookie(answer: &Answer, name: &str) -> String {
    let prefix = format!("{name}=");
    let mut cookies = answer.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case("set-cookie"));
    let found = cookies.find_map(|(_, value)| value.strip_prefix(&prefix)?.split(';').next());
    found.unwrap_or_else(|| panic!("no cookie {name}: {answer:?}")).to_owned()
}

fn a_session_from_login_to_logout(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let page = app.request("GET", "/auth/login/?next=/ui/x", &[], None).expect(200);
    assert_eq!(
        (page.header("cache-control"), page.header("x-frame-options")),
        (Some("no-store"), Some("DENY"))
    );
    let csrf = cookie(&page, "csrftoken");
    assert!(page.body.contains(&csrf) && page.body.contains("value=\"/ui/x\""), "{}", page.body);
    let form = |password: &str, next: &str| {
        format!("csrfmiddlewaretoken={csrf}&username=admin&password={password}&next={next}")
    };
    let post = |body: &str, cookies: &str| {
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", cookies)];
        app.request("POST", "/auth/login/", &headers, Some(body.as_bytes()))
    };
    let csrf_cookie = format!("csrftoken={csrf}");
    // Without the cookie, or with a foreign origin, the form is refused.
    assert_eq!(post(&form("secret", "/"), "").expect(403).codes(), ["AE-210000"]);
    let foreign = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Cookie", csrf_cookie.as_str()),
        ("Origin", "https://evil.example"),
    ];
    app.request("POST", "/auth/login/", &foreign, Some(form("secret", "/").as_bytes())).expect(403);
    // A wrong password gets the page again.
    let failed = post(&form("wrong", "/"), &csrf_cookie).expect(200);
    assert!(
        failed.body.contains("is wrong")
            && !failed.headers.iter().any(|(_, value)| value.starts_with("sessionid="))
    );

    let entered = post(&form("secret", "/ui/entities"), &csrf_cookie).expect(302);
    assert_eq!(entered.header("location"), Some("/ui/entities"));
    let foreign = post(&form("secret", "https://evil.example/"), &csrf_cookie).expect(302);
    assert_eq!(foreign.header("location"), Some("/ui/"));
    // An address of this server is its path.
    let host = app.base.strip_prefix("http://").unwrap();
    for (next, to) in [
        (format!("{}/ui/entities?a=b", app.base).replace('?', "%3F"), "/ui/entities?a=b"),
        (format!("https://{host}/ui/entities"), "/ui/"),
        (format!("{}0/ui/entities", app.base), "/ui/"),
        (format!("{}//evil.example/", app.base), "/ui/"),
    ] {
        let entered = post(&form("secret", &next), &csrf_cookie).expect(302);
        assert_eq!(entered.header("location"), Some(to), "{next}");
    }
    let (session, csrf) = (cookie(&entered, "sessionid"), cookie(&entered, "csrftoken"));
    let cookies = format!("sessionid={session}; csrftoken={csrf}");

    let me = app.request("GET", "/user/api/v2/me", &[("Cookie", &cookies)], None).expect(200);
    assert_eq!(me.json()["username"], "admin");
    app.request("GET", "/auth/login/", &[("Cookie", &cookies)], None).expect(302);
    // Unsafe requests of a session need its CSRF token.
    let body = br#"{"name": "e"}"#;
    let json = ("Content-Type", "application/json");
    let without =
        app.request("POST", "/entity/api/v2/", &[("Cookie", &cookies), json], Some(body)).expect(403);
    assert_eq!(without.codes(), ["AE-210000"]);
    app.request("POST", "/entity/api/v2/", &[("Cookie", &cookies), json, ("X-CSRFToken", &csrf)], Some(body))
        .expect(202);
    // 7, 8
    app.request("GET", "/auth/logout/", &[("Cookie", &cookies)], None).expect(400);
    app.request("POST", "/auth/logout/", &[("Cookie", &cookies)], None).expect(403);
    app.request("POST", "/auth/logout/", &[("Cookie", &cookies), ("X-CSRFToken", &csrf)], None).expect(200);
    app.request("GET", "/user/api/v2/me", &[("Cookie", &cookies)], None).expect(403);
}

fn plugins_are_found_by_both_their_names(database: Database) {
    let plugins = Contributions::of(&[&pagoda_hello_world::PLUGIN]);
    let Some(app) = TestApp::with(database, plugins, |_| {}) else { return };
    for name in ["hello-world-plugin", "hello-world"] {
        let shown = app.get(&format!("/api/v2/plugins/{name}/")).expect(200).json();
        assert_eq!(shown["id"], "hello-world-plugin");
        app.post(&format!("/api/v2/plugins/{name}/disable/"), json!({})).expect(200);
        app.get("/api/v2/plugins/hello-world-plugin/hello/").expect(503);
        app.post(&format!("/api/v2/plugins/{name}/enable"), json!({})).expect(200);
        app.request("GET", &format!("/api/v2/plugins/{name}"), &[], None).expect(301);
        app.request("GET", &format!("/api/v2/plugins/{name}/"), &[], None).expect(403);
    }
    // Its own routes are below its id.
    app.get("/api/v2/plugins/hello-world-plugin/hello/").expect(200);
    for path in ["hello-world/hello/", "hello-world-plugin/nowhere/", "hello-worl/", "hello-world-/"] {
        let answer = app.get(&format!("/api/v2/plugins/{path}")).expect(404);
        assert!(answer.header("content-type").unwrap().starts_with("text/html"), "{path}");
    }
}

fn credentials_count_on_open_routes_too(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (cookies, csrf) = session(&app, "admin", "secret").unwrap();
    let good = format!("Token {}", app.token);
    let ask = |headers: &[(&str, &str)]| {
        let headers = [&[("Content-Type", "application/json")], headers].concat();
        app.request("POST", "/user/api/v2/password_reset", &headers, Some(br#"{"username": "nobody"}"#))
    };
    ask(&[]).expect(200);
    ask(&[("Authorization", &good)]).expect(200);
    ask(&[("Cookie", &cookies), ("X-CSRFToken", &csrf)]).expect(200);
    // A session's request is its own only with the CSRF token, also where a token would do.
    assert_eq!(ask(&[("Cookie", &cookies)]).expect(403).codes(), ["AE-210000"]);
    assert_eq!(ask(&[("Cookie", &cookies), ("X-CSRFToken", "other")]).expect(403).codes(), ["AE-210000"]);
    assert_eq!(ask(&[("Cookie", &cookies), ("Authorization", &good)]).expect(403).codes(), ["AE-210000"]);
    // A session that does not hold is none; a token that does not is a mistake.
    ask(&[("Cookie", "sessionid=nonsense")]).expect(200);
    ask(&[("Cookie", "sessionid=nonsense"), ("Authorization", &good)]).expect(200);
    assert_eq!(ask(&[("Authorization", "Token nonsense")]).expect(403).codes(), ["AE-000000"]);
    ask(&[("Authorization", "Bearer nonsense")]).expect(200);
    // Where a user is needed the same holds.
    let me = |headers: &[(&str, &str)]| app.request("POST", "/user/api/v2/token/", headers, None);
    assert_eq!(me(&[("Cookie", &cookies), ("Authorization", &good)]).expect(403).codes(), ["AE-210000"]);
    assert_eq!(me(&[("Cookie", "sessionid=nonsense")]).expect(403).codes(), ["AE-000000"]);
}

fn checks_come_in_their_order(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (id, _) = app.entity(json!({"name": "e"}));
    let authorization = format!("Token {}", app.token);
    let token = ("Authorization", authorization.as_str());
    let ask = |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
        app.request(method, path, headers, Some(body))
    };
    // Paths come before credentials.
    let moved = app.request("GET", &format!("/entity/api/v2/{id}?a=b"), &[], None).expect(301);
    assert_eq!(moved.header("location"), Some(format!("/entity/api/v2/{id}/?a=b").as_str()));
    assert_eq!(moved.body, "");
    app.request("GET", "/user/api/v2/me/", &[], None).expect(404);
    app.request("GET", "/nowhere", &[], None).expect(404);
    for method in ["GET", "POST", "DELETE", "PATCH"] {
        let moved = app.request(method, "/auth/login?next=%2Fui%2Fx&a=b", &[], None).expect(301);
        assert_eq!(moved.header("location"), Some("/auth/login/?next=%2Fui%2Fx&a=b"));
        assert_eq!(moved.body, "");
        let moved = app.request(method, "/auth/logout", &[], None).expect(301);
        assert_eq!(moved.header("location"), Some("/auth/logout/"));
    }
    // So does a plugin that there is not, for administrators too.
    for path in ["nobody/", "nobody", "nobody/hello/", "nobody/enable/", "nobody/enable", "nobody/reset"] {
        for headers in [vec![], vec![token], vec![("Accept", "image/png")]] {
            let answer = app.request("POST", &format!("/api/v2/plugins/{path}"), &headers, None).expect(404);
            assert!(answer.header("content-type").unwrap().starts_with("text/html"), "{path}");
        }
    }
    // `Accept` comes before credentials, credentials before the method, the method before the object.
    assert_eq!(
        app.request("GET", "/entity/api/v2/", &[("Accept", "image/png")], None).expect(406).codes(),
        ["AE-999999"]
    );
    app.request("GET", "/entity/api/v2/", &[("Accept", "text/html"), token], None).expect(200);
    assert_eq!(app.request("PATCH", "/entity/api/v2/9999/", &[], None).expect(403).codes(), ["AE-000000"]);
    assert_eq!(
        app.request("PATCH", "/entity/api/v2/9999/", &[token], None).expect(405).codes(),
        ["AE-999999"]
    );
    // The object comes before the body, the media type before the syntax.
    let json = ("Content-Type", "application/json");
    assert_eq!(ask("PUT", "/entity/api/v2/9999/", &[token, json], b"{").expect(404).codes(), ["AE-230000"]);
    let path = format!("/entity/api/v2/{id}/");
    assert_eq!(ask("PUT", &path, &[token, json], b"{").expect(400).codes(), ["AE-140000"]);
    assert_eq!(
        ask("PUT", &path, &[token, ("Content-Type", "text/plain")], b"{").expect(415).codes(),
        ["AE-130000"]
    );
    ask("PUT", &path, &[token], b"").expect(202);
    assert!(app.get(&path).header("x-request-id").is_some_and(|id| id.len() == 18));
}
