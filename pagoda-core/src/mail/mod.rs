//! Mail: letters that the server writes to people, and the ways on which they leave.
//!
//! [`Mailer`] is all that services know of it. [`Postman`] is the one that servers have: a thread and a bounded queue,
//! so that no request waits for a mail server. `smtp.rs` is the connection to one, which alerts use too, with a
//! delivery of their own that survives the process. Start reading at `postman.rs`.

mod postman;
pub mod smtp;

pub use postman::{Counts, Postman};

use std::fmt;

/// A letter to one person.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// The address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// The text; may hold secrets.
    pub text: String,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("to", &self.to).field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Whether a text is an address that mail can be sent to: with a domain of at least two parts.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let domain = text.parse::<lettre::Address>().map(|address| address.domain().to_owned());
    domain.is_ok_and(|domain| domain.contains('.') || domain == "localhost")
}

/// Takes letters.
pub trait Mailer: fmt::Debug + Send + Sync {
    /// Takes a letter and comes back at once; what becomes of it is the mailer's to log and to count.
    fn post(&self, letter: Letter);
}
