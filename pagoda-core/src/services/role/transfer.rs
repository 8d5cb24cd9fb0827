//! Roles as lists: import and export. *Source: spec, acl-role §6.3 and §6.4.*

use super::input::MOST_NAME;
use super::write::{FULL, Members, is_full, object};
use super::{RoleQuery, Tied, visible};
use crate::services::acl::{self, grants};
use crate::services::audit::Action;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::job::{self, Operation, Status};
use crate::services::transfer;
use crate::store::queries::role::RoleOrder;
use crate::store::queries::{acl as acls, group as groups, lock, role as roles, user as users};
use crate::store::rows::{RoleRow, TiedRow};
use crate::wire::coerce::{self, Reader, Refusal};
use crate::wire::{Fields, leaf};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::Level;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

const KIND: &str = "role";

/// The levels that can be granted, by the names of lists. *Source: spec, acl-role §1.*
const LEVELS: [(&str, Level); 3] =
    [("readable", Level::Readable), ("writable", Level::Writable), ("full", Level::Full)];

struct Row {
    id: Option<i64>,
    name: String,
    description: String,
    users: Vec<String>,
    groups: Vec<String>,
    admin_users: Vec<String>,
    admin_groups: Vec<String>,
    /// What is written as the object's id, and the level.
    permissions: Vec<(Value, Level)>,
}

fn read(element: &Value) -> Result<Row, Fields> {
    let mut reader = Reader::new(coerce::element(element)?);
    let name = reader.required("name", |value| coerce::name(value, MOST_NAME));
    let id = reader.field("id", coerce::integer);
    let description = reader.field("description", |value| coerce::line(value, usize::MAX));
    let users = names(&mut reader, "users");
    let groups = names(&mut reader, "groups");
    let admin_users = names(&mut reader, "admin_users");
    let admin_groups = names(&mut reader, "admin_groups");
    let permissions = permissions(&mut reader);
    if !reader.errors.is_empty() {
        return Err(reader.errors);
    }
    let (name, description) = (name.unwrap_or_default(), description.unwrap_or_default());
    Ok(Row { id, name, description, users, groups, admin_users, admin_groups, permissions })
}

/// A list of names, which must be there.
fn names(reader: &mut Reader<'_>, field: &str) -> Vec<String> {
    let Some(list) = reader.required(field, list) else { return Vec::new() };
    let (mut names, mut bad) = (Vec::new(), Map::new());
    for (index, element) in list.iter().enumerate() {
        match coerce::name(element, MOST_NAME) {
            Ok(name) => names.push(name),
            Err((code, message)) => {
                bad.insert(index.to_string(), Value::Array(vec![leaf(code, message)]));
            }
        }
    }
    if !bad.is_empty() {
        reader.errors.nest(field, Value::Object(bad));
    }
    names
}

fn list(value: &Value) -> Result<Vec<Value>, Refusal> {
    match value {
        Value::Array(list) => Ok(list.clone()),
        Value::Null => Err((Code::Other, "null is not allowed".to_owned())),
        _ => Err((Code::Invalid, "expected a list".to_owned())),
    }
}

fn permissions(reader: &mut Reader<'_>) -> Vec<(Value, Level)> {
    let Some(list) = reader.field("permissions", list) else { return Vec::new() };
    let (mut permissions, mut bad) = (Vec::new(), Map::new());
    for (index, element) in list.iter().enumerate() {
        let Value::Object(fields) = element else {
            let complaint = leaf(Code::Other, "expected a mapping with obj_id and permission");
            bad.insert(index.to_string(), Value::Array(vec![complaint]));
            continue;
        };
        let name = fields.get("permission").and_then(Value::as_str).unwrap_or_default();
        // Levels that cannot be granted are passed over.
        if let Some((_, level)) = LEVELS.iter().find(|(known, _)| *known == name) {
            permissions.push((fields.get("obj_id").cloned().unwrap_or_default(), *level));
        }
    }
    if !bad.is_empty() {
        reader.errors.nest("permissions", Value::Object(bad));
    }
    permissions
}

/// Imports roles within a job, and gives its id. What of a row cannot be done stands in the text of the job, and the
/// rest is done.
///
/// # Errors
/// The acting user is no administrator, or the rows are not what they should be; then there is no job.
pub fn import(op: &mut OpCtx, body: Value) -> Result<i64, OpError> {
    acl::require_superuser(op)?;
    let params = body.clone();
    let rows = transfer::before_import(op, KIND, body, read)?;
    let job = job::begin(op, Operation::ImportRole, None, &params)?;
    lock::all_roles(&mut op.db)?;
    let (total, mut failed, mut failures, mut is_over) = (rows.len(), 0, Vec::new(), false);
    for row in rows {
        let name = row.name.clone();
        let complaints = apply(op, row)?;
        failed += usize::from(!complaints.is_empty());
        is_over |= complaints.iter().any(|complaint| complaint == FULL);
        failures.extend(complaints.into_iter().map(|complaint| format!("{name}: {complaint}")));
    }
    op.access.forget();
    let status = match failures.is_empty() {
        true => Status::Done,
        // *Source: spec, auth-user §3.1.*
        false if is_over => Status::Error,
        false => Status::Warning,
    };
    job::finish(op, job, status, &failures.join("\n"))?;
    transfer::after_import(op, KIND, total - failed, failed);
    Ok(job.id)
}

/// One row; what could not be done is said.
fn apply(op: &mut OpCtx, row: Row) -> Result<Vec<String>, OpError> {
    let mut role = match addressed(op, &row)? {
        Ok(role) => role,
        Err(complaint) => return Ok(vec![complaint]),
    };
    role.name.clone_from(&row.name);
    role.description.clone_from(&row.description);
    roles::update(&mut op.db, &role)?;
    let mut complaints = Vec::new();
    let members = Members {
        users: users_named(op, &row.users, &mut complaints)?,
        groups: groups_named(op, &row.groups, &mut complaints)?,
        admin_users: users_named(op, &row.admin_users, &mut complaints)?,
        admin_groups: groups_named(op, &row.admin_groups, &mut complaints)?,
    };
    members.store(op, role.id)?;
    let mut wanted = Vec::with_capacity(row.permissions.len());
    for (object, level) in row.permissions {
        match coerce::id(&object) {
            Ok(id) => wanted.push((id, level)),
            Err(_) => complaints.push(format!("{object} is no object")),
        }
    }
    let unknown = grants::raise(op, role.id, &wanted)?;
    complaints.extend(unknown.into_iter().map(|id| format!("there is no object {id}")));
    op.audit(Action::RoleUpdate, object(role.id, &role.name), || {
        json!({
            "import": true, "members": members.audited(),
            "permissions": wanted.iter().map(|(id, level)| json!([id, level.code()])).collect::<Vec<_>>(),
        })
    });
    Ok(complaints)
}

/// The role that a row is about, made if it names none.
fn addressed(op: &mut OpCtx, row: &Row) -> Result<Result<RoleRow, String>, OpError> {
    let named = roles::by_name(&mut op.db, &row.name)?;
    if let Some(id) = row.id {
        let found = roles::by_id(&mut op.db, id)?.filter(|role| role.is_active);
        let taken = named.is_some_and(|other| other.id != id);
        return Ok(match found {
            None => Err(format!("there is no role {id}")),
            Some(_) if taken => Err("another role has this name".to_owned()),
            Some(role) => Ok(role),
        });
    }
    match named {
        Some(role) if role.is_active => Ok(Ok(role)),
        Some(_) => Ok(Err("a deleted role has this name".to_owned())),
        None if is_full(op)? => Ok(Err(FULL.to_owned())),
        None => {
            let id = roles::insert(&mut op.db, &row.name, &row.description)?;
            op.audit(Action::RoleCreate, object(id, &row.name), || json!({"import": true}));
            let made = roles::by_id(&mut op.db, id)?;
            Ok(made.ok_or_else(|| format!("there is no role {id}")))
        }
    }
}

fn users_named(op: &mut OpCtx, names: &[String], complaints: &mut Vec<String>) -> Result<Vec<i64>, OpError> {
    let found = users::by_usernames(&mut op.db, names)?.into_iter().filter(|user| user.is_active);
    let ids = found.map(|user| (user.username, user.id)).collect();
    Ok(pick(names, &ids, "user", complaints))
}

fn groups_named(op: &mut OpCtx, names: &[String], complaints: &mut Vec<String>) -> Result<Vec<i64>, OpError> {
    let found = groups::by_names(&mut op.db, names)?.into_iter().filter(|group| group.is_active);
    let ids = found.map(|group| (group.name, group.id)).collect();
    Ok(pick(names, &ids, "group", complaints))
}

fn pick(
    names: &[String],
    known: &HashMap<String, i64>,
    what: &str,
    complaints: &mut Vec<String>,
) -> Vec<i64> {
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        match known.get(name) {
            Some(id) => ids.push(*id),
            None => complaints.push(format!("there is no {what} `{name}`")),
        }
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The roles that the acting user may see as rows, with their grants.
///
/// # Errors
/// The database does not answer, or a handler refused.
pub fn export(op: &mut OpCtx) -> Result<Vec<Value>, OpError> {
    let query = RoleQuery { order: vec![(RoleOrder::Id, false)], ..RoleQuery::default() };
    let found = visible(op, query)?;
    let ids: Vec<i64> = found.iter().map(|role| role.id).collect();
    let tied = Tied::load(op, &ids)?;
    let mut granted: HashMap<i64, Vec<Value>> = HashMap::new();
    for grant in acls::grants_of(&mut op.db, &ids)? {
        let name = LEVELS.iter().find(|(_, level)| level.code() == grant.level).map(|(name, _)| *name);
        let row = json!({"obj_id": grant.object_id, "permission": name});
        granted.entry(grant.role_id).or_default().push(row);
    }
    let names = |rows: Vec<&TiedRow>| {
        let active = rows.into_iter().filter(|row| row.is_active);
        active.map(|row| row.name.clone()).collect::<Vec<_>>()
    };
    let row = |role: RoleRow| {
        json!({
            "id": role.id,
            "name": role.name,
            "description": role.description,
            "users": names(tied.users(role.id, false).collect()),
            "groups": names(tied.groups(role.id, false).collect()),
            "admin_users": names(tied.users(role.id, true).collect()),
            "admin_groups": names(tied.groups(role.id, true).collect()),
            "permissions": granted.remove(&role.id).unwrap_or_default(),
        })
    };
    let rows = found.into_iter().map(row).collect();
    transfer::export(op, KIND, rows)
}
