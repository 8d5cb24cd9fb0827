//! `pagoda-bench report`: every figure and picture of `docs/benchmarks.md` that is Pagoda's own, in one run.

use super::chart::{Curve, draw};
use super::drive::{Plan, drive};
use super::process::Server;
use super::scenario::{Scenario, World};
use super::{Figure, Side, chosen, closed, compare, measure, table};
use crate::bare_site;
use crate::generate::{Manifest, Order, generate};
use crate::load;
use crate::report::{forget, measured, median, say};
use crate::serving::Serving;
use anyhow::Context;
use pagoda_core::config::Config;
use pagoda_core::store::{DatabaseUrl, Store, StoreOptions};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

/// What a report is about.
#[derive(Debug, Clone)]
pub struct Plot {
    /// The server's binary.
    pub binary: PathBuf,
    /// Sizes of sites.
    pub sizes: Vec<u64>,
    /// How long each scenario is measured.
    pub duration: Duration,
    /// Connections of the closed loops.
    pub connections: u32,
    /// Where pictures, tables and sites go.
    pub directory: PathBuf,
    /// The document whose part between the marks is written anew; none is.
    pub document: Option<PathBuf>,
    /// Sites are on PostgreSQL too, in a cluster that is started for it where its programs are.
    pub postgres: bool,
}

/// Parts of the rate of a closed loop that are tried in an open one.
const PARTS: [f64; 4] = [0.2, 0.5, 0.8, 0.95];
/// Rounds against the bare program.
const ROUNDS: usize = 3;
/// The part of the document about load, and the part about the framework.
const LOAD: Part = Part("pagoda-bench report");
const FRAMEWORK: Part = Part("cargo bench");

/// A part of the document that is written anew, between two marks of this name.
#[derive(Debug, Clone, Copy)]
struct Part(&'static str);

impl Part {
    fn begin(self) -> String {
        format!("<!-- {}: begin -->\n", self.0)
    }

    fn end(self) -> String {
        format!("<!-- {}: end -->\n", self.0)
    }

    /// The document with another text between the marks.
    fn replaced(self, document: &str, text: &str) -> anyhow::Result<String> {
        let (begin, end) = (self.begin(), self.end());
        let (before, rest) =
            document.split_once(&begin).context("the document has no mark where the part begins")?;
        let (_, after) = rest.split_once(&end).context("the document has no mark where the part ends")?;
        Ok(format!("{before}{begin}{text}{end}{after}"))
    }

    /// Writes the part of the document anew.
    fn rewrite(self, document: &Path, text: &str) -> anyhow::Result<()> {
        let known = std::fs::read_to_string(document)?;
        Ok(std::fs::write(document, self.replaced(&known, text)?)?)
    }
}

/// A site, how long it took to make, and the memory of a server that has just started over it.
#[derive(Debug, Clone)]
struct Made {
    what: String,
    seconds: f64,
    idle_mib: f64,
}

/// A ratio to the bare program.
#[derive(Debug, Clone)]
struct Ratio {
    server: String,
    entries: u64,
    scenario: &'static str,
    /// Rates, Pagoda's through the bare one's.
    ratio: f64,
    range: (f64, f64),
    goal: f64,
}

/// Measures everything and writes it down.
///
/// # Errors
/// Something cannot be made, measured or written.
pub fn report(plot: &Plot) -> anyhow::Result<()> {
    std::fs::create_dir_all(&plot.directory)?;
    let (mut closed_loops, mut open_loops, mut ratios, mut made) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for backend in if plot.postgres { &["SQLite", "PostgreSQL"][..] } else { &["SQLite"][..] } {
        for size in &plot.sizes {
            let sites = tempfile::tempdir_in(&plot.directory)?;
            let database = match *backend {
                "SQLite" => {
                    DatabaseUrl::Sqlite(std::path::absolute(sites.path().join("site.db"))?).to_string()
                }
                _ => match pagoda_test_support::durable_database() {
                    Some(url) => url,
                    None => continue,
                },
            };
            let url = DatabaseUrl::parse(&database).map_err(anyhow::Error::msg)?;
            let manifest = generate(&Order { entries: *size, database: url.clone(), seed: 1 })?;
            say(&format!("{backend}: {size} entries in {:.1} s", manifest.seconds));
            let side = start(plot, backend, &database, manifest.clone())?;
            made.push(Made {
                what: format!("{backend}, {size} entries"),
                seconds: manifest.seconds,
                idle_mib: side.server.memory()?.resident,
            });
            let all: Vec<&'static Scenario> = chosen(&[]).collect();
            let figures =
                compare(std::slice::from_ref(&side), &all, closed(plot.connections, plot.duration), 1)?;
            if Some(size) == plot.sizes.last() {
                open_loops.extend(open(plot, &side, &figures)?);
            }
            closed_loops.extend(figures);
            ratios.extend(against_bare(plot, &side, url, manifest)?);
            // After each site: what was measured is there, whatever becomes of the next.
            write(plot, &closed_loops, &open_loops, &ratios, &made)?;
        }
    }
    match &plot.document {
        Some(path) => framework(path),
        None => Ok(()),
    }
}

/// Runs the benchmarks of the framework, and writes what they found into the document.
fn framework(document: &Path) -> anyhow::Result<()> {
    forget()?;
    say("cargo bench -p pagoda-benches");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(["bench", "-p", "pagoda-benches"]).status()?;
    anyhow::ensure!(status.success(), "cargo bench failed");
    FRAMEWORK.rewrite(document, &measured("###")?)
}

fn start(plot: &Plot, name: &str, database: &str, manifest: Manifest) -> anyhow::Result<Side> {
    let server = Server::start(&plot.binary, database)?;
    Ok(Side { name: name.to_owned(), server, world: Rc::new(World::new(manifest)?) })
}

fn open(plot: &Plot, side: &Side, figures: &[Figure]) -> anyhow::Result<Vec<Figure>> {
    let mut all = Vec::new();
    for scenario in chosen(&["list".into(), "detail".into(), "create".into(), "mixed".into()]) {
        let Some(most) = figures.iter().find(|figure| figure.scenario == scenario.name) else { continue };
        for part in PARTS {
            let rate = Some((most.rate * part).max(1.0));
            let plan = Plan { connections: plot.connections * 4, duration: plot.duration, rate };
            all.extend(measure(side, scenario, plan)?);
        }
    }
    Ok(all)
}

/// The same requests to the bare program over the same database, in rounds that take turns.
fn against_bare(
    plot: &Plot,
    side: &Side,
    url: DatabaseUrl,
    manifest: Manifest,
) -> anyhow::Result<Vec<Ratio>> {
    let store = Store::open(StoreOptions { exclusive: false, ..StoreOptions::new(url) })?;
    let bare = Serving::bare(bare_site::site(store, Config::default().time_zone))?;
    let world = Rc::new(World::new(manifest)?);
    let plan = closed(plot.connections, plot.duration);
    let mut ratios = Vec::new();
    for (name, goal) in [("detail", 0.7), ("list", 0.7), ("create", 0.5)] {
        let scenario = chosen(&[]).find(|scenario| scenario.name == name).context("no such scenario")?;
        if name != "create" {
            ensure_same(side, &bare, &world, scenario)?;
        }
        let mut of_rounds = Vec::new();
        for round in 0..ROUNDS {
            match taking_turns(side, &bare, &world, scenario, plan, round % 2 == 0) {
                Ok(ratio) => of_rounds.push(ratio),
                Err(error) => say(&format!("{name} beside the bare program: FAILED, {error:#}")),
            }
        }
        if of_rounds.is_empty() {
            continue;
        }
        let range =
            of_rounds.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), r| (low.min(*r), high.max(*r)));
        let (server, entries) = (side.name.clone(), side.world.entries());
        let ratio = Ratio { server, entries, scenario: scenario.name, ratio: median(of_rounds), range, goal };
        say(&format!("{} {} {name}: {:.3} of the bare program", ratio.server, ratio.entries, ratio.ratio));
        ratios.push(ratio);
    }
    Ok(ratios)
}

/// Fails where the bare program answers something else to a request of a scenario that only reads.
fn ensure_same(side: &Side, bare: &Serving, world: &World, scenario: &Scenario) -> anyhow::Result<()> {
    let bytes = world.next(scenario).context("nothing to ask for")?;
    let shown = |address| -> anyhow::Result<Value> {
        let mut shown: Value = serde_json::from_slice(&load::once(address, &bytes)?)?;
        // Links name the server.
        for key in ["next", "previous"] {
            shown.as_object_mut().map(|shown| shown.remove(key));
        }
        Ok(shown)
    };
    let request = String::from_utf8_lossy(&bytes);
    let request = request.lines().next().unwrap_or_default();
    let is_same = shown(side.server.address)? == shown(bare.address)?;
    anyhow::ensure!(is_same, "{request}: the bare program answers something else");
    Ok(())
}

/// One round of each: Pagoda's rate through the bare program's.
fn taking_turns(
    side: &Side,
    bare: &Serving,
    world: &Rc<World>,
    scenario: &'static Scenario,
    plan: Plan,
    ours_first: bool,
) -> anyhow::Result<f64> {
    let ours = || drive(side.server.address, scenario, &side.world, plan);
    let theirs = || drive(bare.address, scenario, world, plan);
    let (ours, theirs) = if ours_first {
        let ours = ours()?;
        (ours, theirs()?)
    } else {
        let theirs = theirs()?;
        (ours()?, theirs)
    };
    Ok(ours.rate() / theirs.rate())
}

fn write(
    plot: &Plot,
    closed_loops: &[Figure],
    open_loops: &[Figure],
    ratios: &[Ratio],
    made: &[Made],
) -> anyhow::Result<()> {
    let mut lines = String::new();
    for figure in closed_loops.iter().chain(open_loops) {
        lines.push_str(&serde_json::to_string(figure)?);
        lines.push('\n');
    }
    std::fs::write(plot.directory.join("figures.jsonl"), lines)?;
    let mut text = String::new();
    for backend in ["SQLite", "PostgreSQL"] {
        let of =
            |figures: &[Figure]| figures.iter().filter(|f| f.server == backend).cloned().collect::<Vec<_>>();
        let (own, open_own) = (of(closed_loops), of(open_loops));
        if own.is_empty() {
            continue;
        }
        let name = backend.to_lowercase();
        let sizes = curves(&own, |figure| (figure.entries, figure.p99_us / 1e3));
        let title = format!("{backend}: p99 by number of entries");
        std::fs::write(
            plot.directory.join(format!("{name}-sizes.svg")),
            draw(&title, "entries", "p99 in ms", &sizes),
        )?;
        let rates = curves(&open_own, |figure| (figure.rate.round().max(1.0), figure.p99_us / 1e3));
        let title = format!("{backend}: p99 by rate, open loop");
        std::fs::write(
            plot.directory.join(format!("{name}-rates.svg")),
            draw(&title, "requests per second", "p99 in ms", &rates),
        )?;
        writeln!(text, "\n### {backend}\n\n![p99 by size](benchmarks/{name}-sizes.svg)\n")?;
        writeln!(text, "{}", growth(&own))?;
        writeln!(text, "![p99 by rate](benchmarks/{name}-rates.svg)\n\n{}", table(&own))?;
        writeln!(text, "Open loop, latencies from the intended start:\n\n{}", table(&open_own))?;
    }
    text.push_str("\n### Against the bare program\n\n| | entries | Pagoda through bare | goal | |\n|---|---|---|---|---|\n");
    for ratio in ratios {
        let verdict = if ratio.ratio >= ratio.goal { "met" } else { "MISSED" };
        let (low, high) = ratio.range;
        writeln!(
            text,
            "| {}, {} | {} | {:.2} ({low:.2} to {high:.2}) | ≥ {} | {verdict} |",
            ratio.server, ratio.scenario, ratio.entries, ratio.ratio, ratio.goal
        )?;
    }
    text.push_str(
        "\n### Sites and memory\n\n| | made in, s | idle, MiB | most under load, MiB |\n|---|---|---|---|\n",
    );
    for Made { what, seconds, idle_mib } in made {
        let own = closed_loops.iter().filter(|f| *what == format!("{}, {} entries", f.server, f.entries));
        let most = own.map(|figure| figure.peak_mib).fold(0.0, f64::max);
        writeln!(text, "| {what} | {seconds:.1} | {idle_mib:.0} | {most:.0} |")?;
    }
    std::fs::write(plot.directory.join("tables.md"), &text)?;
    match &plot.document {
        Some(path) => LOAD.rewrite(path, &text),
        None => Ok(()),
    }
}

/// One curve per scenario, in the order in which they come.
fn curves<X: Into<Number>>(figures: &[Figure], point: impl Fn(&Figure) -> (X, f64)) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for figure in figures {
        let (x, y) = point(figure);
        let Number(x) = x.into();
        match curves.iter_mut().find(|curve| curve.name == figure.scenario) {
            Some(curve) => curve.points.push((x, y)),
            None => curves.push(Curve { name: figure.scenario.clone(), points: vec![(x, y)] }),
        }
    }
    curves
}

/// A count or a rate as a place on an axis.
struct Number(f64);

impl From<u64> for Number {
    fn from(count: u64) -> Self {
        Self(u32::try_from(count).map_or(f64::INFINITY, f64::from))
    }
}

impl From<f64> for Number {
    fn from(rate: f64) -> Self {
        Self(rate)
    }
}

/// p99 at the largest size through that at the smallest one.
fn growth(figures: &[Figure]) -> String {
    let mut text =
        String::from("| p99 in ms | smallest site | largest site | ratio | |\n|---|---|---|---|---|\n");
    let sizes = || figures.iter().map(|figure| figure.entries);
    let (Some(least), Some(most)) = (sizes().min(), sizes().max()) else { return text };
    for small in figures.iter().filter(|figure| figure.entries == least) {
        let large = figures.iter().find(|other| other.entries == most && other.scenario == small.scenario);
        let Some(large) = large.filter(|_| most > least) else { continue };
        let ratio = large.p99_us / small.p99_us;
        let verdict = if ratio <= 1.5 { "met" } else { "MISSED" };
        // Writing to a text does not fail.
        let _ = writeln!(
            text,
            "| {} | {:.2} | {:.2} | {ratio:.2} | {verdict} |",
            small.scenario,
            small.p99_us / 1e3,
            large.p99_us / 1e3
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{FRAMEWORK, LOAD};

    #[test]
    fn the_part_between_the_marks_is_replaced_and_nothing_else() {
        for part in [LOAD, FRAMEWORK] {
            let document = |text: &str| format!("a\n{}{text}{}b\n", part.begin(), part.end());
            assert_eq!(part.replaced(&document("old\n"), "new\n").unwrap(), document("new\n"));
            assert!(part.replaced("a", "new").is_err());
        }
    }

    #[test]
    fn the_document_has_both_parts() {
        let document = std::fs::read_to_string("../docs/benchmarks.md").unwrap();
        for part in [LOAD, FRAMEWORK] {
            assert!(part.replaced(&document, "").is_ok(), "{part:?}");
        }
    }
}
