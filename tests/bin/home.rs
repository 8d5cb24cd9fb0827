//! Where programs that watch a server from outside let it live: its binary, a directory, a database, its log.

use anyhow::Context;
use clap::ValueEnum;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use tempfile::TempDir;

/// Which database the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

/// A binary with a directory and a database.
#[derive(Debug)]
pub(crate) struct Home {
    binary: PathBuf,
    directory: TempDir,
    url: String,
}

impl Home {
    pub(crate) fn new(binary: PathBuf, database: Database) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let url = match database {
            Database::Sqlite => format!("sqlite://{}", directory.path().join("pagoda.db").display()),
            Database::Postgres => {
                pagoda_test_support::database().context("the programs of PostgreSQL are not installed")?
            }
        };
        Ok(Self { binary, directory, url })
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The binary over its database, without settings of the user's own.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PAGODA_") || name == "ENABLED_PLUGINS" {
                command.env_remove(&name);
            }
        }
        command.current_dir(self.directory());
        command.env("DATABASE_URL", &self.url).env("PAGODA_BIND", "127.0.0.1:0");
        // Plugins that log every call would be most of what there is to read.
        command.env("PAGODA_LOG_FORMAT", "json").env("PAGODA_LOG", "warn,pagoda_core=info");
        command
    }
}

/// The lines of a server's log, from its standard error.
pub(crate) fn log_of(child: &mut Child) -> anyhow::Result<Receiver<Value>> {
    let stderr = BufReader::new(child.stderr.take().context("no standard error")?);
    let (sender, log) = channel();
    // Somebody has to keep reading, or the server would block on a full pipe.
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            let entry: Value = serde_json::from_str(&line).unwrap_or(Value::String(line));
            // Perhaps nobody listens any more.
            let _ = sender.send(entry);
        }
    });
    Ok(log)
}

/// The server of the same build. Under `cargo run`, which makes only the program that asks, it is built first.
pub(crate) fn beside_this() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let directory = own.parent().context("this program has no directory")?;
    if let Some(cargo) = std::env::var_os("CARGO") {
        let mut build = Command::new(cargo);
        build.args(["build", "-p", "pagoda-tests", "--bin", "pagoda-with-chaos"]);
        if directory.ends_with("release") {
            build.arg("--release");
        }
        anyhow::ensure!(build.status()?.success(), "the server cannot be built");
    }
    Ok(directory.join("pagoda-with-chaos"))
}
