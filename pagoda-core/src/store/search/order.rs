//! The pages of what a search found, in order.

use super::find::Search;
use super::gather::{CHUNK, Ids, numbers};
use super::sql::Sql;
use crate::store::{Db, StoreError};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use std::cmp::Ordering;

/// So few that they are sorted anyway.
const FEW_SORTED: i64 = 500;

/// Names that are walked along in the time in which one entry is fetched to be sorted.
const NAMES_PER_ENTRY: i64 = 4;

/// Names of one statement.
const MOST_NAMES: i64 = 20_000;

/// How entries are ordered: names last, by code point and ascending. *Source: spec, search §4.4.*
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Order {
    /// By name.
    #[default]
    Name,
    /// By name, descending.
    NameDescending,
    /// By a value.
    Value {
        /// The definition.
        attr_id: i64,
        /// What its values are.
        by: Valued,
        /// The greatest first.
        descending: bool,
    },
}

/// What values are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Valued {
    /// Their text, which is kept with the value; nothing is an empty text.
    Text,
    /// The same, of values that are one text, which the index has.
    IndexedText,
    /// The point in time that their text is; nothing comes last.
    Moment,
    /// The name of the entry that they refer to.
    Reference,
    /// The name of the group.
    Group,
    /// The name of the role.
    Role,
}

/// A page, within what was found.
#[derive(Debug, Clone, Copy)]
struct Page {
    offset: i64,
    limit: i64,
}

impl Page {
    /// Entries up to its end.
    fn end(self) -> i64 {
        self.offset + self.limit
    }

    fn write(self, sql: &mut Sql) {
        sql.push(" LIMIT ").int(self.limit).push(" OFFSET ").int(self.offset);
    }
}

/// An entry with its name.
#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = BigInt)]
    n: i64,
    #[diesel(sql_type = Text)]
    name: String,
}

/// An entry with what it is ordered by.
#[derive(QueryableByName)]
struct Keyed {
    #[diesel(sql_type = BigInt)]
    n: i64,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Text)]
    name: String,
}

/// An order by values.
#[derive(Debug, Clone, Copy)]
struct ByValue {
    attr_id: i64,
    by: Valued,
    descending: bool,
}

impl ByValue {
    /// As the database orders them, see [`Self::write`].
    fn compare(self, a: &Keyed, b: &Keyed) -> Ordering {
        let blank_last = |row: &Keyed| self.by == Valued::Moment && row.key.is_empty();
        let keys = if self.descending { b.key.cmp(&a.key) } else { a.key.cmp(&b.key) };
        blank_last(a).cmp(&blank_last(b)).then(keys).then_with(|| a.name.cmp(&b.name))
    }

    fn write(self, sql: &mut Sql) {
        sql.push(" ORDER BY ");
        if self.by == Valued::Moment {
            sql.push("CASE WHEN key = '' THEN 1 ELSE 0 END, ");
        }
        sql.push("key").by_code_point().push(if self.descending { " DESC" } else { "" });
        sql.push(", name").by_code_point();
    }
}

impl Search {
    /// Ids of the entries of a page, in order.
    ///
    /// # Errors
    /// The database does not answer, or not in time.
    pub fn page(&self, db: &mut Db, offset: i64, limit: i64) -> Result<Vec<i64>, StoreError> {
        if offset >= self.total || limit <= 0 {
            return Ok(Vec::new());
        }
        let page = Page { offset, limit: limit.min(self.total - offset) };
        match self.order {
            Order::Name => self.by_name(db, page, false),
            Order::NameDescending => self.by_name(db, page, true),
            Order::Value { attr_id, by, descending } => {
                self.by_value(db, page, ByValue { attr_id, by, descending })
            }
        }
    }

    fn by_name(&self, db: &mut Db, page: Page, descending: bool) -> Result<Vec<i64>, StoreError> {
        let sorted = |db: &mut Db, page: Page, descending: bool, write_from: &dyn Fn(&mut Sql)| {
            let mut sql = Sql::new(db.backend());
            sql.push("SELECT e.id AS n FROM ");
            write_from(&mut sql);
            sql.push(" ORDER BY e.name").by_code_point().push(if descending { " DESC" } else { "" });
            page.write(&mut sql);
            sql.numbers(db)
        };
        let few = |ids: &Ids| {
            let ids = numbers(ids);
            move |sql: &mut Sql| {
                sql.push("entry e WHERE ").entry_among(&ids);
            }
        };
        // From the nearer end of the list.
        let is_near = page.end() <= self.total - page.offset;
        let near = if is_near { page } else { Page { offset: self.total - page.end(), ..page } };
        let mut found = match &self.gathered {
            None => sorted(db, near, descending == is_near, &|sql| self.write_passing(sql))?,
            Some(ids) if self.total <= FEW_SORTED => return sorted(db, page, descending, &few(ids)),
            Some(ids) => {
                // Names up to the end of the page.
                let names = near.end().saturating_mul(self.all(db)?) / self.total;
                let is_one_statement = usize::try_from(self.total).is_ok_and(|total| total <= CHUNK);
                if is_one_statement && names >= self.total * NAMES_PER_ENTRY {
                    return sorted(db, page, descending, &few(ids));
                }
                self.walk(db, ids, near, names, descending == is_near)?
            }
        };
        if !is_near {
            found.reverse();
        }
        Ok(found)
    }

    /// Those of a page of what was gathered that are met along the names, of which so many lead to its end.
    fn walk(
        &self,
        db: &mut Db,
        ids: &Ids,
        page: Page,
        names: i64,
        descending: bool,
    ) -> Result<Vec<i64>, StoreError> {
        // Some more, because they are not spread evenly.
        let names = (names / 4 * 5).saturating_add(100).min(MOST_NAMES);
        let (compared, direction) = if descending { (" < ", " DESC") } else { (" > ", "") };
        let (mut found, mut met, mut last) = (Vec::new(), 0, None::<String>);
        loop {
            let mut sql = Sql::new(db.backend());
            sql.push("SELECT e.id AS n, e.name AS name FROM entry e WHERE e.entity_id = ")
                .int(self.entity_id);
            sql.push(" AND e.is_active");
            if let Some(last) = &last {
                sql.push(" AND e.name").by_code_point().push(compared).bind(last);
            }
            sql.in_time("e.id").push(" ORDER BY e.name").by_code_point().push(direction);
            sql.push(" LIMIT ").int(names);
            let rows: Vec<Named> = sql.rows(db)?;
            let passing = rows.iter().filter(|row| u64::try_from(row.n).is_ok_and(|id| ids.contains(id)));
            for row in passing {
                met += 1;
                if met > page.offset {
                    found.push(row.n);
                }
                if met == page.end() {
                    return Ok(found);
                }
            }
            let is_end = i64::try_from(rows.len()).is_ok_and(|rows| rows < names);
            last = rows.into_iter().last().map(|row| row.name);
            if is_end || last.is_none() {
                return Ok(found);
            }
        }
    }

    /// So many at a time are sorted by the database, and the first of all are kept.
    fn by_value(&self, db: &mut Db, page: Page, order: ByValue) -> Result<Vec<i64>, StoreError> {
        let first_of = |db: &mut Db, write_from: &dyn Fn(&mut Sql)| -> Result<Vec<Keyed>, StoreError> {
            let mut sql = Sql::new(db.backend());
            sql.push("SELECT n, key, name FROM (SELECT e.id AS n, e.name AS name, ");
            self.write_value(&mut sql, order);
            sql.push(" AS key FROM ");
            write_from(&mut sql);
            sql.push(") x");
            order.write(&mut sql);
            sql.push(" LIMIT ").int(page.end());
            sql.rows(db)
        };
        let mut first = Vec::new();
        match &self.gathered {
            None => first = first_of(db, &|sql| self.write_passing(sql))?,
            Some(ids) => {
                for chunk in numbers(ids).chunks(CHUNK) {
                    first.extend(first_of(db, &|sql| {
                        sql.push("entry e WHERE ").entry_among(chunk).in_time("e.id");
                    })?);
                    first.sort_by(|a, b| order.compare(a, b));
                    first.truncate(usize::try_from(page.end()).unwrap_or(usize::MAX));
                }
            }
        }
        let before = usize::try_from(page.offset).unwrap_or(usize::MAX);
        Ok(first.into_iter().skip(before).map(|row| row.n).collect())
    }

    /// The value of `e` by which it is ordered: nothing where it may not be read.
    fn write_value(&self, sql: &mut Sql, order: ByValue) {
        let ByValue { attr_id, by, .. } = order;
        let text = |sql: &mut Sql| {
            sql.push("(SELECT v.text_value FROM attribute a JOIN attr_value v ON v.attribute_id = a.id AND v.is_latest ");
            sql.push("WHERE a.entry_id = e.id AND a.attr_id = ").int(attr_id).push(")");
        };
        let named = |sql: &mut Sql, table: &str, key: &str, of: &str| {
            sql.push("(SELECT r.name FROM ")
                .push(table)
                .push(" p JOIN ")
                .push(of)
                .push(" r ON r.id = p.")
                .push(key);
            sql.push(" AND r.is_active WHERE p.entry_id = e.id AND p.attr_id = ").int(attr_id).push(")");
        };
        sql.push("COALESCE(CASE WHEN ");
        self.readable.write(sql);
        sql.push(" THEN ");
        match by {
            Valued::Text => text(sql),
            Valued::IndexedText => {
                sql.push("(SELECT (SELECT t.text FROM search_text t WHERE t.attr_id = ").int(attr_id);
                sql.push(" AND t.id = p.term) ").rows_of_entry("search_term", attr_id).push(")");
            }
            Valued::Moment => {
                // Without the Z a second comes before its fractions.
                sql.push("replace(");
                text(sql);
                sql.push(", 'Z', '')");
            }
            Valued::Reference => named(sql, "search_ref", "ref_id", "entry"),
            Valued::Group => named(sql, "search_term", "term", "user_group"),
            Valued::Role => named(sql, "search_term", "term", "role"),
        }
        sql.push(" END, '')");
    }
}
