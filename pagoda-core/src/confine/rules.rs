//! What the process may still do: a sum of needs, with a digest and a form for the log.

use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::BitOr;
use std::path::{Path, PathBuf};

/// What may be done with a file, or with everything below a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access(u8);

impl Access {
    /// Read files and list directories.
    pub const READ: Self = Self(1);
    /// Start programs.
    pub const EXECUTE: Self = Self(2);
    /// Write into files that exist.
    pub const WRITE: Self = Self(4);
    /// Make, rename and remove files and directories.
    pub const CHANGE: Self = Self(8);

    /// Whether `other` is part of it.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Access {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// TCP ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ports {
    /// All.
    Any,
    /// These.
    Only(BTreeSet<u16>),
}

impl Ports {
    /// None.
    #[must_use]
    pub fn none() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// Adds one.
    pub fn add(&mut self, port: u16) {
        if let Self::Only(ports) = self {
            ports.insert(port);
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Only(ports) if ports.is_empty() => f.write_str("none"),
            Self::Only(ports) => {
                let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
                f.write_str(&ports.join(" "))
            }
        }
    }
}

/// All that the process may still do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// With which files.
    pub paths: BTreeMap<PathBuf, Access>,
    /// On which TCP ports it may listen.
    pub bind: Ports,
    /// To which TCP ports, of whatever host, it may connect: the kernel knows no hosts.
    pub connect: Ports,
}

impl Default for Rules {
    /// Nothing at all.
    fn default() -> Self {
        Self { paths: BTreeMap::new(), bind: Ports::none(), connect: Ports::none() }
    }
}

impl Rules {
    /// Allows more with `path`, if it exists: a rule is about a file, not about a name.
    pub fn allow(&mut self, path: impl AsRef<Path>, access: Access) {
        let path = path.as_ref();
        if path.exists() {
            let present = self.paths.entry(path.to_owned()).or_insert(access);
            *present = *present | access;
        }
    }

    /// Tells these rules from others; the same in every process that has the same needs.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut text = format!("bind {}\nconnect {}\n", self.bind, self.connect);
        for (path, Access(access)) in &self.paths {
            text.push_str(&format!("{access} {}\n", path.display()));
        }
        Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The paths that can be read and not changed.
    #[must_use]
    pub fn readable(&self) -> Vec<String> {
        self.with(|access| !access.has(Access::CHANGE))
    }

    /// The paths below which everything can be changed.
    #[must_use]
    pub fn changeable(&self) -> Vec<String> {
        self.with(|access| access.has(Access::CHANGE))
    }

    fn with(&self, wanted: impl Fn(Access) -> bool) -> Vec<String> {
        let paths = self.paths.iter().filter(|(_, access)| wanted(**access));
        paths.map(|(path, _)| path.display().to_string()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, Ports, Rules};

    #[test]
    fn rules_add_up_and_have_a_digest() {
        let mut rules = Rules::default();
        rules.allow("/", Access::READ);
        rules.allow("/", Access::EXECUTE);
        rules.allow("/there/is/no/such/path", Access::READ);
        assert_eq!(rules.paths.values().collect::<Vec<_>>(), [&(Access::READ | Access::EXECUTE)]);
        assert_eq!((rules.readable(), rules.changeable()), (vec!["/".to_owned()], vec![]));
        let before = rules.digest();
        assert_eq!((before.len(), &rules.clone().digest()), (16, &before));
        rules.connect.add(5432);
        let with_port = rules.digest();
        rules.allow("/", Access::WRITE);
        assert!(with_port != before && rules.digest() != with_port);
    }

    #[test]
    fn ports_are_shown() {
        let mut ports = Ports::none();
        assert_eq!(ports.to_string(), "none");
        ports.add(443);
        ports.add(80);
        ports.add(443);
        assert_eq!((ports.to_string(), Ports::Any.to_string()), ("80 443".to_owned(), "any".to_owned()));
    }
}
