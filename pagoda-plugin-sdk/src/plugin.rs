//! What a plugin is: its declaration, made by `plugin!` in the root of its crate.

use crate::capability::Capability;
use crate::config::ConfigSpec;
use std::time::Duration;

/// A plugin. `plugin!` makes one as `crate::PLUGIN`; every hook and route of the crate refers to it.
///
/// # Lifecycle
/// 1. *linked*: the binary names the crate, so its registrations are part of it.
/// 2. *validated*: the host checks ids, routes, order and configuration of all plugins together.
/// 3. *started*: `system.startup` fires, then the port opens.
/// 4. *serving*: hooks fire, routes answer.
/// 5. *stopping*: running requests finish, `system.shutdown` fires.
#[derive(Debug)]
#[non_exhaustive]
pub struct PluginDecl {
    /// Id, URL segment and key of its configuration: `[a-z][a-z0-9-]{1,63}`.
    pub id: &'static str,
    /// A second name by which operators enable it, where feature and id differ.
    pub alias: Option<&'static str>,
    /// For people.
    pub name: &'static str,
    /// Of its crate, unless said otherwise.
    pub version: &'static str,
    /// Of its crate, unless said otherwise.
    pub description: &'static str,
    /// Of its crate, unless said otherwise; separated by `:`, as Cargo gives them.
    pub authors: &'static str,
    /// Of its crate, unless said otherwise.
    pub license: &'static str,
    /// The version of the SDK that it was compiled with.
    pub sdk_version: &'static str,
    /// How its configuration is read; absent when it takes none.
    pub config: Option<ConfigSpec>,
    /// Time budget of one call of any of its functions that says nothing else; the host's default when absent.
    pub budget: Option<Duration>,
    /// What it may do; a call of anything else is refused by the host.
    pub capabilities: &'static [Capability],
    /// The hosts that it may reach with `http.out`: `api.example.com`, `*.example.org:8443`.
    pub http_hosts: &'static [&'static str],
    /// Source file of its declaration.
    pub file: &'static str,
    /// Line of its declaration.
    pub line: u32,
}

impl PluginDecl {
    /// The name by which operators enable the plugin: the alias if it has one, else the id.
    #[must_use]
    pub const fn enable_name(&self) -> &'static str {
        match self.alias {
            Some(alias) => alias,
            None => self.id,
        }
    }

    /// Whether it declares this capability.
    #[must_use]
    pub fn declares(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// Whether an operator means this plugin by `name`.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.id == name || self.alias == Some(name)
    }

    /// A declaration with the required fields; the rest is empty. For `plugin!` and for tests that make
    /// plugins by hand.
    #[must_use]
    pub const fn new(id: &'static str, name: &'static str, version: &'static str) -> Self {
        assert_id(id);
        Self {
            id,
            alias: None,
            name,
            version,
            description: "",
            authors: "",
            license: "",
            sdk_version: crate::VERSION,
            config: None,
            budget: None,
            capabilities: &[],
            http_hosts: &[],
            file: "",
            line: 0,
        }
    }

    /// Sets the second name.
    #[must_use]
    pub const fn with_alias(mut self, alias: &'static str) -> Self {
        assert_id(alias);
        self.alias = Some(alias);
        self
    }

    /// Sets what the crate's manifest says.
    #[must_use]
    pub const fn with_about(
        mut self,
        description: &'static str,
        authors: &'static str,
        license: &'static str,
    ) -> Self {
        self.description = description;
        self.authors = authors;
        self.license = license;
        self
    }

    /// Sets how the configuration is read.
    #[must_use]
    pub const fn with_config(mut self, config: ConfigSpec) -> Self {
        self.config = Some(config);
        self
    }

    /// Sets the time budget of its functions.
    #[must_use]
    pub const fn with_budget(mut self, budget: Duration) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Sets what it may do.
    #[must_use]
    pub const fn with_capabilities(mut self, capabilities: &'static [Capability]) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Sets the hosts that it may reach.
    #[must_use]
    pub const fn with_http_hosts(mut self, hosts: &'static [&'static str]) -> Self {
        self.http_hosts = hosts;
        self
    }

    /// Sets where the declaration stands.
    #[must_use]
    pub const fn at(mut self, file: &'static str, line: u32) -> Self {
        self.file = file;
        self.line = line;
        self
    }
}

/// Ids that no plugin may take, because routes about plugins use the words.
pub const RESERVED_IDS: [&str; 3] = ["enable", "disable", "reset"];

/// Whether `id` follows the grammar `[a-z][a-z0-9-]{1,63}` and is not reserved.
#[must_use]
pub const fn is_valid_id(id: &str) -> bool {
    let bytes = id.as_bytes();
    if bytes.len() < 2 || bytes.len() > 64 || !bytes[0].is_ascii_lowercase() {
        return false;
    }
    let mut at = 1;
    while at < bytes.len() {
        let byte = bytes[at];
        if !(byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            return false;
        }
        at += 1;
    }
    let mut word = 0;
    while word < RESERVED_IDS.len() {
        if same(bytes, RESERVED_IDS[word].as_bytes()) {
            return false;
        }
        word += 1;
    }
    true
}

const fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Stops the compilation on a bad id; at run time this panics, as every constant function that asserts.
const fn assert_id(id: &str) {
    assert!(
        is_valid_id(id),
        "a plugin id is 2 to 64 of a-z, 0-9 and `-`, starts with a letter and is none of enable, disable, reset"
    );
}

/// The registration of a plugin, collected by the linker.
#[derive(Debug)]
pub struct PluginReg(
    /// The declaration.
    pub &'static PluginDecl,
);

inventory::collect!(PluginReg);

/// The plugins that were linked into this binary, by id.
#[must_use]
pub fn linked() -> Vec<&'static PluginDecl> {
    let mut plugins: Vec<_> = inventory::iter::<PluginReg>.into_iter().map(|reg| reg.0).collect();
    plugins.sort_by_key(|plugin| plugin.id);
    plugins
}

/// Compiles only if `declaration` is one; the application calls it in a constant for every plugin that a
/// feature switches on, which also links the plugin's crate.
#[must_use]
pub const fn check_plugin(declaration: &'static PluginDecl) -> &'static PluginDecl {
    assert_id(declaration.id);
    declaration
}

#[cfg(test)]
mod tests {
    use super::is_valid_id;

    #[test]
    fn ids() {
        for good in ["ab", "hello-world", "a1", "x-", &"a".repeat(64)] {
            assert!(is_valid_id(good), "{good}");
        }
        for bad in ["", "a", "1a", "-a", "Ab", "a_b", "a b", "é1", "enable", "reset", &"a".repeat(65)] {
            assert!(!is_valid_id(bad), "{bad}");
        }
    }
}
