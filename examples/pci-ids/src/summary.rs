//! What became of every record, and how to say it.

use std::collections::BTreeMap;
use std::fmt;

use crate::parse::{Key, Problem};

/// How many examples of each sort are shown.
const EXAMPLES: usize = 20;

/// Counts of one sort of record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// In the file, or in the part of it that was asked for.
    pub file: u64,
    /// Created by this run.
    pub created: u64,
    /// There already.
    pub present: u64,
    /// Refused by a rule of the server, or below something that was.
    pub refused: u64,
    /// Not stored for any other reason.
    pub failed: u64,
    /// Not tried, as the work was stopped before.
    pub untried: u64,
}

impl Tally {
    /// In the database now.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.created + self.present
    }
}

/// A name that the server stored differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The name that was sent.
    pub sent: String,
    /// The name that is stored.
    pub stored: String,
}

/// A record that the server did not want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What it was.
    pub key: Key,
    /// The name that was sent, or would have been.
    pub name: String,
    /// The code of the refusal, `HTTP nnn` if it had none, or `above-refused` below a refused record.
    pub code: String,
    /// The reason in words.
    pub message: String,
}

/// A record that could not be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What it was.
    pub key: Key,
    /// The name that was sent, or would have been.
    pub name: String,
    /// What happened.
    pub reason: String,
}

/// A comparison of the server's counts with the file's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The entity.
    pub entity: &'static str,
    /// How many records the file has for it.
    pub file: u64,
    /// How many entries the server counts.
    pub listed: u64,
    /// How many records were refused.
    pub refused: u64,
}

impl Check {
    /// Whether every record of the file is accounted for, and nothing else is there.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.listed + self.refused == self.file
    }
}

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines of the file that could not be used.
    pub problems: Vec<Problem>,
    /// Counts of vendors.
    pub vendors: Tally,
    /// Counts of devices.
    pub devices: Tally,
    /// Counts of subsystems.
    pub subsystems: Tally,
    /// Names that the server changed, of what this run created.
    pub changed: Vec<Changed>,
    /// What was refused.
    pub refused: Vec<Refused>,
    /// What failed.
    pub failed: Vec<Failed>,
    /// Entries that are about the same record as another entry.
    pub repeated: Vec<String>,
    /// Entries of the two entities that are about nothing in the file.
    pub others: u64,
    /// Why the work was stopped early, if it was.
    pub stopped: Option<String>,
    /// Comparisons of counts, if they were asked for.
    pub checks: Vec<Check>,
}

impl Summary {
    /// Whether everything in the file is either stored or refused by a rule, and the comparisons hold.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let total = self.total();
        self.problems.is_empty()
            && self.failed.is_empty()
            && self.stopped.is_none()
            && total.stored() + total.refused == total.file
            && self.checks.iter().all(Check::holds)
    }

    /// Counts of all records together.
    #[must_use]
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        for tally in [self.vendors, self.devices, self.subsystems] {
            total.file += tally.file;
            total.created += tally.created;
            total.present += tally.present;
            total.refused += tally.refused;
            total.failed += tally.failed;
            total.untried += tally.untried;
        }
        total
    }

    /// How often each code of refusal occurred.
    #[must_use]
    pub fn refused_by_code(&self) -> BTreeMap<&str, u64> {
        let mut counts = BTreeMap::new();
        for refused in &self.refused {
            *counts.entry(refused.code.as_str()).or_default() += 1;
        }
        counts
    }

    /// The counts of the sort of record that this is.
    pub(crate) fn tally(&mut self, key: Key) -> &mut Tally {
        match key {
            Key::Vendor { .. } => &mut self.vendors,
            Key::Device { .. } => &mut self.devices,
            Key::Subsystem { .. } => &mut self.subsystems,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<11} {:>7} {:>8} {:>14} {:>8} {:>7} {:>8}",
            "", "in file", "created", "already there", "refused", "failed", "untried"
        )?;
        for (name, tally) in [
            ("vendors", self.vendors),
            ("devices", self.devices),
            ("subsystems", self.subsystems),
            ("total", self.total()),
        ] {
            writeln!(
                f,
                "{name:<11} {:>7} {:>8} {:>14} {:>8} {:>7} {:>8}",
                tally.file, tally.created, tally.present, tally.refused, tally.failed, tally.untried
            )?;
        }
        list(f, "changed by the server", &self.changed, |c| format!("{:?} -> {:?}", c.sent, c.stored))?;
        list(f, "refused", &self.refused, |r| format!("{:?}: {} ({})", r.name, r.message, r.code))?;
        for (code, count) in self.refused_by_code() {
            writeln!(f, "  with {code}: {count}")?;
        }
        list(f, "failed", &self.failed, |failed| format!("{:?}: {}", failed.name, failed.reason))?;
        list(f, "stored more than once", &self.repeated, |name| format!("{name:?}"))?;
        list(f, "unusable lines of the file", &self.problems, ToString::to_string)?;
        if self.others > 0 {
            writeln!(f, "entries about nothing in the file: {}", self.others)?;
        }
        for check in &self.checks {
            let verdict = if check.holds() { "as expected" } else { "NOT as expected" };
            writeln!(
                f,
                "{}: {} listed + {} refused, {} in the file: {verdict}",
                check.entity, check.listed, check.refused, check.file
            )?;
        }
        if let Some(reason) = &self.stopped {
            writeln!(f, "stopped early: {reason}")?;
        }
        let verdict = if self.is_complete() {
            "complete: everything in the file is stored or refused by a rule"
        } else {
            "incomplete: what is missing is listed above; another run continues here"
        };
        writeln!(f, "{verdict}")
    }
}

/// The number of things, and the first of them.
fn list<T>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    things: &[T],
    text: impl Fn(&T) -> String,
) -> fmt::Result {
    if things.is_empty() {
        return Ok(());
    }
    writeln!(f, "{title}: {}", things.len())?;
    for thing in things.iter().take(EXAMPLES) {
        writeln!(f, "  {}", text(thing))?;
    }
    match things.len().saturating_sub(EXAMPLES) {
        0 => Ok(()),
        more => writeln!(f, "  … and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_complete_when_all_is_stored_or_refused() {
        let mut summary = Summary {
            vendors: Tally { file: 3, created: 1, present: 1, refused: 1, ..Tally::default() },
            ..Summary::default()
        };
        assert!(summary.is_complete());
        summary.checks.push(Check { entity: "pci-vendor", file: 3, listed: 3, refused: 1 });
        assert!(!summary.is_complete());
        summary.checks.clear();
        summary.vendors.file = 4;
        assert!(!summary.is_complete());
    }

    #[test]
    fn twenty_examples_are_shown() {
        let key = Key::Vendor { vendor: 1 };
        let refused = |code: &str| Refused {
            key,
            name: "0001 A".into(),
            code: code.into(),
            message: "name: taken".into(),
        };
        let summary = Summary {
            refused: (0..25).map(|i| refused(if i == 0 { "AE-250000" } else { "AE-220000" })).collect(),
            changed: vec![Changed { sent: "0001 a ".into(), stored: "0001 A".into() }],
            ..Summary::default()
        };
        let text = summary.to_string();
        assert_eq!(text.matches("name: taken").count(), 20);
        for part in [
            "refused: 25\n",
            "… and 5 more",
            "with AE-220000: 24",
            "with AE-250000: 1",
            "changed by the server: 1\n  \"0001 a \" -> \"0001 A\"",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
