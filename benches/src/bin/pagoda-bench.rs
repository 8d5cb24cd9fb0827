//! `pagoda-bench`: makes sites, and measures servers under load. `docs/benchmarks.md` says how to use it.

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use pagoda_benches::generate::{Order, generate};
use pagoda_benches::report::say;
use pagoda_core::store::DatabaseUrl;
use std::path::PathBuf;

/// Makes sites of any size, and measures servers under load.
#[derive(Debug, Parser)]
#[command(name = "pagoda-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fill an empty database with a site
    Generate(GenerateArgs),
}

#[derive(Debug, Args)]
struct GenerateArgs {
    /// How many entries
    #[arg(long, value_name = "N")]
    entries: u64,
    /// sqlite://PATH or postgres://…, empty or not there yet
    #[arg(long, value_name = "URL")]
    database: String,
    /// What all values come from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where to write what a load needs to know [default: beside the SQLite file, otherwise ./pagoda-bench.json]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Generate(args) => run_generate(args),
    }
}

fn run_generate(args: GenerateArgs) -> anyhow::Result<()> {
    let database = DatabaseUrl::parse(&args.database).map_err(anyhow::Error::msg)?;
    let beside = match &database {
        DatabaseUrl::Sqlite(path) => path.with_extension("json"),
        DatabaseUrl::Postgres(_) => PathBuf::from("pagoda-bench.json"),
    };
    let path = args.manifest.unwrap_or(beside);
    let manifest = generate(&Order { entries: args.entries, database, seed: args.seed })
        .context("the site cannot be made")?;
    manifest.write(&path)?;
    say(&format!(
        "{} entries in {:.1} s; what a load needs to know is in {}",
        manifest.entries,
        manifest.seconds,
        path.display()
    ));
    Ok(())
}
