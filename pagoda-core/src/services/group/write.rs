//! Groups are made, changed and deleted by administrators. *Source: spec, auth-user §5.*

use super::GroupInput;
use crate::services::acl;
use crate::services::audit::{Action, AuditObject};
use crate::services::ctx::OpCtx;
use crate::services::entry::free_deleted_name;
use crate::services::error::OpError;
use crate::store::StoreError;
use crate::store::constraint::USER_GROUP_NAME;
use crate::store::queries::{group as groups, lock, user as users};
use crate::store::rows::GroupRow;
use pagoda_plugin_sdk::Code;
use serde::Serialize;
use serde_json::json;

/// A group that was written, exactly the keys of the wire.
#[derive(Debug, Clone, Serialize)]
pub struct GroupWritten {
    id: i64,
    name: String,
    parent_group: Option<i64>,
}

/// Makes a group; the caller has asked whether the acting user is an administrator.
///
/// # Errors
/// What the request breaks.
pub fn create(op: &mut OpCtx, input: GroupInput) -> Result<GroupWritten, OpError> {
    acl::require_superuser(op)?;
    lock::all_groups(&mut op.db)?;
    let input = judge(op, None, input)?;
    if is_full(op)? {
        return Err(OpError::whole(Code::LimitExceeded, FULL));
    }
    let name = input.name.unwrap_or_default();
    let id = groups::insert(&mut op.db, &name, input.parent).map_err(conflict)?;
    groups::set_members(&mut op.db, id, &input.members)?;
    op.audit(
        Action::GroupCreate,
        object(id, &name),
        || json!({"parent_group": input.parent, "members": input.members}),
    );
    op.access.forget();
    Ok(GroupWritten { id, name, parent_group: input.parent })
}

/// An active group for administrators, found before the request body is read.
///
/// # Errors
/// The acting user is none, or there is no such group.
pub fn open_to_change(op: &mut OpCtx, id: i64) -> Result<GroupRow, OpError> {
    acl::require_superuser(op)?;
    lock::all_groups(&mut op.db)?;
    super::active(op, id)
}

/// Changes a group; what the request leaves out becomes empty. *Source: spec, auth-user §5.2 (quirk to keep).*
///
/// # Errors
/// What the request breaks.
pub fn update(op: &mut OpCtx, mut row: GroupRow, input: GroupInput) -> Result<GroupWritten, OpError> {
    let input = judge(op, Some(row.id), input)?;
    let previous = std::mem::take(&mut row.name);
    row.name = input.name.unwrap_or_default();
    row.parent_id = input.parent;
    groups::update(&mut op.db, &row).map_err(conflict)?;
    groups::set_members(&mut op.db, row.id, &input.members)?;
    op.audit(
        Action::GroupUpdate,
        object(row.id, &row.name),
        || json!({"previous_name": previous, "parent_group": row.parent_id, "members": input.members}),
    );
    op.access.forget();
    Ok(GroupWritten { id: row.id, name: row.name, parent_group: row.parent_id })
}

/// Deletes a group: those below it come below the one above it. Its members stay noted and count no more.
///
/// # Errors
/// The acting user is no administrator, or there is no such group.
pub fn delete(op: &mut OpCtx, id: i64) -> Result<(), OpError> {
    let mut row = open_to_change(op, id)?;
    let previous = row.name.clone();
    // In a cycle the one above may be one of those below.
    let above = row.parent_id.filter(|parent| *parent != id);
    groups::move_children(&mut op.db, id, above)?;
    if let Some(above) = above
        && let Some(mut parent) = groups::by_id(&mut op.db, above)?
        && parent.parent_id == Some(above)
    {
        parent.parent_id = None;
        groups::update(&mut op.db, &parent)?;
    }
    row.name = free_deleted_name(op, &row.name, |op, name| {
        Ok(!groups::by_names(&mut op.db, &[name.to_owned()])?.is_empty())
    })?;
    row.is_active = false;
    groups::update(&mut op.db, &row).map_err(conflict)?;
    op.audit(Action::GroupDelete, object(id, &previous), || json!({"deleted_name": row.name}));
    op.access.forget();
    Ok(())
}

pub(super) fn object(id: i64, name: &str) -> AuditObject {
    AuditObject { kind: "group", id: Some(id), name: name.to_owned() }
}

fn judge(op: &mut OpCtx, id: Option<i64>, mut input: GroupInput) -> Result<GroupInput, OpError> {
    if let Some(name) = input.name.clone() {
        let found = groups::by_names(&mut op.db, &[name])?;
        if found.iter().any(|other| Some(other.id) != id) {
            input.errors.add("name", Code::Other, NAME_TAKEN);
        }
    }
    if let Some(parent) = input.parent {
        match groups::by_id(&mut op.db, parent)? {
            None => {
                input.errors.add("parent_group", Code::NotFound, format!("there is no group {parent}"));
            }
            // *Source: spec, auth-user §5.2.*
            Some(row) if !row.is_active => input.parent = None,
            Some(_) => {
                if let Some(id) = id
                    && groups::with_ancestors(&mut op.db, parent)?.contains(&id)
                {
                    let message = "a group cannot be below itself";
                    input.errors.add("parent_group", Code::InvalidValue, message);
                }
            }
        }
    }
    if !input.members.is_empty() && !input.errors.has("members") {
        let known = users::usernames(&mut op.db, &input.members)?;
        if let Some(missing) = input.members.iter().find(|id| !known.contains_key(id)) {
            input.errors.add("members", Code::NotFound, format!("there is no user {missing}"));
        }
    }
    if input.errors.is_empty() { Ok(input) } else { Err(input.errors.into()) }
}

/// Whether there are as many groups as there may be. *Source: spec, auth-user §3.1.*
pub(super) fn is_full(op: &mut OpCtx) -> Result<bool, OpError> {
    let Some(most) = op.host.limits.groups else { return Ok(false) };
    Ok(usize::try_from(groups::count(&mut op.db)?).is_ok_and(|count| count >= most))
}

pub(super) const FULL: &str = "there are as many groups as this server may have";

const NAME_TAKEN: &str = "a group of this name exists already";

fn conflict(error: StoreError) -> OpError {
    match error {
        StoreError::Conflict { constraint } if constraint == USER_GROUP_NAME => {
            OpError::field("name", Code::Other, NAME_TAKEN)
        }
        error => error.into(),
    }
}
