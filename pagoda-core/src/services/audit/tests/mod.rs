//! The log under tampering, faults of the database, and several hands at a time.

mod auditor;
mod properties;
mod sealing;
mod tampering;

use super::chain::Keys;
use super::record::AuditRecord;
use super::verify::{Report, verify};
use super::{Action, AuditObject, seal};
use crate::store::queries::audit::{self, AuditFilter};
use crate::store::{Backend, DatabaseUrl, Db, Store, StoreOptions};
use serde_json::json;
use tempfile::TempDir;

const KEY: &str = "a key that only operators know";

/// A migrated database of its own.
struct Bed {
    store: Store,
    url: String,
    _directory: Option<TempDir>,
}

impl Bed {
    fn sqlite() -> Self {
        let directory = TempDir::new().unwrap();
        let url = format!("sqlite://{}/test.db", directory.path().display());
        Self::open(url, Some(directory))
    }

    fn both() -> Vec<Self> {
        let postgres = pagoda_test_support::database().map(|url| Self::open(url, None));
        std::iter::once(Self::sqlite()).chain(postgres).collect()
    }

    fn open(url: String, directory: Option<TempDir>) -> Self {
        let store = Self::store(&url);
        store.migrate().unwrap();
        Self { store, url, _directory: directory }
    }

    fn store(url: &str) -> Store {
        let options = StoreOptions::new(DatabaseUrl::parse(url).unwrap());
        Store::open(StoreOptions { exclusive: false, ..options }).unwrap()
    }

    fn writer(&self) -> Db {
        self.store.writer().unwrap()
    }

    /// Puts records into the outbox.
    fn note(&self, records: impl IntoIterator<Item = AuditRecord>) {
        let rows: Vec<_> = records.into_iter().map(|record| record.to_row()).collect();
        let db = &mut self.writer();
        db.begin().unwrap();
        audit::enqueue(db, &rows).unwrap();
        db.commit().unwrap();
    }

    fn seal(&self, keys: &Keys) {
        while seal::seal(&mut self.writer(), keys).unwrap() {}
    }

    fn verify(&self, keys: &Keys) -> Report {
        self.verify_noted(keys, None)
    }

    fn verify_noted(&self, keys: &Keys, noted: Option<&(i64, String)>) -> Report {
        let db = &mut self.store.reader().unwrap();
        db.begin().unwrap();
        verify(db, keys, noted).unwrap()
    }

    /// What somebody does who can write the database.
    fn tamper(&self, sql: &str) {
        let db = &mut self.writer();
        db.begin().unwrap();
        db.execute_batch(sql).unwrap();
        db.commit().unwrap();
    }

    fn names(&self) -> Vec<String> {
        let db = &mut self.store.reader().unwrap();
        let rows = audit::after(db, &AuditFilter::default(), 0, 10_000).unwrap();
        rows.into_iter().map(|row| row.object_name.unwrap_or_default()).collect()
    }
}

fn record(name: &str) -> AuditRecord {
    let object = AuditObject { kind: "entry", id: Some(7), name: name.to_owned() };
    AuditRecord::of_server(Action::EntryCreate).on(object).through("a-plugin").with(json!({"a": name}))
}

fn many(count: usize) -> Vec<AuditRecord> {
    (0..count).map(|number| record(&format!("r{number}"))).collect()
}

fn signing() -> Keys {
    Keys::new([KEY]).unwrap()
}

/// A trigger that fails on the given statement stands for a database that fails there.
fn break_on(bed: &Bed, statement: &str, table: &str) {
    bed.tamper(&match bed.store.backend() {
        Backend::Sqlite => format!(
            "CREATE TRIGGER broken BEFORE {statement} ON {table} BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END"
        ),
        Backend::Postgres => format!(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken on purpose'; END $$; \
             CREATE TRIGGER broken BEFORE {statement} ON {table} EXECUTE FUNCTION fail()"
        ),
    });
}

fn mend(bed: &Bed, table: &str) {
    bed.tamper(&match bed.store.backend() {
        Backend::Sqlite => "DROP TRIGGER broken".to_owned(),
        Backend::Postgres => format!("DROP TRIGGER broken ON {table}; DROP FUNCTION fail()"),
    });
}
