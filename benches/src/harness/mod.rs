//! `pagoda-bench load`: what a server does under load, and `pagoda-bench report`: all figures of `docs/benchmarks.md`.
//!
//! `scenario.rs` is what is asked, `drive.rs` how, `process.rs` what it costs the server. Start at [`measure`] and
//! [`compare`]; `report.rs` does it for all sizes and both databases.

pub mod chart;
pub mod drive;
pub mod process;
pub mod report;
pub mod scenario;

use self::drive::{Plan, drive};
use self::process::Server;
use self::scenario::{SCENARIOS, Scenario, World};
use crate::load;
use crate::report::{median, say};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

/// What a scenario came to on a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figure {
    /// Which server.
    pub server: String,
    /// Entries of its site.
    pub entries: u64,
    /// What was asked.
    pub scenario: String,
    /// The rate that was aimed at, in an open loop.
    pub aimed: Option<f64>,
    /// Answers per second.
    pub rate: f64,
    /// Half of the answers came faster, in microseconds.
    pub p50_us: f64,
    /// 95 of 100 did.
    pub p95_us: f64,
    /// 99 of 100 did.
    pub p99_us: f64,
    /// Processor time of the server per answer, in microseconds.
    pub cpu_us: f64,
    /// SQL statements per answer.
    pub statements: f64,
    /// Memory afterwards, in MiB.
    pub memory_mib: f64,
    /// The most memory so far.
    pub peak_mib: f64,
}

/// A server and what it is asked.
#[derive(Debug)]
pub struct Side {
    /// What it is called in figures.
    pub name: String,
    /// The server.
    pub server: Server,
    /// What requests are made of.
    pub world: Rc<World>,
}

/// Whether a scenario can be asked of a server: one that does not know the route yet is not measured.
///
/// # Errors
/// The server is gone.
fn is_known(side: &Side, scenario: &'static Scenario) -> anyhow::Result<bool> {
    let Some(request) = side.world.next(scenario) else { return Ok(true) };
    let (status, body) = load::answer(side.server.address, &request)?;
    side.world.answered(scenario, &body);
    anyhow::ensure!(
        matches!(status, 200..=299 | 404 | 405),
        "{}: {status} {}",
        scenario.name,
        String::from_utf8_lossy(&body)
    );
    Ok(status < 300)
}

/// Measures a scenario on a server, after a warm-up of a fifth of the time.
///
/// # Errors
/// A request was not answered well.
pub fn measure(side: &Side, scenario: &'static Scenario, plan: Plan) -> anyhow::Result<Option<Figure>> {
    if !is_known(side, scenario)? {
        return Ok(None);
    }
    // What can be asked for once only is not spent on warming up.
    if scenario.name != scenario::DELETE {
        drive(side.server.address, scenario, &side.world, Plan { duration: plan.duration / 5, ..plan })?;
    }
    let before = side.server.spent()?;
    let outcome = drive(side.server.address, scenario, &side.world, plan)?;
    let after = side.server.spent()?;
    if outcome.answers() < 1.0 {
        return Ok(None);
    }
    let memory = side.server.memory()?;
    Ok(Some(Figure {
        server: side.name.clone(),
        entries: side.world.entries(),
        scenario: scenario.name.to_owned(),
        aimed: plan.rate,
        rate: outcome.rate(),
        p50_us: outcome.percentile(50.0),
        p95_us: outcome.percentile(95.0),
        p99_us: outcome.percentile(99.0),
        cpu_us: (after.cpu_us - before.cpu_us) / outcome.answers(),
        statements: (after.statements - before.statements) / outcome.answers(),
        memory_mib: memory.resident,
        peak_mib: memory.peak,
    }))
}

/// Scenarios whose name contains one of the words; all without words.
pub fn chosen(words: &[String]) -> impl Iterator<Item = &'static Scenario> {
    SCENARIOS
        .iter()
        .filter(|scenario| words.is_empty() || words.iter().any(|word| scenario.name.contains(word.as_str())))
}

/// Measures scenarios on one server or on several, in rounds that take turns; of each the median round. A scenario that a
/// server does not answer well is said so and left out: the others count all the same.
///
/// # Errors
/// A server is gone.
pub fn compare(
    sides: &[Side],
    scenarios: &[&'static Scenario],
    plan: Plan,
    rounds: usize,
) -> anyhow::Result<Vec<Figure>> {
    let mut all = Vec::new();
    for scenario in scenarios {
        let mut of_sides: Vec<Vec<Figure>> = vec![Vec::new(); sides.len()];
        for round in 0..rounds.max(1) {
            for turn in 0..sides.len() {
                // In turns of who begins.
                let at = (turn + round) % sides.len();
                if let (Some(side), Some(figures)) = (sides.get(at), of_sides.get_mut(at)) {
                    match measure(side, scenario, plan) {
                        Ok(figure) => figures.extend(figure),
                        Err(error) => {
                            // Whether it was the server or only this request.
                            side.server.memory()?;
                            say(&format!("{} {}: FAILED, {error}", side.name, scenario.name));
                        }
                    }
                }
            }
        }
        for figures in of_sides.iter().filter(|figures| !figures.is_empty()) {
            let figure = middle(figures);
            say(&format!(
                "{} {}: {:.0}/s, p50 {:.0} µs, p99 {:.0} µs, {:.0} µs CPU, {:.1} statements",
                figure.server,
                figure.scenario,
                figure.rate,
                figure.p50_us,
                figure.p99_us,
                figure.cpu_us,
                figure.statements
            ));
            all.push(figure);
        }
        if of_sides.iter().all(Vec::is_empty) {
            say(&format!("{}: not measured", scenario.name));
        }
    }
    Ok(all)
}

/// The median of each figure over rounds.
fn middle(figures: &[Figure]) -> Figure {
    let of = |field: fn(&Figure) -> f64| median(figures.iter().map(field).collect());
    let first = figures.first().cloned();
    let named = first.unwrap_or_else(|| Figure {
        server: String::new(),
        entries: 0,
        scenario: String::new(),
        aimed: None,
        rate: 0.0,
        p50_us: 0.0,
        p95_us: 0.0,
        p99_us: 0.0,
        cpu_us: 0.0,
        statements: 0.0,
        memory_mib: 0.0,
        peak_mib: 0.0,
    });
    Figure {
        rate: of(|f| f.rate),
        p50_us: of(|f| f.p50_us),
        p95_us: of(|f| f.p95_us),
        p99_us: of(|f| f.p99_us),
        cpu_us: of(|f| f.cpu_us),
        statements: of(|f| f.statements),
        memory_mib: of(|f| f.memory_mib),
        peak_mib: of(|f| f.peak_mib),
        ..named
    }
}

/// Figures as a table in Markdown; with two servers also the ratio of the first one's rate to the second one's.
#[must_use]
pub fn table(figures: &[Figure]) -> String {
    let mut text = String::from(
        "| | server | req/s | p50 / p95 / p99 ms | CPU ms | statements | memory MiB |\n|---|---|---|---|---|---|---|\n",
    );
    for figure in figures {
        let aimed = figure.aimed.map(|rate| format!(" at {rate:.0}/s")).unwrap_or_default();
        let rival = figures.iter().find(|other| {
            other.scenario == figure.scenario && other.server != figure.server && other.aimed == figure.aimed
        });
        let ratio = rival.map(|rival| format!(" ({:.2} ×)", figure.rate / rival.rate)).unwrap_or_default();
        // Writing to a text does not fail.
        let _ = writeln!(
            text,
            "| {}{aimed} | {}, {} | {:.0}{ratio} | {:.2} / {:.2} / {:.2} | {:.2} | {:.1} | {:.0} |",
            figure.scenario,
            figure.server,
            figure.entries,
            figure.rate,
            figure.p50_us / 1e3,
            figure.p95_us / 1e3,
            figure.p99_us / 1e3,
            figure.cpu_us / 1e3,
            figure.statements,
            figure.peak_mib
        );
    }
    text
}

/// A plan for a closed loop.
#[must_use]
pub const fn closed(connections: u32, duration: Duration) -> Plan {
    Plan { connections, duration, rate: None }
}

#[cfg(test)]
mod tests {
    use super::{Figure, chosen, middle, table};

    fn figure(server: &str, rate: f64) -> Figure {
        Figure { server: server.into(), scenario: "list".into(), rate, p99_us: 2_000.0, ..middle(&[]) }
    }

    #[test]
    fn a_table_has_the_ratio_of_two_servers() {
        let text = table(&[figure("new", 300.0), figure("old", 200.0)]);
        assert!(text.contains("| list | new, 0 | 300 (1.50 ×) | 0.00 / 0.00 / 2.00 |"), "{text}");
        assert!(text.contains("| 200 (0.67 ×) |"), "{text}");
        assert!(!table(&[figure("new", 300.0)]).contains('×'));
    }

    #[test]
    fn words_choose_scenarios() {
        let names: Vec<&str> =
            chosen(&["list".into(), "detail".into()]).map(|scenario| scenario.name).collect();
        assert_eq!(names, ["list", "list as user", "detail"]);
    }

    #[test]
    fn the_middle_round_counts() {
        let rounds = [figure("a", 1.0), figure("a", 9.0), figure("a", 2.0)];
        assert_eq!(middle(&rounds).rate, 2.0);
    }
}
