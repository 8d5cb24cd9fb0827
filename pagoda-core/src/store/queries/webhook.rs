//! Webhooks of entities.

use super::{MAX_IDS, MAX_ROWS, found};
use crate::store::conn::on_db;
use crate::store::rows::{NewWebhook, WebhookRow};
use crate::store::schema::entity_webhook;
use crate::store::{Db, StoreError};
use diesel::prelude::*;

/// The webhooks of an entity, oldest first.
pub fn of_entity(db: &mut Db, entity_id: i64) -> Result<Vec<WebhookRow>, StoreError> {
    on_db!(db, |c| entity_webhook::table
        .filter(entity_webhook::entity_id.eq(entity_id))
        .order(entity_webhook::id)
        .select(WebhookRow::as_select())
        .load(c))
}

/// Inserts webhooks and returns their ids in the order of `new`.
pub fn insert_many(db: &mut Db, new: &[NewWebhook]) -> Result<Vec<i64>, StoreError> {
    let mut all = Vec::with_capacity(new.len());
    for rows in new.chunks(MAX_ROWS) {
        let mut ids: Vec<i64> = on_db!(db, |c| diesel::insert_into(entity_webhook::table)
            .values(rows)
            .returning(entity_webhook::id)
            .get_results(c))?;
        ids.sort_unstable();
        all.append(&mut ids);
    }
    Ok(all)
}

/// Writes every column but the key. `NotFound` without such a webhook.
pub fn update(db: &mut Db, row: &WebhookRow) -> Result<(), StoreError> {
    found(on_db!(db, |c| diesel::update(entity_webhook::table.find(row.id)).set(row).execute(c))?)
}

/// Removes webhooks.
pub fn delete_many(db: &mut Db, ids: &[i64]) -> Result<(), StoreError> {
    for ids in ids.chunks(MAX_IDS) {
        on_db!(db, |c| diesel::delete(entity_webhook::table.filter(entity_webhook::id.eq_any(ids)))
            .execute(c))?;
    }
    Ok(())
}

/// Notes what became of asking a webhook, unless it goes elsewhere or sends something else by now, or is gone.
pub fn settle(
    db: &mut Db,
    id: i64,
    (url, headers): (&str, &str),
    error: Option<&str>,
) -> Result<(), StoreError> {
    on_db!(db, |c| diesel::update(entity_webhook::table.find(id))
        .filter(entity_webhook::url.eq(url))
        .filter(entity_webhook::headers.eq(headers))
        .set((entity_webhook::is_verified.eq(error.is_none()), entity_webhook::verification_error.eq(error)))
        .execute(c))
    .map(drop)
}
