//! Reads the text of a `pci.ids` file, strictly.
//!
//! Every line ends up in exactly one place: a record, a problem with its line number, or ignored (comments, blank
//! lines, the class section). Nothing is guessed: a line that does not have the documented form is a problem, and
//! so are the lines that hang below it, because nobody can say where they belong.
//!
//! *Source:* the syntax note at the head of the file itself, and what pciutils accepts.

use std::collections::HashMap;
use std::fmt;

/// The most characters an entry's name may have.
///
/// *Source:* Pagoda's rule for entry names (AE-122000 above it).
pub const NAME_LIMIT: usize = 200;

/// What a record is about: the numbers by which PCI knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A vendor.
    Vendor {
        /// Its id.
        vendor: u16,
    },
    /// A device of a vendor.
    Device {
        /// The vendor's id.
        vendor: u16,
        /// The id of the device with that vendor.
        device: u16,
    },
    /// A board with a device on it.
    Subsystem {
        /// The id of the device's vendor.
        vendor: u16,
        /// The id of the device.
        device: u16,
        /// The id of the board's vendor.
        subvendor: u16,
        /// The id of the board with that vendor.
        subdevice: u16,
    },
}

impl Key {
    /// The key of the vendor that a record belongs to; a vendor belongs to itself.
    #[must_use]
    pub fn vendor(self) -> Self {
        match self {
            Self::Vendor { vendor } | Self::Device { vendor, .. } | Self::Subsystem { vendor, .. } => {
                Self::Vendor { vendor }
            }
        }
    }

    /// The key of the record directly above, if there is one.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        match self {
            Self::Vendor { .. } => None,
            Self::Device { vendor, .. } => Some(Self::Vendor { vendor }),
            Self::Subsystem { vendor, device, .. } => Some(Self::Device { vendor, device }),
        }
    }
}

impl fmt::Display for Key {
    /// `8086`, `8086:100e` or `8086:100e/8086:001e`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vendor { vendor } => write!(f, "{vendor:04x}"),
            Self::Device { vendor, device } => write!(f, "{vendor:04x}:{device:04x}"),
            Self::Subsystem { vendor, device, subvendor, subdevice } => {
                write!(f, "{vendor:04x}:{device:04x}/{subvendor:04x}:{subdevice:04x}")
            }
        }
    }
}

/// One vendor, device or subsystem of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is.
    pub key: Key,
    /// What it is called.
    pub label: String,
    /// Where it stands, counted from 1.
    pub line: usize,
}

impl Record {
    /// The name of its entry: the ids, a blank, the label.
    #[must_use]
    pub fn entry_name(&self) -> String {
        format!("{} {}", self.key, self.label)
    }
}

/// A line that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which one, counted from 1.
    pub line: usize,
    /// Why not.
    pub reason: Reason,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// Why a line could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Its bytes are not text.
    #[error("not UTF-8")]
    NotUtf8,
    /// It begins with neither an id nor a known letter.
    #[error("an id of four lower-case hexadecimal digits was expected, found {found:?}")]
    Id {
        /// The first characters of what stands there.
        found: String,
    },
    /// Between ids and name there are not exactly two blanks.
    #[error("exactly two blanks were expected between id and name")]
    Separator,
    /// Nothing follows the id.
    #[error("the name is missing")]
    NoName,
    /// There is a tab or another control character in the name.
    #[error("control character {0:?} in the name")]
    ControlCharacter(char),
    /// The entry's name would be longer than [`NAME_LIMIT`].
    #[error("the entry's name would have {length} characters, the limit is {NAME_LIMIT}")]
    NameTooLong {
        /// How long it would be, in characters, ids included.
        length: usize,
    },
    /// The same ids were given before.
    #[error("{key} was given in line {first} already")]
    Duplicate {
        /// The ids.
        key: Key,
        /// Where they were given first.
        first: usize,
    },
    /// It has more than two tabs.
    #[error("more than two tabs at the beginning")]
    TooDeep,
    /// A device with no vendor, or a subsystem with no device above it.
    #[error("there is no {missing} above it")]
    Orphan {
        /// What is missing.
        missing: &'static str,
    },
    /// It belongs to a line that could not be used.
    #[error("it belongs to line {line}, which could not be used")]
    BelowProblem {
        /// That line.
        line: usize,
    },
}

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// All vendors, in the order of the file.
    pub vendors: Vec<Record>,
    /// All devices, in the order of the file.
    pub devices: Vec<Record>,
    /// All subsystems, in the order of the file.
    pub subsystems: Vec<Record>,
    /// All lines that could not be used.
    pub problems: Vec<Problem>,
    /// How many lines carry nothing to load: comments, blank lines, the class section.
    pub ignored: usize,
}

impl Database {
    /// All records: vendors, then devices, then subsystems.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.vendors.iter().chain(&self.devices).chain(&self.subsystems)
    }

    /// The first vendors of the file only, with all that belongs to them.
    ///
    /// Problems stay, wherever they are.
    #[must_use]
    pub fn limited(&self, vendors: usize) -> Self {
        let chosen: Vec<Record> = self.vendors.iter().take(vendors).cloned().collect();
        let keys: std::collections::HashSet<Key> = chosen.iter().map(|record| record.key).collect();
        let below = |records: &[Record]| {
            records.iter().filter(|record| keys.contains(&record.key.vendor())).cloned().collect()
        };
        Self {
            devices: below(&self.devices),
            subsystems: below(&self.subsystems),
            vendors: chosen,
            problems: self.problems.clone(),
            ignored: self.ignored,
        }
    }
}

/// Reads the whole of a file.
#[must_use]
pub fn parse(bytes: &[u8]) -> Database {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut parser = Parser::default();
    for (number, line) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Err(reason) = parser.line(number, line) {
            parser.found.problems.push(Problem { line: number, reason });
        }
    }
    parser.found
}

/// What stands above the current line at one level; `T` is the ids of a record of that level.
#[derive(Clone, Copy, Default)]
enum Above<T> {
    /// Nothing yet.
    #[default]
    Nothing,
    /// A line that could not be used.
    Problem(usize),
    /// A record.
    Record(T),
}

impl<T> Above<T> {
    /// The record above, or why the line below cannot be used.
    fn record(self, missing: &'static str) -> Result<T, Reason> {
        match self {
            Self::Nothing => Err(Reason::Orphan { missing }),
            Self::Problem(line) => Err(Reason::BelowProblem { line }),
            Self::Record(ids) => Ok(ids),
        }
    }
}

#[derive(Default)]
struct Parser {
    found: Database,
    first_lines: HashMap<Key, usize>,
    vendor: Above<u16>,
    device: Above<(u16, u16)>,
    in_classes: bool,
}

impl Parser {
    fn line(&mut self, number: usize, bytes: &[u8]) -> Result<(), Reason> {
        let depth = bytes.iter().take_while(|byte| **byte == b'\t').count();
        let blank = bytes.iter().all(u8::is_ascii_whitespace);
        if blank || bytes.starts_with(b"#") {
            self.found.ignored += 1;
            return Ok(());
        }
        if depth == 0 {
            self.in_classes = bytes.starts_with(b"C ");
        }
        if self.in_classes {
            self.vendor = Above::Nothing;
            self.device = Above::Nothing;
            self.found.ignored += 1;
            return Ok(());
        }
        // Until the line turns out to be good, what follows belongs to a problem.
        let (vendor, device) = (self.vendor, self.device);
        match depth {
            0 => (self.vendor, self.device) = (Above::Problem(number), Above::Nothing),
            1 => self.device = Above::Problem(number),
            _ => {}
        }
        let text = std::str::from_utf8(&bytes[depth..]).map_err(|_| Reason::NotUtf8)?;
        let (key, rest) = match depth {
            0 => {
                let (vendor, rest) = id(text)?;
                (Key::Vendor { vendor }, rest)
            }
            1 => {
                let vendor = vendor.record("vendor")?;
                let (device, rest) = id(text)?;
                (Key::Device { vendor, device }, rest)
            }
            2 => {
                vendor.record("vendor")?;
                let (vendor, device) = device.record("device")?;
                let (subvendor, rest) = id(text)?;
                let rest = rest.strip_prefix(' ').ok_or(Reason::Separator)?;
                let (subdevice, rest) = id(rest)?;
                (Key::Subsystem { vendor, device, subvendor, subdevice }, rest)
            }
            _ => return Err(Reason::TooDeep),
        };
        let record = Record { key, label: label(rest)?.to_owned(), line: number };
        let length = record.entry_name().chars().count();
        if length > NAME_LIMIT {
            return Err(Reason::NameTooLong { length });
        }
        // A repeated line is of no use itself, but it says clearly where the lines below it belong.
        match key {
            Key::Vendor { vendor } => self.vendor = Above::Record(vendor),
            Key::Device { vendor, device } => self.device = Above::Record((vendor, device)),
            Key::Subsystem { .. } => {}
        }
        if let Some(first) = self.first_lines.get(&key) {
            return Err(Reason::Duplicate { key, first: *first });
        }
        self.first_lines.insert(key, number);
        match key {
            Key::Vendor { .. } => self.found.vendors.push(record),
            Key::Device { .. } => self.found.devices.push(record),
            Key::Subsystem { .. } => self.found.subsystems.push(record),
        }
        Ok(())
    }
}

/// Takes the four digits of an id from the beginning.
fn id(text: &str) -> Result<(u16, &str), Reason> {
    let wrong = || Reason::Id { found: text.chars().take(12).collect() };
    let (digits, rest) = text.split_at_checked(4).ok_or_else(wrong)?;
    if !digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(wrong());
    }
    let id = u16::from_str_radix(digits, 16).map_err(|_| wrong())?;
    Ok((id, rest))
}

/// What follows the ids: two blanks and a name. Blanks at the end do not count.
fn label(rest: &str) -> Result<&str, Reason> {
    if let Some(control) = rest.chars().find(|character| character.is_control()) {
        return Err(Reason::ControlCharacter(control));
    }
    let rest = rest.trim_end();
    if rest.is_empty() {
        return Err(Reason::NoName);
    }
    let label = rest.strip_prefix("  ").ok_or(Reason::Separator)?;
    if label.starts_with(char::is_whitespace) {
        return Err(Reason::Separator);
    }
    Ok(label)
}

#[cfg(test)]
mod tests;
