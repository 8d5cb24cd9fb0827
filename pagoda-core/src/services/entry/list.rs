//! Lists of entries. *Source: spec, entity §2.6 and entry §1.2.*

use super::alias::AliasItem;
use super::detail::{DeletedUser, SchemaItem};
use crate::services::acl::{self, Subject};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::search::hooks::{Kind, Rows};
use crate::services::search_words;
use crate::store::queries::entry::{self as entries, EntryFilter, EntryOrder};
use crate::store::queries::{alias, entity as entities, user};
use crate::store::rows::{EntityRow, EntryRow};
use pagoda_plugin_sdk::model::Level;
use pagoda_plugin_sdk::time::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;

/// An entry as lists show it, exactly the nine keys of the wire.
#[derive(Debug, Clone, Serialize)]
pub struct EntryItem {
    id: i64,
    name: String,
    schema: SchemaItem,
    is_active: bool,
    deleted_user: Option<DeletedUser>,
    deleted_time: Option<String>,
    updated_time: String,
    aliases: Vec<AliasItem>,
    permission: i32,
}

/// Which page of which entries.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Only active or only deleted ones; both when absent.
    pub is_active: Option<bool>,
    /// Words that the name contains, all of them.
    pub terms: Vec<String>,
    /// Whether aliases are searched as well.
    pub with_alias: bool,
    /// Sort keys, descending where true; ascending id when empty.
    pub order: Vec<(EntryOrder, bool)>,
    /// Rows per page.
    pub limit: i64,
    /// Rows before the page.
    pub offset: i64,
}

/// A page of the entries of an entity, which the caller found and the acting user may read. Entries that
/// the user may not read are in it, with `permission` 1. *Source: spec, entity §2.6.*
///
/// # Errors
/// The database does not answer.
pub fn list(op: &mut OpCtx, entity: &EntityRow, query: ListQuery) -> Result<(Vec<EntryItem>, i64), OpError> {
    let filter = EntryFilter {
        entity_id: entity.id,
        is_active: query.is_active,
        terms: query.terms,
        with_alias: query.with_alias,
        order: query.order,
        limit: query.limit,
        offset: query.offset,
    };
    let page = entries::list(&mut op.db, &filter)?;
    let known = HashMap::from([(entity.id, entity.clone())]);
    Ok((items(op, page.rows, &known)?, page.total))
}

/// As [`list`], of entries whose names contain the words of a search, which plugins hear of.
///
/// # Errors
/// A plugin refused, or the database does not answer.
pub fn search(
    op: &mut OpCtx,
    entity: &EntityRow,
    words: &str,
    query: &ListQuery,
    page: impl FnOnce(
        &mut dyn FnMut(i64) -> Result<(Vec<EntryItem>, i64), OpError>,
    ) -> Result<(i64, Vec<EntryItem>, i64), OpError>,
) -> Result<(i64, Rows<EntryItem>, i64), OpError> {
    let asked = json!({"entity": entity.id, "search": words});
    let changed = Kind::Entry.transformed(op, &asked)?;
    let mut query = query.clone();
    if let Some(words) = changed.as_ref().and_then(|changed| changed.get("search")).and_then(Value::as_str) {
        query.terms = search_words(words).collect();
    }
    let (number, rows, total) = page(&mut |offset| list(op, entity, ListQuery { offset, ..query.clone() }))?;
    Kind::Entry.note(op, changed.as_ref().unwrap_or(&asked), total);
    Ok((number, Kind::Entry.filtered(op, rows)?, total))
}

/// Entries as lists show them; `known` has their entities. A constant number of statements, but for those who deleted
/// some: few users do.
///
/// # Errors
/// The database does not answer.
pub(in crate::services) fn items(
    op: &mut OpCtx,
    rows: Vec<EntryRow>,
    known: &HashMap<i64, EntityRow>,
) -> Result<Vec<EntryItem>, OpError> {
    let with_entity = |row| Some(Subject::entry(row, known.get(&row.entity_id)?));
    acl::look_ahead(op, rows.iter().filter_map(with_entity))?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut aliases: HashMap<i64, Vec<AliasItem>> = HashMap::new();
    for row in alias::of_entries(&mut op.db, &ids)? {
        aliases.entry(row.entry_id).or_default().push(row.into());
    }
    let mut schemas: HashMap<i64, SchemaItem> = HashMap::new();
    let mut deleters: HashMap<i64, Option<DeletedUser>> = HashMap::new();
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(entity) = known.get(&row.entity_id) else { continue };
        let schema = match schemas.get(&entity.id) {
            Some(schema) => schema.clone(),
            None => {
                let permission = acl::permission(op, &entity.into())?;
                schemas.entry(entity.id).or_insert(SchemaItem::of(entity, permission)).clone()
            }
        };
        let deleted_user = match row.deleted_user_id {
            None => None,
            Some(id) => match deleters.get(&id) {
                Some(user) => user.clone(),
                None => deleters.entry(id).or_insert(DeletedUser::of(op, Some(id))?).clone(),
            },
        };
        items.push(EntryItem {
            id: row.id,
            schema,
            is_active: row.is_active,
            deleted_user,
            deleted_time: row.deleted_time.map(|time| op.host.zone.iso(Timestamp::from_micros(time))),
            updated_time: op.host.zone.iso(Timestamp::from_micros(row.updated_time)),
            aliases: aliases.remove(&row.id).unwrap_or_default(),
            permission: acl::permission(op, &Subject::entry(&row, entity))?,
            name: row.name,
        });
    }
    Ok(items)
}

/// Active entries by ascending id that the acting user may read, with their entities and creators' names.
/// `terms`, in lower case, must all be in the name.
///
/// # Errors
/// The database does not answer.
pub fn browse(
    op: &mut OpCtx,
    entity: Option<i64>,
    terms: &[String],
    mut after: i64,
    limit: usize,
) -> Result<Vec<(EntryRow, EntityRow, Option<String>)>, OpError> {
    let page_size = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut known: HashMap<i64, EntityRow> = HashMap::new();
    let mut found: Vec<(EntryRow, EntityRow)> = Vec::new();
    while found.len() < limit {
        let page = entries::page_after(&mut op.db, entity, true, after, page_size)?;
        let Some(last) = page.last() else { break };
        after = last.id;
        let full = page.len() >= limit;
        let unknown: Vec<i64> =
            page.iter().map(|row| row.entity_id).filter(|id| !known.contains_key(id)).collect();
        if !unknown.is_empty() {
            known.extend(entities::by_ids(&mut op.db, &unknown)?.into_iter().map(|row| (row.id, row)));
        }
        let with_entity = |row| Some(Subject::entry(row, known.get(&row.entity_id)?));
        acl::look_ahead(op, page.iter().filter_map(with_entity))?;
        for row in page {
            let Some(entity) = known.get(&row.entity_id).filter(|entity| entity.is_active) else { continue };
            let matches = terms.iter().all(|term| row.name_folded.contains(term));
            if matches
                && found.len() < limit
                && acl::allowed(op, &Subject::entry(&row, entity), Level::Readable)?
            {
                found.push((row, entity.clone()));
            }
        }
        if !full {
            break;
        }
    }
    let authors: Vec<i64> = found.iter().filter_map(|(row, _)| row.created_user_id).collect();
    let names = user::usernames(&mut op.db, &authors)?;
    let with_name = |(row, entity): (EntryRow, EntityRow)| {
        let name = row.created_user_id.and_then(|id| names.get(&id).cloned());
        (row, entity, name)
    };
    Ok(found.into_iter().map(with_name).collect())
}
