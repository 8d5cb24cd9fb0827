//! What makes tampering show: each row's hash covers the row and the hash of the row before.
//!
//! A hash is stored as `sha256:<hex>`, or as `hmac-<key>:<hex>` where a key is configured, `<key>` being a
//! digest of the key that tells keys apart and nothing about them. Without a key, who can write the database
//! can also compute the whole chain anew; with one, nobody can who has only the database.

use crate::store::rows::{AuditHeadRow, AuditRow, NewAudit};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;

/// What the first row names as the hash of the row before.
pub const GENESIS: &str = "genesis";

/// Goes into every hash, so that none of another purpose or format can be one.
const FORMAT: &str = "pagoda audit 1";
const PLAIN: &str = "sha256";

/// A secret with its name.
#[derive(Clone)]
struct Key {
    scheme: String,
    mac: Hmac<Sha256>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scheme)
    }
}

/// The keys of the configuration: rows are signed with the first, the others know rows of before.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    keys: Vec<Key>,
}

/// How a row stands to its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is the hash of the row.
    Fits,
    /// It is not.
    Differs,
    /// It was made with a key that is not configured; its name.
    UnknownKey(String),
}

impl Keys {
    /// These secrets, the present one first.
    ///
    /// # Errors
    /// A secret cannot be used as a key.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> anyhow::Result<Self> {
        let key = |secret: &str| {
            let mac = Hmac::new_from_slice(secret.as_bytes())
                .map_err(|_| anyhow::anyhow!("a secret of this length cannot be a key"))?;
            let name = Sha256::new_with_prefix("pagoda audit key ").chain_update(secret).finalize();
            Ok(Key { scheme: format!("hmac-{}", hex(name.get(..4).unwrap_or_default())), mac })
        };
        Ok(Self { keys: secrets.into_iter().map(key).collect::<anyhow::Result<_>>()? })
    }

    /// How rows are hashed from now on.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.keys.first().map_or(PLAIN, |key| &key.scheme)
    }

    /// Whether rows are signed.
    #[must_use]
    pub fn is_signing(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The hash of a row, by the present scheme.
    pub(super) fn hash(&self, row: &AuditRow) -> String {
        hash_with(self.keys.first(), row)
    }

    /// Whether a row's hash is its own.
    pub(super) fn judge(&self, row: &AuditRow) -> Judgement {
        let scheme = scheme_of(&row.hash);
        let key = self.keys.iter().find(|key| key.scheme == scheme);
        if key.is_none() && scheme.starts_with("hmac-") {
            return Judgement::UnknownKey(scheme.to_owned());
        }
        if hash_with(key, row) == row.hash { Judgement::Fits } else { Judgement::Differs }
    }
}

/// How a hash was made.
pub(super) fn scheme_of(hash: &str) -> &str {
    hash.split_once(':').map_or("", |(scheme, _)| scheme)
}

/// Whether a hash was made with a key.
pub(super) fn is_signed(hash: &str) -> bool {
    scheme_of(hash).starts_with("hmac-")
}

fn hash_with(key: Option<&Key>, row: &AuditRow) -> String {
    let bytes = encode(row);
    match key {
        Some(key) => {
            let mac = key.mac.clone().chain_update(&bytes).finalize();
            format!("{}:{}", key.scheme, hex(&mac.into_bytes()))
        }
        None => format!("{PLAIN}:{}", hex(&Sha256::digest(&bytes))),
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// All of a row but its hash. Unambiguous: every field has its kind, and texts their length before them.
fn encode(row: &AuditRow) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256 + row.detail.len());
    let out = &mut bytes;
    put_text(out, Some(FORMAT));
    put_text(out, Some(&row.prev_hash));
    put_number(out, Some(row.seq));
    put_number(out, Some(row.at));
    put_number(out, row.actor_id);
    put_text(out, row.actor.as_deref());
    put_text(out, Some(&row.action));
    put_text(out, row.object_kind.as_deref());
    put_number(out, row.object_id);
    put_text(out, row.object_name.as_deref());
    put_text(out, row.plugin.as_deref());
    put_text(out, Some(&row.trace_id));
    put_text(out, Some(&row.origin));
    put_text(out, Some(&row.detail));
    bytes
}

fn put_number(out: &mut Vec<u8>, number: Option<i64>) {
    match number {
        None => out.push(0),
        Some(number) => {
            out.push(1);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => out.push(0),
        Some(text) => {
            out.push(2);
            // A length fits: it is that of something in memory.
            out.extend_from_slice(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// Makes rows that follow on each other, from the end of the log on.
pub(super) struct Tail<'a> {
    keys: &'a Keys,
    pub(super) head: AuditHeadRow,
    pub(super) rows: Vec<AuditRow>,
}

impl<'a> Tail<'a> {
    pub(super) fn new(keys: &'a Keys, head: AuditHeadRow) -> Self {
        Self { keys, head, rows: Vec::new() }
    }

    /// Puts a record at the end.
    pub(super) fn push(&mut self, record: NewAudit) {
        let mut row = AuditRow::unhashed(self.head.seq.saturating_add(1), record, self.head.hash.clone());
        row.hash = self.keys.hash(&row);
        self.head.seq = row.seq;
        self.head.hash.clone_from(&row.hash);
        self.rows.push(row);
    }
}

#[cfg(test)]
mod tests {
    use super::{AuditRow, Judgement, Keys, encode};

    fn row() -> AuditRow {
        AuditRow {
            seq: 7,
            at: 1_714_521_600_000_004,
            actor_id: Some(1),
            actor: Some("admin".to_owned()),
            action: "entry.create".to_owned(),
            object_kind: Some("entry".to_owned()),
            object_id: Some(3),
            object_name: Some("A-0001".to_owned()),
            plugin: None,
            trace_id: "0123456789abcdef01".to_owned(),
            origin: "http".to_owned(),
            detail: "{}".to_owned(),
            prev_hash: "genesis".to_owned(),
            hash: String::new(),
        }
    }

    /// The format is that of stored logs: it never changes.
    #[test]
    fn hashes_are_what_they_were() {
        let plain = Keys::default().hash(&row());
        assert_eq!(plain, "sha256:0289c0b4c12c2b01c39d48317460d68590c53f2288375a36f7a5ed7047a54475");
        let signed = Keys::new(["a secret of the operators"]).unwrap().hash(&row());
        assert_eq!(signed, "hmac-d6dae648:5e14fe65bf7b42531b5725ee7286641fb32673ba0afaf837fdcdf1f5a8b72f3b");
    }

    #[test]
    fn no_two_rows_look_alike() {
        let moved = AuditRow { actor: Some("adminentry".to_owned()), action: ".create".to_owned(), ..row() };
        assert_ne!(encode(&moved), encode(&row()));
        let blank = AuditRow { plugin: Some(String::new()), ..row() };
        assert_ne!(encode(&blank), encode(&row()));
        let shifted = AuditRow { object_id: None, actor_id: Some(3), ..row() };
        assert_ne!(encode(&shifted), encode(&AuditRow { object_id: Some(3), actor_id: None, ..row() }));
    }

    #[test]
    fn keys_know_their_own_and_are_not_shown() {
        let (old, new) = ("the first secret key", "the second secret key");
        let mut signed = row();
        signed.hash = Keys::new([old]).unwrap().hash(&signed);
        assert_eq!(Keys::new([new, old]).unwrap().judge(&signed), Judgement::Fits);
        assert!(matches!(Keys::new([new]).unwrap().judge(&signed), Judgement::UnknownKey(_)));
        assert!(matches!(Keys::default().judge(&signed), Judgement::UnknownKey(_)));
        signed.at += 1;
        assert_eq!(Keys::new([old]).unwrap().judge(&signed), Judgement::Differs);
        signed.hash = "nonsense".to_owned();
        assert_eq!(Keys::new([old]).unwrap().judge(&signed), Judgement::Differs);
        let shown = format!("{:?}", Keys::new([old, new]).unwrap());
        assert!(!shown.contains("secret") && shown.contains("hmac-"), "{shown}");
    }
}
