//! The thread and its queue.

use super::{Bed, break_on, mend, record, signing};
use crate::services::audit::chain::Keys;
use crate::services::audit::{AuditSettings, Auditor};
use std::time::{Duration, Instant};

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "not within the deadline: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_auditor_writes_rests_and_stops_in_order() {
    for bed in Bed::both() {
        let keys = signing();
        let settings = AuditSettings { keys: keys.clone(), ..AuditSettings::default() };
        let auditor = Auditor::new(bed.store.clone(), settings);
        // Left behind by an earlier process, and recorded before the thread is there.
        bed.note([record("left behind")]);
        auditor.record(record("early"));
        auditor.start().unwrap();
        auditor.start().unwrap();
        eventually("both are sealed", || bed.verify(&keys).rows == 2);
        auditor.record(record("later"));
        eventually("the third is sealed", || bed.verify(&keys).rows == 3);
        for number in 0..1_500 {
            auditor.record(record(&format!("{number}")));
        }
        auditor.stop();
        let report = bed.verify(&keys);
        assert_eq!((report.problems, report.rows, report.waiting), (vec![], 1_503, 0));
        assert_eq!(auditor.lost(), 0);
        auditor.record(record("too late"));
        assert_eq!(auditor.lost(), 1);
    }
}

#[test]
fn a_full_queue_loses_counts_and_does_not_wait() {
    let bed = Bed::sqlite();
    let auditor = Auditor::new(bed.store.clone(), AuditSettings::default());
    // Nobody else gets the one writer.
    let mut held = bed.writer();
    held.begin().unwrap();
    auditor.start().unwrap();
    let started = Instant::now();
    for number in 0..10_600 {
        auditor.record(record(&format!("{number}")));
    }
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    let lost = auditor.lost();
    assert!((100..=600).contains(&lost), "{lost}");
    held.rollback().unwrap();
    drop(held);
    auditor.stop();
    let report = bed.verify(&Keys::default());
    assert_eq!((report.problems, report.rows), (vec![], 10_600 - lost));
}

#[test]
fn a_database_that_fails_is_tried_again() {
    for bed in Bed::both() {
        let auditor = Auditor::new(bed.store.clone(), AuditSettings::default());
        break_on(&bed, "INSERT", "audit_outbox");
        auditor.start().unwrap();
        auditor.record(record("kept"));
        // Time for attempts that fail; without them the test would hold as well.
        std::thread::sleep(Duration::from_millis(50));
        mend(&bed, "audit_outbox");
        eventually("the record is sealed", || bed.names() == ["kept"]);
        assert_eq!(auditor.lost(), 0);
    }
}

#[test]
fn nothing_is_recorded_when_it_is_switched_off() {
    let bed = Bed::sqlite();
    let settings = AuditSettings { enabled: false, ..AuditSettings::default() };
    let auditor = Auditor::new(bed.store.clone(), settings);
    auditor.start().unwrap();
    auditor.record(record("x"));
    auditor.settle().unwrap();
    auditor.stop();
    let report = bed.verify(&Keys::default());
    assert_eq!((report.rows, report.waiting, auditor.lost()), (0, 0, 0));
}
