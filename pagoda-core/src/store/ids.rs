//! The one id space of everything that has access control: entity, entity_attr, entry, attribute and category.

use super::conn::{Backend, Db, on_db};
use super::error::StoreError;
use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl, sql_query};

#[derive(QueryableByName)]
struct Allocated {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Takes `n` new ids, ascending. They may have gaps. An id that was committed is never given out
/// again; one of a transaction that was rolled back may be.
///
/// PostgreSQL has a sequence, which a rollback does not turn back; SQLite counts in a row inside the transaction
/// of the one writer.
///
/// # Errors
/// Those of any statement; `ReadOnly` on a reader.
pub fn allocate(db: &mut Db, n: usize) -> Result<Vec<i64>, StoreError> {
    if n == 0 {
        return Ok(Vec::new());
    }
    let count = i64::try_from(n).map_err(anyhow::Error::from)?;
    let sql = match db.backend() {
        Backend::Sqlite => "UPDATE acl_object_id SET last_id = last_id + ? RETURNING last_id AS id",
        Backend::Postgres => "SELECT nextval('acl_object_id_seq') AS id FROM generate_series(1, $1)",
    };
    let rows: Vec<Allocated> = on_db!(db, |c| sql_query(sql).bind::<BigInt, _>(count).load(c))?;
    let mut ids: Vec<i64> = match db.backend() {
        Backend::Sqlite => rows.iter().flat_map(|row| row.id - count + 1..=row.id).collect(),
        Backend::Postgres => rows.iter().map(|row| row.id).collect(),
    };
    ids.sort_unstable();
    Ok(ids)
}
