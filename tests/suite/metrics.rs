//! `/metrics` and `/health/…`: what the server says about itself.

use crate::PLUGIN;
use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::config::{Config, MetricsAccess};
use pagoda_core::plugins::contributions::Contributions;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

on_both_databases! {
    requests_are_counted_by_closed_sets;
    everything_has_a_row_in_the_documents;
    metrics_can_be_kept_for_administrators;
    readiness_says_how_the_parts_are;
}

/// One line: labels and value.
type Sample = (BTreeMap<String, String>, f64);

/// A family: its type, and its samples by their full name.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    samples: Vec<(String, Sample)>,
}

/// The text format as far as it is used here; anything else is a failure.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut last = String::new();
    let (body, rest) = text.split_once("# EOF\n").expect("no end mark");
    assert_eq!(rest, "");
    for line in body.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            last = help.split_once(' ').unwrap().0.to_owned();
            assert!(families.insert(last.clone(), Family::default()).is_none(), "{last} is there twice");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, last);
            families.get_mut(name).unwrap().kind = kind.to_owned();
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = match name.split_once('{') {
                Some((name, labels)) => (name, parse_labels(labels.strip_suffix('}').unwrap())),
                None => (name, BTreeMap::new()),
            };
            assert!(name.starts_with(&last), "{name} in {last}");
            let sample = (labels, value.parse().unwrap_or_else(|_| panic!("no number: {line}")));
            families.get_mut(&last).unwrap().samples.push((name.to_owned(), sample));
        }
    }
    families
}

fn parse_labels(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once("=\"") {
        let end = after.find('"').unwrap();
        assert!(!after[..end].contains('\\'), "no value needs an escape: {text}");
        found.insert(name.trim_start_matches(',').to_owned(), after[..end].to_owned());
        rest = &after[end + 1..];
    }
    assert_eq!(rest, "");
    found
}

fn scrape(app: &TestApp) -> BTreeMap<String, Family> {
    let answer = app.request("GET", "/metrics", &[], None).expect(200);
    let media_type = answer.header("content-type").unwrap();
    assert!(media_type.starts_with("application/openmetrics-text; version=1.0.0"), "{media_type}");
    parse(&answer.body)
}

/// The one sample with these labels.
fn value(families: &BTreeMap<String, Family>, name: &str, labels: &[(&str, &str)]) -> f64 {
    let wanted: BTreeMap<String, String> =
        labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut all = families.values().flat_map(|family| &family.samples);
    let found = all.find(|(found, (labels, _))| found == name && *labels == wanted);
    found.unwrap_or_else(|| panic!("no {name} {labels:?}: {families:#?}")).1.1
}

/// A request with a method that no client of ours would send.
fn invent(app: &TestApp, method: &str, path: &str) {
    let address = app.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}

fn requests_are_counted_by_closed_sets(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let (entity, _) = app.entity(json!({"name": "e"}));
    for _ in 0..3 {
        app.get(&format!("/entity/api/v2/{entity}/")).expect(200);
    }
    app.get("/entity/api/v2/99999/").expect(404);
    app.request("HEAD", "/health/live", &[], None).expect(200);
    app.request("GET", "/entity/api/v2", &[], None).expect(301);
    app.get("/api/v2/plugins/test-plugin/fails/panic/").expect(500);
    let before = scrape(&app);
    // What anybody can invent makes no new label.
    for number in 0..1_000 {
        app.get(&format!("/invented/{number}/")).expect(404);
    }
    for number in 0..50 {
        app.get(&format!("/api/v2/plugins/test-plugin/fails/{number}/")).expect(200);
        invent(&app, &format!("BREW{number}"), "/entity/api/v2/");
        app.get(&format!("/entity/api/v2/{number}/entries/?page={number}"));
    }
    let after = scrape(&app);
    let count = |method: &str, route: &str, status: &str| {
        let labels = [("method", method), ("route", route), ("status", status)];
        value(&after, "pagoda_http_requests_total", &labels)
    };
    let near = |value: f64, expected: f64| assert!((value - expected).abs() < 0.1, "{value}, not {expected}");
    near(count("GET", "other", "4xx"), 1_000.0);
    near(count("GET", "/entity/api/v2/{id}/", "2xx"), 4.0);
    near(count("GET", "/entity/api/v2/{id}/", "4xx"), 1.0);
    near(count("GET", "/entity/api/v2/", "3xx"), 1.0);
    near(count("HEAD", "/health/live", "2xx"), 1.0);
    near(count("other", "/entity/api/v2/", "4xx"), 50.0);
    near(count("GET", "/api/v2/plugins/test-plugin/fails/{how}/", "5xx"), 1.0);
    near(count("GET", "/api/v2/plugins/test-plugin/fails/{how}/", "2xx"), 50.0);
    let labels = [("method", "GET"), ("route", "/entity/api/v2/{id}/")];
    near(value(&after, "pagoda_http_request_duration_seconds_count", &labels), 5.0);
    assert!(value(&after, "pagoda_http_request_duration_seconds_sum", &labels) > 0.0);
    // The scrape itself.
    near(value(&after, "pagoda_http_requests_in_flight", &[]), 1.0);
    let series = |families: &BTreeMap<String, Family>| -> usize {
        families.values().map(|family| family.samples.len()).sum()
    };
    // Three routes were new: the other ones, invented methods, lists of entries.
    assert!(series(&after) < series(&before) + 100, "{} grew to {}", series(&before), series(&after));
    // Buckets hold what is below them.
    for (labels, _) in after["pagoda_http_request_duration_seconds"]
        .samples
        .iter()
        .filter_map(|(name, sample)| name.ends_with("_count").then_some(sample))
    {
        let buckets: Vec<f64> = after["pagoda_http_request_duration_seconds"]
            .samples
            .iter()
            .filter(|(name, (found, _))| {
                let mut found = found.clone();
                name.ends_with("_bucket") && found.remove("le").is_some() && found == *labels
            })
            .map(|(_, (_, value))| *value)
            .collect();
        assert!(buckets.len() == 15 && buckets.is_sorted(), "{labels:?}: {buckets:?}");
    }
}

/// The first cells of a table's rows in the section `## Metrics`: name, and names of labels.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(root.join("docs/operations.md")).unwrap();
    let (_, section) = text.split_once("\n## Metrics\n").expect("docs/operations.md has no `## Metrics`");
    let section = section.split("\n## ").next().unwrap();
    let words =
        |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let mut cells = line.trim_matches('|').split(" | ");
        let name = words(cells.next().unwrap()).remove(0);
        (name, words(cells.next().unwrap()).into_iter().collect())
    })
    .collect()
}

fn everything_has_a_row_in_the_documents(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    app.get("/entity/api/v2/").expect(200);
    let (shown, documented) = (scrape(&app), documented());
    // Names as a query names them: counters with their ending.
    let name = |name: &str, family: &Family| match family.kind.as_str() {
        "counter" => format!("{name}_total"),
        _ => name.to_owned(),
    };
    let found: BTreeSet<String> = shown.iter().map(|(found, family)| name(found, family)).collect();
    let written: BTreeSet<String> = documented.keys().cloned().collect();
    // Only Linux shows the process.
    let of_process = |name: &&String| cfg!(target_os = "linux") || !name.starts_with("process_");
    assert_eq!(found, written.iter().filter(of_process).cloned().collect::<BTreeSet<_>>());
    for (found, family) in &shown {
        let expected = &documented[&name(found, family)];
        for (_, (labels, _)) in &family.samples {
            let labels: BTreeSet<String> = labels.keys().filter(|label| *label != "le").cloned().collect();
            assert_eq!(labels, *expected, "{found}");
        }
    }
    let kind = if database == Database::Sqlite { "sqlite" } else { "postgres" };
    let labels = [("database", kind), ("version", env!("CARGO_PKG_VERSION"))];
    assert!(value(&shown, "pagoda_build_info", &labels) > 0.0);
    let pool = if database == Database::Sqlite { "read" } else { "all" };
    assert!((value(&shown, "pagoda_database_connections_max", &[("pool", pool)]) - 8.0).abs() < 0.1);
}

fn metrics_can_be_kept_for_administrators(database: Database) {
    let change = |config: &mut Config| config.limits.metrics_access = MetricsAccess::Administrators;
    let Some(app) = TestApp::with(database, Contributions::default(), change) else { return };
    let (_, guest) = app.user(|_| {});
    assert_eq!(app.request("GET", "/metrics", &[], None).expect(403).codes(), ["AE-000000"]);
    assert_eq!(app.with_token("wrong", "GET", "/metrics", None).expect(403).codes(), ["AE-000000"]);
    let refused = app.with_token(&guest, "GET", "/metrics", None).expect(403);
    assert_eq!(refused.codes(), ["AE-210000"]);
    assert!(refused.header("x-request-id").is_some());
    assert!(app.get("/metrics").expect(200).body.ends_with("# EOF\n"));
    assert_eq!(app.post("/metrics", json!({})).expect(405).codes(), ["AE-999999"]);
    // Open to everybody, other methods are none either.
    let app = TestApp::bare(database).unwrap();
    app.request("GET", "/metrics", &[], None).expect(200);
    app.request("DELETE", "/metrics", &[], None).expect(405);
}

fn readiness_says_how_the_parts_are(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    let ready = app.request("GET", "/health/ready", &[], None).expect(200).json();
    assert_eq!((&ready["status"], &ready["parts"]["database"]), (&json!("ready"), &json!("answers")));
    assert_eq!(
        (&ready["parts"]["accepting"], &ready["parts"]["operations"]["most"]),
        (&json!(true), &json!(256))
    );
    app.request("GET", "/health/live", &[], None).expect(200);
}
