//! The server's process: how it is started, killed and looked at.

use crate::client::Client;
use crate::home::{Database, Home, log_of};
use anyhow::Context;
use serde_json::Value;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines of the log that are shown of a server that does not serve.
const MOST_LINES: usize = 10;

/// A binary with a directory and a database.
#[derive(Debug)]
pub(crate) struct Place(Home);

impl Place {
    pub(crate) fn new(binary: PathBuf, database: Database) -> anyhow::Result<Self> {
        Home::new(binary, database).map(Self)
    }

    fn command(&self) -> Command {
        let mut command = self.0.command();
        command.stdin(Stdio::null()).env("PAGODA_ADMIN_PASSWORD", "drill");
        // glibc takes a large block that was freed as a reason to keep such blocks from then on, up to 64 MiB of
        // them; with a fixed threshold it gives them back, and what does not come back is lost.
        command.env("MALLOC_MMAP_THRESHOLD_", "131072");
        command
    }

    /// What a command of the binary prints; it must succeed.
    pub(crate) fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command().args(arguments).output()?;
        let (said, complained) = (text(&output.stdout), text(&output.stderr));
        anyhow::ensure!(output.status.success(), "pagoda {}: {said}{complained}", arguments.join(" "));
        Ok(said)
    }

    /// A token of the administrator.
    pub(crate) fn token(&self) -> anyhow::Result<String> {
        Ok(self.run(&["token", "issue", "admin"])?.trim().to_owned())
    }

    /// Starts a server with these variables and waits until it serves.
    pub(crate) fn start(&self, variables: &[(&str, &str)]) -> anyhow::Result<Server> {
        let mut command = self.command();
        command.envs(variables.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start the server")?;
        let log = log_of(&mut child)?;
        let mut server = Server { child, log, base: String::new() };
        server.base = server.wait_until_it_serves()?;
        Ok(server)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: Receiver<Value>,
    pub(crate) base: String,
}

/// What a process holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    /// Memory of its own, not of files, in MiB.
    pub(crate) memory: u64,
    pub(crate) threads: u64,
}

impl Server {
    /// Waits for the line that says where it serves: again after the process replaced itself.
    pub(crate) fn wait_until_it_serves(&mut self) -> anyhow::Result<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut said = VecDeque::new();
        loop {
            match self.log.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line["message"] == "serving" => {
                    let address = line["address"].as_str().context("no address")?;
                    return Ok(format!("http://{address}"));
                }
                Ok(line) => {
                    said.push_back(line);
                    if said.len() > MOST_LINES {
                        said.pop_front();
                    }
                }
                Err(RecvTimeoutError::Timeout) => anyhow::bail!("it does not serve: {said:#?}"),
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("it ended: {said:#?}"),
            }
        }
    }

    /// Forgets what it logged until now.
    pub(crate) fn skip_log(&self) {
        self.log.try_iter().for_each(drop);
    }

    pub(crate) fn client(&self, token: &str) -> Client {
        Client::new(&self.base, token)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a power cut of the process would.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().context("cannot kill the server")?;
        self.child.wait().context("the server does not end")?;
        Ok(())
    }

    /// Tells it to stop and waits for its orderly end.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let sent = Command::new("kill").args(["-TERM", &self.id().to_string()]).status()?;
        anyhow::ensure!(sent.success(), "cannot tell the server to stop");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                anyhow::ensure!(status.success(), "the server ended with {status}");
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "the server does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it holds now.
    pub(crate) fn held(&self) -> anyhow::Result<Held> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let number = |name: &str| -> anyhow::Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let number =
                line.and_then(|line| line.split_whitespace().next()).context("no such line in status")?;
            Ok(number.parse()?)
        };
        Ok(Held { memory: number("RssAnon")? / 1024, threads: number("Threads")? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
