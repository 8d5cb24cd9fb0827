//! Roles are made, changed and deleted by their administrators. *Source: spec, acl-role §6.2.*

use super::input::Ids;
use super::{RoleInput, Tied};
use crate::services::acl;
use crate::services::audit::{Action, AuditObject};
use crate::services::ctx::OpCtx;
use crate::services::entry::free_deleted_name;
use crate::services::error::OpError;
use crate::services::group;
use crate::store::StoreError;
use crate::store::constraint::ROLE_NAME;
use crate::store::queries::{group as groups, lock, role as roles, user as users};
use crate::store::rows::{RoleRow, TiedRow};
use crate::wire::Fields;
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::Level;
use serde::Serialize;
use serde_json::json;
use std::collections::HashSet;

/// A role that was written, exactly the keys of the wire and its id.
#[derive(Debug, Clone, Serialize)]
pub struct RoleWritten {
    id: i64,
    is_active: bool,
    name: String,
    description: String,
    users: Vec<i64>,
    groups: Vec<i64>,
    admin_users: Vec<i64>,
    admin_groups: Vec<i64>,
}

/// Who belongs to a role, ids ascending, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Members {
    pub(super) users: Vec<i64>,
    pub(super) groups: Vec<i64>,
    pub(super) admin_users: Vec<i64>,
    pub(super) admin_groups: Vec<i64>,
}

impl Members {
    fn of(op: &mut OpCtx, role: i64) -> Result<Self, OpError> {
        let tied = Tied::load(op, &[role])?;
        let ids = |rows: Vec<&TiedRow>| rows.into_iter().map(|row| row.id).collect();
        Ok(Self {
            users: ids(tied.users(role, false).collect()),
            groups: ids(tied.groups(role, false).collect()),
            admin_users: ids(tied.users(role, true).collect()),
            admin_groups: ids(tied.groups(role, true).collect()),
        })
    }

    /// Stores them in place of those that are there.
    pub(super) fn store(&self, op: &mut OpCtx, role: i64) -> Result<(), OpError> {
        roles::set_users(&mut op.db, role, false, &self.users)?;
        roles::set_users(&mut op.db, role, true, &self.admin_users)?;
        roles::set_groups(&mut op.db, role, false, &self.groups)?;
        roles::set_groups(&mut op.db, role, true, &self.admin_groups)?;
        Ok(())
    }

    pub(super) fn audited(&self) -> serde_json::Value {
        json!({
            "users": self.users, "groups": self.groups,
            "admin_users": self.admin_users, "admin_groups": self.admin_groups,
        })
    }
}

/// Makes a role.
///
/// # Errors
/// The acting user may only read, or what the request breaks.
pub fn create(op: &mut OpCtx, input: RoleInput) -> Result<RoleWritten, OpError> {
    acl::require_not_readonly(op)?;
    let description = input.description.clone().unwrap_or_default();
    let (name, members) = judge(op, None, input)?;
    if is_full(op)? {
        return Err(OpError::whole(Code::LimitExceeded, FULL));
    }
    let id = roles::insert(&mut op.db, &name, &description).map_err(conflict)?;
    members.store(op, id)?;
    op.audit(Action::RoleCreate, object(id, &name), || members.audited());
    op.access.forget();
    Ok(written(id, name, description, members))
}

/// An active role that the acting user may change, found before the request body is read.
///
/// # Errors
/// The acting user may only read; the role is not there or not to be seen; it is not theirs to change.
pub fn open_to_change(op: &mut OpCtx, id: i64) -> Result<RoleRow, OpError> {
    acl::require_not_readonly(op)?;
    lock::role(&mut op.db, id)?;
    let role = super::open(op, id)?;
    if super::is_editable(op, id)? {
        return Ok(role);
    }
    Err(acl::denied_to(op, object(id, &role.name), Level::Full))
}

/// Changes a role; sets and the description that the request leaves out stay as they are.
///
/// # Errors
/// What the request breaks.
pub fn update(op: &mut OpCtx, mut row: RoleRow, input: RoleInput) -> Result<RoleWritten, OpError> {
    let description = input.description.clone();
    let (name, members) = judge(op, Some(row.id), input)?;
    row.name = name;
    row.description = description.unwrap_or(row.description);
    roles::update(&mut op.db, &row).map_err(conflict)?;
    members.store(op, row.id)?;
    op.audit(Action::RoleUpdate, object(row.id, &row.name), || members.audited());
    op.access.forget();
    Ok(written(row.id, row.name, row.description, members))
}

/// Deletes a role: its grants stay stored and count no more.
///
/// # Errors
/// As [`open_to_change`].
pub fn delete(op: &mut OpCtx, id: i64) -> Result<(), OpError> {
    let mut row = open_to_change(op, id)?;
    let previous = row.name.clone();
    row.name = free_deleted_name(op, &row.name, |op, name| Ok(roles::by_name(&mut op.db, name)?.is_some()))?;
    row.is_active = false;
    roles::update(&mut op.db, &row)?;
    op.audit(Action::RoleDelete, object(id, &previous), || json!({"deleted_name": row.name}));
    op.access.forget();
    Ok(())
}

fn written(id: i64, name: String, description: String, members: Members) -> RoleWritten {
    let Members { users, groups, admin_users, admin_groups } = members;
    RoleWritten { id, is_active: true, name, description, users, groups, admin_users, admin_groups }
}

pub(super) fn object(id: i64, name: &str) -> AuditObject {
    AuditObject { kind: "role", id: Some(id), name: name.to_owned() }
}

/// The name, and who will belong to the role.
fn judge(op: &mut OpCtx, id: Option<i64>, input: RoleInput) -> Result<(String, Members), OpError> {
    let mut errors = input.errors;
    let name = input.name.unwrap_or_default();
    if !errors.has("name") && roles::by_name(&mut op.db, &name)?.is_some_and(|other| Some(other.id) != id) {
        errors.add("name", Code::Other, NAME_TAKEN);
    }
    let known: HashSet<i64> = {
        let ids = asked(&input.users, &input.admin_users);
        users::usernames(&mut op.db, &ids)?.into_keys().collect()
    };
    let users = checked("users", input.users, &known, &mut errors);
    let admin_users = checked("admin_users", input.admin_users, &known, &mut errors);
    let known: HashSet<i64> = {
        let ids = asked(&input.groups, &input.admin_groups);
        groups::by_ids(&mut op.db, &ids)?.into_iter().map(|group| group.id).collect()
    };
    let groups = checked("groups", input.groups, &known, &mut errors);
    let admin_groups = checked("admin_groups", input.admin_groups, &known, &mut errors);
    if !errors.is_empty() {
        return Err(errors.into());
    }
    let sent = |ids: &Option<Vec<i64>>| ids.clone().unwrap_or_default();
    let sent = Members {
        users: sent(&users),
        groups: sent(&groups),
        admin_users: sent(&admin_users),
        admin_groups: sent(&admin_groups),
    };
    let stored = match id {
        Some(id) => Members::of(op, id)?,
        None => Members::default(),
    };
    let saved = Members {
        users: users.unwrap_or(stored.users),
        groups: groups.unwrap_or(stored.groups),
        admin_users: admin_users.unwrap_or(stored.admin_users),
        admin_groups: admin_groups.unwrap_or(stored.admin_groups),
    };
    judge_as_whole(op, &sent, &saved)?;
    Ok((name, saved))
}

/// The first complaint only, in the order of the specification. *Source: spec, acl-role §6.2.*
fn judge_as_whole(op: &mut OpCtx, sent: &Members, saved: &Members) -> Result<(), OpError> {
    let refused = |message: &str| Err(OpError::whole(Code::Required, message));
    if sent.admin_users.is_empty() && sent.admin_groups.is_empty() {
        return refused("a role needs an administrator: send `admin_users` or `admin_groups`");
    }
    if !administers(op, saved)? {
        return refused("you would not be an administrator of the role yourself");
    }
    if sent.users.iter().any(|id| sent.admin_users.contains(id)) {
        return refused("a user is either in `users` or in `admin_users`");
    }
    if sent.groups.iter().any(|id| sent.admin_groups.contains(id)) {
        return refused("a group is either in `groups` or in `admin_groups`");
    }
    Ok(())
}

fn administers(op: &mut OpCtx, saved: &Members) -> Result<bool, OpError> {
    let user = op.user()?;
    if user.is_superuser || saved.admin_users.contains(&user.id) {
        return Ok(true);
    }
    let id = user.id;
    if saved.admin_groups.is_empty() {
        return Ok(false);
    }
    Ok(group::of_user(op, id)?.iter().any(|group| saved.admin_groups.contains(&group.id)))
}

fn asked(members: &Option<Ids>, admins: &Option<Ids>) -> Vec<i64> {
    let sent = members.iter().chain(admins).flatten();
    let mut ids: Vec<i64> = sent.filter_map(|id| id.as_ref().ok().copied()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The ids of a set, ascending, each once; the first bad one is complained about.
fn checked(field: &str, sent: Option<Ids>, known: &HashSet<i64>, errors: &mut Fields) -> Option<Vec<i64>> {
    let mut ids = Vec::new();
    for id in sent? {
        let known = |id: i64| match known.contains(&id) {
            true => Ok(id),
            false => Err((Code::NotFound, format!("{id} does not exist"))),
        };
        match id.and_then(known) {
            Ok(id) => ids.push(id),
            Err((code, message)) => {
                errors.add(field, code, message);
                return None;
            }
        }
    }
    ids.sort_unstable();
    ids.dedup();
    Some(ids)
}

/// Whether there are as many roles as there may be. *Source: spec, auth-user §3.1.*
pub(super) fn is_full(op: &mut OpCtx) -> Result<bool, OpError> {
    let Some(most) = op.host.limits.roles else { return Ok(false) };
    Ok(usize::try_from(roles::count(&mut op.db)?).is_ok_and(|count| count >= most))
}

pub(super) const FULL: &str = "there are as many roles as this server may have";

const NAME_TAKEN: &str = "a role of this name exists already";

fn conflict(error: StoreError) -> OpError {
    match error {
        StoreError::Conflict { constraint } if constraint == ROLE_NAME => {
            OpError::field("name", Code::Other, NAME_TAKEN)
        }
        error => error.into(),
    }
}
