//! Connections: how they are made, checked and shared.

use super::clock::Clock;
use super::conn::Conn;
use super::error::StoreError;
use super::pg::PgSession;
use super::turn::{Turn, Turns};
use super::url::{DatabaseUrl, PostgresUrl};
use diesel::connection::SimpleConnection;
use diesel::r2d2::{ManageConnection, NopErrorHandler, Pool, PooledConnection};
use diesel::sqlite::SqliteConnection;
use diesel::{Connection, ConnectionError};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Page size of a new SQLite file, and the unit of `max_page_count`.
const PAGE_BYTES: u64 = 4096;

/// How to open a store.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Which database.
    pub url: DatabaseUrl,
    /// SQLite: connections that read, beside the one that writes. PostgreSQL: connections in all.
    pub readers: u32,
    /// Limit of connecting to PostgreSQL, and of waiting for a free connection to it.
    pub connect_timeout: Duration,
    /// Limit of waiting for SQLite: for a lock, and for a free connection.
    pub busy_timeout: Duration,
    /// Ceiling of the SQLite file, to keep room on a shared disk.
    pub sqlite_max_bytes: Option<u64>,
    /// SQLite: refuse to share the file with another such store. Servers do; commands that write a row beside
    /// a running server do not.
    pub exclusive: bool,
}

impl StoreOptions {
    /// The defaults for `url`: 8 readers, 5 seconds of patience, no ceiling, exclusive.
    pub fn new(url: DatabaseUrl) -> Self {
        let patience = Duration::from_secs(5);
        Self {
            url,
            readers: 8,
            connect_timeout: patience,
            busy_timeout: patience,
            sqlite_max_bytes: None,
            exclusive: true,
        }
    }
}

/// Kibibytes of cache of an SQLite connection, taken as they are needed: the inner pages of the indexes of a million entries have
/// room in them; with half of it each look into an index read three pages from the kernel instead of one. There are nine of
/// these caches, and a memory map of the file would count every page once for each connection.
pub(super) const CACHE: u32 = 8_192;

type Failure = Arc<Mutex<Option<StoreError>>>;

/// A connection in the pool.
pub(super) struct Slot {
    pub(super) conn: Conn,
    /// Its state is unknown: it must not be used again.
    pub(super) broken: bool,
    pub(super) target: String,
    /// What limits the time of statements on SQLite.
    pub(super) clock: Clock,
}

/// Makes connections of one kind for r2d2, always on r2d2's own threads.
pub(super) struct Manager {
    source: Source,
    target: String,
    timeout: Duration,
    /// Why the last attempt failed: r2d2 keeps trying and says only that it waited in vain.
    last_failure: Failure,
}

enum Source {
    Sqlite { path: PathBuf, read_only: bool, max_bytes: Option<u64> },
    Pg(PostgresUrl),
}

impl Manager {
    pub(super) fn sqlite(options: &StoreOptions, path: PathBuf, read_only: bool) -> Self {
        let source = Source::Sqlite { path, read_only, max_bytes: options.sqlite_max_bytes };
        Self::new(options, options.busy_timeout, source)
    }

    pub(super) fn postgres(options: &StoreOptions, url: PostgresUrl) -> Self {
        Self::new(options, options.connect_timeout, Source::Pg(url))
    }

    fn new(options: &StoreOptions, timeout: Duration, source: Source) -> Self {
        Self { source, target: options.url.target(), timeout, last_failure: Failure::default() }
    }

    /// Makes one connection.
    pub(super) fn open(&self) -> Result<Slot, StoreError> {
        let clock = Clock::default();
        let conn = match &self.source {
            Source::Sqlite { path, read_only, max_bytes } => {
                let mut conn = self.open_sqlite(path, *read_only, *max_bytes)?;
                clock.register(&mut conn)?;
                Conn::Sqlite(Box::new(conn))
            }
            Source::Pg(url) => Conn::Pg(Box::new(PgSession::connect(url, self.timeout, &self.target)?)),
        };
        Ok(Slot { conn, broken: false, target: self.target.clone(), clock })
    }

    fn open_sqlite(
        &self,
        path: &std::path::Path,
        read_only: bool,
        max_bytes: Option<u64>,
    ) -> Result<SqliteConnection, StoreError> {
        let unreachable =
            |source_text: String| StoreError::Unreachable { target: self.target.clone(), source_text };
        let name = path.to_str().ok_or_else(|| unreachable("the path is not UTF-8".to_owned()))?;
        let mut conn = match SqliteConnection::establish(name) {
            Ok(conn) => conn,
            Err(ConnectionError::BadConnection(text)) => return Err(unreachable(text)),
            Err(other) => return Err(unreachable(other.to_string())),
        };
        // The wait comes first: switching to WAL takes a lock.
        let wait = self.timeout.as_millis();
        conn.batch_execute(&format!("PRAGMA busy_timeout = {wait}"))?;
        // FULL: an acknowledged write survives a power cut.
        conn.batch_execute(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
             PRAGMA cache_size = -{CACHE}; PRAGMA temp_store = MEMORY; \
             PRAGMA journal_size_limit = 67108864",
        ))?;
        if let Some(bytes) = max_bytes {
            conn.batch_execute(&format!("PRAGMA max_page_count = {}", (bytes / PAGE_BYTES).max(1)))?;
        }
        if read_only {
            conn.batch_execute("PRAGMA query_only = ON")?;
        }
        Ok(conn)
    }

    fn keep_failure(&self, failure: Option<StoreError>) {
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }
}

/// r2d2 wants an error type of its own from the manager; the real one is in `last_failure`.
#[derive(Debug, thiserror::Error)]
#[error("no connection could be made")]
pub(super) struct NoConnection;

impl ManageConnection for Manager {
    type Connection = Slot;
    type Error = NoConnection;

    fn connect(&self) -> Result<Slot, NoConnection> {
        let result = self.open();
        match result {
            Ok(slot) => {
                self.keep_failure(None);
                Ok(slot)
            }
            Err(error) => {
                self.keep_failure(Some(error));
                Err(NoConnection)
            }
        }
    }

    /// Called at every checkout, so it must cost no round trip (half of the throughput of a small read).
    fn is_valid(&self, slot: &mut Slot) -> Result<(), NoConnection> {
        match &slot.conn {
            Conn::Pg(session) if !session.is_alive() => Err(NoConnection),
            _ => Ok(()),
        }
    }

    fn has_broken(&self, slot: &mut Slot) -> bool {
        slot.broken || matches!(&slot.conn, Conn::Pg(session) if session.is_closed())
    }
}

/// A pool, and the manager's memory of why it is empty.
pub(super) struct Connections {
    pool: Pool<Manager>,
    last_failure: Failure,
    wait: Duration,
    name: &'static str,
    /// Where there is one connection, whoever wants it is served in the order of coming. The pool by itself gives it
    /// to who asks at the right moment.
    turn: Option<Arc<Turns>>,
    counters: Arc<Counters>,
}

#[derive(Default)]
pub(super) struct Counters {
    waiting: AtomicUsize,
    waits: AtomicU64,
    waited_us: AtomicU64,
    timeouts: AtomicU64,
    /// Without those that control transactions.
    pub(super) statements: AtomicU64,
    /// Of transactions that could write.
    pub(super) commits: AtomicU64,
}

/// A connection that was taken out of a pool.
pub(super) struct Taken {
    pub(super) slot: PooledConnection<Manager>,
    pub(super) counters: Arc<Counters>,
    /// Dropped after the connection went back.
    _turn: Option<Turn>,
}

/// What a pool is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// `read` and `write` on SQLite, `all` on PostgreSQL.
    pub name: &'static str,
    /// Connections that it may have.
    pub most: usize,
    /// Connections that are in use.
    pub in_use: usize,
    /// Threads that wait for one.
    pub waiting: usize,
    /// How often one was waited for, so far.
    pub waits: u64,
    /// How long all of them waited.
    pub waited: Duration,
    /// How often it was in vain.
    pub timeouts: u64,
    /// Statements that were run, without those that control transactions.
    pub statements: u64,
    /// Transactions that could write and were committed.
    pub commits: u64,
}

impl Connections {
    /// A pool of at most `size` connections, each made when it is first needed.
    pub(super) fn new(name: &'static str, manager: Manager, size: u32) -> Self {
        let wait = manager.timeout;
        let last_failure = Arc::clone(&manager.last_failure);
        let mut builder = Pool::builder()
            .max_size(size.max(1))
            .min_idle(Some(0))
            // A look at the socket and no round trip: see `Manager::is_valid`.
            .test_on_check_out(true)
            .connection_timeout(wait.max(Duration::from_millis(1)))
            .error_handler(Box::new(NopErrorHandler));
        if matches!(manager.source, Source::Sqlite { .. }) {
            // A file does not go away; closing the last connection would only throw its cache away.
            builder = builder.max_lifetime(None).idle_timeout(None);
        }
        Self {
            pool: builder.build_unchecked(manager),
            last_failure,
            wait,
            name,
            turn: (size <= 1).then(Arc::default),
            counters: Arc::default(),
        }
    }

    /// A connection, waiting for one if need be.
    pub(super) fn get(&self) -> Result<Taken, StoreError> {
        let at_once = match &self.turn {
            None => Some(None),
            Some(turn) => turn.try_take().map(Some),
        };
        if let Some(turn) = at_once {
            if let Some(slot) = self.pool.try_get() {
                return Ok(self.taken(slot, turn));
            }
            return self.waiting(|| self.get_slowly(turn));
        }
        self.waiting(|| {
            let turn = self.turn.as_ref().and_then(|turn| turn.take(self.wait));
            turn.map_or(Err(StoreError::Busy), |turn| self.get_slowly(Some(turn)))
        })
    }

    fn taken(&self, slot: PooledConnection<Manager>, turn: Option<Turn>) -> Taken {
        Taken { slot, counters: Arc::clone(&self.counters), _turn: turn }
    }

    fn get_slowly(&self, turn: Option<Turn>) -> Result<Taken, StoreError> {
        match self.pool.get_timeout(self.wait) {
            Ok(slot) => Ok(self.taken(slot, turn)),
            // Without a failure all connections were in use all the time.
            Err(_) => Err(take(&self.last_failure).unwrap_or(StoreError::Busy)),
        }
    }

    fn waiting(&self, get: impl FnOnce() -> Result<Taken, StoreError>) -> Result<Taken, StoreError> {
        let Counters { waiting, waits, waited_us, timeouts, .. } = &*self.counters;
        waiting.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        let got = get();
        waiting.fetch_sub(1, Ordering::Relaxed);
        waits.fetch_add(1, Ordering::Relaxed);
        let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        waited_us.fetch_add(took, Ordering::Relaxed);
        if got.is_err() {
            timeouts.fetch_add(1, Ordering::Relaxed);
        }
        got
    }

    /// What it is used for.
    pub(super) fn state(&self) -> PoolState {
        let (state, counters) = (self.pool.state(), &self.counters);
        let in_use = state.connections.saturating_sub(state.idle_connections);
        PoolState {
            name: self.name,
            most: usize::try_from(self.pool.max_size()).unwrap_or(usize::MAX),
            in_use: usize::try_from(in_use).unwrap_or(usize::MAX),
            // In the queue, where there is one: whoever is counted there is not passed any more.
            waiting: match &self.turn {
                Some(turn) => turn.waiting(),
                None => counters.waiting.load(Ordering::Relaxed),
            },
            waits: counters.waits.load(Ordering::Relaxed),
            waited: Duration::from_micros(counters.waited_us.load(Ordering::Relaxed)),
            timeouts: counters.timeouts.load(Ordering::Relaxed),
            statements: counters.statements.load(Ordering::Relaxed),
            commits: counters.commits.load(Ordering::Relaxed),
        }
    }
}

fn take(failure: &Failure) -> Option<StoreError> {
    failure.lock().unwrap_or_else(PoisonError::into_inner).take()
}
