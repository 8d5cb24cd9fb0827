//! The pages below `/ui/`: who sees them, what they say, what their forms do.
//!
//! `PAGODA_UPDATE_SCREENSHOT=1 cargo test -p pagoda-tests ui::` makes `docs/admin-plugins.png` anew.

use crate::browser::Browser;
use crate::contract::passwords::{link, wait_for_letter};
use crate::contract::users::{log_in, made};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use pagoda_core::auth::password;
use pagoda_core::config::Config;
use pagoda_core::plugins::contributions::Contributions;
use pagoda_plugin_sdk::hook::{HookInfo, HookReg};
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::plugin::PluginDecl;
use pagoda_plugin_sdk::prelude::*;
use serde_json::json;
use std::path::Path;

on_both_databases! {
    pages_are_for_administrators_who_have_logged_in;
    what_the_page_says_is_what_the_api_says;
    a_plugin_is_disabled_and_enabled_again;
    a_reset_closes_a_breaker;
    what_cannot_be_enabled_says_why;
    forms_of_other_sites_do_nothing;
    logging_out_ends_the_session;
    what_plugins_say_is_text;
    nobody_needs_scripts;
    a_password_is_set_anew_in_a_browser;
}

const PLUGINS: &str = "/ui/admin/plugins";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// Somebody with a session.
pub(crate) struct Person<'a> {
    app: &'a TestApp,
    cookies: String,
    csrf: String,
}

fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let prefix = format!("{name}=");
    let mut cookies = answer.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case("set-cookie"));
    cookies.find_map(|(_, value)| value.strip_prefix(&prefix)?.split(';').next()).map(str::to_owned)
}

impl<'a> Person<'a> {
    pub(crate) fn log_in(app: &'a TestApp, username: &str) -> Self {
        let form = app.request("GET", "/auth/login/", &[], None).expect(200);
        let csrf = cookie(&form, "csrftoken").unwrap();
        let body = format!("csrfmiddlewaretoken={csrf}&username={username}&password=secret");
        let headers = [FORM, ("Cookie", &format!("csrftoken={csrf}"))];
        let entered = app.request("POST", "/auth/login/", &headers, Some(body.as_bytes())).expect(302);
        let (session, csrf) =
            (cookie(&entered, "sessionid").unwrap(), cookie(&entered, "csrftoken").unwrap());
        Self { app, cookies: format!("sessionid={session}; csrftoken={csrf}"), csrf }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.app.request("GET", path, &[("Cookie", &self.cookies)], None)
    }

    pub(crate) fn post(&self, path: &str, fields: &str) -> Answer {
        let body = format!("csrfmiddlewaretoken={}&{fields}", self.csrf);
        self.app.request("POST", path, &[FORM, ("Cookie", &self.cookies)], Some(body.as_bytes()))
    }

    /// Sends a form of the page and follows to where it leads.
    fn submit(&self, path: &str, fields: &str) -> Answer {
        let sent = self.post(path, fields).expect(303);
        let target = sent.header("location").unwrap();
        self.get(target.split('#').next().unwrap()).expect(200)
    }
}

/// An application with these plugins whose breakers stay closed.
fn app(database: Database, plugins: &[&'static PluginDecl]) -> Option<TestApp> {
    let patient = |config: &mut Config| config.plugins.defaults.breaker.faults = 100_000;
    TestApp::with(database, Contributions::of(plugins), patient)
}

fn guest(app: &TestApp) {
    app.user(|new| new.password_hash = Some(password::hash("secret").unwrap()));
}

/// The part of the page about one plugin.
fn card<'a>(page: &'a Answer, id: &str) -> &'a str {
    let begin = page.body.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no {id}: {}", page.body));
    page.body[begin..].split("</article>").next().unwrap()
}

fn pages_are_for_administrators_who_have_logged_in(database: Database) {
    let Some(app) = app(database, &[&pagoda_chaos::PLUGIN]) else { return };
    for (path, next) in [
        ("/ui/", "%2Fui%2F"),
        (PLUGINS, "%2Fui%2Fadmin%2Fplugins"),
        ("/ui/admin/plugins/chaos?x=1", "%2Fui%2Fadmin%2Fplugins%2Fchaos%3Fx%3D1"),
    ] {
        let answer = app.request("GET", path, &[], None).expect(303);
        assert_eq!(answer.header("location"), Some(&*format!("/auth/login/?next={next}")));
    }
    // A token is for programs.
    let answer = app.get(PLUGINS).expect(303);
    assert!(answer.header("location").unwrap().starts_with("/auth/login/"));
    let answer = app.request("POST", "/ui/admin/plugins/chaos/disable", &[FORM], Some(b"")).expect(303);
    assert_eq!(answer.header("location"), Some("/auth/login/?next=%2Fui%2Fadmin%2Fplugins"));

    guest(&app);
    let guest = Person::log_in(&app, "guest");
    let home = guest.get("/ui/").expect(200);
    assert!(
        home.body.contains("There is no page for you yet") && !home.body.contains(PLUGINS),
        "{}",
        home.body
    );
    for path in [PLUGINS, "/ui/admin/plugins/chaos", "/ui/admin/plugins/no-such-plugin"] {
        let refused = guest.get(path).expect(403);
        assert!(refused.body.contains("Only administrators see and switch plugins."), "{}", refused.body);
        assert!(refused.header("content-type").unwrap().starts_with("text/html"));
    }
    guest.post("/ui/admin/plugins/chaos/disable", "").expect(403);

    let admin = Person::log_in(&app, "admin");
    assert_eq!(admin.get("/ui").expect(303).header("location"), Some(PLUGINS));
    let page = admin.get(PLUGINS).expect(200);
    assert!(card(&page, "chaos").contains("badge active"), "{}", page.body);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("referrer-policy"), Some("same-origin"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(page.header("x-request-id").is_some());
    admin.get("/ui/admin/plugins/no-such-plugin").expect(404);
    admin.post("/ui/admin/plugins/no-such-plugin/disable", "").expect(404);
    assert_eq!(
        admin.get("/ui/admin/plugins/chaos/disable").expect(405).header("x-frame-options"),
        Some("DENY")
    );
}

/// What the entry is called that is made then: some calls of hooks go well, some fail, most of all in some
/// minutes.
fn entry_name(minute: usize, call: usize) -> String {
    let nth = minute * 100 + call;
    match (call % 9, minute % 3) {
        (2, 0) => format!("chaos.before_create.error.{nth}"),
        (0 | 3 | 6, _) if (10..13).contains(&minute) => format!("chaos.before_create.error.{nth}"),
        (4, 1) => format!("chaos.validation.panic.{nth}"),
        (5, _) => format!("chaos.validation.slow.{}", 1 + (minute * 7 + call) % 12),
        (7, _) => format!("a forbidden thing {nth}"),
        _ => format!("server {nth}"),
    }
}

/// The requests of one minute.
fn load(app: &TestApp, entity: i64, minute: usize, calls: usize) {
    for call in 0..calls {
        let name = entry_name(minute, call);
        let answer = app.post(&format!("/entity/api/v2/{entity}/entries/"), json!({"name": name}));
        // The same name may be given twice and is refused then.
        assert!(matches!(answer.status, 202 | 400), "{answer:?}");
        if call % 4 == 0 {
            app.get("/api/v2/plugins/hello-world-plugin/hello/").expect(200);
        }
    }
}

fn what_the_page_says_is_what_the_api_says(database: Database) {
    let plugins = [&pagoda_chaos::PLUGIN, &pagoda_hello_world::PLUGIN];
    let Some(app) = app(database, &plugins) else { return };
    let admin = Person::log_in(&app, "admin");
    let empty = admin.get(PLUGINS).expect(200);
    assert!(card(&empty, "chaos").contains("No calls in the last 30 minutes."), "{}", empty.body);
    let (rack, _) = app.entity(json!({"name": "rack"}));
    for name in ["chaos.before_create.error", "chaos.validation.panic", "calm", "chaos.validation.reject"] {
        app.post(&format!("/entity/api/v2/{rack}/entries/"), json!({"name": name}));
    }
    let api = app.get("/api/v2/plugins/chaos/").expect(200).json();
    let page = admin.get("/ui/admin/plugins/chaos").expect(200);
    let card = card(&page, "chaos");
    let functions = card.split("<tbody>").nth(2).unwrap();
    let mut checked = 0;
    for hook in api["hooks"].as_array().unwrap() {
        let name = hook["hook"].as_str().unwrap();
        let row = functions.split("<tr>").find(|row| row.contains(&format!("<code>{name}</code>"))).unwrap();
        let cells: Vec<&str> = row
            .split("<td")
            .skip(1)
            .map(|cell| cell.split_once('>').unwrap().1.split("</td>").next().unwrap())
            .collect();
        for (cell, figure) in ["calls", "faults", "rejections", "skipped"].iter().enumerate() {
            assert_eq!(cells[cell], hook[*figure].to_string(), "{name} {figure}: {row}");
        }
        assert_eq!(cells[8], hook["breaker"], "{row}");
        if let Some(trace_id) = hook["last_fault"]["trace_id"].as_str() {
            assert!(row.contains(trace_id) && row.contains("Last fault"), "{row}");
            checked += 1;
        }
    }
    assert_eq!(checked, 2, "{api}");
    for capability in api["capabilities"].as_array().unwrap() {
        assert!(card.contains(&format!("<code>{}</code>", capability.as_str().unwrap())), "{card}");
    }
    assert!(functions.contains("GET /api/v2/plugins/chaos/error/"), "{functions}");
    let sum = |figure: &str| {
        let of = |list: &str| {
            api[list].as_array().unwrap().iter().map(|one| one[figure].as_u64().unwrap()).sum::<u64>()
        };
        of("hooks") + of("routes")
    };
    for (title, figure) in [("Calls", "calls"), ("Faults", "faults"), ("Rejections", "rejections")] {
        let sum = sum(figure);
        let row = format!("<th scope=\"row\">{title}</th><td>{sum}</td><td>{sum}</td>");
        assert!(card.contains(&row), "no {row}: {card}");
    }
    assert!(card.contains("<svg") && card.contains("this minute: "), "{card}");
    assert!(card.contains(&format!("{} calls, 2 faults", sum("calls"))), "{card}");
}

fn a_plugin_is_disabled_and_enabled_again(database: Database) {
    let Some(app) = app(database, &[&pagoda_chaos::PLUGIN, &pagoda_hello_world::PLUGIN]) else { return };
    let admin = Person::log_in(&app, "admin");
    let (rack, _) = app.entity(json!({"name": "rack"}));
    let refused = |app: &TestApp| {
        app.post(&format!("/entity/api/v2/{rack}/entries/"), json!({"name": "chaos.validation.reject"}))
            .status
    };
    assert_eq!(refused(&app), 400);
    let sent = admin.post("/ui/admin/plugins/chaos/disable", "").expect(303);
    assert_eq!(sent.header("location"), Some("/ui/admin/plugins?done=disable&plugin=chaos#chaos"));
    let page = admin.get("/ui/admin/plugins?done=disable&plugin=chaos").expect(200);
    assert!(page.body.contains("Chaos was disabled"), "{}", page.body);
    let shown = card(&page, "chaos");
    assert!(shown.contains("badge disabled") && shown.contains("admin switched it off"), "{shown}");
    assert!(shown.contains("chaos/enable\"") && !shown.contains("chaos/disable\""), "{shown}");
    assert!(card(&page, "hello-world-plugin").contains("badge active"));
    assert_eq!(app.get("/api/v2/plugins/chaos/").json()["state"], "disabled");
    app.get("/api/v2/plugins/chaos/slow/?n=1").expect(503);
    assert_eq!(refused(&app), 202);

    let page = admin.submit("/ui/admin/plugins/chaos/enable", "from=plugin");
    assert!(page.body.contains("Chaos was enabled") && page.body.contains("<title>Chaos"), "{}", page.body);
    assert!(card(&page, "chaos").contains("badge active"));
    let changes = card(&page, "chaos").split("Recent changes</h3>").nth(1).unwrap();
    let (enabled, disabled) = (changes.find("enabled</b>").unwrap(), changes.find("disabled</b>").unwrap());
    assert!(enabled < disabled && changes.contains("by admin"), "{changes}");
    app.get("/api/v2/plugins/chaos/slow/?n=1").expect(200);
    // An address that somebody made up says nothing.
    let page = admin.get("/ui/admin/plugins?done=exploded&plugin=chaos").expect(200);
    assert!(!page.body.contains("role=\"status\""), "{}", page.body);
}

fn a_reset_closes_a_breaker(database: Database) {
    let brittle = |config: &mut Config| {
        config.plugins.defaults.breaker.faults = 2;
        config.plugins.defaults.breaker.pause = std::time::Duration::from_secs(3_600);
        config.plugins.defaults.breaker.most_pause = std::time::Duration::from_secs(3_600);
    };
    let plugins = Contributions::of(&[&pagoda_chaos::PLUGIN]);
    let Some(app) = TestApp::with(database, plugins, brittle) else { return };
    let admin = Person::log_in(&app, "admin");
    let (rack, _) = app.entity(json!({"name": "rack"}));
    for n in 0..3 {
        let name = format!("chaos.validation.error.{n}");
        app.post(&format!("/entity/api/v2/{rack}/entries/"), json!({"name": name})).expect(202);
    }
    let page = admin.get(PLUGINS).expect(200);
    let shown = card(&page, "chaos");
    let state = app.get("/api/v2/plugins/chaos/").json()["state"].as_str().unwrap().to_owned();
    assert!(matches!(&*state, "degraded" | "open"), "{state}");
    assert!(shown.contains(&format!("badge {state}")) && shown.contains("failed too often"), "{shown}");
    assert!(shown.contains("badge open") && shown.contains("next try <time"), "{shown}");
    let page = admin.submit("/ui/admin/plugins/chaos/reset", "");
    assert!(page.body.contains("Chaos was reset"), "{}", page.body);
    assert!(card(&page, "chaos").contains("badge active"), "{}", page.body);
    assert_eq!(app.get("/api/v2/plugins/chaos/").json()["state"], "active");
}

fn what_cannot_be_enabled_says_why(database: Database) {
    let plugins = Contributions::of(&[
        &pagoda_chaos::PLUGIN,
        &pagoda_naming_policy::PLUGIN,
        &pagoda_hello_world::PLUGIN,
    ]);
    let change = |config: &mut Config| {
        config.plugins.sections.insert("naming-policy".to_owned(), json!({"entities": 1}));
        config.plugins.enabled = Some(vec!["chaos".to_owned(), "naming-policy".to_owned()]);
    };
    let Some(app) = TestApp::with(database, plugins, change) else { return };
    let admin = Person::log_in(&app, "admin");
    let page = admin.get(PLUGINS).expect(200);
    assert!(card(&page, "naming-policy").contains("badge failed"), "{}", page.body);
    let refused = admin.post("/ui/admin/plugins/naming-policy/enable", "").expect(400);
    assert!(refused.body.contains("role=\"alert\">plugin naming-policy cannot run: "), "{}", refused.body);
    assert!(card(&refused, "chaos").contains("badge active"), "{}", refused.body);
    let refused = admin.post("/ui/admin/plugins/naming-policy/reset", "from=plugin").expect(400);
    assert!(refused.body.contains("role=\"alert\"") && refused.body.contains("<title>Naming policy"));
    // One that was not to run offers nothing.
    let shown = card(&page, "hello-world-plugin");
    assert!(shown.contains("ENABLED_PLUGINS does not name it") && !shown.contains("<form"), "{shown}");
}

fn forms_of_other_sites_do_nothing(database: Database) {
    let Some(app) = app(database, &[&pagoda_chaos::PLUGIN]) else { return };
    let admin = Person::log_in(&app, "admin");
    let path = "/ui/admin/plugins/chaos/disable";
    let send =
        |headers: &[(&str, &str)], body: &str| app.request("POST", path, headers, Some(body.as_bytes()));
    let cookies = ("Cookie", admin.cookies.as_str());
    let good = format!("csrfmiddlewaretoken={}", admin.csrf);
    let refused = send(&[FORM, cookies], "").expect(403);
    assert!(refused.body.contains("The CSRF token is missing or wrong."), "{}", refused.body);
    send(&[FORM, cookies], "csrfmiddlewaretoken=0").expect(403);
    send(&[FORM, cookies, ("Origin", "https://evil.example")], &good).expect(403);
    send(&[FORM, cookies], &"x".repeat(20_000)).expect(413);
    assert_eq!(app.get("/api/v2/plugins/chaos/").json()["state"], "active");
    send(&[FORM, cookies, ("Origin", &app.base)], &good).expect(303);
    assert_eq!(app.get("/api/v2/plugins/chaos/").json()["state"], "disabled");
    // Whoever lost the cookie gets another with the page.
    let session = admin.cookies.split(';').next().unwrap();
    let page = app.request("GET", PLUGINS, &[("Cookie", session)], None).expect(200);
    let fresh = cookie(&page, "csrftoken").unwrap();
    assert!(page.body.contains(&format!("value=\"{fresh}\"")), "{}", page.body);
}

fn logging_out_ends_the_session(database: Database) {
    let Some(app) = app(database, &[&pagoda_chaos::PLUGIN]) else { return };
    let admin = Person::log_in(&app, "admin");
    let headers = [FORM, ("Cookie", admin.cookies.as_str())];
    app.request("POST", "/ui/logout", &headers, Some(b"")).expect(403);
    admin.get(PLUGINS).expect(200);
    let left = admin.post("/ui/logout", "").expect(303);
    assert_eq!(left.header("location"), Some("/auth/login/"));
    assert_eq!(cookie(&left, "sessionid").as_deref(), Some(""));
    admin.get(PLUGINS).expect(303);
}

static HOSTILE: PluginDecl = PluginDecl::new("hostile", "<script>alert('name')</script>", "1\"><b>")
    .with_about("<img src=x onerror=alert(1)>", "", "");

fn complain(_ctx: &mut HookContext, _entry: &mut EntryBeforeCreate) -> HookResult {
    Err(anyhow::anyhow!("</td><script>alert('fault')</script>").into())
}

fn what_plugins_say_is_text(database: Database) {
    let info = HookInfo::new(&HOSTILE, "complain");
    let hostile = Contributions::default()
        .with_plugin(&HOSTILE)
        .with_hook::<hooks::entry::before_create>(HookReg { info, handler: complain });
    let brittle = |config: &mut Config| config.plugins.defaults.breaker.faults = 1;
    let Some(app) = TestApp::with(database, hostile, brittle) else { return };
    let admin = Person::log_in(&app, "admin");
    let (rack, _) = app.entity(json!({"name": "rack"}));
    app.entry(rack, json!({"name": "x"}));
    for path in [PLUGINS, "/ui/admin/plugins/hostile", "/ui/admin/plugins?done=reset&plugin=hostile"] {
        let page = admin.get(path).expect(200).body;
        assert!(page.contains("alert(&#39;name&#39;)") && page.contains("alert(&#39;fault&#39;)"), "{page}");
        for raw in ["<script", "<img src=x", "1\"><b>"] {
            assert!(!page.contains(raw), "{raw}: {page}");
        }
    }
    let page = admin.get("/ui/admin/plugins/%3Cscript%3E").expect(404).body;
    assert!(!page.contains("<script"), "{page}");
}

#[test]
fn files_of_pages_are_kept_until_they_change() {
    let app = TestApp::bare(Database::Sqlite).unwrap();
    let admin = Person::log_in(&app, "admin");
    let page = admin.get(PLUGINS).expect(200).body;
    assert!(page.contains("No plugin is linked into this server."), "{page}");
    let address = page.split("href=\"").find(|rest| rest.starts_with("/ui/static/pagoda.css"));
    let address = address.unwrap().split('"').next().unwrap();
    let style = app.request("GET", address, &[], None).expect(200);
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(style.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert!(style.body.contains("prefers-color-scheme: dark"));
    let tag = style.header("etag").unwrap();
    let plain = "/ui/static/pagoda.css";
    let again = app.request("GET", plain, &[("If-None-Match", tag)], None).expect(304);
    assert_eq!((again.header("cache-control"), &*again.body), (Some("no-cache"), ""));
    app.request("GET", plain, &[("If-None-Match", "\"other\"")], None).expect(200);
    app.request("GET", "/ui/static/icon.svg", &[], None).expect(200);
    app.request("GET", "/ui/static/no-such-file", &[], None).expect(404);
    app.request("POST", plain, &[], Some(b"")).expect(405);
}

fn nobody_needs_scripts(database: Database) {
    let Some(browser) = Browser::start() else { return };
    let picture = std::env::var_os("PAGODA_UPDATE_SCREENSHOT").is_some_and(|value| value == "1");
    // Many minutes take a moment here; on the picture, the last fault of the last one opens a breaker.
    let minutes = if picture { 22 } else { 4 };
    let calls = |minute: usize| 9 + minute * 5 % 17;
    let names = (0..minutes).flat_map(|minute| (0..calls(minute)).map(move |call| entry_name(minute, call)));
    let faults = names.filter(|name| name.starts_with("chaos.before_create.error")).count();
    let faults = u32::try_from(faults).unwrap();
    let breakers = |config: &mut Config| {
        let hour = std::time::Duration::from_secs(3_600);
        let breaker = &mut config.plugins.defaults.breaker;
        breaker.faults = if picture { faults } else { faults + 1 };
        (breaker.window, breaker.pause, breaker.most_pause) = (hour, hour / 6, hour);
    };
    let plugins = Contributions::of(&[&pagoda_chaos::PLUGIN, &pagoda_hello_world::PLUGIN]);
    let Some(app) = TestApp::with(database, plugins, breakers) else { return };
    let (rack, _) = app.entity(json!({"name": "rack"}));
    for minute in 0..minutes {
        load(&app, rack, minute, calls(minute));
        if minute + 1 < minutes {
            app.host.registry.remember(Timestamp::now());
        }
    }

    browser.go(&format!("{}{PLUGINS}", app.base));
    browser.find("input[name=username]").write("admin");
    browser.find("input[name=password]").write("secret");
    browser.find("form button").click();
    browser.wait_for("h1", "Plugins");
    assert_eq!(browser.address(), format!("{}{PLUGINS}", app.base));
    browser.wait_for("#chaos .state", if picture { "degraded" } else { "active" });
    browser.wait_for("#hello-world-plugin .state", "active");
    browser.wait_for("#chaos .numbers", "Faults");
    if picture && database == Database::Sqlite {
        take_pictures(&browser, &app);
    }
    // It fits a telephone, light and dark.
    for scheme in ["light", "dark"] {
        browser.look(360, scheme);
        let (width, _) = browser.size();
        assert!(width <= 360.0, "the page is {width} px wide on 360");
    }
    browser.look(1280, "light");

    browser.find("#chaos button.disable").click();
    browser.wait_for("[role=status]", "Chaos was disabled");
    browser.wait_for("#chaos .state", "disabled");
    assert_eq!(app.get("/api/v2/plugins/chaos/").json()["state"], "disabled");
    browser.find("#chaos button.enable").click();
    browser.wait_for("[role=status]", "Chaos was enabled");
    browser.find("#chaos button.reset").click();
    browser.wait_for("[role=status]", "Chaos was reset");
    browser.wait_for("#chaos .state", "active");
    assert_eq!(app.get("/api/v2/plugins/chaos/").json()["state"], "active");
    // Details open without scripts, too.
    browser.find("#chaos summary").click();
    browser.wait_for("#chaos .functions", "entry.before_create");
    browser.find("#chaos h2 a").click();
    browser.wait_for("h1", "Chaos");
    browser.find("button.reset").click();
    browser.wait_for("[role=status]", "Chaos was reset");
    browser.wait_for("h1", "Chaos");
    browser.find(".who button").click();
    browser.wait_for("form", "User name");
    assert!(browser.address().ends_with("/auth/login/"), "{}", browser.address());
    if picture && database == Database::Sqlite {
        std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("login.png"), browser.picture()).unwrap();
    }
}

fn a_password_is_set_anew_in_a_browser(database: Database) {
    let Some(browser) = Browser::start() else { return };
    let mail = tempfile::tempdir().unwrap();
    let directory = mail.path().join("mail");
    let app = TestApp::with(database, Contributions::default(), |config| {
        config.accounts.mail_directory = Some(directory.clone());
        let page = &mut config.accounts.login_page;
        page.check_terms = true;
        page.terms_url = Some("/terms".to_owned());
        page.subtitle = Some("Racks, servers and what hangs on them".to_owned());
        page.note = Some("No account? Ask the people on the third floor.".to_owned());
    });
    let Some(app) = app else { return };
    made(&app, "guest");
    let pictures = std::env::var_os("PAGODA_UPDATE_SCREENSHOT").is_some_and(|value| value == "1");
    // It fits a telephone, light and dark.
    let look = |name: &str| {
        for (width, scheme) in [(360, "light"), (360, "dark"), (1280, "dark"), (1280, "light")] {
            browser.look(width, scheme);
            let (wide, _) = browser.size();
            assert!(wide <= f64::from(width), "the page {name} is {wide} px wide on {width}");
            if pictures && database == Database::Sqlite {
                let file = format!("{name}-{width}-{scheme}.png");
                std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(file), browser.picture()).unwrap();
            }
        }
    };

    browser.go(&format!("{}/ui/", app.base));
    browser.wait_for("h1", "Log in");
    look("login");
    browser.find("input[name=username]").write("guest");
    browser.find("input[name=password]").write("forgotten");
    browser.find("input[name=extra_param]").click();
    browser.find("form button").click();
    browser.wait_for("[role=alert]", "The user name or the password is wrong.");
    look("login-failed");
    browser.find("a[href='/auth/password_reset/']").click();
    browser.wait_for("h1", "Forgotten your password?");
    look("forgotten");
    browser.find("input[name=username]").write("guest");
    browser.find("form button").click();
    browser.wait_for("[role=status]", "a link is on its way there");
    look("forgotten-sent");

    let letter = wait_for_letter(&mail);
    let (uid, token) = link(&letter);
    let address = format!("{}/auth/login/?next=/ui/&uidb64={uid}&token={token}", app.base);
    assert!(letter.contains(&address), "{letter}");
    browser.go(&address);
    browser.wait_for("h1", "Set a new password");
    look("renewal");
    browser.find("input[name=password1]").write("dragon123");
    browser.find("input[name=password2]").write("dragon123");
    browser.find("form button").click();
    browser.wait_for("[role=alert]", "This password is too common.");
    look("renewal-refused");
    assert!(!browser.address().contains(&token), "{}", browser.address());
    browser.find("input[name=password1]").write("brand new one");
    browser.find("input[name=password2]").write("brand new one");
    browser.find("form button").click();
    browser.wait_for("[role=status]", "The new password is set.");
    look("login-renewed");
    browser.find("input[name=username]").write("guest");
    browser.find("input[name=password]").write("brand new one");
    browser.find("input[name=extra_param]").click();
    browser.find("form button").click();
    browser.wait_for("h1", "Welcome to Pagoda");
    assert!(!log_in(&app, "guest", "old password"));
}

/// The picture of the documentation; the others, for looking at, go beside the build.
fn take_pictures(browser: &Browser, app: &TestApp) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let aside = Path::new(env!("CARGO_TARGET_TMPDIR"));
    browser.look(1280, "light");
    let picture = browser.picture();
    assert!(picture.len() < 300_000, "the picture has {} bytes", picture.len());
    std::fs::write(root.join("docs/admin-plugins.png"), picture).unwrap();
    for (name, path, width, scheme) in [
        ("dark", PLUGINS, 1280, "dark"),
        ("narrow", PLUGINS, 360, "light"),
        ("one", "/ui/admin/plugins/chaos", 1280, "light"),
        ("one-narrow", "/ui/admin/plugins/chaos", 360, "dark"),
    ] {
        browser.look(width, scheme);
        browser.go(&format!("{}{path}", app.base));
        std::fs::write(aside.join(format!("{name}.png")), browser.picture()).unwrap();
    }
    browser.go(&format!("{}{PLUGINS}", app.base));
}
