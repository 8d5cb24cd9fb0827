//! Isolation rules of entities, and what they ask of entries.

use super::{MAX_IDS, MAX_ROWS, definition_of, found};
use crate::store::conn::on_db;
use crate::store::rows::{
    AttrValueRow, ConditionRow, JudgedRow, NewCondition, NewRule, RuleRow, ShownConditionRow, ShownRuleRow,
};
use crate::store::schema::{
    attr_value, attribute, entity, entity_attr, entry, isolation_condition, isolation_rule,
};
use crate::store::{Db, StoreError};
use diesel::prelude::*;

/// The rules of an entity, oldest first.
pub fn of_entity(db: &mut Db, entity_id: i64) -> Result<Vec<ShownRuleRow>, StoreError> {
    on_db!(db, |c| isolation_rule::table
        .left_join(entity::table)
        .filter(isolation_rule::entity_id.eq(entity_id))
        .order(isolation_rule::id)
        .select((RuleRow::as_select(), entity::name.nullable()))
        .load(c))
}

/// The conditions of rules that are about active definitions, by rule and id.
pub fn shown_conditions(db: &mut Db, rule_ids: &[i64]) -> Result<Vec<ShownConditionRow>, StoreError> {
    let mut rows = Vec::new();
    for ids in rule_ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| isolation_condition::table
            .inner_join(entity_attr::table)
            .left_join(entry::table.on(isolation_condition::ref_cond_id.eq(entry::id.nullable())))
            .left_join(entity::table.on(entity::id.eq(entry::entity_id)))
            .filter(isolation_condition::rule_id.eq_any(ids))
            .filter(entity_attr::is_active.eq(true))
            .order((isolation_condition::rule_id, isolation_condition::id))
            .select((
                ConditionRow::as_select(),
                entity_attr::name,
                entity_attr::attr_type,
                (entry::id, entry::name, entry::is_active, entry::entity_id, entity::name).nullable(),
            ))
            .load::<ShownConditionRow>(c))?);
    }
    Ok(rows)
}

/// The conditions of rules, those about inactive definitions included.
pub fn conditions(db: &mut Db, rule_ids: &[i64]) -> Result<Vec<ConditionRow>, StoreError> {
    let mut rows = Vec::new();
    for ids in rule_ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| isolation_condition::table
            .filter(isolation_condition::rule_id.eq_any(ids))
            .order((isolation_condition::rule_id, isolation_condition::id))
            .select(ConditionRow::as_select())
            .load(c))?);
    }
    Ok(rows)
}

/// The rules of entities that hold for references of entries of the entity `requester`.
pub fn against(db: &mut Db, entity_ids: &[i64], requester: i64) -> Result<Vec<RuleRow>, StoreError> {
    // Nearly always there is one entity; a list of ids is a new statement each time on SQLite.
    if let [id] = entity_ids {
        return on_db!(db, |c| isolation_rule::table
            .filter(isolation_rule::entity_id.eq(id))
            .filter(isolation_rule::is_prevent_all.eq(true).or(isolation_rule::prevent_from_id.eq(requester)))
            .select(RuleRow::as_select())
            .load(c));
    }
    let mut rows = Vec::new();
    for ids in entity_ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| isolation_rule::table
            .filter(isolation_rule::entity_id.eq_any(ids))
            .filter(isolation_rule::is_prevent_all.eq(true).or(isolation_rule::prevent_from_id.eq(requester)))
            .select(RuleRow::as_select())
            .load(c))?);
    }
    Ok(rows)
}

/// The conditions of rules that are about active definitions, with the types of these.
pub fn asked(db: &mut Db, rule_ids: &[i64]) -> Result<Vec<(ConditionRow, i32)>, StoreError> {
    let mut rows = Vec::new();
    for ids in rule_ids.chunks(MAX_IDS) {
        rows.extend(on_db!(db, |c| isolation_condition::table
            .inner_join(entity_attr::table)
            .filter(isolation_condition::rule_id.eq_any(ids))
            .filter(entity_attr::is_active.eq(true))
            .select((ConditionRow::as_select(), entity_attr::attr_type))
            .load::<(ConditionRow, i32)>(c))?);
    }
    Ok(rows)
}

/// The latest values of entries for definitions, where there are any.
pub fn latest(db: &mut Db, entry_ids: &[i64], attr_ids: &[i64]) -> Result<Vec<JudgedRow>, StoreError> {
    let mut rows = Vec::new();
    for entries in entry_ids.chunks(MAX_IDS) {
        for attrs in attr_ids.chunks(MAX_IDS) {
            rows.extend(on_db!(db, |c| attribute::table
                .inner_join(attr_value::table)
                .filter(attribute::entry_id.eq_any(entries))
                .filter(definition_of!(attribute).eq_any(attrs))
                .filter(attr_value::is_latest)
                .select((attribute::entry_id, attribute::attr_id, AttrValueRow::as_select()))
                .load::<JudgedRow>(c))?);
        }
    }
    Ok(rows)
}

/// Inserts rules and returns their ids in the order of `new`.
pub fn insert_rules(db: &mut Db, new: &[NewRule]) -> Result<Vec<i64>, StoreError> {
    let mut all = Vec::with_capacity(new.len());
    for rows in new.chunks(MAX_ROWS) {
        let mut ids: Vec<i64> = on_db!(db, |c| diesel::insert_into(isolation_rule::table)
            .values(rows)
            .returning(isolation_rule::id)
            .get_results(c))?;
        ids.sort_unstable();
        all.append(&mut ids);
    }
    Ok(all)
}

/// Inserts conditions, in the order in which they are shown.
pub fn insert_conditions(db: &mut Db, new: &[NewCondition]) -> Result<(), StoreError> {
    for rows in new.chunks(MAX_ROWS) {
        on_db!(db, |c| diesel::insert_into(isolation_condition::table).values(rows).execute(c))?;
    }
    Ok(())
}

/// Writes every column of a rule but the key. `NotFound` without such a rule.
pub fn update_rule(db: &mut Db, row: &RuleRow) -> Result<(), StoreError> {
    found(on_db!(db, |c| diesel::update(isolation_rule::table.find(row.id)).set(row).execute(c))?)
}

/// Removes the conditions of rules.
pub fn clear_conditions(db: &mut Db, rule_ids: &[i64]) -> Result<(), StoreError> {
    for ids in rule_ids.chunks(MAX_IDS) {
        on_db!(db, |c| diesel::delete(
            isolation_condition::table.filter(isolation_condition::rule_id.eq_any(ids))
        )
        .execute(c))?;
    }
    Ok(())
}

/// Removes rules without conditions.
pub fn delete_rules(db: &mut Db, ids: &[i64]) -> Result<(), StoreError> {
    for ids in ids.chunks(MAX_IDS) {
        on_db!(db, |c| diesel::delete(isolation_rule::table.filter(isolation_rule::id.eq_any(ids)))
            .execute(c))?;
    }
    Ok(())
}
