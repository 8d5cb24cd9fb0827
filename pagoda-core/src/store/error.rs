//! What can go wrong with a statement, and the one place that knows how the databases say it.
//!
//! Nobody above matches on diesel. The variants are what a caller can act on; the rest is `Other`.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use std::path::PathBuf;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such row.
    #[error("there is no such row")]
    NotFound,
    /// A unique index or a foreign key refused the row.
    #[error("the row conflicts with {constraint}")]
    Conflict {
        /// Name of the index, the same on both backends (see [`constraint`]); what the database said otherwise.
        constraint: String,
    },
    /// Every connection, or the lock of the one writer, was taken for longer than the wait.
    #[error("the database is busy")]
    Busy,
    /// The server cannot be reached, or closed the connection.
    #[error("the database at {target} cannot be reached: {source_text}")]
    Unreachable {
        /// Host and port, or file; never a password.
        target: String,
        /// What the driver said.
        source_text: String,
    },
    /// What was asked took longer than it may, and was given up; or an administrator of the database gave it up.
    #[error("the database did not answer within the time that the request may take")]
    OutOfTime,
    /// The file, its directory or the transaction allows no writing.
    #[error("the database is read-only")]
    ReadOnly,
    /// No room left; the transaction is lost.
    #[error("the disk of the database is full")]
    DiskFull,
    /// Another instance holds the SQLite file.
    #[error(
        "another instance is using the database: {} is locked; SQLite serves one instance at a time, stop the other one or use PostgreSQL",
        path.display()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The transaction lost against a concurrent one and can be tried again from its beginning.
    #[error("the transaction collided with a concurrent one")]
    Serialization,
    /// Migrations cannot be applied.
    #[error("migration: {0}")]
    Migration(String),
    /// Everything nobody can act on.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// Names of the unique constraints, as they come in [`StoreError::Conflict`] on both backends.
pub mod constraint {
    /// A user with this name exists.
    pub const APP_USER_USERNAME: &str = "app_user_username";
    /// An API token with this key exists.
    pub const API_TOKEN_KEY: &str = "api_token_key";
    /// An active entity with this name exists.
    pub const ENTITY_ACTIVE_NAME: &str = "entity_active_name";
    /// The entity has an active attribute with this name.
    pub const ENTITY_ATTR_ACTIVE_NAME: &str = "entity_attr_active_name";
    /// The entity has an active entry with this name.
    pub const ENTRY_ACTIVE_NAME: &str = "entry_active_name";
    /// The entry has an attribute for this definition.
    pub const ATTRIBUTE_ENTRY_ATTR: &str = "attribute_entry_attr";
    /// The attribute has a latest value.
    pub const ATTR_VALUE_LATEST: &str = "attr_value_latest";
    /// A group with this name exists.
    pub const USER_GROUP_NAME: &str = "user_group_name";
    /// A role with this name exists.
    pub const ROLE_NAME: &str = "role_name";
    /// A row that is referred to does not exist, or is still referred to.
    pub const FOREIGN_KEY: &str = "foreign_key";

    /// SQLite names the columns of a unique index and not the index.
    pub(super) const BY_COLUMNS: [(&str, &str); 9] = [
        ("app_user.username", APP_USER_USERNAME),
        ("api_token.key", API_TOKEN_KEY),
        ("entity.name", ENTITY_ACTIVE_NAME),
        ("entity_attr.entity_id, entity_attr.name", ENTITY_ATTR_ACTIVE_NAME),
        ("entry.entity_id, entry.name", ENTRY_ACTIVE_NAME),
        ("attribute.entry_id, attribute.attr_id", ATTRIBUTE_ENTRY_ATTR),
        ("attr_value.attribute_id", ATTR_VALUE_LATEST),
        ("user_group.name", USER_GROUP_NAME),
        ("role.name", ROLE_NAME),
    ];
}

impl StoreError {
    /// Whether the connection itself is of no more use.
    pub(super) fn breaks_connection(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Names the database in an error that was made where it is not known.
    pub(super) fn at(mut self, place: &str) -> Self {
        if let Self::Unreachable { target, .. } = &mut self {
            place.clone_into(target);
        }
        self
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::NotFound => Self::NotFound,
            DieselError::DatabaseError(kind, info) => from_database(kind, info.as_ref())
                .unwrap_or_else(|| Self::Other(anyhow::Error::new(DieselError::DatabaseError(kind, info)))),
            other => Self::Other(anyhow::Error::new(other)),
        }
    }
}

fn from_database(kind: DatabaseErrorKind, info: &dyn DatabaseErrorInformation) -> Option<StoreError> {
    match kind {
        DatabaseErrorKind::UniqueViolation => {
            Some(StoreError::Conflict { constraint: unique_constraint(info) })
        }
        DatabaseErrorKind::ForeignKeyViolation | DatabaseErrorKind::RestrictViolation => {
            let constraint = info.constraint_name().unwrap_or(constraint::FOREIGN_KEY).to_owned();
            Some(StoreError::Conflict { constraint })
        }
        DatabaseErrorKind::SerializationFailure => Some(StoreError::Serialization),
        DatabaseErrorKind::ReadOnlyTransaction => Some(StoreError::ReadOnly),
        // diesel-async uses this kind for everything the server did not say itself.
        DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => {
            Some(unreachable(info.message()))
        }
        _ => from_message(info.message()),
    }
}

/// The rest comes without a code through diesel: SQLite's messages are constants of its source (`sqlite3ErrStr`),
/// PostgreSQL's are those of an English `lc_messages`.
fn from_message(message: &str) -> Option<StoreError> {
    type Make = fn(&str) -> StoreError;
    const KNOWN: [(&str, Make); 17] = [
        (super::clock::TIME_IS_OVER, |_| StoreError::OutOfTime),
        ("due to statement timeout", |_| StoreError::OutOfTime),
        // An administrator cancelled it; and PostgreSQL's words when the timeout comes with the end of a statement and
        // meets the next one, which is rare on an idle machine and usual on a busy one.
        ("canceling statement due to user request", |_| StoreError::OutOfTime),
        ("database is locked", |_| StoreError::Busy),
        ("database table is locked", |_| StoreError::Busy),
        ("due to lock timeout", |_| StoreError::Busy),
        ("could not obtain lock", |_| StoreError::Busy),
        ("database or disk is full", |_| StoreError::DiskFull),
        ("No space left on device", |_| StoreError::DiskFull),
        ("attempt to write a readonly database", |_| StoreError::ReadOnly),
        ("unable to open database file", unreachable),
        ("disk I/O error", unreachable),
        ("deadlock detected", |_| StoreError::Serialization),
        ("could not serialize access", |_| StoreError::Serialization),
        ("terminating connection", unreachable),
        ("the database system is", unreachable),
        ("too many clients", |_| StoreError::Busy),
    ];
    KNOWN.iter().find(|(part, _)| message.contains(part)).map(|(_, make)| make(message))
}

fn unreachable(text: &str) -> StoreError {
    StoreError::Unreachable { target: "the database".to_owned(), source_text: text.to_owned() }
}

fn unique_constraint(info: &dyn DatabaseErrorInformation) -> String {
    if let Some(name) = info.constraint_name() {
        return name.to_owned();
    }
    let columns = info.message().trim_start_matches("UNIQUE constraint failed: ");
    let known = constraint::BY_COLUMNS.iter().find(|(known, _)| *known == columns);
    known.map_or(columns, |(_, name)| *name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_both_databases_are_known() {
        let of = |message: &str| {
            StoreError::from(DieselError::DatabaseError(
                DatabaseErrorKind::Unknown,
                Box::new(message.to_owned()),
            ))
        };
        assert!(matches!(of("database is locked"), StoreError::Busy));
        assert!(matches!(of("database or disk is full"), StoreError::DiskFull));
        assert!(matches!(of("attempt to write a readonly database"), StoreError::ReadOnly));
        assert!(matches!(of("disk I/O error"), StoreError::Unreachable { .. }));
        assert!(matches!(of("deadlock detected"), StoreError::Serialization));
        assert!(matches!(of("canceling statement due to statement timeout"), StoreError::OutOfTime));
        assert!(matches!(of("canceling statement due to user request"), StoreError::OutOfTime));
        assert!(matches!(
            of("terminating connection due to administrator command"),
            StoreError::Unreachable { .. }
        ));
        assert!(matches!(of("syntax error"), StoreError::Other(_)));
        assert!(matches!(StoreError::from(DieselError::NotFound), StoreError::NotFound));
    }
}
