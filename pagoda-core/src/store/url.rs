//! `DATABASE_URL`: which database, and nothing else.
//!
//! Only URLs with a scheme are accepted. A bare path would be ambiguous, and a typing error in a scheme would
//! silently make a new, empty SQLite file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

const ACCEPTED: &str = "a database URL is sqlite://relative/path, sqlite:///absolute/path or postgres://user:password@host:port/database";

/// A database that this program can use, as the operator named it.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A SQLite file, made if it does not exist.
    Sqlite(PathBuf),
    /// A PostgreSQL server and a database in it.
    Postgres(PostgresUrl),
}

/// Where a database server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// At a port of a host.
    Tcp {
        /// Name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// At a socket in this directory.
    Socket(PathBuf),
}

/// The parts of a `postgres://` URL. Cannot be printed with its password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    config: Box<Config>,
    target: String,
}

impl DatabaseUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// A sentence for the operator that says what is accepted. It never contains the password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!("not a URL with a scheme: {ACCEPTED}"));
        };
        match scheme {
            "sqlite" => sqlite_path(rest).map(Self::Sqlite),
            "postgres" | "postgresql" => PostgresUrl::parse(text).map(Self::Postgres),
            _ => Err(format!("the scheme \"{scheme}\" is not known: {ACCEPTED}")),
        }
    }

    /// What is connected to: a file path, or host and port. Never a password.
    pub fn target(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres(url) => url.target.clone(),
        }
    }
}

fn sqlite_path(rest: &str) -> Result<PathBuf, String> {
    if rest.is_empty() || rest.ends_with('/') {
        return Err(format!("the SQLite URL names no file: {ACCEPTED}"));
    }
    if rest.contains(":memory:") {
        return Err(format!(
            "SQLite in memory is not supported, every connection would see its own: {ACCEPTED}"
        ));
    }
    if rest.contains(['?', '#', '\0']) {
        return Err(format!("a SQLite URL takes no parameters: {ACCEPTED}"));
    }
    Ok(Path::new(rest).to_path_buf())
}

impl PostgresUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", mode)) => check_sslmode(mode)?,
                _ => kept.push(pair),
            }
        }
        let url = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
        // The driver's message names the option that is wrong, not its value.
        let mut config = Config::from_str(&url)
            .map_err(|error| format!("the PostgreSQL URL cannot be read: {}", chain(&error)))?;
        if config.get_hosts().is_empty() {
            return Err(format!("the PostgreSQL URL names no host: {ACCEPTED}"));
        }
        config.ssl_mode(SslMode::Disable);
        let target = hosts(&config);
        Ok(Self { config: Box::new(config), target })
    }

    /// Where the server is reached, all alternatives that the URL names.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let hosts = self.config.get_hosts().iter().enumerate();
        let endpoints = hosts.map(|(index, host)| match host {
            Host::Tcp(name) => Endpoint::Tcp { host: name.clone(), port: port(&self.config, index) },
            #[cfg(unix)]
            Host::Unix(path) => Endpoint::Socket(path.clone()),
        });
        endpoints.collect()
    }

    /// What the driver needs to connect, the password included.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }
}

fn check_sslmode(mode: &str) -> Result<(), String> {
    match mode {
        "disable" | "allow" | "prefer" => Ok(()),
        "require" | "verify-ca" | "verify-full" => Err(format!(
            "sslmode={mode} asks for TLS to PostgreSQL, which is not built in yet: use a local connection or a tunnel, and sslmode=disable"
        )),
        _ => Err("sslmode is one of disable, allow, prefer".to_owned()),
    }
}

/// An error with its sources: the driver puts the useful half into the source.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = error.source();
    }
    text
}

/// The port of the host at this place of the URL.
fn port(config: &Config, index: usize) -> u16 {
    let ports = config.get_ports();
    ports.get(index).or(ports.first()).copied().unwrap_or(5432)
}

fn hosts(config: &Config) -> String {
    let port = |index: usize| port(config, index);
    let names = config.get_hosts().iter().enumerate().map(|(index, host)| match host {
        Host::Tcp(name) if name.contains(':') => format!("[{name}]:{}", port(index)),
        Host::Tcp(name) => format!("{name}:{}", port(index)),
        #[cfg(unix)]
        Host::Unix(path) => format!("{}:{}", path.display(), port(index)),
    });
    names.collect::<Vec<_>>().join(",")
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(PostgresUrl { config, target }) => {
                f.write_str("postgres://")?;
                if let Some(user) = config.get_user() {
                    f.write_str(user)?;
                    f.write_str(if config.get_password().is_some() { ":***@" } else { "@" })?;
                }
                write!(f, "{target}/{}", config.get_dbname().unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({})", self.target)
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(text: &str) -> String {
        DatabaseUrl::parse(text).unwrap_err()
    }

    #[test]
    fn sqlite_paths_are_relative_or_absolute() {
        assert_eq!(DatabaseUrl::parse("sqlite://a/b.db"), Ok(DatabaseUrl::Sqlite("a/b.db".into())));
        assert_eq!(DatabaseUrl::parse("sqlite:///a/b.db"), Ok(DatabaseUrl::Sqlite("/a/b.db".into())));
    }

    #[test]
    fn anything_else_is_refused_with_what_is_accepted() {
        for text in [
            "",
            "a.db",
            "/a/b.db",
            "sqlite:a.db",
            "sqlite://",
            "sqlite:///",
            "mysql://h/d",
            "postgres:///d",
            "sqlite://:memory:",
            "sqlite://a?mode=ro",
        ] {
            assert!(refusal(text).contains("sqlite:///absolute/path"), "{text}: {}", refusal(text));
        }
    }

    #[test]
    fn passwords_are_not_printed() {
        for scheme in ["postgres", "postgresql"] {
            let url =
                DatabaseUrl::parse(&format!("{scheme}://me:s3cret@db:5433/pagoda?sslmode=prefer")).unwrap();
            assert_eq!(url.to_string(), "postgres://me:***@db:5433/pagoda");
            assert_eq!(url.target(), "db:5433");
            assert!(!format!("{url:?}").contains("s3cret"));
        }
        assert!(!refusal("postgres://me:s3cret@db:port/pagoda").contains("s3cret"));
    }

    #[test]
    fn endpoints_are_all_that_the_url_names() {
        let endpoints = |text: &str| match DatabaseUrl::parse(text).unwrap() {
            DatabaseUrl::Postgres(url) => url.endpoints(),
            DatabaseUrl::Sqlite(_) => panic!("{text}"),
        };
        let tcp = |host: &str, port| Endpoint::Tcp { host: host.to_owned(), port };
        assert_eq!(endpoints("postgres://a:1,b:2/d"), [tcp("a", 1), tcp("b", 2)]);
        assert_eq!(endpoints("postgres://me@db/d"), [tcp("db", 5432)]);
        let socket = Endpoint::Socket("/run/postgresql".into());
        assert_eq!(endpoints("postgres://%2Frun%2Fpostgresql/d"), [socket]);
    }

    #[test]
    fn tls_is_refused_until_it_exists() {
        for mode in ["require", "verify-ca", "verify-full"] {
            assert!(refusal(&format!("postgres://db/pagoda?sslmode={mode}")).contains("not built in yet"));
        }
        for mode in ["disable", "allow", "prefer"] {
            assert!(
                DatabaseUrl::parse(&format!("postgres://db/pagoda?sslmode={mode}&connect_timeout=3")).is_ok()
            );
        }
        assert!(refusal("postgres://db/pagoda?sslmode=maybe").contains("sslmode"));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,40}", scheme in "(sqlite|postgres)://") {
            let _ = DatabaseUrl::parse(&text);
            let _ = DatabaseUrl::parse(&format!("{scheme}{text}"));
        }

        #[test]
        fn a_sqlite_url_reads_back_as_itself(path in "/?[a-z0-9._-]{1,10}(/[a-z0-9._ -]{1,10}){0,3}") {
            let text = format!("sqlite://{path}");
            prop_assert_eq!(DatabaseUrl::parse(&text).unwrap().to_string(), text);
        }

        #[test]
        fn no_password_is_ever_shown(password in "Q[a-zA-Z0-9]{8,20}") {
            let url = DatabaseUrl::parse(&format!("postgres://me:{password}@db/pagoda")).unwrap();
            prop_assert!(!url.to_string().contains(&password));
            let debug = format!("{url:?}");
            prop_assert!(!debug.contains(&password));
        }
    }
}
