//! Payloads of the `user.*`, `pagoda.auth.*` and `system.*` points.

use super::payloads;
use crate::model::{Level, ObjectKind, ObjectRef, User};

payloads! {
    /// `user.after_login`: a user has a session now.
    UserAfterLogin {
        /// The user.
        user: User,
    };

    /// `user.after_logout`: a user's session ended.
    UserAfterLogout {
        /// The user.
        user: User,
    };

    /// `user.before_permission_check`: the access rules say yes. `Err(Reject)` turns that into a no.
    UserBeforePermissionCheck {
        /// Who asks.
        user: User,
        /// For what.
        object: ObjectRef,
        /// How much.
        level: Level,
    };

    /// `pagoda.auth.login_success`: credentials were accepted.
    LoginSuccess {
        /// The user.
        user: User,
        /// The kind of credentials: `password`.
        method: String,
    };

    /// `pagoda.auth.login_failure`: credentials were refused. The password is never part of it.
    LoginFailure {
        /// The name that was sent; may belong to nobody.
        username: String,
        /// The kind of credentials: `password`.
        method: String,
        /// Why: `unknown_user`, `wrong_password`, `no_password`.
        reason: String,
    };

    /// `pagoda.auth.permission_denied`: a permission check of a request said no.
    PermissionDenied {
        /// Who asked.
        user: User,
        /// For what; absent for rights that belong to no object, such as creating entities.
        object: Option<ObjectRef>,
        /// How much.
        level: Level,
        /// The plugin whose `user.before_permission_check` handler said no, if one did.
        denied_by: Option<String>,
    };

    /// `system.startup`: everything is ready but the port.
    SystemStartup {
        /// Version of the host.
        version: String,
        /// `sqlite` or `postgres`.
        database: String,
        /// Ids of the enabled plugins.
        plugins: Vec<String>,
    };

    /// `system.shutdown`: the last request was answered.
    SystemShutdown {
        /// How long the server ran, in seconds.
        uptime_seconds: u64,
    };
}

impl Default for ObjectRef {
    fn default() -> Self {
        Self { kind: ObjectKind::Entity, id: 0, name: String::new() }
    }
}
