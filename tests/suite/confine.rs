//! The process gives up what it does not need, and can do all that it needs: a real process each.
//!
//! Where the kernel has no landlock of the version that everything takes, these tests say so and pass; with
//! `PAGODA_TEST_REQUIRE_LANDLOCK=1` that is a failure.

use crate::process::{Process, command};
use crate::server::{Database, on_both_databases};
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether this kernel can do everything.
fn possible() -> bool {
    let directory = tempfile::tempdir().unwrap();
    let possible =
        probe(directory.path()).env("PAGODA_CONFINE", "require").output().unwrap().status.success();
    if !possible {
        assert!(
            std::env::var_os("PAGODA_TEST_REQUIRE_LANDLOCK").is_none_or(|value| value != "1"),
            "PAGODA_TEST_REQUIRE_LANDLOCK=1, but landlock is missing or too old"
        );
        // Not println!: the line is wanted also where output of tests is captured.
        let _ = writeln!(std::io::stderr(), "skipped: landlock is missing or too old");
    }
    possible
}

/// The program that confines itself and tries things, with the server's defaults in this directory.
fn probe(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_confined-probe"));
    // Webhooks may lead to many places; a server that has none needs the least.
    command.env_clear().env("PAGODA_WEBHOOKS", "off").current_dir(directory);
    command
}

/// What the probe said, line by line.
#[track_caller]
fn answers(command: &mut Command) -> Vec<String> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// A directory that no confinement of a test is about.
fn elsewhere() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "of somebody else").unwrap();
    (directory, file)
}

#[test]
fn files_beyond_the_data_directory_are_out_of_reach() {
    if !possible() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let (_other, file) = elsewhere();
    let file = file.display();
    let answers = answers(probe(home.path()).args([
        // The data directory is the server's.
        "write=pagoda-data/new".to_owned(),
        "read=pagoda-data/new".to_owned(),
        "list=pagoda-data".to_owned(),
        "remove=pagoda-data/new".to_owned(),
        // What it reads of the system.
        "read=/proc/self/status".to_owned(),
        "list=/proc/self/fd".to_owned(),
        "read=/dev/null".to_owned(),
        "write=/dev/null".to_owned(),
        // All the rest is not.
        "list=/".to_owned(),
        "list=.".to_owned(),
        "write=new".to_owned(),
        "read=/etc/passwd".to_owned(),
        "read=/etc/hosts".to_owned(),
        "list=/tmp".to_owned(),
        "read=/proc/1/status".to_owned(),
        format!("read={file}"),
        format!("write={file}"),
        format!("remove={file}"),
        format!("write={file}-new"),
        "run=/bin/true".to_owned(),
        "run=/bin/sh".to_owned(),
        "write=pagoda-data/program".to_owned(),
    ]));
    let denied = "PermissionDenied";
    assert_eq!(
        answers,
        [
            "write=pagoda-data/new ok".to_owned(),
            "read=pagoda-data/new ok".to_owned(),
            "list=pagoda-data ok".to_owned(),
            "remove=pagoda-data/new ok".to_owned(),
            "read=/proc/self/status ok".to_owned(),
            "list=/proc/self/fd ok".to_owned(),
            "read=/dev/null ok".to_owned(),
            "write=/dev/null ok".to_owned(),
            format!("list=/ {denied}"),
            format!("list=. {denied}"),
            format!("write=new {denied}"),
            format!("read=/etc/passwd {denied}"),
            format!("read=/etc/hosts {denied}"),
            format!("list=/tmp {denied}"),
            format!("read=/proc/1/status {denied}"),
            format!("read={file} {denied}"),
            format!("write={file} {denied}"),
            format!("remove={file} {denied}"),
            format!("write={file}-new {denied}"),
            format!("run=/bin/true {denied}"),
            format!("run=/bin/sh {denied}"),
            "write=pagoda-data/program ok".to_owned(),
            "layers 1".to_owned(),
        ]
    );
    // What can be written cannot be started.
    std::fs::copy("/bin/true", home.path().join("pagoda-data/program")).unwrap();
    let started = self::answers(probe(home.path()).arg("run=pagoda-data/program"));
    assert_eq!(started[0], format!("run=pagoda-data/program {denied}"));
}

#[test]
fn ports_signals_and_abstract_sockets_that_nobody_named_are_out_of_reach() {
    if !possible() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let listening = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (named, other, free) = (listening(), listening(), listening());
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let (named_port, other_port, own_port) = (port(&named), port(&other), port(&free));
    drop(free);
    let name = format!("pagoda-test-{}", std::process::id());
    let _socket = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let tries = [
        format!("connect=127.0.0.1:{named_port}"),
        format!("connect=127.0.0.1:{other_port}"),
        format!("listen=127.0.0.1:{own_port}"),
        "listen=127.0.0.1:0".to_owned(),
        format!("abstract={name}"),
        format!("signal={}", std::process::id()),
    ];
    let mut command = probe(home.path());
    command.args(&tries);
    command.env("PAGODA_BIND", format!("127.0.0.1:{own_port}"));
    command.env("DATABASE_URL", format!("postgres://me@127.0.0.1:{named_port}/d"));
    let expected = |outcome: [&str; 6], last: &[&str]| -> Vec<String> {
        let lines = tries.iter().zip(outcome).map(|(tried, outcome)| format!("{tried} {outcome}"));
        lines.chain(last.iter().map(|line| (*line).to_owned())).collect()
    };
    let denied = "PermissionDenied";
    assert_eq!(answers(&mut command), expected(["ok", denied, "ok", denied, denied, denied], &["layers 1"]));
    // None of this is the machine's doing.
    assert_eq!(answers(command.env("PAGODA_CONFINE", "off")), expected(["ok"; 6], &[]));
}

/// Who connects to a host by its name has to find it.
#[test]
fn names_of_hosts_are_found_where_hosts_are_needed() {
    if !possible() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = format!("connect=localhost:{port}");
    let tries = [connect.as_str(), "read=/etc/hosts", "read=/etc/passwd"];
    let mut by_name = probe(home.path());
    by_name.env("DATABASE_URL", format!("postgres://me@localhost:{port}/d")).args(tries);
    let found = [format!("{connect} ok"), "read=/etc/hosts ok".to_owned()];
    assert_eq!(answers(&mut by_name)[..2], found);
    assert_eq!(answers(&mut by_name)[2], "read=/etc/passwd PermissionDenied");
}

/// The kernel takes 16 layers of rules; a server that replaces itself must not use one up each time.
#[test]
fn a_process_that_replaces_itself_stays_confined_and_adds_nothing() {
    if !possible() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let tries = ["again=20", "read=/etc/passwd", "write=pagoda-data/new", "list=/"];
    let mut command = probe(home.path());
    command.env("PAGODA_CONFINE", "require").args(tries);
    let denied = ["read=/etc/passwd PermissionDenied", "write=pagoda-data/new ok", "list=/ PermissionDenied"];
    assert_eq!(answers(&mut command), [&denied[..], &["layers 1"]].concat());
    // A variable that was left behind switches nothing off, also when it fits.
    let mut fitting = probe(home.path());
    let digest = pagoda_digest(home.path());
    fitting.env("PAGODA_CONFINED", format!("1:{digest}")).args(&tries[1..]);
    assert_eq!(answers(&mut fitting), [&denied[..], &["layers 1"]].concat());
}

/// The digest that a server in this directory has, as a server says it.
fn pagoda_digest(directory: &Path) -> String {
    let mut config = pagoda_core::config::Config::default();
    let path = directory.join("pagoda-data/pagoda.db");
    config.database_url = pagoda_core::store::DatabaseUrl::Sqlite(path);
    config.webhooks.enabled = false;
    pagoda_core::confine::needs::rules(&config, &[], &[]).unwrap().digest()
}

on_both_databases! {
    a_confined_server_does_all_that_a_server_does;
}

/// Requires the confinement, so that the server would not start without it.
fn confined(directory: &Path, database: Database, url: Option<&String>) -> Command {
    let mut command = command(directory);
    command.env("PAGODA_CONFINE", "require").env("PAGODA_TIME_ZONE", "Europe/Berlin");
    if let (Database::Postgres, Some(url)) = (database, url) {
        command.env("DATABASE_URL", url);
    }
    command
}

fn a_confined_server_does_all_that_a_server_does(database: Database) {
    let url = match database {
        Database::Sqlite => None,
        Database::Postgres => match pagoda_test_support::database() {
            Some(url) => Some(url),
            None => return,
        },
    };
    if !possible() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let start = || {
        let mut server = Process::start(&mut confined(directory.path(), database, url.as_ref()));
        server.log_in(&mut confined(directory.path(), database, url.as_ref()));
        server
    };
    let mut server = start();
    let told = server.log.iter().find(|line| line["message"] == "confined").expect("no word of it").clone();
    let connect = told["connect"].as_str().unwrap();
    match &url {
        None => {
            // Where webhooks may lead, and where names are looked up.
            assert_eq!(connect, "53 80 443");
            let data = std::fs::canonicalize(directory.path().join("pagoda-data")).unwrap();
            assert_eq!(told["change"], data.to_str().unwrap());
        }
        Some(url) => {
            let port = url.rsplit(':').next().unwrap().split('/').next().unwrap();
            let ports: Vec<&str> = connect.split(' ').collect();
            assert!(ports.len() == 4 && ports.contains(&port), "{connect}");
            assert_eq!(told["change"], "");
        }
    }
    assert!(told["abi"].as_u64().unwrap() >= 6, "{told}");

    let (status, entity) = server.post(
        "/entity/api/v2/",
        json!({"name": "rack", "attrs": [{"name": "parts", "type": 1026}, {"name": "note", "type": 4}]}),
    );
    assert_eq!(status, 202, "{entity}");
    let entity = entity["id"].as_i64().unwrap();
    let detail = server.get(&format!("/entity/api/v2/{entity}/")).1;
    let attr = |index: usize| detail["attrs"][index]["id"].clone();
    // More than caches hold: it spills into the WAL, and sorting into temporary storage.
    let parts: Vec<String> = (0..5_000).map(|n| format!("{n:0>600}")).collect();
    let values = json!([{"id": attr(0), "value": parts}, {"id": attr(1), "value": "n".repeat(60_000)}]);
    for name in ["a", "b", "c"] {
        let (status, body) =
            server.post(&format!("/entity/api/v2/{entity}/entries/"), json!({"name": name, "attrs": values}));
        assert_eq!(status, 202, "{body}");
    }
    // The panic is written down with its place, and a login checks a password.
    assert_eq!(server.get("/api/v2/plugins/chaos/panic/").0, 500);
    let failed = server.wait_for_line("plugin route failed: panicked").to_string();
    assert!(failed.contains("fault.rs"), "{failed}");
    assert_eq!(log_in(&server.base), 302);
    assert_eq!(server.get("/health/ready").0, 200);
    // The process has not more rights than it began with.
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    assert!(status.lines().any(|line| line == "NoNewPrivs:\t1"), "{status}");

    // After a kill the WAL is read, after an orderly stop it is gone; both under the same rules.
    server.signal("KILL");
    server.wait();
    for _ in 0..2 {
        let mut server = start();
        let list = server.get(&format!("/entity/api/v2/{entity}/entries/?is_active=true")).1;
        assert_eq!(list["count"], 3, "{list}");
        let first = list["results"][0]["id"].as_i64().unwrap();
        let shown = server.get(&format!("/entry/api/v2/{first}/")).1;
        let created = server.get(&format!("/entity/api/v2/{entity}/")).1;
        assert_eq!(shown["attrs"].as_array().map(Vec::len), Some(2), "{created}");
        server.signal("TERM");
        let status = server.wait();
        assert!(status.success(), "{status}: {:#?}", server.rest_of_log());
    }
}

/// The status of a login with the form.
fn log_in(base: &str) -> u16 {
    let url = format!("{base}/auth/login/");
    let config = ureq::Agent::config_builder().max_redirects(0).max_redirects_will_error(false);
    let agent: ureq::Agent = config.build().into();
    let page = agent.get(&url).call().unwrap();
    let cookies: Vec<_> =
        page.headers().get_all("set-cookie").iter().map(|it| it.to_str().unwrap()).collect();
    let csrf = cookies.iter().find_map(|cookie| cookie.strip_prefix("csrftoken=")).unwrap();
    let csrf = csrf.split(';').next().unwrap();
    let form = [("csrfmiddlewaretoken", csrf), ("username", "admin"), ("password", "secret"), ("next", "/")];
    let sent = agent.post(&url).header("Cookie", format!("csrftoken={csrf}")).send_form(form);
    sent.unwrap().status().as_u16()
}

#[test]
fn without_it_the_server_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let server = Process::start(command(directory.path()).env("PAGODA_CONFINE", "off"));
    assert!(has_line(&server.log, "not confined: `confine` is off"), "{:#?}", server.log);
    let output = command(directory.path()).env("PAGODA_CONFINE", "perhaps").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("PAGODA_CONFINE=perhaps: expected auto, require or off"), "{text}");
}

fn has_line(log: &[Value], message: &str) -> bool {
    log.iter().any(|line| line["message"] == message)
}
