//! Finds entries of any entity by one text in names and values.

use super::cond::{Cond, Viewer};
use super::sql::Sql;
use super::text::TextTest;
use crate::store::{Backend, Db, StoreError};

/// Entries, and texts, that are gathered and sorted; where more pass, each entity is walked along its names.
const MOST_GATHERED: usize = 2_000;

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

impl Everywhere {
    /// The condition on a name.
    fn names(&self) -> Cond {
        let group = |group: &Vec<TextTest>| Cond::All(group.iter().cloned().map(Cond::Named).collect());
        Cond::Any(self.texts.iter().map(group).collect()).simplified()
    }

    /// Whether every alternative has something for the trigram index.
    fn has_trigrams(&self) -> bool {
        self.texts.iter().all(|group| group.iter().any(TextTest::has_trigrams))
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

    /// Writes where the trigram index of a table of SQLite finds at least what passes.
    fn write_trigrams(&self, sql: &mut Sql, key: &str, table: &str) {
        if sql.backend() == Backend::Postgres || !self.has_trigrams() {
            return;
        }
        let of_group = |group: &Vec<TextTest>| {
            let texts: Vec<String> =
                group.iter().filter(|test| test.has_trigrams()).map(TextTest::fts).collect();
            format!("({})", texts.join(" AND "))
        };
        let query: Vec<String> = self.texts.iter().map(of_group).collect();
        sql.push(" AND ").push(key).push(" IN (SELECT rowid FROM ").push(table);
        sql.push(" WHERE ").push(table).push(" MATCH ").bind(&query.join(" OR ")).push(")");
    }

    /// Writes that `e` is one of the entries that are looked at.
    fn write_entries(&self, sql: &mut Sql) {
        sql.push("e.is_active AND e.entity_id IN ").ints(&self.entity_ids).push(" AND ");
        Cond::Readable(self.viewer.clone(), None).write(sql);
        sql.in_time("e.id");
    }

    fn write_order(&self, sql: &mut Sql, entry: &str) {
        sql.push(" ORDER BY ").by_code_point(|sql| {
            sql.push(entry).push(".name");
        });
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
        if self.has_trigrams() && self.are_few(db)? {
            let mut sql = Sql::new(db.backend());
            sql.push("SELECT e.id AS n FROM entry e WHERE ");
            self.write_entries(&mut sql);
            self.write_trigrams(&mut sql, "e.id", "entry_fts");
            sql.push(" AND ");
            names.write(&mut sql);
            self.write_order(&mut sql, "e");
            return sql.numbers(db);
        }
        // Too many to sort: the first of each entity are among the first of all.
        let mut found = Vec::new();
        for entity_id in &self.entity_ids {
            let one = Self { entity_ids: vec![*entity_id], ..self.clone() };
            let mut sql = Sql::new(db.backend());
            sql.push("SELECT e.id AS n FROM entry e WHERE ");
            one.write_entries(&mut sql);
            sql.push(" AND ");
            names.write(&mut sql);
            sql.push(" ORDER BY ").by_code_point(|sql| {
                sql.push("e.name");
            });
            sql.push(" LIMIT ").int(self.most);
            found.extend(sql.numbers(db)?);
        }
        Ok(found)
    }

    /// Whether few enough names pass to be gathered.
    fn are_few(&self, db: &mut Db) -> Result<bool, StoreError> {
        let mut sql = Sql::new(db.backend());
        sql.push("SELECT count(*) AS n FROM (SELECT 1 FROM entry e WHERE e.is_active");
        self.write_trigrams(&mut sql, "e.id", "entry_fts");
        sql.push(" AND ");
        self.names().write(&mut sql);
        sql.in_time("e.id").push(" LIMIT ").int(MOST_GATHERED + 1).push(") x");
        Ok(sql.number(db)? <= i64::try_from(MOST_GATHERED).unwrap_or(i64::MAX))
    }

    /// The first entries, in the order of names, that have a value that passes and a name that does not.
    ///
    /// # Errors
    /// The database does not answer, or not in time.
    pub fn valued(&self, db: &mut Db, like: &ValuesLike) -> Result<Vec<i64>, StoreError> {
        if self.texts.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = Sql::new(db.backend());
        // SQLite joins in the order in which this is written.
        let cross = if sql.backend() == Backend::Sqlite { "CROSS JOIN" } else { "JOIN" };
        sql.push("SELECT e.id AS n FROM (SELECT DISTINCT e.id, e.name FROM (");
        sql.push("SELECT p.attr_id, p.entry_id FROM search_text t ").push(cross);
        sql.push(" search_term p ON p.attr_id = t.attr_id AND p.term = t.id WHERE 1 = 1");
        self.write_trigrams(&mut sql, "t.id", "search_text_fts");
        sql.push(" AND ");
        self.write_tests(&mut sql, "t.folded", "t.text");
        sql.in_time("t.id");
        sql.push(" UNION ALL SELECT p.attr_id, p.entry_id FROM entry t ").push(cross);
        sql.push(" search_ref p ON p.ref_id = t.id WHERE t.is_active");
        self.write_trigrams(&mut sql, "t.id", "entry_fts");
        sql.push(" AND ");
        self.write_tests(&mut sql, "t.name_folded", "t.name");
        sql.in_time("t.id");
        for (attr_id, terms) in &like.terms {
            sql.push(" UNION ALL SELECT p.attr_id, p.entry_id FROM search_term p WHERE p.attr_id = ")
                .int(attr_id);
            sql.push(" AND p.term IN ").ints(terms);
        }
        for (attr_id, terms) in &like.terms_apart {
            sql.push(" UNION ALL SELECT p.attr_id, p.entry_id FROM search_term p WHERE p.attr_id = ")
                .int(attr_id);
            sql.push(" AND NOT (p.term IN ").ints(terms).push(")");
        }
        for (attr_id, entity_id) in &like.false_flags {
            sql.push(" UNION ALL SELECT ")
                .int(attr_id)
                .push(", x.id FROM entry x WHERE x.is_active AND x.entity_id = ");
            sql.int(entity_id).push(
                " AND NOT EXISTS (SELECT 1 FROM search_term p WHERE p.entry_id = x.id AND p.attr_id = ",
            );
            sql.int(attr_id).push(" AND p.term = 1)");
        }
        sql.push(") v ").push(cross).push(" entity_attr d ON d.id = v.attr_id AND d.is_active ").push(cross);
        sql.push(" entry e ON e.id = v.entry_id WHERE ");
        self.write_entries(&mut sql);
        if !like.closed.is_empty() {
            sql.push(" AND v.attr_id NOT IN ").ints(&like.closed);
        }
        self.write_readable(&mut sql);
        sql.push(" AND NOT ");
        self.write_tests(&mut sql, "e.name_folded", "e.name");
        sql.push(") e");
        self.write_order(&mut sql, "e");
        sql.numbers(db)
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
