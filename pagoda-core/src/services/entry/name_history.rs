//! The names that an entry had. *Source: spec, entry §11.*

use super::names::{is_taken, name_conflict, note_name, note_rename};
use super::{autoname, open, open_to_change};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{entry as entries, entry_name, lock, user};
use crate::store::rows::Paged;
use crate::wire::coerce::{self, Reader};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::Level;
use pagoda_plugin_sdk::time::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// Who is shown where nobody is known. *Source: spec, entry §11 (quirk to keep).*
const NOBODY: &str = "システム";

/// One name of an entry, exactly the six keys of the wire.
#[derive(Debug, Clone, Serialize)]
pub struct NameItem {
    history_id: i64,
    name: String,
    prev_name: Option<String>,
    history_date: String,
    history_user: String,
    history_type: String,
}

/// One page of the names of an entry that the acting user may read, newest first.
///
/// # Errors
/// There is no such entry, or it may not be read.
pub fn list(op: &mut OpCtx, id: i64, limit: i64, offset: i64) -> Result<Paged<NameItem>, OpError> {
    open(op, id, Level::Readable)?;
    let page = entry_name::list(&mut op.db, id, limit, offset)?;
    let authors: Vec<i64> = page.rows.iter().filter_map(|row| row.user_id).collect();
    let names = user::usernames(&mut op.db, &authors)?;
    // Each is followed by the one before it; the last one of the page has its own there too.
    let before = page.rows.iter().skip(1).map(|row| Some(row.name.clone())).chain([None]);
    let shown = page.rows.iter().zip(before).take(usize::try_from(limit).unwrap_or(usize::MAX));
    let item = |(row, prev_name): (&crate::store::rows::EntryNameRow, Option<String>)| NameItem {
        history_id: row.id,
        name: row.name.clone(),
        prev_name,
        history_date: op.host.zone.iso(Timestamp::from_micros(row.at)),
        history_user: row.user_id.and_then(|id| names.get(&id).cloned()).unwrap_or_else(|| NOBODY.to_owned()),
        history_type: row.kind.clone(),
    };
    Ok(Paged { rows: shown.map(item).collect(), total: page.total })
}

/// Gives an entry a name back that it had; returns the name.
///
/// # Errors
/// There is no such entry, it may not be written, it never had that name, or somebody else has it.
pub fn restore(
    op: &mut OpCtx,
    id: i64,
    body: impl Fn() -> Result<Value, OpError>,
) -> Result<String, OpError> {
    let (mut entry, entity) = open_to_change(op, id)?;
    if !entry.is_active {
        return Err(OpError::rule(Code::NotFound, "the entry is deleted"));
    }
    let body = body()?;
    let mut reader = Reader::new(coerce::object(&body)?);
    let history_id = reader.required("history_id", coerce::integer);
    let Some(history_id) = history_id.filter(|_| reader.errors.is_empty()) else {
        return Err(reader.errors.into());
    };
    let had = entry_name::of_entry(&mut op.db, id, history_id)?;
    let had = had.ok_or_else(|| OpError::rule(Code::NotFound, "the entry has no such record"))?;
    lock::entity_to_fill(&mut op.db, entity.id)?;
    let taken = || OpError::rule(Code::Duplicate, "an entry has this name already, or has it as an alias");
    if is_taken(op, entity.id, &had.name, Some(id))? {
        return Err(taken());
    }
    if had.name == entry.name {
        return Ok(had.name);
    }
    let previous_name = std::mem::replace(&mut entry.name, had.name);
    entry.updated_time = op.now.as_micros();
    entries::update(&mut op.db, &entry).map_err(|error| match name_conflict(error) {
        OpError::Invalid(_) => taken(),
        error => error,
    })?;
    note_name(op, &entry, "~")?;
    note_rename(op, &entry, &entity, previous_name)?;
    autoname::rename_referrers(op, id)?;
    Ok(entry.name)
}
