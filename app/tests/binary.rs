//! The binary as its users meet it: first start, commands, signals, bad configuration.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use pagoda_core::store::{DatabaseUrl, Store, StoreOptions};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What the audit log of a test is signed with.
const KEY: &str = "a-key-of-operators";

/// The plain binary.
fn plain() -> PathBuf {
    env!("CARGO_BIN_EXE_pagoda").into()
}

fn command(binary: &Path, directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary);
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    for (name, _) in std::env::vars() {
        if name.starts_with("PAGODA_") || matches!(name.as_str(), "DATABASE_URL" | "ENABLED_PLUGINS") {
            command.env_remove(name);
        }
    }
    command
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    command(&plain(), directory, arguments).output().unwrap()
}

#[track_caller]
fn succeed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn fail(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!text.contains("panicked"), "{text}");
    text
}

/// A server of its own process on a free port; killed when dropped.
struct Server {
    child: Child,
    base: String,
    /// What it printed before it served.
    printed: String,
}

impl Server {
    fn start(command: &mut Command) -> Self {
        command.env("PAGODA_BIND", "127.0.0.1:0").env("PAGODA_LOG_FORMAT", "json");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the server ended").unwrap();
            let entry: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
            if entry["message"] == "serving" {
                break entry["address"].as_str().unwrap().to_owned();
            }
        };
        // Somebody has to keep reading, or the server would block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, base: format!("http://{address}"), printed: String::new() }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    fn wait(&mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.child.stdout.take().unwrap().read_to_string(&mut self.printed).unwrap();
                return status.code();
            }
            assert!(Instant::now() < deadline, "the server does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(url: &str, token: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.get(url).header("Authorization", format!("Token {token}")).call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

#[test]
fn from_the_first_start_to_a_stop_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(&mut command(&plain(), directory.path(), &[]));
    // Tokens and hashes of passwords are for nobody else to read.
    let mode = |path: &str| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(directory.path().join(path)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(
        (mode("pagoda-data"), mode("pagoda-data/pagoda.db"), mode("pagoda-data/pagoda.db-wal")),
        (0o700, 0o600, 0o600)
    );
    // Commands work beside the running server.
    let token = succeed(&run(directory.path(), &["token", "issue", "admin"]));
    let token = token.strip_suffix('\n').unwrap();
    assert!(token.len() == 40 && token.chars().all(|c| c.is_ascii_hexdigit()), "{token}");
    let (status, me) = get(&format!("{}/user/api/v2/me", server.base), token);
    assert_eq!((status, me.contains("\"admin\"")), (200, true));
    assert_eq!(get(&format!("{}/health/ready", server.base), token).0, 200);
    // A second server on the same file says so.
    let second = run(directory.path(), &["serve", "--bind", "127.0.0.1:0"]);
    assert!(fail(&second).contains("another instance is using the database"));
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    let line = server.printed.lines().next().unwrap();
    let password = line.strip_prefix("Created the administrator `admin` with the password ").unwrap();
    assert_eq!(password.len(), 24);
    // Printed once.
    let mut again = Server::start(&mut command(&plain(), directory.path(), &["serve"]));
    assert_eq!(get(&format!("{}/user/api/v2/me", again.base), token).0, 200);
    again.signal("INT");
    assert_eq!(again.wait(), Some(0));
    assert_eq!(again.printed, "");
}

#[test]
fn lists_need_no_database() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(succeed(&run(directory.path(), &["plugins", "list", "--json"])), "[]\n");
    let hooks: Value =
        serde_json::from_str(&succeed(&run(directory.path(), &["hooks", "list", "--json"]))).unwrap();
    let hooks = hooks.as_array().unwrap();
    let of = |group: &str| hooks.iter().filter(|hook| hook["group"] == group).count();
    assert_eq!((hooks.len(), of("common"), of("pagoda"), of("extension")), (46, 27, 15, 4));
    let kind = |name: &str| hooks.iter().find(|hook| hook["hook"] == name).unwrap()["kind"].clone();
    assert_eq!(kind("entry.before_create"), "Transform");
    assert_eq!(kind("entry.before_delete"), "Check");
    assert_eq!(kind("entry.after_create"), "Observe");
    assert_eq!(kind("entry.get_attrs"), "Filter");
    assert!(hooks.iter().all(|hook| hook["handlers"] == serde_json::json!([])));
    let text = succeed(&run(directory.path(), &["hooks", "list"]));
    assert!(text.contains("does not fire yet: awaits entry import"), "{text}");
    assert!(succeed(&run(directory.path(), &["plugins", "check"])).contains("no problems"));
    let document: Value = serde_json::from_str(&succeed(&run(directory.path(), &["openapi"]))).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn users_tokens_and_migrations_from_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    fn with<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
        [arguments, &["--database-url", "sqlite://d/p.db"]].concat()
    }
    let applied = succeed(&run(directory.path(), &with(&["migrate"])));
    assert!(applied.starts_with("core 0001 initial\n"), "{applied}");
    assert_eq!(succeed(&run(directory.path(), &with(&["migrate"]))), "The database is up to date.\n");
    let rebuilt = succeed(&run(directory.path(), &with(&["search", "rebuild"])));
    assert_eq!(rebuilt, "0 entries indexed for searches\n");
    let create = |name: &str, password: &str| {
        let mut command = command(
            &plain(),
            directory.path(),
            &with(&["user", "create", name, "--superuser", "--password-stdin"]),
        );
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), password.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    assert!(succeed(&create("amy", "geheim\n")).starts_with("Created user amy"));
    assert!(fail(&create("amy", "geheim\n")).contains("there is a user `amy` already"));
    assert!(fail(&create("bob", "\n")).contains("password is empty"));
    assert!(fail(&run(directory.path(), &with(&["user", "create", "bob"]))).contains("--password-stdin"));
    succeed(&run(directory.path(), &with(&["token", "issue", "amy"])));
    assert!(
        fail(&run(directory.path(), &with(&["token", "issue", "nobody"])))
            .contains("user nobody does not exist")
    );
}

#[test]
fn what_is_wrong_with_the_configuration_is_said() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("p.toml"), "bnid = 1\n[plugins.nobody]\nx = 1\n").unwrap();
    let text =
        fail(&run(directory.path(), &["--config", "p.toml", "--database-url", "p.db", "--workers", "none"]));
    for part in ["p.toml:1: bnid: unknown key", "--database-url p.db", "sqlite://", "--workers none"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let mut narrowed = command(&plain(), directory.path(), &["plugins", "list"]);
    let text = fail(&narrowed.env("ENABLED_PLUGINS", "hello-world").output().unwrap());
    assert!(text.contains("build with `--features hello-world`"), "{text}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(
        fail(&run(directory.path(), &["--bind", &address])).contains(&format!("cannot listen on {address}"))
    );
}

/// Builds the application with both plugins, as an operator would, beside the plain binary.
#[test]
fn features_decide_what_the_binary_contains() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--workspace", "--example", "pagoda-with-features"])
        .args(["--features", "pagoda/hello-world,pagoda/naming-policy"])
        .current_dir(workspace)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let binary = plain().parent().unwrap().join("examples/pagoda-with-features");
    let directory = tempfile::tempdir().unwrap();
    let ask = |arguments: &[&str]| command(&binary, directory.path(), arguments);

    let plugins: Value =
        serde_json::from_str(&succeed(&ask(&["plugins", "list", "--json"]).output().unwrap())).unwrap();
    let ids: Vec<_> =
        plugins.as_array().unwrap().iter().map(|plugin| plugin["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["hello-world-plugin", "naming-policy"]);
    let hello = &plugins[0];
    let keys: Vec<_> = hello.as_object().unwrap().keys().map(String::as_str).collect();
    let wire = [
        "id",
        "name",
        "version",
        "description",
        "state",
        "enabled",
        "hooks",
        "routes",
        "tasks",
        "overrides",
        "capabilities",
    ];
    assert_eq!(keys, wire);
    assert_eq!((&hello["state"], &hello["enabled"]), (&Value::from("active"), &Value::from(true)));
    let routes = hello["routes"].as_array().unwrap();
    assert!(
        routes.iter().any(|route| route["path"] == "/api/v2/plugins/hello-world-plugin/greet/{name}/"),
        "{routes:?}"
    );
    assert_eq!(hello["capabilities"], serde_json::json!(["entities.read", "entries.read"]));
    let hooks: Value =
        serde_json::from_str(&succeed(&ask(&["hooks", "list", "--json"]).output().unwrap())).unwrap();
    let validation =
        hooks.as_array().unwrap().iter().find(|hook| hook["hook"] == "pagoda.entry.validation").unwrap();
    assert_eq!(validation["handlers"].as_array().unwrap().len(), 2, "{validation}");

    // Narrowed at run time, by enable name.
    let only = ask(&["plugins", "list", "--json"]).env("ENABLED_PLUGINS", "naming-policy").output().unwrap();
    let plugins: Value = serde_json::from_str(&succeed(&only)).unwrap();
    assert_eq!(
        (&plugins[0]["enabled"], &plugins[0]["state"]),
        (&Value::from(false), &Value::from("disabled"))
    );
    assert_eq!(plugins[0]["routes"], serde_json::json!([]));
    assert_eq!(plugins[1]["enabled"], Value::from(true));

    // What the operator withholds is not among what a plugin may do.
    let policy = directory.path().join("policy.toml");
    std::fs::write(&policy, "[plugin_policy.hello-world]\nwithhold = [\"entries.read\"]\n").unwrap();
    let list = ["plugins", "list", "--config", policy.to_str().unwrap()];
    let plugins: Value =
        serde_json::from_str(&succeed(&ask(&[list.as_slice(), &["--json"]].concat()).output().unwrap()))
            .unwrap();
    assert_eq!(plugins[0]["capabilities"], serde_json::json!(["entities.read"]));
    let text = succeed(&ask(&list).output().unwrap());
    for line in [
        "  may   entities.read\n",
        "  may not, though it asks: entries.read (withheld by the configuration)\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }

    // And serving: the plugin's route is there.
    let server = Server::start(&mut ask(&["serve"]));
    let token = succeed(&ask(&["token", "issue", "admin"]).output().unwrap());
    let url = format!("{}/api/v2/plugins/hello-world-plugin/hello/", server.base);
    assert_eq!(get(&url, token.trim()).0, 200);
}

/// Changes the database as somebody would who can write the file.
fn tamper(database: &Path, sql: &str) {
    let mut options = StoreOptions::new(DatabaseUrl::Sqlite(database.to_owned()));
    options.exclusive = false;
    Store::open(options).unwrap().writer().unwrap().execute_batch(sql).unwrap();
}

#[test]
fn the_audit_log_is_verified_and_exported() {
    let directory = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| run(directory.path(), arguments);
    assert!(fail(&run(&["audit", "verify"])).contains("there is no database sqlite://pagoda-data/pagoda.db"));
    assert!(!directory.path().join("pagoda-data").exists());
    // A database of a version that had no audit log is not changed by looking.
    let old = directory.path().join("old.db");
    tamper(&old, "CREATE TABLE entity (id INTEGER)");
    let text = fail(&run(&["audit", "verify", "--database-url", "sqlite://old.db"]));
    assert!(text.contains("pagoda migrate"), "{text}");

    let mut server = Server::start(&mut command(&plain(), directory.path(), &[]));
    // What the command line does beside a server is in the log when it ends.
    succeed(&run(&["token", "issue", "admin"]));
    let text = succeed(&run(&["audit", "verify"]));
    for line in ["rows: 3 (1 to 3)", "waiting to be sealed: 0", "intact"] {
        assert!(text.lines().any(|said| said == line), "{line}: {text}");
    }
    let head = text.lines().find_map(|line| line.strip_prefix("head: ")).unwrap().to_owned();
    assert!(head.starts_with("3:sha256:"), "{head}");
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    succeed(&run(&["audit", "verify", "--noted", &head]));

    let export = |arguments: &[&str]| succeed(&run(&[&["audit", "export"], arguments].concat()));
    let lines: Vec<Value> = export(&[]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines
        .iter()
        .map(|row| {
            (row["seq"].as_i64().unwrap(), row["action"].as_str().unwrap(), row["origin"].as_str().unwrap())
        })
        .collect();
    let expected = [
        (1, "user.create", "server"),
        (2, "server.start", "server"),
        (3, "token.issue", "cli"),
        (4, "server.stop", "server"),
    ];
    assert_eq!(told, expected);
    assert_eq!(lines[1]["prev_hash"], lines[0]["hash"]);
    let at = |row: usize| lines[row]["at"].as_str().unwrap();
    let some = export(&["--since", at(1), "--until", at(3)]);
    assert_eq!(some.lines().count(), 2);
    assert_eq!(export(&["--until", "2001-01-01"]), "");
    let table = export(&["--format", "csv", "--until", at(1)]);
    let mut table = table.split("\r\n");
    assert!(table.next().unwrap().starts_with("seq,at,actor_id,actor,action,object_kind,"));
    let row = table.next().unwrap();
    assert!(
        row.starts_with("1,\"") && row.contains("\",,,\"user.create\",\"user\",1,\"admin\",,\""),
        "{row}"
    );
    assert!(row.contains("\"{\"\"is_superuser\"\":true}\""), "{row}");
    assert_eq!((table.next(), table.next()), (Some(""), None));
    let refused = run(&["audit", "export", "--since", "yesterday"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("2026-01-31T12:00:00Z"));

    let database = directory.path().join("pagoda-data/pagoda.db");
    tamper(&database, "UPDATE audit_log SET origin = 'http' WHERE seq = 3");
    let output = run(&["audit", "verify"]);
    assert!(fail(&output).contains("row 3 was changed"), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("NOT INTACT\n"), "{output:?}");
    tamper(
        &database,
        "UPDATE audit_log SET origin = 'cli' WHERE seq = 3; DELETE FROM audit_log WHERE seq = 4",
    );
    assert!(fail(&run(&["audit", "verify"])).contains("row 4, the last one, is missing"));
    // Cut off together with its head: only the noted row shows it.
    tamper(
        &database,
        "DELETE FROM audit_log WHERE seq = 3; \
         UPDATE audit_head SET seq = 2, hash = (SELECT hash FROM audit_log WHERE seq = 2)",
    );
    succeed(&run(&["audit", "verify"]));
    assert!(
        fail(&run(&["audit", "verify", "--noted", &head])).contains("row 3 is not the row that was noted")
    );
}

/// Killed at any moment, the log holds, and every write that was acknowledged is in it.
#[test]
fn the_audit_log_survives_being_killed() {
    let directory = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| run(directory.path(), arguments);
    let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
    let mut acknowledged: Vec<String> = Vec::new();
    let mut token = String::new();
    for (round, writes) in [1, 40, 9, 23].into_iter().enumerate() {
        let mut server = Server::start(command(&plain(), directory.path(), &[]).env("PAGODA_AUDIT_KEY", KEY));
        if token.is_empty() {
            token = succeed(&run(&["token", "issue", "admin"])).trim().to_owned();
        }
        let post = |path: &str, name: &str| {
            let answer = agent
                .post(format!("{}{path}", server.base))
                .header("Authorization", format!("Token {token}"))
                .send_json(serde_json::json!({"name": name}));
            answer.is_ok_and(|answer| answer.status() == 202)
        };
        assert!(round > 0 || post("/entity/api/v2/", "asset"));
        let names = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for client in 0..3 {
                let (post, names) = (&post, &names);
                scope.spawn(move || {
                    for number in 0.. {
                        let name = format!("{round}-{client}-{number}");
                        if !post("/entity/api/v2/1/entries/", &name) {
                            return;
                        }
                        names.lock().unwrap().push(name);
                    }
                });
            }
            while names.lock().unwrap().len() < writes {
                std::thread::yield_now();
            }
            server.signal("KILL");
        });
        assert_eq!(server.wait(), None);
        acknowledged.append(&mut names.into_inner().unwrap());
        let verified =
            command(&plain(), directory.path(), &["audit", "verify"]).env("PAGODA_AUDIT_KEY", KEY).output();
        succeed(&verified.unwrap());
    }
    // Without the key the log is not gone on with.
    assert!(fail(&run(&["serve", "--bind", "127.0.0.1:0"])).contains("PAGODA_AUDIT_KEY"));
    // The next start moves to the log what the last one left behind.
    let mut server = Server::start(command(&plain(), directory.path(), &[]).env("PAGODA_AUDIT_KEY", KEY));
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    let verified =
        command(&plain(), directory.path(), &["audit", "verify"]).env("PAGODA_AUDIT_KEY", KEY).output();
    let text = succeed(&verified.unwrap());
    assert!(text.contains("waiting to be sealed: 0"), "{text}");
    let exported = succeed(&run(&["audit", "export"]));
    let mut created: Vec<String> = exported
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|row| row["action"] == "entry.create")
        .map(|row| row["object_name"].as_str().unwrap().to_owned())
        .collect();
    let count = created.len();
    created.sort();
    created.dedup();
    assert_eq!(created.len(), count, "each once");
    let missing: Vec<_> = acknowledged.iter().filter(|name| created.binary_search(name).is_err()).collect();
    assert!(missing.is_empty() && acknowledged.len() >= 73, "{missing:?} of {}", acknowledged.len());
}
