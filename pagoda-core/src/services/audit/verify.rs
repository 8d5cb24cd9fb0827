//! Walks the whole log and says what does not fit. Reads only, and holds one page at a time.

use super::action::Action;
use super::chain::{GENESIS, Judgement, Keys, is_signed};
use super::seal::Trimmed;
use crate::store::queries::audit::{self, AuditFilter};
use crate::store::rows::{AuditHeadRow, AuditRow};
use crate::store::{Db, StoreError};
use std::fmt;

/// Rows in memory at a time.
const PAGE: i64 = 1_000;
/// Problems that are told one by one.
const MOST_TOLD: usize = 20;

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The row with the end of the log is gone.
    HeadMissing,
    /// The row with the end of the log names another hash for the last row.
    HeadDiffers {
        /// The last row.
        seq: i64,
    },
    /// The log goes on behind what its head says is the last row.
    BehindHead {
        /// The last row.
        last: i64,
        /// What the head says.
        head: i64,
    },
    /// Rows at the end are gone.
    Truncated {
        /// The first of them.
        from: i64,
        /// The last of them.
        to: i64,
    },
    /// Rows in between, or at the beginning, are gone.
    Missing {
        /// The first of them.
        from: i64,
        /// The last of them.
        to: i64,
    },
    /// A row's content is not what it was.
    Changed {
        /// The row.
        seq: i64,
    },
    /// A row follows on another one than that before it.
    Unlinked {
        /// The row.
        seq: i64,
    },
    /// A row that was removed as too old is there.
    Removed {
        /// The row.
        seq: i64,
    },
    /// Old rows are gone, and no row says that they were removed.
    Unsaid {
        /// The last row that is gone.
        through: i64,
    },
    /// A row was signed with a key that is not configured.
    UnknownKey {
        /// The first such row.
        seq: i64,
        /// The key's name.
        key: String,
    },
    /// A row is not signed though one before it is.
    Unsigned {
        /// The row.
        seq: i64,
    },
    /// A key is configured, and no row is signed.
    NothingSigned,
    /// A row that was noted elsewhere is not in the log.
    NotAsNoted {
        /// The row.
        seq: i64,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeadMissing => f.write_str("the row of `audit_head` is missing"),
            Self::HeadDiffers { seq } => {
                write!(f, "row {seq} is the last one, but `audit_head` has another hash for it")
            }
            Self::BehindHead { last, head } => {
                write!(f, "the last row is {last}, behind row {head} with which the log ends by `audit_head`")
            }
            Self::Truncated { from, to } if from == to => write!(f, "row {from}, the last one, is missing"),
            Self::Truncated { from, to } => write!(f, "rows {from} to {to}, the last ones, are missing"),
            Self::Missing { from, to } if from == to => write!(f, "row {from} is missing"),
            Self::Missing { from, to } => write!(f, "rows {from} to {to} are missing"),
            Self::Changed { seq } => write!(f, "row {seq} was changed: its hash is not that of its content"),
            Self::Unlinked { seq } => {
                write!(f, "row {seq} does not follow on the row before it: changed, replaced or moved")
            }
            Self::Removed { seq } => write!(f, "row {seq} is older than the beginning of the log"),
            Self::Unsaid { through } => {
                write!(f, "the rows up to {through} are missing, and no `audit.trim` says that they were removed")
            }
            Self::UnknownKey { seq, key } => {
                write!(f, "row {seq} and perhaps others are signed with a key that is not configured ({key})")
            }
            Self::Unsigned { seq } => write!(f, "row {seq} is not signed, though a row before it is"),
            Self::NothingSigned => f.write_str(
                "a key is configured and no row is signed: the server never ran with it, or the log was replaced",
            ),
            Self::NotAsNoted { seq } => write!(f, "row {seq} is not the row that was noted"),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many rows there are.
    pub rows: u64,
    /// The first and the last row.
    pub range: Option<(i64, i64)>,
    /// The last row that was removed as too old; 0 when none was.
    pub trimmed: i64,
    /// Rows that are signed with a configured key.
    pub signed: u64,
    /// The last row as `audit_head` has it, `<seq>:<hash>`.
    pub head: String,
    /// Records that wait in the outbox.
    pub waiting: i64,
    /// Whether a noted row is so old that it was removed.
    pub noted_is_gone: bool,
    /// What does not fit, the first of it.
    pub problems: Vec<Problem>,
    /// How much more does not fit.
    pub more_problems: u64,
}

impl Report {
    fn add(&mut self, problem: Problem) {
        if self.problems.len() < MOST_TOLD {
            self.problems.push(problem);
        } else {
            self.more_problems += 1;
        }
    }
}

/// Walks the log, within a transaction that the caller began and that sees one state. `noted` is a row and
/// its hash that were noted elsewhere, from a head that was printed earlier.
///
/// # Errors
/// The database does not answer.
pub fn verify(db: &mut Db, keys: &Keys, noted: Option<&(i64, String)>) -> Result<Report, StoreError> {
    let mut report = Report { waiting: audit::count_waiting(db)?, ..Report::default() };
    let head = audit::head(db)?;
    if head.is_none() {
        report.add(Problem::HeadMissing);
    }
    let mut walk = Walk::new(keys, head, noted, report);
    let mut last = i64::MIN;
    loop {
        let page = audit::after(db, &AuditFilter::default(), last, PAGE)?;
        let Some(end) = page.last() else { break };
        last = end.seq;
        page.iter().for_each(|row| walk.step(row));
    }
    Ok(walk.finish())
}

struct Walk<'a> {
    keys: &'a Keys,
    head: Option<AuditHeadRow>,
    noted: Option<&'a (i64, String)>,
    noted_seen: bool,
    report: Report,
    /// The row that comes next, and the hash it names; absent where that cannot be known.
    next: i64,
    previous: Option<String>,
    signed_before: bool,
    said: bool,
    unknown: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(
        keys: &'a Keys,
        head: Option<AuditHeadRow>,
        noted: Option<&'a (i64, String)>,
        report: Report,
    ) -> Self {
        let (next, previous) = match &head {
            Some(head) => (head.trimmed_seq.saturating_add(1), Some(head.trimmed_hash.clone())),
            None => (1, None),
        };
        Self {
            keys,
            head,
            noted,
            noted_seen: false,
            report,
            next,
            previous,
            signed_before: false,
            said: false,
            unknown: Vec::new(),
        }
    }

    fn step(&mut self, row: &AuditRow) {
        let seq = row.seq;
        self.report.rows += 1;
        if self.report.range.is_none() && self.head.is_none() {
            // Without a head nobody knows where the log begins.
            self.next = seq;
        }
        self.report.range = Some((self.report.range.map_or(seq, |(first, _)| first), seq));
        if seq < self.next {
            self.report.add(Problem::Removed { seq });
            return;
        }
        if seq > self.next {
            self.report.add(Problem::Missing { from: self.next, to: seq - 1 });
        } else if self.previous.as_ref().is_some_and(|previous| *previous != row.prev_hash) {
            self.report.add(Problem::Unlinked { seq });
        }
        self.judge(row);
        if row.action == Action::AuditTrim.as_str()
            && let (Some(head), Some(trimmed)) = (&self.head, Trimmed::read(&row.detail))
        {
            self.said |= trimmed.vouches_for(head);
        }
        if self.noted.is_some_and(|noted| *noted == (seq, row.hash.clone())) {
            self.noted_seen = true;
        }
        self.next = seq.saturating_add(1);
        self.previous = Some(row.hash.clone());
    }

    fn judge(&mut self, row: &AuditRow) {
        let seq = row.seq;
        match self.keys.judge(row) {
            Judgement::Fits => {
                if is_signed(&row.hash) {
                    self.report.signed += 1;
                }
            }
            Judgement::Differs => self.report.add(Problem::Changed { seq }),
            Judgement::UnknownKey(key) => {
                if !self.unknown.contains(&key) {
                    // Told apart only up to a point: a row can claim any key.
                    if self.unknown.len() < MOST_TOLD {
                        self.unknown.push(key.clone());
                    }
                    self.report.add(Problem::UnknownKey { seq, key });
                }
            }
        }
        if is_signed(&row.hash) {
            self.signed_before = true;
        } else if self.signed_before {
            self.report.add(Problem::Unsigned { seq });
        }
    }

    fn finish(mut self) -> Report {
        let last = self.next.saturating_sub(1);
        if let Some(head) = &self.head {
            self.report.trimmed = head.trimmed_seq;
            self.report.head = format!("{}:{}", head.seq, head.hash);
            let differs = self.previous.as_ref().is_some_and(|previous| *previous != head.hash);
            let begun = head.trimmed_seq > 0 || head.trimmed_hash != GENESIS;
            if head.seq > last {
                self.report.add(Problem::Truncated { from: last + 1, to: head.seq });
            } else if head.seq < last {
                self.report.add(Problem::BehindHead { last, head: head.seq });
            } else if differs {
                self.report.add(Problem::HeadDiffers { seq: last });
            }
            if begun && !self.said {
                self.report.add(Problem::Unsaid { through: self.report.trimmed });
            }
        }
        if self.keys.is_signing() && self.report.rows > 0 && !self.signed_before {
            self.report.add(Problem::NothingSigned);
        }
        if let Some((seq, _)) = self.noted
            && !self.noted_seen
        {
            if *seq <= self.report.trimmed {
                self.report.noted_is_gone = true;
            } else {
                self.report.add(Problem::NotAsNoted { seq: *seq });
            }
        }
        self.report
    }
}
