//! Finds entries of any entity by one text in names and values.

use super::cond::{Cond, Viewer};
use super::sql::Sql;
use super::text::TextTest;
use crate::store::{Db, StoreError};

/// Names that are gathered and sorted at once.
const FEW_NAMES: usize = 4_000;

/// Where more pass, entries that are walked along in the order of names, of which the first ones are met at once if they lie anywhere.
const FEW_WALKED: i64 = 2_000;

/// Names that are gathered after all, when they do not lie anywhere: behind all addresses, for example. Where still more pass,
/// walking on meets them sooner.
const MOST_NAMES: usize = 40_000;

/// Rows of values that are gathered; where more pass, the names of all entries are walked along.
const MOST_ROWS: usize = 20_000;

/// Entries that are walked along for their values, before all that pass are gathered after all.
const MOST_WALKED: i64 = 20_000;

/// A text that is looked for in all entries.
#[derive(Debug, Clone)]
pub struct Everywhere {
    /// The entities whose active entries are looked at.
    pub entity_ids: Vec<i64>,
    /// Who looks.
    pub viewer: Viewer,
    /// Alternatives of tests that one name, or one value, must pass together.
    pub texts: Vec<Vec<TextTest>>,
    /// Entries at most.
    pub most: usize,
}

/// What is looked for among values that are no texts.
#[derive(Debug, Clone, Default)]
pub struct ValuesLike {
    /// Definitions with the terms that pass.
    pub terms: Vec<(i64, Vec<i64>)>,
    /// Definitions with the terms that do not pass, where all others do.
    pub terms_apart: Vec<(i64, Vec<i64>)>,
    /// Definitions of flags with their entities, where false passes.
    pub false_flags: Vec<(i64, i64)>,
    /// Definitions whose values the viewer may not read.
    pub closed: Vec<i64>,
}

impl ValuesLike {
    /// Definitions, how their terms compare with a list, and the list.
    fn lists(&self) -> impl Iterator<Item = (i64, &'static str, &[i64])> {
        let among = self.terms.iter().map(|(attr_id, terms)| (*attr_id, "IN ", terms.as_slice()));
        let apart = self.terms_apart.iter().map(|(attr_id, terms)| (*attr_id, "NOT IN ", terms.as_slice()));
        among.chain(apart)
    }
}

impl Everywhere {
    /// The condition on a name.
    fn names(&self) -> Cond {
        let group = |group: &Vec<TextTest>| Cond::All(group.iter().cloned().map(Cond::Named).collect());
        Cond::Any(self.texts.iter().map(group).collect()).simplified()
    }

    /// Writes the tests on a folded column and one with the text.
    fn write_tests(&self, sql: &mut Sql, folded: &str, text: &str) {
        sql.push("(");
        if self.texts.is_empty() {
            sql.push("1 = 0");
        }
        sql.joined(&self.texts, " OR ", |sql, group| {
            sql.push("(").joined(group, " AND ", |sql, test| test.write(sql, folded, text)).push(")");
        });
        sql.push(")");
    }

    /// The query of an FTS5 trigram table that finds at least what passes, where trigrams find every alternative.
    fn fts(&self) -> Option<String> {
        let of_group = |group: &Vec<TextTest>| {
            let texts: Vec<String> = group.iter().filter_map(TextTest::fts).collect();
            (!texts.is_empty()).then(|| format!("({})", texts.join(" AND ")))
        };
        let groups: Option<Vec<String>> = self.texts.iter().map(of_group).collect();
        groups.map(|groups| groups.join(" OR "))
    }

    /// Writes that `e` is one of the entries that are looked at.
    fn write_entries(&self, sql: &mut Sql) {
        sql.push("e.is_active AND ");
        self.write_where(sql);
    }

    /// As [`Self::write_entries`], of entries that are met in the order of names, or given: by no other index.
    fn write_walked(&self, sql: &mut Sql) {
        sql.push("e.is_active AND ").by_no_index();
        self.write_where(sql);
    }

    fn write_where(&self, sql: &mut Sql) {
        sql.push("e.entity_id IN ").ints(&self.entity_ids).push(" AND ");
        Cond::Readable(self.viewer.clone(), None).write(sql);
        sql.in_time("e.id");
    }

    fn write_order(&self, sql: &mut Sql, entry: &str) {
        sql.push(" ORDER BY ").push(entry).push(".name").by_code_point();
        sql.push(", ").push(entry).push(".id LIMIT ").int(self.most);
    }

    /// Entries that have exactly this name.
    ///
    /// # Errors
    /// The database does not answer, or not in time.
    pub fn exactly_named(&self, db: &mut Db, name: &str) -> Result<Vec<i64>, StoreError> {
        let mut sql = Sql::new(db.backend());
        sql.push("SELECT e.id AS n FROM entry e WHERE e.name = ").bind(name).push(" AND ");
        self.write_entries(&mut sql);
        self.write_order(&mut sql, "e");
        sql.numbers(db)
    }

    /// The first entries, in the order of names, whose names pass.
    ///
    /// # Errors
    /// The database does not answer, or not in time.
    pub fn named(&self, db: &mut Db) -> Result<Vec<i64>, StoreError> {
        let names = self.names();
        if names == Cond::Never {
            return Ok(Vec::new());
        }
        let Some(query) = self.fts() else { return self.named_along(db, &names, None) };
        let gathered = |db: &mut Db, most| {
            gathered(db, most, |sql| {
                sql.push("SELECT e.id FROM ").by_fts("entry_fts", Some(&query), "entry e", "e.id");
                sql.push(" WHERE e.is_active AND ");
                names.write(sql);
            })
        };
        if let Some(ids) = gathered(db, FEW_NAMES)? {
            return self.first_of(db, &ids, |_| {});
        }
        let first = self.named_along(db, &names, Some(FEW_WALKED))?;
        if first.len() >= self.most {
            return Ok(first);
        }
        match gathered(db, MOST_NAMES)? {
            Some(ids) => self.first_of(db, &ids, |_| {}),
            None => self.named_along(db, &names, None),
        }
    }

    /// As [`Self::named`], met along the names of all entries or of the first so many.
    fn named_along(&self, db: &mut Db, names: &Cond, walked: Option<i64>) -> Result<Vec<i64>, StoreError> {
        let mut sql = Sql::new(db.backend());
        sql.push("SELECT e.id AS n FROM entry e WHERE ");
        if let Some(walked) = walked {
            write_first_names(&mut sql, walked);
        }
        self.write_walked(&mut sql);
        sql.push(" AND ");
        names.write(&mut sql);
        self.write_order(&mut sql, "e");
        sql.numbers(db)
    }

    /// The first of these entries, in the order of names, with what else must hold of `e`.
    fn first_of(
        &self,
        db: &mut Db,
        ids: &[i64],
        more: impl FnOnce(&mut Sql),
    ) -> Result<Vec<i64>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = Sql::new(db.backend());
        sql.push("SELECT e.id AS n FROM entry e WHERE ").entry_among(ids).push(" AND ").by_no_index();
        self.write_walked(&mut sql);
        more(&mut sql);
        self.write_order(&mut sql, "e");
        sql.numbers(db)
    }

    /// The first entries, in the order of names, that have a value that passes and a name that does not.
    ///
    /// # Errors
    /// The database does not answer, or not in time.
    pub fn valued(&self, db: &mut Db, like: &ValuesLike) -> Result<Vec<i64>, StoreError> {
        if self.texts.is_empty() {
            return Ok(Vec::new());
        }
        let found = gathered(db, MOST_ROWS, |sql| {
            sql.push("SELECT v.entry_id AS id FROM (");
            self.write_rows(sql, like, None);
            sql.push(") v WHERE 1 = 1");
            self.write_readable(sql);
        })?;
        let not_named = |sql: &mut Sql| {
            sql.push(" AND NOT ");
            self.write_tests(sql, "e.name_folded", "e.name");
        };
        if let Some(ids) = found {
            return self.first_of(db, &ids, not_named);
        }
        let first = self.valued_first(db, like)?;
        if first.len() >= self.most {
            return Ok(first);
        }
        let mut sql = Sql::new(db.backend());
        sql.push("SELECT e.id AS n FROM (SELECT DISTINCT e.id, e.name FROM (");
        self.write_rows(&mut sql, like, None);
        sql.push(") v").join().push("entry e ON e.id = v.entry_id WHERE ");
        self.write_entries(&mut sql);
        self.write_readable(&mut sql);
        not_named(&mut sql);
        sql.push(") e");
        self.write_order(&mut sql, "e");
        sql.numbers(db)
    }

    /// As [`Self::valued`], of those of the first names of all.
    fn valued_first(&self, db: &mut Db, like: &ValuesLike) -> Result<Vec<i64>, StoreError> {
        let mut sql = Sql::new(db.backend());
        sql.push("SELECT e.id AS n FROM entry e WHERE ");
        write_first_names(&mut sql, MOST_WALKED);
        self.write_walked(&mut sql);
        sql.push(" AND EXISTS (SELECT 1 FROM (");
        self.write_rows(&mut sql, like, Some("e.id"));
        sql.push(") v WHERE 1 = 1");
        self.write_readable(&mut sql);
        sql.push(") AND NOT ");
        self.write_tests(&mut sql, "e.name_folded", "e.name");
        self.write_order(&mut sql, "e");
        sql.numbers(db)
    }

    /// Selects the rows that pass, `attr_id` and `entry_id`, perhaps repeatedly: all, or those of an entry.
    fn write_rows(&self, sql: &mut Sql, like: &ValuesLike, of: Option<&str>) {
        // SQLite joins in the order in which this is written: from the texts to their rows, or from the rows to their texts.
        let own = |sql: &mut Sql, entry: &str| {
            if let Some(of) = of {
                sql.push(" AND ").push(entry).push(" = ").push(of);
            }
        };
        sql.push("SELECT v.attr_id, v.entry_id FROM (SELECT p.attr_id, p.entry_id FROM ");
        let query = self.fts();
        if of.is_none() {
            sql.by_fts("search_text_fts", query.as_deref(), "search_text t", "t.id");
            sql.join().push("search_term p");
        } else {
            sql.push("search_term p").join().push("search_text t");
        }
        sql.push(" ON p.attr_id = t.attr_id AND p.term = t.id WHERE ");
        self.write_tests(sql, "t.folded", "t.text");
        own(sql, "p.entry_id");
        sql.in_time("t.id");
        sql.push(" UNION ALL SELECT p.attr_id, p.entry_id FROM ");
        if of.is_none() {
            sql.by_fts("entry_fts", query.as_deref(), "entry t", "t.id");
            sql.join().push("search_ref p");
        } else {
            sql.push("search_ref p").join().push("entry t");
        }
        sql.push(" ON p.ref_id = t.id WHERE t.is_active AND ");
        self.write_tests(sql, "t.name_folded", "t.name");
        own(sql, "p.entry_id");
        sql.in_time("t.id");
        for (attr_id, compared, terms) in like.lists() {
            sql.push(" UNION ALL SELECT p.attr_id, p.entry_id FROM search_term p WHERE p.attr_id = ")
                .int(attr_id);
            sql.push(" AND p.term ").push(compared).ints(terms);
            own(sql, "p.entry_id");
        }
        for (attr_id, entity_id) in &like.false_flags {
            sql.push(" UNION ALL SELECT ")
                .int(attr_id)
                .push(", x.id FROM entry x WHERE x.is_active AND x.entity_id = ");
            sql.int(entity_id).push(
                " AND NOT EXISTS (SELECT 1 FROM search_term p WHERE p.entry_id = x.id AND p.attr_id = ",
            );
            sql.int(attr_id).push(" AND p.term = 1)");
            own(sql, "x.id");
        }
        sql.push(") v").join().push("entity_attr d ON d.id = v.attr_id AND d.is_active");
        if !like.closed.is_empty() {
            sql.push(" WHERE v.attr_id NOT IN ").ints(&like.closed);
        }
    }

    /// The viewer may read the attribute of the row `v`.
    fn write_readable(&self, sql: &mut Sql) {
        let Viewer::Roles(roles) = &self.viewer else { return };
        sql.push(" AND NOT EXISTS (SELECT 1 FROM attribute a WHERE a.attr_id = v.attr_id AND a.entry_id = v.entry_id ");
        sql.push(
            "AND NOT a.is_public AND a.default_permission < 2 AND NOT EXISTS (SELECT 1 FROM acl_grant g ",
        );
        sql.push("WHERE g.object_id = a.id AND g.level >= 2 AND g.role_id IN ").ints(roles).push("))");
    }
}

/// Writes that the name of `e` is one of the first so many of all entries, and another condition follows.
fn write_first_names(sql: &mut Sql, names: i64) {
    sql.push("e.name").by_code_point();
    // A text that no name exceeds, where there are not so many entries.
    sql.push(" <= COALESCE((SELECT w.name FROM entry w WHERE w.is_active ORDER BY w.name").by_code_point();
    sql.push(", w.id LIMIT 1 OFFSET ").int(names).push("), ").bind("\u{10ffff}").push(") AND ");
}

/// The ids that a statement selects, each once; nothing where there are too many.
fn gathered(db: &mut Db, most: usize, write: impl FnOnce(&mut Sql)) -> Result<Option<Vec<i64>>, StoreError> {
    let mut sql = Sql::new(db.backend());
    sql.push("SELECT id AS n FROM (");
    write(&mut sql);
    sql.push(") x WHERE 1 = 1").in_time("id").push(" LIMIT ").int(most + 1);
    let mut ids = sql.numbers(db)?;
    if ids.len() > most {
        return Ok(None);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(Some(ids))
}
