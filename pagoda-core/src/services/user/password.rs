//! Passwords changed by who knows the old one, and by administrators. *Source: spec, auth-user §4.7.*
//!
//! Hashing takes long, so a change has three steps: what is asked for is judged, the passwords are compared and hashed outside of
//! any transaction, and the hash is stored.

use super::{MOST_PASSWORD_BYTES, hash_password, object, require_active};
use crate::auth::password;
use crate::services::acl;
use crate::services::audit::Action;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{lock, session, user as users};
use crate::wire::coerce::{self, Reader};
use pagoda_plugin_sdk::Code;
use serde_json::{Value, json};

/// A change that may be made, if the old password is right.
#[derive(Debug, Clone)]
pub struct PasswordChange {
    user_id: i64,
    /// The hash that there is; absent where nothing is compared.
    old: Option<(String, String)>,
    new: String,
    as_administrator: bool,
}

/// A change that was judged.
#[derive(Debug, Clone)]
pub struct Hashed {
    user_id: i64,
    hash: String,
    as_administrator: bool,
}

fn refused(message: &str) -> OpError {
    OpError::whole(Code::Invalid, message)
}

/// What a user or its parent asks for.
///
/// # Errors
/// There is no such user, the request is wrong, or it is not for the acting user to ask.
pub fn edit(
    op: &mut OpCtx,
    id: i64,
    body: impl FnOnce() -> Result<Value, OpError>,
) -> Result<PasswordChange, OpError> {
    let row = require_active(op, id)?;
    let body = body()?;
    let mut reader = Reader::new(coerce::object(&body)?);
    let fields = ["old_passwd", "new_passwd", "chk_passwd"]
        .map(|field| reader.required(field, |value| text(value, usize::MAX)));
    let [Some(old), Some(new), Some(again)] = fields else { return Err(reader.errors.into()) };
    if op.host.is_reset_disabled() {
        return Err(acl::refused(op));
    }
    let me = op.user_id();
    if me != Some(id) && me != row.parent_user_id {
        return Err(refused("it is neither your account nor one of yours"));
    }
    if row.password_hash.is_some() && old == new {
        return Err(refused("the new password is the old one"));
    }
    if new != again {
        return Err(refused("the passwords differ"));
    }
    Ok(PasswordChange {
        user_id: id,
        old: row.password_hash.map(|hash| (hash, old)),
        new,
        as_administrator: false,
    })
}

/// What an administrator asks for.
///
/// # Errors
/// As [`edit`].
pub fn edit_as_administrator(
    op: &mut OpCtx,
    id: i64,
    body: impl FnOnce() -> Result<Value, OpError>,
) -> Result<PasswordChange, OpError> {
    require_active(op, id)?;
    acl::require_superuser(op)?;
    let body = body()?;
    let mut reader = Reader::new(coerce::object(&body)?);
    let fields =
        ["new_passwd", "chk_passwd"].map(|field| reader.required(field, |value| text(value, usize::MAX)));
    let [Some(new), Some(again)] = fields else { return Err(reader.errors.into()) };
    if new != again {
        return Err(refused("the passwords differ"));
    }
    Ok(PasswordChange { user_id: id, old: None, new, as_administrator: true })
}

/// A password of at most `most` characters as it was sent: blanks belong to it, but it is not made of them alone.
pub(super) fn text(value: &Value, most: usize) -> Result<String, coerce::Refusal> {
    let text = coerce::verbatim(value, most)?;
    if text.len() > MOST_PASSWORD_BYTES {
        return Err((Code::LimitExceeded, format!("at most {MOST_PASSWORD_BYTES} bytes")));
    }
    if text.trim().is_empty() { Err((Code::Other, "this field may not be blank".into())) } else { Ok(text) }
}

/// Compares and hashes; takes tens of milliseconds of a processor.
///
/// # Errors
/// The old password is wrong, or the machine gives no random numbers.
pub fn judge(change: PasswordChange) -> Result<Hashed, OpError> {
    if let Some((hash, old)) = &change.old
        && !password::verify(old, Some(hash))
    {
        return Err(refused("the old password is wrong"));
    }
    let hash = hash_password(&change.new)?;
    Ok(Hashed { user_id: change.user_id, hash, as_administrator: change.as_administrator })
}

/// Stores the new password; the user's sessions end, but the one that `kept` is the digest of.
///
/// # Errors
/// The user is gone meanwhile.
pub fn store(op: &mut OpCtx, hashed: Hashed, kept: Option<&str>) -> Result<(), OpError> {
    let id = hashed.user_id;
    lock::user(&mut op.db, id)?;
    let row = require_active(op, id)?;
    users::set_password_hash(&mut op.db, id, Some(&hashed.hash))?;
    match kept.filter(|_| op.user_id() == Some(id)) {
        Some(kept) => session::delete_others_of_user(&mut op.db, id, kept)?,
        None => session::delete_of_user(&mut op.db, id)?,
    };
    op.audit(Action::PasswordChange, object(&row), || json!({"as_administrator": hashed.as_administrator}));
    Ok(())
}
