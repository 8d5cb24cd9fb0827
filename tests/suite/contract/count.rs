//! Which cases of the contract have a test, counted.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

/// The listed cases about entities and entries.
const ENTRY: &[u16] = &[
    1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20, 22, 23, 25, 26, 28, 29, 31, 32, 34, 35, 37, 38, 40, 41,
    43, 44, 46, 47, 49, 50, 52, 53, 55, 56, 58, 59, 61, 62, 64, 65, 67, 68, 70, 71, 73, 74, 76, 77, 79, 80,
    82, 83, 85, 86, 88, 89, 91, 92, 94, 95, 97, 98, 100, 101, 103, 104, 106, 107, 109, 110, 112, 113, 115,
    116, 118, 119, 121, 122, 124, 125, 127, 128, 130, 131, 133, 134, 136, 137, 139, 140, 142, 143, 145, 146,
    148, 149, 151, 152, 154, 155, 157, 158, 160, 161, 163, 164, 166, 167, 169, 170, 172, 173, 175, 176, 178,
    179, 181, 182, 184, 185, 187, 188, 190, 191, 193, 194, 196, 197, 199, 200, 202,
];

/// The listed cases about everything else, without those about plugins, whose tests follow the plugin framework.
const PLATFORM: &[u16] = &[
    1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20, 22, 23, 25, 26, 28, 29, 31, 32, 34, 35, 37, 38, 40, 41,
    43, 44, 46, 47, 49, 50, 52, 53, 55, 56, 58, 59, 61, 62, 64, 65, 67, 68, 70, 71, 73, 74, 76, 77, 79, 80,
    82, 83, 85, 86, 88, 89, 91, 92, 94, 95, 97, 98, 100, 101, 103, 104, 106, 107, 109, 110, 112, 113, 115,
    116, 118, 119, 121, 122, 124, 125, 127, 128, 130, 131, 133, 134, 136, 137, 139, 140, 142, 143, 145, 146,
    148, 149, 151, 152, 154, 155, 157, 158, 160, 161, 163, 164, 166, 167, 169, 170, 172, 173, 175, 176, 178,
    179, 181, 182, 184, 185, 187, 188, 190, 191,
];

/// Cases whose object does not exist yet, and what they wait for.
const LATER: &[(&str, &str, &[u16])] = &[
    ("entry", "import and export of entities", &[83, 85, 86, 88, 89, 91, 92, 94, 95]),
    ("entry", "import and export of entries", &[176, 178, 179, 181, 182, 184]),
    ("entry", "export of search results", &[202]),
    ("platform", "LDAP and single sign-on", &[10, 11, 13, 14]),
    ("platform", "jobs that run by themselves, imports and exports", &[142, 143, 145, 146, 148, 149]),
    ("platform", "preview of imports", &[151, 152, 154, 155, 157]),
    ("platform", "triggers", &[158, 160, 161, 163, 164, 166, 167, 169, 170, 172, 173, 175, 176, 178, 179]),
    ("platform", "delivery of webhooks", &[181, 182, 187, 188]),
];

/// The numbers of the cases of this kind that a test is named after.
fn tested(kind: &str) -> BTreeSet<u16> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/contract");
    let mark = format!("{kind}_");
    let mut found = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines().filter_map(|line| line.strip_prefix("fn ")) {
            let name = line.split('(').next().unwrap_or_default();
            for (at, mark) in name.match_indices(&mark) {
                let words: Vec<&str> = name[at + mark.len()..].split('_').collect();
                found.extend(words.iter().map_while(|word| word.parse::<u16>().ok()));
                // `entry_022_to_035_…` is about all between.
                if let [first, "to", last, ..] = words.as_slice()
                    && let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>())
                {
                    found.extend(first..=last);
                }
            }
        }
    }
    found
}

fn waiting(kind: &str) -> BTreeSet<u16> {
    LATER.iter().filter(|(of, ..)| *of == kind).flat_map(|(.., cases)| cases.iter().copied()).collect()
}

#[test]
fn every_listed_case_has_a_test_or_waits_for_its_object() {
    let mut missing = Vec::new();
    for (kind, listed) in [("entry", ENTRY), ("platform", PLATFORM)] {
        let (tested, waiting) = (tested(kind), waiting(kind));
        let has = listed.iter().filter(|case| tested.contains(case)).count();
        let wait = listed.iter().filter(|case| waiting.contains(case) && !tested.contains(case)).count();
        // Past what the test runner keeps to itself, as the notes about skipped tests.
        let _ = writeln!(
            std::io::stderr(),
            "contract: {has} of {} listed {kind} cases have tests on both databases, {wait} wait for what they are about",
            listed.len()
        );
        let without = listed.iter().filter(|case| !tested.contains(case) && !waiting.contains(case));
        missing.extend(without.map(|case| format!("{kind} {case}")));
    }
    assert!(missing.is_empty(), "no test for the cases {missing:?}");
}
