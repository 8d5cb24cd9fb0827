//! Users made, changed and deleted. *Source: spec, auth-user §3.3, §3.4, §4.2 and §4.4.*

use super::{LOCAL, MOST_NAME, MOST_PASSWORD, TOKEN_LIFETIME, object, password, require_active};
use crate::mail::is_address;
use crate::services::acl;
use crate::services::audit::Action;
use crate::services::ctx::OpCtx;
use crate::services::entry::free_deleted_name;
use crate::services::error::OpError;
use crate::services::plugin_account;
use crate::store::StoreError;
use crate::store::constraint::APP_USER_USERNAME;
use crate::store::queries::{lock, session, user as users};
use crate::store::rows::{NewUser, UserRow};
use crate::wire::Fields;
use crate::wire::coerce::{self, Reader, Refusal};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::User;
use serde::Serialize;
use serde_json::{Value, json};

/// Longest token lifetime in seconds. *Source: spec, auth-user §2.3.*
const MOST_LIFETIME: i64 = 100_000_000;

/// A user that may be made.
#[derive(Debug, Clone)]
pub struct UserCreate {
    /// As it will be stored.
    username: String,
    /// As it was sent; it is stored as a hash.
    password: String,
    email: String,
    is_superuser: bool,
}

impl UserCreate {
    /// Judges a request: all of its fields together, then whether the acting user may ask for that. Nothing is hashed for
    /// what is refused.
    ///
    /// # Errors
    /// What is wrong with it, or somebody asks for more than is theirs to give.
    pub fn judge(op: &mut OpCtx, body: &Value) -> Result<Self, OpError> {
        let me = op.user()?.clone();
        let mut reader = Reader::new(coerce::object(body)?);
        let username =
            reader.required("username", |value| stored_name(&me, &coerce::name(value, usize::MAX)?));
        let password = reader.required("password", |value| password::text(value, MOST_PASSWORD));
        let email = reader.field("email", read_email);
        let is_superuser = reader.field("is_superuser", coerce::boolean).unwrap_or_default();
        let taken = match &username {
            Some(name) => users::by_username(&mut op.db, name)?.map(|row| name_taken(&row.username)),
            None => None,
        };
        if let Some(message) = taken.clone().filter(|_| !me.is_superuser) {
            reader.errors.add("username", Code::Invalid, message);
        }
        let (Some(username), Some(password), true) = (username, password, reader.errors.is_empty()) else {
            return Err(reader.errors.into());
        };
        if is_superuser && !me.is_superuser {
            return Err(acl::refused(op));
        }
        if let Some(message) = taken {
            return Err(OpError::rule(Code::Invalid, message));
        }
        Ok(Self { username, password, email: email.unwrap_or_default(), is_superuser })
    }

    /// The password, to be hashed.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }
}

/// The name that a user gets: those whom others than administrators make are named after them.
fn stored_name(me: &User, sent: &str) -> Result<String, Refusal> {
    let name = if me.is_superuser { sent.to_owned() } else { format!("{}-{sent}", me.username) };
    if name.chars().count() > MOST_NAME {
        return Err((
            Code::LimitExceeded,
            format!("at most {MOST_NAME} characters, those before it included"),
        ));
    }
    if name.starts_with(plugin_account::PREFIX) {
        return Err((Code::Invalid, "such names belong to plugins".into()));
    }
    Ok(name)
}

fn name_taken(name: &str) -> String {
    format!("there is a user `{name}` already")
}

/// An address, or nothing.
pub(super) fn read_email(value: &Value) -> Result<String, Refusal> {
    let email = coerce::line(value, 254)?;
    if email.is_empty() || is_address(&email) {
        Ok(email)
    } else {
        Err((Code::Invalid, format!("`{email}` is no e-mail address")))
    }
}

/// A user as it was made; the password is not in it.
#[derive(Debug, Clone, Serialize)]
pub struct UserCreated {
    id: i64,
    username: String,
    email: String,
    is_superuser: bool,
}

fn name_error(code: Code, message: impl Into<String>) -> OpError {
    OpError::field("username", code, message)
}

/// Makes a user. Administrators make any; others make co-users: read-only, named after them and with their address.
///
/// # Errors
/// The name was taken meanwhile, or there are too many users.
pub fn create_user(op: &mut OpCtx, asked: UserCreate, hash: String) -> Result<UserCreated, OpError> {
    let me = op.user()?.clone();
    let username = asked.username;
    lock::all_users(&mut op.db)?;
    if users::by_username(&mut op.db, &username)?.is_some() {
        let message = name_taken(&username);
        return Err(match me.is_superuser {
            true => OpError::rule(Code::Invalid, message),
            false => name_error(Code::Invalid, message),
        });
    }
    if let Some(full) = full(op)? {
        return Err(full.into());
    }
    let new = NewUser {
        username,
        email: if me.is_superuser { asked.email } else { me.email.clone() },
        password_hash: Some(hash),
        is_superuser: asked.is_superuser,
        is_active: true,
        is_readonly: !me.is_superuser,
        parent_user_id: (!me.is_superuser).then_some(me.id),
        authenticate_type: LOCAL,
        token_lifetime: TOKEN_LIFETIME,
        date_joined: op.now.as_micros(),
        last_login: None,
    };
    let row = users::insert(&mut op.db, &new)?;
    op.audit(
        Action::UserCreate,
        object(&row),
        || json!({"is_superuser": row.is_superuser, "parent_user": row.parent_user_id}),
    );
    let UserRow { id, username, email, is_superuser, .. } = row;
    Ok(UserCreated { id, username, email, is_superuser })
}

/// The complaint where there are as many users as there may be. *Source: spec, auth-user §3.1.*
pub(super) fn full(op: &mut OpCtx) -> Result<Option<Fields>, OpError> {
    let Some(most) = op.host.limits.users else { return Ok(None) };
    let there = usize::try_from(users::count(&mut op.db)?).unwrap_or(usize::MAX);
    let message = format!("there may be {most} users, deleted ones included");
    Ok((there >= most).then(|| Fields::whole(Code::LimitExceeded, message)))
}

/// A user as it was changed.
#[derive(Debug, Clone, Serialize)]
pub struct UserUpdated {
    username: String,
    email: String,
    is_superuser: bool,
    token_lifetime: i64,
}

/// A user that may be changed, found before the request body is read.
pub struct UserUpdate(UserRow);

impl UserUpdate {
    /// Finds the user: active, and the acting user itself unless that is an administrator.
    ///
    /// # Errors
    /// Which of these does not hold.
    pub fn open(op: &mut OpCtx, id: i64) -> Result<Self, OpError> {
        lock::user(&mut op.db, id)?;
        let row = require_active(op, id)?;
        let me = op.user()?;
        if me.is_superuser || me.id == id { Ok(Self(row)) } else { Err(acl::refused(op)) }
    }
}

fn read_lifetime(value: &Value) -> Result<i64, Refusal> {
    match coerce::integer(value)? {
        below if below < 0 => Err((Code::Other, "at least 0".into())),
        above if above > MOST_LIFETIME => Err((Code::LimitExceeded, format!("at most {MOST_LIFETIME}"))),
        lifetime => Ok(lifetime),
    }
}

fn read_username(value: &Value) -> Result<String, Refusal> {
    let name = coerce::name(value, MOST_NAME)?;
    if name.chars().all(|c| c.is_alphanumeric() || "@.+-_".contains(c)) {
        Ok(name)
    } else {
        Err((Code::Invalid, "letters, digits and @ . + - _ only".into()))
    }
}

/// Changes a user. Only the lifetime of tokens is for the user itself to change.
///
/// # Errors
/// What is wrong with the request, or a user asks for more than that.
pub fn update_user(op: &mut OpCtx, target: UserUpdate, body: &Value) -> Result<UserUpdated, OpError> {
    let UserUpdate(mut row) = target;
    let mut reader = Reader::new(coerce::object(body)?);
    // A name that is kept may be of any form: creation does not restrict it.
    let kept = |value: &Value| coerce::name(value, usize::MAX).is_ok_and(|name| name == row.username);
    let username = reader.required("username", |value| {
        if kept(value) { Ok(row.username.clone()) } else { read_username(value) }
    });
    let email = reader.field("email", read_email);
    let is_superuser = reader.field("is_superuser", coerce::boolean);
    let lifetime = reader.field("token_lifetime", read_lifetime);
    if let Some(name) = username.as_ref().filter(|name| **name != row.username)
        && users::by_username(&mut op.db, name)?.is_some()
    {
        reader.errors.add("username", Code::Other, name_taken(name));
    }
    let (Some(username), true) = (username, reader.errors.is_empty()) else {
        return Err(reader.errors.into());
    };
    let is_other = username != row.username
        || email.as_ref().is_some_and(|email| *email != row.email)
        || is_superuser.is_some_and(|is_superuser| is_superuser != row.is_superuser);
    if is_other && !op.user()?.is_superuser {
        return Err(acl::refused(op));
    }
    let before = row.clone();
    row.username = username;
    row.email = email.unwrap_or(row.email);
    row.is_superuser = is_superuser.unwrap_or(row.is_superuser);
    row.token_lifetime = lifetime.unwrap_or(row.token_lifetime);
    if row != before {
        users::update(&mut op.db, &row).map_err(|error| match error {
            StoreError::Conflict { constraint } if constraint == APP_USER_USERNAME => {
                name_error(Code::Other, "the name is taken")
            }
            error => error.into(),
        })?;
        op.audit(Action::UserUpdate, object(&row), || changes(&before, &row));
    }
    let UserRow { username, email, is_superuser, token_lifetime, .. } = row;
    Ok(UserUpdated { username, email, is_superuser, token_lifetime })
}

fn changes(before: &UserRow, after: &UserRow) -> Value {
    let mut changed = serde_json::Map::new();
    let mut note = |key: &str, old: Value, new: Value| {
        if old != new {
            changed.insert(key.to_owned(), json!({"old": old, "new": new}));
        }
    };
    note("username", json!(before.username), json!(after.username));
    note("email", json!(before.email), json!(after.email));
    note("is_superuser", json!(before.is_superuser), json!(after.is_superuser));
    note("token_lifetime", json!(before.token_lifetime), json!(after.token_lifetime));
    Value::Object(changed)
}

/// Deletes a user: it stays, inactive and under another name; its sessions end, its token does not hold any more.
///
/// # Errors
/// There is no such user, or it is neither a co-user nor does an administrator act.
pub fn delete_user(op: &mut OpCtx, id: i64) -> Result<(), OpError> {
    lock::user(&mut op.db, id)?;
    let mut row = require_active(op, id)?;
    let me: &User = op.user()?;
    if !me.is_superuser && Some(me.id) != row.parent_user_id {
        return Err(acl::refused(op));
    }
    let gone = object(&row);
    row.username =
        free_deleted_name(op, &row.username, |op, name| Ok(users::by_username(&mut op.db, name)?.is_some()))?;
    row.email = format!("deleted__{}", row.email);
    row.is_active = false;
    users::update(&mut op.db, &row)?;
    session::delete_of_user(&mut op.db, id)?;
    op.audit(Action::UserDelete, gone, || json!({"deleted_name": row.username}));
    Ok(())
}

/// Gives a co-user of the acting user a new token.
///
/// # Errors
/// There is no such user, or it is nobody's the acting user's.
pub fn issue_token_of(op: &mut OpCtx, id: i64) -> Result<String, OpError> {
    let row = require_active(op, id)?;
    if row.parent_user_id != op.user_id() {
        return Err(acl::refused(op));
    }
    super::issue_token(op, id)
}

/// Switches a user to the directory of the organisation. There is none on this server, so nobody is switched.
///
/// # Errors
/// Always: who asks is not the user, the request is wrong, or the password does not hold there.
pub fn switch_to_ldap(
    op: &mut OpCtx,
    id: i64,
    body: impl FnOnce() -> Result<Value, OpError>,
) -> Result<std::convert::Infallible, OpError> {
    require_active(op, id)?;
    if op.user_id() != Some(id) {
        return Err(acl::refused(op));
    }
    let body = body()?;
    let mut reader = Reader::new(coerce::object(&body)?);
    reader.required("ldap_password", |value| coerce::name(value, usize::MAX));
    if !reader.errors.is_empty() {
        return Err(reader.errors.into());
    }
    Err(Fields::whole(Code::Invalid, "this server knows no directory").into())
}
