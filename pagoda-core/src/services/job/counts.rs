//! How many jobs ended how, for the metrics.

use super::operation::{Operation, Status};
use std::sync::atomic::{AtomicU64, Ordering};

/// Ended jobs, by what they did and how they ended. A job whose transaction did not hold in the end is counted too.
#[derive(Debug, Default)]
pub struct JobCounts([[AtomicU64; Status::ALL.len()]; Operation::ALL.len()]);

impl JobCounts {
    pub(super) fn count(&self, operation: Operation, status: Status) {
        let row = Operation::ALL.iter().position(|other| *other == operation);
        let column = Status::ALL.iter().position(|other| *other == status);
        let found = row.zip(column).and_then(|(row, column)| self.0.get(row)?.get(column));
        if let Some(count) = found {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was counted: operation, status, how many. Without those that did not happen.
    #[must_use]
    pub fn all(&self) -> Vec<(&'static str, &'static str, u64)> {
        let mut all = Vec::new();
        for (operation, counts) in Operation::ALL.iter().zip(&self.0) {
            for (status, count) in Status::ALL.iter().zip(counts) {
                match count.load(Ordering::Relaxed) {
                    0 => {}
                    count => all.push((operation.label(), status.label(), count)),
                }
            }
        }
        all
    }
}
