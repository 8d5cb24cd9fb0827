//! The API as a contract: a running server is held against its OpenAPI document, and clients are made of the document.
//!
//! `check` starts a server of the same build, with a database of its own on the loopback interface, and lets Schemathesis
//! send what the document allows and what it forbids, as an administrator, as somebody else and as nobody. What may
//! differ from the document stands in `tests/contract/exceptions.py` and nowhere else. `clients` validates the document,
//! makes a client in Python and one in TypeScript, and compiles them. `docs/api-clients.md` is about both. Ends with 1
//! when something does not hold.
#![forbid(unsafe_code)]

mod clients;
#[path = "../home.rs"]
mod home;
mod seed;
mod server;
mod tools;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use home::Database;
use server::Place;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use tools::Tools;

/// Holds a server against its OpenAPI document, and makes clients of it.
#[derive(Debug, Parser)]
#[command(name = "contract")]
struct Options {
    #[command(subcommand)]
    task: Task,
    /// The server's binary [default: pagoda-with-chaos beside this program, built first under `cargo run`]
    #[arg(long, value_name = "FILE", global = true)]
    server: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Sends requests to a server and looks at the answers
    Check(Check),
    /// Validates the document, and makes and compiles clients
    Clients,
}

#[derive(Debug, Args)]
struct Check {
    /// How long it takes, in seconds, all users together
    #[arg(long, default_value_t = 90)]
    seconds: u64,
    /// What the server keeps its data in; PostgreSQL is a private one
    #[arg(long, value_enum, default_value = "sqlite")]
    database: Database,
    /// Where randomness begins
    #[arg(long, default_value_t = 1)]
    seed: u32,
}

/// Who sends the requests, and which share of the time they get, in percent.
const USERS: [(&str, u64); 3] = [("administrator", 55), ("user", 25), ("nobody", 20)];

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => {
            say("the contract holds");
            ExitCode::SUCCESS
        }
        Ok(false) => {
            say("the contract is broken");
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&format!("it could not be looked at: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn say(line: &str) {
    // Nobody may be listening any more.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn run(options: &Options) -> anyhow::Result<bool> {
    let binary = match &options.server {
        Some(file) => file.clone(),
        None => home::beside_this()?,
    };
    let binary = binary.canonicalize().with_context(|| format!("no server at {}", binary.display()))?;
    match &options.task {
        Task::Check(check) => hold(binary, check),
        Task::Clients => {
            clients::make(&Tools::python()?, &Tools::node()?, &Place::new(binary, Database::Sqlite)?)
        }
    }
}

/// Each of the users has a server of its own, so that what one did stops no other.
fn hold(binary: PathBuf, check: &Check) -> anyhow::Result<bool> {
    let tools = Tools::python()?;
    let mut holds = true;
    for (name, share) in USERS {
        let seconds = (check.seconds * share / 100).max(1);
        say(&format!("\n== {name}, {seconds} s, seed {}", check.seed));
        let place = Place::new(binary.clone(), check.database)?;
        let mut server = place.start()?;
        let user = seed::fill(&place, &server, name)?;
        let mut schemathesis = tools.program("st");
        // What it remembers goes with the directory, so that a run does not depend on those before it.
        schemathesis
            .current_dir(place.directory())
            .env("SCHEMATHESIS_HOOKS", tools.sources().join("exceptions.py"));
        schemathesis.arg("--config-file").arg(tools.sources().join("schemathesis.toml")).arg("run");
        schemathesis.arg(format!("{}/api/schema/?format=json", server.base));
        schemathesis.args(["--checks", "all", "--max-time", &seconds.to_string()]);
        schemathesis.args(["--seed", &check.seed.to_string(), "--workers", "1"]);
        // Nothing is left beside the sources.
        schemathesis.env("PYTHONDONTWRITEBYTECODE", "1");
        schemathesis.env("PAGODA_CONTRACT_USER", user.id).env("PAGODA_CONTRACT_TOKEN", user.token);
        schemathesis.env("PAGODA_CONTRACT_SESSION", user.session);
        holds &= schemathesis.status().context("Schemathesis cannot be started")?.success();
        holds &= server.is_well()?;
    }
    Ok(holds)
}
