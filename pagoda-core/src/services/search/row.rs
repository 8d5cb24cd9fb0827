//! What an advanced search shows of an entry. *Source: spec, search §4.6.*

use crate::services::acl::{self, Subject};
use crate::services::attribute::{self, Found, Parties, Shown, Stored, Surface};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::value;
use crate::store::rows::{EntityAttrRow, EntityRow, EntryRow, LatestRow, ReferrerRow};
use pagoda_plugin_sdk::model::Level;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::collections::HashMap;
use std::sync::Arc;

/// An entry that was found, exactly the five keys of the wire.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    #[serde(serialize_with = "shared")]
    entity: Arc<Named>,
    entry: Named,
    /// Its attributes by name.
    #[serde(serialize_with = "as_map")]
    pub(super) attrs: Vec<(Arc<str>, Cell)>,
    is_readable: bool,
    referrals: Option<Vec<Referrer>>,
}

impl Row {
    /// Id of the entry.
    pub(super) fn id(&self) -> i64 {
        self.entry.id
    }
}

/// An id with a name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Named {
    id: i64,
    name: String,
}

/// Who refers to an entry.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Referrer {
    id: i64,
    name: String,
    schema: Named,
}

/// One attribute of an entry.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    attr_type: i32,
    is_readable: bool,
    pub(super) value: Shown,
}

impl Cell {
    /// What stands for the attributes of an entry that is not there. *Source: spec, search §4.5.*
    pub(super) fn nothing() -> Self {
        Self { attr_type: 2, is_readable: true, value: Shown::Text(String::new()) }
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("type", &self.attr_type)?;
        map.serialize_entry("is_readable", &self.is_readable)?;
        map.serialize_entry("value", &Found(&self.value))?;
        map.end()
    }
}

fn shared<S: Serializer>(named: &Arc<Named>, serializer: S) -> Result<S::Ok, S::Error> {
    named.as_ref().serialize(serializer)
}

fn as_map<S: Serializer>(attrs: &[(Arc<str>, Cell)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(attrs.len()))?;
    for (name, cell) in attrs {
        map.serialize_entry(&**name, cell)?;
    }
    map.end()
}

/// The attributes that are shown of the entries of an entity.
pub(super) struct Columns<'a>(Vec<(&'a EntityAttrRow, Arc<str>)>);

impl<'a> Columns<'a> {
    /// Those of these names, or all.
    pub(super) fn of(definitions: &'a [EntityAttrRow], names: Option<&[&str]>) -> Self {
        let wanted =
            |definition: &&EntityAttrRow| names.is_none_or(|names| names.contains(&definition.name.as_str()));
        let named = |definition: &'a EntityAttrRow| (definition, Arc::from(definition.name.as_str()));
        Self(definitions.iter().filter(wanted).map(named).collect())
    }
}

/// Entries of an entity as they are shown, in the same order: a constant number of statements.
///
/// # Errors
/// The database does not answer.
pub(super) fn rows(
    op: &mut OpCtx,
    entity: &EntityRow,
    entries: Vec<EntryRow>,
    columns: &Columns<'_>,
    with_referrals: bool,
) -> Result<Vec<Row>, OpError> {
    let ids: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
    let mut referrers: HashMap<i64, Vec<Referrer>> = HashMap::new();
    if with_referrals {
        for row in value::referrers_of(&mut op.db, &ids)? {
            let ReferrerRow { of, id, name, entity_id, entity_name } = row;
            let schema = Named { id: entity_id, name: entity_name };
            referrers.entry(of).or_default().push(Referrer { id, name, schema });
        }
    }
    let mut cells = Cells::of(op, entity, &entries, columns)?;
    let schema = Arc::new(Named { id: entity.id, name: entity.name.clone() });
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        let is_readable = acl::allowed(op, &Subject::entry(&entry, entity), Level::Readable)?;
        let attrs = if is_readable { cells.take(op, entity, &entry, columns)? } else { Vec::new() };
        let referrals = with_referrals.then(|| referrers.remove(&entry.id).unwrap_or_default());
        let entry = Named { id: entry.id, name: entry.name };
        rows.push(Row { entity: Arc::clone(&schema), entry, attrs, is_readable, referrals });
    }
    Ok(rows)
}

/// Stored values of entries, by entry and definition.
struct Cells {
    values: HashMap<(i64, i64), LatestRow>,
    children: HashMap<i64, Vec<crate::store::rows::ChildRow>>,
    parties: Parties,
}

impl Cells {
    fn of(
        op: &mut OpCtx,
        entity: &EntityRow,
        entries: &[EntryRow],
        columns: &Columns<'_>,
    ) -> Result<Self, OpError> {
        let definitions: HashMap<i64, &EntityAttrRow> =
            columns.0.iter().map(|(definition, _)| (definition.id, *definition)).collect();
        let attr_ids: Vec<i64> = definitions.keys().copied().collect();
        let ids: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
        let values = value::latest_in(&mut op.db, &ids, &attr_ids)?;
        let by_id: HashMap<i64, &EntryRow> = entries.iter().map(|entry| (entry.id, entry)).collect();
        let mut subjects: Vec<Subject<'_>> =
            entries.iter().map(|entry| Subject::entry(entry, entity)).collect();
        subjects.extend(definitions.values().map(|definition| Subject::attr(definition, entity)));
        subjects.extend(values.iter().filter_map(|row| {
            let definition = definitions.get(&row.attribute.attr_id)?;
            let entry = by_id.get(&row.attribute.entry_id)?;
            Some(Subject::attribute(&row.attribute, definition, entry, entity))
        }));
        acl::look_ahead(op, subjects)?;
        let is_list = |row: &&LatestRow| {
            let definition = definitions.get(&row.attribute.attr_id);
            definition
                .and_then(|definition| attribute::type_of(definition).ok())
                .is_some_and(|of| of.1.is_array())
        };
        let lists: Vec<i64> = values.iter().filter(is_list).map(|row| row.value.id).collect();
        let children =
            if lists.is_empty() { HashMap::new() } else { value::children_by_parent(&mut op.db, &lists)? };
        let elements = children.values().flatten().map(|child| &child.value);
        let parties = Parties::of(op, values.iter().map(|row| &row.value).chain(elements))?;
        let keyed = |row: LatestRow| ((row.attribute.entry_id, row.attribute.attr_id), row);
        Ok(Self { values: values.into_iter().map(keyed).collect(), children, parties })
    }

    fn take(
        &mut self,
        op: &mut OpCtx,
        entity: &EntityRow,
        entry: &EntryRow,
        columns: &Columns<'_>,
    ) -> Result<Vec<(Arc<str>, Cell)>, OpError> {
        let mut cells = Vec::with_capacity(columns.0.len());
        for (definition, name) in &columns.0 {
            let (attr_type, value_type) = attribute::type_of(definition)?;
            let stored = self.values.remove(&(entry.id, definition.id));
            let attribute = stored.as_ref().map(|row| &row.attribute);
            let subject = Subject::value(attribute, definition, entry, entity);
            let is_readable = acl::allowed(op, &subject, Level::Readable)?;
            let value = match stored.filter(|_| is_readable) {
                Some(row) => {
                    let children = self.children.get(&row.value.id).map(Vec::as_slice).unwrap_or_default();
                    let referred = row.referred.as_ref();
                    let stored = Stored { row: &row.value, referred, children, parties: &self.parties };
                    value_type.show(definition, &stored, Surface::Search)
                }
                None => value_type.show_blank(),
            };
            cells.push((Arc::clone(name), Cell { attr_type: attr_type.code(), is_readable, value }));
        }
        Ok(cells)
    }
}
