//! Users, their API tokens and their browser sessions.

use crate::store::schema::{api_token, app_user, password_reset, web_session};
use diesel::{AsChangeset, Identifiable, Insertable, Queryable, Selectable};

/// What users are listed by.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = app_user)]
pub struct ListedUserRow {
    /// Key.
    pub id: i64,
    /// Login name.
    pub username: String,
    /// Mail address, may be empty.
    pub email: String,
    /// May do everything.
    pub is_superuser: bool,
    /// Microseconds.
    pub date_joined: i64,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = app_user)]
pub struct UserRow {
    /// Key, given out by the database.
    pub id: i64,
    /// Login name, unique among all users, inactive ones included.
    pub username: String,
    /// Mail address, may be empty.
    pub email: String,
    /// Hash in PHC form; `None` for a user who cannot log in with a password.
    pub password_hash: Option<String>,
    /// May do everything.
    pub is_superuser: bool,
    /// A deleted user stays as an inactive one, for the history.
    pub is_active: bool,
    /// May only read.
    pub is_readonly: bool,
    /// The user this one was made by and acts for.
    pub parent_user_id: Option<i64>,
    /// Who checks the password: the number of the wire.
    pub authenticate_type: i32,
    /// Life of an API token in seconds, 0 for ever.
    pub token_lifetime: i64,
    /// When the user was made.
    pub date_joined: i64,
    /// When the user last logged in.
    pub last_login: Option<i64>,
}

/// A user to insert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Insertable)]
#[diesel(table_name = app_user, treat_none_as_default_value = false)]
pub struct NewUser {
    /// See [`UserRow::username`].
    pub username: String,
    /// See [`UserRow::email`].
    pub email: String,
    /// See [`UserRow::password_hash`].
    pub password_hash: Option<String>,
    /// See [`UserRow::is_superuser`].
    pub is_superuser: bool,
    /// See [`UserRow::is_active`].
    pub is_active: bool,
    /// See [`UserRow::is_readonly`].
    pub is_readonly: bool,
    /// See [`UserRow::parent_user_id`].
    pub parent_user_id: Option<i64>,
    /// See [`UserRow::authenticate_type`].
    pub authenticate_type: i32,
    /// See [`UserRow::token_lifetime`].
    pub token_lifetime: i64,
    /// See [`UserRow::date_joined`].
    pub date_joined: i64,
    /// See [`UserRow::last_login`].
    pub last_login: Option<i64>,
}

/// The one API token of a user.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = api_token)]
pub struct TokenRow {
    /// Whose token it is; also the key, because a user has one at most.
    pub user_id: i64,
    /// The token itself.
    pub key: String,
    /// When it was made: its life counts from here.
    pub created: i64,
}

/// A browser session.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = web_session)]
pub struct SessionRow {
    /// SHA-256 of the session id in hex: who reads the table cannot take a session over.
    pub id_hash: String,
    /// Whose session it is.
    pub user_id: i64,
    /// When it began.
    pub created: i64,
    /// When it ends.
    pub expires: i64,
}

/// The newest link with which a user may set a new password.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = password_reset)]
pub struct PasswordResetRow {
    /// Whose password.
    pub user_id: i64,
    /// SHA-256 of the link's key and of what it is bound to, in hex.
    pub digest: String,
    /// When it was asked for.
    pub requested: i64,
}
