//! Gathers the entries of which a condition holds, where some part of it is found by key.
//!
//! What is found by key is read in the order of its key, a few hundred nanoseconds for each row, and kept as a set of ids; parts
//! that must hold together are intersected as sets. Asking an entry for a part costs an order of magnitude more, because
//! each entry's rows are elsewhere. So parts are asked of entries only where few entries are left, or where no key finds
//! them.

use super::cond::{Cond, RowTest, closed};
use super::names::names;
use super::sql::Sql;
use crate::store::{Db, StoreError};
use roaring::RoaringTreemap;

/// Ids of active entries of an entity.
pub(super) type Ids = RoaringTreemap;

/// Rows that a first part is read up to, before another is tried: the narrowest is not known before.
const ROUNDS: [u64; 3] = [4_000, 100_000, u64::MAX];

/// Entries that are so few that no further part is read.
const FEW_ENTRIES: u64 = 100;

/// Rows that are read in the time in which one entry is asked.
const ROWS_PER_ENTRY: u64 = 16;

/// Entries that are asked for a text in the time in which a trigram index looks for it.
const ENTRIES_PER_TEXT: u64 = 10_000;

/// Entries that one statement is given.
pub(super) const CHUNK: usize = 5_000;

/// How soon what is found by key is read: the narrow first, what the trigram index finds late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Given by id.
    Given,
    /// One or several keys.
    Keys,
    /// All keys between two.
    Span,
    /// What is closed to somebody.
    Closed,
    /// Most of the rows of an attribute, as a rule.
    Most,
    /// Texts of which more pass than are looked up.
    Texts,
    /// Values that are there several times.
    Repeated,
}

impl Cond {
    /// How soon it is gathered; nothing where no key finds it.
    pub(super) fn rank(&self) -> Option<Rank> {
        match self {
            Self::Never | Self::Among(_) | Self::ReferredBy(_) => Some(Rank::Given),
            Self::Named(test) if test.has_trigrams() => Some(Rank::Keys),
            Self::Row(_, test) => Some(match test {
                RowTest::Terms(_) | RowTest::References(_) => Rank::Keys,
                RowTest::Between(..) => Rank::Span,
                RowTest::Any
                | RowTest::AnyReference
                | RowTest::TermsApart(_)
                | RowTest::ReferenceActive
                | RowTest::ReferenceGone => Rank::Most,
                RowTest::Text(_) | RowTest::ReferenceNamed(_) => Rank::Texts,
                RowTest::Repeated(_) | RowTest::ReferenceRepeated(_) => Rank::Repeated,
            }),
            Self::Not(part) if matches!(**part, Self::Readable(..)) => Some(Rank::Closed),
            Self::All(parts) => parts.iter().filter_map(Self::rank).min(),
            Self::Any(parts) => {
                parts.iter().map(Self::rank).try_fold(Rank::Given, |most, rank| Some(most.max(rank?)))
            }
            _ => None,
        }
    }
}

/// Gathers entries of one entity.
pub(super) struct Gathering<'a> {
    /// The database.
    pub(super) db: &'a mut Db,
    /// The entity.
    pub(super) entity_id: i64,
}

impl Gathering<'_> {
    /// All entries of which a condition holds. Nothing where no key finds a part of it, or where more rows than `most` would
    /// have to be read.
    pub(super) fn gather(&mut self, cond: &Cond, most: u64) -> Result<Option<Ids>, StoreError> {
        match cond {
            // Nothing is read in vain.
            cond if cond.rank().is_none() => Ok(None),
            Cond::Never => Ok(Some(Ids::new())),
            Cond::All(parts) => self.all(parts, most),
            Cond::Any(parts) => self.any(parts, most),
            cond => self.read(cond, most),
        }
    }

    fn any(&mut self, parts: &[Cond], most: u64) -> Result<Option<Ids>, StoreError> {
        let mut all = Ids::new();
        for part in parts {
            let Some(more) = self.gather(part, most.saturating_sub(all.len()))? else { return Ok(None) };
            all |= more;
        }
        Ok(Some(all))
    }

    fn all(&mut self, parts: &[Cond], most: u64) -> Result<Option<Ids>, StoreError> {
        let (by_key, mut rest): (Vec<&Cond>, Vec<&Cond>) =
            parts.iter().partition(|part| part.rank().is_some());
        let Some((first, mut ids)) = self.first(&by_key, most)? else { return Ok(None) };
        let mut others: Vec<&Cond> =
            by_key.into_iter().enumerate().filter(|(at, _)| *at != first).map(|(_, part)| part).collect();
        others.sort_by_key(|part| part.rank());
        for part in others {
            match self.gather_beside(part, &ids)? {
                Some(found) => ids &= found,
                None => rest.push(part),
            }
        }
        let mut asked = Vec::new();
        for part in rest {
            let opposite = part.opposite();
            let found = match &opposite {
                Some(opposite) => self.gather_beside(opposite, &ids)?,
                None => None,
            };
            match found {
                Some(found) => ids -= found,
                None => asked.push(part.clone()),
            }
        }
        self.asked(ids, asked).map(Some)
    }

    /// One of the parts, with its place: the first that has few rows.
    fn first(&mut self, parts: &[&Cond], most: u64) -> Result<Option<(usize, Ids)>, StoreError> {
        let mut places: Vec<usize> = (0..parts.len()).collect();
        places.sort_by_key(|at| parts.get(*at).and_then(|part| part.rank()));
        for round in ROUNDS.map(|rows| rows.min(most)) {
            for at in &places {
                let Some(part) = parts.get(*at) else { continue };
                // Their rows are not fewer for being read up to a limit.
                let is_late = part.rank() >= Some(Rank::Texts) && places.len() > 1;
                if is_late && round < most {
                    continue;
                }
                if let Some(ids) = self.gather(part, round)? {
                    return Ok(Some((*at, ids)));
                }
            }
            if round == most {
                break;
            }
        }
        Ok(None)
    }

    /// As [`Self::gather`], where that is cheaper than asking each of the entries.
    fn gather_beside(&mut self, part: &Cond, ids: &Ids) -> Result<Option<Ids>, StoreError> {
        let worth = match part.rank() {
            None => false,
            Some(Rank::Texts | Rank::Repeated) => ids.len() > ENTRIES_PER_TEXT,
            Some(_) => ids.len() > FEW_ENTRIES,
        };
        if !worth {
            return Ok(None);
        }
        self.gather(part, ids.len().saturating_mul(ROWS_PER_ENTRY))
    }

    /// Those of the entries of which all parts hold.
    fn asked(&mut self, ids: Ids, parts: Vec<Cond>) -> Result<Ids, StoreError> {
        let cond = Cond::All(parts).simplified();
        if cond == Cond::Always {
            return Ok(ids);
        }
        let mut kept = Ids::new();
        for chunk in numbers(&ids).chunks(CHUNK) {
            let mut sql = Sql::new(self.db.backend());
            sql.push("SELECT e.id AS n FROM entry e WHERE ").entry_among(chunk).push(" AND ");
            cond.write(&mut sql);
            sql.in_time("e.id");
            kept |= set(sql.numbers(self.db)?);
        }
        Ok(kept)
    }

    /// What a key finds; nothing where it finds more rows than `most`.
    fn read(&mut self, cond: &Cond, most: u64) -> Result<Option<Ids>, StoreError> {
        let mut sql = Sql::new(self.db.backend());
        sql.push("SELECT id AS n FROM (");
        by_key(&mut sql, self.entity_id, cond);
        sql.push(") x WHERE 1 = 1").in_time("id");
        let limit = i64::try_from(most).ok().and_then(|most| most.checked_add(1));
        if let Some(limit) = limit {
            sql.push(" LIMIT ").int(limit);
        }
        let found = sql.numbers(self.db)?;
        if u64::try_from(found.len()).is_ok_and(|rows| rows > most) {
            return Ok(None);
        }
        Ok(Some(set(found)))
    }
}

fn set(ids: Vec<i64>) -> Ids {
    ids.into_iter().filter_map(|id| u64::try_from(id).ok()).collect()
}

/// The ids as numbers of the database.
pub(super) fn numbers(ids: &Ids) -> Vec<i64> {
    ids.iter().filter_map(|id| i64::try_from(id).ok()).collect()
}

/// How many rows a key finds.
pub(super) fn count(db: &mut Db, entity_id: i64, cond: &Cond) -> Result<i64, StoreError> {
    let mut sql = Sql::new(db.backend());
    sql.push("SELECT count(*) AS n FROM (");
    by_key(&mut sql, entity_id, cond);
    sql.push(") x");
    sql.number(db)
}

/// Selects the ids of the active entries of the entity that a key finds, perhaps repeatedly. The rows of a definition are of
/// active entries of its entity: nothing else must be known of them.
fn by_key(sql: &mut Sql, entity_id: i64, cond: &Cond) {
    let of_entity = |sql: &mut Sql| {
        sql.push("e.is_active AND ").by_no_index().push("e.entity_id = ").int(entity_id);
    };
    match cond {
        Cond::Among(ids) => {
            sql.push("SELECT e.id FROM entry e WHERE ").entry_among(ids).push(" AND ");
            of_entity(sql);
        }
        Cond::Row(attr, test) => {
            sql.push("SELECT p.entry_id AS id FROM ");
            let alone = if let RowTest::Text(text) = test { text.fts_alone(sql.backend()) } else { None };
            if alone.is_some() {
                // Ids of other attributes' texts are no terms of this one.
                sql.by_fts("search_text_fts", alone.as_deref(), "search_term p", "p.term");
                sql.push(" WHERE p.attr_id = ").int(attr.id);
            } else {
                sql.push(test.table()).push(" p WHERE p.attr_id = ").int(attr.id).push(" AND ");
                test.write(sql, attr.id);
            }
        }
        Cond::Named(test) => {
            names(sql, test);
            sql.push(" AND ").by_no_index().push("t.entity_id = ").int(entity_id);
        }
        // Its references may be by definitions that are gone.
        Cond::ReferredBy(ids) => {
            sql.push("SELECT e.id FROM search_ref p")
                .join()
                .push("entity_attr d ON d.id = p.attr_id AND d.is_active");
            sql.join().push("entry e ON e.id = p.ref_id WHERE p.entry_id IN ").ints(ids).push(" AND ");
            of_entity(sql);
        }
        Cond::Not(part) => {
            let attr_id = if let Cond::Readable(_, attr_id) = **part { attr_id } else { None };
            sql.push("SELECT e.id FROM (");
            closed(sql, entity_id, attr_id);
            sql.push(") c").join().push("entry e ON e.id = c.id WHERE ");
            of_entity(sql);
            sql.push(" AND ");
            cond.write(sql);
        }
        _ => {
            sql.push("SELECT id FROM entry WHERE 1 = 0");
        }
    }
}
