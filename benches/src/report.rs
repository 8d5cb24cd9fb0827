//! The figures beside the goals: kept per section, shown together.

use pagoda_plugin_sdk::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Sections in the order of the summary.
const SECTIONS: &[&str] = &["dispatch", "plugin_route", "read_entry", "audit", "startup"];

/// One figure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// The figure, with its unit.
    pub measured: String,
    /// The goal; empty for information only.
    pub goal: String,
    /// Whether the goal is met.
    pub met: Option<bool>,
}

impl Row {
    /// A figure without a goal.
    #[must_use]
    pub fn info(what: impl Into<String>, measured: impl Into<String>) -> Self {
        Self { what: what.into(), measured: measured.into(), goal: String::new(), met: None }
    }

    /// A figure with a goal.
    #[must_use]
    pub fn goal(
        what: impl Into<String>,
        measured: impl Into<String>,
        goal: impl Into<String>,
        met: bool,
    ) -> Self {
        Self { what: what.into(), measured: measured.into(), goal: goal.into(), met: Some(met) }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Section {
    measured_at: String,
    rows: Vec<Row>,
}

/// The directory of build output: that of the running program, a benchmark or a binary.
///
/// # Errors
/// The program does not lie where Cargo puts it.
pub fn target_directory() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let deps = program.ancestors().find(|path| path.file_name().is_some_and(|name| name == "deps"));
    let target = deps.unwrap_or(&program).parent().and_then(Path::parent);
    Ok(target.ok_or_else(|| anyhow::anyhow!("{} is not below target/", program.display()))?.to_owned())
}

fn directory() -> anyhow::Result<PathBuf> {
    let directory = target_directory()?.join("pagoda-benches");
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// Forgets what was measured so far: what is left of an earlier run would pass for the next one's.
///
/// # Errors
/// Files cannot be removed.
pub fn forget() -> anyhow::Result<()> {
    Ok(std::fs::remove_dir_all(directory()?)?)
}

/// Keeps the figures of a section, writes `summary.md` anew.
///
/// # Errors
/// Files cannot be written.
pub fn keep(name: &str, rows: Vec<Row>) -> anyhow::Result<()> {
    let directory = directory()?;
    let section = Section { measured_at: Timestamp::now().utc_iso(), rows };
    std::fs::write(directory.join(format!("{name}.json")), serde_json::to_vec_pretty(&section)?)?;
    std::fs::write(directory.join("summary.md"), render(&directory)?)?;
    Ok(())
}

fn render(directory: &Path) -> anyhow::Result<String> {
    Ok(format!("# Benchmarks of Pagoda\n{}", sections(directory, "##")?))
}

/// Everything that was measured so far, each section under a heading of this level.
///
/// # Errors
/// Files cannot be read.
pub fn measured(heading: &str) -> anyhow::Result<String> {
    sections(&directory()?, heading)
}

fn sections(directory: &Path, heading: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    for name in SECTIONS {
        let Ok(bytes) = std::fs::read(directory.join(format!("{name}.json"))) else { continue };
        let section: Section = serde_json::from_slice(&bytes)?;
        writeln!(text, "\n{heading} {name}\n\nMeasured at {}.\n", section.measured_at)?;
        writeln!(text, "| what | measured | goal | |\n|---|---|---|---|")?;
        for row in section.rows {
            let verdict = match row.met {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "",
            };
            writeln!(text, "| {} | {} | {} | {verdict} |", row.what, row.measured, row.goal)?;
        }
    }
    Ok(text)
}

/// Prints the summary of everything that was measured so far.
///
/// # Errors
/// Files cannot be read.
pub fn show() -> anyhow::Result<()> {
    let directory = directory()?;
    let text = render(&directory)?;
    say(&format!("\n{text}\nWritten to {}", directory.join("summary.md").display()));
    Ok(())
}

/// Prints a line.
pub fn say(line: &str) {
    // Where standard output is closed there is nobody to tell.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// The middle one; 0 of none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values.get(count / 2).copied().unwrap_or_default(),
        count => values.iter().skip(count / 2 - 1).take(2).sum::<f64>() / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_middle_one() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(Vec::new()), 0.0);
    }
}
