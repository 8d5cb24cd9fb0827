//! Each way to change a stored log, and what is said of it.

use super::{Bed, KEY, many, record, signing};
use crate::services::audit::chain::{Keys, Tail};
use crate::services::audit::seal;
use crate::services::audit::verify::Problem;
use crate::store::queries::audit::{self, AuditFilter};

/// Ten rows, one thing done to them, and what is found.
fn found(bed: &Bed, keys: &Keys, sql: &str) -> Vec<Problem> {
    bed.tamper("DELETE FROM audit_log; UPDATE audit_head SET seq = 0, hash = 'genesis'");
    bed.note(many(10));
    bed.seal(keys);
    assert_eq!(bed.verify(keys).problems, []);
    bed.tamper(sql);
    bed.verify(keys).problems
}

#[test]
fn every_way_to_tamper_is_found_and_told() {
    for bed in Bed::both() {
        for keys in [Keys::default(), signing()] {
            let found = |sql: &str| found(&bed, &keys, sql);
            for change in [
                "at = at + 1",
                "actor_id = 1",
                "actor = 'x'",
                "action = 'entry.delete'",
                "object_kind = NULL",
                "object_id = 8",
                "object_name = object_name || 'x'",
                "plugin = NULL",
                "trace_id = ''",
                "origin = 'http'",
                "detail = '{}'",
            ] {
                let problems = found(&format!("UPDATE audit_log SET {change} WHERE seq = 5"));
                assert_eq!(problems, [Problem::Changed { seq: 5 }], "{change}");
            }
            let other = "(SELECT hash FROM audit_log WHERE seq = 2)";
            assert_eq!(
                found(&format!("UPDATE audit_log SET prev_hash = {other} WHERE seq = 5")),
                [Problem::Unlinked { seq: 5 }, Problem::Changed { seq: 5 }]
            );
            assert_eq!(
                found(&format!("UPDATE audit_log SET hash = {other} WHERE seq = 5")),
                [Problem::Changed { seq: 5 }, Problem::Unlinked { seq: 6 }]
            );
            let gone = found("DELETE FROM audit_log WHERE seq = 5");
            assert_eq!(gone, [Problem::Missing { from: 5, to: 5 }]);
            let gone = found("DELETE FROM audit_log WHERE seq IN (1, 2)");
            assert_eq!(gone, [Problem::Missing { from: 1, to: 2 }]);
            let gone = found("DELETE FROM audit_log WHERE seq > 7");
            assert_eq!(gone, [Problem::Truncated { from: 8, to: 10 }]);
            assert_eq!(found("DELETE FROM audit_log"), [Problem::Truncated { from: 1, to: 10 }]);
            let swapped = found(
                "UPDATE audit_log SET seq = 99 WHERE seq = 5; UPDATE audit_log SET seq = 5 WHERE seq = 6; \
                 UPDATE audit_log SET seq = 6 WHERE seq = 99",
            );
            assert!(
                swapped.starts_with(&[Problem::Unlinked { seq: 5 }, Problem::Changed { seq: 5 }]),
                "{swapped:?}"
            );
            assert_eq!(found("UPDATE audit_head SET hash = 'x'"), [Problem::HeadDiffers { seq: 10 }]);
            let ahead = found("UPDATE audit_head SET seq = 9");
            assert_eq!(ahead, [Problem::BehindHead { last: 10, head: 9 }]);
            assert_eq!(
                found("UPDATE audit_head SET seq = 12")[..],
                [Problem::Truncated { from: 11, to: 12 }]
            );
            // A beginning cut off as if it had been trimmed: nothing in the log says so.
            let cut = found(
                "UPDATE audit_head SET trimmed_seq = 3, trimmed_hash = (SELECT hash FROM audit_log WHERE seq = 3); \
                 DELETE FROM audit_log WHERE seq <= 3",
            );
            assert_eq!(cut, [Problem::Unsaid { through: 3 }]);
            bed.tamper("UPDATE audit_head SET trimmed_seq = 0, trimmed_hash = 'genesis'");
            assert_eq!(
                found("UPDATE audit_head SET trimmed_seq = 2"),
                [
                    Problem::Removed { seq: 1 },
                    Problem::Removed { seq: 2 },
                    Problem::Unlinked { seq: 3 },
                    Problem::Unsaid { through: 2 }
                ]
            );
            bed.tamper("UPDATE audit_head SET trimmed_seq = 0");
            assert_eq!(found("DELETE FROM audit_head"), [Problem::HeadMissing]);
            // Nothing is written to a log without a head, and nothing is lost.
            bed.note(many(1));
            assert!(seal::seal(&mut bed.writer(), &keys).unwrap_err().to_string().contains("head row"));
            assert_eq!(bed.verify(&keys).waiting, 1);
            bed.tamper(
                "DELETE FROM audit_outbox; INSERT INTO audit_head (only_row, seq, hash, trimmed_seq, trimmed_hash) \
                 VALUES (1, 0, 'genesis', 0, 'genesis')",
            );
        }
    }
}

/// Who computes the chain anew is found by the key, or by a head that was noted elsewhere.
#[test]
fn a_chain_made_anew_is_found() {
    let (bed, plain, signing) = (Bed::sqlite(), Keys::default(), signing());
    let anew = "UPDATE audit_outbox SET actor = 'somebody else'; DELETE FROM audit_log; \
                UPDATE audit_head SET seq = 0, hash = 'genesis'";
    bed.note(many(3));
    bed.seal(&signing);
    let head = bed.verify(&signing).head;
    let (seq, hash) = head.split_once(':').unwrap();
    let noted = (seq.parse().unwrap(), hash.to_owned());
    assert_eq!(bed.verify_noted(&signing, Some(&noted)).problems, []);
    bed.note(many(3));
    bed.tamper(anew);
    bed.seal(&plain);
    assert_eq!(bed.verify(&plain).problems, []);
    assert_eq!(bed.verify(&signing).problems, [Problem::NothingSigned]);
    assert_eq!(bed.verify_noted(&plain, Some(&noted)).problems, [Problem::NotAsNoted { seq: 3 }]);
    // The end cut off together with the head.
    bed.tamper("DELETE FROM audit_log WHERE seq = 3; UPDATE audit_head SET seq = 2, hash = (SELECT hash FROM audit_log WHERE seq = 2)");
    assert_eq!(bed.verify_noted(&plain, Some(&noted)).problems, [Problem::NotAsNoted { seq: 3 }]);
}

#[test]
fn a_key_vouches_for_what_came_before_it() {
    let (bed, plain, first) = (Bed::sqlite(), Keys::default(), signing());
    let second = Keys::new(["the key of the next year", KEY]).unwrap();
    for keys in [&plain, &first, &second] {
        bed.note(many(2));
        bed.seal(keys);
    }
    let report = bed.verify(&second);
    assert_eq!((report.problems, report.rows, report.signed), (vec![], 8, 6));
    let db = &mut bed.store.reader().unwrap();
    let switches = AuditFilter { action: Some("audit.key".to_owned()), ..AuditFilter::default() };
    let seqs: Vec<i64> = audit::after(db, &switches, 0, 9).unwrap().iter().map(|row| row.seq).collect();
    assert_eq!(seqs, [3, 6]);
    // The switch is written as soon as there is one, not only with the next record.
    bed.seal(&first);
    assert_eq!(bed.verify(&second).rows, 9);
    // Without a key nobody goes on with it, and who does so by hand is found.
    bed.note(many(1));
    let refused = seal::seal(&mut bed.writer(), &plain).unwrap_err().to_string();
    assert!(refused.contains("audit_key"), "{refused}");
    assert!(seal::check(&mut bed.writer(), &plain).is_err());
    assert!(
        !seal::check(&mut bed.writer(), &second).unwrap() && seal::check(&mut bed.writer(), &first).unwrap()
    );
    let mut writer = bed.writer();
    let db = &mut writer;
    db.begin().unwrap();
    let mut tail = Tail::new(&plain, audit::head(db).unwrap().unwrap());
    tail.push(record("forged").to_row());
    audit::append(db, &tail.rows).unwrap();
    audit::set_head(db, &tail.head).unwrap();
    db.commit().unwrap();
    drop(writer);
    assert_eq!(bed.verify(&second).problems, [Problem::Unsigned { seq: 10 }]);
    // A row of before the key, computed anew, does not lead to the row with the key.
    bed.tamper("UPDATE audit_log SET actor = 'x', hash = 'sha256:0' WHERE seq = 2");
    let problems = bed.verify(&second).problems;
    assert_eq!(problems[..2], [Problem::Changed { seq: 2 }, Problem::Unlinked { seq: 3 }]);
}
