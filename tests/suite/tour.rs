//! `docs/api.md` is true: every command of it is run, in its order, against a new server, and has to say what stands there.
//!
//! `PAGODA_UPDATE_DOCS=1 cargo test -p pagoda-tests tour` writes down what they say now.

use crate::server::{Database, TestApp, on_both_databases};
use pagoda_core::plugins::contributions::Contributions;
use regex::Regex;
use std::path::{Path, PathBuf};
use std::process::Command;

on_both_databases! {
    every_command_of_the_tour_says_what_the_tour_says;
}

/// Where the server of the tour is.
const SERVER: &str = "http://127.0.0.1:8080";

/// Longest line of an answer in the document.
const WIDTH: usize = 126;

/// Between the answers to two commands.
const MARK: char = '\u{1e}';

/// A part of the document.
#[derive(Debug)]
enum Part {
    /// Lines that are not run.
    Text(String),
    /// A command, and what it says.
    Command { line: String, says: String },
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/api.md")
}

fn parts(text: &str) -> Vec<Part> {
    let (mut parts, mut inside) = (Vec::new(), false);
    for line in text.lines() {
        match (inside, line.strip_prefix("$ "), parts.last_mut()) {
            (true, Some(command), _) => {
                parts.push(Part::Command { line: command.to_owned(), says: String::new() });
            }
            // A command goes on while a quote is open.
            (true, None, Some(Part::Command { line: command, says })) if line != "```" => {
                if says.is_empty() && command.matches('\'').count() % 2 == 1 {
                    command.push('\n');
                    command.push_str(line);
                } else {
                    says.push_str(line);
                    says.push('\n');
                }
            }
            _ => {
                inside = line == "```console";
                parts.push(Part::Text(line.to_owned()));
            }
        }
    }
    parts
}

/// What differs from run to run becomes `…`.
fn without_what_changes(text: &str, base: &str) -> String {
    let text = text.replace(base, SERVER);
    let changing = [
        // Times, and names of what was deleted at one.
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+\d\d:\d\d|Z)?",
        r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d",
        r"(?:_deleted_)\d{8}_\d{6}",
        // Tokens and choices without a value of their own.
        r"\b[0-9a-f]{40}\b",
        r"\b[0-9a-f]{32}\b",
        r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b",
    ];
    changing.iter().fold(text, |text, pattern| {
        let replaced = if pattern.contains("_deleted_") { "_deleted_…" } else { "…" };
        Regex::new(pattern).unwrap().replace_all(&text, replaced).into_owned()
    })
}

/// Long lines are broken behind a comma, where JSON does not mind.
fn broken(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let mut line = line.to_owned();
        while line.chars().count() > WIDTH {
            let most = line.char_indices().nth(WIDTH).map_or(line.len(), |(at, _)| at);
            let Some(at) = line.get(..most).and_then(|head| head.rfind(',')) else { break };
            let rest = line.split_off(at + 1);
            lines.push(std::mem::replace(&mut line, rest));
        }
        lines.push(line);
    }
    let mut text = lines.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Runs the commands in one shell and returns what each says.
fn run(app: &TestApp, commands: &[&str]) -> Vec<String> {
    let mut script = format!("pagoda() {{ echo {}; }}\n", app.token);
    for command in commands {
        script.push_str(&command.replace(SERVER, &app.base));
        script.push_str(&format!("\nprintf '{MARK}'\n"));
    }
    let ran = Command::new("bash")
        .args(["-c", &script])
        .current_dir(app.directory.path())
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap_or_else(|error| panic!("bash: {error}"));
    let complaints = String::from_utf8_lossy(&ran.stderr);
    assert!(complaints.is_empty(), "{complaints}");
    let said = String::from_utf8(ran.stdout).unwrap();
    let answers: Vec<String> = said
        .trim_end_matches(MARK)
        .split(MARK)
        .map(|answer| without_what_changes(answer, &app.base))
        .collect();
    assert_eq!(answers.len(), commands.len(), "{said}");
    answers
}

fn every_command_of_the_tour_says_what_the_tour_says(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::default(), |_| {}) else { return };
    let text = std::fs::read_to_string(path()).unwrap();
    let mut parts = parts(&text);
    let commands: Vec<&str> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Command { line, .. } => Some(line.as_str()),
            Part::Text(_) => None,
        })
        .collect();
    assert!(commands.len() > 15, "the tour is short: {commands:?}");
    let mut answers = run(&app, &commands).into_iter();
    let update = std::env::var_os("PAGODA_UPDATE_DOCS").is_some_and(|value| value == "1");
    for part in &mut parts {
        let Part::Command { line, says } = part else { continue };
        let answer = broken(&answers.next().unwrap());
        if update {
            *says = answer;
        } else {
            assert!(
                *says == answer,
                "docs/api.md: {line}\nsays there:\n{says}\nand here:\n{answer}\n\
                 PAGODA_UPDATE_DOCS=1 cargo test -p pagoda-tests tour writes it down"
            );
        }
    }
    if update && database == Database::Sqlite {
        let text: String = parts
            .into_iter()
            .map(|part| match part {
                Part::Text(line) => format!("{line}\n"),
                Part::Command { line, says } => format!("$ {line}\n{says}"),
            })
            .collect();
        std::fs::write(path(), text).unwrap();
    }
}
