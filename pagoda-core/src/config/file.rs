//! The configuration file: TOML, whose keys are those of [`super::VARIABLES`], and `[plugins.<id>]`,
//! `[plugin_policy.<id>]` and `[secrets]`.

use super::Config;
use super::env::setter;
use std::path::Path;
use toml::{Table, Value};

pub(super) fn apply(
    path: &Path,
    environment: &[(String, String)],
    config: &mut Config,
    problems: &mut Vec<String>,
) {
    let shown = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return problems.push(format!("{shown}: cannot be read: {error}")),
    };
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return problems.push(format!("{shown}: {error}")),
    };
    for (key, value) in table {
        let at = || match line_of(&text, &key) {
            Some(line) => format!("{shown}:{line}: {key}"),
            None => format!("{shown}: {key}"),
        };
        if key == "plugins" {
            if let Err(problem) = apply_plugins(value, config) {
                problems.push(format!("{}: {problem}", at()));
            }
            continue;
        }
        if key == "plugin_policy" {
            if let Err(problem) = apply_policies(value, config) {
                problems.push(format!("{}: {problem}", at()));
            }
            continue;
        }
        if key == "secrets" {
            for problem in super::secrets::of_table(value, environment, config) {
                problems.push(format!("{}: {problem}", at()));
            }
            continue;
        }
        let Some(set) = setter(&key) else {
            let keys: Vec<_> = super::VARIABLES.iter().map(|(_, key, _)| *key).collect();
            problems.push(format!(
                "{}: unknown key; expected one of {}, plugins, plugin_policy, secrets",
                at(),
                keys.join(", ")
            ));
            continue;
        };
        if let Err(expected) = as_text(&value).and_then(|text| set(config, &text)) {
            problems.push(format!("{}: {expected}", at()));
        }
    }
}

/// Lists of names may be lists in the file, and JSON objects may be tables.
fn as_text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Boolean(flag) => Ok(flag.to_string()),
        Value::Array(list) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            texts.map(|texts| texts.join(",")).ok_or_else(|| "expected a list of strings".to_owned())
        }
        Value::Table(_) => serde_json::to_string(value).map_err(|error| error.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Datetime(_) => Err("expected a string, a number or a boolean".to_owned()),
    }
}

fn apply_plugins(value: Value, config: &mut Config) -> Result<(), String> {
    let Value::Table(sections) = value else {
        return Err("expected tables: [plugins.<id>]".to_owned());
    };
    for (id, section) in sections {
        if !section.is_table() {
            return Err(format!("{id}: expected a table: [plugins.{id}]"));
        }
        let section = serde_json::to_value(section).map_err(|error| format!("{id}: {error}"))?;
        config.plugins.sections.insert(id, section);
    }
    Ok(())
}

fn apply_policies(value: Value, config: &mut Config) -> Result<(), String> {
    let Value::Table(sections) = value else {
        return Err("expected tables: [plugin_policy.<id>]".to_owned());
    };
    for (id, section) in sections {
        let policy = super::policy::read(section).map_err(|problem| format!("{id}: {problem}"))?;
        config.plugins.policies.insert(id, policy);
    }
    Ok(())
}

/// The line on which a top-level key stands, for messages.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let is_key = |line: &str| {
        let line = line.trim_start();
        let rest = line.strip_prefix('[').unwrap_or(line).strip_prefix(key);
        rest.is_some_and(|rest| rest.trim_start().starts_with(['=', ']', '.']))
    };
    text.lines().position(is_key).map(|index| index + 1)
}
