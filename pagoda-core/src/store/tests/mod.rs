//! Tests of the store, each on both databases.

/// Writes each test once and runs it twice: `fn name(bed) { … }` with a migrated [`Bed`].
macro_rules! on_both {
    ($($(#[$meta:meta])* fn $name:ident($bed:ident) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, reason = "not every test needs everything of its file")]
            use super::*;

            fn run($bed: &Bed) $body

            #[test]
            fn sqlite() {
                run(&Bed::sqlite());
            }

            #[test]
            fn postgres() {
                if let Some(bed) = Bed::postgres() {
                    run(&bed);
                }
            }
        }
    )*};
}

mod bulk;
mod entry_counts;
mod everywhere;
mod lists;
mod migrations;
mod open;
mod plans;
mod transactions;
mod users;
mod values;

use super::queries::{attr, entity, entry};
use super::rows::{EntityAttrRow, EntityRow, EntryRow, NewEntity, NewEntry, NewUser, UserRow};
use super::{DatabaseUrl, Db, Store, StoreOptions, ids};
use tempfile::TempDir;

/// A migrated store of its own.
struct Bed {
    store: Store,
    url: String,
    /// Removed with the bed.
    _directory: Option<TempDir>,
}

impl Bed {
    fn sqlite() -> Self {
        Self::open(Self::sqlite_empty(), true)
    }

    fn postgres() -> Option<Self> {
        pagoda_test_support::database().map(|url| Self::open((url, None), true))
    }

    fn sqlite_empty() -> (String, Option<TempDir>) {
        let directory = TempDir::new().unwrap();
        (format!("sqlite://{}/sub/test.db", directory.path().display()), Some(directory))
    }

    fn open((url, directory): (String, Option<TempDir>), migrate: bool) -> Self {
        let store = Store::open(options(&url)).unwrap();
        if migrate {
            assert_eq!(store.migrate().unwrap().len(), super::migrate::CORE.len());
        }
        Self { store, url, _directory: directory }
    }

    fn writer(&self) -> Db {
        self.store.writer().unwrap()
    }
}

fn options(url: &str) -> StoreOptions {
    StoreOptions::new(DatabaseUrl::parse(url).unwrap())
}

fn new_id(db: &mut Db) -> i64 {
    ids::allocate(db, 1).unwrap()[0]
}

fn new_entity(db: &mut Db, name: &str) -> EntityRow {
    let id = new_id(db);
    entity::insert(db, &NewEntity { id, name: name.to_owned(), ..NewEntity::default() }).unwrap()
}

fn new_entry(db: &mut Db, entity_id: i64, name: &str) -> EntryRow {
    let id = new_id(db);
    entry::insert(db, &NewEntry { id, entity_id, name: name.to_owned(), ..NewEntry::default() }).unwrap()
}

fn new_attr(db: &mut Db, entity_id: i64, name: &str, sort_index: i32) -> EntityAttrRow {
    let id = new_id(db);
    let row = EntityAttrRow {
        id,
        entity_id,
        name: name.to_owned(),
        sort_index,
        is_active: true,
        ..Default::default()
    };
    attr::insert_many(db, std::slice::from_ref(&row)).unwrap();
    row
}

fn new_user(db: &mut Db, username: &str) -> UserRow {
    let new = NewUser { username: username.to_owned(), is_active: true, ..NewUser::default() };
    super::queries::user::insert(db, &new).unwrap()
}
