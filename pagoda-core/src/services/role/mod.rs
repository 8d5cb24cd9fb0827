//! Roles: who holds which grants. *Source: spec, acl-role §6.*

mod input;
mod transfer;
mod write;

pub use input::RoleInput;
pub use transfer::{export, import};
pub use write::{RoleWritten, create, delete, open_to_change, update};

use super::acl::memo;
use super::ctx::OpCtx;
use super::error::OpError;
use crate::store::queries::group as groups;
use crate::store::queries::role::{self as roles, RoleFilter};
use crate::store::rows::{RoleRow, RoleTie, TiedRow};
use crate::store::sort_key::sort_key;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// A role, exactly the keys of the wire.
#[derive(Debug, Clone, Serialize)]
pub struct RoleItem {
    id: i64,
    is_active: bool,
    name: String,
    description: String,
    users: Vec<NamedUser>,
    groups: Vec<NamedGroup>,
    admin_users: Vec<NamedUser>,
    admin_groups: Vec<NamedGroup>,
    is_editable: bool,
}

#[derive(Debug, Clone, Serialize)]
struct NamedUser {
    id: i64,
    username: String,
}

/// A group, as others mention it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedGroup {
    id: i64,
    name: String,
}

/// A role of a user, and how the user comes to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleOfUser {
    id: i64,
    name: String,
    is_direct: bool,
    is_admin: bool,
    via_groups: Vec<NamedGroup>,
}

/// Who is tied to roles, by role.
struct Tied {
    users: HashMap<i64, Vec<TiedRow>>,
    groups: HashMap<i64, Vec<TiedRow>>,
}

impl Tied {
    /// Two statements, however many roles there are.
    fn load(op: &mut OpCtx, ids: &[i64]) -> Result<Self, OpError> {
        let by_role = |rows: Vec<TiedRow>| {
            let mut map: HashMap<i64, Vec<TiedRow>> = HashMap::new();
            for row in rows {
                map.entry(row.of).or_default().push(row);
            }
            map
        };
        Ok(Self {
            users: by_role(roles::users_of(&mut op.db, ids)?),
            groups: by_role(roles::groups_of(&mut op.db, ids)?),
        })
    }

    fn users(&self, role: i64, is_admin: bool) -> impl Iterator<Item = &TiedRow> {
        self.users.get(&role).into_iter().flatten().filter(move |row| row.is_admin == is_admin)
    }

    fn groups(&self, role: i64, is_admin: bool) -> impl Iterator<Item = &TiedRow> {
        self.groups.get(&role).into_iter().flatten().filter(move |row| row.is_admin == is_admin)
    }
}

/// Which roles a list shows; of those that the acting user does not belong to, administrators see all and others none.
#[derive(Debug, Clone, Default)]
pub struct RoleQuery {
    /// Words that the name contains, all of them, in lower case.
    pub terms: Vec<String>,
    /// Sort keys, descending where true; ascending id when empty.
    pub order: Vec<(roles::RoleOrder, bool)>,
}

/// The active roles that the acting user may see.
///
/// # Errors
/// The database does not answer.
pub fn list(op: &mut OpCtx, query: RoleQuery) -> Result<Vec<RoleItem>, OpError> {
    let rows = visible(op, query)?;
    items(op, rows)
}

fn visible(op: &mut OpCtx, query: RoleQuery) -> Result<Vec<RoleRow>, OpError> {
    let ids = if op.user()?.is_superuser { None } else { Some(memo::roles(op)?) };
    if ids.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let filter = RoleFilter { ids, terms: query.terms, order: query.order };
    Ok(roles::list(&mut op.db, &filter)?)
}

/// An active role that the acting user may see.
///
/// # Errors
/// There is none: to others a role does not exist.
pub fn detail(op: &mut OpCtx, id: i64) -> Result<RoleItem, OpError> {
    let row = open(op, id)?;
    items(op, vec![row])?.pop().ok_or_else(|| OpError::not_found("role", id))
}

fn open(op: &mut OpCtx, id: i64) -> Result<RoleRow, OpError> {
    let found = roles::by_id(&mut op.db, id)?.filter(|role| role.is_active);
    let role = found.ok_or_else(|| OpError::not_found("role", id))?;
    if op.user()?.is_superuser || memo::roles(op)?.binary_search(&id).is_ok() {
        return Ok(role);
    }
    Err(OpError::not_found("role", id))
}

fn items(op: &mut OpCtx, rows: Vec<RoleRow>) -> Result<Vec<RoleItem>, OpError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let tied = Tied::load(op, &ids)?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let users = |is_admin| {
            let active = tied.users(row.id, is_admin).filter(|user| user.is_active);
            active.map(|user| NamedUser { id: user.id, username: user.name.clone() }).collect()
        };
        let groups = |is_admin| {
            let active = tied.groups(row.id, is_admin).filter(|group| group.is_active);
            active.map(|group| NamedGroup { id: group.id, name: group.name.clone() }).collect()
        };
        items.push(RoleItem {
            users: users(false),
            groups: groups(false),
            admin_users: users(true),
            admin_groups: groups(true),
            is_editable: is_editable(op, row.id)?,
            id: row.id,
            is_active: row.is_active,
            name: row.name,
            description: row.description,
        });
    }
    Ok(items)
}

/// Whether the acting user may change the role. *Source: spec, acl-role §6.1.*
fn is_editable(op: &mut OpCtx, id: i64) -> Result<bool, OpError> {
    Ok(op.user()?.is_superuser || memo::ties(op)?.iter().any(|tie| tie.role_id == id && tie.is_admin))
}

/// The active roles of a user, by name, each once with every way that leads to it. Three statements.
///
/// # Errors
/// The database does not answer.
pub fn of_user(op: &mut OpCtx, user_id: i64) -> Result<Vec<RoleOfUser>, OpError> {
    let mut ties: BTreeMap<i64, Vec<RoleTie>> = BTreeMap::new();
    for tie in roles::ties_of_user(&mut op.db, user_id)? {
        ties.entry(tie.role_id).or_default().push(tie);
    }
    let ids: Vec<i64> = ties.keys().copied().collect();
    let mut via: Vec<i64> = ties.values().flatten().filter_map(|tie| tie.group_id).collect();
    via.sort_unstable();
    via.dedup();
    let groups: HashMap<i64, String> =
        groups::by_ids(&mut op.db, &via)?.into_iter().map(|group| (group.id, group.name)).collect();
    let mut found: Vec<RoleOfUser> = Vec::with_capacity(ids.len());
    for role in roles::by_ids(&mut op.db, &ids)? {
        let Some(ties) = ties.get(&role.id) else { continue };
        let mut ids: Vec<i64> = ties.iter().filter_map(|tie| tie.group_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let named = |id: i64| NamedGroup { id, name: groups.get(&id).cloned().unwrap_or_default() };
        let mut via_groups: Vec<NamedGroup> = ids.into_iter().map(named).collect();
        via_groups.sort_by_cached_key(|group| sort_key(&group.name));
        found.push(RoleOfUser {
            is_direct: ties.iter().any(|tie| tie.group_id.is_none()),
            is_admin: ties.iter().any(|tie| tie.is_admin),
            via_groups,
            id: role.id,
            name: role.name,
        });
    }
    found.sort_by_cached_key(|role| sort_key(&role.name));
    Ok(found)
}

/// The names of the active roles of the acting user.
///
/// # Errors
/// Nobody acts, or the database does not answer.
pub fn own_names(op: &mut OpCtx) -> Result<Vec<String>, OpError> {
    let ids = memo::roles(op)?;
    let mut names: Vec<String> = roles::by_ids(&mut op.db, &ids)?.into_iter().map(|role| role.name).collect();
    names.sort_by_cached_key(|name| sort_key(name));
    Ok(names)
}
