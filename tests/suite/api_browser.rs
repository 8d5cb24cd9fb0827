//! The API browser at `/api/docs/`: it is in the binary, and shows and calls what this server has.

use crate::browser::Browser;
use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::plugins::contributions::Contributions;
use serde_json::json;

on_both_databases! {
    everything_of_the_page_comes_from_the_server;
    operations_are_shown_and_tried_with_a_token;
    a_session_is_enough_to_write;
}

const PAGE: &str = "/api/docs/";

/// A server with a plugin that has routes.
fn app(database: Database) -> Option<TestApp> {
    TestApp::with(database, Contributions::of(&[&pagoda_hello_world::PLUGIN]), |_| {})
}

fn everything_of_the_page_comes_from_the_server(database: Database) {
    let Some(app) = app(database) else { return };
    let bare = app.request("GET", "/api/docs", &[], None).expect(301);
    assert_eq!(bare.header("location"), Some(PAGE));
    let page = app.request("GET", PAGE, &[], None).expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe-eval") && !policy.contains("http"), "{policy}");
    assert_eq!(app.request("POST", PAGE, &[], Some(b"")).expect(405).header("allow"), Some("GET, HEAD"));
    assert!(!page.body.contains("://"), "{}", page.body);

    let addresses = page.body.split('"').filter(|part| part.starts_with("/ui/static/"));
    let mut count = 0;
    for address in addresses {
        let plain = app.request("GET", address, &[], None).expect(200);
        assert!(plain.header("content-encoding").is_none() && !plain.body.is_empty(), "{address}");
        assert_eq!(plain.header("cache-control"), Some("public, max-age=31536000, immutable"));
        count += 1;
    }
    assert_eq!(count, 4, "{}", page.body);
}

fn operations_are_shown_and_tried_with_a_token(database: Database) {
    let Some(browser) = Browser::with_scripts() else { return };
    let Some(app) = app(database) else { return };
    browser.go(&format!("{}{PAGE}", app.base));
    browser.wait_for(".info .title", "Pagoda");
    browser.find("#operations-tag-hello-world-plugin").click();
    browser.wait_for("#operations-hello-world-plugin-hello_world_plugin_hello", "Says hello.");

    browser.find(".btn.authorize").click();
    browser
        .find("#auth-bearer-value, .auth-container input[type=text]")
        .write(&format!("Token {}", app.token));
    browser.find(".auth-btn-wrapper .authorize").click();
    browser.find(".auth-btn-wrapper .btn-done").click();
    browser.find("#operations-tag-user").click();
    let me = "#operations-user-user_me";
    browser.find(&format!("{me} .opblock-summary-control")).click();
    browser.find(&format!("{me} .try-out__btn")).click();
    browser.find(&format!("{me} .execute")).click();
    browser.wait_for(&format!("{me} .live-responses-table tbody .response-col_status"), "200");
    browser.wait_for(
        &format!("{me} .live-responses-table tbody .response-col_description"),
        "\"username\": \"admin\"",
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

fn a_session_is_enough_to_write(database: Database) {
    let Some(browser) = Browser::with_scripts() else { return };
    let Some(app) = app(database) else { return };
    browser.go(&format!("{}/auth/login/?next={PAGE}", app.base));
    browser.find("input[name=username]").write("admin");
    browser.find("input[name=password]").write("secret");
    browser.find("form button").click();
    browser.wait_for(".info .title", "Pagoda");
    let token = app.get("/user/api/v2/token/").expect(200).json();
    // A request that changes something, which a session may send with its CSRF token only.
    browser.find("#operations-tag-user").click();
    let refresh = "#operations-user-token_refresh";
    browser.find(&format!("{refresh} .opblock-summary-control")).click();
    browser.find(&format!("{refresh} .try-out__btn")).click();
    browser.find(&format!("{refresh} .execute")).click();
    browser.wait_for(&format!("{refresh} .live-responses-table tbody .response-col_status"), "200");
    let old = token["key"].as_str().unwrap();
    assert_eq!(
        app.with_token(old, "GET", "/user/api/v2/me", None).expect(403).json()["code"],
        json!("AE-000000")
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
