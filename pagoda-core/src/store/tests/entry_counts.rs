//! The counts of entries follow every write, and pages are found by them.

use super::{Bed, new_entity, new_entry};
use crate::store::conn::on_db;
use crate::store::queries::entry::{EntryFilter, EntryOrder};
use crate::store::queries::{entry, entry_count};
use crate::store::rows::{EntryRow, NewEntry};
use crate::store::{Backend, Db, migrate, schema};
use diesel::{QueryDsl, RunQueryDsl};

fn counts(db: &mut Db, entity_id: i64) -> [i64; 3] {
    [Some(true), Some(false), None]
        .map(|is_active| entry_count::of_entity(db, entity_id, is_active).unwrap().total())
}

fn set_active(db: &mut Db, row: &EntryRow, is_active: bool) {
    entry::update(db, &EntryRow { is_active, ..row.clone() }).unwrap();
}

/// Entries whose ids lie in several blocks, the last of them deleted.
fn spread(db: &mut Db, entity_id: i64) -> Vec<i64> {
    let first = super::new_id(db);
    let ids: Vec<i64> = (0..60).map(|at| first + at * 3_001).collect();
    for (at, id) in ids.iter().enumerate() {
        let name = format!("{:02}", at * 7 % 60);
        let row = entry::insert(db, &NewEntry { id: *id, entity_id, name, ..NewEntry::default() }).unwrap();
        entry::update(
            db,
            &EntryRow { is_active: at % 5 > 0, updated_time: i64::try_from(at % 4).unwrap(), ..row },
        )
        .unwrap();
    }
    ids
}

on_both! {
    fn every_write_is_counted(bed) {
        let db = &mut bed.writer();
        let (a, b) = (new_entity(db, "a"), new_entity(db, "b"));
        assert_eq!(counts(db, a.id), [0; 3]);
        let rows: Vec<EntryRow> = (0..5).map(|n| new_entry(db, a.id, &format!("{n}"))).collect();
        new_entry(db, b.id, "other");
        assert_eq!(counts(db, a.id), [5, 0, 5]);
        set_active(db, &rows[0], false);
        set_active(db, &rows[1], false);
        set_active(db, &rows[1], false);
        assert_eq!(counts(db, a.id), [3, 2, 5]);
        set_active(db, &rows[1], true);
        entry::update(db, &EntryRow { name: "renamed".to_owned(), ..rows[2].clone() }).unwrap();
        assert_eq!(counts(db, a.id), [4, 1, 5]);
        assert_eq!((counts(db, b.id), entry_count::all(db).unwrap()), ([1, 0, 1], 6));
        db.execute_batch(&format!("DELETE FROM entry WHERE id = {}", rows[0].id)).unwrap();
        assert_eq!(counts(db, a.id), [4, 0, 4]);
        db.begin().unwrap();
        new_entry(db, a.id, "undone");
        set_active(db, &rows[3], false);
        assert_eq!(counts(db, a.id), [4, 1, 5]);
        db.rollback().unwrap();
        assert_eq!(counts(db, a.id), [4, 0, 4]);
    }

    fn entries_of_an_older_database_are_counted(bed) {
        let empty = match bed.store.backend() {
            Backend::Sqlite => Bed::sqlite_empty(),
            Backend::Postgres => (pagoda_test_support::database().unwrap(), None),
        };
        let bed = Bed::open(empty, false);
        let db = &mut bed.writer();
        let before = migrate::CORE.iter().position(|migration| migration.name == "entry_count").unwrap();
        migrate::run(db, &migrate::CORE[..before]).unwrap();
        let a = new_entity(db, "a");
        let rows = ["x", "y", "z"].map(|name| new_entry(db, a.id, name));
        set_active(db, &rows[0], false);
        migrate::run(db, migrate::CORE).unwrap();
        assert_eq!(counts(db, a.id), [2, 1, 3]);
    }

    fn writers_beside_each_other_are_counted(bed) {
        let (a, rows) = {
            let db = &mut bed.writer();
            let a = new_entity(db, "a");
            (a.id, (0..8).map(|n| new_entry(db, a.id, &format!("{n}"))).collect::<Vec<_>>())
        };
        std::thread::scope(|scope| {
            for row in &rows {
                scope.spawn(move || {
                    for n in 0..60 {
                        // Beside other tests one may wait longer than a test's patience for its turn.
                        let mut db = loop {
                            let mut db = bed.store.writer().unwrap();
                            if db.begin().is_ok() {
                                break db;
                            }
                        };
                        new_entry(&mut db, a, &format!("{}-{n}", row.id));
                        set_active(&mut db, row, n % 2 > 0);
                        if n % 3 == 0 { db.rollback() } else { db.commit() }.unwrap();
                    }
                });
            }
        });
        let db = &mut bed.writer();
        assert_eq!(counts(db, a), [8 + 8 * 40 , 0, 8 + 8 * 40]);
    }

    fn rows_of_counts_stay_few(bed) {
        let db = &mut bed.writer();
        let a = new_entity(db, "a");
        for n in 0..1_500 {
            new_entry(db, a.id, &format!("{n}"));
        }
        assert_eq!(counts(db, a.id), [1_500, 0, 1_500]);
        let rows: i64 = on_db!(db, |c| schema::entry_count::table.count().get_result(c)).unwrap();
        assert!(rows < 800, "{rows}");
    }

    fn a_page_is_the_same_from_wherever_it_is_read(bed) {
        let db = &mut bed.writer();
        let (a, other) = (new_entity(db, "a"), new_entity(db, "other"));
        new_entry(db, other.id, "x");
        spread(db, a.id);
        for is_active in [Some(true), Some(false), None] {
            for order in [
                vec![],
                vec![(EntryOrder::Name, false)],
                vec![(EntryOrder::Name, true)],
                vec![(EntryOrder::UpdatedTime, true)],
                vec![(EntryOrder::UpdatedTime, false), (EntryOrder::Name, true)],
            ] {
                let page = |db: &mut Db, limit, offset| {
                    let (terms, with_alias, order) = (Vec::new(), false, order.clone());
                    entry::list(db, &EntryFilter { entity_id: a.id, is_active, terms, with_alias, order, limit, offset }).unwrap()
                };
                let all = page(db, 100, 0);
                assert_eq!(i64::try_from(all.rows.len()).unwrap(), all.total);
                for offset in 0..=all.rows.len() + 1 {
                    for limit in [1, 7, 100] {
                        let part = page(db, limit, i64::try_from(offset).unwrap());
                        let expected: Vec<&EntryRow> = all.rows.iter().skip(offset).take(usize::try_from(limit).unwrap()).collect();
                        assert_eq!(part.rows.iter().collect::<Vec<_>>(), expected, "{is_active:?} {order:?} {offset} {limit}");
                        assert_eq!(part.total, all.total);
                    }
                }
            }
        }
    }
}
