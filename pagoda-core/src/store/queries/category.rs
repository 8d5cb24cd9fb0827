//! Categories and the entities in them.

use super::{MAX_IDS, MAX_ROWS, contains, directed, found};
use crate::store::conn::on_db;
use crate::store::rows::{CategoryRow, EntityRow, NewCategory, Paged};
use crate::store::schema::{acl_grant, category, category_entity, entity};
use crate::store::search::fold;
use crate::store::sort_key::sort_key;
use crate::store::{Db, StoreError};
use diesel::dsl::exists;
use diesel::prelude::*;

/// What a list of categories can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CategoryOrder {
    /// Key.
    Id,
    /// Name, as [`sort_key`] has it.
    Name,
    /// Note, bytewise.
    Note,
    /// Priority.
    Priority,
}

/// Those with a level on a category by its own rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryReader {
    /// The level, as a number.
    pub level: i32,
    /// Whose grants count, at most `MAX_IDS`.
    pub roles: Vec<i64>,
}

/// Which active categories a list shows, and which part of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CategoryFilter {
    /// Only what this one has the level on; everything when absent.
    pub reader: Option<CategoryReader>,
    /// Each must be contained in the name or in that of an active entity of the category, ignoring case.
    pub terms: Vec<String>,
    /// Columns to order by, with `true` for descending; ties, and an empty list, go by id ascending.
    pub order: Vec<(CategoryOrder, bool)>,
    /// Rows at most; all when absent.
    pub limit: Option<i64>,
    /// Rows to skip.
    pub offset: i64,
}

/// The active categories that a filter lets through, boxed for one backend.
macro_rules! matching {
    ($filter:expr, $dialect:ty) => {{
        let mut query = category::table.filter(category::is_active.eq(true)).into_boxed::<$dialect>();
        if let Some(reader) = &$filter.reader {
            let granted = exists(
                acl_grant::table
                    .filter(acl_grant::object_id.eq(category::id))
                    .filter(acl_grant::level.ge(reader.level))
                    .filter(acl_grant::role_id.eq_any(&reader.roles)),
            );
            query = query.filter(
                category::is_public.eq(true).or(category::default_permission.ge(reader.level)).or(granted),
            );
        }
        for term in &$filter.terms {
            let of_an_entity = exists(
                category_entity::table
                    .inner_join(entity::table)
                    .filter(category_entity::category_id.eq(category::id))
                    .filter(entity::is_active.eq(true))
                    .filter(entity::name_folded.like(contains(term)).escape('\\')),
            );
            query = query.filter(category::name_folded.like(contains(term)).escape('\\').or(of_an_entity));
        }
        query
    }};
}

/// One page of the active categories. Two statements.
pub fn list(db: &mut Db, filter: &CategoryFilter) -> Result<Paged<CategoryRow>, StoreError> {
    let rows = on_db!(db, |c| {
        let mut query = matching!(filter, Dialect).select(CategoryRow::as_select());
        for (column, descending) in &filter.order {
            query = match column {
                CategoryOrder::Id => directed!(query, category::id, *descending),
                CategoryOrder::Name => directed!(query, category::name_sort, *descending),
                CategoryOrder::Note => directed!(query, category::note, *descending),
                CategoryOrder::Priority => directed!(query, category::priority, *descending),
            };
        }
        let query = query.then_order_by(category::id.asc());
        let limit = filter.limit.unwrap_or(i64::MAX);
        query.limit(limit).offset(filter.offset).load(c)
    })?;
    let total = on_db!(db, |c| matching!(filter, Dialect).count().get_result(c))?;
    Ok(Paged { rows, total })
}

/// Inserts an active category.
pub fn insert(db: &mut Db, new: &NewCategory) -> Result<CategoryRow, StoreError> {
    let row = new.to_row();
    on_db!(db, |c| diesel::insert_into(category::table).values(&row).execute(c))?;
    Ok(row)
}

/// A category in any state.
pub fn by_id(db: &mut Db, id: i64) -> Result<Option<CategoryRow>, StoreError> {
    on_db!(db, |c| category::table.find(id).select(CategoryRow::as_select()).first(c).optional())
}

/// Writes every column but the key; the computed ones follow the name. `NotFound` without such a category.
pub fn update(db: &mut Db, row: &CategoryRow) -> Result<(), StoreError> {
    let row = CategoryRow { name_folded: fold(&row.name), name_sort: sort_key(&row.name), ..row.clone() };
    found(on_db!(db, |c| diesel::update(category::table.find(row.id)).set(&row).execute(c))?)
}

/// The active entities of categories, with the category of each, by name.
pub fn entities_of(db: &mut Db, category_ids: &[i64]) -> Result<Vec<(i64, EntityRow)>, StoreError> {
    let mut rows = Vec::new();
    for ids in category_ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| category_entity::table
            .inner_join(entity::table)
            .filter(category_entity::category_id.eq_any(ids))
            .filter(entity::is_active.eq(true))
            .order((entity::name_sort, entity::id))
            .select((category_entity::category_id, EntityRow::as_select()))
            .load(c))?);
    }
    Ok(rows)
}

/// Replaces the active entities of a category; deleted ones stay in it. Every id must occur once and be of an active
/// entity. Two statements.
pub fn set_entities(db: &mut Db, category_id: i64, entity_ids: &[i64]) -> Result<(), StoreError> {
    on_db!(db, |c| {
        let active = entity::table.filter(entity::is_active.eq(true)).select(entity::id);
        diesel::delete(
            category_entity::table
                .filter(category_entity::category_id.eq(category_id))
                .filter(category_entity::entity_id.eq_any(active)),
        )
        .execute(c)
    })?;
    for ids in entity_ids.chunks(MAX_ROWS) {
        let rows: Vec<_> = ids
            .iter()
            .map(|id| (category_entity::category_id.eq(category_id), category_entity::entity_id.eq(*id)))
            .collect();
        on_db!(db, |c| diesel::insert_into(category_entity::table).values(&rows).execute(c))?;
    }
    Ok(())
}
