//! Finds the entries of an entity of which a condition holds: how many, and a page of them in order.
//!
//! There are two ways. What some key finds is *gathered* ([`super::gather`]): then the ids are at hand, for the count and
//! for every page. Else it is *counted*, and its entries are asked one by one in the order of their names until the page
//! is full: the better way where much of the entity passes, and where the count alone is cheap. Where no key finds
//! anything, and the condition says what must *not* hold, what does not pass is counted and taken off: a term is found by its
//! key, its absence is not.

use super::cond::{Attr, Cond, RowTest};
use super::gather::{self, Gathering, Ids};
use super::order::Order;
use super::sql::Sql;
use crate::store::queries::entry_count;
use crate::store::{Db, StoreError};

/// Entries of one key that are gathered rather than counted. With fewer of them more names are asked until a page is full,
/// each of which costs as much as reading a score of rows.
const FEW_GATHERED: u64 = 40_000;

/// A question about the active entries of an entity.
pub struct Search {
    pub(super) entity_id: i64,
    pub(super) cond: Cond,
    pub(super) order: Order,
    /// See [`super::Cond::Readable`]: what values may be ordered by.
    pub(super) readable: Cond,
    /// All that pass, where they are at hand.
    pub(super) gathered: Option<Ids>,
    pub(super) total: i64,
}

impl Search {
    /// Looks up what the condition needs, and gathers or counts.
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
        Self { entity_id, cond, order, readable, gathered: None, total: 0 }.answered(db)
    }

    /// Gathers or counts what passes; the texts of the condition were looked up.
    fn answered(mut self, db: &mut Db) -> Result<Self, StoreError> {
        self.cond = self.cond.simplified();
        let is_one_key = self.is_one_key();
        let most = if is_one_key { FEW_GATHERED } else { u64::MAX };
        self.gathered = Gathering { db, entity_id: self.entity_id }.gather(&self.cond, most)?;
        self.total = match &self.gathered {
            Some(ids) => i64::try_from(ids.len()).unwrap_or(i64::MAX),
            None if is_one_key => gather::count(db, self.entity_id, &self.cond)?,
            None => self.count_along(db)?,
        };
        Ok(self)
    }

    /// How many entries pass.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.total
    }

    /// Whether it asks for entries in the order of names that one key finds, each once: they are counted sooner than gathered.
    fn is_one_key(&self) -> bool {
        if matches!(self.order, Order::Value { .. }) {
            return false;
        }
        match &self.cond {
            // The trigram index takes longer than reading what it finds.
            Cond::Row(_, RowTest::Text(_) | RowTest::ReferenceNamed(_)) => false,
            Cond::Row(Attr { is_list: false, .. }, _) => true,
            Cond::Row(_, RowTest::Terms(ids) | RowTest::References(ids)) => ids.len() == 1,
            _ => false,
        }
    }

    /// How many pass of a condition of which no part is found by key.
    fn count_along(&self, db: &mut Db) -> Result<i64, StoreError> {
        let passing = |db: &mut Db, cond: Cond| {
            let (entity_id, order, readable) = (self.entity_id, Order::Name, Cond::Always);
            let search = Self { entity_id, cond, order, readable, gathered: None, total: 0 };
            search.answered(db).map(|search| search.total)
        };
        match &self.cond {
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
        self.write_passing(&mut sql);
        sql.number(db)
    }

    /// How many active entries the entity has.
    pub(super) fn all(&self, db: &mut Db) -> Result<i64, StoreError> {
        Ok(entry_count::of_entity(db, self.entity_id, Some(true))?.total())
    }

    /// `entry e`, all that pass, each asked.
    pub(super) fn write_passing(&self, sql: &mut Sql) {
        sql.push("entry e WHERE e.entity_id = ").int(self.entity_id).push(" AND e.is_active AND ");
        self.cond.write(sql);
        sql.in_time("e.id");
    }
}
