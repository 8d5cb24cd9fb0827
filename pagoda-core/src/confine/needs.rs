//! What the configuration and the plugins need: the place to add a need to.

use super::rules::{Access, Ports, Rules};
use super::system;
use crate::config::{Config, WebhookSettings};
use crate::plugins::policy::PluginPolicy;
use crate::store::{DatabaseUrl, Endpoint, prepare_directory};
use anyhow::Context;
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::capability::Capability;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

/// Ports of a host that is named without one.
const WEB_PORTS: [u16; 2] = [80, 443];

/// The port of the domain name service, when an answer is too long for a datagram.
const DOMAIN_PORT: u16 = 53;

/// Somewhere that the server connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    /// Name or address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl Outbound {
    /// One destination.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// Reads `HOST` or `HOST:PORT`; without a port these are the ports of the web.
    ///
    /// # Errors
    /// What is expected, in a sentence.
    pub fn parse(text: &str) -> Result<Vec<Self>, String> {
        let (host, port) = split(text).ok_or_else(|| format!("`{text}`: expected HOST or HOST:PORT"))?;
        let ports = match port {
            Some(port) => vec![port],
            None => WEB_PORTS.to_vec(),
        };
        Ok(ports.into_iter().map(|port| Self::new(host, port)).collect())
    }

    /// Whether the host has to be found by name first.
    fn is_name(&self) -> bool {
        self.host.parse::<IpAddr>().is_err()
    }
}

fn split(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        // More than one colon is an address without a port.
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (text, None),
        },
    };
    let port = port.map(str::parse::<u16>).transpose().ok()?;
    if host.is_empty() || port == Some(0) { None } else { Some((host, port)) }
}

/// The rules for a server with this configuration, these plugins, and these destinations besides.
///
/// # Errors
/// The directory of the database cannot be made, or a host makes no sense.
pub fn rules(config: &Config, plugins: &[&PluginDecl], besides: &[Outbound]) -> anyhow::Result<Rules> {
    let mut rules = Rules::default();
    system::process(&mut rules);
    if let Some(file) = &config.file {
        rules.allow(absolute(file)?, Access::READ);
    }
    // Read again by a process that replaces this one.
    for file in &config.secret_files {
        rules.allow(absolute(file)?, Access::READ);
    }
    if let (None, Some(directory)) = (&config.alerts.smtp, &config.accounts.mail_directory) {
        let directory = absolute(directory)?;
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("mail_directory {}", directory.display()))?;
        rules.allow(directory, Access::READ | Access::WRITE | Access::CHANGE);
    }
    if config.bind.port() == 0 {
        rules.bind = Ports::Any;
    } else {
        rules.bind.add(config.bind.port());
    }
    let mut outbound = database(config, &mut rules)?;
    outbound.extend(of_config(config));
    outbound.extend(of_plugins(plugins, &config.plugins.policies)?);
    outbound.extend_from_slice(besides);
    for destination in &outbound {
        rules.connect.add(destination.port);
    }
    let reaches_out = !outbound.is_empty() || config.webhooks.enabled;
    if reaches_out {
        system::network(&mut rules);
    }
    if config.webhooks.enabled {
        webhooks(&config.webhooks, &mut rules)?;
    }
    if outbound.iter().any(Outbound::is_name) {
        rules.connect.add(DOMAIN_PORT);
    }
    Ok(rules)
}

fn database(config: &Config, rules: &mut Rules) -> anyhow::Result<Vec<Outbound>> {
    let endpoints = match &config.database_url {
        DatabaseUrl::Postgres(url) => url.endpoints(),
        DatabaseUrl::Sqlite(path) => {
            let path = prepare_directory(path)
                .with_context(|| format!("cannot open the database {}", config.database_url))?;
            let everything = Access::READ | Access::WRITE | Access::CHANGE;
            // SQLite keeps its side files beside the file itself, the server its lock beside the name.
            let real = std::fs::canonicalize(&path).ok();
            for file in std::iter::once(&path).chain(&real) {
                rules.allow(file.parent().unwrap_or(Path::new("/")), everything);
            }
            return Ok(Vec::new());
        }
    };
    let mut outbound = Vec::new();
    for endpoint in endpoints {
        match endpoint {
            Endpoint::Tcp { host, port } => outbound.push(Outbound::new(host, port)),
            Endpoint::Socket(directory) => rules.allow(directory, Access::READ),
        }
    }
    Ok(outbound)
}

/// Where the server itself connects to, besides its database: a line for every setting that names a host.
fn of_config(config: &Config) -> Vec<Outbound> {
    let alerts = &config.alerts;
    let mut outbound = Vec::new();
    if alerts.enabled {
        outbound.extend(alerts.webhook.iter().map(|webhook| Outbound::new(&webhook.host, webhook.port)));
    }
    // Users get mail whether or not anybody is told of alerts.
    outbound.extend(alerts.smtp.iter().map(|smtp| Outbound::new(&smtp.host, smtp.port)));
    let collector = config.otlp.endpoint.iter().filter(|_| cfg!(feature = "otlp"));
    outbound.extend(collector.map(|collector| Outbound::new(&collector.host, collector.port)));
    outbound
}

/// Where webhooks of entities lead: users write their addresses, so only the ports are known.
fn webhooks(settings: &WebhookSettings, rules: &mut Rules) -> anyhow::Result<()> {
    rules.connect.add(DOMAIN_PORT);
    match (&settings.hosts, &settings.ports) {
        (Some(hosts), _) => {
            for host in hosts {
                let destinations = Outbound::parse(&host.to_string())
                    .map_err(|problem| anyhow::anyhow!("a host of webhook_hosts: {problem}"))?;
                destinations.iter().for_each(|destination| rules.connect.add(destination.port));
            }
        }
        (None, Some(ports)) => ports.iter().for_each(|port| rules.connect.add(*port)),
        (None, None) => rules.connect = Ports::Any,
    }
    Ok(())
}

/// Where plugins connect to: what those that may reach out declare, or what the operator says instead.
fn of_plugins(
    plugins: &[&PluginDecl],
    policies: &BTreeMap<String, PluginPolicy>,
) -> anyhow::Result<Vec<Outbound>> {
    let mut outbound = Vec::new();
    for plugin in plugins {
        let policy = policies.iter().find(|(name, _)| plugin.is_called(name)).map(|(_, policy)| policy);
        let withheld = policy
            .is_some_and(|policy| policy.withhold.iter().any(|name| *name == Capability::ReachHttp.as_str()));
        if withheld || !plugin.capabilities.contains(&Capability::ReachHttp) {
            continue;
        }
        let declared = || plugin.http_hosts.iter().map(ToString::to_string).collect();
        let hosts: Vec<String> = policy.and_then(|policy| policy.http_hosts.clone()).unwrap_or_else(declared);
        for host in &hosts {
            let destinations = Outbound::parse(host)
                .map_err(|problem| anyhow::anyhow!("a host of plugin {}: {problem}", plugin.id))?;
            outbound.extend(destinations);
        }
    }
    Ok(outbound)
}

fn absolute(path: &Path) -> anyhow::Result<std::path::PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot find {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{Outbound, rules};
    use crate::config::{Config, Flags};
    use crate::confine::rules::Access;
    use crate::plugins::policy::PluginPolicy;
    use crate::store::DatabaseUrl;
    use pagoda_plugin_sdk::PluginDecl;
    use pagoda_plugin_sdk::capability::Capability;
    use pagoda_plugin_sdk::http::HostPattern;
    use proptest::prelude::*;

    static AT_HOME: PluginDecl = PluginDecl::new("at-home", "At home", "1.0.0");
    static PLUGIN: PluginDecl = PluginDecl::new("calls-out", "Calls out", "1.0.0")
        .with_capabilities(&[Capability::ReachHttp])
        .with_http_hosts(&["api.example.com:8443"]);

    /// Without webhooks, which lead to many places.
    fn quiet() -> Config {
        let mut config = Config::default();
        config.webhooks.enabled = false;
        config
    }

    #[test]
    fn webhooks_need_the_ports_that_they_may_lead_to() {
        let directory = tempfile::tempdir().unwrap();
        let database_url = DatabaseUrl::Sqlite(directory.path().join("p.db"));
        let mut config = Config { database_url, ..Config::default() };
        let ports = |config: &Config| rules(config, &[], &[]).unwrap().connect.to_string();
        assert_eq!(ports(&config), "53 80 443");
        config.webhooks.ports = None;
        assert_eq!(ports(&config), "any");
        config.webhooks.hosts = Some(vec![HostPattern::parse("*.ci.internal:8080").unwrap()]);
        assert_eq!(ports(&config), "53 8080");
        let readable = rules(&config, &[], &[]).unwrap().readable();
        assert!(!std::path::Path::new("/etc/hosts").exists() || readable.contains(&"/etc/hosts".to_owned()));
        config.webhooks.enabled = false;
        assert_eq!(ports(&config), "none");
    }

    #[test]
    fn hosts_with_and_without_ports() {
        let one = |host: &str, port| Ok(vec![Outbound::new(host, port)]);
        let web = |host: &str| Ok(vec![Outbound::new(host, 80), Outbound::new(host, 443)]);
        assert_eq!(Outbound::parse("api.example.com"), web("api.example.com"));
        assert_eq!(Outbound::parse("*.example.com:8443"), one("*.example.com", 8443));
        assert_eq!(Outbound::parse("[::1]:81"), one("::1", 81));
        assert_eq!(Outbound::parse("[::1]"), web("::1"));
        assert_eq!(Outbound::parse("fe80::1"), web("fe80::1"));
        for bad in ["", ":80", "a:", "a:x", "a:0", "a:65536", "[::1", "[::1]80", "[]:80"] {
            assert_eq!(Outbound::parse(bad), Err(format!("`{bad}`: expected HOST or HOST:PORT")));
        }
    }

    #[test]
    fn sqlite_needs_its_directory_and_no_network() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let config = Config {
            database_url: DatabaseUrl::Sqlite(data.join("p.db")),
            file: Some(directory.path().join("p.toml")),
            secret_files: vec![directory.path().join("key")],
            ..quiet()
        };
        std::fs::write(directory.path().join("key"), "").unwrap();
        std::fs::write(directory.path().join("p.toml"), "").unwrap();
        let found = rules(&config, &[&AT_HOME], &[]).unwrap();
        assert_eq!(found.changeable(), [data.display().to_string()]);
        for file in ["p.toml", "key"] {
            assert_eq!(found.paths.get(&directory.path().join(file)), Some(&Access::READ), "{file}");
        }
        assert!(!found.readable().iter().any(|path| path.contains("resolv") || path.contains("/ssl")));
        assert_eq!((found.bind.to_string(), found.connect.to_string()), ("8080".into(), "none".into()));
        // Found again, it is the same.
        assert_eq!(rules(&config, &[&AT_HOME], &[]).unwrap().digest(), found.digest());
    }

    #[cfg(unix)]
    #[test]
    fn a_database_behind_a_link_is_where_it_leads() {
        let directory = tempfile::tempdir().unwrap();
        let (real, link) = (directory.path().join("real"), directory.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::fs::create_dir(&link).unwrap();
        std::fs::write(real.join("p.db"), "").unwrap();
        std::os::unix::fs::symlink(real.join("p.db"), link.join("p.db")).unwrap();
        let config = Config { database_url: DatabaseUrl::Sqlite(link.join("p.db")), ..Config::default() };
        let found = rules(&config, &[], &[]).unwrap();
        assert_eq!(found.changeable(), [link, real].map(|path| path.display().to_string()));
    }

    #[test]
    fn postgres_plugins_and_others_need_their_ports() {
        let mut config = Config {
            bind: ([127, 0, 0, 1], 0).into(),
            database_url: DatabaseUrl::parse("postgres://db.internal:6000/d").unwrap(),
            ..quiet()
        };
        let ports = |config: &Config, plugins: &[&PluginDecl], besides: &[Outbound]| {
            let found = rules(config, plugins, besides).unwrap();
            (found.changeable(), found.bind.to_string(), found.connect.to_string())
        };
        // A name has to be looked up.
        assert_eq!(ports(&config, &[], &[]), (vec![], "any".into(), "53 6000".into()));
        config.database_url = DatabaseUrl::parse("postgres://127.0.0.1/d").unwrap();
        let policy =
            PluginPolicy { http_hosts: Some(vec!["10.0.0.1".to_owned()]), ..PluginPolicy::default() };
        config.plugins.policies.insert("calls-out".to_owned(), policy);
        assert_eq!(ports(&config, &[], &[]).2, "5432");
        assert_eq!(ports(&config, &[&PLUGIN], &[]).2, "80 443 5432");
        assert_eq!(ports(&config, &[], &[Outbound::new("10.0.0.2", 25)]).2, "25 5432");
        let policy = PluginPolicy { http_hosts: Some(vec!["a:b".to_owned()]), ..PluginPolicy::default() };
        config.plugins.policies.insert("calls-out".to_owned(), policy);
        let problem = rules(&config, &[&PLUGIN], &[]).unwrap_err().to_string();
        assert_eq!(problem, "a host of plugin calls-out: `a:b`: expected HOST or HOST:PORT");
    }

    #[test]
    fn alerts_need_the_ports_of_who_is_told() {
        let variables = [
            ("DATABASE_URL", "postgres://127.0.0.1/d"),
            ("PAGODA_ALERT_WEBHOOK_URL", "https://hooks.internal/x"),
            ("PAGODA_ALERT_EMAIL_TO", "ops@example.com"),
            ("PAGODA_ALERT_EMAIL_FROM", "pagoda@example.com"),
            ("PAGODA_SMTP_URL", "smtp://10.0.0.3"),
            ("PAGODA_WEBHOOKS", "off"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut config = Config::load(&Flags::default(), variables).unwrap();
        let ports = |config: &Config| rules(config, &[], &[]).unwrap().connect.to_string();
        assert_eq!(ports(&config), "53 443 587 5432");
        config.alerts.email_to.clear();
        // Users get mail too.
        assert_eq!(ports(&config), "53 443 587 5432");
        config.alerts.enabled = false;
        assert_eq!(ports(&config), "587 5432");
        config.alerts.smtp = None;
        assert_eq!(ports(&config), "5432");
    }

    /// In a binary that exports none, nothing listens to the setting.
    #[cfg(feature = "otlp")]
    #[test]
    fn traces_need_the_port_of_who_takes_them() {
        let variables = [
            ("DATABASE_URL", "postgres://127.0.0.1/d"),
            ("PAGODA_OTLP_ENDPOINT", "http://127.0.0.2:4318"),
            ("PAGODA_WEBHOOKS", "off"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::load(&Flags::default(), variables).unwrap();
        assert_eq!(rules(&config, &[], &[]).unwrap().connect.to_string(), "4318 5432");
    }

    proptest! {
        #[test]
        fn parsing_a_host_never_panics(text in "\\PC{0,30}", near in "\\[?[a-z0-9.:]{0,12}\\]?(:[0-9]{0,6})?") {
            let _ = Outbound::parse(&text);
            let _ = Outbound::parse(&near);
        }
    }
}
