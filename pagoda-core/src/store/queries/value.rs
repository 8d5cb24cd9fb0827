//! Attributes of entries and their versioned values.

use super::{MAX_IDS, MAX_ROWS, definition_of};
use crate::store::conn::on_db;
use crate::store::rows::{
    AttrLatestRow, AttrValueRow, AttributeRow, ChildRow, DetailRow, EntityAttrRow, EntityRow, EntryRow,
    HistoryRow, LabelRow, LatestRow, NewAttrValue, NewAttribute, Paged, ReferrerRow,
};
use crate::store::schema::{attr_value, attribute, entity, entity_attr, entry, search_ref};
use crate::store::{Db, StoreError};
use diesel::dsl::exists;
use diesel::prelude::*;
use std::collections::HashMap;

/// Columns of a `ReferredRow`: `entry` and `entity` are there only as what a value refers to.
macro_rules! referred {
    () => {
        (entry::id, entry::name, entry::is_active, entry::entity_id, entity::name).nullable()
    };
}

/// The attributes of an entry in any state, by id.
pub fn attributes_of(db: &mut Db, entry_id: i64) -> Result<Vec<AttributeRow>, StoreError> {
    on_db!(db, |c| attribute::table
        .filter(attribute::entry_id.eq(entry_id))
        .order(attribute::id)
        .select(AttributeRow::as_select())
        .load(c))
}

/// Inserts attributes. `Conflict(ATTRIBUTE_ENTRY_ATTR)` when an entry has one for the definition.
pub fn insert_attributes(db: &mut Db, new: &[NewAttribute]) -> Result<(), StoreError> {
    for rows in new.chunks(MAX_ROWS) {
        on_db!(db, |c| diesel::insert_into(attribute::table).values(rows).execute(c))?;
    }
    Ok(())
}

/// Inserts values and returns their ids in the order of `new`.
///
/// Both databases number the rows of one insert in its order, but neither promises to return them in it.
/// `Conflict(ATTR_VALUE_LATEST)` when an attribute would have two latest values.
pub fn insert_values(db: &mut Db, new: &[NewAttrValue]) -> Result<Vec<i64>, StoreError> {
    let mut all = Vec::with_capacity(new.len());
    for rows in new.chunks(MAX_ROWS) {
        let mut ids: Vec<i64> = on_db!(db, |c| diesel::insert_into(attr_value::table)
            .values(rows)
            .returning(attr_value::id)
            .get_results(c))?;
        ids.sort_unstable();
        all.append(&mut ids);
    }
    Ok(all)
}

/// Makes the latest values of the attributes past ones; how many there were.
pub fn clear_latest(db: &mut Db, attribute_ids: &[i64]) -> Result<usize, StoreError> {
    let mut cleared = 0;
    for ids in attribute_ids.chunks(MAX_IDS) {
        cleared += on_db!(db, |c| diesel::update(
            attr_value::table.filter(attr_value::attribute_id.eq_any(ids)).filter(attr_value::is_latest)
        )
        .set(attr_value::is_latest.eq(false))
        .execute(c))?;
    }
    Ok(cleared)
}

/// The attributes of an entry that have a value, with it, by definition id.
pub fn latest_of(db: &mut Db, entry_id: i64) -> Result<Vec<(AttributeRow, AttrValueRow)>, StoreError> {
    on_db!(db, |c| attribute::table
        .inner_join(attr_value::table)
        .filter(attribute::entry_id.eq(entry_id))
        .filter(attr_value::is_latest)
        .order(attribute::attr_id)
        .select((AttributeRow::as_select(), AttrValueRow::as_select()))
        .load(c))
}

/// Everything a detail page shows of an entry but the elements of arrays, one line per active definition of its
/// entity, in order of display.
pub fn detail_of(db: &mut Db, entry_id: i64, entity_id: i64) -> Result<Vec<DetailRow>, StoreError> {
    on_db!(db, |c| entity_attr::table
        .left_join(
            attribute::table.on(attribute::attr_id.eq(entity_attr::id).and(attribute::entry_id.eq(entry_id)))
        )
        .left_join(
            attr_value::table.on(attr_value::attribute_id.eq(attribute::id).and(attr_value::is_latest))
        )
        .left_join(entry::table.on(attr_value::ref_id.eq(entry::id.nullable())))
        .left_join(entity::table.on(entity::id.eq(entry::entity_id)))
        .filter(entity_attr::entity_id.eq(entity_id))
        .filter(entity_attr::is_active.eq(true))
        .order((entity_attr::sort_index, entity_attr::id))
        .select((
            EntityAttrRow::as_select(),
            Option::<AttributeRow>::as_select(),
            Option::<AttrValueRow>::as_select(),
            referred!(),
        ))
        .load(c))
}

/// As [`children_of`], by the value that they belong to.
pub fn children_by_parent(db: &mut Db, value_ids: &[i64]) -> Result<HashMap<i64, Vec<ChildRow>>, StoreError> {
    let mut children: HashMap<i64, Vec<ChildRow>> = HashMap::new();
    for child in children_of(db, value_ids)? {
        children.entry(child.value.parent_id.unwrap_or_default()).or_default().push(child);
    }
    Ok(children)
}

/// The elements of array values, by parent and position.
pub fn children_of(db: &mut Db, value_ids: &[i64]) -> Result<Vec<ChildRow>, StoreError> {
    // The commonest case by itself: on SQLite a list of ids is a new statement each time, one id is prepared once.
    if let [id] = value_ids {
        return on_db!(db, |c| attr_value::table
            .left_join(entry::table.on(attr_value::ref_id.eq(entry::id.nullable())))
            .left_join(entity::table.on(entity::id.eq(entry::entity_id)))
            .filter(attr_value::parent_id.eq(id))
            .order((attr_value::parent_id, attr_value::position))
            .select((AttrValueRow::as_select(), referred!()))
            .load(c));
    }
    let mut rows: Vec<ChildRow> = Vec::new();
    for ids in value_ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| attr_value::table
            .left_join(entry::table.on(attr_value::ref_id.eq(entry::id.nullable())))
            .left_join(entity::table.on(entity::id.eq(entry::entity_id)))
            .filter(attr_value::parent_id.eq_any(ids))
            .order((attr_value::parent_id, attr_value::position))
            .select((AttrValueRow::as_select(), referred!()))
            .load::<ChildRow>(c))?);
    }
    Ok(rows)
}

/// The versions of all values of an entry, newest first, older than `before_id` if given. Elements are not in it.
pub fn history_of(
    db: &mut Db,
    entry_id: i64,
    limit: i64,
    before_id: Option<i64>,
) -> Result<Vec<HistoryRow>, StoreError> {
    let before = before_id.unwrap_or(i64::MAX);
    on_db!(db, |c| attr_value::table
        .inner_join(attribute::table.inner_join(entity_attr::table))
        .filter(attribute::entry_id.eq(entry_id))
        .filter(attr_value::parent_id.is_null())
        .filter(attr_value::id.lt(before))
        .order(attr_value::id.desc())
        .limit(limit)
        .select((AttrValueRow::as_select(), entity_attr::id, entity_attr::name, entity_attr::is_active))
        .load(c))
}

/// One page of the versions of the values of attributes, newest first. Elements are not in it. Two statements.
pub fn versions_of(
    db: &mut Db,
    attribute_ids: &[i64],
    limit: i64,
    offset: i64,
) -> Result<Paged<AttrValueRow>, StoreError> {
    let rows = on_db!(db, |c| attr_value::table
        .filter(attr_value::attribute_id.eq_any(attribute_ids))
        .filter(attr_value::parent_id.is_null())
        .order(attr_value::id.desc())
        .limit(limit)
        .offset(offset)
        .select(AttrValueRow::as_select())
        .load(c))?;
    let total = on_db!(db, |c| attr_value::table
        .filter(attr_value::attribute_id.eq_any(attribute_ids))
        .filter(attr_value::parent_id.is_null())
        .count()
        .get_result(c))?;
    Ok(Paged { rows, total })
}

/// Versions of values, or elements, by id.
pub fn by_ids(db: &mut Db, ids: &[i64]) -> Result<Vec<AttrValueRow>, StoreError> {
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| attr_value::table
            .filter(attr_value::id.eq_any(ids))
            .order(attr_value::id)
            .select(AttrValueRow::as_select())
            .load(c))?);
    }
    Ok(rows)
}

/// The active entries that refer to these, each once, by id; by active attributes whose definitions are active.
pub fn referrers_of(db: &mut Db, entry_ids: &[i64]) -> Result<Vec<ReferrerRow>, StoreError> {
    let mut rows = Vec::new();
    for ids in entry_ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| search_ref::table
            .inner_join(entity_attr::table.on(entity_attr::id.eq(search_ref::attr_id)))
            .inner_join(entry::table.on(entry::id.eq(search_ref::entry_id)))
            .inner_join(entity::table.on(entity::id.eq(entry::entity_id)))
            .filter(search_ref::ref_id.eq_any(ids))
            .filter(entity_attr::is_active.eq(true))
            .filter(entry::is_active.eq(true))
            .order(entry::id)
            .select((search_ref::ref_id, entry::id, entry::name, entry::entity_id, entity::name))
            .distinct()
            .load::<ReferrerRow>(c))?);
    }
    Ok(rows)
}

/// As [`latest_of`], of many entries, in no order.
pub fn latest_of_many(
    db: &mut Db,
    entry_ids: &[i64],
) -> Result<Vec<(AttributeRow, AttrValueRow)>, StoreError> {
    let mut rows = Vec::new();
    for ids in entry_ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| attribute::table
            .inner_join(attr_value::table)
            .filter(attribute::entry_id.eq_any(ids))
            .filter(attr_value::is_latest)
            .select((AttributeRow::as_select(), AttrValueRow::as_select()))
            .load::<(AttributeRow, AttrValueRow)>(c))?);
    }
    Ok(rows)
}

/// The latest values of attributes of these entries for these definitions.
pub fn latest_in(db: &mut Db, entry_ids: &[i64], attr_ids: &[i64]) -> Result<Vec<LatestRow>, StoreError> {
    let mut rows = Vec::new();
    if attr_ids.is_empty() {
        return Ok(rows);
    }
    for ids in entry_ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| attribute::table
            .inner_join(attr_value::table)
            .left_join(entry::table.on(attr_value::ref_id.eq(entry::id.nullable())))
            .left_join(entity::table.on(entity::id.eq(entry::entity_id)))
            .filter(attribute::entry_id.eq_any(ids))
            .filter(definition_of!(attribute).eq_any(attr_ids))
            .filter(attr_value::is_latest)
            .select((AttributeRow::as_select(), AttrValueRow::as_select(), referred!()))
            .load::<LatestRow>(c))?);
    }
    Ok(rows)
}

/// A version, or an element, with the id of its entry.
pub fn with_entry(db: &mut Db, id: i64) -> Result<Option<(AttrValueRow, i64)>, StoreError> {
    on_db!(db, |c| attr_value::table
        .inner_join(attribute::table)
        .filter(attr_value::id.eq(id))
        .select((AttrValueRow::as_select(), attribute::entry_id))
        .first(c)
        .optional())
}

/// The versions of values of attributes that were written after a time, oldest first.
pub fn written_since(
    db: &mut Db,
    attribute_ids: &[i64],
    after: i64,
) -> Result<Vec<AttrValueRow>, StoreError> {
    on_db!(db, |c| attr_value::table
        .filter(attr_value::attribute_id.eq_any(attribute_ids))
        .filter(attr_value::parent_id.is_null())
        .filter(attr_value::created_time.gt(after))
        .order(attr_value::id)
        .select(AttrValueRow::as_select())
        .load(c))
}

/// Of each attribute the newest version that was written until a time. Two statements.
pub fn newest_until(db: &mut Db, attribute_ids: &[i64], until: i64) -> Result<Vec<AttrValueRow>, StoreError> {
    let newest: Vec<Option<i64>> = on_db!(db, |c| attr_value::table
        .filter(attr_value::attribute_id.eq_any(attribute_ids))
        .filter(attr_value::parent_id.is_null())
        .filter(attr_value::created_time.le(until))
        .group_by(attr_value::attribute_id)
        .select(diesel::dsl::max(attr_value::id))
        .load(c))?;
    let newest: Vec<i64> = newest.into_iter().flatten().collect();
    by_ids(db, &newest)
}

/// Switches all attributes of an entry; how many there were.
pub fn set_attributes_active(db: &mut Db, entry_id: i64, active: bool) -> Result<usize, StoreError> {
    on_db!(db, |c| diesel::update(attribute::table.filter(attribute::entry_id.eq(entry_id)))
        .set(attribute::is_active.eq(active))
        .execute(c))
}

/// The next active entries, by id, whose latest value for a definition is not empty: what its removal clears.
pub fn nonempty_latest_of_attr(
    db: &mut Db,
    attr_id: i64,
    after_entry_id: i64,
    limit: i64,
) -> Result<Vec<AttrLatestRow>, StoreError> {
    let child = diesel::alias!(attr_value as child);
    on_db!(db, |c| {
        let elements = child.filter(child.field(attr_value::parent_id).eq(attr_value::id.nullable()));
        attribute::table
            .inner_join(entry::table.on(entry::id.eq(attribute::entry_id)))
            .inner_join(attr_value::table)
            .filter(attribute::attr_id.eq(attr_id))
            .filter(attribute::entry_id.gt(after_entry_id))
            .filter(entry::is_active.eq(true))
            .filter(attr_value::is_latest)
            .filter(
                attr_value::text_value
                    .ne("")
                    .or(attr_value::bool_value.eq(true))
                    .or(attr_value::ref_id.is_not_null())
                    .or(exists(elements)),
            )
            .order(attribute::entry_id)
            .limit(limit)
            .select((EntryRow::as_select(), AttributeRow::as_select(), AttrValueRow::as_select()))
            .load(c)
    })
}

/// The texts of latest values, of single ones and of elements, by definition; each once. Deleted entries do not count.
pub fn latest_texts(db: &mut Db, attr_ids: &[i64]) -> Result<Vec<(i64, String)>, StoreError> {
    let child = diesel::alias!(attr_value as child);
    let mut found = Vec::new();
    for ids in attr_ids.chunks(MAX_IDS) {
        let single: Vec<(i64, String)> = on_db!(db, |c| attribute::table
            .inner_join(attr_value::table)
            .filter(attribute::attr_id.eq_any(ids))
            .filter(attribute::is_active.eq(true))
            .filter(attr_value::is_latest)
            .filter(attr_value::text_value.ne(""))
            .select((attribute::attr_id, attr_value::text_value))
            .distinct()
            .load(c))?;
        found.extend(single);
        let elements: Vec<(i64, String)> = on_db!(db, |c| attribute::table
            .inner_join(attr_value::table)
            .inner_join(child.on(child.field(attr_value::parent_id).eq(attr_value::id.nullable())))
            .filter(attribute::attr_id.eq_any(ids))
            .filter(attribute::is_active.eq(true))
            .filter(attr_value::is_latest)
            .filter(child.field(attr_value::text_value).ne(""))
            .select((attribute::attr_id, child.field(attr_value::text_value)))
            .distinct()
            .load(c))?;
        found.extend(elements);
    }
    Ok(found)
}

/// The latest values, of attributes with these names, that entries have.
pub fn labels_of(db: &mut Db, entry_ids: &[i64], names: &[&str]) -> Result<Vec<LabelRow>, StoreError> {
    let (other, other_entity) = diesel::alias!(entry as other, entity as other_entity);
    let mut rows = Vec::new();
    for ids in entry_ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| attribute::table
            .inner_join(entity_attr::table)
            .inner_join(attr_value::table)
            .inner_join(entry::table.on(entry::id.eq(attribute::entry_id)))
            .inner_join(entity::table.on(entity::id.eq(entry::entity_id)))
            .left_join(other.on(attr_value::ref_id.eq(other.field(entry::id).nullable())))
            .left_join(other_entity.on(other_entity.field(entity::id).eq(other.field(entry::entity_id))))
            .filter(attribute::entry_id.eq_any(ids))
            .filter(entity_attr::name.eq_any(names))
            .filter(entity_attr::is_active.eq(true))
            .filter(attr_value::is_latest)
            .select((
                EntryRow::as_select(),
                EntityRow::as_select(),
                EntityAttrRow::as_select(),
                AttributeRow::as_select(),
                AttrValueRow::as_select(),
                (
                    other.field(entry::id),
                    other.field(entry::name),
                    other.field(entry::is_active),
                    other.field(entry::entity_id),
                    other_entity.field(entity::name),
                )
                    .nullable(),
            ))
            .load::<LabelRow>(c))?);
    }
    Ok(rows)
}
