//! How many entries an entity has, kept by the database with every write of an entry.
//!
//! By blocks of ids, for two reasons: a page deep in a list begins in a block that the counts tell, so that nothing before it is
//! read; and PostgreSQL's writers add rows of their own (+1, -1) instead of changing one, so that none waits for another.

use crate::store::conn::on_db;
use crate::store::schema::entry_count;
use crate::store::{Db, StoreError};
use diesel::prelude::*;
use std::collections::BTreeMap;

/// Bits of an id within its block, as the triggers of the table have it.
const BLOCK: u32 = 14;

/// How many entries of an entity there are, by their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryCount {
    /// Blocks, ascending.
    blocks: BTreeMap<i64, i64>,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// No entry before this id is on it.
    pub from_id: i64,
    /// Entries, from that id on, that are before it.
    pub offset: i64,
}

impl EntryCount {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.blocks.values().sum()
    }

    /// Where the entry is, by id, that so many are before.
    #[must_use]
    pub fn place_of(&self, offset: i64) -> Place {
        let mut offset = offset;
        for (block, entries) in &self.blocks {
            if offset < *entries {
                return Place { from_id: block << BLOCK, offset };
            }
            offset -= entries;
        }
        let last = self.blocks.last_key_value().map_or(0, |(block, _)| block + 1);
        Place { from_id: last << BLOCK, offset }
    }
}

/// The entries of an entity: active ones, deleted ones or both.
pub fn of_entity(db: &mut Db, entity_id: i64, is_active: Option<bool>) -> Result<EntryCount, StoreError> {
    let rows: Vec<(i64, i64)> = on_db!(db, |c| {
        let mut query =
            entry_count::table.filter(entry_count::entity_id.eq(entity_id)).into_boxed::<Dialect>();
        if let Some(is_active) = is_active {
            query = query.filter(entry_count::is_active.eq(is_active));
        }
        query.select((entry_count::block, entry_count::entries)).load(c)
    })?;
    let mut blocks = BTreeMap::new();
    for (block, entries) in rows {
        *blocks.entry(block).or_default() += entries;
    }
    Ok(EntryCount { blocks })
}

/// All entries, deleted ones included.
pub fn all(db: &mut Db) -> Result<i64, StoreError> {
    let rows: Vec<i64> = on_db!(db, |c| entry_count::table.select(entry_count::entries).load(c))?;
    Ok(rows.iter().sum())
}
