//! The simple search: one text over the names and values of all entries. *Source: spec, search §3.*

use super::find::viewer;
use super::hooks::{Kind, Rows};
use super::index::Searched;
use super::keyword::{About, Keyword, Piece};
use super::scope::readable;
use crate::services::acl::{self, Subject};
use crate::services::attribute::{DELETED_CHOICE, choice_labels, type_of};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::role::{RoleFilter, RoleOrder};
use crate::store::queries::{attr, entity as entities, entry as entries, group, role};
use crate::store::rows::{EntityRow, EntryRow};
use crate::store::search::{self, Everywhere, TextTest, text_id};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::model::Level;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

/// Entries that are shown. *Source: spec, search §3.*
const MOST: usize = 20;
/// Entries that are looked at for these where plugins have a say.
const MOST_JUDGED: usize = 1_000;

/// An entry that was found, exactly the three keys of the wire.
#[derive(Debug, Clone, Serialize)]
pub struct SimpleItem {
    id: i64,
    name: String,
    schema: SimpleSchema,
}

#[derive(Debug, Clone, Serialize)]
struct SimpleSchema {
    id: i64,
    name: String,
    permission: i32,
}

/// Alternatives of texts that must hold together; empty pieces are left out.
fn expression(query: &str) -> Vec<Vec<TextTest>> {
    let keyword = Keyword::parse(query, About::Names);
    let texts = |pieces: &Vec<Piece>| -> Vec<TextTest> {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) | Piece::Dates(_, text) => Some(text.clone()),
            Piece::Empty | Piece::Any => None,
        };
        pieces.iter().filter_map(text).collect()
    };
    let groups = keyword.alternatives().iter().map(texts);
    groups.filter(|group| !group.is_empty()).collect()
}

/// Answers a search.
///
/// # Errors
/// It takes too long, or a plugin refused.
pub fn simple(op: &mut OpCtx, query: &str) -> Result<Rows<SimpleItem>, OpError> {
    let asked = json!({ "query": query });
    let changed = Kind::Simple.transformed(op, &asked)?;
    let asked = changed.unwrap_or(asked);
    let query = asked.get("query").and_then(Value::as_str);
    let query = query.ok_or_else(|| OpError::field("query", Code::Invalid, "expected a text"))?;
    let items = answer(op, query)?;
    let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
    Kind::Simple.note(op, &asked, count);
    Kind::Simple.filtered(op, items)
}

fn answer(op: &mut OpCtx, query: &str) -> Result<Vec<SimpleItem>, OpError> {
    if query.is_empty() {
        return Ok(Vec::new());
    }
    let all = entities::all_active(&mut op.db, i64::MAX, 0)?;
    let known: HashMap<i64, EntityRow> =
        readable(op, all)?.into_iter().map(|entity| (entity.id, entity)).collect();
    let mut entity_ids: Vec<i64> = known.keys().copied().collect();
    entity_ids.sort_unstable();
    let judged = op.wants::<hooks::user::before_permission_check>();
    let most = if judged { MOST_JUDGED } else { MOST };
    let everywhere = Everywhere { entity_ids, viewer: viewer(op)?, texts: expression(query), most };
    let mut found: Vec<EntryRow> = Vec::new();
    for step in [Step::Exact, Step::Named, Step::Valued] {
        if found.len() >= MOST {
            break;
        }
        let ids = match step {
            Step::Exact => everywhere.exactly_named(&mut op.db, query)?,
            Step::Named => everywhere.named(&mut op.db)?,
            Step::Valued => {
                let values = values(op, &everywhere.texts, &known)?;
                everywhere.valued(&mut op.db, &values)?
            }
        };
        let seen: HashSet<i64> = found.iter().map(|row| row.id).collect();
        let ids: Vec<i64> = ids.into_iter().filter(|id| !seen.contains(id)).collect();
        let mut rows = entries::by_ids(&mut op.db, &ids)?;
        rows.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        let subject = |row| Some(Subject::entry(row, known.get(&row.entity_id)?));
        acl::look_ahead(op, rows.iter().filter_map(subject))?;
        for row in rows {
            let Some(entity) = known.get(&row.entity_id) else { continue };
            if found.len() < MOST && acl::allowed(op, &Subject::entry(&row, entity), Level::Readable)? {
                found.push(row);
            }
        }
    }
    let mut items = Vec::with_capacity(found.len());
    for row in found {
        let Some(entity) = known.get(&row.entity_id) else { continue };
        let permission = acl::permission(op, &Subject::from(entity))?;
        let schema = SimpleSchema { id: entity.id, name: entity.name.clone(), permission };
        items.push(SimpleItem { id: row.id, name: row.name, schema });
    }
    Ok(items)
}

/// What is looked for, the best first.
enum Step {
    Exact,
    Named,
    Valued,
}

/// What values are like whose text is not kept as a text: choices, flags, groups and roles.
fn values(
    op: &mut OpCtx,
    texts: &[Vec<TextTest>],
    known: &HashMap<i64, EntityRow>,
) -> Result<search::ValuesLike, OpError> {
    let passes = |text: &str| texts.iter().any(|group| group.iter().all(|test| test.matches(text)));
    let mut like = search::ValuesLike::default();
    let all = RoleFilter { ids: None, terms: Vec::new(), order: vec![(RoleOrder::Id, false)] };
    let groups: Vec<i64> = group::all_active(&mut op.db)?
        .into_iter()
        .filter(|row| passes(&row.name))
        .map(|row| row.id)
        .collect();
    let roles: Vec<i64> =
        role::list(&mut op.db, &all)?.into_iter().filter(|row| passes(&row.name)).map(|row| row.id).collect();
    for definition in attr::all_active(&mut op.db)? {
        let Some(entity) = known.get(&definition.entity_id) else { continue };
        if !acl::allowed(op, &Subject::attr(&definition, entity), Level::Readable)? {
            like.closed.push(definition.id);
            continue;
        }
        match Searched::of(type_of(&definition)?.0) {
            Searched::Flag => {
                if passes("true") {
                    like.terms.push((definition.id, vec![1]));
                }
                if passes("false") {
                    like.false_flags.push((definition.id, definition.entity_id));
                }
            }
            Searched::Choice => {
                let labels = choice_labels(&definition);
                let term = |value: &str| text_id(definition.id, value);
                let passing: Vec<i64> =
                    labels.pairs().filter(|(_, label)| passes(label)).map(|(value, _)| term(value)).collect();
                if !passing.is_empty() {
                    like.terms.push((definition.id, passing));
                }
                if passes(DELETED_CHOICE) {
                    like.terms_apart
                        .push((definition.id, labels.pairs().map(|(value, _)| term(value)).collect()));
                }
            }
            Searched::Group if !groups.is_empty() => like.terms.push((definition.id, groups.clone())),
            Searched::Role if !roles.is_empty() => like.terms.push((definition.id, roles.clone())),
            _ => {}
        }
    }
    Ok(like)
}
