//! What each plugin may do: what it declares, without what the operator withholds.
//!
//! Resolved once when the registry is frozen, asked on every bridge call: a look into a table and a bit.

use super::registry::PluginSettings;
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::bridge::BridgeError;
use pagoda_plugin_sdk::capability::Capability;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the plugins may do.
#[derive(Debug, Default)]
pub struct Grants {
    /// By the address of the declaration.
    by_plugin: HashMap<usize, Grant>,
}

/// What one plugin may do.
#[derive(Debug, Default)]
struct Grant {
    /// A bit for each of [`Capability::PLAIN`] that it has.
    plain: u16,
    /// The names of the secrets that it has.
    secrets: Vec<&'static str>,
    /// How often it was refused something.
    refused: AtomicU64,
}

/// The bit of a capability; secrets have none, they go by name.
const fn bit(capability: Capability) -> u16 {
    match capability {
        Capability::ReadEntries => 1,
        Capability::WriteEntries => 1 << 1,
        Capability::ReadEntities => 1 << 2,
        Capability::WriteEntities => 1 << 3,
        Capability::ReadUsers => 1 << 4,
        Capability::UseJobs => 1 << 5,
        Capability::ReachHttp => 1 << 6,
        Capability::ActAsPlugin => 1 << 7,
        // A capability that this table does not know is granted to nobody.
        _ => 0,
    }
}

impl Grant {
    fn has(&self, capability: Capability) -> bool {
        match capability {
            Capability::Secrets(name) => self.secrets.contains(&name),
            plain => self.plain & bit(plain) != 0,
        }
    }
}

fn address(plugin: &'static PluginDecl) -> usize {
    std::ptr::from_ref(plugin).addr()
}

impl Grants {
    /// Resolves declarations against policies; adds what is wrong with these to `problems`.
    pub(super) fn resolve(
        plugins: &[&'static PluginDecl],
        settings: &PluginSettings,
        problems: &mut Vec<String>,
    ) -> Self {
        check_withheld(plugins, settings, problems);
        let grant = |plugin: &'static PluginDecl| {
            let mut grant = Grant::default();
            for capability in plugin.capabilities {
                if withheld(plugin, settings, *capability) {
                    continue;
                }
                match capability {
                    Capability::Secrets(name) => grant.secrets.push(name),
                    plain => grant.plain |= bit(*plain),
                }
            }
            (address(plugin), grant)
        };
        Self { by_plugin: plugins.iter().map(|plugin| grant(plugin)).collect() }
    }

    /// Whether `plugin` may do this.
    #[inline]
    #[must_use]
    pub fn has(&self, plugin: &'static PluginDecl, capability: Capability) -> bool {
        self.by_plugin.get(&address(plugin)).is_some_and(|grant| grant.has(capability))
    }

    /// As [`Grants::has`], where a no is counted.
    ///
    /// # Errors
    /// [`BridgeError::Capability`]
    #[inline]
    pub fn require(&self, plugin: &'static PluginDecl, capability: Capability) -> Result<(), BridgeError> {
        if self.has(plugin, capability) {
            return Ok(());
        }
        self.count_refusal(plugin);
        let withheld = plugin.declares(capability);
        Err(BridgeError::Capability { plugin: plugin.id, capability, withheld })
    }

    /// Counts a refusal that the capability alone does not decide, such as a host that is not allowed.
    pub fn count_refusal(&self, plugin: &'static PluginDecl) {
        if let Some(grant) = self.by_plugin.get(&address(plugin)) {
            grant.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often `plugin` was refused something since the server started.
    #[must_use]
    pub fn refused(&self, plugin: &'static PluginDecl) -> u64 {
        self.by_plugin.get(&address(plugin)).map_or(0, |grant| grant.refused.load(Ordering::Relaxed))
    }
}

fn withheld(plugin: &PluginDecl, settings: &PluginSettings, capability: Capability) -> bool {
    settings.policy(plugin).is_some_and(|policy| policy.withhold.contains(&capability.to_string()))
}

/// A misspelt name must not leave a plugin with what the operator meant to take away. That a policy is about a
/// plugin at all is checked with the other settings.
fn check_withheld(plugins: &[&'static PluginDecl], settings: &PluginSettings, problems: &mut Vec<String>) {
    for (id, policy) in &settings.policies {
        let Some(plugin) = plugins.iter().find(|plugin| plugin.is_called(id)) else { continue };
        for name in &policy.withhold {
            let problem = if !Capability::is_name(name) {
                let known: Vec<&str> =
                    Capability::PLAIN.iter().map(|capability| capability.as_str()).collect();
                format!("`{name}` is no capability; there are {} and secrets:<name>", known.join(", "))
            } else if plugin.capabilities.iter().any(|declared| declared.to_string() == *name) {
                continue;
            } else {
                format!("plugin {} does not declare `{name}`; leave it out", plugin.id)
            };
            problems.push(format!("[plugin_policy.{id}] withhold: {problem}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Grants, bit};
    use crate::plugins::policy::PluginPolicy;
    use crate::plugins::registry::PluginSettings;
    use pagoda_plugin_sdk::PluginDecl;
    use pagoda_plugin_sdk::bridge::BridgeError;
    use pagoda_plugin_sdk::capability::Capability;

    static READER: PluginDecl =
        PluginDecl::new("reader", "Reader", "1").with_alias("read-er").with_capabilities(&[
            Capability::ReadEntries,
            Capability::Secrets("smtp"),
            Capability::Secrets("key"),
        ]);
    static NOBODY: PluginDecl = PluginDecl::new("nobody", "Nobody", "1");

    fn withholding(id: &str, names: &[&str]) -> PluginSettings {
        let withhold = names.iter().map(ToString::to_string).collect();
        let mut settings = PluginSettings::default();
        settings.policies.insert(id.to_owned(), PluginPolicy { withhold, ..PluginPolicy::default() });
        settings
    }

    fn resolved(settings: &PluginSettings) -> (Grants, Vec<String>) {
        let mut problems = Vec::new();
        (Grants::resolve(&[&READER, &NOBODY], settings, &mut problems), problems)
    }

    #[test]
    fn every_plain_capability_has_a_bit_of_its_own() {
        let all = Capability::PLAIN.iter().fold(0, |all, capability| {
            assert_eq!(all & bit(*capability), 0, "{capability}");
            all | bit(*capability)
        });
        assert_eq!(all.count_ones() as usize, Capability::PLAIN.len());
    }

    #[test]
    fn a_plugin_has_what_it_declares_and_is_left() {
        let (grants, problems) = resolved(&withholding("read-er", &["secrets:key"]));
        assert!(problems.is_empty(), "{problems:?}");
        assert!(
            grants.has(&READER, Capability::ReadEntries) && grants.has(&READER, Capability::Secrets("smtp"))
        );
        assert!(
            !grants.has(&READER, Capability::WriteEntries) && !grants.has(&NOBODY, Capability::ReadEntries)
        );
        let refused = grants.require(&READER, Capability::Secrets("key")).unwrap_err();
        assert!(
            matches!(refused, BridgeError::Capability { plugin: "reader", withheld: true, .. }),
            "{refused}"
        );
        let refused = grants.require(&READER, Capability::ReadUsers).unwrap_err();
        assert!(matches!(refused, BridgeError::Capability { withheld: false, .. }), "{refused}");
        assert_eq!((grants.refused(&READER), grants.refused(&NOBODY)), (2, 0));
    }

    #[test]
    fn what_cannot_be_withheld_is_a_problem() {
        for (id, name, part) in [
            ("reader", "entries.raed", "`entries.raed` is no capability; there are entries.read, "),
            ("reader", "entries.write", "plugin reader does not declare `entries.write`"),
        ] {
            let (_, problems) = resolved(&withholding(id, &[name]));
            assert!(problems.len() == 1 && problems[0].contains(part), "{part}: {problems:?}");
            assert!(problems[0].starts_with(&format!("[plugin_policy.{id}] withhold: ")), "{problems:?}");
        }
    }
}
