//! An entity with its definitions. *Source: spec, entity §2.2.*

use super::isolation_rule::{self, RuleItem};
use super::webhook::{self, WebhookItem};
use super::{TOPLEVEL, open};
use crate::services::acl::{self, Subject};
use crate::services::attribute;
use crate::services::ctx::OpCtx;
use crate::services::entry::entity_ref;
use crate::services::error::OpError;
use crate::store::queries::{attr, entity as entities};
use crate::store::rows::{EntityAttrRow, EntityRow};
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::model::{AttrType, EntityRef, Level};
use pagoda_plugin_sdk::payload::EntityGetAttrs;
use serde::Serialize;
use serde_json::Value;

/// Bits of `status` while an entity is being created or changed; only the older system leaves them.
const ONGOING: i32 = 2 | 4;

/// An entity with its definitions, exactly the fourteen keys of the wire.
#[derive(Debug, Clone, Serialize)]
pub struct EntityDetail {
    id: i64,
    name: String,
    note: String,
    item_name_pattern: String,
    item_name_type: String,
    status: i32,
    is_toplevel: bool,
    attrs: Vec<Value>,
    webhooks: Vec<WebhookItem>,
    isolation_rules: Vec<RuleItem>,
    is_public: bool,
    has_ongoing_changes: bool,
    permission: i32,
    delete_chain_exclude_entities: Vec<EntityRef>,
}

/// One definition, exactly the seventeen keys of the wire.
#[derive(Debug, Serialize)]
struct AttrDetail<'a> {
    id: i64,
    index: i32,
    name: &'a str,
    #[serde(rename = "type")]
    attr_type: i32,
    is_mandatory: bool,
    is_delete_in_chain: bool,
    is_summarized: bool,
    is_writable: bool,
    referral: Vec<EntityRef>,
    note: &'a str,
    default_value: Option<Value>,
    choices: Option<Value>,
    choices_in_use: Vec<String>,
    name_order: i32,
    name_prefix: &'a str,
    name_postfix: &'a str,
    display_attr: &'a str,
}

/// The detail of an active entity, for whoever may read it.
///
/// # Errors
/// There is no such entity, or it may not be read.
pub fn detail(op: &mut OpCtx, id: i64) -> Result<EntityDetail, OpError> {
    let row = open(op, id, Level::Readable)?;
    let attrs = attr_details(op, &row)?;
    let excludes = entities::chain_excludes(&mut op.db, id)?;
    Ok(EntityDetail {
        permission: acl::permission(op, &Subject::from(&row))?,
        attrs,
        id: row.id,
        name: row.name,
        note: row.note,
        item_name_pattern: row.item_name_pattern,
        item_name_type: row.item_name_type,
        status: row.status,
        is_toplevel: row.status & TOPLEVEL != 0,
        webhooks: webhook::shown(op, id)?,
        isolation_rules: isolation_rule::shown(op, id)?,
        is_public: row.is_public,
        has_ongoing_changes: row.status & ONGOING != 0,
        delete_chain_exclude_entities: excludes
            .into_iter()
            .map(|(id, name)| EntityRef { id, name })
            .collect(),
    })
}

fn attr_details(op: &mut OpCtx, entity: &EntityRow) -> Result<Vec<Value>, OpError> {
    let rows = attr::active_of(&mut op.db, entity.id)?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let referrals = if ids.is_empty() { Vec::new() } else { attr::referrals(&mut op.db, &ids)? };
    let selects: Vec<i64> = rows.iter().filter(|row| has_choices(row)).map(|row| row.id).collect();
    let mut in_use = attribute::in_use(op, &selects)?;
    acl::look_ahead(op, rows.iter().map(|row| Subject::attr(row, entity)))?;
    let mut attrs = Vec::with_capacity(rows.len());
    for row in &rows {
        let own = referrals.iter().filter(|(attr, _, _)| *attr == row.id);
        let referral = own.map(|(_, id, name)| EntityRef { id: *id, name: name.clone() }).collect();
        let in_use = in_use.remove(&row.id).unwrap_or_default().into_iter().collect();
        attrs.push(attr_detail(op, entity, row, referral, in_use)?);
    }
    if op.wants::<hooks::entity::get_attrs>() {
        let mut payload = EntityGetAttrs::default();
        payload.entity = entity_ref(entity);
        payload.attrs = attrs.into();
        op.filter::<hooks::entity::get_attrs>(&mut payload)?;
        attrs = payload.attrs.into_vec();
    }
    Ok(attrs)
}

fn has_choices(row: &EntityAttrRow) -> bool {
    AttrType::from_code(i64::from(row.attr_type)).is_some_and(attribute::has_choices)
}

fn attr_detail(
    op: &mut OpCtx,
    entity: &EntityRow,
    row: &EntityAttrRow,
    referral: Vec<EntityRef>,
    choices_in_use: Vec<String>,
) -> Result<Value, OpError> {
    let json = |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let detail = AttrDetail {
        id: row.id,
        index: row.sort_index,
        name: &row.name,
        attr_type: row.attr_type,
        is_mandatory: row.is_mandatory,
        is_delete_in_chain: row.is_delete_in_chain,
        is_summarized: row.is_summarized,
        is_writable: acl::allowed(op, &Subject::attr(row, entity), Level::Writable)?,
        referral,
        note: &row.note,
        default_value: json(&row.default_value),
        choices: json(&row.choices),
        choices_in_use,
        name_order: row.name_order,
        name_prefix: &row.name_prefix,
        name_postfix: &row.name_postfix,
        display_attr: &row.display_attr,
    };
    serde_json::to_value(detail).map_err(|error| OpError::Internal(error.into()))
}
