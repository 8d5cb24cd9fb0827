//! What a plugin may do: declared in `plugin!`, carried by types, enforced again by the host.
//!
//! `plugin! { capabilities = [entries.read] }` makes `crate::Plugin`, a type without a value, which implements
//! one trait of this module per declared capability ([`MayReadEntries`] and its siblings). A handler that
//! takes its context as `HookContext<Plugin>` or `RouteContext<Plugin>` can do what those traits allow; a
//! call of anything else does not compile, and the compiler names the capability. A handler that takes
//! the plain `HookContext` or `RouteContext`, which carry [`Nothing`], reaches no data at all.
//!
//! Types keep an honest author from a mistake. What keeps a plugin from more than it declared, whatever it
//! does with types, is the host: its bridges refuse each call whose capability the calling plugin has not
//! declared or the operator withholds, with [`crate::bridge::BridgeError::Capability`].
//!
//! A new capability is a variant here, a row in [`Capability::PLAIN`], a trait, and a row in
//! `pagoda-macros/src/capability.rs`.

use crate::plugin::PluginDecl;
use std::fmt;

/// Something that a plugin may do only if its `plugin!` says so.
///
/// To write does not include to read: a plugin that does both declares both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// `entries.read`: entries, their values and the history of these.
    ReadEntries,
    /// `entries.write`: creating, changing, deleting and restoring entries.
    WriteEntries,
    /// `entities.read`: entities and their definitions.
    ReadEntities,
    /// `entities.write`: creating, changing and deleting entities.
    WriteEntities,
    /// `users.read`: groups and roles of the acting user, and whose an API token is.
    ReadUsers,
    /// `jobs`: work that runs later. Kept for when jobs exist.
    UseJobs,
    /// `http.out`: requests to the hosts that the plugin names.
    ReachHttp,
    /// `secrets:<name>`: a secret that the operator keeps for the plugin.
    Secrets(&'static str),
    /// `plugin.act`: acting as the plugin itself instead of as the acting user.
    ActAsPlugin,
}

impl Capability {
    /// All that carry no name of their own; [`Capability::Secrets`] stands outside.
    pub const PLAIN: [Self; 8] = [
        Self::ReadEntries,
        Self::WriteEntries,
        Self::ReadEntities,
        Self::WriteEntities,
        Self::ReadUsers,
        Self::UseJobs,
        Self::ReachHttp,
        Self::ActAsPlugin,
    ];

    /// The dotted name as `plugin!` takes it. Of a secret only `secrets`: [`fmt::Display`] adds its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadEntries => "entries.read",
            Self::WriteEntries => "entries.write",
            Self::ReadEntities => "entities.read",
            Self::WriteEntities => "entities.write",
            Self::ReadUsers => "users.read",
            Self::UseJobs => "jobs",
            Self::ReachHttp => "http.out",
            Self::Secrets(_) => "secrets",
            Self::ActAsPlugin => "plugin.act",
        }
    }

    /// Whether `name` is the name of a capability, `secrets:<name>` included.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        match name.strip_prefix("secrets:") {
            Some(secret) => !secret.is_empty(),
            None => Self::PLAIN.iter().any(|capability| capability.as_str() == name),
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::Secrets(name) => write!(f, ":{name}"),
            _ => Ok(()),
        }
    }
}

/// The plugin that a marker type stands for. Implemented by `plugin!` for `crate::Plugin`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the type of a plugin, so no context carries it",
    label = "a context carries `Plugin` or nothing",
    note = "write `HookContext<Plugin>` or `RouteContext<Plugin>` with `use crate::Plugin`, or leave it out where no data is needed"
)]
pub trait Declared: 'static {
    /// Its declaration.
    const PLUGIN: &'static PluginDecl;
}

/// What the context of a handler carries that reaches no data.
#[derive(Debug, Clone, Copy)]
pub enum Nothing {}

/// What the context of an annotated function may carry: [`Nothing`], or the `Plugin` that `plugin!` made.
pub trait Carried: 'static {}
impl Carried for Nothing {}
impl<P: Declared> Carried for P {}

/// Implemented by the `Plugin` of a crate that declares `entries.read`.
#[diagnostic::on_unimplemented(
    message = "the plugin has not declared the capability `entries.read`",
    label = "needs `entries.read`, which `{Self}` does not carry",
    note = "declare it: `plugin! {{ capabilities = [entries.read] }}`",
    note = "and take the context as `HookContext<Plugin>` or `RouteContext<Plugin>`, with `use crate::Plugin`"
)]
pub trait MayReadEntries {}

/// Implemented by the `Plugin` of a crate that declares `entries.write`.
#[diagnostic::on_unimplemented(
    message = "the plugin has not declared the capability `entries.write`",
    label = "needs `entries.write`, which `{Self}` does not carry",
    note = "declare it: `plugin! {{ capabilities = [entries.write] }}`",
    note = "and take the context as `HookContext<Plugin>` or `RouteContext<Plugin>`, with `use crate::Plugin`"
)]
pub trait MayWriteEntries {}

/// Implemented by the `Plugin` of a crate that declares `entities.read`.
#[diagnostic::on_unimplemented(
    message = "the plugin has not declared the capability `entities.read`",
    label = "needs `entities.read`, which `{Self}` does not carry",
    note = "declare it: `plugin! {{ capabilities = [entities.read] }}`",
    note = "and take the context as `HookContext<Plugin>` or `RouteContext<Plugin>`, with `use crate::Plugin`"
)]
pub trait MayReadEntities {}

/// Implemented by the `Plugin` of a crate that declares `entities.write`.
#[diagnostic::on_unimplemented(
    message = "the plugin has not declared the capability `entities.write`",
    label = "needs `entities.write`, which `{Self}` does not carry",
    note = "declare it: `plugin! {{ capabilities = [entities.write] }}`",
    note = "and take the context as `HookContext<Plugin>` or `RouteContext<Plugin>`, with `use crate::Plugin`"
)]
pub trait MayWriteEntities {}

/// Implemented by the `Plugin` of a crate that declares `users.read`.
#[diagnostic::on_unimplemented(
    message = "the plugin has not declared the capability `users.read`",
    label = "needs `users.read`, which `{Self}` does not carry",
    note = "declare it: `plugin! {{ capabilities = [users.read] }}`",
    note = "and take the context as `HookContext<Plugin>` or `RouteContext<Plugin>`, with `use crate::Plugin`"
)]
pub trait MayReadUsers {}

/// Implemented by the `Plugin` of a crate that declares `jobs`.
#[diagnostic::on_unimplemented(
    message = "the plugin has not declared the capability `jobs`",
    label = "needs `jobs`, which `{Self}` does not carry",
    note = "declare it: `plugin! {{ capabilities = [jobs] }}`",
    note = "and take the context as `HookContext<Plugin>` or `RouteContext<Plugin>`, with `use crate::Plugin`"
)]
pub trait MayUseJobs {}

/// Implemented by the `Plugin` of a crate that declares `http.out`.
#[diagnostic::on_unimplemented(
    message = "the plugin has not declared the capability `http.out`",
    label = "needs `http.out`, which `{Self}` does not carry",
    note = "declare it: `plugin! {{ capabilities = [http.out], http_hosts = [\"api.example.com\"] }}`",
    note = "and take the context as `HookContext<Plugin>` or `RouteContext<Plugin>`, with `use crate::Plugin`"
)]
pub trait MayReachHttp {}

/// Implemented by the `Plugin` of a crate that declares `plugin.act`.
#[diagnostic::on_unimplemented(
    message = "the plugin has not declared the capability `plugin.act`",
    label = "needs `plugin.act`, which `{Self}` does not carry",
    note = "declare it: `plugin! {{ capabilities = [plugin.act] }}`",
    note = "and take the context as `HookContext<Plugin>` or `RouteContext<Plugin>`, with `use crate::Plugin`"
)]
pub trait MayActAsPlugin {}

#[cfg(test)]
mod tests {
    use super::Capability;

    #[test]
    fn names() {
        for capability in Capability::PLAIN {
            assert!(Capability::is_name(&capability.to_string()), "{capability}");
        }
        assert_eq!(Capability::Secrets("smtp").to_string(), "secrets:smtp");
        assert!(Capability::is_name("secrets:smtp"));
        for other in ["", "entries", "entries.raed", "secrets", "secrets:", "Entries.read"] {
            assert!(!Capability::is_name(other), "{other}");
        }
    }
}
