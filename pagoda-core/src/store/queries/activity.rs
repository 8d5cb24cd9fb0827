//! What somebody did to entries and their values.

use crate::store::conn::on_db;
use crate::store::rows::{AttrValueRow, AttributeRow, EntityAttrRow, EntityRow, EntryRow, WrittenRow};
use crate::store::schema::{attr_value, attribute, entity, entity_attr, entry};
use crate::store::{Db, StoreError};
use diesel::prelude::*;

/// From when to when, both inclusive, and how many records at most, the newest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// Not before.
    pub from: Option<i64>,
    /// Not after.
    pub until: Option<i64>,
    /// Rows at most.
    pub limit: Option<i64>,
}

/// Narrows a boxed query to a span over a time column and orders it, newest first.
macro_rules! within {
    ($query:expr, $span:expr, $time:expr, $id:expr) => {{
        let mut query = $query;
        if let Some(from) = $span.from {
            query = query.filter($time.ge(from));
        }
        if let Some(until) = $span.until {
            query = query.filter($time.le(until));
        }
        if let Some(limit) = $span.limit {
            query = query.limit(limit);
        }
        query.order(($time.desc(), $id.desc()))
    }};
}

/// The entries that a user created, in any state.
pub fn created(db: &mut Db, user_id: i64, span: Span) -> Result<Vec<(EntryRow, EntityRow)>, StoreError> {
    on_db!(db, |c| within!(
        entry::table
            .inner_join(entity::table)
            .filter(entry::created_user_id.eq(user_id))
            .select((EntryRow::as_select(), EntityRow::as_select()))
            .into_boxed::<Dialect>(),
        span,
        entry::created_time,
        entry::id
    )
    .load(c))
}

/// The inactive entries that a user deleted.
pub fn deleted(db: &mut Db, user_id: i64, span: Span) -> Result<Vec<(EntryRow, EntityRow)>, StoreError> {
    on_db!(db, |c| within!(
        entry::table
            .inner_join(entity::table)
            .filter(entry::deleted_user_id.eq(user_id))
            .filter(entry::is_active.eq(false))
            .select((EntryRow::as_select(), EntityRow::as_select()))
            .into_boxed::<Dialect>(),
        span,
        entry::deleted_time,
        entry::id
    )
    .load(c))
}

/// The values that a user wrote, without the elements of arrays.
pub fn written(db: &mut Db, user_id: i64, span: Span) -> Result<Vec<WrittenRow>, StoreError> {
    on_db!(db, |c| within!(
        attr_value::table
            .inner_join(attribute::table.on(attribute::id.eq(attr_value::attribute_id)))
            .inner_join(entity_attr::table.on(entity_attr::id.eq(attribute::attr_id)))
            .inner_join(entry::table.on(entry::id.eq(attribute::entry_id)))
            .inner_join(entity::table.on(entity::id.eq(entry::entity_id)))
            .filter(attr_value::created_user_id.eq(user_id))
            .filter(attr_value::parent_id.is_null())
            .select((
                AttrValueRow::as_select(),
                AttributeRow::as_select(),
                EntityAttrRow::as_select(),
                EntryRow::as_select(),
                EntityRow::as_select(),
            ))
            .into_boxed::<Dialect>(),
        span,
        attr_value::created_time,
        attr_value::id
    )
    .load(c))
}
