//! Alerts reach people once, and once more when it is over; nobody waits for them.

use crate::process::{Process, command};
use crate::server::{Database, TestApp, on_both_databases};
use crate::wait::Wait;
use pagoda_core::config::{Config, Flags};
use pagoda_core::observe::alerts::Kind;
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::store::DatabaseUrl;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

on_both_databases! {
    a_breaker_that_opens_is_told_once_and_once_when_it_is_closed;
    what_is_not_taken_is_told_later_and_nobody_waits;
    connections_that_nobody_gets;
    plugins_that_fail_are_slow_or_do_not_start;
    only_administrators_see_incidents;
}

/// How long anything may take before a test gives up.
const PATIENCE: Wait = Wait::seconds(30);

/// Something that listens, until it is dropped.
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stub {
    pub(crate) fn start(serve: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, over) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let ends = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                serve(stream.unwrap());
            }
        });
        Self { address, over, thread: Some(thread) }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What was posted: headers, in lower case, and body.
pub(crate) type Posted = (BTreeMap<String, String>, Value);

/// Takes what is posted.
pub(crate) struct Hook {
    pub(crate) stub: Stub,
    pub(crate) posted: Arc<Mutex<Vec<Posted>>>,
    pub(crate) tries: Arc<AtomicU16>,
    /// What it answers with; 0: not at all for now.
    pub(crate) status: Arc<AtomicU16>,
}

impl Hook {
    pub(crate) fn start(status: u16) -> Self {
        let posted: Arc<Mutex<Vec<Posted>>> = Arc::default();
        let (status, tries) = (Arc::new(AtomicU16::new(status)), Arc::new(AtomicU16::new(0)));
        let (into, answers, tried) = (Arc::clone(&posted), Arc::clone(&status), Arc::clone(&tries));
        let stub = Stub::start(move |stream| {
            tried.fetch_add(1, Ordering::Relaxed);
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut headers = BTreeMap::new();
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap_or(0) > 0 && !line.trim().is_empty() {
                if let Some((name, value)) = line.trim().split_once(": ") {
                    headers.insert(name.to_ascii_lowercase(), value.to_owned());
                }
                line.clear();
            }
            let length = headers.get("content-length").and_then(|length| length.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            if reader.read_exact(&mut body).is_err() || body.is_empty() {
                return;
            }
            let began = Instant::now();
            while answers.load(Ordering::Relaxed) == 0 && began.elapsed() < PATIENCE.0 {
                std::thread::sleep(Duration::from_millis(5));
            }
            let status = answers.load(Ordering::Relaxed);
            if status == 200 {
                into.lock().unwrap().push((headers, serde_json::from_slice(&body).unwrap()));
            }
            let mut stream = stream;
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        });
        Self { stub, posted, tries, status }
    }

    fn url(&self) -> String {
        format!("http://{}/secret-path", self.stub.address)
    }

    fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }

    /// States of what was posted of this kind, by incident, in the order in which they came.
    fn states(&self, kind: &str) -> BTreeMap<i64, Vec<String>> {
        let mut states: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for (_, body) in self.posted().into_iter().filter(|(_, body)| body["kind"] == kind) {
            let state = body["state"].as_str().unwrap().to_owned();
            states.entry(body["id"].as_i64().unwrap()).or_default().push(state);
        }
        states
    }
}

/// Takes mail.
struct Post {
    stub: Stub,
    mails: Arc<Mutex<Vec<String>>>,
}

impl Post {
    fn start() -> Self {
        let mails: Arc<Mutex<Vec<String>>> = Arc::default();
        let into = Arc::clone(&mails);
        let stub = Stub::start(move |stream| {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut stream = stream;
            let mut say = |text: &str| drop(stream.write_all(format!("{text}\r\n").as_bytes()));
            let mut mail: Option<String> = None;
            let mut line = String::new();
            say("220 here");
            while reader.read_line(&mut line).unwrap_or(0) > 0 {
                match (&mut mail, line.trim_end()) {
                    (Some(_), ".") => {
                        into.lock().unwrap().extend(mail.take());
                        say("250 taken");
                    }
                    (Some(text), _) => text.push_str(&line),
                    (None, "DATA") => {
                        mail = Some(String::new());
                        say("354 go on");
                    }
                    (None, "QUIT") => {
                        say("221 bye");
                        return;
                    }
                    (None, _) => say("250 fine"),
                }
                line.clear();
            }
        });
        Self { stub, mails }
    }

    /// Subjects of the mails about this kind.
    fn subjects(&self, kind: &str) -> Vec<String> {
        let mails = self.mails.lock().unwrap().clone();
        let subject = |mail: String| {
            // Long lines are folded.
            let text = mail.replace("\r\n ", " ");
            text.lines().find_map(|line| line.strip_prefix("Subject: ").map(str::to_owned)).unwrap()
        };
        mails.into_iter().map(subject).filter(|subject| subject.contains(kind)).collect()
    }
}

/// Settings that tell this hook and this post soon, and look at no disk.
fn told(config: &mut Config, hook: &Hook, post: Option<&Post>) {
    let mut variables = vec![
        ("PAGODA_ALERT_WEBHOOK_URL", hook.url()),
        ("PAGODA_ALERT_WEBHOOK_SECRET", "a secret of this test".to_owned()),
        ("PAGODA_ALERT_AFTER_MS", "60".to_owned()),
        ("PAGODA_ALERT_CLEAR_MS", "120".to_owned()),
        ("PAGODA_ALERT_RETRY_MS", "50".to_owned()),
        ("PAGODA_ALERT_DISK_FREE_PERCENT", "0".to_owned()),
    ];
    if let Some(post) = post {
        variables.push(("PAGODA_ALERT_EMAIL_TO", "Ops <ops@example.com>".to_owned()));
        variables.push(("PAGODA_ALERT_EMAIL_FROM", "pagoda@example.com".to_owned()));
        variables.push(("PAGODA_SMTP_URL", format!("smtp://{}", post.stub.address)));
    }
    let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value));
    config.alerts = Config::load(&Flags::default(), variables).unwrap().alerts;
    config.plugins.defaults.breaker.faults = 2;
    config.plugins.defaults.breaker.pause = Duration::from_millis(50);
}

fn chaos() -> Contributions {
    Contributions::of(&[&pagoda_chaos::PLUGIN])
}

/// Makes the breaker of a hook open.
fn fail(app: &TestApp, entity: i64) {
    for number in 0..2 {
        let name = format!("chaos.before_create.error.{number}");
        app.post(&format!("/entity/api/v2/{entity}/entries/"), json!({"name": name})).expect(202);
    }
}

/// Creates entries until the breakers of `chaos` are closed again.
fn mend(app: &TestApp, entity: i64) {
    let mut number = 0;
    PATIENCE.until("the breaker closes", || {
        number += 1;
        app.entry(entity, json!({"name": format!("calm {number}")}));
        let shown = app.get("/api/v2/plugins/chaos/").expect(200).json();
        shown["state"] == "active"
    });
}

fn a_breaker_that_opens_is_told_once_and_once_when_it_is_closed(database: Database) {
    let (hook, post) = (Hook::start(200), Post::start());
    let Some(app) = TestApp::with(database, chaos(), |config| told(config, &hook, Some(&post))) else {
        return;
    };
    let (rack, _) = app.entity(json!({"name": "rack"}));
    fail(&app, rack);
    let (headers, body) = PATIENCE.until_some("something is posted", || hook.posted().into_iter().next());
    assert_eq!((&body["kind"], &body["state"]), (&json!("breaker_open"), &json!("opened")), "{body}");
    assert!(body["subject"].as_str().unwrap().starts_with("chaos"), "{body}");
    assert!(body["sentence"].as_str().unwrap().contains("is open"), "{body}");
    assert!(body["recovered_at"].is_null() && body["opened_at"].is_string(), "{body}");
    assert_eq!(headers["x-pagoda-delivery"], format!("{}-opened", body["id"]));
    let signature = headers["x-pagoda-signature"].strip_prefix("sha256=").unwrap();
    assert!(signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit()), "{signature}");
    PATIENCE.until("a mail comes", || !post.subjects("breaker_open").is_empty());
    let open = app.get("/api/v2/alerts/?state=open").expect(200).json();
    assert!(open["results"].as_array().unwrap().iter().any(|item| item["kind"] == "breaker_open"), "{open}");

    mend(&app, rack);
    let incidents = PATIENCE.until_some("incidents are over", || {
        let all = app.get("/api/v2/alerts/").expect(200).json();
        let all = all["results"].as_array().unwrap().clone();
        let channel = |told: &Value| told["told"] == "recovered";
        let over = |item: &Value| {
            let deliveries = item["deliveries"].as_array().unwrap();
            item["state"] == "recovered" && deliveries.len() == 2 && deliveries.iter().all(channel)
        };
        (!all.is_empty() && all.iter().all(over)).then_some(all)
    });
    // Each once, in order, on each way.
    let states = hook.states("breaker_open");
    assert_eq!(states.len(), incidents.len(), "{states:?}");
    assert!(states.values().all(|states| states == &["opened", "recovered"]), "{states:?}");
    let mut subjects = post.subjects("breaker_open");
    subjects.sort();
    let wanted = incidents.len();
    let count = |word: &str| subjects.iter().filter(|subject| subject.contains(word)).count();
    assert_eq!((count("alert:"), count("recovered:"), subjects.len()), (wanted, wanted, 2 * wanted));
}

#[test]
fn of_two_servers_one_tells() {
    let hook = Hook::start(200);
    let Some(url) = pagoda_test_support::database() else { return };
    let start = || {
        let change = |config: &mut Config| {
            told(config, &hook, None);
            config.database_url = DatabaseUrl::parse(&url).unwrap();
        };
        TestApp::with(Database::Postgres, chaos(), change).unwrap()
    };
    let (one, other) = (start(), start());
    // The second one's token replaced the first one's.
    let rack =
        other.post("/entity/api/v2/", json!({"name": "rack"})).expect(202).json()["id"].as_i64().unwrap();
    for number in 0..2 {
        let name = format!("chaos.before_create.error.{number}");
        let path = format!("/entity/api/v2/{rack}/entries/");
        one.with_token(&other.token, "POST", &path, Some(&json!({"name": name}))).expect(202);
    }
    PATIENCE.until("the other server knows", || {
        let shown = other.get("/api/v2/plugins/chaos/").expect(200).json();
        shown["state"] != "active"
    });
    PATIENCE.until("something is posted", || !hook.posted().is_empty());
    // Until both had many opportunities to tell it again.
    mend(&other, rack);
    PATIENCE.until("it is over", || {
        let all = other.get("/api/v2/alerts/").expect(200).json();
        let told = |item: &Value| item["deliveries"][0]["told"] == "recovered";
        let all = all["results"].as_array().unwrap();
        !all.is_empty() && all.iter().all(told)
    });
    let states = hook.states("breaker_open");
    assert!(states.values().all(|states| states == &["opened", "recovered"]), "{states:?}");
    let subjects: Vec<Value> = hook.posted().into_iter().map(|(_, body)| body["subject"].clone()).collect();
    for subject in &subjects {
        assert_eq!(subjects.iter().filter(|other| *other == subject).count(), 2, "{subjects:?}");
    }
}

fn what_is_not_taken_is_told_later_and_nobody_waits(database: Database) {
    // It says nothing at first, which is worse than an error.
    let (hook, post) = (Hook::start(0), Post::start());
    let Some(app) = TestApp::with(database, chaos(), |config| told(config, &hook, Some(&post))) else {
        return;
    };
    let (rack, _) = app.entity(json!({"name": "rack"}));
    fail(&app, rack);
    PATIENCE.until("a connection comes", || hook.tries.load(Ordering::Relaxed) > 0);
    // The other way is not held up, and neither is anybody.
    PATIENCE.until("a mail comes", || !post.subjects("breaker_open").is_empty());
    for number in 0..20 {
        app.entry(rack, json!({"name": format!("meanwhile {number}")}));
    }
    assert!(hook.posted().is_empty());
    hook.status.store(503, Ordering::Relaxed);
    let tries = hook.tries.load(Ordering::Relaxed);
    PATIENCE.until("it is tried again", || hook.tries.load(Ordering::Relaxed) > tries + 1);
    let shown = PATIENCE.until_some("the problem is shown", || {
        let all = app.get("/api/v2/alerts/").expect(200).json();
        let deliveries = all["results"][0]["deliveries"].as_array()?.clone();
        deliveries.into_iter().find(|row| row["channel"] == "webhook" && row["problem"].is_string())
    });
    assert!(shown["problem"].as_str().unwrap().contains("503"), "{shown}");
    mend(&app, rack);
    hook.status.store(200, Ordering::Relaxed);
    let states = PATIENCE.until_some("it is told", || {
        let states = hook.states("breaker_open");
        let over = |states: &Vec<String>| states.len() == 2;
        (!states.is_empty() && states.values().all(over)).then_some(states)
    });
    assert!(states.values().all(|states| states == &["opened", "recovered"]), "{states:?}");
}

fn connections_that_nobody_gets(database: Database) {
    let hook = Hook::start(200);
    let few = |config: &mut Config| {
        told(config, &hook, None);
        config.alerts.pool_timeouts = 2;
        config.database_connections = 1;
        config.database_timeout = Duration::from_millis(100);
    };
    let Some(app) = TestApp::with(database, Contributions::default(), few) else { return };
    let held = app.host.store.reader().unwrap();
    for _ in 0..2 {
        app.get("/api/v2/alerts/").expect(503);
    }
    drop(held);
    let (_, body) = PATIENCE.until_some("something is posted", || hook.posted().into_iter().next());
    assert_eq!((&body["kind"], &body["state"]), (&json!("pool_exhausted"), &json!("opened")), "{body}");
    assert!(body["value"].as_f64().unwrap() >= 2.0 && body["threshold"] == 2.0, "{body}");
}

fn plugins_that_fail_are_slow_or_do_not_start(database: Database) {
    let hook = Hook::start(200);
    let plugins = Contributions::of(&[&pagoda_chaos::PLUGIN, &pagoda_naming_policy::PLUGIN]);
    let strict = |config: &mut Config| {
        told(config, &hook, None);
        config.alerts.least_calls = 5;
        config.alerts.latency = Some(Duration::from_millis(20));
        config.plugins.defaults.breaker.faults = 1_000;
        config.plugins.sections.insert("naming-policy".to_owned(), json!({"no such key": 1}));
    };
    let Some(app) = TestApp::with(database, plugins, strict) else { return };
    let (rack, _) = app.entity(json!({"name": "rack"}));
    for number in 0..6 {
        app.entry(rack, json!({"name": format!("chaos.before_create.error.{number}")}));
        app.entry(rack, json!({"name": format!("chaos.validation.slow.{}", 30 + number)}));
    }
    let opened = |kind: &str| {
        PATIENCE.until_some(kind, || {
            hook.posted().into_iter().map(|(_, body)| body).find(|body| body["kind"] == kind)
        })
    };
    let body = opened("plugin_faults");
    assert_eq!((&body["subject"], &body["threshold"]), (&json!("chaos"), &json!(10.0)), "{body}");
    assert!(body["value"].as_f64().unwrap() > 10.0, "{body}");
    let body = opened("plugin_latency");
    assert_eq!(body["subject"], "chaos: pagoda.entry.validation validation", "{body}");
    assert!(body["value"].as_f64().unwrap() >= 30.0 && body["threshold"] == 20.0, "{body}");
    let body = opened("plugin_failed");
    assert_eq!(body["subject"], "naming-policy", "{body}");
    assert!(body["sentence"].as_str().unwrap().contains("no such key"), "{body}");
    // Enough that goes well, and it is no great part of it any more.
    let over = vec!["opened".to_owned(), "recovered".to_owned()];
    let mut number = 0;
    PATIENCE.until("the faults are over", || {
        number += 1;
        app.entry(rack, json!({"name": format!("calm {number}")}));
        hook.states("plugin_faults").values().all(|states| *states == over)
    });
}

fn only_administrators_see_incidents(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let (_, guest) = app.user(|_| {});
    app.with_token(&guest, "GET", "/api/v2/alerts/?state=x", None).expect(403);
    assert_eq!(app.get("/api/v2/alerts/?state=x").expect(400).codes(), ["state AE-250000"]);
    assert_eq!(app.get("/api/v2/alerts/?state=recovered").expect(200).json()["count"], 0);
}

/// A disk is never free in full. What a server could not tell, the next one over the same database does.
#[test]
fn a_disk_that_fills_is_told_even_by_the_next_server() {
    let hook = Hook::start(503);
    let full = |config: &mut Config| {
        told(config, &hook, None);
        config.alerts.disk_free_percent = 100;
    };
    let app = TestApp::with(Database::Sqlite, Contributions::default(), full).unwrap();
    PATIENCE.until("it is tried", || hook.tries.load(Ordering::Relaxed) > 0);
    let shown = app.get("/api/v2/alerts/").expect(200).json()["results"][0].clone();
    assert_eq!((&shown["kind"], &shown["state"]), (&json!("disk_low"), &json!("open")), "{shown}");
    let directory = app.stop();
    assert!(hook.posted().is_empty());
    hook.status.store(200, Ordering::Relaxed);
    let again = |config: &mut Config| {
        told(config, &hook, None);
        config.database_url = DatabaseUrl::Sqlite(directory.path().join("pagoda.db"));
    };
    let _app = TestApp::with(Database::Sqlite, Contributions::default(), again).unwrap();
    let (_, body) = PATIENCE.until_some("it is told", || hook.posted().into_iter().next());
    for field in ["id", "kind", "subject", "sentence", "instance", "opened_at"] {
        assert_eq!(body[field], shown[field], "{field}");
    }
}

/// The process that comes after one that hung says so, by the settings of the environment.
#[test]
fn a_plugin_that_was_cut_out_is_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let mut make = command(directory.path());
    make.env("PAGODA_ALERT_AFTER_MS", "50");
    let mut server = Process::start(&mut make);
    server.log_in(&mut command(directory.path()));
    let (_, rack) = server.post("/entity/api/v2/", json!({"name": "rack"}));
    let entries = format!("/entity/api/v2/{}/entries/", rack["id"]);
    let (status, _) = server.post(&entries, json!({"name": "chaos.before_create.spin"}));
    assert!(matches!(status, 503 | 504), "{status}");
    let line = server.wait_for_line("alert: plugin chaos was cut out");
    assert_eq!((&line["target"], &line["level"]), (&json!("pagoda::alert"), &json!("WARN")), "{line}");
    assert_eq!((&line["kind"], &line["subject"]), (&json!("plugin_quarantined"), &json!("chaos")), "{line}");
    let (status, body) = server.get("/api/v2/alerts/?state=open");
    assert_eq!((status, &body["results"][0]["kind"]), (200, &json!("plugin_quarantined")), "{body}");
}

/// Operators read of every kind, and of the defaults that there are.
#[test]
fn documents_say_what_there_is() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let operations = std::fs::read_to_string(root.join("docs/operations.md")).unwrap();
    for kind in Kind::ALL {
        assert!(operations.contains(&format!("| `{kind}` | ")), "docs/operations.md has no row for {kind}");
    }
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let alerts = Config::default().alerts;
    for (key, value) in [
        ("alerts", alerts.enabled.to_string()),
        ("alert_after_ms", alerts.after.as_millis().to_string()),
        ("alert_clear_ms", alerts.clear.as_millis().to_string()),
        ("alert_window_s", alerts.window.as_secs().to_string()),
        ("alert_fault_percent", alerts.fault_percent.to_string()),
        ("alert_least_calls", alerts.least_calls.to_string()),
        ("alert_latency_percent", alerts.latency_percent.to_string()),
        ("alert_pool_timeouts", alerts.pool_timeouts.to_string()),
        ("alert_refusals", alerts.refusals.to_string()),
        ("alert_disk_free_percent", alerts.disk_free_percent.to_string()),
        ("alert_disk_free_bytes", alerts.disk_free_bytes.to_string()),
        ("alert_retry_ms", alerts.retry.as_millis().to_string()),
    ] {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{key}` | ")));
        let row = row.unwrap_or_else(|| panic!("README.md has no row for {key}"));
        assert!(row.contains(&format!(" | `{value}` | ")), "{key} is {value}: {row}");
    }
}
