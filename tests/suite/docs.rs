//! What the documents say is what there is.
//!
//! `PAGODA_UPDATE_DOCS=1 cargo test -p pagoda-tests docs` rewrites the parts that are generated.

use crate::server::{Database, TestApp};
use pagoda_core::config::{Config, VARIABLES};
use pagoda_plugin_sdk::catalogue::{FiringState, Group, POINTS};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Everything for readers, by its path in the repository.
fn documents() -> Vec<String> {
    let mut found: Vec<String> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_owned).into();
    for folder in
        ["docs", "plugins/chaos", "plugins/hello-world", "plugins/naming-policy", "examples/pci-ids"]
    {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// The text between two marks of a document.
fn generated(text: &str) -> Option<(usize, usize)> {
    const BEGIN: &str = "<!-- generated: begin -->\n";
    let begin = text.find(BEGIN)? + BEGIN.len();
    let end = begin + text.get(begin..)?.find("<!-- generated: end -->")?;
    Some((begin, end))
}

fn points_table() -> String {
    let mut text = String::new();
    for (group, title) in [
        (Group::Common, "Common points"),
        (Group::Pagoda, "Points of Pagoda"),
        (Group::Extension, "Extensions"),
    ] {
        let points: Vec<_> = POINTS.iter().filter(|point| point.group == group).collect();
        text.push_str(&format!("\n### {title} ({})\n\n", points.len()));
        text.push_str("| Point | Kind | Payload | `entity =` | State |\n|---|---|---|---|---|\n");
        for point in points {
            let state = match point.state {
                FiringState::Fires(place) => format!("fires: {place}"),
                FiringState::Awaits(operation) => format!("awaits {operation}"),
            };
            let by_entity = if point.by_entity { "yes" } else { "no" };
            let kind = point.kind.as_str();
            let (name, payload) = (point.name, point.payload);
            text.push_str(&format!("| `{name}` | {kind} | `{payload}` | {by_entity} | {state} |\n"));
        }
    }
    let fire = POINTS.iter().filter(|point| matches!(point.state, FiringState::Fires(_))).count();
    text.push_str(&format!(
        "\n{} points: {fire} fire, {} await their operation.\n\n### Other names\n\n",
        POINTS.len(),
        POINTS.len() - fire
    ));
    text.push_str("| Old name | Point |\n|---|---|\n");
    for point in &POINTS {
        for alias in point.aliases {
            text.push_str(&format!("| `{alias}` | `{}` |\n", point.name));
        }
    }
    text.push_str("| `airone.…` | `pagoda.…` |\n\n");
    text
}

#[test]
fn the_table_of_hook_points_is_that_of_the_catalogue() {
    let (path, mut text, table) = ("docs/hooks.md", read("docs/hooks.md"), points_table());
    let (begin, end) = generated(&text).expect("docs/hooks.md has no marks");
    if std::env::var_os("PAGODA_UPDATE_DOCS").is_some_and(|value| value == "1") {
        text.replace_range(begin..end, &table);
        std::fs::write(root().join(path), text).unwrap();
        return;
    }
    let written = &text[begin..end];
    assert!(
        written == table,
        "{path} differs from the catalogue; PAGODA_UPDATE_DOCS=1 cargo test -p pagoda-tests docs rewrites it"
    );
}

#[test]
fn every_folder_of_the_host_is_in_the_architecture() {
    let text = read("ARCHITECTURE.md");
    let mut folders = vec![root().join("pagoda-core/src")];
    let mut missing = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                let inside = path.strip_prefix(root().join("pagoda-core/src")).unwrap();
                let name = format!("`{}/`", inside.to_string_lossy().replace('\\', "/"));
                if !text.contains(&name) {
                    missing.push(name);
                }
                folders.push(path);
            }
        }
    }
    assert!(missing.is_empty(), "ARCHITECTURE.md names no {missing:?}");
    assert!(text.lines().count() <= 300, "ARCHITECTURE.md has {} lines", text.lines().count());
}

/// The cells of the row of a table that begins with `first`.
fn row<'a>(text: &'a str, first: &str) -> Option<Vec<&'a str>> {
    let cells = |line: &'a str| -> Vec<&'a str> {
        line.trim().trim_matches('|').split(" | ").map(str::trim).collect()
    };
    text.lines().filter(|line| line.starts_with('|')).map(cells).find(|cells| cells.first() == Some(&first))
}

#[test]
fn the_first_steps_are_answered_as_the_readme_says() {
    let text = read("README.md");
    let (_, steps) = text.split_once("## First steps").expect("README.md has no `## First steps`");
    let (steps, _) = steps.split_once("\n## ").unwrap();
    let app = TestApp::bare(Database::Sqlite).unwrap();
    let mut asked = 0;
    for step in steps.split("\n$ send ").skip(1) {
        let (request, shown) = step.split_once('\n').unwrap();
        let (shown, _) = shown.split_once("\n```").unwrap_or((shown, ""));
        let shown: Value = serde_json::from_str(&shown.replace('\n', "")).unwrap();
        let answer = match request.split_once(" -d ") {
            Some((path, body)) => app.post(path, serde_json::from_str(body.trim_matches('\'')).unwrap()),
            None => app.get(request),
        };
        assert_eq!(answer.json(), shown, "{request}");
        asked += 1;
    }
    assert!(asked >= 3, "{asked} requests were found");
}

#[test]
fn every_variable_is_in_the_readme_with_its_key() {
    let text = read("README.md");
    for (variable, key, _) in VARIABLES {
        let found = row(&text, &format!("`{key}`"));
        let found = found.unwrap_or_else(|| panic!("README.md has no row for the key {key}"));
        assert_eq!(found.get(1), Some(&format!("`{variable}`").as_str()), "{key}");
        assert!(found.len() == 4 && found.iter().all(|cell| !cell.is_empty()), "{found:?}");
    }
    // Defaults that are one value in the code.
    let default = Config::default();
    for (key, value) in [
        ("bind", default.bind.to_string()),
        ("database_connections", default.database_connections.to_string()),
        ("database_timeout_ms", default.database_timeout.as_millis().to_string()),
        ("max_body_bytes", default.max_body_bytes.to_string()),
        ("max_response_bytes", default.limits.max_response_bytes.to_string()),
        ("login_delay_max_s", default.limits.login_delay_max.as_secs().to_string()),
        ("plugin_queue", default.limits.plugin_queue.to_string()),
        ("shutdown_timeout_s", default.shutdown_timeout.as_secs().to_string()),
        ("session_lifetime_s", default.session_lifetime.as_secs().to_string()),
        ("time_zone", "Asia/Tokyo".to_owned()),
        ("audit", default.audit.to_string()),
        ("audit_retention_days", default.audit_retention_days.unwrap_or_default().to_string()),
        ("job_timeout_s", default.jobs.timeout.as_secs().to_string()),
        ("job_retention_days", default.jobs.retention_days.unwrap_or_default().to_string()),
        ("log", default.log),
        ("strict", default.strict.to_string()),
    ] {
        assert_eq!(row(&text, &format!("`{key}`")).unwrap()[2], format!("`{value}`"), "{key}");
    }
}

/// Where the links of a document lead, without those to other sites.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        if code {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let Some((target, _)) = line[at + 2..].split_once(')') else { continue };
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push(target.to_owned());
            }
        }
    }
    found
}

/// The anchors of a document: its headings as code hosts make them.
fn anchors(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|title| {
            let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let mut dead = Vec::new();
    for document in documents() {
        let text = read(&document);
        let here = root().join(&document);
        for link in links(&text) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { here.clone() } else { here.parent().unwrap().join(path) };
            let alive = target.exists()
                && (anchor.is_empty()
                    || anchors(&std::fs::read_to_string(&target).unwrap()).iter().any(|has| has == anchor));
            if !alive {
                dead.push(format!("{document}: {link}"));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

/// The paragraphs of the blocks that are marked as `rust`, and only so.
fn rust_paragraphs(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    let mut paragraph = String::new();
    for line in text.lines() {
        match line {
            "```rust" => inside = true,
            "```" | "" if inside => {
                found.push(std::mem::take(&mut paragraph));
                inside = line.is_empty();
            }
            line if inside => {
                paragraph.push_str(line);
                paragraph.push('\n');
            }
            _ => {}
        }
    }
    found.retain(|paragraph| !paragraph.is_empty());
    found
}

#[test]
fn code_in_the_documents_is_code_that_compiles() {
    let examples = ["thirty_lines", "asset_tags", "warranty"].map(|name| {
        let text = read(&format!("pagoda-plugin-sdk/examples/{name}.rs"));
        format!("\n{text}\n")
    });
    for document in ["README.md", "docs/first-plugin.md", "docs/outbound.md"] {
        let paragraphs = rust_paragraphs(&read(document));
        assert!(paragraphs.len() > 3, "{document} shows no code");
        for paragraph in paragraphs {
            let compiled = examples.iter().any(|text| text.contains(&format!("\n{paragraph}")));
            assert!(compiled, "{document} shows code that no example has:\n{paragraph}");
        }
    }
}

/// The compiler's messages in the documents are those that the tests of the macros expect.
#[test]
fn messages_in_the_documents_are_those_of_the_compiler() {
    let mut known = String::new();
    for entry in std::fs::read_dir(root().join("pagoda-plugin-sdk/tests/ui/fail")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "stderr") {
            known.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    let text = read("docs/first-plugin.md");
    let (_, section) = text.split_once("## Messages").expect("docs/first-plugin.md has no `## Messages`");
    let section = section.split("\n## ").next().unwrap_or_default();
    let said: Vec<_> = section.lines().filter(|line| line.starts_with("error")).collect();
    assert!(said.len() >= 5, "{said:?}");
    for message in said {
        assert!(known.contains(&format!("{message}\n")), "no test of the macros expects: {message}");
    }
}

#[test]
fn the_unreleased_changes_come_first() {
    let text = read("CHANGELOG.md");
    let first = text.lines().find(|line| line.starts_with("## "));
    assert_eq!(first, Some("## Unreleased"));
}
