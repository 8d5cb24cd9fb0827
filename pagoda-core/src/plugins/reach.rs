//! Where a plugin reaches and which secrets it gets: its declaration and what the operator says about it,
//! resolved once when the registry is frozen.

use super::checks::Problem;
use super::policy::PluginPolicy;
use super::registry::PluginSettings;
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::capability::Capability;
use pagoda_plugin_sdk::http::HostPattern;
use pagoda_plugin_sdk::secret::{SecretValue, variable};
use std::collections::BTreeMap;
use std::time::Duration;

/// Limits of every request that a plugin sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundLimits {
    /// Longest time of a request.
    pub timeout: Duration,
    /// Largest answer in bytes.
    pub max_bytes: u64,
}

impl Default for OutboundLimits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), max_bytes: 10 * 1024 * 1024 }
    }
}

/// What operators keep for plugins.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// Of the configuration file, by name.
    pub named: BTreeMap<String, SecretValue>,
    /// Of the environment, by variable. They win.
    pub variables: BTreeMap<String, SecretValue>,
}

impl Secrets {
    fn get(&self, name: &str) -> Option<&SecretValue> {
        self.variables.get(&variable(name)).or_else(|| self.named.get(name))
    }
}

/// Where one plugin reaches, and its secrets.
#[derive(Debug, Default)]
pub struct Reach {
    /// The hosts.
    pub hosts: Vec<HostPattern>,
    /// Whether they may have loopback and private addresses.
    pub private: bool,
    /// Limits of its requests.
    pub limits: OutboundLimits,
    secrets: BTreeMap<&'static str, SecretValue>,
}

impl Reach {
    /// The value of one of its secrets.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<&SecretValue> {
        self.secrets.get(name)
    }

    /// Resolves what holds for a plugin that runs; adds what is wrong to `problems`.
    pub(super) fn resolve(
        plugin: &'static PluginDecl,
        settings: &PluginSettings,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let policy = settings.policy(plugin);
        let hosts = hosts(plugin, policy, problems);
        let private = policy.is_some_and(|policy| policy.http_private);
        let secrets = secrets(plugin, policy, settings, problems);
        Self { hosts, private, limits: settings.defaults.outbound.clone(), secrets }
    }
}

/// What the operator allows, or what the plugin declares; patterns of both are checked.
fn hosts(
    plugin: &'static PluginDecl,
    policy: Option<&PluginPolicy>,
    problems: &mut Vec<Problem>,
) -> Vec<HostPattern> {
    let mut read = |host: &str, problem: &dyn Fn(String) -> Problem| {
        let pattern = HostPattern::parse(host);
        pattern.map_err(|text| problems.push(problem(format!("`{host}`: {text}")))).ok()
    };
    let declared: Vec<_> = plugin
        .http_hosts
        .iter()
        .filter_map(|host| {
            read(host, &|text| Problem::of(plugin, format!("http_hosts of plugin {}: {text}", plugin.id)))
        })
        .collect();
    let allowed: Option<Vec<_>> = policy.and_then(|policy| policy.http_hosts.as_ref()).map(|hosts| {
        let place = format!("[plugin_policy.{}] http_hosts", plugin.id);
        hosts
            .iter()
            .filter_map(|host| read(host, &|text| Problem::general(format!("{place}: {text}"))))
            .collect()
    });
    if !plugin.declares(Capability::ReachHttp) {
        if !plugin.http_hosts.is_empty() {
            let text = format!("plugin {} declares `http_hosts` without `http.out`", plugin.id);
            problems.push(Problem::of(plugin, text));
        }
        if let Some(key) = policy.and_then(|policy| match policy {
            PluginPolicy { http_hosts: Some(_), .. } => Some("http_hosts"),
            PluginPolicy { http_private: true, .. } => Some("http_private"),
            _ => None,
        }) {
            problems.push(Problem::general(format!(
                "[plugin_policy.{id}] {key}: plugin {id} does not declare `http.out`; leave it out",
                id = plugin.id
            )));
        }
        return Vec::new();
    }
    allowed.unwrap_or(declared)
}

/// The declared secrets that are not withheld; one that is not there is a problem.
fn secrets(
    plugin: &'static PluginDecl,
    policy: Option<&PluginPolicy>,
    settings: &PluginSettings,
    problems: &mut Vec<Problem>,
) -> BTreeMap<&'static str, SecretValue> {
    let mut found = BTreeMap::new();
    for capability in plugin.capabilities {
        let Capability::Secrets(name) = *capability else { continue };
        if policy.is_some_and(|policy| policy.withhold.contains(&capability.to_string())) {
            continue;
        }
        match settings.secrets.get(name) {
            Some(value) => {
                found.insert(name, value.clone());
            }
            None => problems.push(Problem::of(
                plugin,
                format!(
                    "plugin {} needs the secret `{name}`: put it into the configuration file as `{name} = \"…\"` or \
                     `{name} = {{ file = \"/path\" }}` below `[secrets]`, or into the environment variable {}",
                    plugin.id,
                    variable(name)
                ),
            )),
        }
    }
    found
}

/// A secret of the file that no linked plugin declares is a misspelt one, or lies around for nothing.
pub(super) fn check_secrets(
    plugins: &[&'static PluginDecl],
    settings: &PluginSettings,
    problems: &mut Vec<Problem>,
) {
    for name in settings.secrets.named.keys() {
        let declares =
            |capability: &Capability| matches!(capability, Capability::Secrets(known) if known == name);
        if !plugins.iter().any(|plugin| plugin.capabilities.iter().any(declares)) {
            problems.push(Problem::general(format!(
                "[secrets] {name}: no plugin of this binary declares `secrets:{name}`; remove it"
            )));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Reach, check_secrets};
    use crate::plugins::checks::Problem;
    use crate::plugins::policy::PluginPolicy;
    use crate::plugins::registry::PluginSettings;
    use pagoda_plugin_sdk::PluginDecl;
    use pagoda_plugin_sdk::capability::Capability;
    use pagoda_plugin_sdk::secret::SecretValue;

    static CALLER: PluginDecl = PluginDecl::new("caller", "Caller", "1")
        .with_capabilities(&[Capability::ReachHttp, Capability::Secrets("api-key")])
        .with_http_hosts(&["api.example.com", "Bad"]);
    static MUTE: PluginDecl = PluginDecl::new("mute", "Mute", "1").with_http_hosts(&["a.example"]);

    fn resolved(plugin: &'static PluginDecl, settings: &PluginSettings) -> (Reach, Vec<Problem>) {
        let mut problems = Vec::new();
        (Reach::resolve(plugin, settings, &mut problems), problems)
    }

    fn texts(problems: &[Problem]) -> Vec<String> {
        let whose = |problem: &Problem| problem.plugin.map_or("all", |plugin| plugin.id);
        problems.iter().map(|problem| format!("{}: {}", whose(problem), problem.text)).collect()
    }

    fn settings(id: &str, policy: PluginPolicy) -> PluginSettings {
        let mut settings = PluginSettings::default();
        settings.policies.insert(id.to_owned(), policy);
        settings.secrets.named.insert("api-key".to_owned(), SecretValue::new("one"));
        settings
    }

    #[test]
    fn the_operators_hosts_stand_in_place_of_the_declared_ones() {
        let hosts = |hosts: &[&str]| Some(hosts.iter().map(ToString::to_string).collect());
        let (reach, problems) = resolved(&CALLER, &settings("caller", PluginPolicy::default()));
        assert_eq!(reach.hosts.iter().map(ToString::to_string).collect::<Vec<_>>(), ["api.example.com"]);
        let declared = "caller: http_hosts of plugin caller: `Bad`: write the host in small letters: \"bad\"";
        assert_eq!(texts(&problems), [declared]);
        let policy = PluginPolicy { http_hosts: hosts(&["b.example:81", "x y"]), ..PluginPolicy::default() };
        let (reach, problems) = resolved(&CALLER, &settings("caller", policy));
        assert_eq!(reach.hosts.iter().map(ToString::to_string).collect::<Vec<_>>(), ["b.example:81"]);
        let found = texts(&problems);
        assert!(
            found[1].starts_with("all: [plugin_policy.caller] http_hosts: `x y`: a host is"),
            "{found:?}"
        );
        let policy = PluginPolicy { http_hosts: hosts(&[]), ..PluginPolicy::default() };
        assert!(resolved(&CALLER, &settings("caller", policy)).0.hosts.is_empty());
    }

    #[test]
    fn hosts_without_the_capability_are_a_problem() {
        let policy = PluginPolicy { http_private: true, ..PluginPolicy::default() };
        let (reach, problems) = resolved(&MUTE, &settings("mute", policy));
        assert!(reach.hosts.is_empty());
        assert_eq!(
            texts(&problems),
            [
                "mute: plugin mute declares `http_hosts` without `http.out`",
                "all: [plugin_policy.mute] http_private: plugin mute does not declare `http.out`; leave it out",
            ]
        );
    }

    #[test]
    fn a_secret_comes_from_the_environment_then_the_file_and_is_missed() {
        let mut settings = settings("caller", PluginPolicy::default());
        let of = |settings: &PluginSettings| {
            resolved(&CALLER, settings).0.secret("api-key").map(|value| value.expose().to_owned())
        };
        assert_eq!(of(&settings).as_deref(), Some("one"));
        settings.secrets.variables.insert("PAGODA_SECRET_API_KEY".to_owned(), SecretValue::new("two"));
        assert_eq!(of(&settings).as_deref(), Some("two"));
        (settings.secrets.named, settings.secrets.variables) = Default::default();
        assert_eq!(of(&settings), None);
        let (_, problems) = resolved(&CALLER, &settings);
        let text = &texts(&problems)[1];
        assert!(text.starts_with("caller: plugin caller needs the secret `api-key`: "), "{text}");
        assert!(text.contains("`[secrets]`") && text.contains("PAGODA_SECRET_API_KEY"), "{text}");
        let policy = PluginPolicy { withhold: vec!["secrets:api-key".to_owned()], ..PluginPolicy::default() };
        settings.policies.insert("caller".to_owned(), policy);
        assert_eq!(resolved(&CALLER, &settings).1.len(), 1);
    }

    #[test]
    fn a_secret_that_nobody_declares_is_named_without_its_value() {
        let mut settings = settings("caller", PluginPolicy::default());
        settings.secrets.named.insert("api-kye".to_owned(), SecretValue::new("hunter2"));
        let mut problems = Vec::new();
        check_secrets(&[&CALLER, &MUTE], &settings, &mut problems);
        let declared =
            "all: [secrets] api-kye: no plugin of this binary declares `secrets:api-kye`; remove it";
        assert_eq!(texts(&problems), [declared]);
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
