//! Which entries have a name that passes a test.

use super::sql::Sql;
use super::text::TextTest;
use crate::store::{Db, StoreError};

/// Entries up to which a list is given them by id.
const FEW: usize = 1_000;

/// `FROM` the entries `t` whose names pass, by trigrams where there are any, up to what else must hold.
fn write_passing(sql: &mut Sql, test: &TextTest) {
    sql.push("FROM ").by_fts("entry_fts", test.fts().as_deref(), "entry t", "t.id").push(" WHERE ");
    test.write(sql, "t.name_folded", "t.name");
}

/// Selects the ids of the active entries whose names pass.
pub(super) fn names(sql: &mut Sql, test: &TextTest) {
    sql.push("SELECT t.id ");
    write_passing(sql, test);
    sql.push(" AND t.is_active").in_time("t.id");
}

/// The entries of some entities, deleted ones included, whose name, or one of whose aliases, contains a term. Nothing where
/// the term is too short for the trigram index, or where there are so many that reading names in the order of the list is
/// as good. One statement.
///
/// # Errors
/// Those of any statement.
pub fn named_like(
    db: &mut Db,
    entity_ids: &[i64],
    term: &str,
    with_alias: bool,
) -> Result<Option<Vec<i64>>, StoreError> {
    let test = TextTest::containing(term);
    if !test.has_trigrams() {
        return Ok(None);
    }
    let mut sql = Sql::new(db.backend());
    sql.push("SELECT id AS n FROM (SELECT t.id ");
    write_passing(&mut sql, &test);
    sql.push(" AND ").by_no_index().push("t.entity_id IN ").ints(entity_ids);
    if with_alias {
        sql.push(" UNION SELECT a.entry_id FROM entry_alias a WHERE a.entity_id IN ").ints(entity_ids);
        sql.push(" AND ");
        test.write(&mut sql, "a.name_folded", "a.name");
    }
    sql.push(") x LIMIT ").int(FEW + 1);
    let ids = sql.numbers(db)?;
    Ok((ids.len() <= FEW).then_some(ids))
}
