//! Writes down what happens to an entity: a record of it, and one for each definition that a request lists.
//! *Source: spec, entity §2.4 and §2.7.*
//!
//! What changed is found by comparing before and after, and kept with the record. So a record shows exactly what its
//! own request did, whatever happens later.

use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::entity_history as records;
use crate::store::rows::NewEntityHistory;
use pagoda_plugin_sdk::model::{Entity, EntityAttr};
use pagoda_plugin_sdk::time::{Timestamp, Zone};
use serde_json::{Value, json};

const ADD_ENTITY: i32 = 9;
const MOD_ENTITY: i32 = 10;
const DEL_ENTITY: i32 = 12;
const ADD_ATTR: i32 = 17;
const MOD_ATTR: i32 = 18;
const DEL_ATTR: i32 = 20;

/// What a request did to one definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Touched {
    /// It made it.
    Added(i64),
    /// It listed it, be it with a difference or without.
    Listed(i64),
    /// It removed it, and the name became this one.
    Removed(i64, String),
}

/// Notes that an entity was made.
pub(super) fn note_created(op: &mut OpCtx, created: &Entity) -> Result<(), OpError> {
    let fields = [("name", &created.name), ("note", &created.note)];
    let changes =
        fields.iter().filter(|(_, text)| !text.is_empty()).map(|(target, text)| made(target, json!(text)));
    let details = created.attrs.iter().map(|attr| (ADD_ATTR, attr.id, attr_made(attr)));
    write(op, created.id, (ADD_ENTITY, changes.collect()), details.collect())
}

/// Notes that an entity was changed, with one detail for each definition that the request listed, in its order.
pub(super) fn note_updated(
    op: &mut OpCtx,
    before: &Entity,
    after: &Entity,
    touched: Vec<Touched>,
) -> Result<(), OpError> {
    let mut details = Vec::with_capacity(touched.len());
    for touched in touched {
        details.push(match touched {
            Touched::Added(id) => (ADD_ATTR, id, attr_of(after, id).map(attr_made).unwrap_or_default()),
            Touched::Listed(id) => {
                let changes = attr_of(before, id)
                    .zip(attr_of(after, id))
                    .map(|(old, new)| differences(attr_fields(old), attr_fields(new)));
                (MOD_ATTR, id, changes.unwrap_or_default())
            }
            Touched::Removed(id, name) => {
                let old = attr_of(before, id);
                (DEL_ATTR, id, attr_removed(old.map_or("", |attr| &attr.name), &name, op.now))
            }
        });
    }
    let changes = differences(entity_fields(before), entity_fields(after));
    write(op, after.id, (MOD_ENTITY, changes), details)
}

fn attr_of(entity: &Entity, id: i64) -> Option<&EntityAttr> {
    entity.attrs.iter().find(|attr| attr.id == id)
}

/// Notes that an entity was deleted with its definitions. The records were written before the rows change in the
/// replaced system, so they show no changes. *Source: spec, entity §2.7.*
pub(super) fn note_deleted(op: &mut OpCtx, deleted: &Entity) -> Result<(), OpError> {
    let details = deleted.attrs.iter().map(|attr| (DEL_ATTR, attr.id, Vec::new()));
    write(op, deleted.id, (DEL_ENTITY, Vec::new()), details.collect())
}

fn write(
    op: &mut OpCtx,
    entity_id: i64,
    (operation, changes): (i32, Vec<Value>),
    details: Vec<(i32, i64, Vec<Value>)>,
) -> Result<(), OpError> {
    let (user_id, at) = (op.user_id(), op.now.as_micros());
    let record = |parent_id, object_id, operation, changes| NewEntityHistory {
        entity_id,
        parent_id,
        object_id,
        operation,
        user_id,
        at,
        changes: Value::Array(changes).to_string(),
    };
    let parent = records::insert(&mut op.db, &record(None, entity_id, operation, changes))?;
    let details: Vec<NewEntityHistory> = details
        .into_iter()
        .map(|(operation, object, changes)| record(Some(parent), object, operation, changes))
        .collect();
    Ok(records::insert_many(&mut op.db, &details)?)
}

fn change(action: &str, target: &str, before: &Value, after: &Value) -> Value {
    json!({"action": action, "target": target, "before": before, "after": after})
}

fn made(target: &str, after: Value) -> Value {
    change("create", target, &Value::Null, &after)
}

/// Always these four, empty or not. *Source: spec, entity §2.7.*
fn attr_made(attr: &EntityAttr) -> Vec<Value> {
    vec![
        made("name", json!(attr.name)),
        made("type", json!(attr.attr_type.code())),
        made("is_mandatory", json!(attr.is_mandatory)),
        made("note", json!(attr.note)),
    ]
}

fn attr_removed(old_name: &str, name: &str, now: Timestamp) -> Vec<Value> {
    let time = Zone::utc().format(now, "%Y-%m-%dT%H:%M:%S.%6fZ");
    vec![
        change("delete", "deleted_time", &Value::Null, &json!(time)),
        change("delete", "is_active", &json!(true), &json!(false)),
        change("delete", "name", &json!(old_name), &json!(name)),
    ]
}

/// The fields that differ, in the order that they are given in.
fn differences<const N: usize>(old: [(&str, Value); N], new: [(&str, Value); N]) -> Vec<Value> {
    let pairs = old.into_iter().zip(new).filter(|((_, old), (_, new))| old != new);
    pairs.map(|((target, old), (_, new))| change("update", target, &old, &new)).collect()
}

/// By name; without the status. *Source: spec, entity §2.7.*
fn entity_fields(entity: &Entity) -> [(&'static str, Value); 5] {
    [
        ("delete_chain_exclude_entities", json!(entity.delete_chain_exclude_entities)),
        ("item_name_pattern", json!(entity.item_name_pattern)),
        ("item_name_type", json!(entity.item_name_type)),
        ("name", json!(entity.name)),
        ("note", json!(entity.note)),
    ]
}

/// By name. The type never changes.
fn attr_fields(attr: &EntityAttr) -> [(&'static str, Value); 13] {
    [
        ("choices", json!(attr.choices)),
        ("default_value", json!(attr.default_value)),
        ("display_attr", json!(attr.display_attr)),
        ("index", json!(attr.index)),
        ("is_delete_in_chain", json!(attr.is_delete_in_chain)),
        ("is_mandatory", json!(attr.is_mandatory)),
        ("is_summarized", json!(attr.is_summarized)),
        ("name", json!(attr.name)),
        ("name_order", json!(attr.name_order)),
        ("name_postfix", json!(attr.name_postfix)),
        ("name_prefix", json!(attr.name_prefix)),
        ("note", json!(attr.note)),
        ("referral", json!(attr.referral)),
    ]
}

#[cfg(test)]
mod tests {
    use super::{EntityAttr, attr_fields, differences, entity_fields};
    use pagoda_plugin_sdk::model::Entity;
    use serde_json::json;

    #[test]
    fn fields_are_in_order_of_their_names() {
        assert!(attr_fields(&EntityAttr::default()).is_sorted_by_key(|(name, _)| *name));
        assert!(entity_fields(&Entity::default()).is_sorted_by_key(|(name, _)| *name));
    }

    #[test]
    fn only_differences_are_shown() {
        let old = EntityAttr::default();
        let mut new = old.clone();
        assert!(differences(attr_fields(&old), attr_fields(&new)).is_empty());
        (new.referral, new.is_mandatory) = (vec![3, 4], true);
        let changes = differences(attr_fields(&old), attr_fields(&new));
        let expected = [
            json!({"action": "update", "target": "is_mandatory", "before": false, "after": true}),
            json!({"action": "update", "target": "referral", "before": [], "after": [3, 4]}),
        ];
        assert_eq!(changes, expected);
    }
}
