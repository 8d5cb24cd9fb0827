//! A server in a process of its own, for what cannot be seen from inside: kills, restarts, confinement.

use crate::wait::Wait;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::ops::Deref;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

/// How long anything may take before a test gives up.
const PATIENCE: Wait = Wait::seconds(30);

/// The binary with all plugins, in this directory, without settings of the developer's own.
pub(crate) fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pagoda-with-chaos"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("PAGODA_") || matches!(&*name, "DATABASE_URL" | "ENABLED_PLUGINS") {
            command.env_remove(&*name);
        }
    }
    command.current_dir(directory).stdin(Stdio::null());
    command.env("PAGODA_BIND", "127.0.0.1:0").env("PAGODA_LOG_FORMAT", "json");
    command.env("PAGODA_ADMIN_PASSWORD", "secret").env("PAGODA_WORKERS", "2");
    command
}

/// Somebody who sends requests to a server.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) base: String,
    agent: ureq::Agent,
    authorization: String,
}

/// A running server; killed when dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    /// What it logged until it served.
    pub(crate) log: Vec<Value>,
    pub(crate) client: Client,
}

impl Deref for Process {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Process {
    /// Starts it and waits until it serves.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        // Somebody has to keep reading, or the server would block on a full pipe.
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE.0))
            .build()
            .into();
        let client = Client { base: String::new(), agent, authorization: String::new() };
        let mut process = Self { child, lines, log: Vec::new(), client };
        let serving = process.wait_for_line("serving");
        process.client.base = format!("http://{}", serving["address"].as_str().unwrap());
        process
    }

    /// The next line of the log whose message begins so; all before it are kept.
    #[track_caller]
    pub(crate) fn wait_for_line(&mut self, message: &str) -> Value {
        let deadline = Instant::now() + PATIENCE.0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("no line {message:?} in the log: {:#?}", self.log));
            let entry: Value = serde_json::from_str(&line).unwrap_or_else(|_| json!({"message": line}));
            self.log.push(entry.clone());
            if entry["message"].as_str().is_some_and(|said| said.starts_with(message)) {
                return entry;
            }
        }
    }

    /// What is in the log by now.
    pub(crate) fn rest_of_log(&mut self) -> &[Value] {
        let rest: Vec<String> = self.lines.try_iter().collect();
        self.log.extend(rest.into_iter().map(|line| serde_json::from_str(&line).unwrap_or(json!(line))));
        &self.log
    }

    /// Lets the administrator act in the requests that follow.
    pub(crate) fn log_in(&mut self, command: &mut Command) {
        let issued = command.args(["token", "issue", "admin"]).output().unwrap();
        assert!(issued.status.success(), "{}", String::from_utf8_lossy(&issued.stderr));
        let token = String::from_utf8(issued.stdout).unwrap();
        self.client.authorization = format!("Token {}", token.trim());
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        PATIENCE.until_some("the server has ended", || self.child.try_wait().unwrap())
    }
}

impl Client {
    /// A request; status and body.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value), ureq::Error> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("Authorization", &self.authorization)
            .header("Content-Type", "application/json");
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut response = self.agent.run(request.body(body).unwrap())?;
        let text = response.body_mut().with_config().limit(256 << 20).read_to_string()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok((response.status().as_u16(), body))
    }

    /// A request that must be answered.
    #[track_caller]
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.request(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        self.send("GET", path, None)
    }

    #[track_caller]
    #[allow(clippy::needless_pass_by_value, reason = "called with json!(…)")]
    pub(crate) fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send("POST", path, Some(&body))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
