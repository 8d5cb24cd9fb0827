//! `[secrets]` and `PAGODA_SECRET_<NAME>`: what operators keep for plugins. No message repeats a value.

use super::Config;
use pagoda_plugin_sdk::secret::{SecretValue, is_valid_name};
use std::path::{Path, PathBuf};
use toml::Value;

const FORM: &str = "expected a string, { file = \"/path\" } or { env = \"NAME\" }";

/// Largest file of a secret, in bytes; a larger one is another file.
const MOST_BYTES: u64 = 64 * 1024;

/// Reads the table of the configuration file; what is wrong, each with its name.
pub(super) fn of_table(value: Value, environment: &[(String, String)], config: &mut Config) -> Vec<String> {
    let Value::Table(table) = value else { return vec!["expected a table: [secrets]".to_owned()] };
    let mut problems = Vec::new();
    for (name, value) in table {
        if !is_valid_name(&name) {
            problems.push(format!(
                "{name}: the name of a secret holds a-z, 0-9, `_` and `-` and starts with a letter"
            ));
            continue;
        }
        match one(value, environment, config).and_then(not_empty) {
            Ok(secret) => {
                config.plugins.secrets.named.insert(name, SecretValue::new(secret));
            }
            Err(problem) => problems.push(format!("{name}: {problem}")),
        }
    }
    problems
}

fn one(value: Value, environment: &[(String, String)], config: &mut Config) -> Result<String, String> {
    let table = match value {
        Value::String(secret) => return Ok(secret),
        Value::Table(table) => table,
        _ => return Err(FORM.to_owned()),
    };
    let mut keys = table.into_iter();
    match (keys.next(), keys.next()) {
        (Some((key, Value::String(path))), None) if key == "file" => {
            let path = PathBuf::from(path);
            let secret = of_file(&path);
            config.secret_files.push(path);
            secret
        }
        (Some((key, Value::String(variable))), None) if key == "env" => {
            let found =
                environment.iter().find(|(name, _)| *name == variable).map(|(_, value)| value.clone());
            found.ok_or_else(|| format!("the environment variable {variable} is not set, or no text"))
        }
        _ => Err(FORM.to_owned()),
    }
}

/// The content of a file, without the end of its last line.
fn of_file(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    if std::fs::metadata(path).map_err(cannot)?.len() > MOST_BYTES {
        return Err(format!("{} is larger than {MOST_BYTES} bytes", path.display()));
    }
    let text = std::fs::read_to_string(path).map_err(cannot)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn not_empty(secret: String) -> Result<String, String> {
    if secret.is_empty() { Err("it is empty".to_owned()) } else { Ok(secret) }
}

/// Takes a variable of the environment; whether a plugin declares it is seen later.
pub(super) fn of_variable(name: String, value: String, config: &mut Config, problems: &mut Vec<String>) {
    match not_empty(value) {
        Ok(value) => {
            config.plugins.secrets.variables.insert(name, SecretValue::new(value));
        }
        Err(problem) => problems.push(format!("environment variable {name}: {problem}")),
    }
}
