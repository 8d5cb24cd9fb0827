//! The migration runner.

use super::{Bed, new_entity, new_entry, options};
use crate::store::queries::{entity, entity_history, entry, entry_name};
use crate::store::{Backend, Migration, Store, StoreError, migrate};
use tempfile::TempDir;

const fn step<'a>(version: u32, sql: &'a str) -> Migration<'a> {
    Migration { owner: "a-plugin", version, name: "step", sqlite: sql, postgres: sql }
}

on_both! {
    fn applied_once(bed) {
        assert_eq!(bed.store.migrate().unwrap(), []);
        let steps = [step(2, "CREATE TABLE two (id INT)"), step(1, "CREATE TABLE one (id INT)")];
        let applied = bed.store.migrate_with(&steps).unwrap();
        assert_eq!(applied.iter().map(|a| (a.owner.as_str(), a.version)).collect::<Vec<_>>(), [("a-plugin", 1), ("a-plugin", 2)]);
        assert_eq!(bed.store.migrate_with(&steps).unwrap(), []);
    }

    fn a_failing_one_leaves_nothing_but_those_before(bed) {
        let steps = [step(1, "CREATE TABLE one (id INT)"), step(2, "CREATE TABLE two (id INT); CREATE TABLE one (id INT)")];
        let error = bed.store.migrate_with(&steps).unwrap_err();
        assert!(matches!(&error, StoreError::Migration(text) if text.contains("a-plugin 2") && text.contains("exists")), "{error}");
        let repaired = [steps[0], step(2, "CREATE TABLE two (id INT)")];
        assert_eq!(bed.store.migrate_with(&repaired).unwrap().len(), 1);
    }

    fn a_changed_one_stops_the_start(bed) {
        bed.store.migrate_with(&[step(1, "CREATE TABLE one (id INT)")]).unwrap();
        let error = bed.store.migrate_with(&[step(1, "CREATE TABLE one (id BIGINT)")]).unwrap_err().to_string();
        let hashes = error.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| word.len() == 64).count();
        assert_eq!(hashes, 2, "{error}");
        // The store still works: nothing was left open.
        bed.store.migrate().unwrap();
    }

    fn a_newer_database_stops_the_start(bed) {
        let steps = [step(1, "CREATE TABLE one (id INT)"), step(2, "CREATE TABLE two (id INT)")];
        bed.store.migrate_with(&steps).unwrap();
        let error = bed.store.migrate_with(&steps[..1]).unwrap_err();
        assert!(error.to_string().contains("a-plugin version 2"), "{error}");
        // A plugin that is not linked any more is no reason to stop.
        bed.store.migrate().unwrap();
    }

    fn a_number_is_used_once(bed) {
        let twice = [step(1, "CREATE TABLE one (id INT)"), step(1, "CREATE TABLE two (id INT)")];
        assert!(bed.store.migrate_with(&twice).unwrap_err().to_string().contains("twice"));
    }

    fn the_declared_schema_is_the_migrated_one(bed) {
        use crate::store::conn::on_db;
        use crate::store::schema;
        use diesel::prelude::*;
        let db = &mut bed.writer();
        macro_rules! selects {
            ($($table:ident),*) => {$(
                on_db!(db, |c| schema::$table::table.select(schema::$table::all_columns).execute(c)).unwrap();
            )*};
        }
        selects!(app_user, api_token, web_session, entity, entity_attr, entity_attr_referral, entity_chain_exclude,
            entry, attribute, attr_value, plugin_state, plugin_breaker, plugin_transition, pagoda_migrations);
        selects!(audit_outbox, audit_log, audit_head);
        selects!(alert, alert_delivery);
        selects!(password_reset);
        selects!(user_group, group_member, role, role_user, role_group, acl_grant, acl_change, acl_first_name, job);
        selects!(entity_webhook, isolation_rule, isolation_condition);
        selects!(category, category_entity);
    }
}

/// What a database of an older version has is there after each later migration, and what is new knows it.
fn older_databases_keep_what_they_have(empty: impl Fn() -> Option<(String, Option<TempDir>)>) {
    for known in 1..migrate::CORE.len() {
        let Some(empty) = empty() else { return };
        let old = Bed::open(empty, false);
        let db = &mut old.writer();
        migrate::run(db, &migrate::CORE[..known]).unwrap();
        db.begin().unwrap();
        let entity = new_entity(db, "e");
        let entry = new_entry(db, entity.id, "x");
        db.commit().unwrap();
        assert_eq!(migrate::run(db, migrate::CORE).unwrap().len(), migrate::CORE.len() - known);
        assert_eq!(entity::by_id(db, entity.id).unwrap().unwrap().name, "e");
        assert_eq!(entry::by_id(db, entry.id).unwrap().unwrap().name, "x");
        let names = entry_name::list(db, entry.id, 10, 0).unwrap();
        // From version 6 on whoever writes an entry writes its name down; until then the migration did.
        assert_eq!(names.total, i64::from(known < 6), "from version {known}");
        assert_eq!(
            entity_history::list(db, entity.id, 10, 0).unwrap().total,
            0,
            "nothing is known of before"
        );
    }
}

#[test]
fn older_databases_keep_what_they_have_on_sqlite() {
    older_databases_keep_what_they_have(|| Some(Bed::sqlite_empty()));
}

#[test]
fn older_databases_keep_what_they_have_on_postgres() {
    older_databases_keep_what_they_have(|| pagoda_test_support::database().map(|url| (url, None)));
}

#[test]
fn instances_that_start_together_do_not_collide() {
    let Some(url) = pagoda_test_support::database() else { return };
    let barrier = std::sync::Barrier::new(4);
    let counts: Vec<usize> = std::thread::scope(|scope| {
        let start = || {
            let store = Store::open(options(&url)).unwrap();
            assert_eq!(store.backend(), Backend::Postgres);
            barrier.wait();
            store.migrate().unwrap().len()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(counts.iter().sum::<usize>(), migrate::CORE.len(), "{counts:?}");
}
