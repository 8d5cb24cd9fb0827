//! One connection to either database, and the handle that services pass around.
//!
//! A query is written once, in `on_db!`, which compiles its text for both backends. `Db` owns its connection and
//! knows the state of its transaction, so that a failed statement has the same consequence on both backends.

use super::error::StoreError;
use super::pg::{PgLink, PgSession};
use super::pool::Taken;
use diesel::QueryResult;
use diesel::connection::SimpleConnection;
use diesel::result::Error as DieselError;
use diesel::sqlite::SqliteConnection;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Which database is behind a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// SQLite, in this process.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// A connection. Queries do not match on it: they go through `on_db!`.
pub(super) enum Conn {
    Sqlite(Box<SqliteConnection>),
    Pg(Box<PgSession>),
}

impl Conn {
    pub(super) fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        match self {
            Self::Sqlite(conn) => conn.batch_execute(sql),
            Self::Pg(session) => session.link.batch_execute(sql),
        }
    }
}

/// Runs one statement: `on_db!(db, |c| users::table.load(c))` is a `Result<_, StoreError>`.
///
/// The body is compiled once per backend; within it `Dialect` names the backend's diesel type, for `into_boxed`.
/// It must be one statement and must not use `db`, which is borrowed. Statements are counted.
macro_rules! on_db {
    ($db:expr, |$c:ident| $body:expr) => {{
        let db: &mut $crate::store::Db = &mut *$db;
        match db.admit() {
            Ok($crate::store::conn::Conn::Sqlite(conn)) => {
                #[allow(dead_code, reason = "only boxed queries name the backend")]
                type Dialect = diesel::sqlite::Sqlite;
                let $c: &mut diesel::sqlite::SqliteConnection = conn;
                let result: diesel::QueryResult<_> = $body;
                db.settle(result)
            }
            Ok($crate::store::conn::Conn::Pg(session)) => {
                #[allow(dead_code, reason = "only boxed queries name the backend")]
                type Dialect = diesel::pg::Pg;
                let $c: &mut $crate::store::pg::PgLink = &mut session.link;
                let result: diesel::QueryResult<_> = $body;
                db.settle(result)
            }
            Err(error) => Err(error),
        }
    }};
}
pub(super) use on_db;

/// Kibibytes of a connection's cache while it writes very many rows.
const WIDE_CACHE: u32 = 262_144;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tx {
    None,
    Open,
    /// A statement failed. PostgreSQL refuses everything until a rollback; SQLite may have rolled back already
    /// (disk full) or not (a unique index): the handle makes both the same.
    Failed,
}

/// A point inside a transaction to return to. Give it back to `release` or `rollback_to`.
#[derive(Debug)]
#[must_use = "a savepoint is released or rolled back to"]
pub struct Savepoint(u32);

/// A connection checked out of the pool, with its transaction.
///
/// Dropped with an open transaction, it rolls back. Use and drop it on a thread that may block, never on an async
/// runtime's own thread: the PostgreSQL driver runs its own small runtime inside each call.
pub struct Db {
    taken: Taken,
    tx: Tx,
    writer: bool,
    backend: Backend,
    savepoints: u32,
    /// Statements run through this handle, without those that control the transaction.
    pub statements: u64,
    /// How many of these its pool knows of.
    told: u64,
}

impl Db {
    pub(super) fn new(taken: Taken, backend: Backend, writer: bool) -> Self {
        Self { taken, tx: Tx::None, writer, backend, savepoints: 0, statements: 0, told: 0 }
    }

    /// Which database this is, for the few statements that differ.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Whether the handle came from [`Store::writer`](super::Store::writer).
    pub fn is_writer(&self) -> bool {
        self.writer
    }

    /// Whether a transaction was begun and not ended, failed ones included.
    pub fn in_transaction(&self) -> bool {
        self.tx != Tx::None
    }

    /// Begins a transaction: for a reader one consistent view that cannot write, for a writer on SQLite with the
    /// write lock taken at once (a lock that is upgraded later fails without waiting).
    ///
    /// # Errors
    /// `Busy` when the write lock stays taken; `Other` inside a transaction.
    pub fn begin(&mut self) -> Result<(), StoreError> {
        if self.tx != Tx::None {
            return Err(anyhow::anyhow!("a transaction is already open").into());
        }
        let sql = match (self.backend, self.writer) {
            (Backend::Sqlite, true) => "BEGIN IMMEDIATE",
            (Backend::Sqlite, false) => "BEGIN",
            (Backend::Postgres, true) => "BEGIN",
            // As on SQLite: a page and its total come from the same state.
            (Backend::Postgres, false) => "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        };
        self.control(sql)?;
        self.tx = Tx::Open;
        Ok(())
    }

    /// Commits.
    ///
    /// # Errors
    /// The transaction is rolled back then, also when a statement of it had failed before: PostgreSQL would
    /// otherwise answer the commit of a failed transaction with a silent rollback.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        match self.tx {
            Tx::None => return Err(anyhow::anyhow!("there is no transaction to commit").into()),
            Tx::Failed => {
                self.rollback()?;
                return Err(
                    anyhow::anyhow!("a statement of the transaction failed, it was rolled back").into()
                );
            }
            Tx::Open => {}
        }
        let result = self.control("COMMIT");
        self.tell();
        match result {
            Ok(()) => {
                self.tx = Tx::None;
                if self.writer {
                    self.taken.counters.commits.fetch_add(1, Ordering::Relaxed);
                }
            }
            Err(_) => {
                // Whether SQLite still holds the transaction depends on the error; the answer is the same.
                let _ = self.rollback();
            }
        }
        result
    }

    /// Rolls the transaction back; does nothing without one.
    ///
    /// # Errors
    /// The connection is not used again then.
    pub fn rollback(&mut self) -> Result<(), StoreError> {
        if self.tx == Tx::None {
            return Ok(());
        }
        self.tx = Tx::None;
        match self.taken.slot.conn.batch_execute("ROLLBACK") {
            Ok(()) => Ok(()),
            // SQLite rolls back by itself when the disk is full.
            Err(DieselError::DatabaseError(_, info))
                if info.message().contains("no transaction is active") =>
            {
                Ok(())
            }
            Err(error) => {
                self.taken.slot.broken = true;
                Err(StoreError::from(error).at(&self.taken.slot.target))
            }
        }
    }

    /// Marks a point to return to.
    ///
    /// # Errors
    /// `Other` without a transaction or in a failed one.
    pub fn savepoint(&mut self) -> Result<Savepoint, StoreError> {
        if self.tx != Tx::Open {
            return Err(anyhow::anyhow!("a savepoint needs an open transaction that has not failed").into());
        }
        self.savepoints += 1;
        let savepoint = Savepoint(self.savepoints);
        self.control(&format!("SAVEPOINT s{}", savepoint.0))?;
        Ok(savepoint)
    }

    /// Whether a statement failed and only rolling back goes on.
    pub fn has_failed(&self) -> bool {
        self.tx == Tx::Failed
    }

    /// Keeps what was done since the savepoint.
    ///
    /// # Errors
    /// `Other` in a failed transaction: only `rollback_to` leaves it.
    pub fn release(&mut self, savepoint: Savepoint) -> Result<(), StoreError> {
        if self.tx != Tx::Open {
            return Err(failed());
        }
        self.control(&format!("RELEASE SAVEPOINT s{}", savepoint.0))
    }

    /// Undoes what was done since the savepoint and forgets it; what was done before stays, and a transaction
    /// that failed since then is usable again.
    ///
    /// # Errors
    /// When the database has already given the whole transaction up (disk full): it stays failed.
    pub fn rollback_to(&mut self, savepoint: Savepoint) -> Result<(), StoreError> {
        let Savepoint(number) = savepoint;
        if self.tx == Tx::None {
            return Err(anyhow::anyhow!("there is no transaction").into());
        }
        self.control(&format!("ROLLBACK TO SAVEPOINT s{number}; RELEASE SAVEPOINT s{number}"))?;
        self.tx = Tx::Open;
        Ok(())
    }

    /// Gives what follows in this transaction so much time: statements of searches that take longer fail with
    /// [`StoreError::OutOfTime`].
    ///
    /// # Errors
    /// As any statement.
    pub fn limit_time(&mut self, limit: Duration) -> Result<(), StoreError> {
        self.taken.slot.clock.set(Some(limit));
        match self.backend {
            Backend::Sqlite => Ok(()),
            // Searches are written so that each step is a look into an index, in this order. The planner takes estimates of
            // how much a text matches for a reason to read whole tables. All of it ends with the transaction. The limit
            // comes last: nothing of the batch is under it.
            Backend::Postgres => self.execute_batch(&format!(
                "SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; \
                 SET LOCAL enable_mergejoin = off; SET LOCAL statement_timeout = {}",
                limit.as_millis().max(1)
            )),
        }
    }

    /// Gives this connection much memory for pages, for writing very many rows, or what it usually has. PostgreSQL's is its own.
    ///
    /// # Errors
    /// As any statement.
    pub fn widen_cache(&mut self, wide: bool) -> Result<(), StoreError> {
        match self.backend {
            Backend::Sqlite => {
                let kibibytes = if wide { WIDE_CACHE } else { super::pool::CACHE };
                self.execute_batch(&format!("PRAGMA cache_size = -{kibibytes}"))
            }
            Backend::Postgres => Ok(()),
        }
    }

    /// Fails when the time of [`Db::limit_time`] is over: what limits one statement does not limit all of them.
    ///
    /// # Errors
    /// [`StoreError::OutOfTime`]
    pub(super) fn check_time(&self) -> Result<(), StoreError> {
        if self.taken.slot.clock.is_over() { Err(StoreError::OutOfTime) } else { Ok(()) }
    }

    /// Runs SQL text without parameters, for migrations and plugins' own tables.
    ///
    /// # Errors
    /// As any statement.
    pub fn execute_batch(&mut self, sql: &str) -> Result<(), StoreError> {
        let result = self.admit()?.batch_execute(sql);
        self.settle(result)
    }

    /// Runs one statement that only PostgreSQL has. Only `insert_arrays!` calls it.
    pub(super) fn on_pg<T>(
        &mut self,
        run: impl FnOnce(&mut PgLink) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        match self.admit()? {
            Conn::Pg(session) => {
                let result = run(&mut session.link);
                self.settle(result)
            }
            Conn::Sqlite(_) => Err(anyhow::anyhow!("a statement of PostgreSQL was meant for SQLite").into()),
        }
    }

    /// The connection for one more statement. Only `on_db!` calls it.
    pub(super) fn admit(&mut self) -> Result<&mut Conn, StoreError> {
        if self.tx == Tx::Failed {
            return Err(failed());
        }
        self.statements += 1;
        Ok(&mut self.taken.slot.conn)
    }

    /// Takes the result of that statement in. Only `on_db!` calls it.
    pub(super) fn settle<T>(&mut self, result: QueryResult<T>) -> Result<T, StoreError> {
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let refused = !matches!(error, DieselError::NotFound);
        let error = StoreError::from(error).at(&self.taken.slot.target);
        if refused && self.tx == Tx::Open {
            self.tx = Tx::Failed;
        }
        if error.breaks_connection() {
            self.taken.slot.broken = true;
        }
        Err(error)
    }

    /// Lets the pool count what was run since it was last told: one count for all of a transaction.
    fn tell(&mut self) {
        let untold = self.statements - self.told;
        if untold > 0 {
            self.taken.counters.statements.fetch_add(untold, Ordering::Relaxed);
            self.told = self.statements;
        }
    }

    fn control(&mut self, sql: &str) -> Result<(), StoreError> {
        let result = self.taken.slot.conn.batch_execute(sql);
        self.settle(result)
    }

    /// The raw connection, for tests that look at what SQLite plans.
    #[cfg(test)]
    pub(super) fn conn(&mut self) -> &mut Conn {
        &mut self.taken.slot.conn
    }
}

fn failed() -> StoreError {
    anyhow::anyhow!("a statement of this transaction failed; it can only be rolled back").into()
}

impl Drop for Db {
    fn drop(&mut self) {
        self.taken.slot.clock.set(None);
        if let Err(error) = self.rollback() {
            tracing::warn!(%error, "a connection could not be rolled back and is given up");
        }
        self.tell();
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db")
            .field("backend", &self.backend)
            .field("writer", &self.writer)
            .finish_non_exhaustive()
    }
}
