//! Bad input and bad surroundings: a clear answer each, nothing lost, nothing half-written.

use crate::server::{Database, TestApp, on_both_databases};
use crate::wait::Wait;
use pagoda_core::config::Config;
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::server;
use pagoda_core::store::DatabaseUrl;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

on_both_databases! {
    bodies_have_a_limit;
    broken_requests_get_an_answer;
}

fn bodies_have_a_limit(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::default(), |config| config.max_body_bytes = 4096)
    else {
        return;
    };
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let path = format!("/entity/api/v2/{entity}/entries/");
    let with =
        |length: usize| json!({"name": "x", "attrs": [{"id": attrs["s"], "value": "v".repeat(length)}]});
    let refused = app.post(&path, with(5000)).expect(413);
    assert_eq!(refused.codes(), ["AE-122000"]);
    assert!(refused.body.contains("4096"), "{refused:?}");
    assert!(app.entry_names(entity).is_empty());
    app.post(&path, with(3000)).expect(202);
    // Without a length that was announced, too.
    let mut stream = TcpStream::connect(app.base.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Token {}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        app.token
    );
    stream.write_all(head.as_bytes()).unwrap();
    for _ in 0..3 {
        stream.write_all(format!("800\r\n{}\r\n", "x".repeat(0x800)).as_bytes()).unwrap();
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

fn broken_requests_get_an_answer(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let authorization = format!("Token {}", app.token);
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    let bodies: &[(&[u8], &str)] = &[
        (b"{", "AE-140000"),
        (b"{}}", "AE-140000"),
        (b"\xff\xfe", "AE-140000"),
        (b"{\"name\": \"\\ud800\"}", "AE-140000"),
        (b"nonsense", "AE-140000"),
    ];
    for (body, code) in bodies {
        let answer = app.request("POST", "/entity/api/v2/", &headers, Some(body)).expect(400);
        assert_eq!(answer.codes(), [*code], "{body:?}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    app.request("POST", "/entity/api/v2/", &headers, Some(deep.as_bytes())).expect(400);
    // What a database cannot store must not become a 500.
    let nul = app.post("/entity/api/v2/", json!({"name": "a\u{0}b", "note": "\u{0}"})).expect(400);
    assert_eq!(nul.codes(), ["name AE-121000", "note AE-121000"]);
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let nul = json!({"name": "x", "attrs": [{"id": attrs["s"], "value": "\u{0}"}]});
    let nul = app.post(&format!("/entity/api/v2/{entity}/entries/"), nul).expect(400);
    assert_eq!(nul.codes(), ["non_field_errors AE-121000"]);
    for path in [
        "/entity/api/v2/?search=%00",
        "/entity/api/v2/?search=%ff%fe",
        "/entity/api/v2/?limit=99999999999999999999",
    ] {
        let answer = app.get(path);
        assert!(answer.status == 200 || answer.status == 400, "{path}: {answer:?}");
    }
}

#[test]
fn a_full_disk_changes_nothing_and_is_said() {
    let change = |config: &mut Config| config.sqlite_max_bytes = Some(600_000);
    let app = TestApp::with(Database::Sqlite, Contributions::default(), change).unwrap();
    let (entity, attrs) = app.entity(json!({"name": "e", "attrs": [{"name": "s", "type": 2}]}));
    let path = format!("/entity/api/v2/{entity}/entries/");
    let mut stored = Vec::new();
    let full = loop {
        let name = format!("n{}", stored.len());
        let answer = app
            .post(&path, json!({"name": name, "attrs": [{"id": attrs["s"], "value": "v".repeat(20_000)}]}));
        match answer.status {
            202 => stored.push(name),
            _ => break answer,
        }
        assert!(stored.len() < 100, "the disk never filled up");
    };
    assert_eq!((full.status, full.codes()), (507, vec!["AE-999999".to_owned()]), "{full:?}");
    assert!(full.body.contains("disk is full"), "{full:?}");
    assert_eq!(app.entry_names(entity), stored);
    app.get("/health/ready").expect(200);
}

#[test]
fn a_database_that_goes_away_is_said_and_comes_back() {
    // A proxy that can be cut stands between the server and PostgreSQL.
    let Some(url) = pagoda_test_support::database() else { return };
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, name) = rest.rsplit_once('/').unwrap();
    let (user, address) = authority.rsplit_once('@').unwrap_or(("", authority));
    let proxy = proxy::Proxy::start(address);
    let user = if user.is_empty() { String::new() } else { format!("{user}@") };
    let url = format!("{scheme}://{user}{}/{name}", proxy.address);
    let change = |config: &mut Config| {
        config.database_url = DatabaseUrl::parse(&url).unwrap();
        config.database_timeout = Duration::from_millis(500);
    };
    let app = TestApp::with(Database::Sqlite, Contributions::default(), change).unwrap();
    app.entity(json!({"name": "e"}));
    proxy.cut();
    let answer = app.get("/entity/api/v2/");
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some());
    let unready = app.get("/health/ready").expect(503);
    assert!(unready.body.contains("database"), "{unready:?}");
    app.get("/health/live").expect(200);
    proxy.mend();
    Wait::seconds(20).until("the server has its database again", || app.get("/entity/api/v2/").status == 200);
    assert_eq!(app.get("/entity/api/v2/").json()["count"], 1);
}

#[test]
fn a_read_only_database_is_said() {
    let Some(url) = pagoda_test_support::database() else { return };
    let change = |config: &mut Config| config.database_url = DatabaseUrl::parse(&url).unwrap();
    let app = TestApp::with(Database::Sqlite, Contributions::default(), change).unwrap();
    app.entity(json!({"name": "e"}));
    let name = url.rsplit('/').next().unwrap();
    let cluster = pagoda_test_support::postgres().unwrap();
    cluster.execute("postgres", &format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = on"));
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    cluster.execute("postgres", &end);
    // The old connections end at some moment from now on; until then, and at it, the answers are others.
    let mut tries = 0;
    let answer = Wait::seconds(20).until_ok("it is said", || {
        let answer = app.post("/entity/api/v2/", json!({"name": format!("f{tries}")}));
        if answer.body.contains("read-only") {
            return Ok(answer);
        }
        tries += i32::from(answer.status == 202);
        Err(answer)
    });
    assert_eq!((answer.status, answer.codes()), (503, vec!["AE-999999".to_owned()]));
    assert_eq!(app.get("/entity/api/v2/").expect(200).json()["count"], 1 + tries);
}

fn refusal(change: impl FnOnce(&mut Config)) -> String {
    let mut config = Config::default();
    config.database_timeout = Duration::from_millis(500);
    change(&mut config);
    match server::prepare(config, Contributions::default()) {
        Ok(_) => panic!("the server started"),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn a_start_that_cannot_succeed_says_why() {
    // Nobody listens there: the port was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("postgres://user:geheim@{free}/db");
    let unreachable = refusal(|config| config.database_url = DatabaseUrl::parse(&url).unwrap());
    assert!(unreachable.contains(&free.to_string()) && !unreachable.contains("geheim"), "{unreachable}");

    let app = TestApp::bare(Database::Sqlite).unwrap();
    let file = app.directory.path().join("pagoda.db");
    let second = refusal(|config| config.database_url = DatabaseUrl::Sqlite(file.clone()));
    assert!(second.contains("another instance") && second.contains("pagoda.db.lock"), "{second}");
    let below_a_file = refusal(|config| config.database_url = DatabaseUrl::Sqlite(file.join("below.db")));
    assert!(below_a_file.contains("pagoda.db"), "{below_a_file}");

    let directory = tempfile::tempdir().unwrap();
    let no_database = directory.path().join("text.db");
    std::fs::write(&no_database, "this is no database, but long enough to be taken for one by its size")
        .unwrap();
    let text = refusal(|config| config.database_url = DatabaseUrl::Sqlite(no_database));
    assert!(text.contains("text.db"), "{text}");
}

mod proxy {
    //! A TCP proxy that can be cut and mended.

    use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};

    pub(super) struct Proxy {
        pub(super) address: SocketAddr,
        shared: Arc<Shared>,
    }

    struct Shared {
        whole: AtomicBool,
        done: AtomicBool,
        open: Mutex<Vec<TcpStream>>,
    }

    impl Proxy {
        pub(super) fn start(target: &str) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let shared = Arc::new(Shared {
                whole: AtomicBool::new(true),
                done: AtomicBool::new(false),
                open: Mutex::default(),
            });
            let (for_thread, target) = (Arc::clone(&shared), target.to_owned());
            std::thread::spawn(move || accept(&listener, &target, &for_thread));
            Self { address, shared }
        }

        pub(super) fn cut(&self) {
            self.shared.whole.store(false, Ordering::SeqCst);
            for stream in self.shared.open.lock().unwrap().drain(..) {
                // It may be closed already.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }

        pub(super) fn mend(&self) {
            self.shared.whole.store(true, Ordering::SeqCst);
        }
    }

    impl Drop for Proxy {
        fn drop(&mut self) {
            self.cut();
            self.shared.done.store(true, Ordering::SeqCst);
            // Wakes the accepting thread, which then ends.
            let _ = TcpStream::connect(self.address);
        }
    }

    fn accept(listener: &TcpListener, target: &str, shared: &Arc<Shared>) {
        for client in listener.incoming() {
            if shared.done.load(Ordering::SeqCst) {
                return;
            }
            let Ok(client) = client else { continue };
            if !shared.whole.load(Ordering::SeqCst) {
                continue;
            }
            let Ok(server) = TcpStream::connect(target) else { continue };
            let mut open = shared.open.lock().unwrap();
            for (mut from, mut to) in [(&client, &server), (&server, &client)]
                .map(|(a, b)| (a.try_clone().unwrap(), b.try_clone().unwrap()))
            {
                open.push(from.try_clone().unwrap());
                std::thread::spawn(move || {
                    // Either side may be cut at any time; that ends both.
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
        }
    }
}
