//! What is said while a drill runs, and which promises it found broken.

use std::io::Write;
use std::process::ExitCode;

/// Broken promises that are shown one by one.
const SHOWN: usize = 20;

/// What a drill found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    broken: Vec<String>,
}

impl Report {
    /// A line for whoever watches.
    pub(crate) fn say(&self, line: &str) {
        // Nobody may be listening any more.
        let _ = writeln!(std::io::stdout(), "{line}");
    }

    /// A promise that was not kept.
    pub(crate) fn broken(&mut self, what: String) {
        if self.broken.len() < SHOWN {
            self.say(&format!("BROKEN: {what}"));
        }
        self.broken.push(what);
    }

    /// A promise, kept or not.
    pub(crate) fn expect(&mut self, kept: bool, what: impl FnOnce() -> String) {
        if !kept {
            self.broken(what());
        }
    }

    /// The verdict.
    pub(crate) fn end(&self) -> ExitCode {
        if self.broken.is_empty() {
            self.say("every promise was kept");
            return ExitCode::SUCCESS;
        }
        self.say(&format!("{} promises were broken", self.broken.len()));
        ExitCode::FAILURE
    }
}
