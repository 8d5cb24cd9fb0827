//! What cargo knows about the crates below a directory. The one place where the host starts a program.

use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What `cargo metadata` says, as far as it is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) packages: Vec<Package>,
    pub(super) resolve: Option<Resolve>,
    pub(super) workspace_root: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) id: String,
    pub(super) name: String,
    /// Where it was taken from; none for a directory.
    pub(super) source: Option<String>,
    pub(super) manifest_path: PathBuf,
    pub(super) targets: Vec<Target>,
    pub(super) dependencies: Vec<Asked>,
}

impl Package {
    /// Whether it is part of a registry, where everybody can look at it, and not of these sources.
    pub(super) fn is_published(&self) -> bool {
        self.source.as_deref().is_some_and(|source| !source.starts_with("git+"))
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Target {
    pub(super) kind: Vec<String>,
    pub(super) src_path: PathBuf,
}

impl Target {
    pub(super) fn is(&self, kinds: &[&str]) -> bool {
        self.kind.iter().any(|kind| kinds.contains(&kind.as_str()))
    }
}

/// A dependency as a manifest asks for it.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) kind: Option<String>,
    pub(super) features: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Resolve {
    pub(super) nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) deps: Vec<Edge>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Edge {
    pub(super) pkg: String,
    pub(super) dep_kinds: Vec<EdgeKind>,
}

impl Edge {
    /// Whether it is there outside of tests.
    pub(super) fn is_real(&self) -> bool {
        self.dep_kinds.is_empty() || self.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"))
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct EdgeKind {
    pub(super) kind: Option<String>,
}

/// Asks cargo, without network and without changing anything.
///
/// # Errors
/// Why there is no answer, in a few words.
pub(super) fn metadata(directory: &Path) -> Result<Metadata, String> {
    // Cargo names itself to what it starts.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--frozen", "--format-version", "1", "--all-features"])
        // Crates of other platforms are not on a machine that only builds for this one, and not in its binary.
        .args(["--filter-platform", "host-tuple"])
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let said = text.lines().find_map(|line| line.strip_prefix("error: "));
        return Err(format!("cargo: {}", said.unwrap_or("failed without a word")));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo's answer cannot be read: {error}"))
}
