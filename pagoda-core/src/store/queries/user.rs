//! Users and their tokens.

use crate::store::conn::on_db;
use crate::store::rows::{ListedUserRow, NewUser, TokenRow, UserRow};
use crate::store::schema::{api_token, app_user};
use crate::store::{Db, StoreError};
use diesel::prelude::*;
use std::collections::HashMap;

/// Inserts a user. `Conflict(APP_USER_USERNAME)` when the name is taken.
pub fn insert(db: &mut Db, new: &NewUser) -> Result<UserRow, StoreError> {
    on_db!(db, |c| diesel::insert_into(app_user::table)
        .values(new)
        .returning(UserRow::as_returning())
        .get_result(c))
}

/// A user in any state.
pub fn by_id(db: &mut Db, id: i64) -> Result<Option<UserRow>, StoreError> {
    on_db!(db, |c| app_user::table.find(id).select(UserRow::as_select()).first(c).optional())
}

/// A user of this name in any state.
pub fn by_username(db: &mut Db, username: &str) -> Result<Option<UserRow>, StoreError> {
    on_db!(db, |c| app_user::table
        .filter(app_user::username.eq(username))
        .select(UserRow::as_select())
        .first(c)
        .optional())
}

/// An active user.
pub fn active_by_username(db: &mut Db, username: &str) -> Result<Option<UserRow>, StoreError> {
    on_db!(db, |c| app_user::table
        .filter(app_user::username.eq(username))
        .filter(app_user::is_active.eq(true))
        .select(UserRow::as_select())
        .first(c)
        .optional())
}

/// The owner of a token, in any state, with the token.
pub fn with_token(db: &mut Db, key: &str) -> Result<Option<(UserRow, TokenRow)>, StoreError> {
    on_db!(db, |c| app_user::table
        .inner_join(api_token::table)
        .filter(api_token::key.eq(key))
        .select((UserRow::as_select(), TokenRow::as_select()))
        .first(c)
        .optional())
}

/// The token of a user.
pub fn token_of(db: &mut Db, user_id: i64) -> Result<Option<TokenRow>, StoreError> {
    on_db!(db, |c| api_token::table.find(user_id).select(TokenRow::as_select()).first(c).optional())
}

/// Gives a user a new token in place of the old one.
pub fn replace_token(db: &mut Db, user_id: i64, key: &str, now: i64) -> Result<TokenRow, StoreError> {
    let row = TokenRow { user_id, key: key.to_owned(), created: now };
    on_db!(db, |c| diesel::insert_into(api_token::table)
        .values(&row)
        .on_conflict(api_token::user_id)
        .do_update()
        .set((api_token::key.eq(key), api_token::created.eq(now)))
        .execute(c))?;
    Ok(row)
}

/// Takes the token away; whether there was one.
pub fn delete_token(db: &mut Db, user_id: i64) -> Result<bool, StoreError> {
    on_db!(db, |c| diesel::delete(api_token::table.find(user_id)).execute(c)).map(|n| n > 0)
}

/// How many users there are, inactive ones included.
pub fn count(db: &mut Db) -> Result<i64, StoreError> {
    on_db!(db, |c| app_user::table.count().get_result(c))
}

/// Stores a password's hash. `NotFound` without such a user.
pub fn set_password_hash(db: &mut Db, user_id: i64, hash: Option<&str>) -> Result<(), StoreError> {
    let n = on_db!(db, |c| diesel::update(app_user::table.find(user_id))
        .set(app_user::password_hash.eq(hash))
        .execute(c))?;
    super::found(n)
}

/// Notes a login. `NotFound` without such a user.
pub fn set_last_login(db: &mut Db, user_id: i64, now: i64) -> Result<(), StoreError> {
    let n = on_db!(db, |c| diesel::update(app_user::table.find(user_id))
        .set(app_user::last_login.eq(Some(now)))
        .execute(c))?;
    super::found(n)
}

/// The active users that act for `parent_id`, by id.
pub fn active_co_users(db: &mut Db, parent_id: i64) -> Result<Vec<UserRow>, StoreError> {
    on_db!(db, |c| app_user::table
        .filter(app_user::parent_user_id.eq(parent_id))
        .filter(app_user::is_active.eq(true))
        .order(app_user::id)
        .select(UserRow::as_select())
        .load(c))
}

/// The names of users in any state, by id.
pub fn usernames(db: &mut Db, ids: &[i64]) -> Result<HashMap<i64, String>, StoreError> {
    let mut names = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(super::MAX_IDS) {
        let rows: Vec<(i64, String)> = on_db!(db, |c| app_user::table
            .filter(app_user::id.eq_any(ids))
            .select((app_user::id, app_user::username))
            .load(c))?;
        names.extend(rows);
    }
    Ok(names)
}

/// Users in any state, by id.
pub fn by_ids(db: &mut Db, ids: &[i64]) -> Result<Vec<UserRow>, StoreError> {
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(super::MAX_IDS) {
        rows.extend(on_db!(db, |c| app_user::table
            .filter(app_user::id.eq_any(ids))
            .order(app_user::id)
            .select(UserRow::as_select())
            .load(c))?);
    }
    Ok(rows)
}

/// Users of these names in any state.
pub fn by_usernames(db: &mut Db, names: &[String]) -> Result<Vec<UserRow>, StoreError> {
    let mut rows = Vec::with_capacity(names.len());
    for names in names.chunks(super::MAX_IDS) {
        rows.extend(on_db!(db, |c| app_user::table
            .filter(app_user::username.eq_any(names))
            .select(UserRow::as_select())
            .load(c))?);
    }
    Ok(rows)
}

/// All active users, by id.
pub fn all_active(db: &mut Db) -> Result<Vec<UserRow>, StoreError> {
    on_db!(db, |c| app_user::table
        .filter(app_user::is_active.eq(true))
        .order(app_user::id)
        .select(UserRow::as_select())
        .load(c))
}

/// What all active users are listed by, by id.
pub fn listed(db: &mut Db) -> Result<Vec<ListedUserRow>, StoreError> {
    on_db!(db, |c| app_user::table
        .filter(app_user::is_active.eq(true))
        .order(app_user::id)
        .select(ListedUserRow::as_select())
        .load(c))
}

/// Ids and names of all active users, by id.
pub fn active_names(db: &mut Db) -> Result<Vec<(i64, String)>, StoreError> {
    on_db!(db, |c| app_user::table
        .filter(app_user::is_active.eq(true))
        .order(app_user::id)
        .select((app_user::id, app_user::username))
        .load(c))
}

/// Writes what can change of a user, the password apart. `Conflict(APP_USER_USERNAME)` when the name is taken.
pub fn update(db: &mut Db, row: &UserRow) -> Result<(), StoreError> {
    let n = on_db!(db, |c| diesel::update(app_user::table.find(row.id))
        .set((
            app_user::username.eq(&row.username),
            app_user::email.eq(&row.email),
            app_user::is_superuser.eq(row.is_superuser),
            app_user::is_active.eq(row.is_active),
            app_user::token_lifetime.eq(row.token_lifetime),
        ))
        .execute(c))?;
    super::found(n)
}
