//! Who acts, and what they may do.

use super::BridgeResult;
use crate::model::{Level, ObjectKind, User};

/// Answers about the acting user, with the same rules as every request.
pub trait AuthBridge {
    /// The acting user; absent for anonymous requests and for what the server does by itself.
    fn current_user(&self) -> Option<&User>;

    /// Whether the acting user has `level` on an object, by the full permission check:
    /// `user.before_permission_check` handlers may narrow it.
    ///
    /// # Errors
    /// The object does not exist, or the database does not answer.
    fn has_permission(&mut self, kind: ObjectKind, id: i64, level: Level) -> BridgeResult<bool>;

    /// Names of the active groups that the acting user belongs to, directly or through an ancestor.
    ///
    /// # Errors
    /// The database does not answer.
    fn groups(&mut self) -> BridgeResult<Vec<String>>;

    /// Names of the active roles of the acting user.
    ///
    /// # Errors
    /// The database does not answer.
    fn roles(&mut self) -> BridgeResult<Vec<String>>;

    /// The user of an API token, if the token exists, has not outlived its lifetime, and its user is active.
    ///
    /// # Errors
    /// The database does not answer.
    fn authenticate_token(&mut self, key: &str) -> BridgeResult<Option<User>>;
}
