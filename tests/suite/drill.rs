//! The drills of `docs/drills.md` in short: the program that does them, on the server of this build. Latencies are
//! not judged here; how busy the machine is is not the server's affair.

use crate::server::{Database, on_both_databases};
use std::process::Command;

on_both_databases! {
    plugins_fail_under_load_and_nobody_else_does;
    kills_lose_nothing_that_was_acknowledged;
}

/// Runs the program; it has to find every promise kept.
fn drill(database: Database, arguments: &[&str]) {
    let name = match database {
        Database::Sqlite => "sqlite",
        // Skipped, or a failure, where it is not installed.
        Database::Postgres if pagoda_test_support::postgres().is_none() => return,
        Database::Postgres => "postgres",
    };
    let mut drill = Command::new(env!("CARGO_BIN_EXE_drill"));
    drill.args(["--database", name, "--server", env!("CARGO_BIN_EXE_pagoda-with-chaos")]).args(arguments);
    let output = drill.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("every promise was kept"), "{said}");
}

fn plugins_fail_under_load_and_nobody_else_does(database: Database) {
    drill(database, &["--short", "--seconds", "9"]);
}

fn kills_lose_nothing_that_was_acknowledged(database: Database) {
    drill(database, &["--kill", "5"]);
}
