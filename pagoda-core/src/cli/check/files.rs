//! The source files of a package.

use super::cargo::Package;
use super::scan::{Module, scan};
use super::tokens::read;
use super::{Finding, rules};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Directories of a package that are not in the plugin: they are built for tests, or not at all.
const ASIDE: [&str; 4] = ["benches", "examples", "target", "tests"];

/// Reads all files of a package that get into the server or run while it is built; how many, and what is in them.
pub(super) fn look(package: &Package, shown: impl Fn(&Path) -> String) -> (usize, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut files = BTreeSet::new();
    for target in package.targets.iter().filter(|target| !target.is(&["test", "bench", "example"])) {
        if target.is(&["custom-build"]) {
            files.insert(target.src_path.clone());
            let place = (shown(&target.src_path), 1, 1);
            findings.push(Finding::new(
                "build",
                &package.name,
                place,
                "has a build script",
                rules::BUILD_SCRIPT,
            ));
        } else if let Some(folder) = target.src_path.parent()
            && let Err((path, error)) = collect(folder, &mut files)
        {
            let (place, what) = ((shown(&path), 1, 1), format!("cannot be read: {error}"));
            findings.push(Finding::new("source", &package.name, place, what, rules::UNREADABLE));
        }
    }
    let mut found: BTreeMap<PathBuf, Vec<Finding>> = BTreeMap::new();
    let mut for_tests = BTreeSet::new();
    for file in &files {
        let at = |line, column| (shown(file), line, column);
        let unreadable = |(place, what): ((String, usize, usize), String)| {
            vec![Finding::new("source", &package.name, place, what, rules::UNREADABLE)]
        };
        let seen = match std::fs::read_to_string(file).map(|text| read(&text)) {
            Ok(Ok(tokens)) => {
                let scanned = scan(&tokens);
                for_tests.extend(scanned.test_modules.iter().flat_map(|module| places_of(file, module)));
                let found = scanned.seen.into_iter();
                let finding = |seen: super::scan::Seen| {
                    let place = at(seen.place.line, seen.place.column);
                    Finding::new("source", &package.name, place, seen.what, seen.why)
                };
                found.map(finding).collect()
            }
            Ok(Err((place, problem))) => {
                unreadable((at(place.line, place.column), format!("is no Rust: {problem}")))
            }
            Err(error) => unreadable((at(1, 1), format!("cannot be read: {error}"))),
        };
        found.insert(file.clone(), seen);
    }
    let is_for_tests =
        |file: &Path| for_tests.iter().any(|path: &PathBuf| file.starts_with(path) || file == path);
    found.retain(|file, _| !is_for_tests(file));
    let count = found.len();
    findings.extend(found.into_values().flatten());
    (count, findings)
}

/// Where the file of a module can be, and the directory of its own modules.
fn places_of(file: &Path, module: &Module) -> Vec<PathBuf> {
    let folder = file.parent().unwrap_or(Path::new(""));
    if let Some(path) = &module.path {
        return vec![folder.join(path)];
    }
    let stem = file.file_stem().unwrap_or_default();
    let own =
        if stem == "lib" || stem == "main" || stem == "mod" { folder.to_owned() } else { folder.join(stem) };
    vec![own.join(format!("{}.rs", module.name)), own.join(&module.name)]
}

fn collect(folder: &Path, files: &mut BTreeSet<PathBuf>) -> Result<(), (PathBuf, std::io::Error)> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let of_folder = |error| (folder.clone(), error);
        for entry in std::fs::read_dir(&folder).map_err(of_folder)? {
            let entry = entry.map_err(of_folder)?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            // A link is not followed: it could lead around in a circle.
            let is_folder = entry.file_type().map_err(of_folder)?.is_dir();
            if is_folder && !name.starts_with('.') && !ASIDE.contains(&&*name) {
                folders.push(path);
            } else if !is_folder && name.ends_with(".rs") {
                files.insert(path);
            }
        }
    }
    Ok(())
}
