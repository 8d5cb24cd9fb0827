//! Random keys and what is stored of them.

use sha2::{Digest, Sha256};
use std::fmt::Write;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn random<const N: usize>() -> anyhow::Result<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(hex(&bytes))
}

/// A key of 256 random bits, for sessions and forms.
///
/// # Errors
/// The machine gives no random numbers.
pub fn new_key() -> anyhow::Result<String> {
    random::<32>()
}

/// An API token: 40 hexadecimal digits. *Source: spec, auth-user §2.3.*
///
/// # Errors
/// The machine gives no random numbers.
pub fn new_token() -> anyhow::Result<String> {
    random::<20>()
}

/// A password for a first administrator: 24 hexadecimal digits, 96 bits.
///
/// # Errors
/// The machine gives no random numbers.
pub fn new_password() -> anyhow::Result<String> {
    random::<12>()
}

/// What is stored of a key whose owner alone keeps it.
#[must_use]
pub fn digest(key: &str) -> String {
    hex(&Sha256::digest(key.as_bytes()))
}
