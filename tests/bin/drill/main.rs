//! Drills: a real server in a process of its own, busy clients, and plugins that fail or a process that is killed.
//!
//! `load.rs` is the drill under load, `kill.rs` the one with kills; both write down what the server acknowledged
//! (`ledger.rs`) and look for it afterwards. `docs/drills.md` says what they show. Ends with 1 when a promise is
//! broken. All traffic stays on the loopback interface.
#![forbid(unsafe_code)]

mod chaos;
mod client;
mod figures;
#[path = "../home.rs"]
mod home;
mod kill;
mod ledger;
mod load;
mod random;
mod report;
mod server;
mod spin;

use anyhow::Context;
use clap::Parser;
use home::Database;
use report::Report;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Keeps a server busy while its plugins fail, or kills it again and again, and says what became of its promises.
#[derive(Debug, Parser)]
#[command(name = "drill")]
pub(crate) struct Options {
    /// How long the clients work while plugins fail every now and then
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    seconds: u64,
    /// Kill the server so many times under write load instead
    #[arg(long, value_name = "TIMES")]
    kill: Option<u32>,
    /// What the server keeps its data in; PostgreSQL is a private one
    #[arg(long, value_enum, default_value = "sqlite")]
    database: Database,
    /// Clients that work; those that make plugins fail come on top
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// For machines that are busy with something else: latencies are shown and not judged, and a plugin spins in
    /// one place instead of in all
    #[arg(long)]
    short: bool,
    /// Where randomness begins [default: the time]
    #[arg(long)]
    seed: Option<u64>,
    /// The server's binary [default: pagoda-with-chaos beside this program, built first under `cargo run`]
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

fn main() -> ExitCode {
    let mut report = Report::default();
    match run(&Options::parse(), &mut report) {
        Ok(()) => report.end(),
        Err(error) => {
            report.say(&format!("the drill could not be done: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let binary = match &options.server {
        Some(file) => file.clone(),
        None => home::beside_this()?,
    };
    let binary = binary.canonicalize().with_context(|| format!("no server at {}", binary.display()))?;
    let seed = options.seed.unwrap_or_else(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs() ^ u64::from(since.subsec_nanos()))
    });
    report.say(&format!("seed: {seed}"));
    let place = server::Place::new(binary, options.database)?;
    match options.kill {
        Some(times) => kill::drill(&place, times, seed, report),
        None => load::drill(&place, options, seed, report),
    }
}
