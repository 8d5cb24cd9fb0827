//! Keeps the index in step: within the transaction that changes values.

use super::sql::Sql;
use super::text::{fold, indexed};
use crate::store::arrays::insert_arrays;
use crate::store::conn::on_db;
use crate::store::queries::MAX_ROWS;
use crate::store::schema::{search_ref, search_state, search_term, search_text};
use crate::store::{Backend, Db, StoreError};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};
use std::collections::BTreeMap;

/// What the index holds and how. A database with another number is indexed anew at the start.
const REVISION: i64 = 1;

/// One row of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Posting {
    /// A text, which is kept once.
    Text(String),
    /// What is no text and no reference; 0 is the blank element of a list.
    Term(i64),
    /// A reference; 0 is the blank element of a list.
    Reference(i64),
}

/// Rows of an attribute of an entry.
#[derive(Debug, Clone)]
pub struct Entered {
    /// The entry.
    pub entry_id: i64,
    /// The definition.
    pub attr_id: i64,
    /// What is searched.
    pub postings: Vec<Posting>,
}

#[derive(Insertable)]
#[diesel(table_name = search_text, treat_none_as_default_value = false)]
struct TextRow {
    attr_id: i64,
    id: i64,
    folded: String,
    text: String,
}

#[derive(Insertable)]
#[diesel(table_name = search_term, treat_none_as_default_value = false)]
struct TermRow {
    attr_id: i64,
    term: i64,
    entry_id: i64,
    times: i32,
}

#[derive(Insertable)]
#[diesel(table_name = search_ref, treat_none_as_default_value = false)]
struct RefRow {
    attr_id: i64,
    ref_id: i64,
    entry_id: i64,
    times: i32,
}

/// Enters rows of attributes that have none in the index: three statements at most, on SQLite for each thousand.
pub fn put(db: &mut Db, entered: &[Entered]) -> Result<(), StoreError> {
    let mut texts: BTreeMap<i64, TextRow> = BTreeMap::new();
    let mut terms: BTreeMap<(i64, i64, i64), i32> = BTreeMap::new();
    let mut refs: BTreeMap<(i64, i64, i64), i32> = BTreeMap::new();
    for Entered { entry_id, attr_id, postings } in entered {
        for posting in postings {
            let term = match posting {
                Posting::Text(text) => {
                    let text = indexed(text);
                    let id = super::text_id(*attr_id, text);
                    let row = || TextRow { attr_id: *attr_id, id, folded: fold(text), text: text.to_owned() };
                    texts.entry(id).or_insert_with(row);
                    id
                }
                Posting::Term(term) => *term,
                Posting::Reference(id) => {
                    *refs.entry((*attr_id, *id, *entry_id)).or_default() += 1;
                    continue;
                }
            };
            *terms.entry((*attr_id, term, *entry_id)).or_default() += 1;
        }
    }
    // In the order of their keys: two writers that enter the same texts wait for each other in the same order.
    let texts: Vec<TextRow> = texts.into_values().collect();
    let row = |((attr_id, term, entry_id), times)| TermRow { attr_id, term, entry_id, times };
    let terms: Vec<TermRow> = terms.into_iter().map(row).collect();
    let row = |((attr_id, ref_id, entry_id), times)| RefRow { attr_id, ref_id, entry_id, times };
    let refs: Vec<RefRow> = refs.into_iter().map(row).collect();
    match db.backend() {
        Backend::Sqlite => put_lists(db, &texts, &terms, &refs),
        Backend::Postgres => put_arrays(db, &texts, &terms, &refs),
    }
}

fn put_lists(db: &mut Db, texts: &[TextRow], terms: &[TermRow], refs: &[RefRow]) -> Result<(), StoreError> {
    for rows in texts.chunks(MAX_ROWS) {
        on_db!(db, |c| diesel::insert_into(search_text::table)
            .values(rows)
            .on_conflict_do_nothing()
            .execute(c))?;
    }
    for rows in terms.chunks(MAX_ROWS) {
        on_db!(db, |c| diesel::insert_into(search_term::table).values(rows).execute(c))?;
    }
    for rows in refs.chunks(MAX_ROWS) {
        on_db!(db, |c| diesel::insert_into(search_ref::table).values(rows).execute(c))?;
    }
    Ok(())
}

fn put_arrays(db: &mut Db, texts: &[TextRow], terms: &[TermRow], refs: &[RefRow]) -> Result<(), StoreError> {
    insert_arrays!(db, "search_text" or "ON CONFLICT DO NOTHING", texts, |row|
        attr_id: "int8" BigInt = row.attr_id,
        id: "int8" BigInt = row.id,
        folded: "text" Text = row.folded.as_str(),
        text: "text" Text = row.text.as_str(),
    )?;
    insert_arrays!(db, "search_term", terms, |row|
        attr_id: "int8" BigInt = row.attr_id,
        term: "int8" BigInt = row.term,
        entry_id: "int8" BigInt = row.entry_id,
        times: "int4" Integer = row.times,
    )?;
    insert_arrays!(db, "search_ref", refs, |row|
        attr_id: "int8" BigInt = row.attr_id,
        ref_id: "int8" BigInt = row.ref_id,
        entry_id: "int8" BigInt = row.entry_id,
        times: "int4" Integer = row.times,
    )
}

/// Takes the rows of some attributes of an entry out, those among the terms and those among the references: a statement for
/// each.
pub fn remove_attrs(
    db: &mut Db,
    entry_id: i64,
    of_terms: &[i64],
    of_references: &[i64],
) -> Result<(), StoreError> {
    for (table, attr_ids) in [("search_term", of_terms), ("search_ref", of_references)] {
        if attr_ids.is_empty() {
            continue;
        }
        let mut sql = Sql::new(db.backend());
        // By itself SQLite reads all rows of the attribute, with which the key begins.
        sql.push("DELETE FROM ").push(table).by_entry(table);
        sql.push(" WHERE entry_id = ").int(entry_id).push(" AND attr_id IN ").ints(attr_ids);
        sql.run(db)?;
    }
    Ok(())
}

/// Takes all rows of an entry out: two statements.
pub fn remove(db: &mut Db, entry_id: i64) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::delete(search_term::table.filter(search_term::entry_id.eq(entry_id))).execute(c))?;
    on_db!(db, |c| diesel::delete(search_ref::table.filter(search_ref::entry_id.eq(entry_id))).execute(c))?;
    Ok(())
}

/// Whether every active entry is in the index.
pub fn is_complete(db: &mut Db) -> Result<bool, StoreError> {
    let revision: i64 = on_db!(db, |c| search_state::table.select(search_state::revision).first(c))?;
    Ok(revision == REVISION)
}

/// Says that every active entry is in the index.
pub fn mark_complete(db: &mut Db) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::update(search_state::table).set(search_state::revision.eq(REVISION)).execute(c))?;
    Ok(())
}

/// Empties the index.
pub fn wipe(db: &mut Db) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::update(search_state::table).set(search_state::revision.eq(0_i64)).execute(c))?;
    on_db!(db, |c| diesel::delete(search_term::table).execute(c))?;
    on_db!(db, |c| diesel::delete(search_ref::table).execute(c))?;
    on_db!(db, |c| diesel::delete(search_text::table).execute(c))?;
    if db.backend() == Backend::Sqlite {
        db.execute_batch("INSERT INTO search_text_fts (search_text_fts) VALUES ('delete-all')")?;
    }
    Ok(())
}
