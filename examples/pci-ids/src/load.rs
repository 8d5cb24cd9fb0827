//! The work itself: vendors first, then devices, then subsystems.
//!
//! It begins by reading what is there, so that an interrupted run can simply be started again, and it ends by
//! reading again, because only a list says what the server has made of the names. A creation whose answer was lost
//! is looked up before it is repeated; nothing is ever created twice by one run.

mod create;
mod list;

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use self::create::Outcome;
use crate::client::{Client, ClientError, EntityId, EntryId, RetryPolicy};
use crate::names::{Index, Kind, Stored};
use crate::parse::{Database, Key, Record, parse};
use crate::pool;
use crate::report::Reporter;
use crate::setup::{self, DEVICE_ENTITY, EntitySchema, Schema, SetupError, VENDOR_ENTITY};
use crate::summary::{Changed, Check, Failed, Refused, Summary};

/// After so many failures without a success or a refusal between them, the rest is not tried.
const FAILURES_IN_A_ROW: u32 = 20;

/// What to load, and where to.
#[derive(Clone)]
pub struct Options {
    /// The `pci.ids` file.
    pub file: PathBuf,
    /// The server: `http://HOST:PORT`.
    pub url: String,
    /// The token of the user to act as.
    pub token: String,
    /// How many requests are under way at once.
    pub jobs: NonZeroUsize,
    /// Only so many vendors, with what belongs to them.
    pub limit: Option<usize>,
    /// Whether to compare the counts of the server with those of the file at the end.
    pub expect: bool,
    /// How to repeat requests.
    pub retry: RetryPolicy,
    /// How long to wait for the server to store what it has accepted, without seeing anything happen.
    pub patience: Duration,
}

impl Options {
    /// The whole file, with four threads.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>, url: impl Into<String>, token: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            url: url.into(),
            token: token.into(),
            jobs: NonZeroUsize::MIN.saturating_add(3),
            limit: None,
            expect: false,
            retry: RetryPolicy::default(),
            patience: Duration::from_secs(30),
        }
    }
}

/// Why nothing could be loaded.
///
/// Once the loading has begun, everything that goes wrong is in the [`Summary`].
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("reading {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The two entities cannot be used.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The server cannot be used.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Loads a file into a server, and tells the reporter how it goes on.
///
/// # Errors
/// When the work cannot even begin: see [`LoadError`].
pub fn load(options: &Options, reporter: &mut dyn Reporter) -> Result<Summary, LoadError> {
    let bytes = std::fs::read(&options.file)
        .map_err(|source| LoadError::File { path: options.file.clone(), source })?;
    let whole = parse(&bytes);
    let chosen = options.limit.map_or_else(|| whole.clone(), |vendors| whole.limited(vendors));
    let client = Client::new(&options.url, &options.token, options.retry.clone())?;
    reporter.note(&format!("loading {} into {}", options.file.display(), options.url));
    let schema = setup::ensure(&client, options.patience)?;
    let mut run = Run {
        client,
        schema,
        index: Index::new(whole.records()),
        jobs: options.jobs.get(),
        patience: options.patience,
        known: HashMap::new(),
        accepted: Vec::new(),
        summary: Summary { problems: chosen.problems.clone(), ..Summary::default() },
        others: [0; 2],
        stop: AtomicBool::new(false),
    };
    run.read_present(&chosen, reporter)?;
    run.stage("vendors", &chosen.vendors, reporter);
    run.identify(Kind::Vendor, reporter);
    run.stage("devices", &chosen.devices, reporter);
    run.identify(Kind::Device, reporter);
    run.stage("subsystems", &chosen.subsystems, reporter);
    run.verify(options.expect, reporter);
    Ok(run.finish())
}

/// What is known about a record on the server.
#[derive(Clone, Copy)]
enum Known {
    /// It is there.
    Stored(EntryId),
    /// The server has accepted it, but has not said under which id.
    Accepted,
    /// The server has refused it, or something above it.
    Refused,
}

/// A record that this run has created.
struct Accepted<'a> {
    record: &'a Record,
    id: Option<EntryId>,
}

/// A record to create.
struct Todo<'a> {
    record: &'a Record,
    entity: EntityId,
    body: Value,
}

/// Why a record cannot be created.
enum Above {
    Refused(Key),
    Missing(Key),
}

struct Run<'a> {
    client: Client,
    schema: Schema,
    index: Index,
    jobs: usize,
    patience: Duration,
    known: HashMap<Key, Known>,
    accepted: Vec<Accepted<'a>>,
    summary: Summary,
    /// Entries about nothing in the file: vendors, devices.
    others: [u64; 2],
    stop: AtomicBool,
}

impl<'a> Run<'a> {
    fn entity(&self, kind: Kind) -> &EntitySchema {
        match kind {
            Kind::Vendor => &self.schema.vendor,
            Kind::Device => &self.schema.device,
        }
    }

    /// Finds out which records are there already.
    fn read_present(&mut self, chosen: &Database, reporter: &mut dyn Reporter) -> Result<(), ClientError> {
        let vendors = self.list(Kind::Vendor, "reading vendors", reporter)?;
        let devices = self.list(Kind::Device, "reading devices", reporter)?;
        for record in chosen.records() {
            let stored = if Kind::of(record.key) == Kind::Vendor { &vendors } else { &devices };
            let tally = self.summary.tally(record.key);
            tally.file += 1;
            if let Some(row) = stored.get(record.key) {
                tally.present += 1;
                self.known.insert(record.key, Known::Stored(row.id));
            }
        }
        self.note_strays(Kind::Vendor, &vendors);
        self.note_strays(Kind::Device, &devices);
        Ok(())
    }

    /// Creates those of one sort which are not there.
    fn stage(&mut self, name: &str, records: &'a [Record], reporter: &mut dyn Reporter) {
        let absent: Vec<&'a Record> =
            records.iter().filter(|record| !self.known.contains_key(&record.key)).collect();
        if self.stop.load(Ordering::Relaxed) {
            return self.count_untried(absent.len(), records);
        }
        let mut todo = Vec::new();
        for record in absent {
            match self.body(record) {
                Ok((entity, body)) => todo.push(Todo { record, entity, body }),
                Err(Above::Refused(above)) => {
                    self.refuse(record, "above-refused".to_owned(), format!("{above} was refused"));
                }
                Err(Above::Missing(above)) => self.fail(record, format!("{above} is not stored")),
            }
        }
        if todo.is_empty() {
            return;
        }
        reporter.begin(name, u64::try_from(todo.len()).unwrap_or(u64::MAX));
        let mut outcomes = Vec::with_capacity(todo.len());
        let mut in_a_row = 0;
        let mut stopped = None;
        pool::run(
            self.jobs,
            &todo,
            &self.stop,
            |todo| self.create(todo),
            |todo, outcome| {
                reporter.advance();
                in_a_row = if matches!(outcome, Outcome::Failed { .. }) { in_a_row + 1 } else { 0 };
                if let Outcome::Failed { reason, hopeless } = &outcome
                    && (*hopeless || in_a_row >= FAILURES_IN_A_ROW)
                    && stopped.is_none()
                {
                    reporter.note(&format!("stopping: {reason}"));
                    stopped = Some(reason.clone());
                    self.stop.store(true, Ordering::Relaxed);
                }
                outcomes.push((todo.record, outcome));
            },
        );
        reporter.end();
        self.summary.stopped = stopped;
        let untried = todo.len() - outcomes.len();
        for (record, outcome) in outcomes {
            self.record(record, outcome);
        }
        self.count_untried(untried, records);
    }

    /// The body that creates a record, if all that it refers to is there.
    fn body(&self, record: &Record) -> Result<(EntityId, Value), Above> {
        let key = record.key;
        let text = |ids: &str| Value::from(ids.to_owned());
        let (entity, attrs) = match key {
            Key::Vendor { vendor } => {
                let values = [("id", text(&format!("{vendor:04x}"))), ("label", text(&record.label))];
                (&self.schema.vendor, self.schema.vendor.values(values))
            }
            Key::Device { device, .. } => {
                let values = [
                    ("vendor", self.reference(key.vendor())?),
                    ("device_id", text(&format!("{device:04x}"))),
                    ("subsystem_id", text("")),
                    ("label", text(&record.label)),
                    ("kind", text("device")),
                ];
                (&self.schema.device, self.schema.device.values(values))
            }
            Key::Subsystem { vendor, device, subvendor, subdevice } => {
                let values = [
                    ("vendor", self.reference(key.vendor())?),
                    ("device_id", text(&format!("{device:04x}"))),
                    ("subsystem_id", text(&format!("{subvendor:04x}:{subdevice:04x}"))),
                    ("label", text(&record.label)),
                    ("kind", text("subsystem")),
                    ("parent", self.reference(Key::Device { vendor, device })?),
                ];
                (&self.schema.device, self.schema.device.values(values))
            }
        };
        Ok((entity.id, json!({"name": record.entry_name(), "attrs": attrs})))
    }

    fn reference(&self, to: Key) -> Result<Value, Above> {
        match self.known.get(&to) {
            Some(Known::Stored(id)) => Ok(Value::from(id.0)),
            Some(Known::Refused) => Err(Above::Refused(to)),
            Some(Known::Accepted) | None => Err(Above::Missing(to)),
        }
    }

    fn record(&mut self, record: &'a Record, outcome: Outcome) {
        match outcome {
            Outcome::Created(id) => {
                self.summary.tally(record.key).created += 1;
                self.known.insert(record.key, id.map_or(Known::Accepted, Known::Stored));
                self.accepted.push(Accepted { record, id });
            }
            Outcome::Present(id) => {
                self.summary.tally(record.key).present += 1;
                self.known.insert(record.key, Known::Stored(id));
            }
            Outcome::Refused { code, message } => self.refuse(record, code, message),
            Outcome::Failed { reason, .. } => self.fail(record, reason),
        }
    }

    fn refuse(&mut self, record: &Record, code: String, message: String) {
        self.summary.tally(record.key).refused += 1;
        self.known.insert(record.key, Known::Refused);
        self.summary.refused.push(Refused { key: record.key, name: record.entry_name(), code, message });
    }

    fn fail(&mut self, record: &Record, reason: String) {
        self.summary.tally(record.key).failed += 1;
        self.summary.failed.push(Failed { key: record.key, name: record.entry_name(), reason });
    }

    fn count_untried(&mut self, count: usize, records: &[Record]) {
        if let Some(record) = records.first() {
            self.summary.tally(record.key).untried += u64::try_from(count).unwrap_or(u64::MAX);
        }
    }

    /// Finds the ids of what was accepted without telling them, as the next stage refers to them.
    fn identify(&mut self, kind: Kind, reporter: &mut dyn Reporter) {
        let unidentified = self.accepted_of(kind).any(|accepted| accepted.id.is_none());
        if !unidentified || self.stop.load(Ordering::Relaxed) {
            return;
        }
        match self.list_accepted(kind, "reading ids", reporter) {
            Ok(stored) => {
                for accepted in &mut self.accepted {
                    let row = stored.get(accepted.record.key);
                    if let (None, Some(row)) = (accepted.id, row) {
                        accepted.id = Some(row.id);
                        self.known.insert(accepted.record.key, Known::Stored(row.id));
                    }
                }
            }
            Err(error) => self.give_up(&error),
        }
    }

    /// Compares what was created with what is stored, and the counts with those of the file.
    fn verify(&mut self, expect: bool, reporter: &mut dyn Reporter) {
        for kind in [Kind::Vendor, Kind::Device] {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            if !expect && self.accepted_of(kind).next().is_none() {
                continue;
            }
            let step = if kind == Kind::Vendor { "comparing vendors" } else { "comparing devices" };
            let read = self.list_accepted(kind, step, reporter).and_then(|mut stored| {
                // The list may have grown while it was read; only now its count is that of all rows.
                stored.count = self.client.entries(self.entity(kind).id, 1, None)?.count;
                Ok(stored)
            });
            match read {
                Ok(stored) => self.compare(kind, &stored, expect),
                Err(error) => self.give_up(&error),
            }
        }
    }

    fn compare(&mut self, kind: Kind, stored: &Stored, expect: bool) {
        let (ours, others) =
            std::mem::take(&mut self.accepted).into_iter().partition(|a| Kind::of(a.record.key) == kind);
        self.accepted = others;
        let ours: Vec<Accepted<'a>> = ours;
        for accepted in ours {
            let (key, sent) = (accepted.record.key, accepted.record.entry_name());
            match stored_name(stored, &accepted) {
                Some(name) if name == sent => {}
                Some(name) => self.summary.changed.push(Changed { sent, stored: name.to_owned() }),
                None => {
                    self.summary.tally(key).created -= 1;
                    self.fail(accepted.record, "it was accepted, but it is not stored".to_owned());
                }
            }
        }
        self.note_strays(kind, stored);
        if expect {
            let (entity, tallies) = match kind {
                Kind::Vendor => (VENDOR_ENTITY, vec![self.summary.vendors]),
                Kind::Device => (DEVICE_ENTITY, vec![self.summary.devices, self.summary.subsystems]),
            };
            self.summary.checks.push(Check {
                entity,
                file: tallies.iter().map(|tally| tally.file).sum(),
                listed: stored.count,
                refused: tallies.iter().map(|tally| tally.refused).sum(),
            });
        }
    }

    /// Remembers what is in the entities beside the records of the file.
    fn note_strays(&mut self, kind: Kind, stored: &Stored) {
        let [vendors, devices] = &mut self.others;
        *(if kind == Kind::Vendor { vendors } else { devices }) = stored.others;
        self.summary.repeated.extend(stored.repeated.iter().cloned());
    }

    fn give_up(&mut self, error: &ClientError) {
        self.stop.store(true, Ordering::Relaxed);
        self.summary.stopped = Some(error.to_string());
    }

    fn accepted_of(&self, kind: Kind) -> impl Iterator<Item = &Accepted<'a>> {
        self.accepted.iter().filter(move |accepted| Kind::of(accepted.record.key) == kind)
    }

    fn finish(self) -> Summary {
        let mut summary = self.summary;
        summary.others = self.others.iter().sum();
        summary.refused.sort_by_key(|refused| refused.key);
        summary.failed.sort_by_key(|failed| failed.key);
        summary.changed.sort_by(|a, b| a.sent.cmp(&b.sent));
        let mut seen = HashSet::new();
        summary.repeated.retain(|name| seen.insert(name.clone()));
        summary
    }
}

/// The stored name of what this run created: by its id where that is known, by the ids in the name otherwise.
fn stored_name<'s>(stored: &'s Stored, accepted: &Accepted<'_>) -> Option<&'s str> {
    let by_id = accepted.id.and_then(|id| stored.name(id));
    by_id.or_else(|| stored.get(accepted.record.key).map(|row| row.name.as_str()))
}
