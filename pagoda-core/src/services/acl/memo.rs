//! What an operation has learnt of the acting user's roles and grants, so that it asks once.

use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{acl, role};
use crate::store::rows::RoleTie;
use pagoda_plugin_sdk::model::Level;
use std::collections::HashMap;
use std::sync::Arc;

/// True for one user and as long as nobody changes groups, roles or grants; who does calls [`Memo::forget`].
#[derive(Debug, Default)]
pub(in crate::services) struct Memo {
    /// Whose rights these are: within `as_plugin` somebody else acts.
    user: Option<i64>,
    ties: Option<Arc<[RoleTie]>>,
    /// The highest level by object; nothing where no role has a grant, absent where nobody asked.
    levels: HashMap<i64, i32>,
}

impl Memo {
    /// Ask the database again.
    pub(in crate::services) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The highest level that a role of the user has on the object, once it was loaded.
    pub(super) fn level(&self, object: i64) -> i32 {
        self.levels.get(&object).copied().unwrap_or(Level::Nothing.code())
    }

    fn be_about(&mut self, user: i64) {
        if self.user != Some(user) {
            *self = Self { user: Some(user), ..Self::default() };
        }
    }
}

/// Every way in which the acting user belongs to an active role.
///
/// # Errors
/// Nobody acts, or the database does not answer.
pub(in crate::services) fn ties(op: &mut OpCtx) -> Result<Arc<[RoleTie]>, OpError> {
    let user = op.user()?.id;
    op.access.be_about(user);
    if let Some(ties) = &op.access.ties {
        return Ok(Arc::clone(ties));
    }
    let ties: Arc<[RoleTie]> = role::ties_of_user(&mut op.db, user)?.into();
    op.access.ties = Some(Arc::clone(&ties));
    Ok(ties)
}

/// The active roles that the acting user belongs to, ascending.
///
/// # Errors
/// Nobody acts, or the database does not answer.
pub(in crate::services) fn roles(op: &mut OpCtx) -> Result<Vec<i64>, OpError> {
    let mut ids: Vec<i64> = ties(op)?.iter().map(|tie| tie.role_id).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Loads the levels on these objects, as far as they are not known.
///
/// # Errors
/// Nobody acts, or the database does not answer.
pub(super) fn load(op: &mut OpCtx, objects: &[i64]) -> Result<(), OpError> {
    let user = op.user()?.id;
    op.access.be_about(user);
    let unknown: Vec<i64> = objects.iter().copied().filter(|id| !op.access.levels.contains_key(id)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let roles = roles(op)?;
    let grants = if roles.is_empty() { Vec::new() } else { acl::grants(&mut op.db, &unknown, &roles)? };
    let levels = &mut op.access.levels;
    levels.extend(unknown.into_iter().map(|id| (id, Level::Nothing.code())));
    for grant in grants {
        levels.entry(grant.object_id).and_modify(|level| *level = grant.level.max(*level));
    }
    Ok(())
}
