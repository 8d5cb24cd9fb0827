//! Limits: rates of requests, delays of logins, sizes, and what a plugin's flood leaves to everybody else.

use crate::server::{Answer, Database, TestApp, on_both_databases};
use crate::wait::Wait;
use crate::{PLUGIN, Plugin};
use pagoda_core::limits::shares::{Kind, Load};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::plugins::policy::PluginPolicy;
use pagoda_plugin_sdk::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

on_both_databases! {
    a_user_has_a_rate;
    a_token_has_a_rate;
    strangers_have_a_rate_and_so_has_guessing;
    a_plugin_has_a_rate_that_all_users_share;
    without_limits_nobody_is_refused;
    failed_logins_are_delayed_by_name;
    failed_logins_are_delayed_by_address;
    logins_are_not_delayed_where_the_operator_wants_none;
    a_response_of_a_plugin_has_a_size;
    lists_have_a_longest_page;
    a_flood_of_a_plugins_reads_leaves_room_for_everybody_else;
    a_flood_of_a_plugins_plain_routes_leaves_room_for_everybody_else;
    a_flood_of_a_plugins_writes_lets_others_write_in_turn;
}

/// How long anything may take before a test gives up.
const PATIENCE: Wait = Wait::seconds(60);

const BASE: &str = "/api/v2/plugins/test-plugin";

/// Holds whoever enters until it is opened, or lets a few pass.
#[derive(Default)]
struct Latch {
    state: Mutex<LatchState>,
    changed: Condvar,
}

#[derive(Default)]
struct LatchState {
    open: bool,
    passes: usize,
    inside: usize,
    passed: usize,
}

static LATCHES: Mutex<BTreeMap<String, Arc<Latch>>> = Mutex::new(BTreeMap::new());

fn latch(key: &str) -> Arc<Latch> {
    Arc::clone(LATCHES.lock().unwrap().entry(key.to_owned()).or_default())
}

impl Latch {
    fn hold(&self) {
        let mut state = self.state.lock().unwrap();
        state.inside += 1;
        while !state.open && state.passes == 0 {
            state = self.changed.wait(state).unwrap();
        }
        state.passes = state.passes.saturating_sub(1);
        state.inside -= 1;
        state.passed += 1;
    }

    fn let_pass(&self, count: usize) {
        self.state.lock().unwrap().passes += count;
        self.changed.notify_all();
    }

    fn open(&self) {
        self.state.lock().unwrap().open = true;
        self.changed.notify_all();
    }

    fn inside(&self) -> usize {
        self.state.lock().unwrap().inside
    }

    fn passed(&self) -> usize {
        self.state.lock().unwrap().passed
    }
}

/// Opens a latch also when the test fails: what it holds would keep the server from stopping.
struct Opened(Arc<Latch>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.open();
    }
}

#[get("/held/read/{key}/")]
async fn held_read(ctx: RouteContext<Plugin>, Path(key): Path<String>) -> RouteResult<Json<()>> {
    let latch = latch(&key);
    ctx.read(move |_| {
        latch.hold();
        Ok(())
    })
    .await?;
    Ok(Json(()))
}

#[get("/held/write/{key}/")]
async fn held_write(ctx: RouteContext<Plugin>, Path(key): Path<String>) -> RouteResult<Json<()>> {
    let latch = latch(&key);
    ctx.data(move |_| {
        latch.hold();
        Ok(())
    })
    .await?;
    Ok(Json(()))
}

#[get("/held/plain/{key}/")]
fn held_plain(Path(key): Path<String>) -> Json<()> {
    latch(&key).hold();
    Json(())
}

#[get("/sized/{bytes}/")]
async fn sized(Path(bytes): Path<usize>) -> Response {
    let mut response = Response::empty(200);
    response.body = vec![b'x'; bytes];
    response
}

#[get("/open-to-all/", auth = none)]
async fn open_to_all() -> Json<u8> {
    Json(1)
}

/// Makes an entity with so many entries, and as many entities; tells how many of each a query shows.
#[post("/many/{count}/")]
async fn many(ctx: RouteContext<Plugin>, Path(count): Path<usize>) -> RouteResult<Json<Value>> {
    let shown = ctx.data(move |db| {
        let new = |number: usize| {
            let mut new = NewEntity::default();
            new.name = format!("e{number}");
            new
        };
        let entity = db.create_entity(new(0))?.id;
        for number in 1..count {
            db.create_entity(new(number))?;
        }
        for number in 0..count {
            let mut new = NewEntry::default();
            new.name = format!("{number}");
            db.create_entry(entity, new)?;
        }
        let mut entries = EntryQuery::default();
        (entries.entity, entries.limit) = (Some(entity), 50_000);
        let mut entities = EntityQuery::default();
        entities.limit = 50_000;
        Ok(json!([db.entries(&entries)?.len(), db.entities(&entities)?.len()]))
    });
    Ok(Json(shown.await?))
}

fn with(database: Database, change: impl FnOnce(&mut pagoda_core::config::Config)) -> Option<TestApp> {
    let change = |config: &mut pagoda_core::config::Config| {
        // Budgets are not what these tests are about: routes are held on purpose, and machines are slow.
        config.plugins.defaults.route_budget = Duration::from_secs(300);
        change(config);
    };
    TestApp::with(database, Contributions::of(&[&PLUGIN]), change)
}

/// Asks until it is refused; what came before was let in.
#[track_caller]
fn until_refused(ask: impl Fn() -> Answer, least: usize, usual: u16) -> Answer {
    for number in 0..2_000 {
        let answer = ask();
        if answer.status == 429 {
            assert!(number >= least, "refused after {number}");
            let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!(seconds >= 1 && answer.header("x-request-id").is_some(), "{answer:?}");
            assert_eq!(answer.codes(), ["AE-999999"]);
            return answer;
        }
        assert_eq!(answer.status, usual, "{answer:?}");
    }
    panic!("never refused");
}

fn limited(app: &TestApp, kind: &str) -> u64 {
    let text = app.request("GET", "/metrics", &[], None).expect(200).body;
    let prefix = format!("pagoda_http_limited_total{{kind=\"{kind}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap().parse().unwrap()
}

fn a_user_has_a_rate(database: Database) {
    let one = NonZeroU32::new(1);
    let Some(app) = with(database, |config| config.limits.rate_user = one) else { return };
    let (_, guest) = app.user(|_| {});
    let refused = until_refused(|| app.get("/entity/api/v2/"), 5, 200);
    assert!(refused.body.contains("this user"), "{refused:?}");
    // Also by other routes, those of plugins included; others are not concerned.
    until_refused(|| app.get(&format!("{BASE}/plain/")), 0, 200);
    app.with_token(&guest, "GET", "/entity/api/v2/", None).expect(200);
    app.request("GET", &format!("{BASE}/open-to-all/"), &[], None).expect(200);
    assert!(limited(&app, "user") >= 2);
}

fn a_token_has_a_rate(database: Database) {
    let one = NonZeroU32::new(1);
    let Some(app) = with(database, |config| config.limits.rate_token = one) else { return };
    let refused = until_refused(|| app.get("/user/api/v2/me"), 5, 200);
    assert!(refused.body.contains("this token"), "{refused:?}");
    assert!(limited(&app, "token") >= 1);
    // Another token is another matter, even of the same user.
    let other = app.issue_token(1);
    app.with_token(&other, "GET", "/user/api/v2/me", None).expect(200);
}

fn strangers_have_a_rate_and_so_has_guessing(database: Database) {
    let change = |config: &mut pagoda_core::config::Config| {
        config.limits.rate_anonymous = NonZeroU32::new(1);
        config.limits.trusted_proxies = pagoda_core::config::Proxies::parse("127.0.0.1").unwrap();
    };
    let Some(app) = with(database, change) else { return };
    let from = |address: &str, token: &str| {
        let authorization = format!("Token {token}");
        let mut headers = vec![("X-Forwarded-For", address)];
        if !token.is_empty() {
            headers.push(("Authorization", authorization.as_str()));
        }
        app.request("GET", &format!("{BASE}/open-to-all/"), &headers, None)
    };
    // A token that is known goes on, whatever its neighbours do.
    from("192.0.2.1", &app.token).expect(200);
    until_refused(|| from("192.0.2.1", "guessed"), 1, 403);
    from("192.0.2.1", &app.token).expect(200);
    let refused = until_refused(|| from("192.0.2.1", ""), 0, 200);
    assert!(refused.body.contains("your address"), "{refused:?}");
    // One that was never seen is not even looked at, though it is good. A second may pass in between, so there are
    // several.
    let guests: Vec<String> =
        (0..20).map(|number| app.user(|new| new.username = format!("guest{number}")).1).collect();
    let guest = guests.iter().find(|guest| {
        until_refused(|| from("192.0.2.1", "guessed"), 0, 403);
        from("192.0.2.1", guest).status == 429
    });
    let guest = guest.expect("all of them were looked at");
    from("192.0.2.2", guest).expect(200);
    from("192.0.2.1", guest).expect(200);
    // Malformed credentials are a flood like any other.
    let malformed = [("X-Forwarded-For", "192.0.2.3"), ("Authorization", "Token a b")];
    until_refused(|| app.request("GET", "/entity/api/v2/", &malformed, None), 5, 403);
    assert!(limited(&app, "anonymous") >= 4);
}

fn a_plugin_has_a_rate_that_all_users_share(database: Database) {
    let mut policy = PluginPolicy::default();
    policy.requests_per_minute = Some(3);
    let change = |config: &mut pagoda_core::config::Config| {
        config.plugins.policies.insert("test-plugin".to_owned(), policy);
    };
    let Some(app) = with(database, change) else { return };
    let (_, guest) = app.user(|_| {});
    let path = format!("{BASE}/plain/");
    let refused = until_refused(|| app.get(&path), 3, 200);
    assert!(refused.body.contains("test-plugin"), "{refused:?}");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((10..=20).contains(&wait), "three a minute are one in 20 seconds, not {wait}");
    app.with_token(&guest, "GET", &path, None).expect(429);
    app.request("GET", &format!("{BASE}/open-to-all/"), &[], None).expect(429);
    // Credentials come first, other routes are not concerned.
    app.request("GET", &path, &[("Authorization", "Token x")], None).expect(403);
    app.get("/entity/api/v2/").expect(200);
    assert!(limited(&app, "plugin") >= 3);
    // The rate for all plugins, where a plugin has none of its own.
    let one = NonZeroU32::new(1);
    let app = with(database, |config| config.limits.rate_plugin = one).unwrap();
    until_refused(|| app.get(&path), 5, 200);
}

fn without_limits_nobody_is_refused(database: Database) {
    let Some(app) = with(database, |_| {}) else { return };
    for _ in 0..300 {
        app.get(&format!("{BASE}/plain/")).expect(200);
        app.request("GET", "/user/api/v2/me", &[("Authorization", "Token guessed")], None).expect(403);
    }
}

/// An attempt to log in, from an address that a proxy names.
fn log_in(app: &TestApp, name: &str, password: &str, address: &str) -> Answer {
    let body = format!("csrfmiddlewaretoken=k&username={name}&password={password}&next=/");
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Cookie", "csrftoken=k"),
        ("X-Forwarded-For", address),
    ];
    app.request("POST", "/auth/login/", &headers, Some(body.as_bytes()))
}

fn logins(app: &TestApp, outcome: &str) -> u64 {
    let text = app.request("GET", "/metrics", &[], None).expect(200).body;
    let prefix = format!("pagoda_logins_total{{outcome=\"{outcome}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap().parse().unwrap()
}

fn behind_a_proxy(config: &mut pagoda_core::config::Config) {
    config.limits.trusted_proxies = pagoda_core::config::Proxies::parse("127.0.0.1").unwrap();
}

fn failed_logins_are_delayed_by_name(database: Database) {
    let Some(app) = with(database, behind_a_proxy) else { return };
    // Each from another address. Delays are real time: the next failure may come when one has passed.
    let mut failures = 0_u8;
    let delayed = loop {
        let answer = log_in(&app, "admin", "wrong", &format!("192.0.2.{failures}"));
        if answer.status == 429 {
            break answer;
        }
        answer.expect(200);
        failures += 1;
        assert!(failures < 30, "never delayed");
    };
    assert!(failures >= 6, "delayed after {failures} failures");
    let seconds: u64 = delayed.header("retry-after").unwrap().parse().unwrap();
    assert!(seconds >= 1 && delayed.header("x-request-id").is_some(), "{delayed:?}");
    assert!(delayed.body.contains(&format!("Try again in {seconds} s")), "{delayed:?}");
    // The right password is told the same, or not delayed any more; then it works, and resets the name.
    PATIENCE.until("the delay is over", || {
        let answer = log_in(&app, "admin", "secret", "198.51.100.1");
        if answer.status == 429 {
            assert!(!answer.headers.iter().any(|(_, value)| value.starts_with("sessionid=")), "{answer:?}");
            return false;
        }
        answer.expect(302);
        true
    });
    for number in 0..6 {
        log_in(&app, "admin", "wrong", &format!("203.0.113.{number}")).expect(200);
    }
    assert!(logins(&app, "delayed") >= 1);
    assert_eq!((logins(&app, "failed"), logins(&app, "succeeded")), (u64::from(failures) + 6, 1));
    // Names that nobody has are delayed alike, and others are not concerned.
    log_in(&app, "nobody", "wrong", "198.51.100.2").expect(200);
}

fn failed_logins_are_delayed_by_address(database: Database) {
    let Some(app) = with(database, behind_a_proxy) else { return };
    let mut failures = 0;
    loop {
        let answer = log_in(&app, &format!("user{failures}"), "wrong", "192.0.2.7");
        if answer.status == 429 {
            break;
        }
        answer.expect(200);
        failures += 1;
        assert!(failures < 60, "never delayed");
    }
    assert!(failures >= 20, "delayed after {failures} failures");
    log_in(&app, "admin", "secret", "192.0.2.8").expect(302);
}

fn logins_are_not_delayed_where_the_operator_wants_none(database: Database) {
    let Some(app) = with(database, |config| config.limits.login_delay_max = Duration::ZERO) else { return };
    for _ in 0..12 {
        log_in(&app, "admin", "wrong", "192.0.2.1").expect(200);
    }
    log_in(&app, "admin", "secret", "192.0.2.1").expect(302);
}

fn a_response_of_a_plugin_has_a_size(database: Database) {
    let Some(app) = with(database, |config| config.limits.max_response_bytes = 5_000) else { return };
    assert_eq!(app.get(&format!("{BASE}/sized/5000/")).expect(200).body.len(), 5_000);
    let refused = app.get(&format!("{BASE}/sized/5001/")).expect(500);
    assert_eq!(refused.codes(), ["AE-999999"]);
    assert!(refused.body.len() < 500 && refused.header("x-request-id").is_some(), "{refused:?}");
}

fn lists_have_a_longest_page(database: Database) {
    let Some(app) = with(database, |_| {}) else { return };
    let shown = app.post(&format!("{BASE}/many/1005/"), json!({})).expect(200).json();
    assert_eq!(shown, json!([1_000, 1_000]));
    let page = app.get("/entity/api/v2/?limit=50000").expect(200).json();
    assert_eq!((page["results"].as_array().unwrap().len(), &page["count"]), (1_000, &json!(1_005)));
    let next = page["next"].as_str().unwrap();
    assert!(next.ends_with("?limit=1000&offset=1000"), "{next}");
    let rest = app.get(next.strip_prefix(app.base.as_str()).unwrap()).expect(200).json();
    assert_eq!(rest["results"].as_array().unwrap().len(), 5);
    let entity = app.get("/entity/api/v2/?search=e0&limit=1").json()["results"][0]["id"].as_i64().unwrap();
    let entries = app.get(&format!("/entity/api/v2/{entity}/entries/?limit=50000")).expect(200).json();
    assert_eq!((entries["results"].as_array().unwrap().len(), &entries["count"]), (30, &json!(1_005)));
}

/// Many requests that are sent and wait for their answers, without a thread each.
struct Flood(Vec<TcpStream>);

impl Flood {
    fn send(app: &TestApp, path: &str, count: usize) -> Self {
        let address = app.base.strip_prefix("http://").unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Token {}\r\nConnection: close\r\n\r\n",
            app.token
        );
        let one = |_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            stream
        };
        Self((0..count).map(one).collect())
    }

    /// The answers: status, and the whole text.
    fn answers(self) -> Vec<(u16, String)> {
        let one = |mut stream: TcpStream| {
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            let status = text.get(9..12).and_then(|status| status.parse().ok());
            (status.unwrap_or_else(|| panic!("no answer: {text}")), text.to_lowercase())
        };
        self.0.into_iter().map(one).collect()
    }
}

fn load(app: &TestApp, kind: Kind) -> Load {
    let found = app.host.shares.loads();
    *found.iter().find(|load| load.plugin == "test-plugin" && load.kind == kind).unwrap()
}

/// Everybody else is served: reads, writes, routes of the plugin that need nothing of what is held.
fn core_is_served(app: &TestApp, names: &str) {
    for number in 0..10 {
        app.get("/entity/api/v2/").expect(200);
        let (entity, _) = app.entity(json!({"name": format!("{names}{number}")}));
        let entry = app.entry(entity, json!({"name": "x"}));
        app.get(&format!("/entry/api/v2/{entry}/")).expect(200);
        app.request("GET", &format!("{BASE}/open-to-all/"), &[], None).expect(200);
        app.request("GET", "/health/ready", &[], None).expect(200);
    }
}

/// So many answers were refused, by a sentence that names the plugin; the others are good.
#[track_caller]
fn answered(flood: Flood, refused: usize) {
    let answers = flood.answers();
    let busy: Vec<_> = answers.iter().filter(|(status, _)| *status == 503).collect();
    assert_eq!(busy.len(), refused);
    for (_, text) in busy {
        assert!(text.contains("plugin test-plugin is busy") && text.contains("retry-after: 1"), "{text}");
    }
    assert_eq!(answers.iter().filter(|(status, _)| *status == 200).count(), answers.len() - refused);
}

/// Reads that never end must not be told off by the clock.
fn patient(config: &mut pagoda_core::config::Config) {
    config.database_timeout = Duration::from_secs(60);
    config.limits.plugin_queue = 100;
}

fn a_flood_of_a_plugins_reads_leaves_room_for_everybody_else(database: Database) {
    let Some(app) = with(database, patient) else { return };
    let key = format!("reads-{database:?}");
    let latch = Opened(latch(&key));
    let flood = Flood::send(&app, &format!("{BASE}/held/read/{key}/"), 300);
    // Half of the eight connections, a hundred wait, the rest comes back later.
    PATIENCE.until("the flood is there", || load(&app, Kind::Routes).refused == 196);
    let Load { running, waiting, .. } = load(&app, Kind::Routes);
    assert_eq!((running, waiting, latch.0.inside()), (4, 100, 4));
    core_is_served(&app, "e");
    assert_eq!(latch.0.passed(), 0, "the flood was held all the time");
    latch.0.open();
    answered(flood, 196);
    assert_eq!((latch.0.passed(), load(&app, Kind::Routes).running), (104, 0));
}

fn a_flood_of_a_plugins_plain_routes_leaves_room_for_everybody_else(database: Database) {
    let Some(app) = with(database, patient) else { return };
    let key = format!("plain-{database:?}");
    let latch = Opened(latch(&key));
    let flood = Flood::send(&app, &format!("{BASE}/held/plain/{key}/"), 300);
    // A quarter of the 256 places.
    PATIENCE.until("the flood is there", || load(&app, Kind::Calls).refused == 136);
    PATIENCE.until("all places are taken", || latch.0.inside() == 64);
    assert_eq!(load(&app, Kind::Calls).waiting, 100);
    core_is_served(&app, "e");
    assert_eq!(latch.0.passed(), 0, "the flood was held all the time");
    latch.0.open();
    answered(flood, 136);
}

fn a_flood_of_a_plugins_writes_lets_others_write_in_turn(database: Database) {
    let Some(app) = with(database, patient) else { return };
    let key = format!("writes-{database:?}");
    let latch = Opened(latch(&key));
    let flood = Flood::send(&app, &format!("{BASE}/held/write/{key}/"), 60);
    let at_once = if database == Database::Sqlite { 1 } else { 4 };
    PATIENCE.until("the flood is there", || {
        latch.0.inside() == at_once
            && load(&app, Kind::Routes).running == 4
            && load(&app, Kind::Routes).waiting >= 56
    });
    std::thread::scope(|scope| {
        let core = scope.spawn(|| app.entity(json!({"name": "in turn"})).0);
        if database == Database::Sqlite {
            // There is one writer, and the plugin has it. One of its transactions ends, and it is the core's turn,
            // though 59 of the plugin's were there before.
            let pools = || app.host.store.pools();
            let waiting = || pools().iter().any(|pool| pool.name == "write" && pool.waiting == 1);
            PATIENCE.until("the core waits for the writer", waiting);
            latch.0.let_pass(1);
        }
        PATIENCE.until("the core has written", || core.is_finished());
        assert!(core.join().unwrap() > 0);
        assert_eq!(latch.0.passed(), usize::from(database == Database::Sqlite));
    });
    latch.0.open();
    answered(flood, 0);
    assert_eq!(latch.0.passed(), 60);
}
