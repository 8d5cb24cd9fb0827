//! One creation, however many requests it takes.

use super::{Run, Todo};
use crate::client::{ClientError, EntryId, EntryRow};
use crate::names::Kind;
use crate::parse::Key;

/// The code of a name that is taken.
const DUPLICATED: &str = "AE-220000";

/// What became of a creation.
pub(super) enum Outcome {
    /// It was accepted.
    Created(Option<EntryId>),
    /// Somebody else has created it meanwhile.
    Present(EntryId),
    /// A rule forbids it.
    Refused {
        /// The code of the refusal.
        code: String,
        /// In words.
        message: String,
    },
    /// It did not succeed.
    Failed {
        /// What happened.
        reason: String,
        /// Whether the others will not succeed either.
        hopeless: bool,
    },
}

impl From<ClientError> for Outcome {
    fn from(error: ClientError) -> Self {
        let hopeless = error.is_authentication() || matches!(error, ClientError::Unreachable { .. });
        Self::Failed { reason: error.to_string(), hopeless }
    }
}

impl Run<'_> {
    /// Creates an entry. If an answer is lost, it looks whether the entry is there before it tries again.
    pub(super) fn create(&self, todo: &Todo<'_>) -> Outcome {
        self.try_create(todo).unwrap_or_else(Outcome::from)
    }

    fn try_create(&self, todo: &Todo<'_>) -> Result<Outcome, ClientError> {
        let key = todo.record.key;
        let mut lost = 0;
        loop {
            let error = match self.client.create_entry(todo.entity, &todo.body) {
                Ok(id) => return Ok(Outcome::Created(id)),
                Err(error) => error,
            };
            let taken = match &error {
                ClientError::Lost { .. } => {
                    lost += 1;
                    std::thread::sleep(self.client.retry().pause(lost, None));
                    false
                }
                ClientError::Answered { status: 400, envelope, .. } => envelope.has(DUPLICATED),
                _ => return refusal(error),
            };
            if !taken && lost == 0 {
                return refusal(error);
            }
            match self.find(key)? {
                Some(row) if lost > 0 => return Ok(Outcome::Created(Some(row.id))),
                Some(row) => return Ok(Outcome::Present(row.id)),
                None if lost == 0 || lost >= self.client.retry().attempts => return refusal(error),
                // Accepted by a server that is not finished with it, or never received: both can be asked again.
                None if taken => {
                    lost += 1;
                    std::thread::sleep(self.client.retry().pause(lost, None));
                }
                None => {}
            }
        }
    }

    /// Looks for the entry about this, whatever its name has become.
    fn find(&self, key: Key) -> Result<Option<EntryRow>, ClientError> {
        let kind = Kind::of(key);
        let (entity, ids) = (self.entity(kind).id, key.to_string());
        let mut number = 1;
        loop {
            let page = self.client.entries(entity, number, Some(&ids))?;
            let more = page.next.is_some();
            let found = page.results.into_iter().find(|row| self.index.key_of(kind, &row.name) == Some(key));
            if found.is_some() || !more {
                return Ok(found);
            }
            number += 1;
        }
    }
}

/// A refusal by a rule, if that is what the error is.
fn refusal(error: ClientError) -> Result<Outcome, ClientError> {
    match error {
        ClientError::Answered { status: status @ (400 | 409 | 422), envelope, .. } => {
            let code = envelope.code().map_or_else(|| format!("HTTP {status}"), str::to_owned);
            Ok(Outcome::Refused { code, message: envelope.message() })
        }
        error => Err(error),
    }
}
