//! Moves what waits in the outbox to the log, and removes old rows from its beginning. Each in one
//! transaction that holds the log's head, so that there is one hand at a time and a crash changes nothing.

use super::action::Action;
use super::chain::{GENESIS, Keys, Tail, is_signed, scheme_of};
use super::record::AuditRecord;
use crate::store::rows::AuditHeadRow;
use crate::store::{Db, StoreError, queries::audit};
use pagoda_plugin_sdk::time::Timestamp;
use serde_json::json;

/// Records moved in one transaction: on SQLite nobody else writes meanwhile.
pub(super) const MOST_SEALED: i64 = 500;
/// Rows removed in one transaction.
const MOST_TRIMMED: i64 = 5_000;
const DAY_MICROS: i64 = 86_400 * 1_000_000;

/// Begins a transaction that holds the log's head.
fn open<'a>(db: &mut Db, keys: &'a Keys) -> Result<Tail<'a>, StoreError> {
    db.begin()?;
    let head = audit::lock_head(db)?;
    let head = head.ok_or_else(|| anyhow::anyhow!("the audit log has lost its head row"))?;
    if is_signed(&head.hash) && !keys.is_signing() {
        return Err(anyhow::anyhow!(NO_KEY).into());
    }
    let (switched, last) = (!continues(&head, keys), head.seq);
    let mut tail = Tail::new(keys, head);
    if switched {
        // Signed with the new key, it vouches for the end of what came before.
        let record = AuditRecord::of_server(Action::AuditKey);
        tail.push(record.with(json!({"scheme": keys.scheme(), "last_of_before": last})).to_row());
    }
    Ok(tail)
}

/// Going on without one would look like what somebody does who has the database and not the key.
const NO_KEY: &str = "the audit log is signed and no key is configured: set audit_key (PAGODA_AUDIT_KEY) to the one in \
                      use, or to a new one if that is lost";

/// Whether a log with this head goes on as it was.
fn continues(head: &AuditHeadRow, keys: &Keys) -> bool {
    head.hash == GENESIS || scheme_of(&head.hash) == keys.scheme()
}

/// Whether the log goes on as it was with these keys; an error says that it cannot go on at all.
///
/// # Errors
/// The log is signed and there is no key, or the database does not answer.
pub(super) fn check(db: &mut Db, keys: &Keys) -> Result<bool, StoreError> {
    match audit::head(db)? {
        Some(head) if is_signed(&head.hash) && !keys.is_signing() => Err(anyhow::anyhow!(NO_KEY).into()),
        head => Ok(head.is_none_or(|head| continues(&head, keys))),
    }
}

fn close(db: &mut Db, tail: &Tail<'_>) -> Result<(), StoreError> {
    audit::append(db, &tail.rows)?;
    audit::set_head(db, &tail.head)?;
    db.commit()
}

/// Moves records to the log; true when more may wait.
///
/// # Errors
/// The database does not do it; everything is as it was.
pub(super) fn seal(db: &mut Db, keys: &Keys) -> Result<bool, StoreError> {
    let mut tail = open(db, keys)?;
    let waiting = audit::waiting(db, MOST_SEALED)?;
    let ids: Vec<i64> = waiting.iter().map(|row| row.id).collect();
    waiting.into_iter().for_each(|row| tail.push(row.record));
    if tail.rows.is_empty() {
        db.rollback()?;
        return Ok(false);
    }
    audit::remove_waiting(db, &ids)?;
    close(db, &tail)?;
    Ok(i64::try_from(ids.len()).is_ok_and(|count| count >= MOST_SEALED))
}

/// Removes rows older than `days` from the beginning; how many. The log says that it was done, and its head
/// keeps what the next row follows on.
///
/// # Errors
/// The database does not do it; everything is as it was.
pub(super) fn trim(db: &mut Db, keys: &Keys, now: Timestamp, days: u32) -> Result<usize, StoreError> {
    let before = now.as_micros().saturating_sub(i64::from(days).saturating_mul(DAY_MICROS));
    let mut tail = open(db, keys)?;
    let oldest = audit::oldest(db, MOST_TRIMMED)?;
    let old = oldest.into_iter().take_while(|(_, at, _)| *at < before);
    let Some((through, _, hash)) = old.last() else {
        db.rollback()?;
        return Ok(0);
    };
    let removed = audit::remove_through(db, through)?;
    let record = AuditRecord::of_server(Action::AuditTrim).at(now);
    let detail = Trimmed { through, hash: hash.clone() }.to_json(before, removed);
    tail.push(record.with(detail).to_row());
    tail.head.trimmed_seq = through;
    tail.head.trimmed_hash = hash;
    close(db, &tail)?;
    Ok(removed)
}

/// What the record of a removal vouches for.
#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Trimmed {
    /// The last row that was removed.
    through: i64,
    /// Its hash.
    hash: String,
}

impl Trimmed {
    fn to_json(&self, before: i64, rows: usize) -> serde_json::Value {
        let before = Timestamp::from_micros(before).utc_iso();
        json!({"through": self.through, "hash": self.hash, "rows": rows, "before": before})
    }

    /// What a row's detail says, if it is such a record.
    pub(super) fn read(detail: &str) -> Option<Self> {
        serde_json::from_str(detail).ok()
    }

    /// Whether it is about the beginning that this head knows.
    pub(super) fn vouches_for(&self, head: &AuditHeadRow) -> bool {
        self.through == head.trimmed_seq && self.hash == head.trimmed_hash
    }
}
