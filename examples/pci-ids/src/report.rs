//! Progress: a bar on a terminal, plain lines elsewhere, nothing in tests.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// The least time between two plain lines about the same step.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Is told how the work goes on, always from the thread that called [`load`](crate::load()).
pub trait Reporter {
    /// A step begins that has so many parts.
    fn begin(&mut self, step: &str, parts: u64);

    /// One more part of the step is done.
    fn advance(&mut self);

    /// The step is over.
    fn end(&mut self);

    /// Something worth a line of its own.
    fn note(&mut self, text: &str);
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn begin(&mut self, _step: &str, _parts: u64) {}
    fn advance(&mut self) {}
    fn end(&mut self) {}
    fn note(&mut self, _text: &str) {}
}

/// A bar on a terminal.
pub struct Bar {
    bar: ProgressBar,
    style: ProgressStyle,
}

impl Bar {
    /// A bar on the standard error.
    #[must_use]
    pub fn new() -> Self {
        let template = "{msg:<28} [{bar:40}] {pos}/{len} {per_sec} {eta}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self { bar: ProgressBar::hidden(), style: style.progress_chars("=> ") }
    }
}

impl Default for Bar {
    fn default() -> Self {
        Self::new()
    }
}

impl Reporter for Bar {
    fn begin(&mut self, step: &str, parts: u64) {
        self.bar = ProgressBar::new(parts).with_style(self.style.clone()).with_message(step.to_owned());
        self.bar.tick();
    }

    fn advance(&mut self) {
        self.bar.inc(1);
    }

    fn end(&mut self) {
        self.bar.abandon();
    }

    fn note(&mut self, text: &str) {
        self.bar.suspend(|| note_to(&mut std::io::stderr(), text));
    }
}

/// Plain lines: at the beginning and the end of a step, and every ten seconds between them.
pub struct Lines<W> {
    out: W,
    step: String,
    parts: u64,
    done: u64,
    begun: Instant,
    told: Instant,
}

impl<W: Write> Lines<W> {
    /// Lines written to `out`.
    pub fn new(out: W) -> Self {
        let now = Instant::now();
        Self { out, step: String::new(), parts: 0, done: 0, begun: now, told: now }
    }

    /// What the lines were written to.
    pub fn into_inner(self) -> W {
        self.out
    }
}

impl<W: Write> Reporter for Lines<W> {
    fn begin(&mut self, step: &str, parts: u64) {
        let now = Instant::now();
        (self.step, self.parts, self.done, self.begun, self.told) = (step.to_owned(), parts, 0, now, now);
        note_to(&mut self.out, &format!("{step}: {parts} to do"));
    }

    fn advance(&mut self) {
        self.done += 1;
        if self.told.elapsed() >= LINE_INTERVAL && self.done < self.parts {
            self.told = Instant::now();
            note_to(&mut self.out, &format!("{}: {} of {}", self.step, self.done, self.parts));
        }
    }

    fn end(&mut self) {
        let seconds = self.begun.elapsed().as_secs_f64();
        let text = format!("{}: {} of {} after {seconds:.1} s", self.step, self.done, self.parts);
        note_to(&mut self.out, &text);
    }

    fn note(&mut self, text: &str) {
        note_to(&mut self.out, text);
    }
}

/// Progress is a courtesy: that nobody can read it is no reason to stop.
fn note_to(out: &mut dyn Write, text: &str) {
    let _ = writeln!(out, "{text}");
}

/// The reporter that suits the standard error.
#[must_use]
pub fn for_stderr() -> Box<dyn Reporter> {
    if std::io::stderr().is_terminal() {
        Box::new(Bar::new())
    } else {
        Box::new(Lines::new(std::io::stderr()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_tell_beginning_and_end() {
        let mut lines = Lines::new(Vec::new());
        lines.begin("vendors", 2);
        lines.advance();
        lines.advance();
        lines.note("a remark");
        lines.end();
        let text = String::from_utf8(lines.into_inner()).unwrap();
        assert!(text.starts_with("vendors: 2 to do\na remark\nvendors: 2 of 2 after "), "{text}");
    }

    #[test]
    fn a_bar_without_a_terminal_is_harmless() {
        let mut bar = Bar::default();
        bar.begin("x", 1);
        bar.advance();
        bar.end();
    }
}
