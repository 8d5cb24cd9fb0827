//! `pci-ids`: loads the PCI ID database into a Pagoda server.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use pagoda_example_pci_ids::{Options, load, report};

/// Loads the PCI ID database into a Pagoda server.
///
/// It can be interrupted and started again at any time: what is there already is left alone.
/// The exit code is 0 when everything in the file is either stored or refused by a rule of the server, and 1
/// otherwise.
#[derive(Parser)]
#[command(name = "pci-ids", version)]
struct Arguments {
    /// The file to load.
    #[arg(long, default_value = "/usr/share/misc/pci.ids")]
    file: PathBuf,
    /// The address of the server.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The token of the user to act as.
    #[arg(long, env = "PAGODA_TOKEN", hide_env_values = true)]
    token: String,
    /// How many requests are under way at once.
    #[arg(long, default_value = "4")]
    jobs: NonZeroUsize,
    /// Load only the first so many vendors, with all that belongs to them.
    #[arg(long, value_name = "VENDORS")]
    limit: Option<usize>,
    /// At the end, verify that what the server lists and what it refused add up to what is in the file.
    #[arg(long)]
    expect: bool,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "pci-ids: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let options = Options {
        jobs: arguments.jobs,
        limit: arguments.limit,
        expect: arguments.expect,
        ..Options::new(arguments.file, arguments.url, arguments.token)
    };
    let summary = load(&options, report::for_stderr().as_mut())?;
    write!(std::io::stdout().lock(), "{summary}").context("writing the summary")?;
    Ok(summary.is_complete())
}
