//! Grants that come with a role, not with an object. *Source: spec, acl-role §6.3.*

use super::object::{has_history, lock_in};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::acl;
use crate::store::rows::{GrantRow, NewAclChange};
use pagoda_plugin_sdk::model::Level;
use std::collections::{BTreeMap, HashMap};

/// Grants a role these levels; where it has a higher one already, that stays. Gives the ids that are of no object.
///
/// # Errors
/// The database does not do it.
pub(in crate::services) fn raise(
    op: &mut OpCtx,
    role_id: i64,
    wanted: &[(i64, Level)],
) -> Result<Vec<i64>, OpError> {
    let mut levels: BTreeMap<i64, i32> = BTreeMap::new();
    for (id, level) in wanted {
        let highest = levels.entry(*id).or_insert(level.code());
        *highest = level.code().max(*highest);
    }
    let ids: Vec<i64> = levels.keys().copied().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let known: HashMap<i64, acl::AclTable> = acl::known(&mut op.db, &ids)?.into_iter().collect();
    // In the order of the ids, so that two imports do not wait for each other.
    for id in &ids {
        if let Some(table) = known.get(id) {
            lock_in(op, *table, *id)?;
        }
    }
    let granted = acl::grants(&mut op.db, &ids, &[role_id])?;
    let held: HashMap<i64, i32> = granted.into_iter().map(|grant| (grant.object_id, grant.level)).collect();
    let (mut unknown, mut changes) = (Vec::new(), Vec::new());
    for (object_id, new_level) in levels {
        let Some(table) = known.get(&object_id) else {
            unknown.push(object_id);
            continue;
        };
        let old_level = held.get(&object_id).copied().unwrap_or(Level::Nothing.code());
        if new_level <= old_level {
            continue;
        }
        acl::revoke(&mut op.db, object_id, &[role_id])?;
        acl::grant(&mut op.db, &[GrantRow { object_id, role_id, level: new_level }])?;
        if has_history(*table) {
            changes.push(NewAclChange {
                object_id,
                object_name: acl::name_of(&mut op.db, *table, object_id)?.unwrap_or_default(),
                role_id: Some(role_id),
                old_level,
                new_level,
                user_id: op.user_id(),
                at: op.now.as_micros(),
                ..NewAclChange::default()
            });
        }
    }
    acl::record(&mut op.db, &changes)?;
    op.access.forget();
    Ok(unknown)
}
