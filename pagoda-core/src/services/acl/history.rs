//! How the access rules of an object became what they are. *Source: spec, acl-role §5.4.*

use super::object::AclObject;
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{acl, attr, user};
use crate::store::rows::AclChangeRow;
use pagoda_plugin_sdk::model::Level;
use pagoda_plugin_sdk::time::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;

/// One step, exactly the keys of the wire.
#[derive(Debug, Clone, Serialize)]
pub struct AclStep {
    user: Option<Who>,
    time: String,
    name: String,
    changes: Vec<Change>,
}

#[derive(Debug, Clone, Serialize)]
struct Who {
    id: i64,
    username: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Change {
    action: &'static str,
    target: String,
    before: Value,
    after: Value,
}

/// A step before it is shown.
#[derive(Debug, Clone)]
struct Step {
    at: i64,
    user: Option<i64>,
    name: String,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Made { is_public: bool, permission: i32 },
    Flags { public: (bool, bool), permission: (i32, i32) },
    Grant { role: i64, role_name: String, old: i32, new: i32 },
}

/// The steps of an object in any state, of an entity with those of its active definitions; newest first.
///
/// # Errors
/// There is no such object, or it may not be read.
pub fn history(op: &mut OpCtx, id: i64) -> Result<Vec<AclStep>, OpError> {
    let object = AclObject::find(op, id)?;
    super::require(op, &object.subject(), Level::Readable)?;
    if !object.has_history() {
        return Ok(Vec::new());
    }
    let mut objects = vec![object];
    if let Some(AclObject::Entity(entity)) = objects.first().cloned() {
        let attrs = attr::active_of(&mut op.db, entity.id)?;
        let below = |row| AclObject::EntityAttr(Box::new((row, (*entity).clone())));
        objects.extend(attrs.into_iter().map(below));
    }
    let ids: Vec<i64> = objects.iter().map(|object| object.rule().id).collect();
    let changes = acl::changes_of(&mut op.db, &ids)?;
    let first_names = acl::first_names(&mut op.db, &ids)?;
    let steps = folded(in_order(&objects, changes, &first_names));
    let users: Vec<i64> = steps.iter().filter_map(|step| step.user).collect();
    let usernames = user::usernames(&mut op.db, &users)?;
    let show = |step: Step| AclStep {
        user: step.user.and_then(|id| Some(Who { id, username: usernames.get(&id)?.clone() })),
        time: op.host.zone.iso(Timestamp::from_micros(step.at)),
        changes: step.what.changes(),
        name: step.name,
    };
    Ok(steps.into_iter().rev().map(show).collect())
}

/// All steps of all objects, oldest first.
fn in_order(
    objects: &[AclObject],
    changes: Vec<(AclChangeRow, Option<String>)>,
    first_names: &HashMap<i64, String>,
) -> Vec<Step> {
    let mut steps: Vec<((i64, i64, i64), Step)> = Vec::new();
    for object in objects {
        let rule = object.rule();
        let (user, at) = object.made();
        // It was made with what its first change found.
        let first =
            changes.iter().map(|(row, _)| row).find(|row| row.object_id == rule.id && row.role_id.is_none());
        let is_public = first.and_then(|row| row.was_public).unwrap_or(rule.is_public);
        let permission = first.map_or(rule.default_permission, |row| row.old_level);
        let name = first_names.get(&rule.id).map_or(rule.name, String::as_str).to_owned();
        steps.push(((at, 0, rule.id), Step { at, user, name, what: What::Made { is_public, permission } }));
    }
    for (row, role_name) in changes {
        let current = objects.iter().map(AclObject::rule).find(|rule| rule.id == row.object_id);
        let (name, what) = match row.role_id {
            Some(role) => {
                let role_name = role_name.unwrap_or_default();
                let what = What::Grant { role, role_name, old: row.old_level, new: row.new_level };
                (current.map_or(row.object_name, |rule| rule.name.to_owned()), what)
            }
            None => {
                let public = (row.was_public.unwrap_or_default(), row.is_public.unwrap_or_default());
                let what = What::Flags { public, permission: (row.old_level, row.new_level) };
                (row.object_name, what)
            }
        };
        steps.push(((row.at, row.id, 0), Step { at: row.at, user: row.user_id, name, what }));
    }
    steps.sort_by_key(|(key, _)| *key);
    steps.into_iter().map(|(_, step)| step).collect()
}

/// A grant that was taken away and then given again, with nothing in between, is one change of it.
fn folded(steps: Vec<Step>) -> Vec<Step> {
    let mut folded: Vec<Step> = Vec::with_capacity(steps.len());
    let nothing = Level::Nothing.code();
    for mut step in steps {
        if let (Some(last), What::Grant { role, old, .. }) = (folded.last(), &mut step.what)
            && let What::Grant { role: last_role, old: last_old, new: last_new, .. } = &last.what
            && (*role, *old, *last_new) == (*last_role, nothing, nothing)
            && last.name == step.name
        {
            *old = *last_old;
            folded.pop();
        }
        folded.push(step);
    }
    folded
}

impl What {
    fn changes(&self) -> Vec<Change> {
        let nothing = Level::Nothing.code();
        match self {
            Self::Made { is_public, permission } => {
                let made = |target: &str, after: Value| Change {
                    action: "create",
                    target: target.to_owned(),
                    before: Value::Null,
                    after,
                };
                vec![made("is_public", json!(is_public)), made("default_permission", json!(permission))]
            }
            Self::Flags { public, permission } => {
                let changed = |target: &str, before: Value, after: Value| Change {
                    action: "update",
                    target: target.to_owned(),
                    before,
                    after,
                };
                let permission = changed("default_permission", json!(permission.0), json!(permission.1));
                let public = changed("is_public", json!(public.0), json!(public.1));
                [permission, public].into_iter().filter(|change| change.before != change.after).collect()
            }
            Self::Grant { role_name, old, new, .. } => {
                let action = match (*old == nothing, *new == nothing) {
                    (true, _) => "create",
                    (false, true) => "delete",
                    (false, false) => "update",
                };
                let (before, after) = (json!(old), json!(new));
                vec![Change { action, target: role_name.clone(), before, after }]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Step, What, folded};

    fn grant(name: &str, role: i64, old: i32, new: i32) -> Step {
        let what = What::Grant { role, role_name: format!("r{role}"), old, new };
        Step { at: 0, user: None, name: name.to_owned(), what }
    }

    fn check(steps: Vec<Step>, expected: &[(i32, i32)]) {
        let levels = |step: Step| match step.what {
            What::Grant { old, new, .. } => (old, new),
            other => panic!("{other:?}"),
        };
        assert_eq!(folded(steps).into_iter().map(levels).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_removal_and_a_grant_next_to_it_are_one_update() {
        check(vec![grant("e", 1, 4, 1), grant("e", 1, 1, 2)], &[(4, 2)]);
        check(vec![grant("e", 1, 1, 4), grant("e", 1, 4, 1), grant("e", 1, 1, 2)], &[(1, 4), (4, 2)]);
    }

    #[test]
    fn others_stay_apart() {
        check(vec![grant("e", 1, 4, 1), grant("e", 2, 1, 2)], &[(4, 1), (1, 2)]);
        check(vec![grant("e", 1, 4, 1), grant("f", 1, 1, 2)], &[(4, 1), (1, 2)]);
        check(vec![grant("e", 1, 4, 1), grant("e", 2, 1, 2), grant("e", 1, 1, 8)], &[(4, 1), (1, 2), (1, 8)]);
        check(vec![grant("e", 1, 1, 4), grant("e", 1, 4, 1)], &[(1, 4), (4, 1)]);
    }
}
