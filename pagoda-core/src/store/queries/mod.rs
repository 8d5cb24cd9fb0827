//! The statements, one file per aggregate. Each function is one statement, or a constant number of them.
//!
//! A slice of ids or rows of any length is split so that no statement exceeds SQLite's 32,766 parameters.
//!
//! SQLite uses a partial index only where the query repeats its condition word for word: `filter(is_latest)` finds
//! `… WHERE is_latest`, `is_latest.eq(true)` does not. A composite index with the flag as a column wants `eq`. So both
//! forms occur, on purpose, and the tests of the plans name the index that is meant.

pub mod acl;
pub mod activity;
pub mod alert;
pub mod alias;
pub mod attr;
pub mod audit;
pub mod category;
pub mod entity;
pub mod entity_history;
pub mod entry;
pub mod entry_count;
pub mod entry_name;
pub mod group;
pub mod isolation;
pub mod job;
pub mod lock;
pub mod password_reset;
pub mod plugin;
pub mod role;
pub mod session;
pub mod user;
pub mod value;
pub mod webhook;

/// Orders a boxed query by one more column, in the direction that `$descending` says.
macro_rules! directed {
    ($query:expr, $column:expr, $descending:expr) => {
        if $descending { $query.then_order_by($column.desc()) } else { $query.then_order_by($column.asc()) }
    };
}
use directed;

/// The values that refer to entries as `$to` says: latest ones, or elements of these, of active attributes whose definitions
/// are active. Joined with `attribute` and `entity_attr`.
macro_rules! references {
    ($to:expr) => {{
        let parent = diesel::alias!(crate::store::schema::attr_value as parent);
        attr_value::table
            .inner_join(attribute::table.inner_join(entity_attr::table))
            .left_join(parent.on(parent.field(attr_value::id).nullable().eq(attr_value::parent_id)))
            .filter($to)
            .filter(attribute::is_active.eq(true))
            .filter(entity_attr::is_active.eq(true))
            .filter(
                attr_value::is_latest
                    .nullable()
                    .eq(Some(true))
                    .or(parent.field(attr_value::is_latest).nullable().eq(Some(true))),
            )
    }};
}
use references;

/// The definition of an attribute, where the attributes of entries are read: an expression that no index has, so that they are found by
/// their entries. By definition and entry SQLite would come to each entry once for each definition, and read pages that are
/// all over the table several times.
macro_rules! definition_of {
    ($table:ident) => {
        ($table::attr_id + 0_i64)
    };
}
use definition_of;

use crate::store::search::fold;

/// Ids in one statement.
const MAX_IDS: usize = 10_000;
/// Rows in one insert: 23 columns, the widest table, times 1,000 is below the limit.
pub(super) const MAX_ROWS: usize = 1_000;

/// `%term%` for a `LIKE … ESCAPE '\'` over a folded column, with the term's own wildcards taken literally.
fn contains(term: &str) -> String {
    let mut pattern = String::with_capacity(term.len() + 2);
    pattern.push('%');
    for c in fold(term).chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// An update or delete by key that found nothing.
fn found(rows: usize) -> Result<(), crate::store::StoreError> {
    if rows == 0 { Err(crate::store::StoreError::NotFound) } else { Ok(()) }
}
