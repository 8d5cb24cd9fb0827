//! What the database can do for parts of texts, and the one instance at a time that prepares it.

use super::sql::Sql;
use crate::store::{Backend, Db, StoreError};

/// How parts of texts are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigrams {
    /// By an index.
    Indexed,
    /// By an index that knows only letters of ASCII: parts of other texts are found by reading all texts of an attribute.
    /// That is so on PostgreSQL where `LC_CTYPE` is `C`.
    OfAscii,
    /// By reading all texts of an attribute: as right, and slower.
    Missing,
}

/// The indexes on PostgreSQL. Those on SQLite are tables that a migration makes.
const INDEXES: [(&str, &str); 2] = [
    ("search_text_trigrams", "search_text USING gin (folded gin_trgm_ops)"),
    ("entry_name_trigrams", "entry USING gin (name_folded gin_trgm_ops)"),
];

/// How parts of texts are found now.
///
/// # Errors
/// The database does not answer.
pub fn trigrams(db: &mut Db) -> Result<Trigrams, StoreError> {
    if db.backend() == Backend::Sqlite {
        return Ok(Trigrams::Indexed);
    }
    let mut sql = Sql::new(db.backend());
    sql.push("SELECT count(*) AS n FROM pg_indexes WHERE schemaname = current_schema() AND indexname IN (");
    sql.joined(INDEXES, ", ", |sql, (name, _)| {
        sql.bind(name);
    });
    sql.push(")");
    if sql.number(db)? < 2 {
        return Ok(Trigrams::Missing);
    }
    let mut sql = Sql::new(db.backend());
    sql.push("SELECT count(*) AS n FROM unnest(show_trgm(").bind("日本語").push(")) x");
    Ok(if sql.number(db)? > 0 { Trigrams::Indexed } else { Trigrams::OfAscii })
}

/// Makes the indexes, where the extension is there or may be made.
///
/// # Errors
/// The database does not answer.
pub fn make_trigrams(db: &mut Db) -> Result<Trigrams, StoreError> {
    let there = trigrams(db)?;
    if there != Trigrams::Missing {
        return Ok(there);
    }
    let made = make(db);
    match made {
        Ok(()) => trigrams(db),
        Err(error @ (StoreError::Unreachable { .. } | StoreError::Busy)) => Err(error),
        Err(error) => {
            tracing::debug!(%error, "no trigram indexes");
            Ok(Trigrams::Missing)
        }
    }
}

fn make(db: &mut Db) -> Result<(), StoreError> {
    db.begin()?;
    let mut all = take_turn(db).and_then(|()| db.execute_batch("CREATE EXTENSION IF NOT EXISTS pg_trgm"));
    for (name, on) in INDEXES {
        all = all.and_then(|()| db.execute_batch(&format!("CREATE INDEX IF NOT EXISTS {name} ON {on}")));
    }
    match all {
        Ok(()) => db.commit(),
        Err(error) => {
            db.rollback()?;
            Err(error)
        }
    }
}

/// Waits until no other instance prepares the index; this one has its turn until its transaction ends. SQLite has one
/// instance anyway.
///
/// # Errors
/// The database does not answer.
pub fn take_turn(db: &mut Db) -> Result<(), StoreError> {
    if db.backend() == Backend::Postgres {
        let mut sql = Sql::new(db.backend());
        sql.push("SELECT revision AS n FROM search_state FOR UPDATE");
        sql.number(db)?;
    }
    Ok(())
}
