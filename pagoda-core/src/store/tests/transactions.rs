//! Transactions and savepoints, the same on both databases.

use super::{Bed, new_entity};
use crate::store::queries::entity;
use crate::store::{Db, StoreError, constraint};

fn exists(db: &mut Db, name: &str) -> bool {
    entity::active_by_name(db, name).unwrap().is_some()
}

fn insert_again(db: &mut Db, name: &str) -> StoreError {
    let new = crate::store::rows::NewEntity { id: 999_999, name: name.to_owned(), ..Default::default() };
    entity::insert(db, &new).unwrap_err()
}

on_both! {
    fn a_commit_keeps_and_a_rollback_undoes(bed) {
        let mut db = bed.writer();
        assert!(db.is_writer() && !db.in_transaction());
        db.begin().unwrap();
        assert!(db.in_transaction() && db.begin().is_err());
        new_entity(&mut db, "kept");
        db.commit().unwrap();
        db.begin().unwrap();
        new_entity(&mut db, "undone");
        db.rollback().unwrap();
        assert!(!db.in_transaction() && db.commit().is_err());
        assert!(exists(&mut db, "kept") && !exists(&mut db, "undone"));
    }

    fn a_dropped_handle_rolls_back(bed) {
        let mut db = bed.writer();
        db.begin().unwrap();
        new_entity(&mut db, "undone");
        drop(db);
        let mut db = bed.writer();
        assert!(!db.in_transaction() && !exists(&mut db, "undone"));
        db.begin().unwrap();
        db.commit().unwrap();
    }

    fn rolling_back_to_a_savepoint_keeps_what_was_before(bed) {
        let mut db = bed.writer();
        assert!(db.savepoint().is_err());
        db.begin().unwrap();
        new_entity(&mut db, "outer");
        let outer = db.savepoint().unwrap();
        new_entity(&mut db, "middle");
        let inner = db.savepoint().unwrap();
        new_entity(&mut db, "inner");
        db.rollback_to(inner).unwrap();
        assert!(exists(&mut db, "middle") && !exists(&mut db, "inner"));
        db.release(outer).unwrap();
        let again = db.savepoint().unwrap();
        new_entity(&mut db, "again");
        db.rollback_to(again).unwrap();
        db.commit().unwrap();
        assert!(exists(&mut db, "outer") && exists(&mut db, "middle"));
        assert!(!exists(&mut db, "inner") && !exists(&mut db, "again"));
    }

    fn a_failed_statement_fails_the_transaction(bed) {
        let mut db = bed.writer();
        db.begin().unwrap();
        new_entity(&mut db, "taken");
        let savepoint = db.savepoint().unwrap();
        let error = insert_again(&mut db, "taken");
        assert!(
            matches!(&error, StoreError::Conflict { constraint } if constraint == constraint::ENTITY_ACTIVE_NAME),
            "{error:?}"
        );
        // Nothing goes on but the way back.
        assert!(entity::by_id(&mut db, 1).is_err() && db.savepoint().is_err());
        db.rollback_to(savepoint).unwrap();
        new_entity(&mut db, "after");
        db.commit().unwrap();
        assert!(exists(&mut db, "taken") && exists(&mut db, "after"));

        db.begin().unwrap();
        new_entity(&mut db, "lost");
        insert_again(&mut db, "taken");
        assert!(db.commit().is_err());
        assert!(!db.in_transaction() && !exists(&mut db, "lost"));
    }

    fn an_empty_result_does_not_fail_the_transaction(bed) {
        let mut db = bed.writer();
        db.begin().unwrap();
        assert_eq!(entity::by_id(&mut db, 12345).unwrap(), None);
        let ghost = crate::store::rows::NewEntity { id: 12345, ..Default::default() };
        assert!(matches!(entity::update(&mut db, &ghost.to_row()), Err(StoreError::NotFound)));
        new_entity(&mut db, "here");
        db.commit().unwrap();
    }

    fn a_reader_cannot_write(bed) {
        let mut db = bed.store.reader().unwrap();
        db.begin().unwrap();
        let error = insert_again(&mut db, "refused");
        assert!(matches!(error, StoreError::ReadOnly), "{error:?}");
        db.rollback().unwrap();
        assert!(!db.is_writer());
    }

    fn a_reader_sees_one_state(bed) {
        let mut reader = bed.store.reader().unwrap();
        reader.begin().unwrap();
        assert!(!exists(&mut reader, "new"));
        new_entity(&mut bed.writer(), "new");
        assert!(!exists(&mut reader, "new"));
        reader.commit().unwrap();
        assert!(exists(&mut reader, "new"));
    }

    fn statements_are_counted(bed) {
        let mut db = bed.writer();
        db.begin().unwrap();
        assert_eq!(db.statements, 0);
        entity::by_id(&mut db, 1).unwrap();
        entity::by_id(&mut db, 1).unwrap();
        assert_eq!(db.statements, 2);
    }

    fn ids_are_ascending_and_never_twice(bed) {
        let mut db = bed.writer();
        let first = crate::store::ids::allocate(&mut db, 3).unwrap();
        let second = crate::store::ids::allocate(&mut db, 2).unwrap();
        let mut all = [first, second].concat();
        assert_eq!(all.len(), 5);
        assert!(all.is_sorted() && all[0] > 0);
        all.dedup();
        assert_eq!(all.len(), 5);
        assert!(crate::store::ids::allocate(&mut db, 0).unwrap().is_empty());
    }
}

#[test]
fn writers_that_collide_are_told_to_try_again() {
    let Some(bed) = Bed::postgres() else { return };
    let (mut a, mut b) = (bed.writer(), bed.writer());
    let (one, two) = (new_entity(&mut a, "one"), new_entity(&mut a, "two"));
    a.begin().unwrap();
    b.begin().unwrap();
    entity::update(&mut a, &one).unwrap();
    entity::update(&mut b, &two).unwrap();
    let other = one.clone();
    let waiting = std::thread::spawn(move || {
        let result = entity::update(&mut b, &other);
        drop(b);
        result
    });
    let results = [entity::update(&mut a, &two), waiting.join().unwrap()];
    assert!(results.iter().any(|r| matches!(r, Err(StoreError::Serialization))), "{results:?}");
}
