//! What the parser accepts, and what it says about the rest.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const SAMPLE: &[u8] = include_bytes!("../../data/pci.ids.sample");

/// All that was found, as text: one record or problem a line.
fn check(input: &str, expected: &[&str]) {
    let found = parse(input.as_bytes());
    let mut seen: Vec<String> = found.records().map(|r| format!("{}: {}", r.line, r.entry_name())).collect();
    seen.extend(found.problems.iter().map(ToString::to_string));
    assert_eq!(seen, expected, "input {input:?}");
}

#[test]
fn the_three_levels() {
    check(
        "# head\n\n001c  PEAK-System Technik GmbH\n\t0001  PCAN-PCI\n\t\t001c 0004  2 Channel\n\t0002  Other\n0070  X\n",
        &[
            "3: 001c PEAK-System Technik GmbH",
            "7: 0070 X",
            "4: 001c:0001 PCAN-PCI",
            "6: 001c:0002 Other",
            "5: 001c:0001/001c:0004 2 Channel",
        ],
    );
}

#[test]
fn an_empty_file_has_nothing() {
    check("", &[]);
    assert_eq!(parse(b"\n"), Database { ignored: 1, ..Database::default() });
}

#[test]
fn line_ends_and_blanks_at_the_end_do_not_matter() {
    check(
        "8086  Intel\r\n\t0001  A \r\n\r\n\t0002  B",
        &["1: 8086 Intel", "2: 8086:0001 A", "4: 8086:0002 B"],
    );
    check("\u{feff}# comment\n8086  Intel\n", &["2: 8086 Intel"]);
}

#[test]
fn the_class_section_is_ignored_and_ends() {
    check(
        "8086  Intel\nC 00  Unclassified\n\t00  Non-VGA\n\t\t00  x\nC zz\n\tanything at all\n8087  Other\n\t0001  A\n",
        &["1: 8086 Intel", "7: 8087 Other", "8: 8087:0001 A"],
    );
}

#[test]
fn names_may_hold_anything_but_control_characters() {
    check(
        "1787  HD 7970 IceQ X²\n\t2020  \"a\" <b> & 'c'; #d\n\t2021  x\ty\n\t2022  z\u{7}\n\t2023  a\rb\n",
        &[
            "1: 1787 HD 7970 IceQ X²",
            "2: 1787:2020 \"a\" <b> & 'c'; #d",
            "line 3: control character '\\t' in the name",
            "line 4: control character '\\u{7}' in the name",
            "line 5: control character '\\r' in the name",
        ],
    );
}

#[test]
fn malformed_lines_are_named_with_their_reason() {
    let id =
        |found: &str| format!("an id of four lower-case hexadecimal digits was expected, found {found:?}");
    for (line, reason) in [
        ("80  Intel", id("80  Intel")),
        ("808g  Intel", id("808g  Intel")),
        ("ABCD  Upper case", id("ABCD  Upper ")),
        ("+123  Signed", id("+123  Signed")),
        ("  8086  Blanks first", id("  8086  Blan")),
        ("äöüß  Letters", id("äöüß  Letter")),
        ("S 00  Another section", id("S 00  Anothe")),
        ("80861  Five digits", "exactly two blanks were expected between id and name".into()),
        ("8086 Intel", "exactly two blanks were expected between id and name".into()),
        ("8086   Intel", "exactly two blanks were expected between id and name".into()),
        ("8086\tIntel", "control character '\\t' in the name".into()),
        ("8086", "the name is missing".into()),
        ("8086    ", "the name is missing".into()),
        ("\t\t\tdeep", "more than two tabs at the beginning".into()),
        ("\t0001  A", "there is no vendor above it".into()),
        ("\t\t0001 0001  A", "there is no vendor above it".into()),
    ] {
        check(&format!("{line}\n"), &[&format!("line 1: {reason}")]);
    }
}

#[test]
fn subsystems_need_a_device_and_two_ids() {
    check(
        "8086  Intel\n\t\t0001 0001  A\n\t0001  D\n\t\t0001  A\n\t\t00010001  A\n\t\t0001 0002 A\n\t\t0001 0003  A\n",
        &[
            "1: 8086 Intel",
            "3: 8086:0001 D",
            "7: 8086:0001/0001:0003 A",
            "line 2: there is no device above it",
            "line 4: an id of four lower-case hexadecimal digits was expected, found \" A\"",
            "line 5: exactly two blanks were expected between id and name",
            "line 6: exactly two blanks were expected between id and name",
        ],
    );
}

#[test]
fn lines_below_a_problem_are_problems() {
    check(
        "8086  Intel\n808x  Broken\n\t0001  A\n\t\t0001 0002  B\n8087  Good\n\t000  C\n\t\t0001 0002  D\n\t0003  E\n",
        &[
            "1: 8086 Intel",
            "5: 8087 Good",
            "8: 8087:0003 E",
            "line 2: an id of four lower-case hexadecimal digits was expected, found \"808x  Broken\"",
            "line 3: it belongs to line 2, which could not be used",
            "line 4: it belongs to line 2, which could not be used",
            "line 6: an id of four lower-case hexadecimal digits was expected, found \"000  C\"",
            "line 7: it belongs to line 6, which could not be used",
        ],
    );
}

#[test]
fn repeated_ids_are_reported_and_what_follows_is_kept() {
    check(
        "8086  Intel\n\t0001  A\n8086  Again\n\t0002  B\n\t0001  C\n\t\t0001 0001  D\n\t\t0001 0001  E\n",
        &[
            "1: 8086 Intel",
            "2: 8086:0001 A",
            "4: 8086:0002 B",
            "6: 8086:0001/0001:0001 D",
            "line 3: 8086 was given in line 1 already",
            "line 5: 8086:0001 was given in line 2 already",
            "line 7: 8086:0001/0001:0001 was given in line 6 already",
        ],
    );
}

#[test]
fn the_length_of_names_is_that_of_the_entry_and_in_characters() {
    let fits = "ß".repeat(NAME_LIMIT - "8086 ".len());
    check(&format!("8086  {fits}\n"), &[&format!("1: 8086 {fits}")]);
    check(
        &format!("8086  {fits}x\n\t0001  {fits}\n"),
        &[
            "line 1: the entry's name would have 201 characters, the limit is 200",
            "line 2: it belongs to line 1, which could not be used",
        ],
    );
}

#[test]
fn bytes_that_are_not_text_are_reported() {
    let found = parse(b"8086  Intel\n\t0001  \xff\n# \xff is fine in a comment\n");
    assert_eq!(found.problems, [Problem { line: 2, reason: Reason::NotUtf8 }]);
    assert_eq!((found.vendors.len(), found.ignored), (1, 1));
}

#[test]
fn the_sample_is_clean() {
    let found = parse(SAMPLE);
    assert_eq!(found.problems, []);
    let counts = (found.vendors.len(), found.devices.len(), found.subsystems.len());
    assert_eq!(counts, SAMPLE_COUNTS);
    let names: HashSet<String> = found.records().map(Record::entry_name).collect();
    assert_eq!(names.len(), counts.0 + counts.1 + counts.2, "names are unique");
    let longest = names.iter().map(|name| name.chars().count()).max();
    assert!(longest > Some(170), "{longest:?}");
    assert!(names.iter().any(|name| !name.is_ascii()));
}

const SAMPLE_COUNTS: (usize, usize, usize) = (41, 235, 106);

#[test]
fn a_limit_takes_the_first_vendors_and_what_is_below_them() {
    let whole = parse(b"0001  A\n\t0001  B\n\t\t0001 0001  C\n0002  D\n\t0001  E\nbad\n");
    let one = whole.limited(1);
    assert_eq!((one.vendors.len(), one.devices.len(), one.subsystems.len()), (1, 1, 1));
    assert_eq!(one.problems, whole.problems);
    assert_eq!(whole.limited(9), whole);
    assert_eq!(whole.limited(0).records().count(), 0);
}

/// A label that the format can carry.
fn any_label() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[^\\s\\pC]([^\\pC\\t\\n\\r]{0,60}[^\\s\\pC])?").expect("a good pattern")
}

/// Writes a tree of records the way the file has them.
fn any_file() -> impl Strategy<Value = (String, Vec<(Key, String)>)> {
    use proptest::collection::btree_map as map;
    let subsystems = map(any::<(u16, u16)>(), any_label(), 0..3);
    let devices = map(any::<u16>(), (any_label(), subsystems), 0..4);
    map(any::<u16>(), (any_label(), devices), 0..5).prop_map(|vendors| {
        let (mut text, mut records) = (String::from("# head\n"), Vec::new());
        for (vendor, (label, devices)) in vendors {
            text += &format!("{vendor:04x}  {label}\n");
            records.push((Key::Vendor { vendor }, label));
            for (device, (label, subsystems)) in devices {
                text += &format!("\t{device:04x}  {label}\n# remark\n");
                records.push((Key::Device { vendor, device }, label));
                for ((subvendor, subdevice), label) in subsystems {
                    text += &format!("\t\t{subvendor:04x} {subdevice:04x}  {label}\n");
                    records.push((Key::Subsystem { vendor, device, subvendor, subdevice }, label));
                }
            }
        }
        (text, records)
    })
}

/// Every line is a record, a problem or ignored, and never two of them.
fn accounts_for_every_line(bytes: &[u8]) {
    let found = parse(bytes);
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').count();
    assert_eq!(found.records().count() + found.problems.len() + found.ignored, lines);
    let mut numbers: Vec<usize> = found.records().map(|record| record.line).collect();
    numbers.extend(found.problems.iter().map(|problem| problem.line));
    let distinct: HashSet<usize> = numbers.iter().copied().collect();
    assert_eq!(distinct.len(), numbers.len());
    let keys: HashSet<Key> = found.records().map(|record| record.key).collect();
    assert_eq!(keys.len(), found.records().count(), "keys are unique");
    for record in found.records() {
        assert!(record.entry_name().chars().count() <= NAME_LIMIT);
        assert!(record.key.parent().is_none_or(|parent| keys.contains(&parent)), "{record:?}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read((text, records) in any_file(), crlf: bool) {
        let text = if crlf { text.replace('\n', "\r\n") } else { text };
        let found = parse(text.as_bytes());
        prop_assert_eq!(&found.problems, &vec![]);
        let mut read: Vec<(usize, Key, String)> =
            found.records().map(|record| (record.line, record.key, record.label.clone())).collect();
        read.sort();
        let read: Vec<(Key, String)> = read.into_iter().map(|(_, key, label)| (key, label)).collect();
        prop_assert_eq!(read, records);
    }

    #[test]
    fn any_bytes_are_accounted_for(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        accounts_for_every_line(&bytes);
    }

    #[test]
    fn anything_like_the_format_is_accounted_for(
        lines in proptest::collection::vec("\t{0,3}([0-9a-fA-FC ]{0,5}[ \t]{0,3}){0,2}.{0,12}\r?", 0..20)
    ) {
        accounts_for_every_line(lines.join("\n").as_bytes());
    }

    #[test]
    fn a_damaged_sample_is_accounted_for(
        at in 0..SAMPLE.len(), length in 0usize..40, with in proptest::collection::vec(any::<u8>(), 0..8)
    ) {
        let mut bytes = SAMPLE.to_vec();
        bytes.splice(at..(at + length).min(SAMPLE.len()), with);
        accounts_for_every_line(&bytes);
    }
}
