//! Secrets that the operator keeps for a plugin: passwords, keys, tokens of other servers.
//!
//! `capabilities = [secrets:smtp-password]` in `plugin!` makes `crate::secrets::SMTP_PASSWORD`, and
//! `ctx.secret(crate::secrets::SMTP_PASSWORD)` gives the value that stands in the configuration of the server.
//! A secret that is not declared has no constant, so that asking for it does not compile.

use std::fmt;
use std::marker::PhantomData;

/// A declared secret of the plugin `P`: its name, not its value. Made by `plugin!` only.
pub struct Secret<P> {
    name: &'static str,
    of: PhantomData<fn() -> P>,
}

impl<P> Secret<P> {
    /// For the expansion of `plugin!`.
    #[doc(hidden)]
    #[must_use]
    pub const fn declared(name: &'static str) -> Self {
        Self { name, of: PhantomData }
    }

    /// Its name, as it stands in the declaration and in the configuration.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<P> Clone for Secret<P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P> Copy for Secret<P> {}

impl<P> fmt::Debug for Secret<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secret").field(&self.name).finish()
    }
}

/// The value of a secret. It shows itself nowhere by accident: [`SecretValue::expose`] gives it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(String);

impl SecretValue {
    /// Keeps a value.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself. Do not log it, nor put it into an error.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The environment variable in which an operator may keep the secret `name`: `smtp-password` in
/// `PAGODA_SECRET_SMTP_PASSWORD`.
#[must_use]
pub fn variable(name: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// How the variables of secrets begin.
pub const VARIABLE_PREFIX: &str = "PAGODA_SECRET_";

/// Whether `name` can be the name of a secret: a-z, 0-9, `_` and `-`, a letter first.
#[must_use]
pub fn is_valid_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::{SecretValue, is_valid_name, variable};

    #[test]
    fn a_value_does_not_show() {
        assert_eq!(format!("{:?}", SecretValue::new("hunter2")), "…");
        assert_eq!(SecretValue::new("hunter2").expose(), "hunter2");
    }

    #[test]
    fn names_and_variables() {
        assert_eq!(variable("smtp-password_2"), "PAGODA_SECRET_SMTP_PASSWORD_2");
        assert!(is_valid_name("smtp") && is_valid_name("a-b_1"));
        assert!(!is_valid_name("") && !is_valid_name("1a") && !is_valid_name("A") && !is_valid_name("a b"));
    }
}
