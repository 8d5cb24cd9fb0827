//! The access rules of one object: shown and changed. *Source: spec, acl-role §4 and §5.*

use super::memo;
use super::object::AclObject;
use crate::services::audit::{Action, AuditObject};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::role::RoleFilter;
use crate::store::queries::{acl, role};
use crate::store::rows::{GrantRow, NewAclChange, RoleRow};
use crate::wire::Fields;
use crate::wire::coerce::{self, Reader, Refusal};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::Level;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;

/// The access rules of an object, exactly the keys of the wire.
#[derive(Debug, Clone, Serialize)]
pub struct AclDetail {
    id: i64,
    name: String,
    is_public: bool,
    default_permission: i32,
    objtype: i32,
    roles: Vec<RoleGrant>,
    parent: Option<Parent>,
}

#[derive(Debug, Clone, Serialize)]
struct RoleGrant {
    id: i64,
    name: String,
    description: String,
    current_permission: i32,
}

#[derive(Debug, Clone, Serialize)]
struct Parent {
    id: i64,
    name: String,
    is_public: bool,
}

/// What a request says about access rules.
#[derive(Debug, Clone, Default)]
pub struct AclInput {
    is_public: Option<bool>,
    default_permission: Option<Level>,
    /// Role and level; nothing takes the grant away.
    settings: Vec<(i64, Level)>,
}

impl AclInput {
    /// Reads a request body.
    ///
    /// # Errors
    /// What is wrong with it, all fields together.
    pub fn read(body: &Value) -> Result<Self, OpError> {
        let mut reader = Reader::new(coerce::object(body)?);
        let is_public = reader.field("is_public", coerce::boolean);
        let default_permission = reader.field("default_permission", level);
        let settings = reader.each_of("acl_settings", setting).unwrap_or_default();
        if reader.errors.is_empty() {
            Ok(Self { is_public, default_permission, settings })
        } else {
            Err(reader.errors.into())
        }
    }
}

fn level(value: &Value) -> Result<Level, Refusal> {
    let refused = || (Code::Invalid, "expected 1, 2, 4 or 8".to_owned());
    Level::from_code(coerce::integer(value)?).ok_or_else(refused)
}

fn setting(element: &Value) -> Result<(i64, Level), Fields> {
    let mut reader = Reader::new(coerce::element(element)?);
    let role = reader.required("member_id", coerce::integer);
    let level = reader.required("value", level);
    match (role, level) {
        (Some(role), Some(level)) => Ok((role, level)),
        _ => Err(reader.errors),
    }
}

/// The access rules of an object in any state, for whoever may read it.
///
/// # Errors
/// There is no such object, or it may not be read.
pub fn detail(op: &mut OpCtx, id: i64) -> Result<AclDetail, OpError> {
    let object = AclObject::find(op, id)?;
    super::require(op, &object.subject(), Level::Readable)?;
    let grants = acl::grants_on(&mut op.db, id)?;
    show(op, &object, grants.into_iter().map(|(grant, _)| (grant.role_id, grant.level)).collect())
}

fn show(op: &mut OpCtx, object: &AclObject, levels: HashMap<i64, i32>) -> Result<AclDetail, OpError> {
    let roles: Vec<RoleRow> = if op.user()?.is_superuser {
        role::list(&mut op.db, &RoleFilter::default())?
    } else {
        let own = memo::roles(op)?;
        if own.is_empty() { Vec::new() } else { role::by_ids(&mut op.db, &own)? }
    };
    let rule = object.rule();
    let with_level = |role: RoleRow| RoleGrant {
        current_permission: levels.get(&role.id).copied().unwrap_or(Level::Nothing.code()),
        id: role.id,
        name: role.name,
        description: role.description,
    };
    Ok(AclDetail {
        id: rule.id,
        name: rule.name.to_owned(),
        is_public: rule.is_public,
        default_permission: rule.default_permission,
        objtype: object.wire_kind(),
        roles: roles.into_iter().map(with_level).collect(),
        parent: object.parent().map(|parent| Parent {
            id: parent.id,
            name: parent.name.to_owned(),
            is_public: parent.is_public,
        }),
    })
}

/// An object whose rules may be changed, found before the request body is read.
pub struct AclUpdate(AclObject);

impl AclUpdate {
    /// Finds the object: the acting user has it in full.
    ///
    /// # Errors
    /// There is no such object, or the permission is missing.
    pub fn open(op: &mut OpCtx, id: i64) -> Result<Self, OpError> {
        let object = AclObject::find_to_change(op, id)?;
        super::require(op, &object.subject(), Level::Full)?;
        Ok(Self(object))
    }
}

/// Changes the access rules of an object; what the request leaves out stays as it is.
///
/// # Errors
/// The request names what is not there, or would lock everybody out.
pub fn update(op: &mut OpCtx, target: AclUpdate, input: AclInput) -> Result<AclDetail, OpError> {
    let AclUpdate(object) = target;
    let (id, before) = (object.rule().id, object.rule());
    let is_public = input.is_public.unwrap_or(before.is_public);
    let default_permission = input.default_permission.map_or(before.default_permission, Level::code);

    let roles = named_roles(op, &input.settings)?;
    let grants = acl::grants_on(&mut op.db, id)?;
    let is_open = is_public || default_permission == Level::Full.code();
    if !op.user()?.is_superuser && !is_open && !keeps_somebody(op, &input.settings, &roles, &grants)? {
        return Err(super::denied(op, Some(before.to_ref()), Level::Full, None));
    }

    let mut changes = Vec::new();
    if (is_public, default_permission) != (before.is_public, before.default_permission) {
        object.set_flags(op, is_public, default_permission)?;
        changes.push(NewAclChange {
            was_public: Some(before.is_public),
            is_public: Some(is_public),
            old_level: before.default_permission,
            new_level: default_permission,
            ..change_of(op, &object)
        });
    }
    let mut levels: HashMap<i64, i32> =
        grants.into_iter().map(|(grant, _)| (grant.role_id, grant.level)).collect();
    changes.extend(set_grants(op, &object, &input.settings, &mut levels)?);
    if !changes.is_empty() {
        op.audit(Action::AclUpdate, AuditObject::from(&object.rule().to_ref()), || detail_of(&changes));
        if object.has_history() {
            acl::record(&mut op.db, &changes)?;
        }
        op.access.forget();
    }
    let object = object.with_flags(is_public, default_permission);
    show(op, &object, levels)
}

fn change_of(op: &OpCtx, object: &AclObject) -> NewAclChange {
    let rule = object.rule();
    NewAclChange {
        object_id: rule.id,
        object_name: rule.name.to_owned(),
        user_id: op.user_id(),
        at: op.now.as_micros(),
        ..NewAclChange::default()
    }
}

fn detail_of(changes: &[NewAclChange]) -> Value {
    let change = |change: &NewAclChange| match change.role_id {
        Some(role) => json!({"role": role, "before": change.old_level, "after": change.new_level}),
        None => json!({
            "is_public": {"before": change.was_public, "after": change.is_public},
            "default_permission": {"before": change.old_level, "after": change.new_level},
        }),
    };
    json!({"changes": changes.iter().map(change).collect::<Vec<_>>()})
}

/// The roles of the request, each named once and each there, active or not.
fn named_roles(op: &mut OpCtx, settings: &[(i64, Level)]) -> Result<Vec<RoleRow>, OpError> {
    if settings.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = settings.iter().map(|(role, _)| *role).collect();
    let roles = role::by_ids(&mut op.db, &ids)?;
    if roles.len() == ids.len() {
        return Ok(roles);
    }
    let message = "acl_settings: each member_id is the id of a role, and none occurs twice";
    Err(OpError::whole(Code::NotFound, message))
}

/// Whether somebody can change the rules afterwards. *Source: spec, acl-role §4 (quirk to keep: the role that
/// remains need not be one of the acting user).*
fn keeps_somebody(
    op: &mut OpCtx,
    settings: &[(i64, Level)],
    roles: &[RoleRow],
    grants: &[(GrantRow, bool)],
) -> Result<bool, OpError> {
    let own = memo::roles(op)?;
    if roles.iter().any(|role| !role.is_active || own.binary_search(&role.id).is_err()) {
        return Ok(false);
    }
    let is_named = |id: i64| settings.iter().any(|(role, _)| *role == id);
    let stays = |(grant, is_active): &(GrantRow, bool)| {
        *is_active && grant.level == Level::Full.code() && !is_named(grant.role_id)
    };
    Ok(grants.iter().any(stays) || settings.iter().any(|(_, level)| *level == Level::Full))
}

/// Sets the levels of roles on an object, and says which really changed, in the order of the request.
fn set_grants(
    op: &mut OpCtx,
    object: &AclObject,
    settings: &[(i64, Level)],
    levels: &mut HashMap<i64, i32>,
) -> Result<Vec<NewAclChange>, OpError> {
    let nothing = Level::Nothing.code();
    let (mut revoked, mut granted, mut changes) = (Vec::new(), Vec::new(), Vec::new());
    for (role_id, level) in settings {
        let (old_level, new_level) = (levels.get(role_id).copied().unwrap_or(nothing), level.code());
        if old_level == new_level {
            continue;
        }
        if old_level != nothing {
            revoked.push(*role_id);
        }
        if new_level != nothing {
            granted.push(GrantRow { object_id: object.rule().id, role_id: *role_id, level: new_level });
        }
        levels.insert(*role_id, new_level);
        changes.push(NewAclChange { role_id: Some(*role_id), old_level, new_level, ..change_of(op, object) });
    }
    acl::revoke(&mut op.db, object.rule().id, &revoked)?;
    acl::grant(&mut op.db, &granted)?;
    Ok(changes)
}
