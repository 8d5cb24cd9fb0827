//! The account of a plugin: who acts when a plugin acts as itself.
//!
//! It is an ordinary user named `plugin:<id>`, so that access rules and history need to know nothing of
//! plugins. It is inactive and has neither password nor token: nobody logs in as it, and it acts all the
//! same.

use super::ctx::{OpCtx, OpState};
use super::error::OpError;
use crate::store::StoreError;
use crate::store::constraint::APP_USER_USERNAME;
use crate::store::queries::user as users;
use crate::store::rows::{NewUser, UserRow};
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::context::RequestInfo;
use pagoda_plugin_sdk::model::User;
use std::sync::Arc;

/// What the names of plugins' accounts begin with; no other account may be named so.
pub(super) const PREFIX: &str = "plugin:";

fn username(plugin: &PluginDecl) -> String {
    format!("{PREFIX}{}", plugin.id)
}

/// The account of `plugin`, made if it does not exist and this operation may write.
///
/// # Errors
/// A person has the name, or the account would have to be made and this operation only reads.
pub fn account(op: &mut OpCtx, plugin: &PluginDecl) -> Result<User, OpError> {
    let name = username(plugin);
    let row = match users::by_username(&mut op.db, &name)? {
        Some(row) => row,
        None if op.db.is_writer() => op.nested(|op| create(op, &name))?,
        None => {
            return Err(OpError::Internal(anyhow::anyhow!(
                "the account `{name}` does not exist, and this transaction only reads"
            )));
        }
    };
    if row.is_active || row.password_hash.is_some() {
        return Err(OpError::Internal(anyhow::anyhow!(
            "plugin {} cannot act as itself: somebody can log in as `{name}`; rename that account",
            plugin.id
        )));
    }
    Ok(super::user::model(&row))
}

fn create(op: &mut OpCtx, name: &str) -> Result<UserRow, OpError> {
    let new = NewUser {
        username: name.to_owned(),
        is_active: false,
        authenticate_type: super::user::LOCAL,
        token_lifetime: super::user::TOKEN_LIFETIME,
        date_joined: op.now.as_micros(),
        ..NewUser::default()
    };
    match users::insert(&mut op.db, &new) {
        Ok(row) => {
            tracing::info!(username = name, "made the account of a plugin");
            Ok(row)
        }
        // Another instance was faster; whoever tries again finds the account.
        Err(StoreError::Conflict { constraint }) if constraint == APP_USER_USERNAME => {
            Err(OpError::Unavailable(StoreError::Serialization))
        }
        Err(error) => Err(error.into()),
    }
}

impl OpCtx {
    /// Runs `work` while `user` acts instead of whoever sent the request.
    pub(crate) fn acting_as<T>(&mut self, user: User, work: impl FnOnce(&mut Self) -> T) -> T {
        /// Gives the operation back to whoever sent the request, also when `work` panics.
        struct Acting<'a> {
            op: &'a mut OpCtx,
            own: Arc<RequestInfo>,
        }
        impl Drop for Acting<'_> {
            fn drop(&mut self) {
                if let Some(OpState { request, .. }) = self.op.state_mut() {
                    *request = Arc::clone(&self.own);
                }
            }
        }
        let mut request = RequestInfo::clone(&self.request);
        request.user = Some(Arc::new(user));
        let own = std::mem::replace(&mut self.request, Arc::new(request));
        work(Acting { op: self, own }.op)
    }
}
