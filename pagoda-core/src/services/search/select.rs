//! Finds the entries that a selection means by looking at all entries of the entity, page by page.

use super::filter::{AttrFilter, Condition, Selection};
use super::keyword::{Keyword, Piece};
use crate::services::acl::{self, Subject};
use crate::services::attribute::{Parties, choice_labels, value_type};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{attr, entry as entries, value};
use crate::store::rows::{AttrValueRow, ChildRow, EntityAttrRow, EntityRow, EntryRow, LabelRow, ReferredRow};
use jiff::civil::Date;
use pagoda_plugin_sdk::model::{AttrType, Level};
use std::collections::{HashMap, HashSet};

/// Entries that are looked at in one go.
const PAGE: i64 = 500;

/// One row of an attribute, as searches see it. *Source: spec, search §1.*
#[derive(Debug, Clone, Default, PartialEq)]
struct Row {
    value: String,
    date: Option<Date>,
}

impl Row {
    fn is_blank(&self) -> bool {
        self.value.is_empty() && self.date.is_none()
    }

    fn matches(&self, piece: &Piece) -> bool {
        match piece {
            Piece::Empty => self.is_blank(),
            Piece::Any => !self.is_blank(),
            Piece::Text(text) => text.matches(&self.value),
            Piece::Dates(days, text) => {
                let on_day = self.date.is_some_and(|date| days.iter().all(|days| days.contain(date)));
                on_day || text.matches(&self.value)
            }
        }
    }
}

/// The active entries of an entity that a selection means, by id, at most `most`: a constant number of statements for each page of
/// entries that is looked at. No condition holds for what the acting user may not read. *Source: spec, search §4.3 (fixed
/// quirk).*
///
/// # Errors
/// The database does not answer.
pub fn select(
    op: &mut OpCtx,
    entity: &EntityRow,
    selection: &Selection,
    most: usize,
) -> Result<Vec<EntryRow>, OpError> {
    let definitions = attr::active_of(&mut op.db, entity.id)?;
    let asked: Vec<&AttrFilter> =
        selection.attrs.iter().filter(|filter| filter.condition.is_some()).collect();
    let mut wanted = Vec::with_capacity(asked.len());
    for filter in &asked {
        // What the entity does not have cannot hold.
        let Some(definition) = definitions.iter().find(|definition| definition.name == filter.name) else {
            return Ok(Vec::new());
        };
        wanted.push((*filter, definition));
    }
    let duplicated = duplicated(op, entity, &wanted)?;
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let page = entries::page_after(&mut op.db, Some(entity.id), true, after, PAGE)?;
        let Some(last) = page.last() else { return Ok(found) };
        after = last.id;
        let ids: Vec<i64> = page.iter().map(|row| row.id).collect();
        let seen = Seen::of(op, entity, &page, &wanted)?;
        let referrers = match &selection.referrers {
            Some(_) => value::referrer_names(&mut op.db, &ids)?,
            None => HashMap::new(),
        };
        for entry in page {
            let holds = selection.hint.as_ref().is_none_or(|hint| hint.holds(&entry.name))
                && selection.referrers.as_ref().is_none_or(|keyword| {
                    referred_by(keyword, referrers.get(&entry.id).map(Vec::as_slice).unwrap_or_default())
                })
                && wanted.iter().all(|(filter, definition)| {
                    let blank = [blank_row(definition)];
                    let rows = seen.rows.get(&(entry.id, definition.id)).map_or(&blank[..], Vec::as_slice);
                    !seen.hidden.contains(&(entry.id, definition.id))
                        && holds(filter, rows, duplicated.get(&definition.id))
                });
            if holds {
                found.push(entry);
                if found.len() >= most {
                    return Ok(found);
                }
            }
        }
    }
}

fn holds(filter: &AttrFilter, rows: &[Row], duplicated: Option<&HashSet<String>>) -> bool {
    // Different pieces may be satisfied by different elements of a list.
    let matches = |keyword: &Keyword| keyword.holds(|piece| rows.iter().any(|row| row.matches(piece)));
    match &filter.condition {
        None => true,
        Some(Condition::Matches(keyword)) => matches(keyword),
        Some(Condition::MatchesNot(keyword)) => !matches(keyword),
        Some(Condition::Duplicated) => {
            duplicated.is_some_and(|values| rows.iter().any(|row| values.contains(&row.value)))
        }
    }
}

fn referred_by(keyword: &Keyword, names: &[String]) -> bool {
    keyword.holds(|piece| match piece {
        Piece::Empty => names.is_empty(),
        Piece::Any => !names.is_empty(),
        Piece::Text(text) | Piece::Dates(_, text) => names.iter().any(|name| text.matches(name)),
    })
}

/// The values that more than one row of the entity has, by definition, of those that are asked for it.
fn duplicated(
    op: &mut OpCtx,
    entity: &EntityRow,
    wanted: &[(&AttrFilter, &EntityAttrRow)],
) -> Result<HashMap<i64, HashSet<String>>, OpError> {
    let asked: Vec<_> = wanted
        .iter()
        .filter(|(filter, _)| filter.condition == Some(Condition::Duplicated))
        .copied()
        .collect();
    let mut counts: HashMap<i64, HashMap<String, usize>> = HashMap::new();
    let mut after = 0;
    while !asked.is_empty() {
        let page = entries::page_after(&mut op.db, Some(entity.id), true, after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for ((_, attr), rows) in Seen::of(op, entity, &page, &asked)?.rows {
            for row in rows.into_iter().filter(|row| !row.value.is_empty()) {
                *counts.entry(attr).or_default().entry(row.value).or_default() += 1;
            }
        }
    }
    let several = |values: HashMap<String, usize>| {
        values.into_iter().filter(|(_, count)| *count > 1).map(|(value, _)| value).collect()
    };
    Ok(counts.into_iter().map(|(attr, values)| (attr, several(values))).collect())
}

/// What the acting user sees of attributes of entries, by entry and definition.
#[derive(Default)]
struct Seen {
    /// Their rows. Those that were never written are not in it.
    rows: HashMap<(i64, i64), Vec<Row>>,
    /// Those that may not be read.
    hidden: HashSet<(i64, i64)>,
}

impl Seen {
    fn of(
        op: &mut OpCtx,
        entity: &EntityRow,
        page: &[EntryRow],
        wanted: &[(&AttrFilter, &EntityAttrRow)],
    ) -> Result<Self, OpError> {
        if wanted.is_empty() {
            return Ok(Self::default());
        }
        let ids: Vec<i64> = page.iter().map(|row| row.id).collect();
        let names: Vec<&str> = wanted.iter().map(|(_, definition)| definition.name.as_str()).collect();
        let values = value::labels_of(&mut op.db, &ids, &names)?;
        let hidden = hidden(op, entity, page, wanted, &values)?;
        let lists: Vec<i64> = values.iter().map(|row| row.value.id).collect();
        let children = value::children_by_parent(&mut op.db, &lists)?;
        let elements = children.values().flatten().map(|child| &child.value);
        let parties = Parties::of(op, values.iter().map(|row| &row.value).chain(elements))?;
        let mut rows = HashMap::with_capacity(values.len());
        for row in values.iter().filter(|row| !hidden.contains(&(row.entry.id, row.attr.id))) {
            let own = children.get(&row.value.id).map(Vec::as_slice).unwrap_or_default();
            rows.insert((row.entry.id, row.attr.id), as_rows(row, own, &parties));
        }
        Ok(Self { rows, hidden })
    }
}

/// Which of the attributes the acting user may not read. What was never written is read as its entry and its definition are.
fn hidden(
    op: &mut OpCtx,
    entity: &EntityRow,
    page: &[EntryRow],
    wanted: &[(&AttrFilter, &EntityAttrRow)],
    values: &[LabelRow],
) -> Result<HashSet<(i64, i64)>, OpError> {
    let written: HashMap<(i64, i64), &LabelRow> =
        values.iter().map(|row| ((row.entry.id, row.attr.id), row)).collect();
    let mut asked = Vec::with_capacity(page.len() * wanted.len());
    for entry in page {
        for (_, definition) in wanted {
            let key = (entry.id, definition.id);
            match written.get(&key) {
                Some(row) => {
                    asked.push((key, Subject::attribute(&row.attribute, &row.attr, &row.entry, &row.entity)));
                }
                None => {
                    asked.push((key, Subject::attr(definition, entity)));
                    asked.push((key, Subject::entry(entry, entity)));
                }
            }
        }
    }
    acl::look_ahead(op, asked.iter().map(|(_, subject)| subject.clone()))?;
    let mut hidden = HashSet::new();
    for (key, subject) in &asked {
        if !acl::allowed(op, subject, Level::Readable)? {
            hidden.insert(*key);
        }
    }
    Ok(hidden)
}

fn type_of(definition: &EntityAttrRow) -> Option<AttrType> {
    AttrType::from_code(i64::from(definition.attr_type))
}

/// What is seen where nothing was written.
fn blank_row(definition: &EntityAttrRow) -> Row {
    let is_flag = type_of(definition) == Some(AttrType::Boolean);
    Row { value: if is_flag { "false".to_owned() } else { String::new() }, date: None }
}

fn as_rows(row: &LabelRow, children: &[ChildRow], parties: &Parties) -> Vec<Row> {
    let Some(attr_type) = type_of(&row.attr) else { return vec![Row::default()] };
    let is_list = value_type(attr_type).is_some_and(|of| of.is_array());
    let labels = choice_labels(&row.attr);
    let one = |value: &AttrValueRow, referred: Option<&ReferredRow>| {
        let name = || {
            let referred = referred.filter(|referred| referred.is_active);
            referred.map(|referred| referred.name.clone()).unwrap_or_default()
        };
        let text = match attr_type {
            AttrType::Boolean => value.bool_value.to_string(),
            AttrType::Date | AttrType::Datetime => String::new(),
            AttrType::Select | AttrType::MultiSelect => labels.of(&value.text_value),
            AttrType::Group | AttrType::ArrayGroup | AttrType::Role | AttrType::ArrayRole => {
                parties.name(value).unwrap_or_default()
            }
            attr_type if attr_type.refers_to_entries() => name(),
            _ => value.text_value.clone(),
        };
        let date = matches!(attr_type, AttrType::Date | AttrType::Datetime)
            .then(|| value.text_value.get(..10)?.parse().ok())
            .flatten();
        Row { value: text, date }
    };
    if !is_list {
        return vec![one(&row.value, row.referred.as_ref())];
    }
    if children.is_empty() {
        return vec![Row::default()];
    }
    children.iter().map(|child| one(&child.value, child.referred.as_ref())).collect()
}
