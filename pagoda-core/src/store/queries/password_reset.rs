//! Links with which users may set new passwords.

use crate::store::conn::on_db;
use crate::store::rows::PasswordResetRow;
use crate::store::schema::password_reset;
use crate::store::{Db, StoreError};
use diesel::prelude::*;

/// The newest link of a user.
pub fn of_user(db: &mut Db, user_id: i64) -> Result<Option<PasswordResetRow>, StoreError> {
    on_db!(db, |c| password_reset::table
        .find(user_id)
        .select(PasswordResetRow::as_select())
        .first(c)
        .optional())
}

/// Notes a link in place of the one before.
pub fn replace(db: &mut Db, row: &PasswordResetRow) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::insert_into(password_reset::table)
        .values(row)
        .on_conflict(password_reset::user_id)
        .do_update()
        .set(row)
        .execute(c))
    .map(|_| ())
}

/// Forgets the link of a user; whether there was one.
pub fn delete(db: &mut Db, user_id: i64) -> Result<bool, StoreError> {
    on_db!(db, |c| diesel::delete(password_reset::table.find(user_id)).execute(c)).map(|n| n > 0)
}
