//! `pagoda-bench`: makes sites, and measures servers under load. `docs/benchmarks.md` says how to use it.

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use pagoda_benches::generate::{Manifest, Order, generate};
use pagoda_benches::harness::drive::Plan;
use pagoda_benches::harness::process::Server;
use pagoda_benches::harness::report::{Plot, report};
use pagoda_benches::harness::scenario::{Scenario, World};
use pagoda_benches::harness::{Side, chosen, compare, table};
use pagoda_benches::report::say;
use pagoda_core::store::DatabaseUrl;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

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
    /// Load a server over such a site, or two in turn, and say what they do
    Load(LoadArgs),
    /// Measure everything at several sizes on both databases, and write the tables and pictures of docs/benchmarks.md anew
    Report(ReportArgs),
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

#[derive(Debug, Args)]
struct LoadArgs {
    /// What `generate` wrote about the site
    #[arg(long, value_name = "FILE")]
    manifest: PathBuf,
    /// The site's database; a server is started over it
    #[arg(long, value_name = "URL", required_unless_present = "target")]
    database: Option<String>,
    /// The server to start
    #[arg(long, value_name = "FILE", default_value = "target/release/pagoda")]
    binary: PathBuf,
    /// A server that runs already, with --process
    #[arg(long, value_name = "ADDRESS:PORT", requires = "process", conflicts_with = "database")]
    target: Option<SocketAddr>,
    /// The process of that server
    #[arg(long, value_name = "PID")]
    process: Option<u32>,
    /// A second database to compare with; SQLite files are opened once, so two builds need a copy each
    #[arg(long, value_name = "URL", requires = "against_manifest")]
    against: Option<String>,
    /// The manifest of the second database
    #[arg(long, value_name = "FILE")]
    against_manifest: Option<PathBuf>,
    /// The server to start over the second database [default: as the first]
    #[arg(long, value_name = "FILE")]
    against_binary: Option<PathBuf>,
    /// Only scenarios whose name contains this; may be given several times
    #[arg(long, value_name = "WORD")]
    only: Vec<String>,
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 8)]
    connections: u32,
    /// How long each round lasts
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    seconds: f64,
    /// Rounds of each scenario; the median counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// So many requests per second whether the server keeps up or not, instead of as many as it answers
    #[arg(long, value_name = "PER SECOND")]
    rate: Option<f64>,
    /// Where to write the figures as lines of JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ReportArgs {
    /// The server
    #[arg(long, value_name = "FILE", default_value = "target/release/pagoda")]
    binary: PathBuf,
    /// Sizes of sites
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    sizes: Vec<u64>,
    /// Ten thousand and thirty thousand entries, and a second per scenario; nothing in the documents changes
    #[arg(long)]
    quick: bool,
    /// How long each scenario is measured
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    seconds: f64,
    /// Only SQLite
    #[arg(long)]
    sqlite_only: bool,
    /// Where pictures, tables and figures go [default: docs/benchmarks, with --quick target/pagoda-bench]
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Generate(args) => run_generate(args),
        Command::Load(args) => run_load(&args),
        Command::Report(args) => run_report(args),
    }
}

fn side(name: &str, binary: &Path, database: &str, manifest: &Path) -> anyhow::Result<Side> {
    let world = Rc::new(World::new(Manifest::read(manifest)?)?);
    Ok(Side { name: name.to_owned(), server: Server::start(binary, database)?, world })
}

fn run_load(args: &LoadArgs) -> anyhow::Result<()> {
    let mut sides = Vec::new();
    match (&args.database, args.target, args.process) {
        (Some(database), _, _) => sides.push(side("first", &args.binary, database, &args.manifest)?),
        (None, Some(address), Some(process)) => sides.push(Side {
            name: "target".to_owned(),
            server: Server::running(address, process),
            world: Rc::new(World::new(Manifest::read(&args.manifest)?)?),
        }),
        _ => anyhow::bail!("say --database, or --target and --process"),
    }
    if let (Some(database), Some(manifest)) = (&args.against, &args.against_manifest) {
        let binary = args.against_binary.as_ref().unwrap_or(&args.binary);
        sides.push(side("second", binary, database, manifest)?);
    }
    let scenarios: Vec<&'static Scenario> = chosen(&args.only).collect();
    anyhow::ensure!(!scenarios.is_empty(), "no scenario has such a name");
    let duration = Duration::try_from_secs_f64(args.seconds)?;
    let plan = Plan { connections: args.connections, duration, rate: args.rate };
    let figures = compare(&sides, &scenarios, plan, args.rounds)?;
    if let Some(path) = &args.json {
        let lines: Result<Vec<String>, _> = figures.iter().map(serde_json::to_string).collect();
        std::fs::write(path, lines?.join("\n") + "\n")?;
    }
    say(&format!("\n{}", table(&figures)));
    Ok(())
}

fn run_report(args: ReportArgs) -> anyhow::Result<()> {
    let default = if args.quick { "target/pagoda-bench" } else { "docs/benchmarks" };
    report(&Plot {
        binary: args.binary,
        sizes: if args.quick { vec![10_000, 30_000] } else { args.sizes },
        duration: Duration::try_from_secs_f64(if args.quick { 1.0 } else { args.seconds })?,
        connections: 8,
        document: (!args.quick && args.directory.is_none()).then(|| PathBuf::from("docs/benchmarks.md")),
        directory: args.directory.unwrap_or_else(|| PathBuf::from(default)),
        postgres: !args.sqlite_only,
    })
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
