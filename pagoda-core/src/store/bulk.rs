//! Many entries at a time: all rows that creating them one by one would leave, in far fewer round trips.
//!
//! For imports and for whoever makes data. Nothing is judged here, as everywhere in the store: names, values and
//! references are what the caller found to be right. On SQLite each row is a statement that is prepared once, which is
//! no slower there than statements of many rows, except where these feed a trigram index; on PostgreSQL each table gets
//! one statement per call, with an array per column, so that neither round trips nor parameters limit it. A few thousand
//! entries are a good call, and tens of thousands a good transaction.

use super::arrays::insert_arrays;
use super::conn::on_db;
use super::queries::MAX_ROWS;
use super::rows::{EntryRow, GrantRow, NewAclChange, NewAttrValue, NewAttribute, NewEntry, NewEntryName};
use super::schema::{acl_change, acl_grant, attr_value, attribute, entry, entry_name};
use super::search::{self, Entered, Posting};
use super::{Backend, Db, StoreError, ids};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
use diesel::{QueryableByName, sql_query};

/// Pages of a trigram index that are merged in one step.
const MERGED: i64 = 2_000;

/// An entry with everything that its creation writes.
#[derive(Clone, Debug, Default)]
pub struct BulkEntry {
    /// The entry. Its id is from [`ids::allocate`], so that other entries can refer to it before it is written.
    pub entry: NewEntry,
    /// The name that it was sent with, where the server gave it another one.
    pub sent_name: Option<String>,
    /// One for each definition of its entity.
    pub attributes: Vec<BulkAttribute>,
    /// What roles may do with it, or with its attributes.
    pub grants: Vec<GrantRow>,
    /// How these rules came to be.
    pub changes: Vec<NewAclChange>,
}

/// What an entry has for a definition.
#[derive(Clone, Debug, Default)]
pub struct BulkAttribute {
    /// The attribute; [`insert`] gives it its id, and that of the entry.
    pub attribute: NewAttribute,
    /// Its value, if one is stored; [`insert`] gives it the attribute.
    pub value: Option<NewAttrValue>,
    /// The elements of an array value; [`insert`] gives them the value that they belong to.
    pub elements: Vec<NewAttrValue>,
    /// What searches find it by; services know it from type and content.
    pub postings: Vec<Posting>,
}

/// Writes entries, in a transaction that the caller began and commits.
///
/// # Errors
/// `Conflict(ENTRY_ACTIVE_NAME)` when an entity has or gets two active entries of a name; `Other` without a transaction.
pub fn insert(db: &mut Db, entries: &mut [BulkEntry]) -> Result<(), StoreError> {
    if !db.in_transaction() {
        return Err(anyhow::anyhow!("many entries are written in a transaction").into());
    }
    give_attribute_ids(db, entries)?;
    let value_ids = give_value_ids(db, entries)?;
    let entries: &[BulkEntry] = entries;
    let values: Vec<(i64, &NewAttrValue)> = value_ids.into_iter().zip(values(entries)).collect();
    let rows: Vec<EntryRow> = entries.iter().map(|new| new.entry.to_row()).collect();
    let attributes: Vec<&NewAttribute> = attributes(entries).map(|new| &new.attribute).collect();
    let names: Vec<NewEntryName> = entries.iter().flat_map(names_of).collect();
    let grants: Vec<GrantRow> = entries.iter().flat_map(|new| new.grants.iter().copied()).collect();
    let changes: Vec<&NewAclChange> = entries.iter().flat_map(|new| &new.changes).collect();
    match db.backend() {
        Backend::Sqlite => {
            each(db, &rows, &attributes, &values, &names)?;
            each_rule(db, &grants, &changes)?;
        }
        Backend::Postgres => {
            // Each attribute is checked to have a definition. While definitions are few PostgreSQL looks through all of them for
            // that: a hundred rows for each attribute of the generator's site.
            db.execute_batch("SET LOCAL enable_seqscan = off")?;
            insert_entries(db, &rows)?;
            insert_attributes(db, &attributes)?;
            insert_values(db, &values)?;
            insert_names(db, &names)?;
            insert_grants(db, &grants)?;
            insert_changes(db, &changes)?;
            db.execute_batch("SET LOCAL enable_seqscan TO DEFAULT")?;
        }
    }
    let entered = self::attributes(entries).filter(|new| !new.postings.is_empty()).map(|new| Entered {
        entry_id: new.attribute.entry_id,
        attr_id: new.attribute.attr_id,
        postings: new.postings.clone(),
    });
    search::put(db, &entered.collect::<Vec<_>>())
}

/// Brings the database at once to where its own housekeeping would bring it some time later, after very many rows: on PostgreSQL
/// it looks at what is in the tables now, until then it plans for those that there were; on SQLite the parts of the trigram
/// indexes become one, step by step, so that other writers wait for none of it long. Outside a transaction.
///
/// # Errors
/// Those of any statement.
pub fn settle(db: &mut Db) -> Result<(), StoreError> {
    match db.backend() {
        Backend::Sqlite => ["search_text_fts", "entry_fts"].iter().try_for_each(|table| merge(db, table)),
        Backend::Postgres => {
            let tables = "entry attribute attr_value entry_name acl_grant entry_count search_text search_term search_ref";
            tables.split(' ').try_for_each(|table| db.execute_batch(&format!("VACUUM (ANALYZE) {table}")))
        }
    }
}

/// Merges an FTS5 table. A step that changes nothing but the command itself was the last one. *Source: FTS5, "merge".*
fn merge(db: &mut Db, table: &str) -> Result<(), StoreError> {
    let changes = |db: &mut Db| -> Result<i64, StoreError> {
        let changes: Number = on_db!(db, |c| sql_query("SELECT total_changes() AS id").get_result(c))?;
        Ok(changes.id)
    };
    let mut before = changes(db)?;
    // Negative: all levels are one from now on.
    let mut pages = -MERGED;
    loop {
        db.execute_batch(&format!("INSERT INTO {table} ({table}, rank) VALUES ('merge', {pages})"))?;
        let after = changes(db)?;
        if after - before < 2 {
            return Ok(());
        }
        (before, pages) = (after, MERGED);
    }
}

fn attributes(entries: &[BulkEntry]) -> impl Iterator<Item = &BulkAttribute> {
    entries.iter().flat_map(|new| &new.attributes)
}

fn names_of(new: &BulkEntry) -> impl Iterator<Item = NewEntryName> + '_ {
    let entry = &new.entry;
    let note = |name: &str, kind| NewEntryName {
        entry_id: entry.id,
        name: name.to_owned(),
        kind,
        user_id: entry.created_user_id,
        at: entry.created_time,
    };
    let first = note(new.sent_name.as_deref().unwrap_or(&entry.name), "+");
    std::iter::once(first).chain(new.sent_name.as_ref().map(|_| note(&entry.name, "~")))
}

fn give_attribute_ids(db: &mut Db, entries: &mut [BulkEntry]) -> Result<(), StoreError> {
    let count = attributes(entries).count();
    let mut ids = ids::allocate(db, count)?.into_iter();
    for new in entries {
        for (attribute, id) in new.attributes.iter_mut().zip(ids.by_ref()) {
            attribute.attribute.id = id;
            attribute.attribute.entry_id = new.entry.id;
            for value in attribute.value.iter_mut().chain(&mut attribute.elements) {
                value.attribute_id = id;
            }
        }
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Takes an id for each value and each element, in the order of [`values`], and tells elements whose they are.
fn give_value_ids(db: &mut Db, entries: &mut [BulkEntry]) -> Result<Vec<i64>, StoreError> {
    let ids = take_value_ids(db, values(entries).count())?;
    let mut next = ids.iter().copied();
    for attribute in entries.iter_mut().flat_map(|new| &mut new.attributes) {
        if attribute.value.is_none() {
            continue;
        }
        let parent = next.next();
        for element in &mut attribute.elements {
            element.parent_id = parent;
            next.next();
        }
    }
    Ok(ids)
}

/// Each value before its elements: a parent must be there when its elements come.
fn values(entries: &[BulkEntry]) -> impl Iterator<Item = &NewAttrValue> {
    attributes(entries).flat_map(|new| {
        let elements: &[NewAttrValue] = if new.value.is_some() { &new.elements } else { &[] };
        new.value.iter().chain(elements)
    })
}

/// The next ids of values, ascending. On SQLite nobody else takes any while the transaction lasts, and the table's counter
/// follows what is inserted.
fn take_value_ids(db: &mut Db, count: usize) -> Result<Vec<i64>, StoreError> {
    let count = i64::try_from(count).map_err(anyhow::Error::from)?;
    match db.backend() {
        Backend::Sqlite => {
            let sql = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'attr_value'), 0) AS id";
            let last: Number = on_db!(db, |c| sql_query(sql).get_result(c))?;
            Ok((last.id + 1..=last.id + count).collect())
        }
        Backend::Postgres => {
            // The subquery looks the sequence up once, not for each id.
            let sql = "SELECT nextval((SELECT pg_get_serial_sequence('attr_value', 'id')::regclass)) AS id
                FROM generate_series(1, $1)";
            let rows: Vec<Number> = on_db!(db, |c| sql_query(sql).bind::<BigInt, _>(count).load(c))?;
            let mut ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
            ids.sort_unstable();
            Ok(ids)
        }
    }
}

fn each(
    db: &mut Db,
    entries: &[EntryRow],
    attributes: &[&NewAttribute],
    values: &[(i64, &NewAttrValue)],
    names: &[NewEntryName],
) -> Result<(), StoreError> {
    // Their names go into a trigram index, and FTS5 writes out what it has gathered before each statement.
    for rows in entries.chunks(MAX_ROWS) {
        on_db!(db, |c| diesel::insert_into(entry::table).values(rows).execute(c))?;
    }
    for row in attributes {
        on_db!(db, |c| diesel::insert_into(attribute::table).values(*row).execute(c))?;
    }
    for (id, row) in values {
        let row = (attr_value::id.eq(id), *row);
        on_db!(db, |c| diesel::insert_into(attr_value::table).values(row).execute(c))?;
    }
    for row in names {
        on_db!(db, |c| diesel::insert_into(entry_name::table).values(row).execute(c))?;
    }
    Ok(())
}

fn each_rule(db: &mut Db, grants: &[GrantRow], changes: &[&NewAclChange]) -> Result<(), StoreError> {
    for row in grants {
        on_db!(db, |c| diesel::insert_into(acl_grant::table).values(row).execute(c))?;
    }
    for row in changes {
        on_db!(db, |c| diesel::insert_into(acl_change::table).values(*row).execute(c))?;
    }
    Ok(())
}

fn insert_entries(db: &mut Db, rows: &[EntryRow]) -> Result<(), StoreError> {
    insert_arrays!(db, "entry", rows, |row|
        id: "int8" BigInt = row.id,
        entity_id: "int8" BigInt = row.entity_id,
        name: "text" Text = row.name.as_str(),
        name_folded: "text" Text = row.name_folded.as_str(),
        name_sort: "text" Text = row.name_sort.as_str(),
        status: "int4" Integer = row.status,
        is_public: "bool" Bool = row.is_public,
        default_permission: "int4" Integer = row.default_permission,
        is_active: "bool" Bool = row.is_active,
        created_user_id: "int8" Nullable<BigInt> = row.created_user_id,
        created_time: "int8" BigInt = row.created_time,
        updated_time: "int8" BigInt = row.updated_time,
    )
}

fn insert_attributes(db: &mut Db, rows: &[&NewAttribute]) -> Result<(), StoreError> {
    insert_arrays!(db, "attribute", rows, |row|
        id: "int8" BigInt = row.id,
        entry_id: "int8" BigInt = row.entry_id,
        attr_id: "int8" BigInt = row.attr_id,
        is_public: "bool" Bool = row.is_public,
        default_permission: "int4" Integer = row.default_permission,
        is_active: "bool" Bool = row.is_active,
        created_user_id: "int8" Nullable<BigInt> = row.created_user_id,
        created_time: "int8" BigInt = row.created_time,
    )
}

fn insert_values(db: &mut Db, rows: &[(i64, &NewAttrValue)]) -> Result<(), StoreError> {
    insert_arrays!(db, "attr_value", rows, |row|
        id: "int8" BigInt = row.0,
        attribute_id: "int8" BigInt = row.1.attribute_id,
        parent_id: "int8" Nullable<BigInt> = row.1.parent_id,
        position: "int4" Integer = row.1.position,
        attr_type: "int4" Integer = row.1.attr_type,
        is_latest: "bool" Bool = row.1.is_latest,
        text_value: "text" Text = row.1.text_value.as_str(),
        bool_value: "bool" Bool = row.1.bool_value,
        ref_id: "int8" Nullable<BigInt> = row.1.ref_id,
        created_user_id: "int8" Nullable<BigInt> = row.1.created_user_id,
        created_time: "int8" BigInt = row.1.created_time,
        prev_id: "int8" Nullable<BigInt> = row.1.prev_id,
    )
}

fn insert_names(db: &mut Db, rows: &[NewEntryName]) -> Result<(), StoreError> {
    insert_arrays!(db, "entry_name", rows, |row|
        entry_id: "int8" BigInt = row.entry_id,
        name: "text" Text = row.name.as_str(),
        kind: "text" Text = row.kind,
        user_id: "int8" Nullable<BigInt> = row.user_id,
        at: "int8" BigInt = row.at,
    )
}

fn insert_grants(db: &mut Db, rows: &[GrantRow]) -> Result<(), StoreError> {
    insert_arrays!(db, "acl_grant", rows, |row|
        object_id: "int8" BigInt = row.object_id,
        role_id: "int8" BigInt = row.role_id,
        level: "int4" Integer = row.level,
    )
}

fn insert_changes(db: &mut Db, rows: &[&NewAclChange]) -> Result<(), StoreError> {
    insert_arrays!(db, "acl_change", rows, |row|
        object_id: "int8" BigInt = row.object_id,
        object_name: "text" Text = row.object_name.as_str(),
        role_id: "int8" Nullable<BigInt> = row.role_id,
        was_public: "bool" Nullable<Bool> = row.was_public,
        is_public: "bool" Nullable<Bool> = row.is_public,
        old_level: "int4" Integer = row.old_level,
        new_level: "int4" Integer = row.new_level,
        user_id: "int8" Nullable<BigInt> = row.user_id,
        at: "int8" BigInt = row.at,
    )
}
