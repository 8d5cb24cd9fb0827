//! The advanced search: entries of several entities by their names, values and references, with what they refer to beside them.
//! *Source: spec, search §4.*

use super::filter::Selection;
use super::find::{Order, Question, Window, find};
use super::hooks::{Kind, Rows};
use super::join::{self, Join};
use super::row::{Columns, Row, rows};
use super::scope::Scope;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::entity as entities;
use crate::store::rows::EntityAttrRow;
use crate::wire::Fields;
use crate::wire::coerce::{self, Reader, Refusal};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::AttrType;
use serde::Serialize;
use serde_json::Value;

/// Rows of one answer at most: who wants more asks for the next page.
pub const MOST_ROWS: i64 = 10_000;

/// Rows of one answer when the request does not say. *Source: spec, search §4.1.*
const DEFAULT_ROWS: i64 = 100;

/// The name that means the entry's own in `sort`.
const ENTRY_NAME: &str = "__entry_name__";

/// A request, read.
#[derive(Debug, Clone, Default)]
pub struct Advanced {
    entities: Vec<i64>,
    all_entities: bool,
    selection: Selection,
    /// Show all attributes, not only those that are named.
    output_all: bool,
    /// Show who refers to what is found.
    referrals: bool,
    joins: Vec<Join>,
    limit: i64,
    offset: i64,
    sort: Option<Sort>,
}

#[derive(Debug, Clone)]
struct Sort {
    target: String,
    descending: bool,
}

/// An answer, exactly the three keys of the wire.
#[derive(Debug, Serialize)]
pub struct Results {
    count: i64,
    total_count: i64,
    values: Rows<Row>,
}

impl Sort {
    fn read(value: &Value) -> Result<Self, Fields> {
        let mut reader = Reader::new(coerce::object(value)?);
        let target = reader.required("target_attrname", |value| coerce::name(value, usize::MAX));
        let descending = reader.field("order", |value| match value.as_str() {
            Some("asc") => Ok(false),
            Some("desc") => Ok(true),
            _ => Err((Code::Other, "`asc` or `desc`".to_owned())),
        });
        match target {
            Some(target) if reader.errors.is_empty() => {
                Ok(Self { target, descending: descending.unwrap_or_default() })
            }
            _ => Err(reader.errors),
        }
    }
}

/// A number of rows, which is not negative. *Source: spec, search §4.1 (fixed quirk).*
fn rows_of(value: &Value) -> Result<i64, Refusal> {
    let number = coerce::integer(value)?;
    if number < 0 { Err((Code::Other, "0 or more".to_owned())) } else { Ok(number) }
}

impl Advanced {
    /// Reads a request body. *Source: spec, search §4.2.*
    ///
    /// # Errors
    /// The complaints about its form.
    pub fn read(body: &Value) -> Result<Self, OpError> {
        let mut reader = Reader::new(coerce::element(body)?);
        reader.require("entities");
        reader.require("attrinfo");
        let mut asked = Self {
            entities: reader.id_list("entities").unwrap_or_default(),
            all_entities: reader.field("is_all_entities", coerce::boolean).unwrap_or_default(),
            output_all: reader.field("is_output_all", coerce::boolean).unwrap_or(true),
            limit: reader.field("entry_limit", rows_of).unwrap_or(DEFAULT_ROWS).min(MOST_ROWS),
            offset: reader.field("entry_offset", rows_of).unwrap_or_default(),
            sort: reader.nested("sort", Sort::read),
            joins: reader.each_of("join_attrs", Join::read).unwrap_or_default(),
            ..Self::default()
        };
        asked.selection = Selection {
            referred_from: reader.id_list("include_referrals").unwrap_or_default(),
            not_referred_from: reader.id_list("exclude_referrals").unwrap_or_default(),
            ..Selection::read(&mut reader)
        };
        if reader.field("has_referral", coerce::boolean).unwrap_or_default() {
            asked.referrals = reader.has("referral_name");
        } else {
            asked.selection.referrers = None;
        }
        let known = |join: &Join| asked.selection.attrs.iter().any(|filter| filter.name == join.name);
        if reader.errors.is_empty() && !asked.joins.iter().all(known) {
            reader.errors.add("join_attrs", Code::Invalid, "each name must be one of those in `attrinfo`");
        }
        if reader.errors.is_empty() { Ok(asked) } else { Err(reader.errors.into()) }
    }
}

/// The entities that are meant and may be read, in the order in which they are searched. *Source: spec, search §4.1.*
fn searched(op: &mut OpCtx, asked: &Advanced) -> Result<Vec<Scope>, OpError> {
    let found = if asked.all_entities {
        let found = entities::active_with_attrs(&mut op.db, &asked.selection.names())?;
        if found.is_empty() {
            return Err(OpError::Invalid(Value::from("no entity has any attribute of `attrinfo`")));
        }
        found
    } else {
        let mut found = entities::by_ids(&mut op.db, &asked.entities)?;
        found.retain(|entity| entity.is_active);
        found.sort_by_key(|entity| entity.id);
        found
    };
    Scope::readable(op, found)
}

/// Refuses to sort by what has no order, in words. *Source: spec, search §4.2 and §4.4.*
fn check_sort(asked: &Advanced, searched: &[Scope]) -> Result<(), OpError> {
    let Some(sort) = asked.sort.as_ref().filter(|sort| sort.target != ENTRY_NAME) else { return Ok(()) };
    let refused = |why: String| Err(OpError::Invalid(Value::from(why)));
    let target = &sort.target;
    if !asked.selection.names().contains(&target.as_str()) {
        return refused(format!("sort: {target} is not in `attrinfo`"));
    }
    let definitions = searched.iter().flat_map(|searched| &searched.definitions);
    let mut types: Vec<i32> = definitions
        .filter(|definition| definition.name == *target)
        .map(|definition| definition.attr_type)
        .collect();
    types.sort_unstable();
    types.dedup();
    match types.as_slice() {
        [] if searched.is_empty() => Ok(()),
        [] => refused(format!("sort: no entity has an attribute {target}")),
        [code] if AttrType::from_code(i64::from(*code)).is_some_and(is_sortable) => Ok(()),
        [_] => refused(format!("sort: values of {target} have no order")),
        _ => refused(format!("sort: {target} is of different types")),
    }
}

fn is_sortable(attr_type: AttrType) -> bool {
    use AttrType::{Date, Datetime, Group, Object, Role, String, Text};
    matches!(attr_type, String | Text | Object | Group | Role | Date | Datetime)
}

fn order<'a>(sort: Option<&Sort>, definitions: &'a [EntityAttrRow]) -> Order<'a> {
    let Some(sort) = sort else { return Order::default() };
    if sort.target == ENTRY_NAME {
        return Order { by: None, descending: sort.descending };
    }
    // Entries of an entity that does not have it all have the same: none.
    let by = definitions.iter().find(|definition| definition.name == sort.target);
    by.map_or_else(Order::default, |by| Order { by: Some(by), descending: sort.descending })
}

/// Answers a search.
///
/// # Errors
/// It is malformed, cannot be sorted as asked, takes too long, or a plugin refused.
pub fn advanced(op: &mut OpCtx, body: &Value) -> Result<Results, OpError> {
    // Once by itself, so that plugins see only what is a search.
    let asked = Advanced::read(body)?;
    let changed = Kind::Advanced.transformed(op, body)?;
    let asked = changed.as_ref().map_or(Ok(asked), Advanced::read)?;
    let found = answer(op, &asked)?;
    Kind::Advanced.note(op, changed.as_ref().unwrap_or(body), found.total_count);
    Ok(found)
}

fn answer(op: &mut OpCtx, asked: &Advanced) -> Result<Results, OpError> {
    let searched = searched(op, asked)?;
    check_sort(asked, &searched)?;
    let (mut offset, mut limit, mut total) = (asked.offset, asked.limit, 0);
    let mut values = Vec::new();
    for Scope { entity, definitions } in &searched {
        let found = find(
            op,
            &Question {
                entity,
                definitions,
                selection: &asked.selection,
                order: order(asked.sort.as_ref(), definitions),
                window: Window { offset, limit },
            },
        )?;
        // The offset goes down by all that there are, the limit by what is shown. *Source: spec, search §4.3.*
        total += found.total;
        offset = (offset - found.total).max(0);
        limit -= i64::try_from(found.rows.len()).unwrap_or(limit);
        if found.rows.is_empty() {
            continue;
        }
        let columns =
            Columns::of(definitions, (!asked.output_all).then(|| asked.selection.names()).as_deref());
        let shown = rows(op, entity, found.rows, &columns, asked.referrals)?;
        values.extend(asked.joins.iter().try_fold(shown, |rows, join| join::apply(op, join, rows))?);
    }
    let count = if asked.joins.is_empty() { total } else { i64::try_from(values.len()).unwrap_or(i64::MAX) };
    Ok(Results { count, total_count: total, values: Kind::Advanced.filtered(op, values)? })
}
