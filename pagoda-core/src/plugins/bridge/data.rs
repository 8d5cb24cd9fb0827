//! Entities, entries, values.

use super::{read, write};
use crate::services::ctx::OpCtx;
use crate::services::entity::{self, EntityInput, EntityUpdate};
use crate::services::entry::{self, EntryInput, EntryUpdate};
use crate::services::error::OpError;
use crate::services::history;
use crate::services::search_words;
use crate::store::queries;
use crate::store::rows::{EntityRow, EntryRow};
use pagoda_plugin_sdk::bridge::{
    BridgeResult, DataBridge, EntityChange, EntityQuery, EntryChange, EntryQuery, NewEntity, NewEntry,
};
use pagoda_plugin_sdk::capability::Capability;
use pagoda_plugin_sdk::model::{Entity, Entry, EntryRef, Level, ValueVersion};
use pagoda_plugin_sdk::time::Timestamp;

/// Most rows of one list. *Source: the SDK's documentation of the queries.*
const MOST_ROWS: u32 = 1_000;

fn rows(limit: u32) -> usize {
    let limit = if limit == 0 { MOST_ROWS } else { limit.min(MOST_ROWS) };
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Words of a search, as the HTTP API splits them.
fn terms(search: &str) -> Vec<String> {
    search_words(search).collect()
}

impl DataBridge for OpCtx {
    fn entities(&mut self, query: &EntityQuery) -> BridgeResult<Vec<Entity>> {
        read(self, Capability::ReadEntities, |op| {
            entity::browse(op, &terms(&query.search), query.after, rows(query.limit))
        })
    }

    fn entity(&mut self, id: i64) -> BridgeResult<Entity> {
        read(self, Capability::ReadEntities, |op| {
            let row = entity::open(op, id, Level::Readable)?;
            entity::model(op, &row)
        })
    }

    fn entity_by_name(&mut self, name: &str) -> BridgeResult<Entity> {
        read(self, Capability::ReadEntities, |op| {
            let found = queries::entity::active_by_name(&mut op.db, name)?;
            let id = found.ok_or_else(|| OpError::not_found("entity", name))?.id;
            let row = entity::open(op, id, Level::Readable)?;
            entity::model(op, &row)
        })
    }

    fn create_entity(&mut self, new: NewEntity) -> BridgeResult<Entity> {
        write(self, Capability::WriteEntities, |op| entity::create(op, EntityInput::from_plugin(new)))
    }

    fn update_entity(&mut self, id: i64, change: EntityChange) -> BridgeResult<()> {
        write(self, Capability::WriteEntities, |op| {
            let target = EntityUpdate::open(op, id)?;
            entity::update(op, target, EntityInput::from_plugin_change(change))
        })
    }

    fn delete_entity(&mut self, id: i64) -> BridgeResult<()> {
        write(self, Capability::WriteEntities, |op| entity::delete(op, id))
    }

    fn entries(&mut self, query: &EntryQuery) -> BridgeResult<Vec<Entry>> {
        read(self, Capability::ReadEntries, |op| {
            let found =
                entry::browse(op, query.entity, &terms(&query.search), query.after, rows(query.limit))?;
            Ok(found.iter().map(|(row, entity, author)| model(row, entity, author.clone())).collect())
        })
    }

    fn entry(&mut self, id: i64) -> BridgeResult<Entry> {
        read(self, Capability::ReadEntries, |op| full(op, id))
    }

    fn entry_by_name(&mut self, entity: i64, name: &str) -> BridgeResult<Entry> {
        read(self, Capability::ReadEntries, |op| {
            let found = queries::entry::active_by_name(&mut op.db, entity, name)?;
            full(op, found.ok_or_else(|| OpError::not_found("entry", name))?.id)
        })
    }

    fn create_entry(&mut self, entity: i64, new: NewEntry) -> BridgeResult<EntryRef> {
        write(self, Capability::WriteEntries, |op| {
            let row = entity::open_to_fill(op, entity)?;
            let input = EntryInput { name: Some(new.name), attrs: new.attrs, ..EntryInput::default() };
            entry::create(op, &row, input)
        })
    }

    fn update_entry(&mut self, id: i64, change: EntryChange) -> BridgeResult<()> {
        write(self, Capability::WriteEntries, |op| {
            let target = EntryUpdate::open(op, id)?;
            let input = EntryInput { name: change.name, attrs: change.attrs, ..EntryInput::default() };
            entry::update(op, target, input)
        })
    }

    fn delete_entry(&mut self, id: i64) -> BridgeResult<()> {
        write(self, Capability::WriteEntries, |op| entry::delete(op, id))
    }

    fn restore_entry(&mut self, id: i64) -> BridgeResult<()> {
        write(self, Capability::WriteEntries, |op| entry::restore(op, id))
    }

    fn history(&mut self, entry: i64, before: i64, limit: u32) -> BridgeResult<Vec<ValueVersion>> {
        read(self, Capability::ReadEntries, |op| {
            history::history(op, entry, (before > 0).then_some(before), rows(limit))
        })
    }
}

/// An active entry with its values.
fn full(op: &mut OpCtx, id: i64) -> Result<Entry, OpError> {
    let (row, entity) = entry::open(op, id, Level::Readable)?;
    if !row.is_active {
        return Err(OpError::not_found("entry", id));
    }
    let creator: Vec<i64> = row.created_user_id.into_iter().collect();
    let mut names = queries::user::usernames(&mut op.db, &creator)?;
    let mut found = model(&row, &entity, row.created_user_id.and_then(|id| names.remove(&id)));
    found.attrs = entry::detail_of(op, &row, &entity)?.into_attrs();
    Ok(found)
}

fn model(row: &EntryRow, entity: &EntityRow, created_user: Option<String>) -> Entry {
    let mut model = Entry::default();
    model.id = row.id;
    model.name.clone_from(&row.name);
    model.entity = entry::entity_ref(entity);
    model.is_active = row.is_active;
    model.created_user = created_user;
    model.created_time = Timestamp::from_micros(row.created_time);
    model.updated_time = Timestamp::from_micros(row.updated_time);
    model
}
