//! A plugin that does not come back costs seconds, not the service.

use crate::process::{Client, Process, command};
use crate::server::Database;
use crate::wait::Wait;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A server of this kind in this directory; none when its database is absent.
fn start(directory: &Path, database: Database) -> Option<(Process, impl Fn() -> Command)> {
    let url = match database {
        Database::Sqlite => format!("sqlite://{}", directory.join("pagoda.db").display()),
        Database::Postgres => pagoda_test_support::database()?,
    };
    let directory = directory.to_owned();
    let make = move || {
        let mut command = command(&directory);
        command.env("DATABASE_URL", &url);
        command
    };
    let mut server = Process::start(&mut make());
    server.log_in(&mut make());
    Some((server, make))
}

fn chaos_state(server: &Client) -> (Value, Value) {
    let (status, body) = server.get("/api/v2/plugins/chaos/");
    assert_eq!(status, 200, "{body}");
    (body["state"].clone(), body["reason"].clone())
}

/// Asks until it is answered with 200; requests that meet the moment of the change may be turned away.
fn until_answered(server: &Client, path: &str, deadline: Instant) -> Value {
    let left = deadline.saturating_duration_since(Instant::now());
    Wait(left).until_ok(path, || match server.request("GET", path, None) {
        Ok((200, body)) => Ok(body),
        other => Err(other),
    })
}

/// Lets `name` hang a hook; checks what everybody else gets meanwhile and what there is afterwards.
fn spins(database: Database, hook: &str, stored: bool) {
    let directory = tempfile::tempdir().unwrap();
    let Some((mut server, make)) = start(directory.path(), database) else { return };
    let (status, rack) = server.post("/entity/api/v2/", json!({"name": "rack"}));
    assert_eq!(status, 202, "{rack}");
    let entries = format!("/entity/api/v2/{}/entries/", rack["id"]);
    let (status, calm) = server.post(&entries, json!({"name": "calm"}));
    assert_eq!(status, 202, "{calm}");
    let process = server.id();

    let began = Instant::now();
    let over = Arc::new(AtomicBool::new(false));
    let client = server.client.clone();
    let (created, longest, failed) = std::thread::scope(|scope| {
        let client = &client;
        let caught = scope.spawn(move || {
            client.request("POST", &entries, Some(&json!({"name": format!("chaos.{hook}.spin")})))
        });
        let (done, path) = (Arc::clone(&over), format!("/entry/api/v2/{}/", calm["id"]));
        let others = scope.spawn(move || {
            let (mut longest, mut failed) = (Duration::ZERO, Vec::new());
            while !done.load(Ordering::Relaxed) {
                let asked = Instant::now();
                match client.request("GET", &path, None) {
                    Ok((200, _)) => {}
                    other => failed.push(format!("{:?} after {:?}", other, began.elapsed())),
                }
                longest = longest.max(asked.elapsed());
            }
            (longest, failed)
        });
        let created = caught.join().unwrap();
        // The process that comes after it.
        server.wait_for_line("serving");
        until_answered(client, "/api/v2/plugins/", began + Duration::from_secs(10));
        over.store(true, Ordering::Relaxed);
        let (longest, failed) = others.join().unwrap();
        (created, longest, failed)
    });
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    assert!(longest < Duration::from_secs(3), "somebody else waited for {longest:?}");
    // At the moment of the change a request may be turned away, with an answer or without.
    assert!(failed.len() <= 2, "{failed:#?}");
    let (status, body) = created.expect("the creator is answered");
    if stored {
        assert_eq!(status, 202, "{body}");
    } else {
        assert!(matches!(status, 503 | 504), "{status}: {body}");
        assert!(body["message"].is_string() && body["code"].is_string(), "{body}");
    }

    assert_eq!(server.id(), process, "the process was replaced in its place");
    let (state, reason) = chaos_state(&server);
    assert_eq!(state, "failed", "{reason}");
    assert!(reason.as_str().unwrap().contains(hook), "{reason}");
    // Everything works without it.
    let entries = format!("/entity/api/v2/{}/entries/", rack["id"]);
    let (status, body) = server.post(&entries, json!({"name": format!("chaos.{hook}.spin.again")}));
    assert_eq!(status, 202, "{body}");
    let (_, list) = server.get(&format!("{entries}?search=chaos.{hook}.spin"));
    let found = list["results"].as_array().unwrap().len();
    assert_eq!(found, if stored { 2 } else { 1 }, "{list}");
    let (status, body) = server.get("/api/v2/plugins/chaos/slow/?n=1");
    assert_eq!((status, &body["plugin"]), (503, &json!("chaos")), "{body}");

    // It stays out over a restart, until an administrator lets it in.
    server.signal("TERM");
    assert!(server.wait().success(), "{:#?}", server.rest_of_log());
    drop(server);
    let mut server = Process::start(&mut make());
    server.log_in(&mut make());
    assert_eq!(chaos_state(&server).0, "failed");
    let (status, body) = server.post("/api/v2/plugins/chaos/enable", json!({}));
    assert_eq!((status, &body["state"]), (200, &json!("active")), "{body}");
    assert_eq!(server.get("/api/v2/plugins/chaos/slow/?n=1").0, 200);
}

macro_rules! spinning {
    ($($name:ident: $database:ident, $hook:literal, $stored:literal;)*) => {$(
        #[test]
        fn $name() {
            spins(Database::$database, $hook, $stored);
        }
    )*};
}

spinning! {
    a_hook_that_holds_the_writer_on_sqlite: Sqlite, "before_create", false;
    a_hook_that_holds_a_transaction_on_postgres: Postgres, "before_create", false;
    an_async_hook_after_the_commit_on_sqlite: Sqlite, "after_create", true;
    an_async_hook_after_the_commit_on_postgres: Postgres, "after_create", true;
}

/// Async code is cut off where it awaits. What never does is kept away from those who serve requests.
#[test]
fn an_async_route_that_never_awaits() {
    let directory = tempfile::tempdir().unwrap();
    let make = || {
        let mut command = command(directory.path());
        command.env("PAGODA_PLUGIN_ROUTE_BUDGET_MS", "700").env("PAGODA_PLUGIN_HARD_LIMIT_MS", "2000");
        // All requests would meet a thread that is lost.
        command.env("PAGODA_WORKERS", "1");
        command
    };
    let mut server = Process::start(&mut make());
    server.log_in(&mut make());
    assert_eq!(server.get("/api/v2/plugins/chaos/spin/async/?n=1"), (200, json!({"spun_ms": 1})));
    let client = server.client.clone();
    let replaced = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (client, replaced) = (&client, &replaced);
        let caught = scope.spawn(move || client.request("GET", "/api/v2/plugins/chaos/spin/async/", None));
        let others = scope.spawn(move || {
            let (mut answered, mut failed) = (0, Vec::new());
            let deadline = Instant::now() + Duration::from_secs(20);
            while !replaced.load(Ordering::Relaxed) && Instant::now() < deadline {
                match client.request("GET", "/user/api/v2/me", None) {
                    Ok((200, _)) => answered += 1,
                    other => failed.push(other),
                }
            }
            (answered, failed)
        });
        let (status, body) = caught.join().unwrap().expect("who is caught is answered");
        assert_eq!((status, &body["message"]), (504, &json!("plugin chaos did not answer within 700ms")));
        server.wait_for_line("serving");
        replaced.store(true, Ordering::Relaxed);
        let (answered, failed) = others.join().unwrap();
        assert!(answered > 10, "{answered} were answered, {failed:#?} were not");
        // At the moment of the change a request may be turned away, with an answer or without.
        assert!(failed.len() <= 2, "{failed:#?}");
    });
    let (state, reason) = chaos_state(&server);
    assert_eq!(state, "failed", "{reason}");
    assert!(reason.as_str().unwrap().contains("GET /spin/async/"), "{reason}");
}
