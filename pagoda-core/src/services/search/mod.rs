//! Searches. *Source: spec, search.*
//!
//! * `keyword` is the language of keywords, pure; `filter` what requests say of names, values and references.
//! * `find` makes conditions of it, which `store/search` answers; every kind of search asks here.
//! * `scope` says which entities are looked at; `advanced` with `row` and `join`, `simple` and `chain` are the kinds of searches,
//!   `export` writes what is found into a file; `hooks` tells plugins of them.
//! * `index` says what of a value is searched; who writes values calls it. `rebuild` fills an index that is not there yet.

pub mod advanced;
pub mod chain;
pub mod export;
mod filter;
mod find;
pub mod hooks;
pub mod index;
mod join;
pub mod keyword;
pub mod rebuild;
mod row;
mod scope;
pub mod simple;

pub use filter::{AttrFilter, HintFilter, Selection};

use super::ctx::OpCtx;
use super::error::OpError;
use crate::store::queries::attr;
use crate::store::rows::{EntityRow, EntryRow};

/// The active entries of an entity that a selection means, by name, at most `most`.
///
/// # Errors
/// The database does not answer, or not in time.
pub fn select(
    op: &mut OpCtx,
    entity: &EntityRow,
    selection: &Selection,
    most: usize,
) -> Result<Vec<EntryRow>, OpError> {
    let definitions = attr::active_of(&mut op.db, entity.id)?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let window = find::Window { offset: 0, limit };
    let order = find::Order::default();
    let question = find::Question { entity, definitions: &definitions, selection, order, window };
    Ok(find::find(op, &question)?.rows)
}
