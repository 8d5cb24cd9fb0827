//! Finds the entries of an entity of which a condition holds: how many, and a page of them in order.
//!
//! There are two ways. From the *narrowest* part of the condition that is found by key (a term, a reference, a name with
//! trigrams): its entries are gathered, the rest of the condition is asked of each, what remains is sorted. Or along the
//! names, in order, asking each entry until the page is full: the better way where much of the entity passes. How many pass
//! is counted first, in the first way where there is one, and decides between them. Where there is none, and the condition
//! says what must *not* hold, what does not pass is counted and taken off: a term is found by its key, its absence is not.

use super::cond::{Attr, Cond, RowTest, closed};
use super::names::names;
use super::sql::Sql;
use crate::store::queries::entry_count;
use crate::store::{Db, StoreError};

/// Entries of a part of a condition up to which it is known how many they are.
const MOST_COUNTED: i64 = 100_000;

/// Entries of a part that is not counted, because counting is not cheaper than finding: rather many, finding them costs more
/// than finding what has a term.
const GUESSED: i64 = 60_000;

/// Entries that are gathered for a page before walking along the names is considered.
const FEW_GATHERED: i64 = 1_000;

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

/// A part of a condition that is found by key.
struct ByKey {
    /// Alternatives.
    parts: Vec<Cond>,
    /// Rows, up to [`MOST_COUNTED`] and one, or a guess.
    rows: i64,
    /// Whether so many entries are found by key, each once.
    is_exact: bool,
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
        Self::looked_up(db, entity_id, cond, order, readable)
    }

    /// As [`Self::new`], of a condition whose texts were looked up.
    fn looked_up(
        db: &mut Db,
        entity_id: i64,
        cond: Cond,
        order: Order,
        readable: Cond,
    ) -> Result<Self, StoreError> {
        let cond = cond.simplified();
        let by_key = narrowest(db, entity_id, &cond)?;
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
        let Some(ByKey { parts, rows, is_exact, rest }) = &self.by_key else { return self.count_along(db) };
        // The rows of a definition are of active entries of its entity: nothing else must be known of them.
        let are_rows = parts.iter().all(|part| matches!(part, Cond::Row(..)));
        if *is_exact && are_rows && *rest == Cond::Always {
            return Ok(*rows);
        }
        let mut sql = Sql::new(db.backend());
        sql.push("SELECT count(*) AS n FROM ");
        if are_rows && rest.is_about_rows() {
            self.write_gathered(&mut sql, parts);
            sql.push(" e WHERE ");
            rest.write(&mut sql);
            sql.in_time("e.id");
        } else {
            self.write_from(&mut sql, true);
        }
        sql.number(db)
    }

    /// How many pass of a condition of which no part is found by key.
    fn count_along(&self, db: &mut Db) -> Result<i64, StoreError> {
        let passing = |db: &mut Db, cond: Cond| {
            Self::looked_up(db, self.entity_id, cond, Order::Name, Cond::Always).map(|search| search.total)
        };
        match &self.cond {
            Cond::Never => return Ok(0),
            Cond::Always => return self.all(db),
            Cond::All(parts) => {
                let opposites = parts.iter().map(Cond::opposite);
                let found = opposites.enumerate().find_map(|(at, part)| Some((at, part?)));
                if let Some((at, opposite)) = found {
                    let mut others = parts.clone();
                    others.remove(at);
                    let most = passing(db, Cond::All(others.clone()))?;
                    others.push(opposite);
                    return Ok(most - passing(db, Cond::All(others))?);
                }
            }
            cond => {
                if let Some(opposite) = cond.opposite() {
                    return Ok(self.all(db)? - passing(db, opposite)?);
                }
            }
        }
        let mut sql = Sql::new(db.backend());
        sql.push("SELECT count(*) AS n FROM ");
        self.write_from(&mut sql, false);
        sql.number(db)
    }

    /// How many active entries the entity has.
    fn all(&self, db: &mut Db) -> Result<i64, StoreError> {
        Ok(entry_count::of_entity(db, self.entity_id, Some(true))?.total())
    }

    /// The ids of what is found by key, each once, in parentheses.
    fn write_gathered(&self, sql: &mut Sql, parts: &[Cond]) {
        let once = is_once_each(parts);
        sql.push(if once { "(" } else { "(SELECT DISTINCT id FROM (" });
        sql.joined(parts, " UNION ALL ", |sql, part| {
            select_by_key(sql, self.entity_id, part);
        });
        sql.push(if once { ")" } else { ") x)" });
    }

    /// `entry e` with the condition; by key if there is one and it is wanted.
    fn write_from(&self, sql: &mut Sql, by_key: bool) {
        let cond = match &self.by_key {
            Some(ByKey { parts, rest, .. }) if by_key => {
                self.write_gathered(sql, parts);
                sql.push(" k").join().push("entry e ON e.id = k.id WHERE e.entity_id = ").int(self.entity_id);
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
                sql.push("e.name").by_code_point();
            }
            Order::NameDescending => {
                sql.push("e.name").by_code_point().push(" DESC");
            }
            Order::Value { attr_id, by, descending } => {
                self.write_value(&mut sql, *attr_id, *by, *descending);
                sql.push(", e.name").by_code_point();
            }
        }
        sql.push(" LIMIT ").int(limit).push(" OFFSET ").int(offset);
        sql.numbers(db)
    }

    /// Whether walking along the names comes to the end of the page sooner than sorting what is found by key.
    fn is_sooner_along_names(&self, db: &mut Db, upto: i64) -> Result<bool, StoreError> {
        let Some(ByKey { rows, .. }) = &self.by_key else { return Ok(true) };
        if matches!(self.order, Order::Value { .. }) || (*rows).max(self.total) < FEW_GATHERED {
            return Ok(false);
        }
        let all = self.all(db)?;
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
        };
        if by == Valued::Moment {
            sql.push("CASE WHEN ");
            value(sql);
            sql.push(" = '' THEN 1 ELSE 0 END, ");
        }
        value(sql);
        sql.by_code_point().push(direction);
    }
}

/// The part of a condition that is found by key and has the fewest rows.
fn narrowest(db: &mut Db, entity_id: i64, cond: &Cond) -> Result<Option<ByKey>, StoreError> {
    let uncounted = |rows, rest| ByKey { parts: vec![cond.clone()], rows, is_exact: false, rest };
    match cond {
        Cond::All(parts) => {
            let mut best: Option<(usize, ByKey)> = None;
            for (at, part) in parts.iter().enumerate() {
                let Some(found) = narrowest(db, entity_id, part)? else { continue };
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
            let (mut all, mut sum, mut is_whole) = (Vec::with_capacity(parts.len()), 0, true);
            for part in parts {
                let Some(more) = narrowest(db, entity_id, part)? else { return Ok(None) };
                all.extend(more.parts);
                sum += more.rows;
                is_whole &= more.rest == Cond::Always;
            }
            let rest = if is_whole { Cond::Always } else { cond.clone() };
            Ok(Some(ByKey { parts: all, rows: sum, is_exact: false, rest }))
        }
        Cond::Among(ids) => {
            let rows = i64::try_from(ids.len()).unwrap_or(i64::MAX);
            Ok(Some(uncounted(rows, Cond::Always)))
        }
        Cond::Row(_, test) => Ok(Some(match test {
            RowTest::Terms(_) | RowTest::Between(..) | RowTest::References(_) => {
                counted(db, entity_id, cond, Cond::Always)?
            }
            // More than can be looked up is much: it is not counted.
            RowTest::Text(_)
            | RowTest::ReferenceNamed(_)
            | RowTest::Repeated(_)
            | RowTest::ReferenceRepeated(_) => uncounted(GUESSED, Cond::Always),
            // Most rows pass, as a rule.
            RowTest::Any
            | RowTest::AnyReference
            | RowTest::TermsApart(_)
            | RowTest::ReferenceActive
            | RowTest::ReferenceGone => uncounted(MOST_COUNTED + 1, Cond::Always),
        })),
        Cond::Named(test) if test.has_trigrams() => counted(db, entity_id, cond, Cond::Always).map(Some),
        // Its references may be by definitions that are gone.
        Cond::ReferredBy(_) => counted(db, entity_id, cond, cond.clone()).map(Some),
        // Few are closed to anybody, and those that a role opens are among them.
        Cond::Not(part) if matches!(**part, Cond::Readable(..)) => Ok(Some(uncounted(GUESSED, cond.clone()))),
        _ => Ok(None),
    }
}

fn counted(db: &mut Db, entity_id: i64, cond: &Cond, rest: Cond) -> Result<ByKey, StoreError> {
    let mut sql = Sql::new(db.backend());
    sql.push("SELECT count(*) AS n FROM (SELECT 1 FROM (");
    select_by_key(&mut sql, entity_id, cond);
    sql.push(") x LIMIT ").int(MOST_COUNTED + 1).push(") y");
    let rows = sql.number(db)?;
    let parts = vec![cond.clone()];
    let is_exact = rows <= MOST_COUNTED && is_once_each(&parts);
    Ok(ByKey { parts, rows, is_exact, rest })
}

/// Whether no entry is found twice by key.
fn is_once_each(parts: &[Cond]) -> bool {
    match parts {
        [Cond::Named(_) | Cond::Among(_)] => true,
        [Cond::Row(Attr { is_list: false, .. }, _)] => true,
        [Cond::Row(_, RowTest::Terms(ids) | RowTest::References(ids)) | Cond::ReferredBy(ids)] => {
            ids.len() == 1
        }
        _ => false,
    }
}

/// Selects the ids of the entries of a part that is found by key, perhaps repeatedly.
fn select_by_key(sql: &mut Sql, entity_id: i64, cond: &Cond) {
    match cond {
        Cond::Among(ids) => {
            sql.push("SELECT id FROM entry WHERE id IN ").ints(ids);
        }
        Cond::Row(attr, test) => {
            sql.push("SELECT p.entry_id AS id FROM ")
                .push(test.table())
                .push(" p WHERE p.attr_id = ")
                .int(attr.id);
            sql.push(" AND ");
            test.write(sql, attr.id);
        }
        Cond::Named(test) => names(sql, test),
        Cond::ReferredBy(ids) => {
            sql.push("SELECT p.ref_id AS id FROM search_ref p WHERE p.entry_id IN ").ints(ids);
        }
        Cond::Not(part) => {
            let attr_id = if let Cond::Readable(_, attr_id) = **part { attr_id } else { None };
            closed(sql, entity_id, attr_id);
        }
        _ => {
            sql.push("SELECT id FROM entry WHERE 1 = 0");
        }
    }
}
