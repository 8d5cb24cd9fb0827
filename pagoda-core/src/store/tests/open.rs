//! Opening, pooling, and what the outside can do to a store.

use super::{Bed, new_entity, options};
use crate::store::queries::entity;
use crate::store::{Backend, Store, StoreError, StoreOptions};
use std::time::{Duration, Instant};

on_both! {
    fn a_store_answers(bed) {
        bed.store.ping().unwrap();
        assert!(matches!(
            (bed.store.backend(), bed.url.starts_with("sqlite")),
            (Backend::Sqlite, true) | (Backend::Postgres, false)
        ));
    }

    fn a_blocking_thread_of_a_runtime_may_use_it(bed) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = bed.store.clone();
        runtime.block_on(async move {
            // Two threads that connect and query at once, and one that uses a connection another one made.
            let work = |name: &'static str| {
                let store = store.clone();
                tokio::task::spawn_blocking(move || {
                    let mut db = store.writer().unwrap();
                    db.begin().unwrap();
                    new_entity(&mut db, name);
                    db.commit().unwrap();
                    db
                })
            };
            let (a, b) = (work("a"), work("b"));
            let mut db = a.await.unwrap();
            tokio::task::spawn_blocking(move || {
                assert!(entity::active_by_name(&mut db, "a").unwrap().is_some());
            })
            .await
            .unwrap();
            let db = b.await.unwrap();
            tokio::task::spawn_blocking(move || drop(db)).await.unwrap();
        });
        drop(runtime);
        // The connections outlive the runtime whose threads used them.
        assert!(entity::active_by_name(&mut bed.writer(), "b").unwrap().is_some());
    }

    fn a_pool_that_is_used_up_is_busy(bed) {
        let patience = Duration::from_millis(300);
        if bed.store.backend() == Backend::Sqlite {
            let (url, _directory) = Bed::sqlite_empty();
            let store = Store::open(StoreOptions { busy_timeout: patience, ..options(&url) }).unwrap();
            let _held = store.writer().unwrap();
            assert!(matches!(store.writer(), Err(StoreError::Busy)));
            // Readers do not wait for the writer.
            store.ping().unwrap();
        } else {
            let store =
                Store::open(StoreOptions { readers: 1, connect_timeout: patience, ..options(&bed.url) }).unwrap();
            let _held = store.reader().unwrap();
            assert!(matches!(store.reader(), Err(StoreError::Busy)));
        }
    }
}

#[test]
fn a_second_instance_on_a_file_is_refused() {
    let bed = Bed::sqlite();
    let error = Store::open(options(&bed.url)).unwrap_err();
    assert!(
        matches!(&error, StoreError::Locked { path } if path.to_string_lossy().ends_with("test.db.lock"))
    );
    assert!(error.to_string().contains("another instance"), "{error}");
    let url = bed.url.clone();
    drop(bed.store);
    Store::open(options(&url)).unwrap();
}

#[test]
fn a_file_that_cannot_be_made_is_explained() {
    let error = Store::open(options("sqlite:///dev/null/a.db")).unwrap_err();
    assert!(error.to_string().contains("/dev/null"), "{error}");
    let error = Store::open(options("sqlite:///tmp")).unwrap_err();
    assert!(error.to_string().contains("is a directory"), "{error}");
}

#[test]
fn a_full_disk_rolls_the_transaction_back() {
    let (url, _directory) = Bed::sqlite_empty();
    let store = Store::open(StoreOptions { sqlite_max_bytes: Some(512 * 1024), ..options(&url) }).unwrap();
    store.migrate().unwrap();
    let mut db = store.writer().unwrap();
    db.begin().unwrap();
    let first = new_entity(&mut db, "first");
    let error = (0..1000)
        .find_map(|n| {
            let new = crate::store::rows::NewEntity {
                id: 1000 + n,
                name: format!("{n}"),
                note: "x".repeat(10_000),
                ..Default::default()
            };
            entity::insert(&mut db, &new).err()
        })
        .unwrap();
    assert!(matches!(error, StoreError::DiskFull), "{error:?}");
    // Whether SQLite has rolled back already or not: nothing goes on, and nothing stays.
    assert!(entity::by_id(&mut db, first.id).is_err());
    assert!(db.commit().is_err());
    assert!(!db.in_transaction());
    assert_eq!(entity::by_id(&mut db, first.id).unwrap(), None);
    db.begin().unwrap();
    new_entity(&mut db, "fits");
    db.commit().unwrap();
}

#[test]
fn every_sqlite_connection_is_set_up() {
    use crate::store::conn::on_db;
    use diesel::RunQueryDsl;
    let bed = Bed::sqlite();
    for db in [&mut bed.writer(), &mut bed.store.reader().unwrap()] {
        let mut pragma = |name: &str| {
            let sql = format!("(SELECT CAST({name} AS TEXT) FROM pragma_{name})");
            let value = diesel::dsl::sql::<diesel::sql_types::Text>(&sql);
            on_db!(db, |c| diesel::select(value).get_result::<String>(c)).unwrap()
        };
        assert_eq!(pragma("journal_mode"), "wal");
        assert_eq!(pragma("synchronous"), "2");
        assert_eq!(pragma("foreign_keys"), "1");
    }
}

/// One process-wide lock that each look at a page or each allocation takes would make readers wait for each other; the library
/// that is compiled in has both by default (`.cargo/config.toml`).
#[test]
fn sqlite_connections_share_no_lock() {
    use crate::store::conn::on_db;
    use diesel::RunQueryDsl;
    let sql = "(SELECT group_concat(compile_options, ' ') FROM pragma_compile_options)";
    let value = diesel::dsl::sql::<diesel::sql_types::Text>(sql);
    let bed = Bed::sqlite();
    let db = &mut bed.writer();
    let compiled = on_db!(db, |c| diesel::select(value).get_result::<String>(c)).unwrap();
    for (option, wanted) in [
        ("ENABLE_FTS5", true),
        ("THREADSAFE=2", true),
        ("DEFAULT_MEMSTATUS=0", true),
        ("ENABLE_MEMORY_MANAGEMENT", false),
    ] {
        assert_eq!(compiled.split(' ').any(|found| found == option), wanted, "{option} in {compiled}");
    }
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let started = Instant::now();
    let mut options = options("postgres://me:s3cret@127.0.0.1:1/pagoda");
    options.connect_timeout = Duration::from_secs(2);
    let error = Store::open(options).unwrap_err();
    assert!(matches!(&error, StoreError::Unreachable { target, .. } if target == "127.0.0.1:1"), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:1") && !format!("{error:?}").contains("s3cret"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    // Accepts connections (the system does) and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = options(&format!("postgres://me@{}/pagoda", silent.local_addr().unwrap()));
    options.connect_timeout = Duration::from_millis(300);
    let started = Instant::now();
    assert!(matches!(Store::open(options), Err(StoreError::Unreachable { .. })));
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn connections_that_the_server_closed_are_replaced() {
    let Some(bed) = Bed::postgres() else { return };
    let cluster = pagoda_test_support::postgres().unwrap();
    let name = bed.url.rsplit('/').next().unwrap();
    let kill =
        format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'");
    // Idle ones are found at the checkout.
    bed.store.ping().unwrap();
    cluster.execute("postgres", &kill);
    bed.store.ping().unwrap();
    // One in use fails, says what happened, and does not come back.
    let mut db = bed.writer();
    db.begin().unwrap();
    new_entity(&mut db, "lost");
    cluster.execute("postgres", &kill);
    let error = entity::by_id(&mut db, 1).unwrap_err();
    assert!(
        matches!(&error, StoreError::Unreachable { target, .. } if *target == cluster.address()),
        "{error:?}"
    );
    drop(db);
    assert_eq!(entity::active_by_name(&mut bed.writer(), "lost").unwrap(), None);
}

#[test]
fn a_statement_that_the_servers_administrator_cancels_is_out_of_time() {
    let Some(bed) = Bed::postgres() else { return };
    let cluster = pagoda_test_support::postgres().unwrap();
    let name = bed.url.rsplit('/').next().unwrap();
    let cancel = format!(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND query LIKE 'SELECT pg_sleep%'"
    );
    let (ended, until_ended) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while until_ended.recv_timeout(Duration::from_millis(20)).is_err() {
                cluster.execute("postgres", &cancel);
            }
        });
        let mut db = bed.writer();
        db.begin().unwrap();
        let result = db.execute_batch("SELECT pg_sleep(60)");
        ended.send(()).unwrap();
        assert!(matches!(result, Err(StoreError::OutOfTime)), "{result:?}");
        // The connection is as good as before.
        db.rollback().unwrap();
        db.begin().unwrap();
        new_entity(&mut db, "after");
        db.commit().unwrap();
    });
}
