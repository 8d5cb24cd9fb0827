//! The configuration: one typed struct, from defaults, a file, the environment and flags, in that order.
//!
//! Unknown keys and bad values stop the start; the message names the source, the key and what is expected.

mod accounts;
mod alerts;
mod env;
mod file;
mod jobs;
mod limits;
mod otlp;
mod policy;
mod proxies;
mod secret;
mod secrets;
mod webhooks;

pub use accounts::{AccountSettings, LoginPage, MailSettings};
pub use alerts::{AlertSettings, Smtp, SmtpTls, Webhook};
pub use env::{HANDED_OVER, QUARANTINE, VARIABLES};
pub use jobs::JobSettings;
pub use limits::{Limits, MetricsAccess};
pub use otlp::{Collector, OtlpSettings};
pub use proxies::Proxies;
pub use secret::Secret;
pub use webhooks::{WebhookAddresses, WebhookSettings};

use crate::plugins::registry::PluginSettings;
use crate::store::{DatabaseUrl, StoreOptions};
use pagoda_plugin_sdk::time::Zone;
use serde_json::{Map, Value};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

/// Whether the process gives up, at its start, what it will not need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confine {
    /// As far as the system can, with a warning about what it cannot.
    Auto,
    /// In full, or the server does not start.
    Require,
    /// Not at all.
    Off,
}

/// Everything that an operator can decide.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The database.
    pub database_url: DatabaseUrl,
    /// Connections for reading (SQLite), or in all (PostgreSQL).
    pub database_connections: u32,
    /// How long to wait for a database that does not answer.
    pub database_timeout: Duration,
    /// Largest size of the SQLite file in bytes; none means the disk's.
    pub sqlite_max_bytes: Option<u64>,
    /// Threads that serve requests; absent means one per processor.
    pub workers: Option<usize>,
    /// Largest request body in bytes.
    pub max_body_bytes: usize,
    /// Rates, shares and other limits.
    pub limits: Limits,
    /// How long running requests may go on after the server was told to stop.
    pub shutdown_timeout: Duration,
    /// How long a login lasts.
    pub session_lifetime: Duration,
    /// Whether cookies are for HTTPS only; absent means unless the server listens on loopback.
    pub secure_cookies: Option<bool>,
    /// The zone in which most times are shown.
    pub time_zone: Zone,
    /// Password of the administrator made at the first start; a random one when absent.
    pub admin_password: Option<String>,
    /// Whether who did what is recorded.
    pub audit: bool,
    /// What the audit log is signed with: the present key, then those of before.
    pub audit_keys: Vec<Secret>,
    /// Days for which rows of the audit log are kept; none means for ever.
    pub audit_retention_days: Option<u32>,
    /// Webhooks of entities.
    pub webhooks: WebhookSettings,
    /// What raises alerts, and who is told.
    pub alerts: AlertSettings,
    /// The login page, passwords set by mail, and how mail leaves.
    pub accounts: AccountSettings,
    /// Jobs.
    pub jobs: JobSettings,
    /// Where traces go.
    pub otlp: OtlpSettings,
    /// Filter of log lines, as `tracing_subscriber::EnvFilter` reads it.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Whether a problem with a plugin stops the start, instead of leaving the plugin out.
    pub strict: bool,
    /// Whether the process gives up what it will not need.
    pub confine: Confine,
    /// The file that a part of this was read from.
    pub file: Option<PathBuf>,
    /// Environment variables that look like settings and are none, for a warning.
    pub unknown_variables: Vec<String>,
    /// Plugins that the process which this one replaces had to cut out, with the reasons.
    pub quarantined: Vec<(String, String)>,
    /// Which plugins run, and their own configuration.
    pub plugins: PluginSettings,
    /// Files that secrets were read from.
    pub secret_files: Vec<PathBuf>,
    /// `BACKEND_PLUGIN_ENTITY_OVERRIDES`, kept until overrides exist.
    pub backend_overrides: Map<String, Value>,
    /// `FRONTEND_PLUGIN_ENTITY_OVERRIDES`, kept until pages exist.
    pub frontend_overrides: Map<String, Value>,
    /// `PLUGIN_OPERATION_ID_CONFIG`, kept until tasks exist.
    pub operation_ids: Map<String, Value>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            database_url: DatabaseUrl::Sqlite(PathBuf::from("pagoda-data/pagoda.db")),
            database_connections: 8,
            database_timeout: Duration::from_secs(5),
            sqlite_max_bytes: None,
            workers: None,
            max_body_bytes: 10 * 1024 * 1024,
            limits: Limits::default(),
            shutdown_timeout: Duration::from_secs(30),
            // Two weeks, as the system that this one replaces.
            session_lifetime: Duration::from_secs(14 * 24 * 3600),
            secure_cookies: None,
            // *Source: spec, entity §0.1.* The zone is in the database that is part of the binary.
            time_zone: Zone::named("Asia/Tokyo").unwrap_or_else(|_| Zone::utc()),
            admin_password: None,
            audit: true,
            audit_keys: Vec::new(),
            audit_retention_days: Some(365),
            webhooks: WebhookSettings::default(),
            alerts: AlertSettings::default(),
            accounts: AccountSettings::default(),
            jobs: JobSettings::default(),
            otlp: OtlpSettings::default(),
            log: "info".to_owned(),
            log_format: LogFormat::Auto,
            strict: false,
            confine: Confine::Auto,
            file: None,
            unknown_variables: Vec::new(),
            quarantined: Vec::new(),
            plugins: PluginSettings::default(),
            secret_files: Vec::new(),
            backend_overrides: Map::new(),
            frontend_overrides: Map::new(),
            operation_ids: Map::new(),
        }
    }
}

/// What the command line says; it wins over everything else.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--bind`
    pub bind: Option<String>,
    /// `--database-url`
    pub database_url: Option<String>,
    /// `--workers`
    pub workers: Option<String>,
    /// `--strict`
    pub strict: bool,
}

impl Config {
    /// Reads all layers.
    ///
    /// # Errors
    /// Every bad value, each a line that names source, key and expectation.
    pub fn load(
        flags: &Flags,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<String>> {
        let mut config = Self::default();
        let mut problems = Vec::new();
        let environment: Vec<(String, String)> = environment.into_iter().collect();
        if let Some(path) = &flags.config {
            file::apply(path, &environment, &mut config, &mut problems);
            config.file = Some(path.clone());
        }
        env::apply(environment, &mut config, &mut problems);
        let mut flag = |name: &str, value: &Option<String>, set: Setter| {
            if let Some(value) = value
                && let Err(expected) = set(&mut config, value)
            {
                problems.push(format!("{name} {value}: {expected}"));
            }
        };
        flag("--bind", &flags.bind, set_bind);
        flag("--database-url", &flags.database_url, set_database_url);
        flag("--workers", &flags.workers, set_workers);
        config.strict |= flags.strict;
        problems.extend(config.alerts.problems());
        problems.extend(config.otlp.problems(cfg!(feature = "otlp")));
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// How the store is opened.
    #[must_use]
    pub fn store_options(&self) -> StoreOptions {
        let mut options = StoreOptions::new(self.database_url.clone());
        options.readers = self.database_connections;
        options.connect_timeout = self.database_timeout;
        options.busy_timeout = self.database_timeout;
        options.sqlite_max_bytes = self.sqlite_max_bytes;
        options
    }

    /// Whether cookies are for HTTPS only.
    #[must_use]
    pub fn cookies_are_secure(&self) -> bool {
        self.secure_cookies.unwrap_or_else(|| !self.bind.ip().is_loopback())
    }
}

/// Puts a text into the configuration; the error says what is expected.
type Setter = fn(&mut Config, &str) -> Result<(), String>;

fn set_bind(config: &mut Config, value: &str) -> Result<(), String> {
    config.bind = value.parse().map_err(|_| "expected ADDRESS:PORT, such as 127.0.0.1:8080".to_owned())?;
    Ok(())
}

fn set_database_url(config: &mut Config, value: &str) -> Result<(), String> {
    config.database_url = DatabaseUrl::parse(value)?;
    Ok(())
}

fn number<T: TryFrom<u64>>(value: &str, least: u64, most: u64) -> Result<T, String> {
    let expected = || format!("expected an integer from {least} to {most}");
    let number: u64 = value.trim().parse().map_err(|_| expected())?;
    if !(least..=most).contains(&number) {
        return Err(expected());
    }
    T::try_from(number).map_err(|_| expected())
}

fn set_workers(config: &mut Config, value: &str) -> Result<(), String> {
    config.workers = Some(number(value, 1, 1024)?);
    Ok(())
}

fn set_connections(config: &mut Config, value: &str) -> Result<(), String> {
    config.database_connections = number(value, 1, 1024)?;
    Ok(())
}

fn set_database_timeout(config: &mut Config, value: &str) -> Result<(), String> {
    config.database_timeout = Duration::from_millis(number(value, 1, 600_000)?);
    Ok(())
}

fn set_sqlite_max_bytes(config: &mut Config, value: &str) -> Result<(), String> {
    config.sqlite_max_bytes = Some(number(value, 65_536, u64::MAX)?);
    Ok(())
}

fn set_max_body(config: &mut Config, value: &str) -> Result<(), String> {
    config.max_body_bytes = number(value, 1024, 1 << 40)?;
    Ok(())
}

fn set_shutdown_timeout(config: &mut Config, value: &str) -> Result<(), String> {
    config.shutdown_timeout = Duration::from_secs(number(value, 0, 3600)?);
    Ok(())
}

fn set_session_lifetime(config: &mut Config, value: &str) -> Result<(), String> {
    config.session_lifetime = Duration::from_secs(number(value, 60, 100_000_000)?);
    Ok(())
}

fn flag(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

fn set_secure_cookies(config: &mut Config, value: &str) -> Result<(), String> {
    config.secure_cookies = Some(flag(value)?);
    Ok(())
}

fn set_strict(config: &mut Config, value: &str) -> Result<(), String> {
    config.strict = flag(value)?;
    Ok(())
}

fn set_time_zone(config: &mut Config, value: &str) -> Result<(), String> {
    config.time_zone = Zone::named(value)?;
    Ok(())
}

fn set_admin_password(config: &mut Config, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err("expected a password, or leave it out for a random one".to_owned());
    }
    config.admin_password = Some(value.to_owned());
    Ok(())
}

fn set_audit(config: &mut Config, value: &str) -> Result<(), String> {
    config.audit = flag(value)?;
    Ok(())
}

/// Shorter secrets could be guessed by whoever has the log.
const LEAST_KEY: usize = 16;

fn set_audit_key(config: &mut Config, value: &str) -> Result<(), String> {
    let keys: Vec<&str> = value.split_whitespace().collect();
    if keys.is_empty() || keys.iter().any(|key| key.chars().count() < LEAST_KEY) {
        return Err(format!(
            "expected a secret of at least {LEAST_KEY} characters without blanks, and behind it, after blanks, those \
             that were in use before"
        ));
    }
    config.audit_keys = keys.into_iter().map(Secret::new).collect();
    Ok(())
}

fn set_audit_retention(config: &mut Config, value: &str) -> Result<(), String> {
    let days: u32 = number(value, 0, 36_500)?;
    config.audit_retention_days = (days > 0).then_some(days);
    Ok(())
}

fn set_log(config: &mut Config, value: &str) -> Result<(), String> {
    tracing_subscriber::EnvFilter::try_new(value)
        .map_err(|error| format!("expected a filter such as `info` or `pagoda_core=debug`: {error}"))?;
    config.log = value.to_owned();
    Ok(())
}

fn set_log_format(config: &mut Config, value: &str) -> Result<(), String> {
    config.log_format = match value {
        "auto" => LogFormat::Auto,
        "human" => LogFormat::Human,
        "json" => LogFormat::Json,
        _ => return Err("expected auto, human or json".to_owned()),
    };
    Ok(())
}

fn set_confine(config: &mut Config, value: &str) -> Result<(), String> {
    config.confine = match value {
        "auto" => Confine::Auto,
        "require" => Confine::Require,
        "off" => Confine::Off,
        _ => return Err("expected auto, require or off".to_owned()),
    };
    Ok(())
}

fn set_enabled(config: &mut Config, value: &str) -> Result<(), String> {
    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
    config.plugins.enabled = Some(names.collect());
    Ok(())
}

/// A time that a plugin may take, from a millisecond to a day.
fn plugin_time(value: &str) -> Result<Duration, String> {
    Ok(Duration::from_millis(number(value, 1, 86_400_000)?))
}

fn set_plugin_budget(config: &mut Config, value: &str) -> Result<(), String> {
    config.plugins.defaults.budget = plugin_time(value)?;
    Ok(())
}

fn set_plugin_route_budget(config: &mut Config, value: &str) -> Result<(), String> {
    config.plugins.defaults.route_budget = plugin_time(value)?;
    Ok(())
}

fn set_plugin_start_budget(config: &mut Config, value: &str) -> Result<(), String> {
    config.plugins.defaults.start_budget = plugin_time(value)?;
    Ok(())
}

fn set_plugin_hard_limit(config: &mut Config, value: &str) -> Result<(), String> {
    config.plugins.defaults.hard_limit = plugin_time(value)?;
    Ok(())
}

fn set_breaker_faults(config: &mut Config, value: &str) -> Result<(), String> {
    config.plugins.defaults.breaker.faults = number(value, 1, 1_000_000)?;
    Ok(())
}

fn set_breaker_window(config: &mut Config, value: &str) -> Result<(), String> {
    config.plugins.defaults.breaker.window = Duration::from_secs(number(value, 1, 86_400)?);
    Ok(())
}

fn set_breaker_pause(config: &mut Config, value: &str) -> Result<(), String> {
    config.plugins.defaults.breaker.pause = plugin_time(value)?;
    Ok(())
}

fn set_breaker_most_pause(config: &mut Config, value: &str) -> Result<(), String> {
    config.plugins.defaults.breaker.most_pause = Duration::from_secs(number(value, 1, 86_400)?);
    Ok(())
}

fn set_outbound_timeout(config: &mut Config, value: &str) -> Result<(), String> {
    config.plugins.defaults.outbound.timeout = plugin_time(value)?;
    Ok(())
}

fn set_outbound_max_bytes(config: &mut Config, value: &str) -> Result<(), String> {
    config.plugins.defaults.outbound.max_bytes = number(value, 1024, 1 << 40)?;
    Ok(())
}

/// A JSON object; blank means an empty one. *Source: spec, plugin system §1.2.*
fn json_object(value: &str) -> Result<Map<String, Value>, String> {
    if value.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(value) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("expected a JSON object".to_owned()),
        Err(error) => Err(format!("expected a JSON object: {error}")),
    }
}

fn set_backend_overrides(config: &mut Config, value: &str) -> Result<(), String> {
    config.backend_overrides = json_object(value)?;
    Ok(())
}

fn set_frontend_overrides(config: &mut Config, value: &str) -> Result<(), String> {
    config.frontend_overrides = json_object(value)?;
    Ok(())
}

fn set_operation_ids(config: &mut Config, value: &str) -> Result<(), String> {
    config.operation_ids = json_object(value)?;
    Ok(())
}

/// A configuration from variables alone, for the tests of this room.
#[cfg(test)]
fn load(variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(&Flags::default(), variables)
}

#[cfg(test)]
mod tests;
