//! An entry with its values. *Source: spec, entry §1.1.*

use super::held::{Held, held_by};
use super::{entry_ref, label, open};
use crate::services::acl::{self, Subject};
use crate::services::attribute::Shown;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::user;
use crate::store::rows::{EntityRow, EntryRow};
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::model::Level;
use pagoda_plugin_sdk::payload::EntryGetAttrs;
use pagoda_plugin_sdk::time::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// An entity inside an answer about an entry.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SchemaItem {
    id: i64,
    name: String,
    is_public: bool,
    permission: i32,
}

impl SchemaItem {
    pub(super) fn of(entity: &EntityRow, permission: i32) -> Self {
        Self { id: entity.id, name: entity.name.clone(), is_public: entity.is_public, permission }
    }
}

/// Who deleted something.
#[derive(Debug, Clone, Serialize)]
pub(super) struct DeletedUser {
    id: i64,
    username: String,
    email: String,
    is_superuser: bool,
    date_joined: String,
}

impl DeletedUser {
    /// The user of this id, if there is one.
    ///
    /// # Errors
    /// The database does not answer.
    pub(super) fn of(op: &mut OpCtx, id: Option<i64>) -> Result<Option<Self>, OpError> {
        let Some(id) = id else { return Ok(None) };
        Ok(user::by_id(&mut op.db, id)?.map(|user| Self {
            id: user.id,
            username: user.username,
            email: user.email,
            is_superuser: user.is_superuser,
            date_joined: Timestamp::from_micros(user.date_joined).utc_iso(),
        }))
    }
}

/// One attribute of a detail.
#[derive(Debug, Clone, Serialize)]
pub(super) struct DetailAttr {
    id: Option<i64>,
    #[serde(rename = "type")]
    attr_type: i32,
    is_mandatory: bool,
    is_readable: bool,
    value: Shown,
    schema: AttrName,
}

#[derive(Debug, Clone, Serialize)]
struct AttrName {
    id: i64,
    name: String,
}

/// The attributes of a detail: as the host has them, or as a plugin left them.
#[derive(Debug, Clone)]
pub(super) enum DetailAttrs {
    /// Nobody touched them.
    Own(Vec<DetailAttr>),
    /// `entry.get_attrs` handlers ran over them.
    Filtered(Vec<Value>),
}

impl Serialize for DetailAttrs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Own(attrs) => attrs.serialize(serializer),
            Self::Filtered(attrs) => attrs.serialize(serializer),
        }
    }
}

/// An entry with its values, exactly the nine keys of the wire.
#[derive(Debug, Clone, Serialize)]
pub struct EntryDetail {
    id: i64,
    name: String,
    schema: SchemaItem,
    is_active: bool,
    deleted_user: Option<DeletedUser>,
    deleted_time: Option<String>,
    attrs: DetailAttrs,
    is_public: bool,
    permission: i32,
}

impl EntryDetail {
    /// The attributes as JSON.
    #[must_use]
    pub fn into_attrs(self) -> Vec<Value> {
        match self.attrs {
            DetailAttrs::Own(attrs) => to_json(&attrs),
            DetailAttrs::Filtered(attrs) => attrs,
        }
    }
}

/// The detail of an entry in any state, for whoever may read it.
///
/// # Errors
/// There is no such entry, or it may not be read.
pub fn detail(op: &mut OpCtx, id: i64) -> Result<EntryDetail, OpError> {
    let (entry, entity) = open(op, id, Level::Readable)?;
    detail_of(op, &entry, &entity)
}

/// The detail of an entry that may be read.
///
/// # Errors
/// The database does not answer.
pub fn detail_of(op: &mut OpCtx, entry: &EntryRow, entity: &EntityRow) -> Result<EntryDetail, OpError> {
    let held = held_by(op, entry.id, entity.id)?;
    acl::look_ahead(op, held.iter().map(|held| held.subject(entry, entity)))?;
    let mut attrs = Vec::with_capacity(held.len());
    for held in &held {
        attrs.push(show(op, held, entry, entity)?);
    }
    label::add(op, held.iter().map(|held| &held.attr).zip(attrs.iter_mut().map(|attr| &mut attr.value)))?;
    let attrs = filtered(op, attrs, entry, entity)?;
    let permission = acl::permission(op, &Subject::entry(entry, entity))?;
    let schema = SchemaItem::of(entity, acl::permission(op, &entity.into())?);
    Ok(EntryDetail {
        id: entry.id,
        name: entry.name.clone(),
        schema,
        is_active: entry.is_active,
        deleted_user: DeletedUser::of(op, entry.deleted_user_id)?,
        deleted_time: entry.deleted_time.map(|time| op.host.zone.iso(Timestamp::from_micros(time))),
        attrs,
        is_public: entry.is_public,
        permission,
    })
}

fn show(op: &mut OpCtx, held: &Held, entry: &EntryRow, entity: &EntityRow) -> Result<DetailAttr, OpError> {
    let is_readable = acl::allowed(op, &held.subject(entry, entity), Level::Readable)?;
    Ok(DetailAttr {
        id: held.attribute.as_ref().map(|attribute| attribute.id),
        attr_type: held.attr_type.code(),
        is_mandatory: held.attr.is_mandatory,
        is_readable,
        value: if is_readable { held.shown() } else { held.value_type.show_blank() },
        schema: AttrName { id: held.attr.id, name: held.attr.name.clone() },
    })
}

/// All values as payloads carry them, whoever may read them: hooks see what is written.
pub(super) fn for_hooks(held: &[Held]) -> Vec<Value> {
    held.iter()
        .map(|held| {
            json!({
                "id": held.attribute.as_ref().map(|attribute| attribute.id),
                "type": held.attr_type.code(),
                "is_mandatory": held.attr.is_mandatory,
                "is_readable": true,
                "value": held.shown(),
                "schema": {"id": held.attr.id, "name": held.attr.name},
            })
        })
        .collect()
}

fn to_json(attrs: &[DetailAttr]) -> Vec<Value> {
    attrs.iter().map(|attr| json!(attr)).collect()
}

fn filtered(
    op: &mut OpCtx,
    attrs: Vec<DetailAttr>,
    entry: &EntryRow,
    entity: &EntityRow,
) -> Result<DetailAttrs, OpError> {
    if !op.wants::<hooks::entry::get_attrs>() {
        return Ok(DetailAttrs::Own(attrs));
    }
    let mut payload = EntryGetAttrs::default();
    payload.entry = entry_ref(entry, entity);
    payload.attrs = to_json(&attrs).into();
    op.filter::<hooks::entry::get_attrs>(&mut payload)?;
    Ok(DetailAttrs::Filtered(payload.attrs.into_vec()))
}
