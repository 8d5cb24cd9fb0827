//! Incidents, and who was told of them.

use super::MAX_IDS;
use crate::store::conn::on_db;
use crate::store::rows::{AlertDeliveryRow, AlertRow, NewAlert, Paged, Stage};
use crate::store::schema::{alert, alert_delivery};
use crate::store::{Db, StoreError};
use diesel::prelude::*;

/// Incidents that are not over.
pub fn open(db: &mut Db) -> Result<Vec<AlertRow>, StoreError> {
    on_db!(db, |c| alert::table
        .filter(alert::closed_at.is_null())
        .order(alert::id)
        .select(AlertRow::as_select())
        .load(c))
}

/// Opens an incident; none when one with this key is open already.
pub fn insert(db: &mut Db, new: &NewAlert) -> Result<Option<i64>, StoreError> {
    on_db!(db, |c| diesel::insert_into(alert::table)
        .values(new)
        .on_conflict_do_nothing()
        .returning(alert::id)
        .get_result(c)
        .optional())
}

/// How many incidents with this key were opened since a time.
pub fn count_since(db: &mut Db, key: &str, since: i64) -> Result<i64, StoreError> {
    on_db!(db, |c| alert::table
        .filter(alert::key.eq(key).and(alert::opened_at.ge(since)))
        .count()
        .get_result(c))
}

/// Says that incidents go on.
pub fn touch(db: &mut Db, ids: &[i64], now: i64) -> Result<(), StoreError> {
    for ids in ids.chunks(MAX_IDS) {
        on_db!(db, |c| diesel::update(alert::table.filter(alert::id.eq_any(ids)))
            .set(alert::seen_at.eq(now))
            .execute(c))?;
    }
    Ok(())
}

/// Ends an incident; false when somebody else did before.
pub fn close(db: &mut Db, id: i64, now: i64, because: Option<&str>) -> Result<bool, StoreError> {
    let rows = on_db!(db, |c| diesel::update(
        alert::table.filter(alert::id.eq(id).and(alert::closed_at.is_null()))
    )
    .set((alert::closed_at.eq(now), alert::closed_because.eq(because)))
    .execute(c))?;
    Ok(rows > 0)
}

/// Notes that channels are to be told of an incident.
pub fn insert_deliveries(db: &mut Db, rows: &[AlertDeliveryRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    on_db!(db, |c| diesel::insert_into(alert_delivery::table).values(rows).execute(c)).map(|_| ())
}

/// What a channel has to tell next: an opening, or the recovery from one that it told.
pub fn due(db: &mut Db, channel: &str, now: i64) -> Result<Option<(AlertRow, AlertDeliveryRow)>, StoreError> {
    on_db!(db, |c| alert_delivery::table
        .inner_join(alert::table)
        .filter(alert_delivery::channel.eq(channel).and(alert_delivery::due_at.le(now)))
        // As in the partial index.
        .filter(alert_delivery::stage.lt(2))
        .filter(
            alert_delivery::stage
                .eq(Stage::Opening.number())
                .or(alert_delivery::stage.eq(Stage::Opened.number()).and(alert::closed_at.is_not_null()))
        )
        .order((alert_delivery::due_at, alert_delivery::alert_id))
        .select((AlertRow::as_select(), AlertDeliveryRow::as_select()))
        .first(c)
        .optional())
}

/// Takes a delivery on until `until`; false when somebody else did since `row` was read.
pub fn claim(db: &mut Db, row: &AlertDeliveryRow, until: i64) -> Result<bool, StoreError> {
    let rows = on_db!(db, |c| diesel::update(
        alert_delivery::table
            .filter(alert_delivery::alert_id.eq(row.alert_id))
            .filter(alert_delivery::channel.eq(&row.channel))
            .filter(alert_delivery::stage.eq(row.stage))
            .filter(alert_delivery::due_at.eq(row.due_at))
            .filter(alert_delivery::tries.eq(row.tries))
    )
    .set((alert_delivery::due_at.eq(until), alert_delivery::tries.eq(row.tries.saturating_add(1))))
    .execute(c))?;
    Ok(rows > 0)
}

/// Notes how a delivery went that was in the stage `from`.
pub fn set_delivery(db: &mut Db, row: &AlertDeliveryRow, from: Stage) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::update(
        alert_delivery::table
            .filter(alert_delivery::alert_id.eq(row.alert_id))
            .filter(alert_delivery::channel.eq(&row.channel))
            .filter(alert_delivery::stage.eq(from.number()))
    )
    .set((
        alert_delivery::stage.eq(row.stage),
        alert_delivery::tries.eq(row.tries),
        alert_delivery::due_at.eq(row.due_at),
        alert_delivery::problem.eq(row.problem.as_deref()),
    ))
    .execute(c))
    .map(|_| ())
}

/// One page, newest first; only those that are open, or only others, if asked for. Two statements.
pub fn list(
    db: &mut Db,
    is_open: Option<bool>,
    limit: i64,
    offset: i64,
) -> Result<Paged<AlertRow>, StoreError> {
    macro_rules! matching {
        ($dialect:ty) => {{
            let mut query = alert::table.into_boxed::<$dialect>();
            match is_open {
                Some(true) => query = query.filter(alert::closed_at.is_null()),
                Some(false) => query = query.filter(alert::closed_at.is_not_null()),
                None => {}
            }
            query
        }};
    }
    let rows = on_db!(db, |c| matching!(Dialect)
        .order(alert::id.desc())
        .limit(limit)
        .offset(offset)
        .select(AlertRow::as_select())
        .load(c))?;
    let total = on_db!(db, |c| matching!(Dialect).count().get_result(c))?;
    Ok(Paged { rows, total })
}

/// How channels do with these incidents.
pub fn deliveries(db: &mut Db, ids: &[i64]) -> Result<Vec<AlertDeliveryRow>, StoreError> {
    let mut found = Vec::new();
    for ids in ids.chunks(MAX_IDS) {
        found.extend(on_db!(db, |c| alert_delivery::table
            .filter(alert_delivery::alert_id.eq_any(ids))
            .order((alert_delivery::alert_id, alert_delivery::channel))
            .select(AlertDeliveryRow::as_select())
            .load(c))?);
    }
    Ok(found)
}

/// Removes incidents that were over before a time.
pub fn forget(db: &mut Db, before: i64) -> Result<usize, StoreError> {
    on_db!(db, |c| diesel::delete(alert::table.filter(alert::closed_at.lt(before))).execute(c))
}
