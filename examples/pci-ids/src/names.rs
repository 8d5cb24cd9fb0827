//! Recognises entries by the ids in their names, however a policy of the server has changed the rest.
//!
//! A naming policy may trim, collapse blanks, change the letter case and put something in front. The ids survive
//! all of that; what stands before them may look like ids itself (`DC01 8086 Intel`), so the label is looked at too.

use std::collections::HashMap;

use crate::client::{EntryId, EntryRow};
use crate::parse::{Key, Record};

/// Which of the two entities a name is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Vendors: `8086 …`.
    Vendor,
    /// Devices and subsystems: `8086:100e …`, `8086:100e/8086:001e …`.
    Device,
}

impl Kind {
    /// Where a record is kept.
    #[must_use]
    pub fn of(key: Key) -> Self {
        match key {
            Key::Vendor { .. } => Self::Vendor,
            Key::Device { .. } | Key::Subsystem { .. } => Self::Device,
        }
    }
}

/// How sure a name is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Certainty {
    /// The ids are there as a word of their own.
    Ids,
    /// The label follows as well.
    IdsAndLabel,
}

/// All records of a file, to find the one that a name is about.
pub struct Index {
    labels: HashMap<Key, String>,
}

impl Index {
    /// Of these records.
    pub fn new<'a>(records: impl Iterator<Item = &'a Record>) -> Self {
        Self { labels: records.map(|record| (record.key, normal(&record.label))).collect() }
    }

    /// The record that a stored name is about; none if it is about nothing in the file.
    #[must_use]
    pub fn key_of(&self, kind: Kind, stored: &str) -> Option<Key> {
        self.recognise(kind, stored).map(|(key, _)| key)
    }

    fn recognise(&self, kind: Kind, stored: &str) -> Option<(Key, Certainty)> {
        let stored = normal(stored);
        let mut best = None;
        let mut before = None;
        for (at, character) in stored.char_indices() {
            if let Some((key, rest)) = ids(kind, &stored[at..])
                && let Some(label) = self.labels.get(&key)
            {
                if rest.trim_start() == label {
                    return Some((key, Certainty::IdsAndLabel));
                }
                if best.is_none() && ends_word(before) && ends_word(rest.chars().next()) {
                    best = Some((key, Certainty::Ids));
                }
            }
            before = Some(character);
        }
        best
    }
}

/// What is stored in an entity, by what it is about.
#[derive(Default)]
pub struct Stored {
    /// How many entries the server counts.
    pub count: u64,
    /// How many of them are about nothing in the file.
    pub others: u64,
    /// Names of entries that are about the same as another one.
    pub repeated: Vec<String>,
    by_key: HashMap<Key, (EntryRow, Certainty)>,
    by_id: HashMap<EntryId, String>,
}

impl Stored {
    /// Sorts the rows of a list.
    #[must_use]
    pub fn new(index: &Index, kind: Kind, count: u64, rows: Vec<EntryRow>) -> Self {
        let mut stored = Self { count, ..Self::default() };
        for row in rows {
            // A list that grows while it is read may show a row twice.
            if stored.by_id.insert(row.id, row.name.clone()).is_some() {
                continue;
            }
            let Some((key, certainty)) = index.recognise(kind, &row.name) else {
                stored.others += 1;
                continue;
            };
            match stored.by_key.get(&key) {
                Some((kept, known)) if *known >= certainty => {
                    let both_certain = certainty == Certainty::IdsAndLabel;
                    let name = format!("{} (as {})", row.name, kept.name);
                    if both_certain { stored.repeated.push(name) } else { stored.others += 1 }
                }
                Some(_) => {
                    stored.others += 1;
                    stored.by_key.insert(key, (row, certainty));
                }
                None => {
                    stored.by_key.insert(key, (row, certainty));
                }
            }
        }
        stored
    }

    /// The entry about this, if there is one.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&EntryRow> {
        self.by_key.get(&key).map(|(row, _)| row)
    }

    /// The name of the entry with this id.
    #[must_use]
    pub fn name(&self, id: EntryId) -> Option<&str> {
        self.by_id.get(&id).map(String::as_str)
    }
}

/// Lower case, blanks trimmed and collapsed.
fn normal(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a word ends next to this character, or next to nothing.
fn ends_word(neighbour: Option<char>) -> bool {
    neighbour.is_none_or(|character| !character.is_alphanumeric() && !matches!(character, ':' | '/'))
}

/// The ids at the beginning of a lower-case text, and what follows them.
fn ids(kind: Kind, text: &str) -> Option<(Key, &str)> {
    let (vendor, rest) = id(text)?;
    if kind == Kind::Vendor {
        return Some((Key::Vendor { vendor }, rest));
    }
    let (device, rest) = id(rest.strip_prefix(':')?)?;
    let subsystem = || {
        let (subvendor, rest) = id(rest.strip_prefix('/')?)?;
        let (subdevice, rest) = id(rest.strip_prefix(':')?)?;
        Some((Key::Subsystem { vendor, device, subvendor, subdevice }, rest))
    };
    Some(subsystem().unwrap_or((Key::Device { vendor, device }, rest)))
}

fn id(text: &str) -> Option<(u16, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((u16::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parse::{Database, parse};

    const FILE: &str = "8086  Intel Corporation\n\t100e  82540EM  Gigabit\n\t\t8086 001e  PRO/1000 MT\n\
        dc01  Odd\ncafe  1234 Café\n1234  Technical Corp.\n";

    fn check(kind: Kind, name: &str, expected: Option<&str>) {
        let file: Database = parse(FILE.as_bytes());
        let found = Index::new(file.records()).key_of(kind, name).map(|key| key.to_string());
        assert_eq!(found.as_deref(), expected, "{name:?}");
    }

    #[test]
    fn names_are_recognised_whatever_a_policy_made_of_them() {
        check(Kind::Vendor, "8086 Intel Corporation", Some("8086"));
        check(Kind::Vendor, "  8086   INTEL CORPORATION ", Some("8086"));
        check(Kind::Vendor, "asset-8086 intel corporation", Some("8086"));
        check(Kind::Vendor, "PCI8086 Intel Corporation", Some("8086"));
        check(Kind::Vendor, "DC01 8086 Intel Corporation", Some("8086"));
        check(Kind::Vendor, "cafe 1234 café", Some("cafe"));
        check(Kind::Vendor, "CAFE 1234 CAFÉ", Some("cafe"));
        check(Kind::Vendor, "[8086] renamed", Some("8086"));
        check(Kind::Vendor, "80861 Intel", None);
        check(Kind::Vendor, "8087 Other", None);
        check(Kind::Vendor, "8086:100e A device", None);
        check(Kind::Vendor, "", None);
        check(Kind::Device, "8086:100E 82540em GIGABIT", Some("8086:100e"));
        check(Kind::Device, "x-8086:100e/8086:001E PRO/1000 MT", Some("8086:100e/8086:001e"));
        check(Kind::Device, "8086:100e/8086:001f unknown board", None);
        check(Kind::Device, "8086 Intel Corporation", None);
    }

    #[test]
    fn the_surer_name_wins_and_repetitions_are_told() {
        let file = parse(FILE.as_bytes());
        let index = Index::new(file.records());
        let row = |id, name: &str| EntryRow { id: EntryId(id), name: name.to_owned() };
        let rows = vec![
            row(1, "notes on 8086 boards"),
            row(2, "8086 Intel Corporation"),
            row(2, "8086 Intel Corporation"),
            row(3, "8086 INTEL CORPORATION"),
            row(4, "copy of 8086"),
            row(5, "unrelated"),
        ];
        let stored = Stored::new(&index, Kind::Vendor, 5, rows);
        assert_eq!(stored.get(Key::Vendor { vendor: 0x8086 }).map(|row| row.id), Some(EntryId(2)));
        assert_eq!(stored.repeated, ["8086 INTEL CORPORATION (as 8086 Intel Corporation)"]);
        assert_eq!((stored.others, stored.count), (3, 5));
        assert_eq!(stored.name(EntryId(5)), Some("unrelated"));
    }

    proptest! {
        #[test]
        fn every_record_of_the_sample_survives_any_policy(
            prefix in "([a-zA-Z0-9]{0,6}[-_ ]{0,2}){0,2}", upper: bool, collapse: bool, blanks in " {0,3}"
        ) {
            let file = parse(include_bytes!("../data/pci.ids.sample"));
            let index = Index::new(file.records());
            for record in file.records() {
                let mut name = format!("{blanks}{prefix}{}{blanks}", record.entry_name());
                if upper {
                    name = name.to_uppercase();
                }
                if collapse {
                    name = normal(&name);
                }
                prop_assert_eq!(index.key_of(Kind::of(record.key), &name), Some(record.key), "{}", name);
            }
        }
    }
}
