//! Brings the index of a database up to date that was filled without it, or by another version of it.

use super::index::postings;
use crate::services::attribute::{Content, type_of};
use crate::services::error::OpError;
use crate::store::queries::{attr, entry as entries, value};
use crate::store::rows::{EntityAttrRow, EntryRow};
use crate::store::search::{self, Entered, Trigrams};
use crate::store::{Backend, Db, Store, bulk};
use std::collections::HashMap;

/// Entries that are read at a time.
const PAGE: i64 = 1_000;
/// Pages in one transaction: the more rows are written together, in the order of their keys, the fewer pages of the
/// database are written again and again.
const PAGES: usize = 20;
/// Entries after which progress is told.
const TELL: u64 = 100_000;

/// What was done at a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prepared {
    /// Entries that were entered anew; absent when the index was complete.
    pub entered: Option<u64>,
    /// Whether parts of texts are found by an index.
    pub trigrams: Trigrams,
}

/// Makes the index complete, unless it is, and finds out what the database can do. Instances that start at the same time wait
/// for the first of them.
///
/// # Errors
/// The database does not do it; the index is made at the next start then.
pub fn prepare(store: &Store) -> Result<Prepared, OpError> {
    // One connection at a time: there may be no other.
    if let Some(trigrams) = complete(&mut store.reader()?)? {
        return Ok(Prepared { entered: None, trigrams });
    }
    let mut db = store.writer()?;
    let entered = match db.backend() {
        Backend::Sqlite => fill_if_needed(&mut db)?,
        // Other instances wait for the end of this transaction.
        Backend::Postgres => in_transaction(&mut db, |db| {
            search::take_turn(db)?;
            fill_if_needed(db)
        })?,
    };
    Ok(Prepared { entered, trigrams: search::make_trigrams(&mut db)? })
}

/// How parts of texts are found, where nothing is left to do.
fn complete(db: &mut Db) -> Result<Option<Trigrams>, OpError> {
    let trigrams = search::trigrams(db)?;
    Ok((search::is_complete(db)? && trigrams != Trigrams::Missing).then_some(trigrams))
}

fn fill_if_needed(db: &mut Db) -> Result<Option<u64>, OpError> {
    // Another instance may have done it meanwhile.
    if search::is_complete(db)? {
        return Ok(None);
    }
    let entered = fill(db)?;
    search::mark_complete(db)?;
    Ok(Some(entered))
}

/// Empties the index, so that [`prepare`] makes it anew.
///
/// # Errors
/// The database does not do it.
pub fn forget(store: &Store) -> Result<(), OpError> {
    let mut db = store.writer()?;
    in_transaction(&mut db, search::wipe)
}

/// Runs a part in a transaction of its own, or in the one that there is.
fn in_transaction<T, E: Into<OpError>>(
    db: &mut Db,
    work: impl FnOnce(&mut Db) -> Result<T, E>,
) -> Result<T, OpError> {
    if db.in_transaction() {
        return work(db).map_err(Into::into);
    }
    db.begin()?;
    let done = work(db).map_err(Into::into)?;
    db.commit()?;
    Ok(done)
}

fn fill(db: &mut Db) -> Result<u64, OpError> {
    in_transaction(db, search::wipe)?;
    let definitions: HashMap<i64, EntityAttrRow> =
        attr::all_active(db)?.into_iter().map(|row| (row.id, row)).collect();
    let mut so_far = Progress::default();
    let mut told = 0;
    db.widen_cache(true)?;
    while !so_far.is_over {
        so_far = in_transaction(db, |db| fill_some(db, &definitions, so_far))?;
        if so_far.active / TELL > told {
            told = so_far.active / TELL;
            tracing::info!(entries = so_far.active, "indexing for searches");
        }
    }
    if !db.in_transaction() {
        bulk::settle(db)?;
    }
    db.widen_cache(false)?;
    Ok(so_far.active)
}

/// How far it is.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// Active entries.
    active: u64,
    /// The last id.
    after: i64,
    is_over: bool,
}

/// Enters the next entries by id.
fn fill_some(
    db: &mut Db,
    definitions: &HashMap<i64, EntityAttrRow>,
    mut so_far: Progress,
) -> Result<Progress, OpError> {
    let mut entered = Vec::new();
    for _ in 0..PAGES {
        let page = entries::page_after(db, None, false, so_far.after, PAGE)?;
        let Some(last) = page.last().map(|row| row.id) else {
            so_far.is_over = true;
            break;
        };
        so_far.after = last;
        so_far.active += read_page(db, definitions, &page, &mut entered)?;
    }
    search::put(db, &entered)?;
    Ok(so_far)
}

/// Reads what is searched of some entries: how many of them are active.
fn read_page(
    db: &mut Db,
    definitions: &HashMap<i64, EntityAttrRow>,
    page: &[EntryRow],
    entered: &mut Vec<Entered>,
) -> Result<u64, OpError> {
    for row in page.iter().filter(|row| row.name_folded != search::fold(&row.name)) {
        entries::update(db, row)?;
    }
    let ids: Vec<i64> = page.iter().filter(|row| row.is_active).map(|row| row.id).collect();
    let rows = value::latest_of_many(db, &ids)?;
    let lists: Vec<i64> = rows.iter().map(|(_, value)| value.id).collect();
    let children = value::children_by_parent(db, &lists)?;
    for (attribute, value) in &rows {
        let Some(definition) = definitions.get(&attribute.attr_id) else { continue };
        let own = children.get(&value.id).map(Vec::as_slice).unwrap_or_default();
        let postings = postings(definition.id, type_of(definition)?.0, &Content::of(value, own));
        entered.push(Entered { entry_id: attribute.entry_id, attr_id: definition.id, postings });
    }
    Ok(u64::try_from(ids.len()).unwrap_or_default())
}
