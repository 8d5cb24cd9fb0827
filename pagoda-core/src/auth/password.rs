//! Passwords, as Argon2id in PHC strings.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::sync::OnceLock;

/// Hashes a password. Takes tens of milliseconds, on purpose: never on an async thread.
///
/// # Errors
/// The machine gives no random numbers.
pub fn hash(password: &str) -> anyhow::Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    Ok(hash.map_err(|error| anyhow::anyhow!("cannot hash a password: {error}"))?.to_string())
}

/// Whether a password is the one that was hashed. Without a hash it is not, and takes as long to say so.
#[must_use]
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    static NOBODY: OnceLock<String> = OnceLock::new();
    let stand_in = || NOBODY.get_or_init(|| self::hash("nobody's password").unwrap_or_default()).as_str();
    let text = hash.unwrap_or_else(stand_in);
    let Ok(parsed) = PasswordHash::new(text) else { return false };
    let holds = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
    holds && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::{hash, verify};

    #[test]
    fn only_the_right_password_holds() {
        let stored = hash("correct horse").unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(verify("correct horse", Some(&stored)));
        assert!(!verify("correct house", Some(&stored)));
        assert!(!verify("anything", Some("no hash")));
        assert!(!verify("nobody's password", None));
    }
}
