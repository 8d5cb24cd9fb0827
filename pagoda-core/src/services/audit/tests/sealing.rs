//! Moving records to the log and removing old rows, whatever fails and whoever else does it.

use super::{Bed, break_on, many, mend, record, signing};
use crate::services::audit::chain::Keys;
use crate::services::audit::seal;
use crate::services::audit::verify::Problem;
use crate::store::queries::audit;
use pagoda_plugin_sdk::time::Timestamp;

#[test]
fn what_is_noted_comes_into_the_log_once_and_in_order() {
    for bed in Bed::both() {
        for keys in [Keys::default(), signing()] {
            assert_eq!(bed.verify(&Keys::default()).problems, []);
            bed.tamper("DELETE FROM audit_log; UPDATE audit_head SET seq = 0, hash = 'genesis'");
            bed.note(many(1_201));
            assert_eq!(bed.verify(&Keys::default()).waiting, 1_201);
            bed.seal(&keys);
            let report = bed.verify(&keys);
            assert_eq!(report.problems, []);
            assert_eq!((report.rows, report.range, report.waiting), (1_201, Some((1, 1_201)), 0));
            assert_eq!(report.signed, if keys.is_signing() { 1_201 } else { 0 });
            let expected: Vec<String> = (0..1_201).map(|number| format!("r{number}")).collect();
            assert_eq!(bed.names(), expected);
            if keys.is_signing() {
                // Without the key it is not called tampered, but said what is missing.
                let report = bed.verify(&Keys::default());
                assert!(matches!(&report.problems[..], [Problem::UnknownKey { seq: 1, .. }]), "{report:?}");
                bed.tamper("DELETE FROM audit_log; UPDATE audit_head SET seq = 0, hash = 'genesis'");
            }
        }
    }
}

#[test]
fn old_rows_go_and_the_rest_still_holds() {
    for bed in Bed::both() {
        let keys = signing();
        let now = Timestamp::now();
        let days = |days: i64| Timestamp::from_micros(now.as_micros() - days * 86_400_000_000);
        let trim = |kept| seal::trim(&mut bed.writer(), &keys, now, kept).unwrap();
        // The third is younger than those behind it: only the beginning goes.
        bed.note([40, 35, 5, 20, 1].map(|age| record(&format!("{age}")).at(days(age))));
        bed.seal(&keys);
        let head = bed.verify(&keys).head;
        assert_eq!(trim(365), 0);
        assert_eq!(bed.verify(&keys).head, head, "nothing to remove, nothing to say");
        assert_eq!(trim(10), 2);
        let report = bed.verify(&keys);
        assert_eq!((report.problems, report.trimmed, report.range), (vec![], 2, Some((3, 6))));
        assert_eq!(trim(10), 0);
        assert_eq!(trim(0), 3);
        let report = bed.verify(&keys);
        assert_eq!((report.problems, report.trimmed, report.range), (vec![], 5, Some((6, 7))));
        let noted = (2, "hmac-00000000:0".to_owned());
        let report = bed.verify_noted(&keys, Some(&noted));
        assert!(report.problems.is_empty() && report.noted_is_gone);
        bed.note(many(2));
        bed.seal(&keys);
        assert_eq!(bed.verify(&keys).problems, []);
        // All but what says so.
        bed.tamper("DELETE FROM audit_log WHERE action = 'audit.trim' AND seq = 6");
        assert_eq!(bed.verify(&keys).problems, [Problem::Missing { from: 6, to: 6 }]);
        bed.tamper("DELETE FROM audit_log WHERE action = 'audit.trim'");
        let problems = bed.verify(&keys).problems;
        assert_eq!(problems, [Problem::Missing { from: 6, to: 7 }, Problem::Unsaid { through: 5 }]);
    }
}

#[test]
fn whatever_fails_nothing_is_lost_and_nothing_doubled() {
    for bed in Bed::both() {
        let keys = signing();
        let mut trims = 0;
        for (round, (statement, table, seals, does_trim)) in [
            ("INSERT", "audit_log", false, false),
            ("DELETE", "audit_outbox", false, true),
            ("UPDATE", "audit_head", false, false),
            ("DELETE", "audit_log", true, false),
        ]
        .into_iter()
        .enumerate()
        {
            let what = format!("{statement} {table}");
            // To this clock everything is old, what earlier rounds removed included.
            let days = 10 * (i64::try_from(round).unwrap() + 1);
            let later = Timestamp::from_micros(Timestamp::now().as_micros() + days * 86_400_000_000);
            bed.note(many(3));
            bed.seal(&keys);
            bed.note(many(5));
            let before = bed.verify(&keys);
            assert_eq!((before.problems.len(), before.waiting), (0, 5), "{what}");
            break_on(&bed, statement, table);
            let trimmed = seal::trim(&mut bed.writer(), &keys, later, 1);
            assert_eq!(trimmed.is_ok(), does_trim, "{what}: {trimmed:?}");
            trims += i64::from(does_trim);
            if !does_trim {
                assert_eq!(bed.verify(&keys), before, "{what}");
            }
            let before = bed.verify(&keys);
            let sealed = seal::seal(&mut bed.writer(), &keys);
            assert_eq!(sealed.is_ok(), seals, "{what}: {sealed:?}");
            if !seals {
                assert_eq!(bed.verify(&keys), before, "{what}");
            }
            mend(&bed, table);
            bed.seal(&keys);
            let after = bed.verify(&keys);
            assert_eq!((after.problems, after.waiting), (vec![], 0), "{what}");
            let head = audit::head(&mut bed.store.reader().unwrap()).unwrap().unwrap();
            let noted = 8 * (i64::try_from(round).unwrap() + 1);
            assert_eq!(head.seq, noted + trims, "{what}: each record once");
        }
    }
}

/// As several servers over one database: each seals whenever it can.
#[test]
fn several_hands_make_one_chain() {
    let Some(url) = pagoda_test_support::database() else { return };
    let bed = Bed::open(url, None);
    let keys = signing();
    std::thread::scope(|scope| {
        for hand in 0..4 {
            let (store, keys, bed) = (Bed::store(&bed.url), &keys, &bed);
            scope.spawn(move || {
                for number in 0..30 {
                    bed.note([record(&format!("{hand}/{number}/0")), record(&format!("{hand}/{number}/1"))]);
                    let db = &mut store.writer().unwrap();
                    while seal::seal(db, keys).unwrap() {}
                    if number % 10 == 9 {
                        seal::trim(db, keys, Timestamp::now(), 365).unwrap();
                    }
                }
            });
        }
    });
    bed.seal(&keys);
    let report = bed.verify(&keys);
    assert_eq!((report.problems, report.rows, report.waiting), (vec![], 240, 0));
    let mut names = bed.names();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 240, "each once");
}
