//! Which entries are hidden from being referred to. *Source: spec, entity §1.5.*
//!
//! A rule is about the entries of its entity for which all its conditions hold; conditions about definitions that
//! are gone do not count. Whoever offers or takes references asks [`isolated`].

use crate::services::attribute::{Content, Parties, Stored, value_type};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{isolation, value};
use crate::store::rows::{ConditionRow, EntryRow, JudgedRow};
use pagoda_plugin_sdk::model::AttrType;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Which of the candidates, entries of any entities, no attribute of the entity `requester` may refer to. At most
/// four statements, and one where no rule holds for the requester.
///
/// # Errors
/// The database does not answer.
pub fn isolated(op: &mut OpCtx, requester: i64, candidates: &[EntryRow]) -> Result<HashSet<i64>, OpError> {
    let mut entities: Vec<i64> = candidates.iter().map(|entry| entry.entity_id).collect();
    entities.sort_unstable();
    entities.dedup();
    if entities.is_empty() {
        return Ok(HashSet::new());
    }
    let rules = isolation::against(&mut op.db, &entities, requester)?;
    if rules.is_empty() {
        return Ok(HashSet::new());
    }
    let rule_ids: Vec<i64> = rules.iter().map(|rule| rule.id).collect();
    let mut asked: BTreeMap<i64, Vec<Condition>> = BTreeMap::new();
    for (row, attr_type) in isolation::asked(&mut op.db, &rule_ids)? {
        let attr_type = AttrType::from_code(i64::from(attr_type));
        asked.entry(row.rule_id).or_default().push(Condition { row, attr_type });
    }
    let values = values(op, candidates, &asked)?;
    let mut found = HashSet::new();
    for entry in candidates {
        let holds = |condition: &Condition| {
            condition.holds(values.get(&(entry.id, condition.row.attr_id)).unwrap_or(&Content::default()))
        };
        let own = rules.iter().filter(|rule| rule.entity_id == entry.entity_id);
        if own.into_iter().any(|rule| asked.get(&rule.id).is_none_or(|all| all.iter().all(holds))) {
            found.insert(entry.id);
        }
    }
    Ok(found)
}

/// The latest values that conditions look at, by entry and definition.
fn values(
    op: &mut OpCtx,
    candidates: &[EntryRow],
    asked: &BTreeMap<i64, Vec<Condition>>,
) -> Result<HashMap<(i64, i64), Content>, OpError> {
    let mut attrs: Vec<i64> = asked.values().flatten().map(|condition| condition.row.attr_id).collect();
    attrs.sort_unstable();
    attrs.dedup();
    if attrs.is_empty() {
        return Ok(HashMap::new());
    }
    let mut entries: Vec<i64> = candidates.iter().map(|entry| entry.id).collect();
    entries.sort_unstable();
    entries.dedup();
    let rows = isolation::latest(&mut op.db, &entries, &attrs)?;
    let is_array = |row: &&JudgedRow| {
        let attr_type = AttrType::from_code(i64::from(row.value.attr_type));
        attr_type.and_then(value_type).is_some_and(|value_type| value_type.is_array())
    };
    let arrays: Vec<i64> = rows.iter().filter(is_array).map(|row| row.value.id).collect();
    let elements = value::children_by_parent(&mut op.db, &arrays)?;
    let content = |row: &JudgedRow| {
        let children = elements.get(&row.value.id).map(Vec::as_slice).unwrap_or_default();
        let parties = &Parties::default();
        Stored { row: &row.value, referred: None, children, parties }.content()
    };
    Ok(rows.iter().map(|row| ((row.entry_id, row.attr_id), content(row))).collect())
}

/// A condition with the type of its definition.
struct Condition {
    row: ConditionRow,
    attr_type: Option<AttrType>,
}

impl Condition {
    /// Whether it holds for a value; one that was never written is a blank one.
    fn holds(&self, value: &Content) -> bool {
        self.matches(value) != self.row.is_unmatch
    }

    fn matches(&self, value: &Content) -> bool {
        let text = |value: &Content| value.text == self.row.str_cond;
        let reference = |value: &Content| value.reference == self.row.ref_cond_id;
        let named = |value: &Content| text(value) && reference(value);
        // An empty list is what an empty condition means.
        let any = |one: &dyn Fn(&Content) -> bool| match value.elements.as_slice() {
            [] => one(&Content::default()),
            elements => elements.iter().any(one),
        };
        match self.attr_type {
            Some(AttrType::String | AttrType::Text) => text(value),
            Some(AttrType::Object) => reference(value),
            Some(AttrType::Boolean) => value.flag == self.row.bool_cond,
            Some(AttrType::NamedObject) => named(value),
            Some(AttrType::ArrayString) => any(&text),
            Some(AttrType::ArrayObject) => any(&reference),
            Some(AttrType::ArrayNamedObject) => any(&named),
            _ => false,
        }
    }
}
