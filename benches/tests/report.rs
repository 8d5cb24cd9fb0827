//! The command that makes the figures of `docs/benchmarks.md` runs, from sites to pictures. Nothing is said about time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pagoda_benches::harness::Figure;
use pagoda_benches::harness::scenario::SCENARIOS;
use std::fs;
use std::process::Command;

#[test]
fn tiny_sites_give_all_figures_tables_and_pictures() {
    let directory = tempfile::tempdir().unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_pagoda-bench"))
        .args(["report", "--sqlite-only", "--sizes", "300,600", "--seconds", "0.2"])
        .args(["--binary", env!("CARGO_BIN_EXE_pagoda-bench-server"), "--directory"])
        .arg(directory.path())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(!said.contains("FAILED"), "{said}");
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    let figures: Vec<Figure> =
        read("figures.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let tables = read("tables.md");
    // Those of routes that every build has; searches are measured where they are known.
    for name in ["list", "deep page", "list as user", "detail", "create", "update", "delete", "mixed"] {
        for entries in [300, 600] {
            let found = figures.iter().find(|figure| {
                figure.scenario == name && figure.entries == entries && figure.aimed.is_none()
            });
            let figure = found.unwrap_or_else(|| panic!("{name} was not measured"));
            assert!(
                figure.rate > 0.0 && figure.p50_us <= figure.p99_us && figure.statements >= 1.0,
                "{figure:?}"
            );
            assert!(figure.memory_mib > 1.0 && figure.peak_mib >= figure.memory_mib, "{figure:?}");
        }
        assert!(tables.contains(&format!("| {name} | SQLite, 600 |")), "{tables}");
        assert!(SCENARIOS.iter().any(|scenario| scenario.name == name));
    }
    assert!(figures.iter().any(|figure| figure.aimed.is_some()), "no open loop");
    for name in ["detail", "list", "create"] {
        assert!(tables.contains(&format!("| SQLite, {name} | 600 |")), "{tables}");
    }
    for picture in ["sqlite-sizes.svg", "sqlite-rates.svg"] {
        assert!(read(picture).contains("<circle"), "{picture}");
    }
}
