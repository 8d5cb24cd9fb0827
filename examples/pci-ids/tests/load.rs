//! The loader against a server that behaves, and against servers that do not.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test, its helpers included, ends at the first surprise"
)]

mod fake;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fake::{Behaviour, Fake, TOKEN};
use pagoda_example_pci_ids::client::RetryPolicy;
use pagoda_example_pci_ids::report::{Lines, Silent};
use pagoda_example_pci_ids::{DEVICE_ENTITY, LoadError, Options, Summary, VENDOR_ENTITY, load};
use serde_json::{Value, json};

const VENDORS: u64 = 41;
const DEVICES: u64 = 235;
const SUBSYSTEMS: u64 = 106;

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/pci.ids.sample")
}

/// Options for the sample, with pauses that a test can afford.
fn options(fake: &Fake) -> Options {
    let retry = RetryPolicy {
        attempts: 12,
        first_pause: Duration::from_millis(2),
        longest_pause: Duration::from_millis(20),
    };
    let patience = Duration::from_millis(400);
    Options { retry, patience, expect: true, ..Options::new(sample(), fake.url(), TOKEN) }
}

fn run(fake: &Fake) -> Summary {
    load(&options(fake), &mut Silent).unwrap()
}

/// Everything is stored, once, and the counts say so.
fn assert_loaded(fake: &Fake, summary: &Summary, created: [u64; 3]) {
    assert!(summary.is_complete(), "{summary}");
    let tallies = [summary.vendors, summary.devices, summary.subsystems];
    assert_eq!(tallies.map(|tally| tally.created), created, "{summary}");
    assert_eq!(tallies.map(|tally| tally.file), [VENDORS, DEVICES, SUBSYSTEMS]);
    for (entity, count) in [(VENDOR_ENTITY, VENDORS), (DEVICE_ENTITY, DEVICES + SUBSYSTEMS)] {
        let names: Vec<String> = fake.entries(entity).into_iter().map(|e| e.name.to_lowercase()).collect();
        let distinct: HashSet<&String> = names.iter().collect();
        assert_eq!((names.len() as u64, distinct.len() as u64), (count, count), "{entity}");
    }
}

#[test]
fn everything_is_stored_with_its_attributes() {
    let fake = Fake::start(Behaviour::default());
    let summary = run(&fake);
    assert_loaded(&fake, &summary, [VENDORS, DEVICES, SUBSYSTEMS]);
    assert_eq!((summary.changed.len(), summary.refused.len(), summary.others), (0, 0, 0));
    assert_eq!(u64::from(fake.state().creations), VENDORS + DEVICES + SUBSYSTEMS);

    let vendors = fake.entries(VENDOR_ENTITY);
    let peak = vendors.iter().find(|entry| entry.name == "001c PEAK-System Technik GmbH").unwrap();
    assert_eq!(
        (&peak.values["id"], &peak.values["label"]),
        (&json!("001c"), &json!("PEAK-System Technik GmbH"))
    );
    let devices = fake.entries(DEVICE_ENTITY);
    let device = devices.iter().find(|e| e.name == "001c:0001 PCAN-PCI CAN-Bus controller").unwrap();
    let board = devices.iter().find(|e| e.name.starts_with("001c:0001/001c:0004 2 Channel")).unwrap();
    let values = |names: [&str; 5], entry: &fake::Entry| names.map(|name| entry.values[name].clone());
    let names = ["vendor", "device_id", "subsystem_id", "label", "kind"];
    let label = json!("PCAN-PCI CAN-Bus controller");
    assert_eq!(values(names, device), [json!(peak.id), json!("0001"), json!(""), label, json!("device")]);
    assert!(!device.values.contains_key("parent"));
    let label = json!("2 Channel CAN Bus SJC1000");
    let expected = [json!(peak.id), json!("0001"), json!("001c:0004"), label, json!("subsystem")];
    assert_eq!(values(names, board), expected);
    assert_eq!(board.values["parent"], json!(device.id));

    let state = fake.state();
    let mandatory: Vec<&str> = state
        .entities
        .iter()
        .flat_map(|e| &e.attrs)
        .filter(|a| a.mandatory)
        .map(|a| a.name.as_str())
        .collect();
    assert_eq!(mandatory, ["id", "vendor"]);
    let parent = state.entities[1].attrs.iter().find(|attr| attr.name == "parent").unwrap();
    assert_eq!(parent.referral, [state.entities[1].id]);
}

#[test]
fn a_second_run_has_nothing_to_do() {
    let fake = Fake::start(Behaviour::default());
    run(&fake);
    let creations = fake.state().creations;
    let summary = run(&fake);
    assert_loaded(&fake, &summary, [0, 0, 0]);
    assert_eq!(fake.state().creations, creations);
}

#[test]
fn ids_that_are_not_told_are_looked_up() {
    let fake = Fake::start(Behaviour { tells_ids: false, ..Behaviour::default() });
    assert_loaded(&fake, &run(&fake), [VENDORS, DEVICES, SUBSYSTEMS]);
}

#[test]
fn a_server_may_take_its_time() {
    let fake = Fake::start(Behaviour { tells_ids: false, lag: 12, ..Behaviour::default() });
    assert_loaded(&fake, &run(&fake), [VENDORS, DEVICES, SUBSYSTEMS]);
}

#[test]
fn names_may_be_changed_and_are_recognised_again() {
    let policy: fn(&str) -> String =
        |name| format!("DC01 {}", name.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase());
    for tells_ids in [true, false] {
        let fake = Fake::start(Behaviour { rename: policy, tells_ids, ..Behaviour::default() });
        let summary = run(&fake);
        assert_loaded(&fake, &summary, [VENDORS, DEVICES, SUBSYSTEMS]);
        assert_eq!(summary.changed.len() as u64, VENDORS + DEVICES + SUBSYSTEMS);
        assert_eq!(summary.changed[0].sent, "0001 SafeNet (wrong ID)");
        assert_eq!(summary.changed[0].stored, "DC01 0001 SAFENET (WRONG ID)");
        let again = run(&fake);
        assert_loaded(&fake, &again, [0, 0, 0]);
        assert_eq!(again.changed, []);
    }
}

#[test]
fn refusals_are_counted_with_all_that_is_below() {
    fn rule(name: &str) -> Option<(u16, Value)> {
        let refusal = |message, code| json!({"name": [{"message": message, "code": code}]});
        if name.starts_with("001c ") {
            Some((400, refusal("PEAK is not wanted", "AE-250000")))
        } else if name.contains("10de:") && !name.contains('/') {
            Some((400, refusal("no graphics", "AE-121000")))
        } else {
            None
        }
    }
    let fake = Fake::start(Behaviour { refuse: rule, ..Behaviour::default() });
    for _ in 0..2 {
        let summary = run(&fake);
        assert!(summary.is_complete(), "{summary}");
        assert_eq!((summary.failed.len(), summary.vendors.refused), (0, 1));
        let counts = summary.refused_by_code();
        assert_eq!(counts["AE-250000"], 1);
        assert_eq!(counts["AE-121000"], 10);
        assert!(counts["above-refused"] >= 3, "{counts:?}");
        let total = summary.total();
        assert_eq!(total.stored() + total.refused, VENDORS + DEVICES + SUBSYSTEMS);
        let first = &summary.refused[0];
        assert_eq!(
            (first.name.as_str(), first.message.as_str()),
            ("001c PEAK-System Technik GmbH", "name: PEAK is not wanted")
        );
        assert_eq!(summary.checks.iter().map(|check| check.refused).sum::<u64>(), total.refused);
    }
}

#[test]
fn busy_servers_are_asked_again() {
    let fake = Fake::start(Behaviour { busy_every: Some(5), ..Behaviour::default() });
    assert_loaded(&fake, &run(&fake), [VENDORS, DEVICES, SUBSYSTEMS]);
    assert!(fake.state().busy > 50);
}

#[test]
fn retry_after_is_honoured() {
    let fake = Fake::start(Behaviour { busy_every: Some(20), retry_after: 1, ..Behaviour::default() });
    let begun = Instant::now();
    let summary = load(&Options { limit: Some(6), expect: true, ..options(&fake) }, &mut Silent).unwrap();
    assert!(summary.is_complete(), "{summary}");
    assert!(fake.state().busy >= 1);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn lost_answers_create_nothing_twice() {
    // Names are changed too, so that a repeated creation would not be refused as a duplicate by its sent name.
    let rename = |name: &str| format!("X-{}", name.to_lowercase());
    for tells_ids in [true, false] {
        let fake = Fake::start(Behaviour {
            silent_every: Some(7),
            deaf_every: Some(5),
            busy_every: Some(11),
            tells_ids,
            rename,
            ..Behaviour::default()
        });
        assert_loaded(&fake, &run(&fake), [VENDORS, DEVICES, SUBSYSTEMS]);
    }
}

#[test]
fn an_interrupted_run_is_completed_by_the_next() {
    for dies_after in [0, 20, 41, 150, 300] {
        let fake = Fake::start(Behaviour { dies_after: Some(dies_after), ..Behaviour::default() });
        let stored = match load(&options(&fake), &mut Silent) {
            Ok(first) => {
                assert!(!first.is_complete() && first.stopped.is_some(), "{first}");
                let total = first.total();
                assert_eq!(
                    total.created + total.failed + total.untried + total.refused,
                    total.file,
                    "{first}"
                );
                total.created
            }
            Err(error) => {
                assert!(dies_after == 0 && matches!(error, LoadError::Setup(_)), "{error}");
                0
            }
        };
        let there = (fake.entries(VENDOR_ENTITY).len() + fake.entries(DEVICE_ENTITY).len()) as u64;
        // Of the last requests under way some were stored without an answer.
        assert!(there >= stored && there <= stored + 4, "{there} {stored}");
        fake.set(|behaviour| behaviour.dies_after = None);
        let second = run(&fake);
        assert!(second.total().present == there, "{second}");
        let created = [second.vendors.created, second.devices.created, second.subsystems.created];
        assert_loaded(&fake, &second, created);
    }
}

#[test]
fn what_was_accepted_and_is_not_there_has_failed() {
    let fake = Fake::start(Behaviour { forgets: Some("/1028:"), ..Behaviour::default() });
    let summary = run(&fake);
    assert!(!summary.is_complete());
    assert!(summary.subsystems.failed > 0, "{summary}");
    assert!(summary.failed.iter().all(|failed| failed.name.contains("/1028:")), "{summary}");
    assert!(summary.checks.iter().any(|check| !check.holds()));
    fake.set(|behaviour| behaviour.forgets = None);
    assert_loaded(&fake, &run(&fake), [0, 0, summary.subsystems.failed]);
}

#[test]
fn a_limit_takes_the_first_vendors() {
    let fake = Fake::start(Behaviour::default());
    let summary = load(&Options { limit: Some(5), ..options(&fake) }, &mut Silent).unwrap();
    assert!(summary.is_complete(), "{summary}");
    assert_eq!((summary.vendors.file, summary.vendors.created), (5, 5));
    assert_eq!(fake.entries(VENDOR_ENTITY).len(), 5);
    assert_eq!(
        fake.entries(DEVICE_ENTITY).len() as u64,
        summary.devices.created + summary.subsystems.created
    );
}

#[test]
fn strays_and_repetitions_are_told() {
    let fake = Fake::start(Behaviour::default());
    run(&fake);
    fake.plant(VENDOR_ENTITY, "8086 INTEL CORPORATION");
    fake.plant(DEVICE_ENTITY, "a spare part");
    let summary = run(&fake);
    assert_eq!((summary.others, summary.repeated.len()), (1, 1), "{summary}");
    assert!(!summary.is_complete(), "the counts are not those of the file");
    let summary = load(&Options { expect: false, ..options(&fake) }, &mut Silent).unwrap();
    assert!(summary.is_complete(), "{summary}");
}

#[test]
fn unusable_lines_make_a_run_incomplete() {
    let fake = Fake::start(Behaviour::default());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pci.ids");
    std::fs::write(&file, "0001  A\n\t0001  B\n002  C\n").unwrap();
    let mut lines = Lines::new(Vec::new());
    let summary = load(&Options { file, ..options(&fake) }, &mut lines).unwrap();
    assert_eq!((summary.total().created, summary.problems.len()), (2, 1));
    assert!(!summary.is_complete());
    assert!(summary.to_string().contains("line 3: an id of four"), "{summary}");
    let told = String::from_utf8(lines.into_inner()).unwrap();
    assert!(told.contains("vendors: 1 to do\nvendors: 1 of 1 after"), "{told}");
}

#[test]
fn an_empty_file_is_complete() {
    let fake = Fake::start(Behaviour::default());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pci.ids");
    std::fs::write(&file, "").unwrap();
    let summary = load(&Options { file, ..options(&fake) }, &mut Silent).unwrap();
    assert!(summary.is_complete() && summary.total().file == 0, "{summary}");
}

#[test]
fn what_cannot_begin_says_why() {
    let fake = Fake::start(Behaviour::default());
    let text = |options: &Options| {
        let mut text = String::new();
        let error = load(options, &mut Silent).unwrap_err();
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = cause {
            text += &format!("{error}\n");
            cause = error.source();
        }
        text
    };
    let wrong = text(&Options { token: "wrong".into(), ..options(&fake) });
    assert!(wrong.contains("pci-vendor") && wrong.contains("403: Invalid token. (AE-000000)"), "{wrong}");
    let file = text(&Options { file: "/nonexistent/pci.ids".into(), ..options(&fake) });
    assert!(file.contains("/nonexistent/pci.ids"), "{file}");
    let url = text(&Options { url: "https://x".into(), ..options(&fake) });
    assert!(url.contains("without TLS"), "{url}");
    let port = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port() };
    let nobody = text(&Options { url: format!("http://127.0.0.1:{port}"), ..options(&fake) });
    assert!(nobody.contains("no answer after 12 attempts"), "{nobody}");

    run(&fake);
    fake.state().entities[0].attrs.retain(|attr| attr.name != "label");
    fake.state().entities[1].attrs.iter_mut().for_each(|attr| attr.referral.clear());
    let mismatch = text(&options(&fake));
    assert!(mismatch.contains("pci-device exists, but its attribute vendor does not refer to"), "{mismatch}");
    assert!(fake.state().entities[0].attrs.iter().any(|attr| attr.name == "label"), "it was added");
}

#[test]
fn the_program_prints_a_summary_and_its_code_tells_the_rest() {
    let fake = Fake::start(Behaviour { rename: str::to_uppercase, ..Behaviour::default() });
    let program = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pci-ids"));
        command.args(["--url", &fake.url(), "--jobs", "2"]).arg("--file").arg(sample()).args(arguments);
        let output = command.env("PAGODA_TOKEN", TOKEN).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, progress) = program(&["--expect"]);
    assert_eq!(code, Some(0), "{out}{progress}");
    for part in [
        "devices         235      235              0        0       0        0\n",
        "changed by the server: 378\n  \"0001 SafeNet (wrong ID)\" -> \"0001 SAFENET (WRONG ID)\"\n",
        "  … and 358 more\n",
        "pci-device: 341 listed + 0 refused, 341 in the file: as expected\n",
        "complete: everything in the file is stored or refused by a rule\n",
    ] {
        assert!(out.contains(part), "{part} in {out}");
    }
    assert!(progress.contains("subsystems: 106 of 106 after "), "{progress}");

    fake.plant(VENDOR_ENTITY, "something else");
    let (code, out, _) = program(&["--expect"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("pci-vendor: 42 listed + 0 refused, 41 in the file: NOT as expected\n"), "{out}");
    assert_eq!(program(&[]).0, Some(0));
    let (code, out, error) = program(&["--token", "wrong"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    let expected =
        "pci-ids: setting up entity pci-vendor: GET /entity/api/v2/: 403: Invalid token. (AE-000000)\n";
    assert!(error.ends_with(expected), "{error}");
}
