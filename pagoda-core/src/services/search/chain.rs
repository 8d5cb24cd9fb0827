//! The search along references: entries by conditions on what they refer to and on what refers to them, nested.
//! *Source: spec, search §5.*

use super::filter::{AttrFilter, Condition, HintFilter, Selection};
use super::find::{Order, Question, Window, find};
use super::hooks::{Kind, Rows};
use super::scope::Scope;
use crate::services::acl::{self, Subject};
use crate::services::ctx::OpCtx;
use crate::services::entry::{self, EntryItem};
use crate::services::error::OpError;
use crate::store::queries::{attr, entity as entities, entry as entries};
use crate::store::rows::{EntityAttrRow, EntityRow};
use crate::wire::Fields;
use crate::wire::coerce::{self, Reader};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::Level;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Entries that one step may find. *Source: spec, search §5.*
const MOST_HITS: i64 = 1_000;
/// How deep conditions are nested at most.
const MOST_DEPTH: usize = 16;
/// Most characters of a name and of a value. *Source: spec, search §5.*
const MOST_TEXT: usize = 200;

/// What must hold of an entry: of its references and of those that refer to it.
#[derive(Debug, Clone, Default)]
struct Node {
    /// One of the conditions is enough.
    is_any: bool,
    attrs: Vec<AttrNode>,
    refers: Vec<ReferNode>,
}

/// A condition on an attribute.
#[derive(Debug, Clone)]
struct AttrNode {
    name: String,
    value: Option<String>,
    /// What must hold of the entries that it refers to.
    to: Node,
}

/// A condition on the entries that refer to one.
#[derive(Debug, Clone)]
struct ReferNode {
    entity: EntityRow,
    /// What their names must match.
    entry: Option<String>,
    /// What must hold of them.
    from: Node,
}

/// A request, read.
#[derive(Debug, Clone)]
struct Chain {
    entities: Vec<EntityRow>,
    hint: Option<String>,
    node: Node,
}

impl Node {
    fn is_empty(&self) -> bool {
        self.attrs.is_empty() && self.refers.is_empty()
    }

    /// Reads `is_any`, `attrs` and `refers` of an object. *Source: spec, search §5.*
    fn read(reader: &mut Reader<'_>, known: &Known<'_>, depth: usize) -> Self {
        if depth > MOST_DEPTH {
            reader.errors.add("attrs", Code::LimitExceeded, format!("nested at most {MOST_DEPTH} deep"));
            return Self::default();
        }
        let is_any = reader.field("is_any", coerce::boolean).unwrap_or_default();
        let attrs = reader.list_of("attrs", |element| AttrNode::read(element, known, depth));
        let refers = reader.list_of("refers", |element| ReferNode::read(element, known, depth));
        let (attrs, refers) = (attrs.unwrap_or_default(), refers.unwrap_or_default());
        Self { is_any, attrs, refers }
    }
}

/// The names that requests use.
struct Known<'a> {
    attrs: &'a BTreeSet<String>,
    entities: &'a HashMap<String, EntityRow>,
}

impl AttrNode {
    fn read(element: &Value, known: &Known<'_>, depth: usize) -> Result<Self, Fields> {
        let mut reader = Reader::new(coerce::element(element)?);
        let name = reader.required("name", |value| {
            let name = coerce::name(value, MOST_TEXT)?;
            let is_known = known.attrs.contains(&name);
            is_known
                .then_some(name)
                .ok_or((Code::Invalid, "no entity has an attribute of this name".to_owned()))
        });
        let value = reader.field("value", |value| coerce::verbatim(value, MOST_TEXT));
        let to = Node::read(&mut reader, known, depth + 1);
        match name {
            Some(name) if reader.errors.is_empty() => Ok(Self { name, value, to }),
            _ => Err(nested(reader.errors, depth)),
        }
    }
}

impl ReferNode {
    fn read(element: &Value, known: &Known<'_>, depth: usize) -> Result<Self, Fields> {
        let mut reader = Reader::new(coerce::element(element)?);
        let entity = reader.required("entity", |value| {
            let name = coerce::name(value, MOST_TEXT)?;
            let found = known.entities.get(&name).cloned();
            found.ok_or((Code::Invalid, "there is no entity of this name".to_owned()))
        });
        let entry = reader.field("entry", |value| coerce::verbatim(value, MOST_TEXT));
        let from = Node::read(&mut reader, known, depth + 1);
        match entity {
            Some(entity) if reader.errors.is_empty() => Ok(Self { entity, entry, from }),
            _ => Err(nested(reader.errors, depth)),
        }
    }
}

/// Complaints below the first level are about the whole request. *Source: spec, search §5.*
fn nested(errors: Fields, depth: usize) -> Fields {
    if depth == 0 { errors } else { Fields::whole(Code::Invalid, errors.to_json().to_string()) }
}

impl Chain {
    fn read(op: &mut OpCtx, body: &Value) -> Result<Self, OpError> {
        let mut reader = Reader::new(coerce::element(body)?);
        reader.require("entities");
        let attrs = attr::all_active(&mut op.db)?.into_iter().map(|row| row.name).collect();
        let all: HashMap<String, EntityRow> = entities::all_active(&mut op.db, i64::MAX, 0)?
            .into_iter()
            .map(|row| (row.name.clone(), row))
            .collect();
        let wanted = match reader.list("entities") {
            Some(list) => named(list, &all),
            None => Vec::new(),
        };
        let hint = reader.field("hint_item_name", |value| coerce::verbatim(value, usize::MAX));
        let node = Node::read(&mut reader, &Known { attrs: &attrs, entities: &all }, 0);
        if reader.errors.is_empty() {
            return Ok(Self { entities: wanted, hint: hint.filter(|hint| !hint.is_empty()), node });
        }
        let complaints = reader.errors.to_json();
        if is_nested_complaint(&complaints) {
            return Err(OpError::whole(Code::Invalid, complaints.to_string()));
        }
        Err(OpError::Invalid(complaints))
    }
}

/// Whether complaints are only about nodes within nodes.
fn is_nested_complaint(complaints: &Value) -> bool {
    let only = |nodes: &Value| {
        nodes.as_object().is_some_and(|nodes| {
            nodes.values().all(|node| {
                node.as_object()
                    .is_some_and(|fields| fields.keys().all(|key| key == "attrs" || key == "refers"))
            })
        })
    };
    complaints.as_object().is_some_and(|fields| {
        fields.iter().all(|(field, nodes)| (field == "attrs" || field == "refers") && only(nodes))
    })
}

/// Active entities by id or by name; what is none of both is left out. *Source: spec, search §5.*
fn named(list: &[Value], all: &HashMap<String, EntityRow>) -> Vec<EntityRow> {
    let mut found: BTreeMap<i64, EntityRow> = BTreeMap::new();
    for element in list {
        let id = coerce::integer(element).ok();
        let by_id = id.and_then(|id| all.values().find(|entity| entity.id == id));
        if let Some(entity) = by_id.or_else(|| all.get(element.as_str()?)) {
            found.insert(entity.id, entity.clone());
        }
    }
    found.into_values().collect()
}

/// What a step searches.
struct Candidates(Vec<Scope>);

impl Candidates {
    /// Those of the entities that the acting user may read.
    fn of(op: &mut OpCtx, of: Vec<EntityRow>) -> Result<Self, OpError> {
        Scope::readable(op, of).map(Self)
    }

    /// All definitions.
    fn definitions(&self) -> impl Iterator<Item = &EntityAttrRow> {
        self.0.iter().flat_map(|scope| &scope.definitions)
    }

    /// The active entities that an attribute of theirs refers to.
    fn referred_by(&self, op: &mut OpCtx, name: &str) -> Result<Vec<EntityRow>, OpError> {
        let named = self.definitions().filter(|own| own.name == name).map(|own| own.id);
        let named: Vec<i64> = named.collect();
        let mut ids: Vec<i64> =
            attr::referrals(&mut op.db, &named)?.into_iter().map(|(_, entity, _)| entity).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut found = entities::by_ids(&mut op.db, &ids)?;
        found.retain(|entity| entity.is_active);
        Ok(found)
    }

    /// The entries that a selection means. One that asks for an attribute by name is asked only of entities that have it.
    fn select(
        &self,
        op: &mut OpCtx,
        selection: &Selection,
        having: &[&str],
    ) -> Result<BTreeSet<i64>, OpError> {
        let mut found = BTreeSet::new();
        for Scope { entity, definitions } in &self.0 {
            if !having.iter().all(|name| definitions.iter().any(|own| own.name == *name)) {
                continue;
            }
            let window = Window { offset: 0, limit: MOST_HITS };
            let question = Question { entity, definitions, selection, order: Order::default(), window };
            let hits = find(op, &question)?;
            let so_far = i64::try_from(found.len()).unwrap_or(i64::MAX);
            if hits.total.saturating_add(so_far) > MOST_HITS {
                let reason = format!("a step of the search finds more than {MOST_HITS} entries");
                return Err(OpError::Invalid(json!({ "reason": reason })));
            }
            found.extend(hits.rows.into_iter().map(|entry| entry.id));
        }
        Ok(found)
    }
}

/// Answers a search: entries as lists show them, by id.
///
/// # Errors
/// The request is malformed, a step finds too much or takes too long, or a plugin refused.
pub fn chain(op: &mut OpCtx, body: &Value) -> Result<Rows<EntryItem>, OpError> {
    let asked = Chain::read(op, body)?;
    let changed = Kind::Chain.transformed(op, body)?;
    let asked = changed.as_ref().map_or(Ok(asked), |changed| Chain::read(op, changed))?;
    let items = answer(op, &asked)?;
    let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
    Kind::Chain.note(op, changed.as_ref().unwrap_or(body), count);
    Kind::Chain.filtered(op, items)
}

fn answer(op: &mut OpCtx, asked: &Chain) -> Result<Vec<EntryItem>, OpError> {
    if asked.node.is_empty() {
        return Ok(Vec::new());
    }
    let candidates = Candidates::of(op, asked.entities.clone())?;
    let ids = hits(op, &asked.node, &candidates, asked.hint.as_deref(), 0)?;
    let rows = entries::by_ids(&mut op.db, &ids.into_iter().collect::<Vec<_>>())?;
    let known: HashMap<i64, EntityRow> =
        candidates.0.into_iter().map(|scope| (scope.entity.id, scope.entity)).collect();
    let readable = |row| Some(Subject::entry(row, known.get(&row.entity_id)?));
    acl::look_ahead(op, rows.iter().filter_map(readable))?;
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(entity) = known.get(&row.entity_id) else { continue };
        if acl::allowed(op, &Subject::entry(&row, entity), Level::Readable)? {
            kept.push(row);
        }
    }
    entry::items(op, kept, &known)
}

/// The entries among the candidates of which a node holds. *Source: spec, search §5 (fixed quirks: linked by id, and a true
/// intersection).*
fn hits(
    op: &mut OpCtx,
    node: &Node,
    candidates: &Candidates,
    hint: Option<&str>,
    depth: usize,
) -> Result<BTreeSet<i64>, OpError> {
    let mut parts: Vec<BTreeSet<i64>> = Vec::new();
    let (mut together, mut names) = (Selection::default(), Vec::new());
    together.hint = hint.map(HintFilter::matching);
    for attr in &node.attrs {
        let Some(condition) = about_attr(op, attr, candidates, depth)? else {
            if node.is_any {
                continue;
            }
            return Ok(BTreeSet::new());
        };
        let filter = AttrFilter { name: attr.name.clone(), condition };
        if node.is_any {
            let alone =
                Selection { attrs: vec![filter], hint: together.hint.clone(), ..Selection::default() };
            parts.push(candidates.select(op, &alone, &[&attr.name])?);
        } else {
            names.push(attr.name.as_str());
            together.attrs.push(filter);
        }
    }
    if !node.is_any && !node.attrs.is_empty() {
        parts.push(candidates.select(op, &together, &names)?);
    }
    for refer in &node.refers {
        let from = Candidates::of(op, vec![refer.entity.clone()])?;
        let hint = refer.entry.as_deref().map(HintFilter::matching);
        let mut referrers = Selection { hint, ..Selection::default() };
        if !refer.from.is_empty() {
            let among = hits(op, &refer.from, &from, None, depth + 1)?;
            referrers.among = Some(among.into_iter().collect());
        }
        let referrers = from.select(op, &referrers, &[])?;
        let referred =
            Selection { referred_by: Some(referrers.into_iter().collect()), ..Selection::default() };
        parts.push(candidates.select(op, &referred, &[])?);
    }
    let mut parts = parts.into_iter();
    let first = parts.next().unwrap_or_default();
    Ok(parts.fold(first, |so_far, part| if node.is_any { &so_far | &part } else { &so_far & &part }))
}

/// What an attribute must be like; nothing where what it should refer to does not exist.
fn about_attr(
    op: &mut OpCtx,
    attr: &AttrNode,
    candidates: &Candidates,
    depth: usize,
) -> Result<Option<Option<Condition>>, OpError> {
    let has = candidates.definitions().any(|own| own.name == attr.name);
    if !has && depth == 0 {
        return Ok(None);
    }
    if !has {
        let message = format!("no entity that is searched here has an attribute {}", attr.name);
        return Err(OpError::whole(Code::Invalid, message));
    }
    let by_value = |value: &str| {
        let key = if value.is_empty() { Some(1) } else { Some(3) };
        AttrFilter::of(attr.name.clone(), key, value).and_then(|filter| filter.condition)
    };
    if attr.to.is_empty() {
        return Ok(Some(attr.value.as_deref().and_then(by_value)));
    }
    let referred = candidates.referred_by(op, &attr.name)?;
    if referred.is_empty() {
        let message = format!("{} refers to no entity", attr.name);
        return Err(OpError::whole(Code::Invalid, message));
    }
    let referred = Candidates::of(op, referred)?;
    let found = hits(op, &attr.to, &referred, None, depth + 1)?;
    if found.is_empty() {
        return Ok(None);
    }
    // A value replaces what was found, which then only opens the gate. *Source: spec, search §5.*
    Ok(Some(match attr.value.as_deref().filter(|value| !value.is_empty()) {
        Some(value) => by_value(value),
        None => Some(Condition::RefersTo(found.into_iter().collect())),
    }))
}
