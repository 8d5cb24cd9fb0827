//! Browser sessions.

use crate::store::conn::on_db;
use crate::store::rows::{SessionRow, UserRow};
use crate::store::schema::{app_user, web_session};
use crate::store::{Db, StoreError};
use diesel::prelude::*;

/// Inserts a session.
pub fn insert(db: &mut Db, row: &SessionRow) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::insert_into(web_session::table).values(row).execute(c)).map(|_| ())
}

/// A session, expired ones included, with its user in any state.
pub fn with_user(db: &mut Db, id_hash: &str) -> Result<Option<(SessionRow, UserRow)>, StoreError> {
    on_db!(db, |c| web_session::table
        .inner_join(app_user::table)
        .filter(web_session::id_hash.eq(id_hash))
        .select((SessionRow::as_select(), UserRow::as_select()))
        .first(c)
        .optional())
}

/// Ends a session; whether there was one.
pub fn delete(db: &mut Db, id_hash: &str) -> Result<bool, StoreError> {
    on_db!(db, |c| diesel::delete(web_session::table.find(id_hash)).execute(c)).map(|n| n > 0)
}

/// Ends all sessions of a user; how many there were.
pub fn delete_of_user(db: &mut Db, user_id: i64) -> Result<usize, StoreError> {
    on_db!(db, |c| diesel::delete(web_session::table.filter(web_session::user_id.eq(user_id))).execute(c))
}

/// Ends the sessions of a user but the one with this hash; how many there were.
pub fn delete_others_of_user(db: &mut Db, user_id: i64, kept: &str) -> Result<usize, StoreError> {
    let others =
        web_session::table.filter(web_session::user_id.eq(user_id)).filter(web_session::id_hash.ne(kept));
    on_db!(db, |c| diesel::delete(others).execute(c))
}

/// Removes the sessions that ended at `now` or before; how many there were.
pub fn delete_expired(db: &mut Db, now: i64) -> Result<usize, StoreError> {
    on_db!(db, |c| diesel::delete(web_session::table.filter(web_session::expires.le(now))).execute(c))
}
