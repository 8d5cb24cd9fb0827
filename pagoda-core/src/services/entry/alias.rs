//! Other names of entries. *Source: spec, entry §12.*

use super::names::is_taken;
use super::{MOST_NAME, open};
use crate::services::acl::{self, Subject};
use crate::services::audit::Action;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{alias, entry as entries, lock};
use crate::store::rows::{AliasRow, EntityRow, EntryRow, NewAlias, Paged};
use crate::store::search::fold;
use crate::wire::Fields;
use crate::wire::coerce::{self, Reader, check_storable};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::Level;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// An alias as answers show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AliasItem {
    id: i64,
    name: String,
    entry: i64,
}

impl From<AliasRow> for AliasItem {
    fn from(row: AliasRow) -> Self {
        Self { id: row.id, name: row.name, entry: row.entry_id }
    }
}

/// An alias that is asked for, as far as it could be read.
struct Asked {
    name: Option<String>,
    found: Option<(EntryRow, EntityRow)>,
    errors: Fields,
}

/// An alias that may be given, to an entry that may be written.
struct Granted {
    name: String,
    entry: EntryRow,
    entity: EntityRow,
}

impl Asked {
    /// Reads one request for an alias.
    fn read(op: &mut OpCtx, body: &Map<String, Value>) -> Result<Self, OpError> {
        let mut reader = Reader::new(body);
        let name = reader.required("name", |value| {
            let name = coerce::name(value, MOST_NAME)?;
            check_storable(&name)?;
            Ok(name)
        });
        let id = reader.required("entry", coerce::id);
        let mut errors = reader.errors;
        let found = match id {
            None => None,
            Some(id) => entries::with_entity(&mut op.db, id)?.filter(|(entry, _)| entry.is_active),
        };
        if id.is_some() && found.is_none() {
            errors.add("entry", Code::NotFound, "there is no such active entry");
        }
        Ok(Self { name, found, errors })
    }

    /// Whether the acting user may write the entry, if there is one.
    fn require_writable(&self, op: &mut OpCtx) -> Result<(), OpError> {
        match &self.found {
            Some((entry, entity)) => acl::require(op, &Subject::entry(entry, entity), Level::Writable),
            None => Ok(()),
        }
    }

    fn granted(self) -> Result<Granted, Fields> {
        match (self.name, self.found) {
            (Some(name), Some((entry, entity))) if self.errors.is_empty() => {
                Ok(Granted { name, entry, entity })
            }
            _ => Err(self.errors),
        }
    }
}

fn taken() -> Fields {
    Fields::whole(Code::Duplicate, "an entry has this name already, or has it as an alias")
}

fn store(op: &mut OpCtx, all: Vec<Granted>) -> Result<Vec<AliasItem>, OpError> {
    let new: Vec<NewAlias> = all
        .iter()
        .map(|asked| NewAlias {
            entry_id: asked.entry.id,
            entity_id: asked.entity.id,
            name: asked.name.clone(),
            name_folded: fold(&asked.name),
        })
        .collect();
    let ids = alias::insert(&mut op.db, &new)?;
    let mut items = Vec::with_capacity(ids.len());
    for (id, asked) in ids.into_iter().zip(all) {
        let reference = super::entry_ref(&asked.entry, &asked.entity);
        op.audit(
            Action::EntryUpdate,
            &reference,
            || json!({"entity": reference.entity, "alias_added": asked.name}),
        );
        items.push(AliasItem { id, name: asked.name, entry: asked.entry.id });
    }
    Ok(items)
}

/// Gives an entry, which the acting user may write, another name.
///
/// # Errors
/// What the request breaks.
pub fn create(op: &mut OpCtx, body: impl Fn() -> Result<Value, OpError>) -> Result<AliasItem, OpError> {
    acl::require_writer(op)?;
    let body = body()?;
    let asked = Asked::read(op, coerce::object(&body)?)?;
    // Who may not write the entry learns nothing else that is wrong.
    asked.require_writable(op)?;
    let asked = asked.granted()?;
    lock::entity(&mut op.db, asked.entity.id)?;
    if is_taken(op, asked.entity.id, &asked.name, None)? {
        return Err(taken().into());
    }
    let items = store(op, vec![asked])?;
    items.into_iter().next().ok_or_else(|| OpError::Internal(anyhow::anyhow!("an alias was not stored")))
}

/// Gives entries other names: all or none.
///
/// # Errors
/// What the request breaks: a complaint for each element, empty for good ones.
pub fn create_many(
    op: &mut OpCtx,
    body: impl Fn() -> Result<Value, OpError>,
) -> Result<Vec<AliasItem>, OpError> {
    acl::require_writer(op)?;
    let Value::Array(list) = body()? else {
        return Err(Fields::whole(Code::Invalid, "expected a list").into());
    };
    let mut read = Vec::with_capacity(list.len());
    for element in &list {
        read.push(match coerce::element(element) {
            Ok(object) => Asked::read(op, object)?,
            Err(errors) => Asked { name: None, found: None, errors },
        });
    }
    // Who may not write one of them gets nothing of it, whatever else is wrong.
    for asked in &read {
        asked.require_writable(op)?;
    }
    let mut seen = HashSet::new();
    if let Some(name) = read.iter().filter_map(|asked| asked.name.as_deref()).find(|name| !seen.insert(*name))
    {
        return Err(OpError::rule(Code::Duplicate, format!("`{name}` is asked for twice")));
    }
    let mut all = Vec::with_capacity(read.len());
    let mut complaints = Vec::with_capacity(read.len());
    for asked in read {
        match asked.granted() {
            Ok(granted) => {
                all.push(granted);
                complaints.push(Fields::default());
            }
            Err(errors) => complaints.push(errors),
        }
    }
    if complaints.iter().all(Fields::is_empty) {
        // In one order, so that nobody waits for somebody who waits.
        let mut entities: Vec<i64> = all.iter().map(|asked| asked.entity.id).collect();
        entities.sort_unstable();
        entities.dedup();
        for entity in entities {
            lock::entity(&mut op.db, entity)?;
        }
        for (asked, complaint) in all.iter().zip(&mut complaints) {
            if is_taken(op, asked.entity.id, &asked.name, None)? {
                *complaint = taken();
            }
        }
    }
    if complaints.iter().any(|complaint| !complaint.is_empty()) {
        return Err(OpError::Invalid(complaints.iter().map(Fields::to_json).collect()));
    }
    store(op, all)
}

/// One page of the aliases of an entry that the acting user may read; a deleted entry has none.
///
/// # Errors
/// There is no such entry, or it may not be read.
pub fn list(op: &mut OpCtx, id: i64, limit: i64, offset: i64) -> Result<Paged<AliasItem>, OpError> {
    let (entry, _) = open(op, id, Level::Readable)?;
    if !entry.is_active {
        return Ok(Paged { rows: Vec::new(), total: 0 });
    }
    let page = alias::list(&mut op.db, id, limit, offset)?;
    Ok(Paged { rows: page.rows.into_iter().map(AliasItem::from).collect(), total: page.total })
}

/// Takes an alias from an active entry that the acting user may write.
///
/// # Errors
/// There is no such alias, or its entry may not be written.
pub fn remove(op: &mut OpCtx, id: i64) -> Result<(), OpError> {
    let found = alias::by_id(&mut op.db, id)?.ok_or_else(|| OpError::not_found("alias", id))?;
    let (entry, entity) = open(op, found.entry_id, Level::Writable)?;
    alias::delete(&mut op.db, id)?;
    let reference = super::entry_ref(&entry, &entity);
    op.audit(
        Action::EntryUpdate,
        &reference,
        || json!({"entity": reference.entity, "alias_removed": found.name}),
    );
    Ok(())
}
