//! What must hold of an entry, as a condition on `entry e`.

use super::names::names;
use super::sql::Sql;
use super::text::TextTest;
use crate::store::{Db, StoreError};

/// Texts and entries that are looked up ahead by a test on texts; where more pass, the statement finds them itself.
const MOST_LOOKED_UP: usize = 2_000;

/// Texts of an attribute that are read one by one.
const FEW_TEXTS: i64 = 2_000;

/// A definition whose values are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attr {
    /// The definition.
    pub id: i64,
    /// Whether an entry can have several rows of it.
    pub is_list: bool,
}

/// What must hold of an entry.
#[derive(Debug, Clone, PartialEq)]
pub enum Cond {
    /// Every entry will do.
    Always,
    /// No entry will do.
    Never,
    /// All of these hold.
    All(Vec<Cond>),
    /// One of these holds.
    Any(Vec<Cond>),
    /// This does not hold.
    Not(Box<Cond>),
    /// Its name passes.
    Named(TextTest),
    /// It is one of these.
    Among(Vec<i64>),
    /// Some row of the attribute passes.
    Row(Attr, RowTest),
    /// The attribute has no row among the terms.
    NoTerm(Attr),
    /// The attribute has no row among the references.
    NoReference(Attr),
    /// The viewer may read it and, where one is given, its attribute of the definition.
    Readable(Viewer, Option<i64>),
    /// Some entry refers to it.
    Referred,
    /// Some entry whose name passes refers to it.
    ReferredNamed(TextTest),
    /// Some entry of these entities refers to it.
    ReferredFrom(Vec<i64>),
    /// One of these entries refers to it.
    ReferredBy(Vec<i64>),
}

/// What must hold of a row of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum RowTest {
    /// Any row.
    Any,
    /// One of these terms.
    Terms(Vec<i64>),
    /// None of these terms.
    TermsApart(Vec<i64>),
    /// A term between these, both included.
    Between(Option<i64>, Option<i64>),
    /// A text that passes.
    Text(TextTest),
    /// A term that is not 0 and that another row of the entity has too. With a list: one of these, and all others count as
    /// one where `rest` is true.
    Repeated(Box<Repeated>),
    /// Any reference, or a blank element among them.
    AnyReference,
    /// A reference to one of these entries.
    References(Vec<i64>),
    /// A reference to an active entry whose name passes.
    ReferenceNamed(TextTest),
    /// A reference to an active entry.
    ReferenceActive,
    /// No reference, or one to an entry that is deleted.
    ReferenceGone,
    /// A reference to an active entry of a name that another row of the entity has too.
    ReferenceRepeated(Box<Viewer>),
}

/// See [`RowTest::Repeated`].
#[derive(Debug, Clone, PartialEq)]
pub struct Repeated {
    /// Whose rows count.
    pub viewer: Viewer,
    /// The terms that count by themselves; all when absent.
    pub terms: Option<Vec<i64>>,
    /// Whether the others count as one term.
    pub rest: bool,
}

/// Who looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Viewer {
    /// Somebody who may read everything.
    Everything,
    /// Somebody with these roles.
    Roles(Vec<i64>),
}

impl RowTest {
    fn is_about_references(&self) -> bool {
        matches!(
            self,
            Self::AnyReference
                | Self::References(_)
                | Self::ReferenceNamed(_)
                | Self::ReferenceActive
                | Self::ReferenceGone
                | Self::ReferenceRepeated(_)
        )
    }

    pub(super) fn table(&self) -> &'static str {
        if self.is_about_references() { "search_ref" } else { "search_term" }
    }

    /// What asking one row costs: the cheap tests come first.
    fn cost(&self) -> u8 {
        match self {
            Self::Any
            | Self::AnyReference
            | Self::Terms(_)
            | Self::TermsApart(_)
            | Self::Between(..)
            | Self::References(_) => 0,
            Self::Text(_) | Self::ReferenceNamed(_) | Self::ReferenceActive | Self::ReferenceGone => 2,
            Self::Repeated(_) | Self::ReferenceRepeated(_) => 4,
        }
    }

    /// The condition on the row `p` of the attribute, where rows are asked one by one: a test on texts looks at the text of the row
    /// and does not gather all that pass.
    fn write_probe(&self, sql: &mut Sql, attr_id: i64) {
        match self {
            Self::Text(test) => {
                sql.push("EXISTS (SELECT 1 FROM search_text t WHERE t.attr_id = ").int(attr_id);
                sql.push(" AND t.id = p.term AND ");
                test.write(sql, "t.folded", "t.text");
                sql.push(")");
            }
            Self::ReferenceNamed(test) => {
                sql.push("EXISTS (SELECT 1 FROM entry r WHERE r.id = p.ref_id AND r.is_active AND ");
                test.write(sql, "r.name_folded", "r.name");
                sql.push(")");
            }
            _ => self.write_with(sql, attr_id, true),
        }
    }

    /// The condition on the row `p` of the attribute.
    pub(super) fn write(&self, sql: &mut Sql, attr_id: i64) {
        self.write_with(sql, attr_id, false);
    }

    /// SQLite must not look for each term of a list where the few rows of one entry are at hand.
    fn write_with(&self, sql: &mut Sql, attr_id: i64, at_hand: bool) {
        let column = |sql: &mut Sql, name: &str| {
            if at_hand {
                sql.by_no_index();
            }
            sql.push(name);
        };
        match self {
            Self::Any | Self::AnyReference => {
                sql.push("1 = 1");
            }
            Self::Terms(terms) => {
                column(sql, "p.term IN ");
                sql.ints(terms);
            }
            Self::TermsApart(terms) if terms.is_empty() => {
                sql.push("1 = 1");
            }
            Self::TermsApart(terms) => {
                column(sql, "p.term NOT IN ");
                sql.ints(terms);
            }
            Self::Between(from, to) => {
                column(sql, "p.term >= ");
                sql.int(from.unwrap_or(i64::MIN + 1)).push(" AND ");
                column(sql, "p.term <= ");
                sql.int(to.unwrap_or(i64::MAX));
            }
            Self::Text(test) => {
                sql.push("p.term IN (");
                texts(sql, attr_id, test, true);
                sql.push(")");
            }
            Self::Repeated(repeated) => repeated.write(sql, attr_id),
            Self::References(ids) => {
                column(sql, "p.ref_id IN ");
                sql.ints(ids);
            }
            Self::ReferenceNamed(test) => {
                sql.push("p.ref_id IN (");
                names(sql, test);
                sql.push(")");
            }
            Self::ReferenceActive => {
                sql.push("EXISTS (SELECT 1 FROM entry r WHERE r.id = p.ref_id AND r.is_active)");
            }
            Self::ReferenceGone => {
                sql.push("NOT EXISTS (SELECT 1 FROM entry r WHERE r.id = p.ref_id AND r.is_active)");
            }
            Self::ReferenceRepeated(viewer) => {
                sql.push("(SELECT r.name FROM entry r WHERE r.id = p.ref_id AND r.is_active) IN (");
                sql.push("SELECT r.name FROM search_ref s JOIN entry r ON r.id = s.ref_id AND r.is_active ");
                sql.push("JOIN entry e ON e.id = s.entry_id WHERE s.attr_id = ").int(attr_id).push(" AND ");
                viewer.write(sql, Some(attr_id));
                sql.push(" GROUP BY r.name HAVING sum(s.times) > 1)");
            }
        }
    }
}

impl Repeated {
    fn write(&self, sql: &mut Sql, attr_id: i64) {
        let key = |sql: &mut Sql, alias: &str| match &self.terms {
            None => {
                sql.push(alias).push(".term");
            }
            Some(terms) => {
                sql.push("CASE WHEN ").push(alias).push(".term IN ").ints(terms);
                sql.push(" THEN ")
                    .push(alias)
                    .push(".term ELSE ")
                    .int(if self.rest { -1 } else { 0 })
                    .push(" END");
            }
        };
        key(sql, "p");
        sql.push(" IN (SELECT k FROM (SELECT ");
        key(sql, "s");
        sql.push(" AS k, s.times FROM search_term s JOIN entry e ON e.id = s.entry_id WHERE s.attr_id = ");
        sql.int(attr_id).push(" AND ");
        self.viewer.write(sql, Some(attr_id));
        sql.push(") x WHERE k <> 0 GROUP BY k HAVING sum(times) > 1)");
    }
}

/// Selects the ids of the texts of an attribute that pass.
fn texts(sql: &mut Sql, attr_id: i64, test: &TextTest, by_trigrams: bool) {
    let query = test.fts().filter(|_| by_trigrams);
    sql.push("SELECT t.id FROM ").by_fts("search_text_fts", query.as_deref(), "search_text t", "t.id");
    sql.push(" WHERE t.attr_id = ").int(attr_id).push(" AND ");
    test.write(sql, "t.folded", "t.text");
    sql.in_time("t.id");
}

/// Whether an attribute has so few texts that reading them is quicker than looking for trigrams.
fn has_few_texts(db: &mut Db, attr_id: i64) -> Result<bool, StoreError> {
    let mut sql = Sql::new(db.backend());
    sql.push("SELECT count(*) AS n FROM (SELECT 1 FROM search_text WHERE attr_id = ").int(attr_id);
    sql.push(" LIMIT ").int(FEW_TEXTS + 1).push(") x");
    Ok(sql.number(db)? <= FEW_TEXTS)
}

impl Viewer {
    /// The condition that it may read the entry `e` and its attribute of the definition.
    fn write(&self, sql: &mut Sql, attr_id: Option<i64>) {
        let Self::Roles(roles) = self else {
            sql.push("1 = 1");
            return;
        };
        let granted = |sql: &mut Sql, object: &str| {
            sql.push("EXISTS (SELECT 1 FROM acl_grant g WHERE g.object_id = ").push(object);
            sql.push(".id AND g.level >= 2 AND g.role_id IN ").ints(roles).push(")");
        };
        sql.push("(e.is_public OR e.default_permission >= 2 OR ");
        granted(sql, "e");
        sql.push(")");
        if let Some(attr_id) = attr_id {
            sql.push(" AND NOT EXISTS (SELECT 1 FROM attribute a WHERE a.attr_id = ").int(attr_id);
            sql.push(" AND a.entry_id = e.id AND NOT a.is_public AND a.default_permission < 2 AND NOT ");
            granted(sql, "a");
            sql.push(")");
        }
    }
}

/// Selects the ids of entries, among them all that the viewer may not read, and all whose attribute of the definition it
/// may not read: few are closed to anybody.
pub(super) fn closed(sql: &mut Sql, entity_id: i64, attr_id: Option<i64>) {
    sql.push("SELECT c.id FROM entry c WHERE c.entity_id = ").int(entity_id);
    sql.push(" AND NOT c.is_public AND c.is_active");
    if let Some(attr_id) = attr_id {
        sql.push(" UNION ALL SELECT a.entry_id AS id FROM attribute a WHERE a.attr_id = ").int(attr_id);
        sql.push(" AND NOT a.is_public");
    }
}

impl Cond {
    /// Without parts that decide nothing.
    #[must_use]
    pub fn simplified(self) -> Self {
        match self {
            Self::All(parts) => {
                let mut kept = Vec::with_capacity(parts.len());
                for part in parts {
                    match part.simplified() {
                        Self::Always => {}
                        Self::Never => return Self::Never,
                        Self::All(parts) => kept.extend(parts),
                        part => kept.push(part),
                    }
                }
                Self::of_some(kept, Self::All, Self::Always)
            }
            Self::Any(parts) => {
                let mut kept = Vec::with_capacity(parts.len());
                for part in parts {
                    match part.simplified() {
                        Self::Never => {}
                        Self::Always => return Self::Always,
                        Self::Any(parts) => kept.extend(parts),
                        part => kept.push(part),
                    }
                }
                Self::of_some(kept, Self::Any, Self::Never)
            }
            Self::Not(part) => match part.simplified() {
                Self::Always => Self::Never,
                Self::Never => Self::Always,
                Self::Not(part) => *part,
                part => Self::Not(Box::new(part)),
            },
            Self::Row(_, RowTest::Terms(ids) | RowTest::References(ids))
            | Self::Among(ids)
            | Self::ReferredBy(ids)
                if ids.is_empty() =>
            {
                Self::Never
            }
            Self::Readable(Viewer::Everything, _) => Self::Always,
            other => other,
        }
    }

    fn of_some(mut parts: Vec<Self>, all: fn(Vec<Self>) -> Self, none: Self) -> Self {
        match parts.len() {
            0 => none,
            1 => parts.remove(0),
            _ => all(parts),
        }
    }

    /// What asking one entry costs.
    fn cost(&self) -> u8 {
        match self {
            Self::Always | Self::Never | Self::Among(_) | Self::NoTerm(_) | Self::NoReference(_) => 0,
            Self::Row(_, test) => test.cost(),
            Self::Named(_) | Self::Readable(..) => 1,
            Self::Not(part) => part.cost(),
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::cost).max().unwrap_or_default(),
            Self::Referred | Self::ReferredNamed(_) | Self::ReferredFrom(_) | Self::ReferredBy(_) => 3,
        }
    }

    /// What does not pass, where that is a simpler condition than this one: then what passes is counted by what does not.
    pub(super) fn opposite(&self) -> Option<Self> {
        match self {
            Self::Not(part) => Some((**part).clone()),
            Self::NoTerm(attr) => Some(Self::Row(*attr, RowTest::Any)),
            Self::NoReference(attr) => Some(Self::Row(*attr, RowTest::AnyReference)),
            Self::Readable(..) => Some(Self::Not(Box::new(self.clone()))),
            Self::Any(parts) if parts.iter().any(|part| part.opposite().is_some()) => {
                let not = |part: &Self| part.opposite().unwrap_or_else(|| Self::Not(Box::new(part.clone())));
                Some(Self::All(parts.iter().map(not).collect()))
            }
            _ => None,
        }
    }

    /// Looks up what tests on texts find, where that is not too much.
    pub(super) fn look_up(&mut self, db: &mut Db) -> Result<(), StoreError> {
        let most = MOST_LOOKED_UP;
        let found = |db: &mut Db, write: &dyn Fn(&mut Sql)| -> Result<Option<Vec<i64>>, StoreError> {
            let mut sql = Sql::new(db.backend());
            sql.push("SELECT id AS n FROM (");
            write(&mut sql);
            sql.push(") x LIMIT ").int(most + 1);
            let ids = sql.numbers(db)?;
            Ok((ids.len() <= most).then_some(ids))
        };
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter_mut().try_for_each(|part| part.look_up(db)),
            Self::Not(part) => part.look_up(db),
            Self::Row(attr_id, test) => {
                let attr_id = attr_id.id;
                let looked_up = match &*test {
                    RowTest::Text(text) => {
                        let by_trigrams = !has_few_texts(db, attr_id)?;
                        let alone = text.fts_alone(db.backend()).filter(|_| by_trigrams);
                        let terms = found(db, &|sql| match &alone {
                            // Ids of other attributes' texts are no terms of this one.
                            Some(query) => {
                                sql.select_fts("search_text_fts", query);
                            }
                            None => texts(sql, attr_id, text, by_trigrams),
                        });
                        terms?.map(RowTest::Terms)
                    }
                    RowTest::ReferenceNamed(text) => {
                        found(db, &|sql| names(sql, text))?.map(RowTest::References)
                    }
                    _ => None,
                };
                if let Some(looked_up) = looked_up {
                    *test = looked_up;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The condition on `e`.
    pub(super) fn write(&self, sql: &mut Sql) {
        match self {
            Self::Always => {
                sql.push("1 = 1");
            }
            Self::Never => {
                sql.push("1 = 0");
            }
            Self::All(parts) => {
                let mut parts: Vec<&Self> = parts.iter().collect();
                parts.sort_by_key(|part| part.cost());
                sql.push("(").joined(parts, " AND ", |sql, part| part.write(sql)).push(")");
            }
            Self::Any(parts) => {
                sql.push("(").joined(parts, " OR ", |sql, part| part.write(sql)).push(")");
            }
            Self::Not(part) => {
                sql.push("NOT (");
                part.write(sql);
                sql.push(")");
            }
            Self::Named(test) => test.write(sql, "e.name_folded", "e.name"),
            Self::Among(ids) => {
                sql.entry_among(ids);
            }
            Self::Row(attr, test) => {
                sql.probe(|sql| {
                    sql.rows_of_entry(test.table(), attr.id);
                    sql.push(" AND ");
                    test.write_probe(sql, attr.id);
                });
            }
            Self::NoTerm(attr) | Self::NoReference(attr) => {
                let table = if matches!(self, Self::NoTerm(_)) { "search_term" } else { "search_ref" };
                sql.push("NOT ").probe(|sql| {
                    sql.rows_of_entry(table, attr.id);
                });
            }
            Self::Readable(viewer, attr_id) => {
                sql.push("(");
                viewer.write(sql, *attr_id);
                sql.push(")");
            }
            Self::Referred => referrer(sql, |_| {}),
            Self::ReferredNamed(test) => referrer(sql, |sql| {
                sql.push(" AND ");
                test.write(sql, "r.name_folded", "r.name");
            }),
            Self::ReferredFrom(entities) => referrer(sql, |sql| {
                sql.push(" AND r.entity_id IN ").ints(entities);
            }),
            Self::ReferredBy(ids) => referrer(sql, |sql| {
                sql.push(" AND r.id IN ").ints(ids);
            }),
        }
    }
}

/// Whether an active entry `r` refers to `e` by an attribute whose definition is active.
fn referrer(sql: &mut Sql, more: impl FnOnce(&mut Sql)) {
    sql.probe(|sql| {
        sql.push(
            "FROM search_ref p JOIN entry r ON r.id = p.entry_id JOIN entity_attr d ON d.id = p.attr_id ",
        );
        sql.push("WHERE p.ref_id = e.id AND d.is_active");
        more(sql);
    });
}
