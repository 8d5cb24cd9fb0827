//! SQL and rows: one schema, two databases, no rule.
//!
//! Start at [`Store`], which hands out [`Db`] handles; queries are functions over a handle in [`queries`], and
//! what they return is in [`rows`]. Nothing here decides what may be done, knows HTTP or fires a hook.
//! Everything blocks: it belongs on plain threads or under `spawn_blocking`.

mod arrays;
pub mod bulk;
mod clock;
mod conn;
mod error;
pub mod ids;
mod migrate;
mod pg;
mod pool;
pub mod queries;
pub mod rows;
pub mod schema;
pub mod search;
pub mod sort_key;
mod turn;
mod url;

#[cfg(test)]
mod tests;

pub use self::conn::{Backend, Db, Savepoint};
pub use self::error::{StoreError, constraint};
pub use self::migrate::{AppliedMigration, Migration};
pub use self::pool::{PoolState, StoreOptions};
pub use self::url::{DatabaseUrl, Endpoint, PostgresUrl};

use self::conn::on_db;
use self::pool::{Connections, Manager};
use anyhow::Context;
use diesel::RunQueryDsl;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An open database. Clones share its connections.
///
/// Every method, and every use of a [`Db`], blocks: never call them on an async runtime's own thread, where the
/// PostgreSQL driver would panic ("cannot start a runtime from within a runtime"). `spawn_blocking` is right.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Backend,
    readers: Connections,
    /// SQLite only: the one connection that writes. Writers queue here instead of polling a file lock.
    writer: Option<Connections>,
    /// Held, not read: the operating system gives the lock back with the file, however the process ends.
    _lock: Option<File>,
}

impl Store {
    /// Opens the database and checks that it answers. Does not migrate.
    ///
    /// # Errors
    /// `Locked` when another instance uses the SQLite file, `Unreachable` when there is no server, `Other` with a
    /// sentence when a file or directory cannot be made or written.
    pub fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let inner = match &options.url {
            DatabaseUrl::Sqlite(path) => {
                let path = prepare_file(path)?;
                let lock = if options.exclusive { Some(take_lock(&path)?) } else { None };
                let writer = Connections::new("write", Manager::sqlite(&options, path.clone(), false), 1);
                // The first connection makes the file and switches it to WAL, before any reader looks at it.
                drop(writer.get()?);
                let readers =
                    Connections::new("read", Manager::sqlite(&options, path, true), options.readers);
                Inner { backend: Backend::Sqlite, readers, writer: Some(writer), _lock: lock }
            }
            DatabaseUrl::Postgres(url) => {
                let manager = Manager::postgres(&options, url.clone());
                // Once without the pool, which would keep trying until its timeout.
                drop(manager.open()?);
                let readers = Connections::new("all", manager, options.readers);
                Inner { backend: Backend::Postgres, readers, writer: None, _lock: None }
            }
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        self.inner.backend
    }

    /// Connections that many can have at a time: for reading on SQLite, for everything on PostgreSQL.
    pub fn connections(&self) -> usize {
        self.inner.readers.state().most
    }

    /// What the pools are used for.
    pub fn pools(&self) -> Vec<PoolState> {
        std::iter::once(&self.inner.readers).chain(&self.inner.writer).map(Connections::state).collect()
    }

    /// A handle that reads. Outside a transaction it sees each statement's own state.
    ///
    /// # Errors
    /// `Busy` when no connection becomes free in time, `Unreachable` when none can be made.
    pub fn reader(&self) -> Result<Db, StoreError> {
        Ok(Db::new(self.inner.readers.get()?, self.inner.backend, false))
    }

    /// A handle that writes. No transaction is begun. On SQLite there is one: others wait for it, and are served
    /// in the order in which they came.
    ///
    /// # Errors
    /// As [`Store::reader`].
    pub fn writer(&self) -> Result<Db, StoreError> {
        let connections = self.inner.writer.as_ref().unwrap_or(&self.inner.readers);
        Ok(Db::new(connections.get()?, self.inner.backend, true))
    }

    /// Applies the core's own migrations, and says which were new.
    ///
    /// # Errors
    /// As [`Store::migrate_with`].
    pub fn migrate(&self) -> Result<Vec<AppliedMigration>, StoreError> {
        self.migrate_with(&[])
    }

    /// Applies the core's migrations, then those of `plugins`, each in its own transaction, under a lock against
    /// instances that start at the same time.
    ///
    /// # Errors
    /// `Migration` when one fails, when an applied one was changed since, or when the database is newer than
    /// this program.
    pub fn migrate_with(&self, plugins: &[Migration<'_>]) -> Result<Vec<AppliedMigration>, StoreError> {
        let mut all = migrate::CORE.to_vec();
        all.extend_from_slice(plugins);
        migrate::run(&mut self.writer()?, &all)
    }

    /// Asks the database for an answer.
    ///
    /// # Errors
    /// As any statement.
    pub fn ping(&self) -> Result<(), StoreError> {
        let db = &mut self.reader()?;
        let one = diesel::dsl::sql::<diesel::sql_types::Integer>("1");
        on_db!(db, |c| diesel::select(one).get_result::<i32>(c)).map(|_| ())
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("backend", &self.inner.backend).finish_non_exhaustive()
    }
}

/// Makes the directory of a SQLite file, and says where the file is.
///
/// # Errors
/// It cannot be made.
pub fn prepare_directory(path: &Path) -> Result<PathBuf, StoreError> {
    // Absolute, so that SQLite never takes the name for a `file:` URI.
    let path = std::path::absolute(path).context("finding the directory of the database")?;
    if let Some(directory) = path.parent() {
        make_directory(directory).with_context(|| {
            format!("the directory {} of the database cannot be made", directory.display())
        })?;
    }
    Ok(path)
}

/// Makes the directory, and finds out now whether the file can be written: SQLite would open it read-only.
fn prepare_file(path: &Path) -> Result<PathBuf, StoreError> {
    let path = prepare_directory(path)?;
    if path.is_dir() {
        return Err(anyhow::anyhow!("{} is a directory, not a database file", path.display()).into());
    }
    private(OpenOptions::new().write(true).create(true).truncate(false))
        .open(&path)
        .with_context(|| format!("the database file {} cannot be written", path.display()))?;
    Ok(path)
}

/// Tokens and hashes of passwords are nobody's but the server's: new files and directories are its user's
/// alone. SQLite gives its side files the rights of the database.
#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn make_directory(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(not(unix))]
fn make_directory(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)
}

/// How long to wait for the lock of an instance that has just ended: a process that it started may hold the file
/// for a moment longer, between its fork and its exec.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

fn take_lock(database: &Path) -> Result<File, StoreError> {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    let path = PathBuf::from(name);
    let lock =
        OpenOptions::new().write(true).create(true).truncate(false).open(&path).with_context(|| {
            format!("the lock file {} cannot be written, nor could the database", path.display())
        })?;
    let patient_until = Instant::now() + LOCK_PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() < patient_until => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked { path }),
            Err(TryLockError::Error(error)) => {
                return Err(anyhow::Error::new(error).context(format!("locking {}", path.display())).into());
            }
        }
    }
}
