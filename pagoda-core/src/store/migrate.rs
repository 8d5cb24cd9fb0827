//! Applies migrations: embedded, owned, checksummed, one instance at a time.
//!
//! diesel's own runner has one number space for all owners (a plugin's 0001 was skipped because the core had
//! one), no lock and no checksum.

use super::conn::{Backend, Db, on_db};
use super::error::StoreError;
use super::schema::pagoda_migrations as table;
use diesel::{Insertable, QueryDsl, Queryable, RunQueryDsl, Selectable, SelectableHelper};
use sha2::{Digest, Sha256};

/// Owner of the migrations below; its come first.
const CORE_OWNER: &str = "core";

/// One of the core's migrations: its version, its name, and the file that both dialects have under this name.
macro_rules! core {
    ($version:literal, $name:literal, $file:literal) => {
        Migration {
            owner: CORE_OWNER,
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $file, ".sql")),
            postgres: include_str!(concat!("../../migrations/postgres/", $file, ".sql")),
        }
    };
}

/// The core's migrations, oldest first. One that was released is never changed, only followed by another.
pub(super) const CORE: &[Migration<'static>] = &[
    core!(1, "initial", "0001_initial"),
    core!(2, "plugin states", "0002_plugin_states"),
    core!(3, "audit", "0003_audit"),
    core!(4, "alerts", "0004_alerts"),
    core!(5, "access", "0005_access"),
    core!(6, "entry_names", "0006_entry_names"),
    core!(7, "entity_history", "0007_entity_history"),
    core!(8, "entity_rules", "0008_entity_rules"),
    core!(9, "categories", "0009_categories"),
    core!(10, "users", "0010_users"),
    core!(11, "jobs", "0011_jobs"),
    core!(12, "search", "0012_search"),
    core!(13, "entry_count", "0013_entry_count"),
    core!(14, "search_more", "0014_search_more"),
    core!(15, "job_results", "0015_job_results"),
];

/// One step of a schema, in both dialects.
#[derive(Clone, Copy, Debug)]
pub struct Migration<'a> {
    /// `core` or a plugin id; each owner counts its own versions.
    pub owner: &'a str,
    /// From 1, ascending.
    pub version: u32,
    /// What it does, for people.
    pub name: &'a str,
    /// The statements for SQLite.
    pub sqlite: &'a str,
    /// The statements for PostgreSQL.
    pub postgres: &'a str,
}

/// A migration that was applied just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedMigration {
    /// See [`Migration::owner`].
    pub owner: String,
    /// See [`Migration::version`].
    pub version: u32,
    /// See [`Migration::name`].
    pub name: String,
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
struct Applied {
    owner: String,
    version: i64,
    name: String,
    checksum: String,
    applied_at: i64,
}

const CREATE: &str = "CREATE TABLE IF NOT EXISTS pagoda_migrations (\
        owner TEXT NOT NULL, version BIGINT NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL, \
        applied_at BIGINT NOT NULL, PRIMARY KEY (owner, version));\
    CREATE TABLE IF NOT EXISTS pagoda_migration_lock (only_row INTEGER PRIMARY KEY CHECK (only_row = 1));\
    INSERT INTO pagoda_migration_lock (only_row) VALUES (1) ON CONFLICT DO NOTHING";

/// Applies what is missing of `migrations`.
pub(super) fn run(db: &mut Db, migrations: &[Migration<'_>]) -> Result<Vec<AppliedMigration>, StoreError> {
    let mut ordered: Vec<&Migration<'_>> = migrations.iter().collect();
    ordered.sort_by_key(|m| (m.owner != CORE_OWNER, m.owner, m.version));
    for pair in ordered.windows(2) {
        if let [a, b] = pair
            && (a.owner, a.version) == (b.owner, b.version)
        {
            return Err(StoreError::Migration(format!("{} has version {} twice", a.owner, a.version)));
        }
    }
    create_tables(db)?;
    let mut applied = Vec::new();
    // One round per migration: each has its own transaction, and the lock is that transaction's.
    loop {
        db.begin()?;
        lock(db)?;
        let done = on_db!(db, |c| table::table.select(Applied::as_select()).load(c))?;
        let Some(next) = first_missing(&ordered, &done, db.backend())? else {
            db.rollback()?;
            return Ok(applied);
        };
        apply(db, next).map_err(|error| {
            StoreError::Migration(format!(
                "{} {} ({}): {}",
                next.owner,
                next.version,
                next.name,
                text_of(&error)
            ))
        })?;
        applied.push(AppliedMigration {
            owner: next.owner.to_owned(),
            version: next.version,
            name: next.name.to_owned(),
        });
    }
}

/// `IF NOT EXISTS` does not keep two PostgreSQL sessions from making the same table: the later one fails on the
/// catalogue's own unique index, and finds the table there when it tries again.
fn create_tables(db: &mut Db) -> Result<(), StoreError> {
    let mut attempts = 0;
    loop {
        db.begin()?;
        let result = db.execute_batch(CREATE).and_then(|()| db.commit());
        attempts += 1;
        match result {
            Err(StoreError::Conflict { .. } | StoreError::Other(_) | StoreError::Serialization)
                if attempts < 5 =>
            {
                db.rollback()?;
            }
            Err(error) => {
                db.rollback()?;
                return Err(error);
            }
            Ok(()) => return Ok(()),
        }
    }
}

/// Waits for other instances. A row, because not every engine that speaks PostgreSQL's protocol locks tables;
/// SQLite's transaction is the only writer already.
fn lock(db: &mut Db) -> Result<(), StoreError> {
    match db.backend() {
        Backend::Sqlite => Ok(()),
        Backend::Postgres => db.execute_batch("SELECT only_row FROM pagoda_migration_lock FOR UPDATE"),
    }
}

fn apply(db: &mut Db, migration: &Migration<'_>) -> Result<(), StoreError> {
    db.execute_batch(sql_of(migration, db.backend()))?;
    let row = Applied {
        owner: migration.owner.to_owned(),
        version: i64::from(migration.version),
        name: migration.name.to_owned(),
        checksum: checksum(sql_of(migration, db.backend())),
        applied_at: jiff::Timestamp::now().as_microsecond(),
    };
    on_db!(db, |c| diesel::insert_into(table::table).values(&row).execute(c))?;
    db.commit()
}

/// The next one to apply, after checking that the applied ones are those we know.
fn first_missing<'a, 'm>(
    known: &[&'a Migration<'m>],
    done: &[Applied],
    backend: Backend,
) -> Result<Option<&'a Migration<'m>>, StoreError> {
    for row in done {
        let of_owner = || known.iter().filter(|m| m.owner == row.owner);
        // Tables of a plugin that is not linked in any more stay as they are.
        let Some(newest) = of_owner().map(|m| i64::from(m.version)).max() else { continue };
        if row.version > newest {
            return Err(StoreError::Migration(format!(
                "the database has {} version {} ({}), this program knows versions up to {newest}: it is older than \
                 the one that wrote the database",
                row.owner, row.version, row.name
            )));
        }
        let Some(migration) = of_owner().find(|m| i64::from(m.version) == row.version) else { continue };
        let expected = checksum(sql_of(migration, backend));
        if expected != row.checksum {
            return Err(StoreError::Migration(format!(
                "{} version {} ({}) was changed after it was applied: the database has checksum {}, this program {expected}",
                row.owner, row.version, row.name, row.checksum
            )));
        }
    }
    let is_done =
        |m: &Migration<'_>| done.iter().any(|d| d.owner == m.owner && d.version == i64::from(m.version));
    Ok(known.iter().find(|m| !is_done(m)).copied())
}

fn sql_of<'a>(migration: &Migration<'a>, backend: Backend) -> &'a str {
    match backend {
        Backend::Sqlite => migration.sqlite,
        Backend::Postgres => migration.postgres,
    }
}

fn checksum(sql: &str) -> String {
    Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text_of(error: &StoreError) -> String {
    super::url::chain(error)
}
