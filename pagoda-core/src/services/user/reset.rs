//! Passwords set anew with a link that came by mail. *Source: spec, auth-user §4.8.*
//!
//! The link holds a random key. What is stored is a digest of the key with the password's hash, the last login and the address,
//! so whatever of these changes makes the link worthless, and who reads the database cannot make one. The database keeps it,
//! so all instances agree.

use super::password::text;
use super::{hash_password, object};
use crate::auth::secret;
use crate::mail::Letter;
use crate::services::audit::Action;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{lock, password_reset as resets, session, user as users};
use crate::store::rows::{PasswordResetRow, UserRow};
use crate::wire::coerce::{self, Reader};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pagoda_plugin_sdk::Code;
use serde_json::{Value, json};

/// How long a link holds, in microseconds. *Source: spec, auth-user §4.8.*
const LIFETIME: i64 = 3 * 86_400_000_000;

/// How long it takes until a user gets another mail: who asks again and again must not fill a mailbox.
const PAUSE: i64 = 120_000_000;

/// Fewest characters of a password that is set anew. *Source: spec, auth-user §4.8.*
pub const LEAST: usize = 8;

/// Passwords that are tried first, of those that are long enough and not all digits; in lower case and sorted.
const COMMON: &str = include_str!("common_passwords.txt");

fn refuse_if_off(op: &mut OpCtx) -> Result<(), OpError> {
    if op.host.is_reset_disabled() {
        return Err(OpError::Denied { object: None, level: pagoda_plugin_sdk::model::Level::Full });
    }
    Ok(())
}

/// Asks for a link. Gives the name as it was sent, and a letter where there is somebody to write to; whether there is, the
/// answer must not tell. `base` is where people reach the server.
///
/// # Errors
/// Passwords are not set anew on this server, or the name is missing.
pub fn request(
    op: &mut OpCtx,
    body: impl FnOnce() -> Result<Value, OpError>,
    base: &str,
) -> Result<(String, Option<Letter>), OpError> {
    refuse_if_off(op)?;
    let body = body()?;
    let mut reader = Reader::new(coerce::object(&body)?);
    // A name that is too long for anybody is nobody's, and that is not told either.
    let name = reader.required("username", |value| coerce::name(value, usize::MAX));
    let Some(name) = name else { return Err(reader.errors.into()) };
    let folded = name.to_lowercase();
    let mut meant = users::active_names(&mut op.db)?;
    meant.retain(|(_, known)| known.to_lowercase() == folded);
    // Two that differ in case only are nobody.
    let [(id, _)] = meant.as_slice() else { return Ok((name, None)) };
    lock::user(&mut op.db, *id)?;
    let Some(row) = users::by_id(&mut op.db, *id)?.filter(|row| row.is_active) else {
        return Ok((name, None));
    };
    if row.password_hash.is_none() || row.email.is_empty() {
        return Ok((name, None));
    }
    let now = op.now.as_micros();
    let last = resets::of_user(&mut op.db, row.id)?;
    if last.is_some_and(|last| now < last.requested.saturating_add(PAUSE)) {
        return Ok((name, None));
    }
    let key = secret::new_key().map_err(OpError::Internal)?;
    resets::replace(
        &mut op.db,
        &PasswordResetRow { user_id: row.id, digest: bound(&key, &row), requested: now },
    )?;
    op.audit(Action::PasswordResetRequest, object(&row), || Value::Null);
    let uid = URL_SAFE_NO_PAD.encode(row.id.to_string());
    let link = format!("{base}/auth/login/?next=/ui/&uidb64={uid}&token={key}");
    let text = format!(
        "Somebody, probably you, asked to set a new password for the account {} at {base}.\n\n\
         This link does it, once and within three days:\n\n{link}\n\n\
         If it was not you, do nothing.\n",
        row.username
    );
    Ok((name, Some(Letter { to: row.email, subject: "A new password".to_owned(), text })))
}

/// What is stored of a link: it holds only while all of this stays as it is.
fn bound(key: &str, row: &UserRow) -> String {
    let hash = row.password_hash.as_deref().unwrap_or_default();
    let login = row.last_login.map(|time| time.to_string()).unwrap_or_default();
    secret::digest(&format!("{key}\n{hash}\n{login}\n{}", row.email))
}

/// A new password that may be set, to be hashed.
#[derive(Debug, Clone)]
pub struct ResetConfirm {
    user_id: i64,
    digest: String,
    password: String,
}

/// Judges a link and the new password.
///
/// # Errors
/// Passwords are not set anew on this server, the link does not hold, or the password is no good.
pub fn confirm(
    op: &mut OpCtx,
    body: impl FnOnce() -> Result<Value, OpError>,
) -> Result<ResetConfirm, OpError> {
    refuse_if_off(op)?;
    let body = body()?;
    let mut reader = Reader::new(coerce::object(&body)?);
    let [uid, key] =
        ["uidb64", "token"].map(|field| reader.required(field, |value| coerce::name(value, usize::MAX)));
    let [first, second] =
        ["password1", "password2"].map(|field| reader.required(field, |value| text(value, usize::MAX)));
    let mut found = None;
    if let (Some(uid), Some(key)) = (uid, key) {
        found = holder(op, &uid, &key)?;
        if found.is_none() {
            reader.errors.add("token", Code::Invalid, "the link does not hold, or not any more");
        }
    }
    let (Some((user_id, digest)), Some(password), Some(again), true) =
        (found, first, second, reader.errors.is_empty())
    else {
        return Err(reader.errors.into());
    };
    if password != again {
        return Err(OpError::whole(Code::Invalid, "the passwords differ"));
    }
    if let Some(weakness) = weakness(&password) {
        return Err(OpError::whole(Code::Invalid, weakness));
    }
    Ok(ResetConfirm { user_id, digest, password })
}

/// Whose link it is, if it holds.
fn holder(op: &mut OpCtx, uid: &str, key: &str) -> Result<Option<(i64, String)>, OpError> {
    // Longer than any that was sent.
    if uid.len() > 100 || key.len() > 200 {
        return Ok(None);
    }
    let decoded = URL_SAFE_NO_PAD.decode(uid.trim_end_matches('=')).ok();
    let id =
        decoded.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| text.parse::<i64>().ok());
    let Some(id) = id else { return Ok(None) };
    let Some(row) = users::by_id(&mut op.db, id)?.filter(|row| row.is_active) else { return Ok(None) };
    let Some(link) = resets::of_user(&mut op.db, id)? else { return Ok(None) };
    let digest = bound(key, &row);
    let holds = link.digest == digest && op.now.as_micros() < link.requested.saturating_add(LIFETIME);
    Ok(holds.then_some((id, digest)))
}

/// What is wrong with a password. *Source: spec, auth-user §4.8.*
fn weakness(password: &str) -> Option<&'static str> {
    if password.chars().count() < LEAST {
        return Some("a password has at least 8 characters");
    }
    if password.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some("a password is not made of digits alone");
    }
    let plain = password.trim().to_lowercase();
    COMMON.lines().any(|common| common == plain).then_some("this password is too common")
}

impl ResetConfirm {
    /// Hashes the password; takes tens of milliseconds of a processor.
    ///
    /// # Errors
    /// The machine gives no random numbers.
    pub fn hash(&self) -> Result<String, OpError> {
        hash_password(&self.password)
    }
}

/// Sets the password, if the link still holds; it does not any more then, and all sessions of the user end.
///
/// # Errors
/// The link was used or changed meanwhile.
pub fn store(op: &mut OpCtx, confirmed: &ResetConfirm, hash: &str) -> Result<(), OpError> {
    let id = confirmed.user_id;
    lock::user(&mut op.db, id)?;
    let row = users::by_id(&mut op.db, id)?.filter(|row| row.is_active);
    let link = resets::of_user(&mut op.db, id)?.filter(|link| link.digest == confirmed.digest);
    let (Some(row), Some(_)) = (row, link) else {
        return Err(OpError::field("token", Code::Invalid, "the link does not hold any more"));
    };
    resets::delete(&mut op.db, id)?;
    users::set_password_hash(&mut op.db, id, Some(hash))?;
    session::delete_of_user(&mut op.db, id)?;
    op.audit(Action::PasswordReset, object(&row), || json!({}));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{COMMON, weakness};

    #[test]
    fn weak_passwords_are_told() {
        for weak in
            ["short", "12345678", "Password", "qwertyuiop", "", "Dragon123", "sunshine1", " football1 "]
        {
            assert!(weakness(weak).is_some(), "{weak}");
        }
        assert_eq!(weakness("correct horse battery staple"), None);
    }

    #[test]
    fn the_list_of_common_passwords_has_what_the_other_rules_let_through() {
        let lines: Vec<&str> = COMMON.lines().collect();
        assert!(lines.len() > 300 && lines.is_sorted_by(|left, right| left < right));
        for line in lines {
            assert_eq!(line, line.trim().to_lowercase());
            assert!(line.chars().count() >= 8 && !line.bytes().all(|byte| byte.is_ascii_digit()), "{line}");
        }
    }
}
