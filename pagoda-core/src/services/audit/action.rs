//! What can be done and is recorded: a closed list of stable names.

macro_rules! actions {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)*) => {
        /// What was done. The names are part of what exports and filters see: they are added, never changed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Action {
            $($(#[doc = $doc])+ $name,)*
        }

        impl Action {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name, such as `entry.create`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

actions! {
    /// An entity was made.
    EntityCreate = "entity.create",
    /// An entity or its definitions were changed.
    EntityUpdate = "entity.update",
    /// An entity was deleted.
    EntityDelete = "entity.delete",
    /// An entry was made.
    EntryCreate = "entry.create",
    /// An entry or its values were changed.
    EntryUpdate = "entry.update",
    /// An entry was deleted, by itself or in a chain.
    EntryDelete = "entry.delete",
    /// A deleted entry was brought back, by itself or in a chain.
    EntryRestore = "entry.restore",
    /// A category was made.
    CategoryCreate = "category.create",
    /// A category or its entities were changed.
    CategoryUpdate = "category.update",
    /// A category was deleted.
    CategoryDelete = "category.delete",
    /// The access rules of an object were changed.
    AclUpdate = "acl.update",
    /// A group was made.
    GroupCreate = "group.create",
    /// A group or its members were changed.
    GroupUpdate = "group.update",
    /// A group was deleted.
    GroupDelete = "group.delete",
    /// A role was made.
    RoleCreate = "role.create",
    /// A role, its members or its grants were changed.
    RoleUpdate = "role.update",
    /// A role was deleted.
    RoleDelete = "role.delete",
    /// A user was made.
    UserCreate = "user.create",
    /// A user was changed.
    UserUpdate = "user.update",
    /// A user was deleted.
    UserDelete = "user.delete",
    /// A user got another password, from itself, its parent or an administrator.
    PasswordChange = "user.password_change",
    /// Somebody asked for a link with which a user sets a new password.
    PasswordResetRequest = "user.password_reset_request",
    /// A user set a new password with such a link.
    PasswordReset = "user.password_reset",
    /// A user got a token from somebody else.
    TokenIssue = "token.issue",
    /// A user took a new token.
    TokenRefresh = "token.refresh",
    /// A session began.
    Login = "auth.login",
    /// A login was refused.
    LoginFailed = "auth.login_failed",
    /// A session was ended by its user.
    Logout = "auth.logout",
    /// A permission was missing.
    Denied = "auth.denied",
    /// A plugin reached for what it did not declare or was not given.
    CapabilityRefused = "plugin.capability_refused",
    /// A plugin got into another state.
    PluginState = "plugin.state",
    /// An administrator switched a plugin on.
    AdminPluginEnable = "admin.plugin_enable",
    /// An administrator switched a plugin off.
    AdminPluginDisable = "admin.plugin_disable",
    /// An administrator let a plugin begin anew.
    AdminPluginReset = "admin.plugin_reset",
    /// A server began to serve.
    ServerStart = "server.start",
    /// A server stopped in order.
    ServerStop = "server.stop",
    /// The log is signed with another key from here on.
    AuditKey = "audit.key",
    /// Old rows of the log were removed.
    AuditTrim = "audit.trim",
}

impl Action {
    /// The action of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::Action;

    #[test]
    fn names_are_dotted_and_lead_back() {
        for action in Action::ALL {
            let name = action.as_str();
            assert_eq!(Action::named(name), Some(*action));
            let (group, verb) = name.split_once('.').unwrap();
            let word =
                |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            assert!(word(group) && word(verb), "{name}");
        }
        assert_eq!(Action::named("entry.created"), None);
    }
}
