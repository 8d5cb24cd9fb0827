//! Attributes of the entries that found entries refer to, beside their own. *Source: spec, search §4.5.*

use super::filter::{AttrFilter, Selection};
use super::find::{Order, Question, Window, find};
use super::row::{Cell, Columns, Row, rows};
use super::scope::Scope;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{entity as entities, entry as queries};
use crate::wire::Fields;
use crate::wire::coerce::{self, Reader};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What a request says about the entries that an attribute refers to.
#[derive(Debug, Clone)]
pub(super) struct Join {
    /// The attribute.
    pub(super) name: String,
    /// What must hold of them.
    attrs: Vec<AttrFilter>,
    /// Whether rows without such an entry go.
    has_filter: bool,
}

impl Join {
    /// The attributes that rows get of it: as rows name them, and as the referred entry does.
    pub(super) fn attrs(&self) -> impl Iterator<Item = (String, &str)> {
        self.attrs.iter().map(|filter| (self.prefixed(&filter.name), filter.name.as_str()))
    }

    fn prefixed(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    /// Reads an element of `join_attrs`.
    ///
    /// # Errors
    /// The complaints about it.
    pub(super) fn read(element: &Value) -> Result<Self, Fields> {
        let mut reader = Reader::new(coerce::element(element)?);
        let name = reader.required("name", |value| coerce::name(value, usize::MAX));
        reader.require("attrinfo");
        let attrs = reader.each_of("attrinfo", AttrFilter::read);
        reader.field("offset", coerce::integer);
        let has_filter =
            reader.raw("attrinfo").and_then(Value::as_array).is_some_and(|list| list.iter().any(is_filter));
        match (name, attrs) {
            (Some(name), Some(attrs)) if reader.errors.is_empty() => Ok(Self { name, attrs, has_filter }),
            _ => Err(reader.errors),
        }
    }
}

/// Whether an element says anything of the entries: a keyword, or a key that is not 0.
fn is_filter(element: &Value) -> bool {
    let keyword = element.get("keyword").and_then(|value| coerce::verbatim(value, usize::MAX).ok());
    let key = element.get("filter_key").and_then(|value| coerce::integer(value).ok());
    keyword.is_some_and(|keyword| !keyword.is_empty()) || key.is_some_and(|key| key != 0)
}

/// Attributes of a referred entry, under the names that they have in a joined row.
type Joined = Vec<(Arc<str>, Cell)>;

/// Joins rows with the entries that they refer to by an attribute: none, one or several rows come of each.
///
/// # Errors
/// The database does not answer, or the search takes too long.
pub(super) fn apply(op: &mut OpCtx, join: &Join, rows: Vec<Row>) -> Result<Vec<Row>, OpError> {
    let own = |row: &Row| {
        let cell = row.attrs.iter().find(|(name, _)| **name == *join.name);
        cell.map(|(_, cell)| cell.value.objects()).unwrap_or_default()
    };
    let referred: BTreeSet<i64> = rows.iter().flat_map(own).collect();
    let found = matching(op, join, referred.into_iter().collect())?;
    let nothing: Joined = join.attrs().map(|(name, _)| (Arc::from(name), Cell::nothing())).collect();
    let mut joined = Vec::with_capacity(rows.len());
    for row in rows {
        let before = joined.len();
        for cells in own(&row).iter().filter_map(|id| found.get(id)) {
            let mut row = row.clone();
            row.attrs.extend(cells.iter().cloned());
            joined.push(row);
        }
        if joined.len() == before && !join.has_filter {
            let mut row = row;
            row.attrs.extend(nothing.iter().cloned());
            joined.push(row);
        }
    }
    Ok(joined)
}

/// Those of the entries that meet the conditions, by id.
fn matching(op: &mut OpCtx, join: &Join, ids: Vec<i64>) -> Result<HashMap<i64, Joined>, OpError> {
    let mut by_entity: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for entry in queries::by_ids(&mut op.db, &ids)? {
        by_entity.entry(entry.entity_id).or_default().push(entry.id);
    }
    let of: Vec<i64> = by_entity.keys().copied().collect();
    let mut known = entities::by_ids(&mut op.db, &of)?;
    known.retain(|entity| entity.is_active);
    let names: Vec<&str> = join.attrs.iter().map(|filter| filter.name.as_str()).collect();
    let mut found = HashMap::new();
    for Scope { entity, definitions } in &Scope::readable(op, known)? {
        let among = by_entity.remove(&entity.id).unwrap_or_default();
        let limit = i64::try_from(among.len()).unwrap_or(i64::MAX);
        let selection = Selection { attrs: join.attrs.clone(), among: Some(among), ..Selection::default() };
        let question = Question {
            entity,
            definitions,
            selection: &selection,
            order: Order::default(),
            window: Window { offset: 0, limit },
        };
        let entries = find(op, &question)?.rows;
        for row in rows(op, entity, entries, &Columns::of(definitions, Some(&names)), false)? {
            let prefixed = |(name, cell): (Arc<str>, Cell)| (Arc::from(join.prefixed(&name)), cell);
            let id = row.id();
            found.insert(id, row.attrs.into_iter().map(prefixed).collect());
        }
    }
    Ok(found)
}
