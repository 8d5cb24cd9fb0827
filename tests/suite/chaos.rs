//! The plugin `chaos` in a running server: its faults happen, and stay where they happen.

use crate::process::{Process, command};
use crate::server::{Answer, Database, TestApp, on_both_databases};
use pagoda_core::config::Config;
use pagoda_core::plugins::contributions::Contributions;
use serde_json::json;
use std::time::{Duration, Instant};

on_both_databases! {
    faults_of_hooks_end_at_their_hook;
    faults_of_routes_end_at_their_route;
}

/// Breakers stay closed, however much fails.
fn patient(config: &mut Config) {
    config.plugins.defaults.breaker.faults = 1_000;
}

fn faults_of_hooks_end_at_their_hook(database: Database) {
    let plugins = Contributions::of(&[&pagoda_chaos::PLUGIN]);
    let Some(app) = TestApp::with(database, plugins, patient) else { return };
    let (rack, _) = app.entity(json!({"name": "rack"}));
    let create = |name: &str| -> Answer {
        app.post(&format!("/entity/api/v2/{rack}/entries/"), json!({"name": name}))
    };
    let mut names = Vec::new();
    for hook in ["before_create", "validation", "after_create", "entry.after_create"] {
        for fault in ["error", "panic", "write-then-panic", "slow.1", "spin.1"] {
            let name = format!("chaos.{hook}.{fault}");
            create(&name).expect(202);
            names.push(name);
        }
    }
    for hook in ["before_create", "pagoda.entry.validation"] {
        let refused = create(&format!("chaos.{hook}.reject")).expect(400);
        assert_eq!(refused.codes(), ["name AE-121000"]);
    }
    // Nothing is left of what a handler wrote before it panicked, and nothing else is missing.
    let mut found = app.entry_names(rack);
    found.sort();
    names.sort();
    assert_eq!(found, names);
    // Handlers of a plugin that is being called stay silent, so one level is as deep as it goes.
    create("chaos.validation.recurse.5").expect(202);
    create("chaos.after_create.recurse.5").expect(202);
    let found = app.entry_names(rack);
    for hook in ["validation", "after_create"] {
        let has = |n: u8| found.contains(&format!("chaos.{hook}.recurse.{n}"));
        assert_eq!((has(5), has(4), has(3)), (true, true, false), "{hook}: {found:?}");
    }
    for fault in ["error", "panic", "write-then-panic", "slow.1", "spin.1", "reject", "recurse"] {
        let id = app.entry(rack, json!({"name": format!("chaos.get_attrs.{fault}")}));
        let shown = app.get(&format!("/entry/api/v2/{id}/")).expect(200).json();
        assert_eq!(shown["name"], format!("chaos.get_attrs.{fault}"));
    }
    assert!(!app.entry_names(rack).contains(&"chaos.get_attrs.recurse.0".to_owned()));
}

fn faults_of_routes_end_at_their_route(database: Database) {
    let plugins = Contributions::of(&[&pagoda_chaos::PLUGIN]);
    let Some(app) = TestApp::with(database, plugins, patient) else { return };
    let route = |path: &str| app.get(&format!("/api/v2/plugins/chaos/{path}"));
    for fault in ["error", "panic"] {
        let answer = route(&format!("{fault}/")).expect(500).json();
        assert_eq!(answer["code"], "AE-999999");
        assert!(!answer.to_string().contains("drill"), "{answer}");
    }
    let started = Instant::now();
    assert_eq!(route("slow/?n=30").expect(200).json()["slept_ms"], 30);
    assert_eq!(route("spin/?n=30").expect(200).json()["spun_ms"], 30);
    assert!(started.elapsed() >= Duration::from_millis(60));
    assert_eq!(route("huge/?n=100000").expect(200).body.len(), 100_000);
}

/// The binary that other tests kill and hang.
#[test]
fn the_binary_for_drills_has_all_plugins() {
    let directory = tempfile::tempdir().unwrap();
    let listed = command(directory.path()).args(["plugins", "list", "--json"]).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let ids: Vec<_> = listed.as_array().unwrap().iter().map(|plugin| plugin["id"].clone()).collect();
    assert_eq!(ids, ["chaos", "hello-world-plugin", "naming-policy"]);
    let mut server = Process::start(&mut command(directory.path()));
    server.log_in(&mut command(directory.path()));
    assert_eq!(server.get("/api/v2/plugins/chaos/panic/").0, 500);
    assert_eq!(server.post("/entity/api/v2/", json!({"name": "rack"})).0, 202);
    server.signal("TERM");
    assert!(server.wait().success());
}
