//! Tells channels what is to be told, in order, again and again until they take it.
//!
//! What is to be told is in the database, so nothing is lost when a process dies. Whoever tells takes the row on for
//! a while first, so that of several instances one does. Only a process that ends between telling and noting that
//! tells twice.

use super::access::Access;
use super::notice::Notice;
use crate::plugins::guard::guarded;
use crate::services::error::OpError;
use crate::services::host::Host;
use crate::services::run::{Mode, Runner};
use crate::store::queries::alert;
use crate::store::rows::{AlertDeliveryRow, Stage};
use pagoda_plugin_sdk::time::Timestamp;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// A way to people.
pub(super) trait Channel: Send {
    /// The word for it.
    fn name(&self) -> &'static str;

    /// Tells it; blocks, but not for long.
    fn tell(&self, notice: &Notice) -> anyhow::Result<()>;
}

/// How often the database is looked at without being woken: for what failed before, and what others left.
const EVERY: Duration = Duration::from_secs(1);
/// Telling takes less than this. *Source: the time limits of the channels.*
pub(super) const TAKEN_FOR: i64 = 120_000_000;
/// Pauses between tries do not grow beyond this: 15 minutes.
const MOST_PAUSE: i64 = 15 * 60_000_000;
/// After a day nobody wants to know.
const GIVEN_UP: i64 = 24 * 3_600_000_000;

/// Tells one channel until the server ends.
pub(super) fn run(access: &Access, channel: &dyn Channel, retry: Duration, woken: &Receiver<()>) {
    let mut deliveries = Deliveries::new(channel.name(), retry);
    loop {
        if let Err(RecvTimeoutError::Disconnected) = woken.recv_timeout(EVERY.min(retry)) {
            return;
        }
        loop {
            // A channel that is slow does not keep a server that ends: it tells without the server.
            let next = access.with(|host| deliveries.next(host, Timestamp::now().as_micros()));
            let Some(next) = next else { return };
            let Some(taken) = next else { break };
            let outcome = guarded(|| channel.tell(&taken.notice)).and_then(|outcome| outcome);
            deliveries.ended(&taken, outcome, Timestamp::now().as_micros());
        }
    }
}

/// A delivery that this thread took on.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) notice: Notice,
    row: AlertDeliveryRow,
}

/// What one channel has to tell.
#[derive(Debug)]
pub(super) struct Deliveries {
    channel: &'static str,
    retry: i64,
    /// How the last delivery went, until it is written down, and the stage that it was in.
    unwritten: Option<(AlertDeliveryRow, Stage)>,
    /// Whether the database answered the last time.
    well: bool,
}

impl Deliveries {
    pub(super) fn new(channel: &'static str, retry: Duration) -> Self {
        let retry = i64::try_from(retry.as_micros()).unwrap_or(i64::MAX);
        Self { channel, retry, unwritten: None, well: true }
    }

    /// What is to be told next, if anything is, and the database answers.
    pub(super) fn next(&mut self, host: &Arc<Host>, now: i64) -> Option<Taken> {
        match self.take(host, now) {
            Ok(taken) => {
                self.well = true;
                taken
            }
            Err(error) => {
                if std::mem::replace(&mut self.well, false) {
                    tracing::warn!("alerts for the {} wait for the database: {error}", self.channel);
                }
                None
            }
        }
    }

    fn take(&mut self, host: &Arc<Host>, now: i64) -> Result<Option<Taken>, OpError> {
        // First of all, or it would be told again.
        if let Some((row, from)) = &self.unwritten {
            Runner::of_server(host, None)
                .run_blocking(Mode::Write, |op| Ok(alert::set_delivery(&mut op.db, row, *from)?))?;
            self.unwritten = None;
        }
        let due = {
            let mut db = host.store.reader()?;
            alert::due(&mut db, self.channel, now)?
        };
        let Some((incident, row)) = due else { return Ok(None) };
        let claimed = Runner::of_server(host, None)
            .run_blocking(Mode::Write, |op| Ok(alert::claim(&mut op.db, &row, now + TAKEN_FOR)?))?;
        if !claimed {
            // Another instance was faster; there may be more.
            return Ok(None);
        }
        let row = AlertDeliveryRow { tries: row.tries.saturating_add(1), ..row };
        Ok(Some(Taken { notice: Notice::of(&incident, Stage::of(row.stage)), row }))
    }

    /// Notes how it went; written down by the next [`Deliveries::next`].
    pub(super) fn ended(&mut self, taken: &Taken, outcome: anyhow::Result<()>, now: i64) {
        let from = Stage::of(taken.row.stage);
        let mut row = taken.row.clone();
        match outcome {
            Ok(()) => {
                let to = if from == Stage::Opening { Stage::Opened } else { Stage::Recovered };
                row = AlertDeliveryRow { stage: to.number(), tries: 0, due_at: now, problem: None, ..row };
            }
            Err(error) => {
                let problem = format!("{error:#}");
                let (channel, tries) = (self.channel, row.tries);
                row.due_at = now.saturating_add(pause(self.retry, row.tries));
                if now - taken.notice.at() > GIVEN_UP {
                    tracing::error!(
                        "alert {} was not told by {channel}: {problem}; given up",
                        taken.notice.id()
                    );
                    row.stage = Stage::GivenUp.number();
                } else {
                    tracing::warn!(
                        "alert {} was not told by {channel} (try {tries}): {problem}",
                        taken.notice.id()
                    );
                }
                row.problem = Some(problem);
            }
        }
        self.unwritten = Some((row, from));
    }
}

/// How long to wait after so many tries.
fn pause(retry: i64, tries: i32) -> i64 {
    let doubled = u32::try_from(tries.saturating_sub(1).clamp(0, 20)).unwrap_or(0);
    retry.saturating_mul(1 << doubled).min(MOST_PAUSE.max(retry))
}

#[cfg(test)]
mod tests {
    use super::{MOST_PAUSE, pause};

    #[test]
    fn pauses_grow() {
        assert_eq!([0, 1, 2, 3].map(|tries| pause(5, tries)), [5, 5, 10, 20]);
        assert_eq!(pause(5_000_000, i32::MAX), MOST_PAUSE);
        assert_eq!(pause(2 * MOST_PAUSE, 3), 2 * MOST_PAUSE);
    }
}
