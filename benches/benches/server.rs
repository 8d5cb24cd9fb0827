//! What a server costs: routes of plugins, reading and creating entries, starting.
//!
//! Arguments choose sections by name; none means all. `PAGODA_BENCH_SECONDS` (3) is the length of a round,
//! `PAGODA_BENCH_ROUNDS` (5) their number.

use anyhow::Context;
use pagoda_benches::load::{self, Comparison, Round, Side};
use pagoda_benches::report::{self, Row, median, say};
use pagoda_benches::serving::{Serving, config};
use pagoda_benches::{PLUGIN, bare, data};
use pagoda_core::config::Config;
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::server;
use pagoda_core::store::DatabaseUrl;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Set in processes that this one starts to measure their start: the database directory.
const CHILD: &str = "PAGODA_BENCH_CHILD";

fn setting(name: &str, default: f64) -> f64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn seconds() -> Duration {
    Duration::from_secs_f64(setting("PAGODA_BENCH_SECONDS", 3.0))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small number from the operator"
)]
fn rounds() -> usize {
    setting("PAGODA_BENCH_ROUNDS", 5.0) as usize
}

fn details(round: &Round) -> String {
    format!(
        "{:.0}/s, p50 {:.0} µs, p99 {:.0} µs, {:.1} µs CPU",
        round.per_second, round.p50_us, round.p99_us, round.cpu_us
    )
}

fn rows(what: &str, comparison: &Comparison, goal: f64) -> Vec<Row> {
    let (low, high) = comparison.range;
    vec![
        Row::goal(
            format!("{what}, requests per second through those of bare actix-web"),
            format!("{:.3} ({low:.3} to {high:.3})", comparison.ratio),
            format!("≥ {goal}"),
            comparison.ratio >= goal,
        ),
        Row::info(
            format!("{what}, the same in server CPU per request"),
            format!("{:.3}", comparison.cpu_ratio),
        ),
        Row::info(format!("{what}: Pagoda"), details(&comparison.ours)),
        Row::info(format!("{what}: bare"), details(&comparison.bare)),
    ]
}

fn plugin_route() -> anyhow::Result<Vec<Row>> {
    let directory = tempfile::tempdir()?;
    let prepared = server::prepare(config(directory.path()), Contributions::of(&[&PLUGIN]))?;
    let token = data::token(&data::as_admin(prepared.host())?)?;
    let (ours, bare) = (Serving::pagoda(prepared)?, Serving::bare(bare::greeting)?);
    let path = "/api/v2/plugins/bench/open/";
    let plain = load::get(path, None);
    let with_token = load::get("/api/v2/plugins/bench/token/", Some(&token));
    let with_unread_token = load::get(path, Some(&token));
    let same = load::once(ours.address, &plain)?;
    anyhow::ensure!(same == load::once(bare.address, &plain)?, "the answers differ");
    anyhow::ensure!(same == load::once(ours.address, &with_token)?, "the answers differ");
    let mut all = Vec::new();
    for (what, goal, sent, sent_bare) in
        [("open route", 0.9, plain.clone(), plain), ("route with token", 0.75, with_token, with_unread_token)]
    {
        let ours = Side::new("pagoda", ours.address, move |_| sent.clone());
        let bare = Side::new("bare", bare.address, move |_| sent_bare.clone());
        all.extend(rows(what, &load::compare(&ours, &bare, rounds(), seconds())?, goal));
    }
    Ok(all)
}

fn read_entry() -> anyhow::Result<Vec<Row>> {
    let directory = tempfile::tempdir()?;
    let prepared = server::prepare(config(directory.path()), Contributions::default())?;
    let admin = data::as_admin(prepared.host())?;
    let token = data::token(&admin)?;
    let stock = data::stock(&admin, 10_000)?;
    let ours = Serving::pagoda(prepared)?;
    let bare = Serving::bare(bare::detail(bare::connections(&directory.path().join("pagoda.db"))?))?;
    let ask = {
        let (entries, token) = (stock.entries.clone(), token.clone());
        move |number: u64| {
            // A stride that is no divisor: every entry is read, neighbours are not read after each other.
            let at = usize::try_from(number * 7_919).unwrap_or_default() % entries.len();
            let id = entries.get(at).copied().unwrap_or_default();
            load::get(&format!("/entry/api/v2/{id}/"), Some(&token))
        }
    };
    for number in [0, 1, 2] {
        let (one, other) = (load::once(ours.address, &ask(number))?, load::once(bare.address, &ask(number))?);
        anyhow::ensure!(
            one == other,
            "the answers differ:\n{}\n{}",
            String::from_utf8_lossy(&one),
            String::from_utf8_lossy(&other)
        );
    }
    let sides = (Side::new("pagoda", ours.address, ask.clone()), Side::new("bare", bare.address, ask));
    let mut all =
        rows("entry of 10 attributes", &load::compare(&sides.0, &sides.1, rounds(), seconds())?, 0.7);

    let path = format!("/entity/api/v2/{}/entries/", stock.servers);
    let create = Side::new("create", ours.address, move |number| {
        load::post(&path, &token, &stock.body(number, "created ").to_string())
    });
    let created: Vec<Round> = (0..3).map(|_| load::round(&create, seconds())).collect::<Result<_, _>>()?;
    if let Some(best) = created.iter().max_by(|a, b| a.per_second.total_cmp(&b.per_second)) {
        all.push(Row::info(
            "create an entry of 10 values, durable (`synchronous=FULL`), best of 3",
            details(best),
        ));
    }
    Ok(all)
}

/// Creating entries with the audit log, through creating them without it.
fn audit() -> anyhow::Result<Vec<Row>> {
    let (with, without) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let start = |directory: &Path, audit: bool| {
        let config = Config { audit, ..config(directory) };
        let prepared = server::prepare(config, Contributions::default())?;
        let admin = data::as_admin(prepared.host())?;
        let (token, stock) = (data::token(&admin)?, data::stock(&admin, 1)?);
        let path = format!("/entity/api/v2/{}/entries/", stock.servers);
        let serving = Serving::pagoda(prepared)?;
        let name = if audit { "with" } else { "without" };
        let side = Side::new(name, serving.address, move |number| {
            load::post(&path, &token, &stock.body(number, "created ").to_string())
        });
        anyhow::Ok((serving, side))
    };
    let (recorded, unrecorded) = (start(with.path(), true)?, start(without.path(), false)?);
    let compared = load::compare(&recorded.1, &unrecorded.1, rounds(), seconds())?;
    let (low, high) = compared.range;
    Ok(vec![
        Row::info(
            "create an entry of 10 values, requests per second with the audit log through those without",
            format!("{:.3} ({low:.3} to {high:.3})", compared.ratio),
        ),
        Row::info("the same in server CPU per request", format!("{:.3}", compared.cpu_ratio)),
        Row::info("with the audit log, its rows sealed meanwhile", details(&compared.ours)),
        Row::info("without", details(&compared.bare)),
    ])
}

/// In a process of its own: prepares, serves, says where, until standard input ends.
fn child(directory: &Path) -> anyhow::Result<()> {
    let started = Instant::now();
    let contributions = data::handlers(Contributions::of(&[&PLUGIN]), 100);
    let prepared = server::prepare(config(directory), contributions)?;
    let took = started.elapsed();
    let serving = Serving::pagoda(prepared)?;
    say(&format!("{} {}", serving.address, took.as_secs_f64() * 1e3));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Milliseconds until a new process answered, those of them within `prepare`, and its memory in MiB.
fn start(directory: &Path) -> anyhow::Result<(f64, f64, f64)> {
    let started = Instant::now();
    let mut child = Command::new(std::env::current_exe()?)
        .env(CHILD, directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
    let (address, prepared) = line.trim().split_once(' ').context("the process did not start")?;
    load::once(address.parse()?, &load::get("/health/ready", None))?;
    let took = started.elapsed().as_secs_f64() * 1e3;
    let prepared = prepared.parse()?;
    let memory = memory_mib(child.id())?;
    drop(child.stdin.take());
    child.wait()?;
    Ok((took, prepared, memory))
}

/// Resident memory of a process.
fn memory_mib(process: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
}

/// A process that does not outlive this value.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Milliseconds to the first answer, and idle memory in MiB, of the delivered binary, if it was built.
fn delivered() -> anyhow::Result<Option<(f64, f64)>> {
    let binary = report::target_directory()?.join("release").join("pagoda");
    if !binary.is_file() {
        return Ok(None);
    }
    let directory = tempfile::tempdir()?;
    let address: SocketAddr = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    let mut best = f64::INFINITY;
    let mut memory = 0.0;
    for _ in 0..5 {
        let started = Instant::now();
        let process = Command::new(&binary)
            .args(["serve", "--workers", "2", "--bind", &address.to_string(), "--database-url"])
            .arg(DatabaseUrl::Sqlite(directory.path().join("pagoda.db")).to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let process = Owned(process);
        while load::once(address, &load::get("/health/ready", None)).is_err() {
            anyhow::ensure!(started.elapsed() < Duration::from_secs(20), "the binary does not answer");
            std::thread::sleep(Duration::from_micros(500));
        }
        best = best.min(started.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_secs(1));
        memory = memory_mib(process.0.id())?;
    }
    Ok(Some((best, memory)))
}

fn startup() -> anyhow::Result<Vec<Row>> {
    let existing = tempfile::tempdir()?;
    start(existing.path())?;
    let mut all = Vec::new();
    for (what, fresh) in [("existing", false), ("fresh", true)] {
        let mut figures = Vec::new();
        for _ in 0..15 {
            let new = tempfile::tempdir()?;
            figures.push(start(if fresh { new.path() } else { existing.path() })?);
        }
        let of = |field: fn(&(f64, f64, f64)) -> f64| median(figures.iter().map(field).collect());
        let (took, prepared, memory) = (of(|f| f.0), of(|f| f.1), of(|f| f.2));
        all.push(Row::goal(
            format!("process start to first answer, 1,000 handlers, {what} SQLite file"),
            format!("{took:.1} ms, of which `prepare` {prepared:.1} ms"),
            "≤ 100 ms",
            took <= 100.0,
        ));
        let what = format!("memory after the first answer, 1,000 handlers, {what} file (benchmark process)");
        all.push(Row::goal(what, format!("{memory:.1} MiB"), "≤ 30 MB", memory * 1.048_576 <= 30.0));
    }
    match delivered()? {
        Some((took, memory)) => {
            all.push(Row::goal(
                "idle memory of `target/release/pagoda`",
                format!("{memory:.1} MiB"),
                "≤ 30 MB",
                memory * 1.048_576 <= 30.0,
            ));
            all.push(Row::info(
                "start of `target/release/pagoda` to first answer, best of 5",
                format!("{took:.1} ms"),
            ));
        }
        None => all.push(Row::info("`target/release/pagoda`", "not built, not measured")),
    }
    Ok(all)
}

type Measure = fn() -> anyhow::Result<Vec<Row>>;

fn main() -> anyhow::Result<()> {
    if let Some(directory) = std::env::var_os(CHILD) {
        return child(Path::new(&directory));
    }
    // As a server runs: with its log, at its default level.
    pagoda_core::observe::init_logs(&Config::default());
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let sections: [(&str, Measure); 4] =
        [("plugin_route", plugin_route), ("read_entry", read_entry), ("audit", audit), ("startup", startup)];
    for (name, measure) in sections {
        if wanted.is_empty() || wanted.iter().any(|word| name.contains(word)) {
            say(&format!("{name} …"));
            let rows = measure()?;
            report::keep(name, rows)?;
        }
    }
    report::show()
}
