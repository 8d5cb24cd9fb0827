//! `plugins check`: reads the sources and the dependencies of plugins, where they are on this machine.
//!
//! It reports what goes past the SDK. It proves nothing: a plugin is code in the server's process, and one
//! that wants to hide something from these tables can. `cargo.rs` finds the crates, `files.rs` their files,
//! `tokens.rs` and `scan.rs` look into them, `tree.rs` at what they depend on, `rules.rs` says what counts.

mod cargo;
mod files;
mod rules;
mod scan;
mod tokens;
mod tree;

use cargo::{Metadata, Package};
use pagoda_plugin_sdk::PluginDecl;
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// Something that an operator should know of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `source`, `dependency` or `build`.
    pub kind: &'static str,
    /// The crate that it is in.
    #[serde(rename = "crate")]
    pub package: String,
    /// The file, seen from the directory of the sources.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What, as the end of a sentence that begins with the plugin.
    pub what: String,
    /// Why it is reported.
    pub why: &'static str,
    /// The plugin's own dependency through which a crate is there.
    pub through: Option<String>,
}

impl Finding {
    fn new(
        kind: &'static str,
        package: &str,
        (file, line, column): (String, usize, usize),
        what: impl Into<String>,
        why: &'static str,
    ) -> Self {
        let (package, what) = (package.to_owned(), what.into());
        Self { kind, package, file, line, column, what, why, through: None }
    }
}

/// What was seen of one plugin.
#[derive(Debug, Serialize)]
pub struct Looked {
    /// The plugin.
    pub plugin: &'static str,
    /// Why nothing was looked at.
    pub not_looked_at: Option<String>,
    /// How many files were read.
    pub files: usize,
    /// The crates whose files were read: the plugin's own, and those that come with its sources.
    pub read: Vec<String>,
    /// The crates from registries, of which the name was looked at and no more.
    pub by_name: Vec<String>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Looks at plugins whose sources are below `sources`.
#[must_use]
pub fn look(plugins: &[&'static PluginDecl], sources: &Path) -> Vec<Looked> {
    if plugins.is_empty() {
        return Vec::new();
    }
    let metadata = cargo::metadata(sources);
    let looked = plugins.iter().map(|plugin| match &metadata {
        Ok(metadata) => match package_of(plugin, metadata) {
            Some(package) => look_at(plugin, package, metadata, sources),
            None => not_found(plugin, sources, "no crate there declares it"),
        },
        Err(problem) => not_found(plugin, sources, problem),
    });
    looked.collect()
}

fn not_found(plugin: &PluginDecl, sources: &Path, problem: &str) -> Looked {
    let reason = format!("sources not found under {} ({problem})", sources.display());
    Looked {
        plugin: plugin.id,
        not_looked_at: Some(reason),
        files: 0,
        read: Vec::new(),
        by_name: Vec::new(),
        findings: Vec::new(),
    }
}

/// The package whose root has the plugin's `plugin!`. The compiler names files as cargo gave them to it: from
/// the root of the workspace, or in full.
fn package_of<'a>(plugin: &PluginDecl, metadata: &'a Metadata) -> Option<&'a Package> {
    let file = Path::new(plugin.file);
    let declares = |package: &&Package| {
        let library = package.targets.iter().find(|target| target.is(&["lib", "rlib"]));
        library.is_some_and(|library| {
            library.src_path == metadata.workspace_root.join(file)
                || (library.src_path.ends_with(file) && names(&library.src_path, plugin.id))
        })
    };
    let mut found: Vec<_> = metadata.packages.iter().filter(declares).collect();
    if found.len() > 1 {
        found.retain(|package| package.targets.iter().any(|target| names(&target.src_path, plugin.id)));
    }
    match found.as_slice() {
        [package] => Some(package),
        _ => None,
    }
}

/// Whether a file has the id as a text. One that cannot be read has not.
fn names(file: &Path, id: &str) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("\"{id}\"")))
}

fn look_at(plugin: &PluginDecl, package: &Package, metadata: &Metadata, sources: &Path) -> Looked {
    let root = std::fs::canonicalize(sources).unwrap_or_else(|_| sources.to_owned());
    let shown = |path: &Path| path.strip_prefix(&root).unwrap_or(path).display().to_string();
    let members = tree::Tree::new(metadata).members(package);
    let (published, own): (Vec<_>, Vec<_>) =
        members.iter().map(|member| member.package).partition(|package| package.is_published());
    let mut looked = Looked {
        plugin: plugin.id,
        not_looked_at: None,
        files: 0,
        read: Vec::new(),
        by_name: published.iter().map(|package| package.name.clone()).collect(),
        findings: tree::judge(package, &shown(&package.manifest_path), &members),
    };
    looked.by_name.sort();
    for package in
        std::iter::once(package).chain(own.into_iter().filter(|package| package.name != "pagoda-core"))
    {
        let (files, findings) = files::look(package, shown);
        looked.files += files;
        looked.read.push(package.name.clone());
        looked.findings.extend(findings);
    }
    looked
}

/// How many plugins there is something to say about.
#[must_use]
pub fn remarkable(looked: &[Looked]) -> usize {
    looked.iter().filter(|looked| looked.not_looked_at.is_some() || !looked.findings.is_empty()).count()
}

/// For people.
///
/// # Errors
/// None: the text is made in memory.
pub fn text(looked: &[Looked]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for Looked { plugin, not_looked_at, files, read, by_name, findings } in looked {
        if let Some(reason) = not_looked_at {
            writeln!(text, "plugin {plugin}: {reason}; not looked at")?;
            continue;
        }
        for Finding { file, line, column, what, why, .. } in findings {
            writeln!(text, "plugin {plugin}: {file}:{line}:{column}: {what}: {why}")?;
        }
        let found = if findings.is_empty() { "nothing".to_owned() } else { findings.len().to_string() };
        let plural = if *files == 1 { "" } else { "s" };
        write!(text, "plugin {plugin}: {found} to report in {files} file{plural} of {}", read.join(", "))?;
        if !by_name.is_empty() {
            write!(text, "; by name only: {}", by_name.join(", "))?;
        }
        writeln!(text)?;
    }
    if !looked.is_empty() {
        text.push_str(
            "This is a report and no proof: code in the server's process cannot be jailed by reading it.\n",
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{Looked, look, remarkable, text};
    use pagoda_plugin_sdk::PluginDecl;

    #[test]
    fn what_is_not_there_is_said() {
        static PLUGIN: PluginDecl = PluginDecl::new("somewhere", "Somewhere", "1.0.0").at("src/lib.rs", 1);
        let directory = tempfile::tempdir().unwrap();
        let looked = look(&[&PLUGIN], directory.path());
        let said = text(&looked).unwrap();
        let begin =
            format!("plugin somewhere: sources not found under {} (cargo: ", directory.path().display());
        assert!(said.starts_with(&begin) && said.contains("; not looked at\n"), "{said}");
        assert_eq!(remarkable(&looked), 1);
        assert!(look(&[], directory.path()).is_empty() && text(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_clean_is_said_too() {
        let clean = Looked {
            plugin: "clean",
            not_looked_at: None,
            files: 2,
            read: vec!["pagoda-clean".to_owned()],
            by_name: vec!["regex".to_owned()],
            findings: Vec::new(),
        };
        let said = text(std::slice::from_ref(&clean)).unwrap();
        assert!(
            said.starts_with(
                "plugin clean: nothing to report in 2 files of pagoda-clean; by name only: regex\n"
            ),
            "{said}"
        );
        assert_eq!(remarkable(&[clean]), 0);
    }
}
