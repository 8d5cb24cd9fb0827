//! What is recorded outside of operations, and the one thread that writes it and moves the outbox to the log.
//!
//! Nobody waits for it: a record goes into a queue of limited length, and one that finds it full is counted as
//! lost and said in the log of the server. The thread rests while there is nothing to do.

use super::AuditSettings;
use super::record::AuditRecord;
use super::seal;
use crate::plugins::guard::guarded;
use crate::store::rows::NewAudit;
use crate::store::{Store, StoreError, queries};
use pagoda_plugin_sdk::time::Timestamp;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Records that wait to be written.
const MOST_QUEUED: usize = 10_000;
/// Records written in one transaction.
const MOST_WRITTEN: usize = 500;
/// How long records gather before they are moved to the log.
const GATHERING: Duration = Duration::from_millis(250);
/// How often old rows are looked for, and what an instance left behind that died.
const ROUND: Duration = Duration::from_secs(3_600);
/// Longest pause after the database failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often the same trouble is said.
const COMPLAINT: Duration = Duration::from_secs(60);

/// Takes records from anywhere.
#[derive(Debug)]
pub struct Auditor {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    settings: AuditSettings,
    inbox: Mutex<Inbox>,
    wake: Condvar,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Inbox {
    records: VecDeque<AuditRecord>,
    /// An operation has put something into the outbox.
    outbox_filled: bool,
    stopping: bool,
    complained: Option<Instant>,
}

impl Auditor {
    /// An auditor whose thread is still to be started; until then it gathers.
    #[must_use]
    pub fn new(store: Store, settings: AuditSettings) -> Self {
        let (inbox, wake, lost) = (Mutex::default(), Condvar::new(), AtomicU64::new(0));
        Self { shared: Arc::new(Shared { store, settings, inbox, wake, lost }), thread: Mutex::default() }
    }

    /// Whether anything is recorded.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.shared.settings.enabled
    }

    /// How many records were lost because the queue was full or the server has stopped.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Records something that no operation records. Never waits for the database; may be called anywhere.
    pub fn record(&self, record: AuditRecord) {
        if !self.is_enabled() {
            return;
        }
        let mut inbox = self.shared.inbox();
        if inbox.records.len() < MOST_QUEUED && !inbox.stopping {
            inbox.records.push_back(record);
            drop(inbox);
            self.shared.wake.notify_all();
            return;
        }
        let lost = self.shared.lost.fetch_add(1, Ordering::Relaxed) + 1;
        let complains = inbox.complained.is_none_or(|last| last.elapsed() >= COMPLAINT);
        if complains {
            inbox.complained = Some(Instant::now());
        }
        drop(inbox);
        if complains {
            tracing::error!(lost, "audit records are lost: they come faster than the database takes them");
        }
    }

    /// Says that an operation has put records into the outbox.
    pub(crate) fn outbox_filled(&self) {
        let mut inbox = self.shared.inbox();
        if !std::mem::replace(&mut inbox.outbox_filled, true) {
            drop(inbox);
            self.shared.wake.notify_all();
        }
    }

    /// Starts the thread, unless nothing is recorded or it runs already.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(&self) -> std::io::Result<()> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_enabled() && thread.is_none() {
            let worker = Worker::new(Arc::clone(&self.shared));
            *thread = Some(std::thread::Builder::new().name("audit".to_owned()).spawn(|| worker.run())?);
        }
        Ok(())
    }

    /// Writes what is there, moves it to the log and ends the thread. What is recorded later is lost. Blocks.
    pub fn stop(&self) {
        self.shared.inbox().stopping = true;
        self.shared.wake.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the audit log was lost");
        }
    }

    /// Whether the log can go on with the configured keys. Blocks.
    ///
    /// # Errors
    /// It is signed and there is no key, or the database does not answer.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.is_enabled() {
            seal::check(&mut self.shared.store.reader()?, &self.shared.settings.keys)?;
        }
        Ok(())
    }

    /// Does at once what the thread would do, for programs that start none; what takes the key of a server
    /// is left to it. Blocks.
    ///
    /// # Errors
    /// The database does not do it; the outbox keeps what is in it.
    pub fn settle(&self) -> Result<(), StoreError> {
        if !self.is_enabled() {
            return Ok(());
        }
        let records: Vec<NewAudit> = self.shared.inbox().records.drain(..).map(|r| r.to_row()).collect();
        self.shared.write(&records)?;
        let continues = seal::check(&mut self.shared.store.reader()?, &self.shared.settings.keys);
        // Whoever uses the command line need not know the key, and does not decide about it.
        while matches!(continues, Ok(true)) && self.shared.seal()? {}
        Ok(())
    }
}

impl Drop for Auditor {
    /// The thread ends by itself; nobody waits for it.
    fn drop(&mut self) {
        self.shared.inbox().stopping = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, records: &[NewAudit]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let db = &mut self.store.writer()?;
        db.begin()?;
        queries::audit::enqueue(db, records)?;
        db.commit()
    }

    fn seal(&self) -> Result<bool, StoreError> {
        seal::seal(&mut self.store.writer()?, &self.settings.keys)
    }

    fn trim(&self) -> Result<usize, StoreError> {
        let Some(days) = self.settings.retention_days else { return Ok(0) };
        seal::trim(&mut self.store.writer()?, &self.settings.keys, Timestamp::now(), days)
    }
}

/// The thread.
struct Worker {
    shared: Arc<Shared>,
    /// Taken from the queue and not written yet.
    batch: Vec<NewAudit>,
    seal_at: Option<Instant>,
    round_at: Instant,
    /// After a failure nothing is tried before this.
    rest_until: Option<Instant>,
    pause: Duration,
    complained: Option<Instant>,
}

impl Worker {
    fn new(shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        Self {
            shared,
            batch: Vec::new(),
            // What an earlier process left behind.
            seal_at: Some(now),
            round_at: now,
            rest_until: None,
            pause: GATHERING,
            complained: None,
        }
    }

    fn run(mut self) {
        while self.wait() {
            let outcome = guarded(|| self.turn()).and_then(|outcome| Ok(outcome?));
            self.judge(outcome);
        }
        let outcome = guarded(|| self.finish()).and_then(|outcome| Ok(outcome?));
        if let Err(error) = outcome {
            let left = self.batch.len() + self.shared.inbox().records.len();
            self.shared.lost.fetch_add(u64::try_from(left).unwrap_or(u64::MAX), Ordering::Relaxed);
            tracing::error!(lost = left, "the audit log could not be brought to its end: {error:#}");
        }
    }

    /// Waits until there is something to do; false when it is time to stop.
    fn wait(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let mut inbox = shared.inbox();
        loop {
            if inbox.stopping {
                return false;
            }
            let now = Instant::now();
            if std::mem::take(&mut inbox.outbox_filled) {
                self.seal_at.get_or_insert(now + GATHERING);
            }
            let mut due = self.seal_at.map_or(self.round_at, |at| at.min(self.round_at));
            if !inbox.records.is_empty() || !self.batch.is_empty() {
                due = now;
            }
            due = self.rest_until.map_or(due, |until| due.max(until));
            if due <= now {
                return true;
            }
            inbox = shared.wake.wait_timeout(inbox, due - now).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn turn(&mut self) -> Result<(), StoreError> {
        let now = Instant::now();
        if self.write_some()? {
            self.seal_at.get_or_insert(now + GATHERING);
        }
        if self.seal_at.is_some_and(|at| at <= now) {
            self.seal_at = self.shared.seal()?.then_some(now);
        }
        if self.round_at <= now {
            // Others get their turn between the parts of a large removal.
            if self.shared.trim()? == 0 {
                self.round_at = now + ROUND;
                self.seal_at.get_or_insert(now);
            }
        }
        Ok(())
    }

    /// Writes some of the queue; false when it was empty.
    fn write_some(&mut self) -> Result<bool, StoreError> {
        if self.batch.is_empty() {
            let mut inbox = self.shared.inbox();
            let count = inbox.records.len().min(MOST_WRITTEN);
            let records: Vec<AuditRecord> = inbox.records.drain(..count).collect();
            drop(inbox);
            self.batch = records.iter().map(AuditRecord::to_row).collect();
        }
        if self.batch.is_empty() {
            return Ok(false);
        }
        self.shared.write(&self.batch)?;
        self.batch.clear();
        Ok(true)
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        while self.write_some()? {}
        while self.shared.seal()? {}
        Ok(())
    }

    /// After a failure the database gets a rest, longer each time.
    fn judge(&mut self, outcome: anyhow::Result<()>) {
        let Err(error) = outcome else {
            (self.rest_until, self.pause) = (None, GATHERING);
            return;
        };
        let now = Instant::now();
        self.rest_until = Some(now + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        if self.complained.is_none_or(|last| now.duration_since(last) >= COMPLAINT) {
            self.complained = Some(now);
            tracing::error!("the audit log cannot be written, it is tried again: {error:#}");
        }
    }
}
