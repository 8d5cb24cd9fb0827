//! Users, sessions, tokens. *Source: spec, auth-user.*
//!
//! This file is what login, tokens and the command line need; the routes of users have a file each: `list.rs`, `write.rs`, `activity.rs`,
//! `password.rs`, `reset.rs`, `transfer.rs`.

mod activity;
mod list;
pub mod password;
pub mod reset;
mod transfer;
mod write;

pub use activity::{Period, activity};
pub use list::{UserDetail, UserItem, UserOrder, UserQuery, detail, list};
pub use transfer::{export, import};
pub use write::{
    UserCreate, UserCreated, UserUpdate, UserUpdated, create_user, delete_user, issue_token_of,
    switch_to_ldap, update_user,
};

use super::audit::{Action, AuditObject};
use super::ctx::OpCtx;
use super::error::OpError;
use super::plugin_account;
use crate::auth::password as hashing;
use crate::auth::secret;
use crate::store::StoreError;
use crate::store::constraint::APP_USER_USERNAME;
use crate::store::queries::{session, user as users};
use crate::store::rows::{NewUser, SessionRow, TokenRow, UserRow};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::model::User;
use pagoda_plugin_sdk::payload::{LoginFailure, LoginSuccess, UserAfterLogin, UserAfterLogout};
use pagoda_plugin_sdk::time::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// Seconds for which a token holds unless the user has another lifetime. *Source: spec, auth-user §2.3.*
pub(super) const TOKEN_LIFETIME: i64 = 86_400;

/// Most characters of a name. *Source: spec, auth-user §3.1.*
const MOST_NAME: usize = 150;

/// Most characters of the password of a new user. *Source: spec, auth-user §4.2.*
const MOST_PASSWORD: usize = 128;

/// Most bytes of any password: hashing must not take long, and a login form holds as many, escaped.
const MOST_PASSWORD_BYTES: usize = 4096;

/// An active user.
///
/// # Errors
/// There is none.
fn require_active(op: &mut OpCtx, id: i64) -> Result<UserRow, OpError> {
    let found = users::by_id(&mut op.db, id)?.filter(|row| row.is_active);
    found.ok_or_else(|| OpError::not_found("user", id))
}

/// How the audit log calls a user.
fn object(row: &UserRow) -> AuditObject {
    AuditObject { kind: "user", id: Some(row.id), name: row.username.clone() }
}

/// Who checks the password: this server. *Source: spec, auth-user.*
pub(super) const LOCAL: i32 = 1;

/// As the rest of the host and plugins see a user.
#[must_use]
pub fn model(row: &UserRow) -> User {
    let mut user = User::default();
    user.id = row.id;
    user.username.clone_from(&row.username);
    user.email.clone_from(&row.email);
    user.is_superuser = row.is_superuser;
    user.is_readonly = row.is_readonly;
    user.date_joined = Timestamp::from_micros(row.date_joined);
    user
}

/// Creates an account that logs in with a password.
///
/// # Errors
/// The name is not one, or is taken.
pub fn create(op: &mut OpCtx, username: &str, password: &str, is_superuser: bool) -> Result<User, OpError> {
    let username = username.trim();
    if username.is_empty() || username.chars().count() > MOST_NAME {
        return Err(OpError::field("username", Code::Invalid, "a user name has 1 to 150 characters"));
    }
    if username.starts_with(plugin_account::PREFIX) {
        let message = format!("user names with `{}` belong to plugins", plugin_account::PREFIX);
        return Err(OpError::field("username", Code::Invalid, message));
    }
    if password.is_empty() || password.chars().count() > MOST_PASSWORD {
        return Err(OpError::field("password", Code::Invalid, "a password has 1 to 128 characters"));
    }
    let new = NewUser {
        username: username.to_owned(),
        password_hash: Some(hash_password(password)?),
        is_superuser,
        is_active: true,
        authenticate_type: LOCAL,
        token_lifetime: TOKEN_LIFETIME,
        date_joined: op.now.as_micros(),
        ..NewUser::default()
    };
    match users::insert(&mut op.db, &new) {
        Ok(row) => {
            let user = model(&row);
            op.audit(Action::UserCreate, &user, || json!({"is_superuser": is_superuser}));
            Ok(user)
        }
        Err(StoreError::Conflict { constraint }) if constraint == APP_USER_USERNAME => {
            Err(OpError::field("username", Code::Invalid, format!("there is a user `{username}` already")))
        }
        Err(error) => Err(error.into()),
    }
}

/// The hash of a new password; takes tens of milliseconds of a processor, so never within a transaction.
///
/// # Errors
/// The machine gives no random numbers.
pub fn hash_password(password: &str) -> Result<String, OpError> {
    hashing::hash(password).map_err(OpError::Internal)
}

/// What a login found, decided before a transaction is opened for writing: hashing a password takes long,
/// and nobody should wait for the writer meanwhile.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// They hold.
    Good(Box<UserRow>),
    /// They do not; says why, for plugins and logs only.
    Bad(&'static str),
}

/// Compares a password. An unknown name takes as long as a wrong password, so that names cannot be guessed
/// by time.
#[must_use]
pub fn judge_password(found: Option<UserRow>, sent: &str) -> Credentials {
    let hash = found.as_ref().and_then(|user| user.password_hash.clone());
    let holds = hashing::verify(sent, hash.as_deref());
    match found {
        None => Credentials::Bad("unknown_user"),
        Some(_) if hash.is_none() => Credentials::Bad("no_password"),
        Some(user) if holds => Credentials::Good(Box::new(user)),
        Some(_) => Credentials::Bad("wrong_password"),
    }
}

/// A session that was begun.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// What the cookie holds; only its hash is stored.
    pub key: String,
    /// Whose it is.
    pub user: User,
}

/// Begins a session for a user whose credentials hold, or notes that they do not.
///
/// # Errors
/// The database does not do it.
pub fn login(
    op: &mut OpCtx,
    username: &str,
    credentials: Credentials,
    lifetime: Duration,
) -> Result<Option<NewSession>, OpError> {
    let row = match credentials {
        Credentials::Good(row) => row,
        Credentials::Bad(reason) => {
            // Why is not said: who reads the log need not learn which names exist.
            op.audit(Action::LoginFailed, AuditObject::user_name(username), || json!({"method": "password"}));
            op.observe::<hooks::pagoda::auth::login_failure>(|| {
                let mut payload = LoginFailure::default();
                payload.username = username.to_owned();
                payload.method = "password".to_owned();
                payload.reason = reason.to_owned();
                payload
            });
            return Ok(None);
        }
    };
    let (user, now) = (model(&row), op.now.as_micros());
    let key = secret::new_key().map_err(OpError::Internal)?;
    let lifetime = i64::try_from(lifetime.as_micros()).unwrap_or(i64::MAX);
    session::delete_expired(&mut op.db, now)?;
    session::insert(
        &mut op.db,
        &SessionRow {
            id_hash: secret::digest(&key),
            user_id: user.id,
            created: now,
            expires: now.saturating_add(lifetime),
        },
    )?;
    users::set_last_login(&mut op.db, user.id, now)?;
    op.audit_as(&user, Action::Login, &user, || json!({"method": "password"}));
    op.observe::<hooks::pagoda::auth::login_success>(|| {
        let mut payload = LoginSuccess::default();
        payload.user = user.clone();
        payload.method = "password".to_owned();
        payload
    });
    op.observe::<hooks::user::after_login>(|| {
        let mut payload = UserAfterLogin::default();
        payload.user = user.clone();
        payload
    });
    Ok(Some(NewSession { key, user }))
}

/// Ends a session.
///
/// # Errors
/// The database does not do it.
pub fn logout(op: &mut OpCtx, key: &str) -> Result<(), OpError> {
    let user = op.user()?.clone();
    if session::delete(&mut op.db, &secret::digest(key))? {
        op.audit(Action::Logout, &user, || Value::Null);
        op.observe::<hooks::user::after_logout>(|| {
            let mut payload = UserAfterLogout::default();
            payload.user = user;
            payload
        });
    }
    Ok(())
}

/// The active user of a session that has not ended.
///
/// # Errors
/// The database does not answer.
pub fn of_session(op: &mut OpCtx, key: &str) -> Result<Option<User>, OpError> {
    let found = session::with_user(&mut op.db, &secret::digest(key))?;
    let now = op.now.as_micros();
    Ok(found.filter(|(session, user)| user.is_active && now < session.expires).map(|(_, user)| model(&user)))
}

/// The active user of a token that has not outlived its lifetime. *Source: spec, auth-user §2.3.*
///
/// # Errors
/// The database does not answer.
pub fn of_token(op: &mut OpCtx, key: &str) -> Result<Option<User>, OpError> {
    let now = op.now;
    let found = users::with_token(&mut op.db, key)?;
    Ok(found.filter(|(user, token)| user.is_active && holds(user, token, now)).map(|(user, _)| model(&user)))
}

fn holds(user: &UserRow, token: &TokenRow, now: Timestamp) -> bool {
    let lifetime = user.token_lifetime.saturating_mul(1_000_000);
    lifetime <= 0 || now.as_micros() <= token.created.saturating_add(lifetime)
}

/// Gives the user a new token; the old one no longer holds.
///
/// # Errors
/// The database does not do it.
pub fn issue_token(op: &mut OpCtx, user_id: i64) -> Result<String, OpError> {
    let key = secret::new_token().map_err(OpError::Internal)?;
    let now = op.now.as_micros();
    let key = users::replace_token(&mut op.db, user_id, &key, now)?.key;
    let names = users::usernames(&mut op.db, &[user_id])?;
    let name = names.get(&user_id).cloned().unwrap_or_default();
    let action = if op.user_id() == Some(user_id) { Action::TokenRefresh } else { Action::TokenIssue };
    op.audit(action, AuditObject { kind: "user", id: Some(user_id), name }, || Value::Null);
    Ok(key)
}

/// The token of the acting user.
///
/// # Errors
/// There is none.
pub fn own_token(op: &mut OpCtx) -> Result<String, OpError> {
    let id = op.user()?.id;
    let token = users::token_of(&mut op.db, id)?;
    token.map(|token| token.key).ok_or_else(|| OpError::not_found("token of user", id))
}

/// The active users that act for the acting user.
///
/// # Errors
/// The database does not answer.
pub fn co_users(op: &mut OpCtx) -> Result<Vec<User>, OpError> {
    let id = op.user()?.id;
    Ok(users::active_co_users(&mut op.db, id)?.iter().map(model).collect())
}

#[cfg(test)]
mod tests {
    use super::{TokenRow, UserRow, holds};
    use pagoda_plugin_sdk::time::Timestamp;

    #[test]
    fn tokens_hold_for_their_lifetime_and_forever_without_one() {
        let user = |token_lifetime| UserRow {
            id: 1,
            username: String::new(),
            email: String::new(),
            password_hash: None,
            is_superuser: false,
            is_active: true,
            is_readonly: false,
            parent_user_id: None,
            authenticate_type: 1,
            token_lifetime,
            date_joined: 0,
            last_login: None,
        };
        let token = TokenRow { user_id: 1, key: String::new(), created: 1_000_000 };
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        assert!(holds(&user(10), &token, at(11)));
        assert!(!holds(&user(10), &token, at(12)));
        assert!(holds(&user(0), &token, at(1_000_000)) && holds(&user(-1), &token, at(1_000_000)));
    }
}
