//! Incidents as rows: opened by whoever is first, closed by whoever is first, and only they tell.

use super::conditions::known;
use super::notice::Notice;
use super::reading::{Kind, Reading};
use super::tracker::{HOUR, Open, Tracker, clear_after};
use crate::config::AlertSettings;
use crate::services::error::OpError;
use crate::services::host::Host;
use crate::services::run::{Mode, Runner};
use crate::store::StoreError;
use crate::store::queries::alert;
use crate::store::rows::{AlertDeliveryRow, AlertRow, NewAlert, Stage};
use pagoda_plugin_sdk::time::Timestamp;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

/// How often an incident that goes on is noted as such.
const TOUCHED: i64 = HOUR / 60;
/// An incident of which nobody said for so long that it goes on is over: its instance is gone, or its function.
const STALE: i64 = HOUR / 6;
/// For how long incidents that are over are kept: 90 days.
const KEPT: i64 = 90 * 24 * HOUR;

/// The incidents that this instance sees.
#[derive(Debug)]
pub(super) struct Incidents {
    instance: String,
    clear: i64,
    channels: Vec<&'static str>,
    /// Subjects of shared alerts that can be judged here.
    known: HashSet<String>,
    tracker: Tracker,
    started: Instant,
    /// What is open, as far as is known.
    open: Vec<AlertRow>,
    /// What was told in the log only, because the database was away; by key.
    unwritten: BTreeMap<String, Reading>,
    /// When what is long over was last forgotten.
    forgotten: Option<Instant>,
    /// Whether the database answered the last time.
    well: bool,
}

impl Incidents {
    pub(super) fn new(
        host: &Host,
        settings: &AlertSettings,
        instance: String,
        channels: Vec<&'static str>,
    ) -> Self {
        let micros = |time: std::time::Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        Self {
            instance,
            clear: micros(settings.clear),
            channels,
            known: known(&host.registry).collect(),
            tracker: Tracker::new(micros(settings.after)),
            started: Instant::now(),
            open: Vec::new(),
            unwritten: BTreeMap::new(),
            forgotten: None,
            well: true,
        }
    }

    /// Goes by what is wrong now; true when there is something to tell.
    pub(super) fn round(&mut self, host: &Arc<Host>, readings: Vec<Reading>) -> bool {
        let passed = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.round_at(host, readings, Timestamp::now().as_micros(), passed)
    }

    /// As [`Incidents::round`]: at `now` by the calendar, `passed` microseconds after the start.
    pub(super) fn round_at(
        &mut self,
        host: &Arc<Host>,
        readings: Vec<Reading>,
        now: i64,
        passed: i64,
    ) -> bool {
        let away = match host.store.reader().and_then(|mut db| alert::open(&mut db)) {
            Ok(open) => {
                self.open = open;
                None
            }
            Err(error) => Some(error),
        };
        self.say_away(away.as_ref());
        let keys: Vec<String> = readings.iter().map(|reading| reading.key(&self.instance)).collect();
        let unwritten: Vec<String> = self.unwritten.keys().cloned().collect();
        let turns = {
            let rows = self.open.iter().filter(|row| self.judges(row));
            let rows = rows.map(|row| Open { id: row.id, key: &row.key, clear_after: row.clear_after });
            // What no row is there for counts down, so that one can tell it from the ids of rows.
            let unwritten = unwritten.iter().zip(1i64..);
            let unwritten = unwritten.map(|(key, place)| Open { id: -place, key, clear_after: self.clear });
            self.tracker.round(passed, &keys, &rows.chain(unwritten).collect::<Vec<_>>())
        };
        let mut told = false;
        for id in turns.over {
            match usize::try_from(-id).ok().and_then(|place| unwritten.get(place.saturating_sub(1))) {
                Some(key) => self.end_unwritten(key, now),
                None => told |= self.close(host, id, now, None),
            }
        }
        for (reading, key) in turns.opens.iter().filter_map(|at| Some((readings.get(*at)?, keys.get(*at)?))) {
            told |= self.open(host, reading, key, now);
        }
        if away.is_none() {
            told |= self.write_what_was_not(host, &keys, now);
            told |= self.see_to_rows(host, &keys, now);
        }
        told
    }

    /// Whether this instance can say how an incident is.
    fn judges(&self, row: &AlertRow) -> bool {
        let shared = Kind::ALL.iter().any(|kind| kind.is_shared() && kind.as_str() == row.kind);
        if shared { self.known.contains(&row.subject) } else { row.instance == self.instance }
    }

    /// Says once that the database is away, not every few moments.
    fn say_away(&mut self, away: Option<&StoreError>) {
        if let (true, Some(error)) = (self.well, away) {
            tracing::error!("alerts go to the log only, until the database answers: {error}");
        }
        self.well = away.is_none();
    }

    fn open(&mut self, host: &Arc<Host>, reading: &Reading, key: &str, now: i64) -> bool {
        match self.write(host, reading, key, now) {
            Ok(Some(row)) => {
                if self.unwritten.remove(key).is_none() {
                    Notice::of(&row, Stage::Opening).log();
                }
                true
            }
            // Another instance was faster, and tells.
            Ok(None) => {
                self.unwritten.remove(key);
                false
            }
            Err(error) => {
                if !self.unwritten.contains_key(key) {
                    let row = new_row(reading, key, &self.instance, now);
                    Notice::of(&row, Stage::Opening).log();
                    tracing::warn!("alert {key} goes to the log only, for now: {error}");
                    self.unwritten.insert(key.to_owned(), reading.clone());
                }
                false
            }
        }
    }

    /// The row that was written; none when there is one of this key.
    fn write(
        &self,
        host: &Arc<Host>,
        reading: &Reading,
        key: &str,
        now: i64,
    ) -> Result<Option<AlertRow>, OpError> {
        Runner::of_server(host, None).run_blocking(Mode::Write, |op| {
            let lately = alert::count_since(&mut op.db, key, now - HOUR)?;
            let mut row = new_row(reading, key, &self.instance, now);
            row.clear_after = clear_after(self.clear, lately);
            let Some(id) = alert::insert(&mut op.db, &to_insert(&row))? else { return Ok(None) };
            let delivery = |channel: &&str| AlertDeliveryRow {
                alert_id: id,
                channel: (*channel).to_owned(),
                stage: Stage::Opening.number(),
                tries: 0,
                due_at: now,
                problem: None,
            };
            let deliveries: Vec<_> = self.channels.iter().map(delivery).collect();
            alert::insert_deliveries(&mut op.db, &deliveries)?;
            Ok(Some(AlertRow { id, ..row }))
        })
    }

    fn close(&self, host: &Arc<Host>, id: i64, now: i64, because: Option<&str>) -> bool {
        let closed = Runner::of_server(host, None)
            .run_blocking(Mode::Write, |op| Ok(alert::close(&mut op.db, id, now, because)?));
        match closed {
            Ok(closed) => {
                if let Some(row) = self.open.iter().find(|row| closed && row.id == id) {
                    let closed_because = because.map(str::to_owned);
                    let row = AlertRow { closed_at: Some(now), closed_because, ..row.clone() };
                    Notice::of(&row, Stage::Opened).log();
                }
                closed
            }
            // The next round tries again.
            Err(error) => {
                tracing::debug!("incident {id} could not be closed: {error}");
                false
            }
        }
    }

    /// Says in the log that it is over, as that is where it was told.
    fn end_unwritten(&mut self, key: &str, now: i64) {
        if let Some(reading) = self.unwritten.remove(key) {
            let row = AlertRow { closed_at: Some(now), ..new_row(&reading, key, &self.instance, now) };
            Notice::of(&row, Stage::Opened).log();
        }
    }

    /// The database is back: what goes on gets its row, and its mail.
    fn write_what_was_not(&mut self, host: &Arc<Host>, keys: &[String], now: i64) -> bool {
        let mut told = false;
        for (key, reading) in self.unwritten.clone() {
            if keys.contains(&key) {
                told |= self.open(host, &reading, &key, now);
            }
        }
        told
    }

    /// Says that incidents go on, ends those that nobody speaks for, forgets those that are long over.
    fn see_to_rows(&mut self, host: &Arc<Host>, keys: &[String], now: i64) -> bool {
        let going_on = |row: &&AlertRow| self.judges(row) && keys.contains(&row.key);
        let old = |row: &&AlertRow| now - row.seen_at >= TOUCHED;
        let touched: Vec<i64> = self.open.iter().filter(going_on).filter(old).map(|row| row.id).collect();
        if !touched.is_empty() {
            let outcome = Runner::of_server(host, None)
                .run_blocking(Mode::Write, |op| Ok(alert::touch(&mut op.db, &touched, now)?));
            if let Err(error) = outcome {
                tracing::debug!("incidents could not be noted as going on: {error}");
            }
        }
        let stale = |row: &&AlertRow| !self.judges(row) && now - row.seen_at >= STALE;
        let stale: Vec<i64> = self.open.iter().filter(stale).map(|row| row.id).collect();
        let mut told = false;
        for id in stale {
            told |= self.close(host, id, now, Some("no instance reports it any more"));
        }
        if self.forgotten.is_none_or(|at| at.elapsed().as_secs() >= 3_600) {
            self.forgotten = Some(Instant::now());
            let outcome = Runner::of_server(host, None)
                .run_blocking(Mode::Write, |op| Ok(alert::forget(&mut op.db, now - KEPT)?));
            if let Err(error) = outcome {
                tracing::warn!("incidents of long ago cannot be forgotten: {error}");
            }
        }
        told
    }
}

fn new_row(reading: &Reading, key: &str, instance: &str, now: i64) -> AlertRow {
    AlertRow {
        id: 0,
        key: key.to_owned(),
        kind: reading.kind.as_str().to_owned(),
        subject: reading.subject.clone(),
        instance: instance.to_owned(),
        sentence: reading.sentence.clone(),
        value: reading.value,
        threshold: reading.threshold,
        opened_at: now,
        seen_at: now,
        clear_after: 0,
        closed_at: None,
        closed_because: None,
    }
}

fn to_insert(row: &AlertRow) -> NewAlert {
    NewAlert {
        key: row.key.clone(),
        kind: row.kind.clone(),
        subject: row.subject.clone(),
        instance: row.instance.clone(),
        sentence: row.sentence.clone(),
        value: row.value,
        threshold: row.threshold,
        opened_at: row.opened_at,
        seen_at: row.seen_at,
        clear_after: row.clear_after,
    }
}
