//! Entries.

use super::{MAX_IDS, contains, directed, entry_count, found, references};
use crate::store::conn::on_db;
use crate::store::rows::{EntityRow, EntryRow, NewEntry, Paged};
use crate::store::schema::{attr_value, attribute, entity, entity_attr, entry, entry_alias};
use crate::store::search::{self, fold};
use crate::store::sort_key::sort_key;
use crate::store::{Db, StoreError};
use diesel::dsl::{exists, select};
use diesel::prelude::*;

/// What a list of entries can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryOrder {
    /// Name, as [`sort_key`] has it.
    Name,
    /// Time of the last change.
    UpdatedTime,
}

/// Which entries of an entity a list shows, and which part of them.
#[derive(Clone, Debug)]
pub struct EntryFilter {
    /// The entity.
    pub entity_id: i64,
    /// Only active or only deleted ones.
    pub is_active: Option<bool>,
    /// Each must be contained in the name, ignoring case.
    pub terms: Vec<String>,
    /// Each may be contained in an alias instead.
    pub with_alias: bool,
    /// Columns to order by, with `true` for descending; ties, and an empty list, go by id ascending.
    pub order: Vec<(EntryOrder, bool)>,
    /// Rows at most.
    pub limit: i64,
    /// Rows to skip.
    pub offset: i64,
}

/// The entries that a filter lets through, boxed for one backend; only of these ids, where some are given.
macro_rules! matching {
    ($filter:expr, $among:expr, $dialect:ty) => {{
        let mut query = entry::table.filter(entry::entity_id.eq($filter.entity_id)).into_boxed::<$dialect>();
        if let Some(is_active) = $filter.is_active {
            query = query.filter(entry::is_active.eq(is_active));
        }
        if let Some(ids) = $among {
            query = query.filter(entry::id.eq_any(ids));
        }
        for term in &$filter.terms {
            let in_name = entry::name_folded.like(contains(term)).escape('\\');
            if $filter.with_alias {
                let in_alias = entry_alias::table
                    .filter(entry_alias::entry_id.eq(entry::id))
                    .filter(entry_alias::name_folded.like(contains(term)).escape('\\'));
                query = query.filter(in_name.or(exists(in_alias)));
            } else {
                query = query.filter(in_name);
            }
        }
        query
    }};
}

/// Inserts an active entry. `Conflict(ENTRY_ACTIVE_NAME)` when the entity has an active one of the name.
pub fn insert(db: &mut Db, new: &NewEntry) -> Result<EntryRow, StoreError> {
    let row = new.to_row();
    on_db!(db, |c| diesel::insert_into(entry::table).values(&row).execute(c))?;
    Ok(row)
}

/// An entry in any state.
pub fn by_id(db: &mut Db, id: i64) -> Result<Option<EntryRow>, StoreError> {
    on_db!(db, |c| entry::table.find(id).select(EntryRow::as_select()).first(c).optional())
}

/// Entries in any state, by id.
pub fn by_ids(db: &mut Db, ids: &[i64]) -> Result<Vec<EntryRow>, StoreError> {
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| entry::table
            .filter(entry::id.eq_any(ids))
            .order(entry::id)
            .select(EntryRow::as_select())
            .load(c))?);
    }
    Ok(rows)
}

/// An entry in any state, with its entity in any state.
pub fn with_entity(db: &mut Db, id: i64) -> Result<Option<(EntryRow, EntityRow)>, StoreError> {
    on_db!(db, |c| entry::table
        .inner_join(entity::table)
        .filter(entry::id.eq(id))
        .select((EntryRow::as_select(), EntityRow::as_select()))
        .first(c)
        .optional())
}

/// The active entry of this name, case included.
pub fn active_by_name(db: &mut Db, entity_id: i64, name: &str) -> Result<Option<EntryRow>, StoreError> {
    on_db!(db, |c| entry::table
        .filter(entry::is_active)
        .filter(entry::entity_id.eq(entity_id))
        .filter(entry::name.eq(name))
        .select(EntryRow::as_select())
        .first(c)
        .optional())
}

/// Whether the entity has any active entry.
pub fn has_active(db: &mut Db, entity_id: i64) -> Result<bool, StoreError> {
    on_db!(db, |c| select(exists(
        entry::table.filter(entry::entity_id.eq(entity_id)).filter(entry::is_active.eq(true))
    ))
    .get_result(c))
}

/// Writes every column but the key; the computed ones follow the name. `NotFound` without such an entry.
pub fn update(db: &mut Db, row: &EntryRow) -> Result<(), StoreError> {
    let row = EntryRow { name_folded: fold(&row.name), name_sort: sort_key(&row.name), ..row.clone() };
    found(on_db!(db, |c| diesel::update(entry::table.find(row.id)).set(&row).execute(c))?)
}

/// A part of what a filter lets through, in its order or the opposite one.
struct Part<'a> {
    /// Only these.
    among: Option<&'a [i64]>,
    /// Only from this id on.
    from_id: Option<i64>,
    is_reversed: bool,
    limit: i64,
    offset: i64,
}

/// One page of the entries of an entity. Two statements, and one more with terms; without them none depends on how many
/// entries there are, by id not on how deep the page is either.
pub fn list(db: &mut Db, filter: &EntryFilter) -> Result<Paged<EntryRow>, StoreError> {
    let EntryFilter { limit, offset, .. } = *filter;
    let along = Part { among: None, from_id: None, is_reversed: false, limit, offset };
    if let Some(longest) = filter.terms.iter().max_by_key(|term| term.len()) {
        let few = search::named_like(db, &[filter.entity_id], longest, filter.with_alias)?;
        let among = few.as_deref();
        let rows = part(db, filter, &Part { among, ..along })?;
        let total = on_db!(db, |c| matching!(filter, among, Dialect).count().get_result(c))?;
        return Ok(Paged { rows, total });
    }
    let count = entry_count::of_entity(db, filter.entity_id, filter.is_active)?;
    let total = count.total();
    let limit = limit.min(total - offset);
    if limit <= 0 {
        return Ok(Paged { rows: Vec::new(), total });
    }
    let after = total - offset - limit;
    let rows = if filter.order.is_empty() {
        let place = count.place_of(offset);
        part(db, filter, &Part { from_id: Some(place.from_id), offset: place.offset, ..along })?
    } else if after < offset {
        // From the nearer end.
        let mut rows = part(db, filter, &Part { is_reversed: true, limit, offset: after, ..along })?;
        rows.reverse();
        rows
    } else {
        part(db, filter, &along)?
    };
    Ok(Paged { rows, total })
}

fn part(db: &mut Db, filter: &EntryFilter, part: &Part<'_>) -> Result<Vec<EntryRow>, StoreError> {
    on_db!(db, |c| {
        let mut query = matching!(filter, part.among, Dialect).select(EntryRow::as_select());
        if let Some(id) = part.from_id {
            query = query.filter(entry::id.ge(id));
        }
        for (column, descending) in &filter.order {
            let descending = *descending != part.is_reversed;
            query = match column {
                EntryOrder::Name => directed!(query, entry::name_sort, descending),
                EntryOrder::UpdatedTime => directed!(query, entry::updated_time, descending),
            };
        }
        directed!(query, entry::id, part.is_reversed).limit(part.limit).offset(part.offset).load(c)
    })
}

/// The next entries by id, of one entity or of all.
pub fn page_after(
    db: &mut Db,
    entity_id: Option<i64>,
    active_only: bool,
    after_id: i64,
    limit: i64,
) -> Result<Vec<EntryRow>, StoreError> {
    on_db!(db, |c| {
        let mut query = entry::table.filter(entry::id.gt(after_id)).into_boxed::<Dialect>();
        if let Some(entity_id) = entity_id {
            query = query.filter(entry::entity_id.eq(entity_id));
        }
        if active_only {
            query = query.filter(entry::is_active.eq(true));
        }
        query.order(entry::id).limit(limit).select(EntryRow::as_select()).load(c)
    })
}

/// The ids of the entries that refer to `$entry_id`, see [`references`].
macro_rules! referring {
    ($entry_id:expr) => {
        references!(attr_value::ref_id.eq($entry_id)).select(attribute::entry_id)
    };
}

/// The active entries, by id, that refer to `entry_id` and are named from their attributes.
pub fn active_referrers_named_after(db: &mut Db, entry_id: i64) -> Result<Vec<i64>, StoreError> {
    on_db!(db, |c| entry::table
        .inner_join(entity::table)
        .filter(entry::is_active.eq(true))
        .filter(entity::item_name_type.eq("AT"))
        .filter(entry::id.eq_any(referring!(entry_id)))
        .order(entry::id)
        .select(entry::id)
        .load(c))
}

/// The active entries, by id, that refer to `entry_id` by the latest value (or an element of it) of an active
/// attribute whose definition is active; entries of `exclude_entities` are left out.
pub fn active_referrers(
    db: &mut Db,
    entry_id: i64,
    exclude_entities: &[i64],
    limit: i64,
) -> Result<Vec<EntryRow>, StoreError> {
    on_db!(db, |c| entry::table
        .filter(entry::is_active.eq(true))
        .filter(entry::id.eq_any(referring!(entry_id)))
        .filter(entry::entity_id.ne_all(exclude_entities))
        .order(entry::id)
        .limit(limit)
        .select(EntryRow::as_select())
        .load(c))
}

/// One page of the active entries, by id, that refer to `entry_id`, as [`active_referrers`]; `keyword` is contained in their
/// names, ignoring case. Two statements.
pub fn referrers_page(
    db: &mut Db,
    entry_id: i64,
    keyword: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<Paged<EntryRow>, StoreError> {
    macro_rules! matching {
        () => {
            entry::table
                .filter(entry::is_active.eq(true))
                .filter(entry::id.eq_any(referring!(entry_id)))
                .filter(entry::name_folded.like(contains(keyword.unwrap_or_default())).escape('\\'))
        };
    }
    let rows = on_db!(db, |c| matching!()
        .order(entry::id)
        .limit(limit)
        .offset(offset)
        .select(EntryRow::as_select())
        .load(c))?;
    let total = on_db!(db, |c| matching!().count().get_result(c))?;
    Ok(Paged { rows, total })
}

/// The active entries of entities, by name, whose name contains `keyword`, ignoring case.
pub fn named_like(
    db: &mut Db,
    entity_ids: &[i64],
    keyword: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<Vec<EntryRow>, StoreError> {
    let few = match keyword {
        Some(keyword) => search::named_like(db, entity_ids, keyword, false)?,
        None => None,
    };
    on_db!(db, |c| {
        let mut query = entry::table.filter(entry::is_active.eq(true)).into_boxed::<Dialect>();
        if let Some(ids) = few.as_deref() {
            query = query.filter(entry::id.eq_any(ids));
        }
        // Of one entity they are in order already; a list of ids would have them sorted.
        query = match entity_ids {
            [id] => query.filter(entry::entity_id.eq(*id)),
            ids => query.filter(entry::entity_id.eq_any(ids)),
        };
        if let Some(keyword) = keyword {
            query = query.filter(entry::name_folded.like(contains(keyword)).escape('\\'));
        }
        query
            .order((entry::name_sort, entry::id))
            .limit(limit)
            .offset(offset)
            .select(EntryRow::as_select())
            .load(c)
    })
}
