//! Users as lists: import and export. *Source: spec, auth-user §4.10.*

use super::write::{full, read_email};
use super::{LOCAL, MOST_NAME, TOKEN_LIFETIME, object};
use crate::services::acl;
use crate::services::audit::Action;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::plugin_account;
use crate::services::transfer;
use crate::store::queries::{group as groups, lock, user as users};
use crate::store::rows::{NewUser, UserRow};
use crate::wire::Fields;
use crate::wire::coerce::{self, Reader};
use serde_json::{Value, json};
use std::collections::HashMap;

const KIND: &str = "user";

struct Row {
    id: Option<i64>,
    username: String,
    email: Option<String>,
    groups: Vec<String>,
}

fn read(element: &Value) -> Result<Row, Fields> {
    let mut reader = Reader::new(coerce::element(element)?);
    let username = reader.required("username", |value| coerce::name(value, MOST_NAME));
    let groups = reader.required("groups", |value| coerce::line(value, usize::MAX));
    let id = reader.field("id", coerce::integer);
    let email = reader.field("email", read_email);
    match (username, groups) {
        (Some(username), Some(groups)) if reader.errors.is_empty() => {
            let groups = groups.split(',').map(str::trim).filter(|name| !name.is_empty());
            Ok(Row { id, username, email, groups: groups.map(str::to_owned).collect() })
        }
        _ => Err(reader.errors),
    }
}

/// Imports users, row by row. At the first row that cannot be done it stops and says why; those before it stay.
///
/// # Errors
/// The acting user is no administrator, or the rows are not what they should be; nothing is done then.
pub fn import(
    op: &mut OpCtx,
    body: impl FnOnce() -> Result<Value, OpError>,
) -> Result<Result<(), Value>, OpError> {
    acl::require_superuser(op)?;
    let rows = transfer::before_import(op, KIND, body()?, read)?;
    lock::all_users(&mut op.db)?;
    transfer::import_until_one_fails(op, KIND, rows, apply)
}

/// What a row is refused with: a text and no envelope. *Source: spec, auth-user §4.10.*
fn complaint<T>(text: String) -> Result<T, Value> {
    Err(Value::from(text))
}

fn apply(op: &mut OpCtx, row: Row) -> Result<Result<(), Value>, OpError> {
    let Some(email) = row.email else { return Ok(complaint(format!("{}: email is missing", row.username))) };
    if row.username.starts_with(plugin_account::PREFIX) {
        return Ok(complaint(format!("{}: such names belong to plugins", row.username)));
    }
    let named = users::by_username(&mut op.db, &row.username)?;
    let known = match row.id {
        None => named,
        Some(id) => {
            let Some(user) = users::by_id(&mut op.db, id)? else {
                return Ok(complaint(format!("there is no user {id}")));
            };
            if named.is_some_and(|other| other.id != id) {
                return Ok(complaint(format!("another user is named `{}`", row.username)));
            }
            Some(user)
        }
    };
    let mut found = groups::by_names(&mut op.db, &row.groups)?;
    found.retain(|group| group.is_active);
    if let Some(missing) = row.groups.iter().find(|name| !found.iter().any(|group| group.name == **name)) {
        return Ok(complaint(format!("{}: there is no group `{missing}`", row.username)));
    }
    let user = match known {
        Some(mut user) => {
            user.username = row.username;
            user.email = email;
            users::update(&mut op.db, &user)?;
            op.audit(Action::UserUpdate, object(&user), || json!({"import": true}));
            user
        }
        None => match made(op, row.username, email)? {
            Ok(user) => user,
            Err(refused) => return Ok(Err(refused)),
        },
    };
    let mut ids: Vec<i64> = found.into_iter().map(|group| group.id).collect();
    ids.sort_unstable();
    ids.dedup();
    groups::set_groups_of_user(&mut op.db, user.id, &ids)?;
    Ok(Ok(()))
}

/// A new user, which cannot log in until it gets a password.
fn made(op: &mut OpCtx, username: String, email: String) -> Result<Result<UserRow, Value>, OpError> {
    if let Some(full) = full(op)? {
        return Ok(Err(full.to_json()));
    }
    let new = NewUser {
        username,
        email,
        is_active: true,
        authenticate_type: LOCAL,
        token_lifetime: TOKEN_LIFETIME,
        date_joined: op.now.as_micros(),
        ..NewUser::default()
    };
    let user = users::insert(&mut op.db, &new)?;
    op.audit(Action::UserCreate, object(&user), || json!({"is_superuser": false, "import": true}));
    Ok(Ok(user))
}

/// The active users as rows, with their groups: two statements.
///
/// # Errors
/// The database does not answer, or a handler refused.
pub fn export(op: &mut OpCtx) -> Result<Vec<Value>, OpError> {
    let mut groups: HashMap<i64, Vec<String>> = HashMap::new();
    for (user, name) in groups::names_by_user(&mut op.db)? {
        groups.entry(user).or_default().push(name);
    }
    let people = users::all_active(&mut op.db)?;
    let people = people.into_iter().filter(|row| !row.username.starts_with(plugin_account::PREFIX));
    let row = |row: UserRow| {
        let groups = groups.remove(&row.id).unwrap_or_default().join(",");
        json!({"email": row.email, "groups": groups, "id": row.id, "username": row.username})
    };
    let rows = people.map(row).collect();
    transfer::export(op, KIND, rows)
}
