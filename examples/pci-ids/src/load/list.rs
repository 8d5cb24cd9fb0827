//! Reading whole lists, several pages at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Run, stored_name};
use crate::client::ClientError;
use crate::names::{Kind, Stored};
use crate::pool;
use crate::report::Reporter;

/// The pause between two looks at a list that is expected to grow.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

impl Run<'_> {
    /// Reads all active entries of an entity.
    pub(super) fn list(
        &self,
        kind: Kind,
        step: &str,
        reporter: &mut dyn Reporter,
    ) -> Result<Stored, ClientError> {
        let entity = self.entity(kind).id;
        let first = self.client.entries(entity, 1, None)?;
        let (count, pages) = (first.count, first.pages());
        reporter.begin(step, pages);
        reporter.advance();
        let mut rows = first.results;
        let numbers: Vec<u64> = (2..=pages).collect();
        let (stop, mut failure) = (AtomicBool::new(false), None);
        pool::run(
            self.jobs,
            &numbers,
            &stop,
            |number| self.client.entries(entity, *number, None),
            |_, page| {
                reporter.advance();
                match page {
                    Ok(page) => rows.extend(page.results),
                    Err(error) => {
                        stop.store(true, Ordering::Relaxed);
                        failure.get_or_insert(error);
                    }
                }
            },
        );
        reporter.end();
        match failure {
            Some(error) => Err(error),
            None => Ok(Stored::new(&self.index, kind, count, rows)),
        }
    }

    /// Reads all active entries of an entity, once what this run created is among them.
    ///
    /// Servers may accept an entry before they store it. The wait ends when nothing was stored for a while.
    pub(super) fn list_accepted(
        &self,
        kind: Kind,
        step: &str,
        reporter: &mut dyn Reporter,
    ) -> Result<Stored, ClientError> {
        let mut stored = self.list(kind, step, reporter)?;
        loop {
            let missing = self.accepted_of(kind).filter(|a| stored_name(&stored, a).is_none()).count();
            let missing = u64::try_from(missing).unwrap_or(u64::MAX);
            if missing == 0 {
                return Ok(stored);
            }
            reporter.note(&format!("waiting for {missing} accepted entries to be stored"));
            let grown = self.wait_for_count(kind, stored.count, stored.count.saturating_add(missing))?;
            if !grown {
                return Ok(stored);
            }
            stored = self.list(kind, step, reporter)?;
        }
    }

    /// Waits until a list has so many entries, or does not grow any more; whether it has grown at all.
    fn wait_for_count(&self, kind: Kind, from: u64, to: u64) -> Result<bool, ClientError> {
        let mut last = (from, Instant::now());
        while last.0 < to && last.1.elapsed() < self.patience {
            std::thread::sleep(LOOK_AGAIN.min(self.patience));
            let count = self.client.entries(self.entity(kind).id, 1, None)?.count;
            if count != last.0 {
                last = (count, Instant::now());
            }
        }
        Ok(last.0 != from)
    }
}
