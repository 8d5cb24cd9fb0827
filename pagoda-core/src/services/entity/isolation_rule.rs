//! Isolation rules as requests write them and details show them. *Source: spec, entity §1.5.*

use crate::services::attribute::MOST_BYTES;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{attr, entity as entities, entry, isolation};
use crate::store::rows::{ConditionRow, NewCondition, NewRule, RuleRow, ShownConditionRow};
use crate::wire::Fields;
use crate::wire::coerce::{self, Reader};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::EntityRef;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashSet};

/// What a request says about one rule.
#[derive(Debug, Clone, Default)]
pub struct RuleInput {
    id: Option<i64>,
    is_deleted: bool,
    conditions: Vec<ConditionInput>,
    action: ActionInput,
    pub(super) errors: Fields,
}

/// What a request says about one condition.
#[derive(Debug, Clone, Default)]
struct ConditionInput {
    attr_id: i64,
    str_cond: String,
    ref_cond_id: Option<i64>,
    bool_cond: bool,
    is_unmatch: bool,
    errors: Fields,
}

/// Against whom a rule is.
#[derive(Debug, Clone, Default)]
struct ActionInput {
    is_prevent_all: bool,
    prevent_from_id: Option<i64>,
    errors: Fields,
}

impl RuleInput {
    /// Reads the rules of a body; complaints are kept with each.
    pub(super) fn read_all(reader: &mut Reader<'_>) -> Option<Vec<Self>> {
        let list = reader.each("isolation_rules")?;
        Some(list.iter().map(Self::read).collect())
    }

    fn read(element: &Value) -> Self {
        let object = match coerce::element(element) {
            Ok(object) => object,
            Err(errors) => return Self { errors, ..Self::default() },
        };
        let mut reader = Reader::new(object);
        let id = reader.field("id", coerce::id);
        let is_deleted = reader.field("is_deleted", coerce::boolean).unwrap_or_default();
        // What is to go needs to say no more than that.
        if !is_deleted {
            reader.require("conditions");
            reader.require("action");
        }
        let conditions = reader.each("conditions").unwrap_or_default();
        let conditions: Vec<_> = conditions.iter().map(ConditionInput::read).collect();
        let action = match reader.raw("action") {
            None => ActionInput::default(),
            Some(Value::Null) => {
                reader.errors.add("action", Code::Other, "null is not allowed");
                ActionInput::default()
            }
            Some(action) => ActionInput::read(action),
        };
        let mut input = Self { id, is_deleted, conditions, action, errors: reader.errors };
        input.gather();
        input
    }

    /// Takes the complaints about its parts over.
    fn gather(&mut self) {
        self.errors.nest_each("conditions", self.conditions.iter().map(|condition| &condition.errors));
        if !self.action.errors.is_empty() {
            self.errors.nest("action", self.action.errors.to_json());
        }
    }
}

impl ConditionInput {
    fn read(element: &Value) -> Self {
        let object = match coerce::element(element) {
            Ok(object) => object,
            Err(errors) => return Self { errors, ..Self::default() },
        };
        let mut reader = Reader::new(object);
        Self {
            attr_id: reader.required("attr_id", coerce::id).unwrap_or_default(),
            str_cond: reader.field("str_cond", |text| coerce::line(text, MOST_BYTES)).unwrap_or_default(),
            ref_cond_id: reader.field("ref_cond_id", coerce::optional_id).flatten(),
            bool_cond: reader.field("bool_cond", coerce::boolean).unwrap_or_default(),
            is_unmatch: reader.field("is_unmatch", coerce::boolean).unwrap_or_default(),
            errors: reader.errors,
        }
    }
}

impl ActionInput {
    fn read(action: &Value) -> Self {
        let object = match coerce::object(action) {
            Ok(object) => object,
            Err(errors) => return Self { errors, ..Self::default() },
        };
        let mut reader = Reader::new(object);
        Self {
            is_prevent_all: reader.field("is_prevent_all", coerce::boolean).unwrap_or_default(),
            prevent_from_id: reader.field("prevent_from_id", coerce::optional_id).flatten(),
            errors: reader.errors,
        }
    }
}

/// The rules that an entity has, as far as a change needs them.
#[derive(Debug, Default)]
pub(super) struct Present {
    rules: Vec<RuleRow>,
    conditions: Vec<ConditionRow>,
}

/// The rules that an entity has; none are looked for where none are sent.
///
/// # Errors
/// The database does not answer.
pub(super) fn present(
    op: &mut OpCtx,
    entity_id: i64,
    inputs: Option<&[RuleInput]>,
) -> Result<Present, OpError> {
    if inputs.is_none_or(<[RuleInput]>::is_empty) {
        return Ok(Present::default());
    }
    let rules: Vec<RuleRow> =
        isolation::of_entity(&mut op.db, entity_id)?.into_iter().map(|shown| shown.rule).collect();
    let ids: Vec<i64> = rules.iter().map(|rule| rule.id).collect();
    let conditions = isolation::conditions(&mut op.db, &ids)?;
    Ok(Present { rules, conditions })
}

/// Judges rules and adds what is wrong with them. What a rule refers to already may have been deleted since; that
/// hinders no other change.
///
/// # Errors
/// The database does not answer.
pub(super) fn judge(
    op: &mut OpCtx,
    present: &Present,
    inputs: Option<&mut Vec<RuleInput>>,
    errors: &mut Fields,
) -> Result<(), OpError> {
    let Some(inputs) = inputs else { return Ok(()) };
    let (entities, entries) = known(op, inputs)?;
    let mut seen = HashSet::new();
    for input in inputs.iter_mut().filter(|input| !input.errors.is_whole()) {
        let current = input.id.and_then(|id| present.rules.iter().find(|rule| rule.id == id));
        if let Some(id) = input.id {
            if current.is_none() {
                input.errors.add("id", Code::NotFound, "the entity has no isolation rule of this id");
            } else if !seen.insert(id) {
                input.errors.add("id", Code::Invalid, "the rule is listed twice");
            }
        }
        if input.is_deleted {
            continue;
        }
        let from = input.action.prevent_from_id;
        if let Some(id) = from
            && !entities.contains(&id)
            && current.and_then(|rule| rule.prevent_from_id) != from
        {
            let message = format!("there is no active entity {id}");
            input.action.errors.add("prevent_from_id", Code::NotFound, message);
        }
        for condition in &mut input.conditions {
            let refers = |row: &ConditionRow| {
                Some(row.rule_id) == input.id && row.ref_cond_id == condition.ref_cond_id
            };
            if let Some(id) = condition.ref_cond_id
                && !entries.contains(&id)
                && !present.conditions.iter().any(refers)
            {
                let message = format!("there is no active entry {id}");
                condition.errors.add("ref_cond_id", Code::NotFound, message);
            }
        }
        input.gather();
    }
    errors.nest_each("isolation_rules", inputs.iter().map(|input| &input.errors));
    Ok(())
}

/// Which of the entities and entries that rules name are active.
fn known(op: &mut OpCtx, inputs: &[RuleInput]) -> Result<(HashSet<i64>, HashSet<i64>), OpError> {
    let kept = || inputs.iter().filter(|input| !input.is_deleted);
    let entities: BTreeSet<i64> = kept().filter_map(|input| input.action.prevent_from_id).collect();
    let entries: BTreeSet<i64> =
        kept().flat_map(|input| &input.conditions).filter_map(|condition| condition.ref_cond_id).collect();
    let (entities, entries) = (Vec::from_iter(entities), Vec::from_iter(entries));
    let entities = entities::by_ids(&mut op.db, &entities)?;
    let entries = entry::by_ids(&mut op.db, &entries)?;
    Ok((
        entities.into_iter().filter(|row| row.is_active).map(|row| row.id).collect(),
        entries.into_iter().filter(|row| row.is_active).map(|row| row.id).collect(),
    ))
}

/// Writes rules: a listed one has its conditions and its action replaced, or goes; others stay. Conditions about
/// definitions that are not there are dropped. Says what changed, for the audit log.
///
/// # Errors
/// The database does not do it.
pub(super) fn write(
    op: &mut OpCtx,
    entity_id: i64,
    present: Present,
    inputs: Vec<RuleInput>,
) -> Result<Map<String, Value>, OpError> {
    let (old, new): (Vec<_>, Vec<_>) = inputs.into_iter().partition(|input| input.id.is_some());
    let new: Vec<RuleInput> = new.into_iter().filter(|input| !input.is_deleted).collect();
    let listed: Vec<i64> = old.iter().filter_map(|input| input.id).collect();
    isolation::clear_conditions(&mut op.db, &listed)?;
    let (gone, changed): (Vec<_>, Vec<_>) = old.into_iter().partition(|input| input.is_deleted);
    let gone: Vec<i64> = gone.iter().filter_map(|input| input.id).collect();
    isolation::delete_rules(&mut op.db, &gone)?;
    let mut written: Vec<(i64, RuleInput)> = Vec::with_capacity(changed.len() + new.len());
    for mut row in present.rules {
        let Some(input) = changed.iter().find(|input| input.id == Some(row.id)) else { continue };
        row.is_prevent_all = input.action.is_prevent_all;
        row.prevent_from_id = input.action.prevent_from_id;
        isolation::update_rule(&mut op.db, &row)?;
        written.push((row.id, input.clone()));
    }
    let changed: Vec<i64> = written.iter().map(|(id, _)| *id).collect();
    let rows: Vec<NewRule> = new
        .iter()
        .map(|input| NewRule {
            entity_id,
            is_prevent_all: input.action.is_prevent_all,
            prevent_from_id: input.action.prevent_from_id,
        })
        .collect();
    let added = isolation::insert_rules(&mut op.db, &rows)?;
    written.extend(added.iter().copied().zip(new));
    write_conditions(op, &written)?;
    let mut detail = Map::new();
    for (key, ids) in [
        ("isolation_rules_added", added),
        ("isolation_rules_changed", changed),
        ("isolation_rules_removed", gone),
    ] {
        if !ids.is_empty() {
            detail.insert(key.to_owned(), json!(ids));
        }
    }
    Ok(detail)
}

fn write_conditions(op: &mut OpCtx, rules: &[(i64, RuleInput)]) -> Result<(), OpError> {
    let conditions = || rules.iter().flat_map(|(id, rule)| rule.conditions.iter().map(move |one| (*id, one)));
    let attrs: BTreeSet<i64> = conditions().map(|(_, condition)| condition.attr_id).collect();
    if attrs.is_empty() {
        return Ok(());
    }
    let there = attr::by_ids(&mut op.db, &Vec::from_iter(attrs))?;
    let there: HashSet<i64> = there.into_iter().filter(|attr| attr.is_active).map(|attr| attr.id).collect();
    let rows: Vec<NewCondition> = conditions()
        .filter(|(_, condition)| there.contains(&condition.attr_id))
        .map(|(rule_id, condition)| NewCondition {
            rule_id,
            attr_id: condition.attr_id,
            str_cond: condition.str_cond.clone(),
            ref_cond_id: condition.ref_cond_id,
            bool_cond: condition.bool_cond,
            is_unmatch: condition.is_unmatch,
        })
        .collect();
    Ok(isolation::insert_conditions(&mut op.db, &rows)?)
}

/// A rule as details show it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RuleItem {
    id: i64,
    conditions: Vec<Value>,
    action: Value,
}

/// The rules of an entity: two statements, one where there are none. A rule has one action for good, so that has the
/// rule's id.
///
/// # Errors
/// The database does not answer.
pub(super) fn shown(op: &mut OpCtx, entity_id: i64) -> Result<Vec<RuleItem>, OpError> {
    let rules = isolation::of_entity(&mut op.db, entity_id)?;
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = rules.iter().map(|shown| shown.rule.id).collect();
    let conditions = isolation::shown_conditions(&mut op.db, &ids)?;
    let item = |shown: crate::store::rows::ShownRuleRow| {
        let from = shown.rule.prevent_from_id.zip(shown.prevent_from);
        let own = conditions.iter().filter(|row| row.condition.rule_id == shown.rule.id);
        RuleItem {
            id: shown.rule.id,
            conditions: own.map(condition_json).collect(),
            action: json!({
                "id": shown.rule.id,
                "prevent_from": from.map(|(id, name)| EntityRef { id, name }),
                "is_prevent_all": shown.rule.is_prevent_all,
            }),
        }
    };
    Ok(rules.into_iter().map(item).collect())
}

fn condition_json(row: &ShownConditionRow) -> Value {
    let condition = &row.condition;
    let referred = row.referred.as_ref().map(|entry| {
        json!({
            "id": entry.id,
            "name": entry.name,
            "schema": {"id": entry.entity_id, "name": entry.entity_name},
        })
    });
    json!({
        "id": condition.id,
        "attr": {"id": condition.attr_id, "name": row.attr_name, "type": row.attr_type},
        "str_cond": condition.str_cond,
        "ref_cond": referred,
        "bool_cond": condition.bool_cond,
        "is_unmatch": condition.is_unmatch,
    })
}
