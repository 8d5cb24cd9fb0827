//! A server with a database of its own.

use crate::home::{Database, Home, log_of};
use anyhow::Context;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// The only host that webhooks reach; there is none of that name. *Source: RFC 2606.*
pub(crate) const WEBHOOK_HOST: &str = "contract.invalid";

/// A binary with a directory and a database.
#[derive(Debug)]
pub(crate) struct Place(Home);

impl Place {
    pub(crate) fn new(binary: PathBuf, database: Database) -> anyhow::Result<Self> {
        Home::new(binary, database).map(Self)
    }

    /// Where there is room for what goes with the server.
    pub(crate) fn directory(&self) -> &Path {
        self.0.directory()
    }

    /// Without the plugin that fails on demand.
    fn command(&self) -> Command {
        let mut command = self.0.command();
        command.env("ENABLED_PLUGINS", "hello-world-plugin,naming-policy");
        command.env("PAGODA_ADMIN_PASSWORD", PASSWORD).env("PAGODA_WEBHOOK_HOSTS", WEBHOOK_HOST);
        command
    }

    /// What a command of the binary prints; it must succeed.
    pub(crate) fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.run_with(arguments, "")
    }

    /// The same for a command that reads something.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> anyhow::Result<String> {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        child.stdin.take().context("no standard input")?.write_all(input.as_bytes())?;
        let output = child.wait_with_output()?;
        let complained = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "pagoda {}: {complained}", arguments.join(" "));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Starts a server and waits until it serves.
    pub(crate) fn start(&self) -> anyhow::Result<Server> {
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start the server")?;
        let log = log_of(&mut child)?;
        let mut server = Server { child, log, base: String::new() };
        while server.base.is_empty() {
            let line = server.log.recv_timeout(PATIENCE).context("the server does not serve")?;
            if line["message"] == "serving" {
                server.base = format!("http://{}", line["address"].as_str().context("no address")?);
            }
        }
        Ok(server)
    }
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: Receiver<Value>,
    pub(crate) base: String,
}

impl Server {
    /// Whether it still runs and has nothing in its log about requests that failed inside.
    pub(crate) fn is_well(&mut self) -> anyhow::Result<bool> {
        let ended = self.child.try_wait()?;
        if let Some(status) = ended {
            crate::say(&format!("the server ended: {status}"));
        }
        let failures = |line: &Value| {
            let message = line["message"].as_str().unwrap_or_default();
            message.starts_with("request failed") || message.contains("panicked")
        };
        let found: Vec<Value> = self.log.try_iter().filter(failures).collect();
        for line in &found {
            crate::say(&format!("in the server's log: {line}"));
        }
        Ok(ended.is_none() && found.is_empty())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
