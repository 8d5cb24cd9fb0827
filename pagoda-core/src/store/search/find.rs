//! Finds the entries of an entity of which a condition holds: how many, and a page of them in order.
//!
//! There are two ways. From the *narrowest* part of the condition that is found by key (a term, a reference, a name with
//! trigrams): its entries are gathered, the rest of the condition is asked of each, what remains is sorted. Or along the
//! names, in order, asking each entry until the page is full: the better way where much of the entity passes. How many pass
//! is counted first, in the first way where there is one, and decides between them.

use super::cond::{Cond, RowTest, names};
use super::sql::Sql;
use crate::store::{Backend, Db, StoreError};

/// Entries of a part of a condition up to which it is known how many they are.
const MOST_COUNTED: i64 = 20_000;

/// So few that nothing narrower is looked for.
const FEW_ROWS: i64 = 100;

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
    /// Their text; nothing is an empty text.
    Text,
    /// The point in time that their text is; nothing comes last.
    Moment,
    /// The name of the entry that they refer to.
    Reference,
    /// The name of the group.
    Group,
    /// The name of the role.
    Role,
}

/// A part of a condition that is found by key.
struct ByKey {
    /// Alternatives.
    parts: Vec<Cond>,
    /// Rows, up to [`MOST_COUNTED`] and one.
    rows: i64,
    /// What else must hold of the entries.
    rest: Cond,
}

/// A question about the active entries of an entity.
pub struct Search {
    entity_id: i64,
    cond: Cond,
    order: Order,
    /// See [`super::Cond::Readable`]: what values may be ordered by.
    readable: Cond,
    /// The narrowest part that is found by key.
    by_key: Option<ByKey>,
    total: i64,
}

impl Search {
    /// Looks up what the condition needs, and counts.
    ///
    /// # Errors
    /// The database does not answer, or not in time.
    pub fn new(
        db: &mut Db,
        entity_id: i64,
        cond: Cond,
        order: Order,
        readable: Cond,
    ) -> Result<Self, StoreError> {
        let mut cond = cond.simplified();
        cond.look_up(db)?;
        let cond = cond.simplified();
        let by_key = narrowest(db, &cond)?;
        let mut search = Self { entity_id, cond, order, readable, by_key, total: 0 };
        search.total = search.count(db)?;
        Ok(search)
    }

    /// How many entries pass.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.total
    }

    fn count(&self, db: &mut Db) -> Result<i64, StoreError> {
        if self.cond == Cond::Never {
            return Ok(0);
        }
        let mut sql = Sql::new(db.backend());
        sql.push("SELECT count(*) AS n FROM ");
        self.write_from(&mut sql, true);
        sql.number(db)
    }

    /// `entry e` with the condition; by key if there is one and it is wanted.
    fn write_from(&self, sql: &mut Sql, by_key: bool) {
        let cond = match &self.by_key {
            Some(ByKey { parts, rest, .. }) if by_key => {
                sql.push(if is_once_each(parts) { "(" } else { "(SELECT DISTINCT id FROM (" });
                sql.joined(parts, " UNION ALL ", select_by_key);
                sql.push(if is_once_each(parts) { "" } else { ") x" });
                // SQLite joins in this order; PostgreSQL knows how few the entries are.
                let join = if sql.backend() == Backend::Sqlite {
                    ") k CROSS JOIN entry e"
                } else {
                    ") k JOIN entry e"
                };
                sql.push(join).push(" ON e.id = k.id WHERE e.entity_id = ").int(self.entity_id);
                rest
            }
            _ => {
                sql.push("entry e WHERE e.entity_id = ").int(self.entity_id);
                &self.cond
            }
        };
        sql.push(" AND e.is_active AND ");
        cond.write(sql);
        sql.in_time("e.id");
    }

    /// Ids of the entries of a page, in order.
    ///
    /// # Errors
    /// The database does not answer, or not in time.
    pub fn page(&self, db: &mut Db, offset: i64, limit: i64) -> Result<Vec<i64>, StoreError> {
        if offset >= self.total || limit <= 0 {
            return Ok(Vec::new());
        }
        let mut sql = Sql::new(db.backend());
        let by_key = self.by_key.is_some() && !self.is_sooner_along_names(db, offset + limit)?;
        sql.push("SELECT e.id AS n FROM ");
        self.write_from(&mut sql, by_key);
        sql.push(" ORDER BY ");
        match &self.order {
            Order::Name => {
                sql.by_code_point(name);
            }
            Order::NameDescending => {
                sql.by_code_point(name).push(" DESC");
            }
            Order::Value { attr_id, by, descending } => {
                self.write_value(&mut sql, *attr_id, *by, *descending);
                sql.push(", ").by_code_point(name);
            }
        }
        sql.push(" LIMIT ").int(limit).push(" OFFSET ").int(offset);
        sql.numbers(db)
    }

    /// Whether walking along the names comes to the end of the page sooner than sorting what is found by key.
    fn is_sooner_along_names(&self, db: &mut Db, upto: i64) -> Result<bool, StoreError> {
        let Some(ByKey { rows, .. }) = &self.by_key else { return Ok(true) };
        if matches!(self.order, Order::Value { .. })
            || self.total < upto.min(MOST_COUNTED / 10)
            || *rows < 1_000
        {
            return Ok(false);
        }
        let mut sql = Sql::new(db.backend());
        sql.push("SELECT count(*) AS n FROM entry e WHERE e.entity_id = ")
            .int(self.entity_id)
            .push(" AND e.is_active");
        let all = sql.number(db)?;
        let walked = upto.saturating_mul(all) / self.total.max(1);
        // What is found by key is at least what passes.
        Ok(walked < self.total.max(*rows))
    }

    fn write_value(&self, sql: &mut Sql, attr_id: i64, by: Valued, descending: bool) {
        let direction = if descending { " DESC" } else { "" };
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
        let value = |sql: &mut Sql| {
            sql.push("COALESCE(CASE WHEN ");
            self.readable.write(sql);
            sql.push(" THEN ");
            match by {
                Valued::Text => text(sql),
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
        };
        if by == Valued::Moment {
            sql.push("CASE WHEN ");
            value(sql);
            sql.push(" = '' THEN 1 ELSE 0 END, ");
        }
        sql.by_code_point(value).push(direction);
    }
}

fn name(sql: &mut Sql) {
    sql.push("e.name");
}

/// The part of a condition that is found by key and has the fewest rows.
fn narrowest(db: &mut Db, cond: &Cond) -> Result<Option<ByKey>, StoreError> {
    match cond {
        Cond::All(parts) => {
            let mut best: Option<(usize, ByKey)> = None;
            for (at, part) in parts.iter().enumerate() {
                let Some(found) = narrowest(db, part)? else { continue };
                let is_few = found.rows < FEW_ROWS;
                if best.as_ref().is_none_or(|(_, best)| found.rows < best.rows) {
                    best = Some((at, found));
                }
                if is_few {
                    break;
                }
            }
            let Some((at, mut best)) = best else { return Ok(None) };
            let others =
                parts.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, part)| part.clone());
            best.rest = Cond::All(others.chain([best.rest]).collect()).simplified();
            Ok(Some(best))
        }
        Cond::Any(parts) => {
            let (mut all, mut sum, mut is_exact) = (Vec::with_capacity(parts.len()), 0, true);
            for part in parts {
                let Some(more) = narrowest(db, part)? else { return Ok(None) };
                all.extend(more.parts);
                sum += more.rows;
                is_exact &= more.rest == Cond::Always;
            }
            let rest = if is_exact { Cond::Always } else { cond.clone() };
            Ok(Some(ByKey { parts: all, rows: sum, rest }))
        }
        Cond::Among(ids) => {
            let rows = i64::try_from(ids.len()).unwrap_or(i64::MAX);
            Ok(Some(ByKey { parts: vec![cond.clone()], rows, rest: Cond::Always }))
        }
        // More than can be looked up is much: it is not counted.
        Cond::Row(_, RowTest::Text(_) | RowTest::ReferenceNamed(_)) => {
            Ok(Some(ByKey { parts: vec![cond.clone()], rows: MOST_COUNTED + 1, rest: Cond::Always }))
        }
        Cond::Row(_, test) if test.is_selective() => counted(db, cond, Cond::Always),
        Cond::Named(test) if test.has_trigrams() => counted(db, cond, Cond::Always),
        // Its references may be by definitions that are gone.
        Cond::ReferredBy(_) => counted(db, cond, cond.clone()),
        _ => Ok(None),
    }
}

fn counted(db: &mut Db, cond: &Cond, rest: Cond) -> Result<Option<ByKey>, StoreError> {
    let mut sql = Sql::new(db.backend());
    sql.push("SELECT count(*) AS n FROM (SELECT 1 FROM (");
    select_by_key(&mut sql, cond);
    sql.push(") x LIMIT ").int(MOST_COUNTED + 1).push(") y");
    let rows = sql.number(db)?;
    Ok(Some(ByKey { parts: vec![cond.clone()], rows, rest }))
}

/// Whether no entry is found twice by key.
fn is_once_each(parts: &[Cond]) -> bool {
    match parts {
        [Cond::Named(_) | Cond::Among(_)] => true,
        [Cond::Row(_, RowTest::Terms(ids) | RowTest::References(ids)) | Cond::ReferredBy(ids)] => {
            ids.len() == 1
        }
        _ => false,
    }
}

/// Selects the ids of the entries of a part that is found by key, perhaps repeatedly.
fn select_by_key(sql: &mut Sql, cond: &Cond) {
    match cond {
        Cond::Among(ids) => {
            sql.push("SELECT id FROM entry WHERE id IN ").ints(ids);
        }
        Cond::Row(attr_id, test) => {
            sql.push("SELECT p.entry_id AS id FROM ")
                .push(test.table())
                .push(" p WHERE p.attr_id = ")
                .int(attr_id);
            sql.push(" AND ");
            test.write(sql, *attr_id);
        }
        Cond::Named(test) => names(sql, test),
        Cond::ReferredBy(ids) => {
            sql.push("SELECT p.ref_id AS id FROM search_ref p WHERE p.entry_id IN ").ints(ids);
        }
        _ => {
            sql.push("SELECT id FROM entry WHERE 1 = 0");
        }
    }
}
