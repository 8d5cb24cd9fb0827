//! Who acts, and what they may do.

use super::{capability, read};
use crate::services::acl::{self, Subject};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::user;
use crate::store::queries::{attr, entity, entry};
use pagoda_plugin_sdk::bridge::{AuthBridge, BridgeResult};
use pagoda_plugin_sdk::capability::Capability;
use pagoda_plugin_sdk::model::{Level, ObjectKind, User};

impl AuthBridge for OpCtx {
    fn current_user(&self) -> Option<&User> {
        self.request.user.as_deref()
    }

    fn has_permission(&mut self, kind: ObjectKind, id: i64, level: Level) -> BridgeResult<bool> {
        // What the acting user may do concerns the user, not the plugin: no capability.
        let allowed = self.reach(|op| match kind {
            ObjectKind::Entity => {
                let row = entity::by_id(&mut op.db, id)?.ok_or_else(|| OpError::not_found("entity", id))?;
                acl::allowed(op, &Subject::from(&row), level)
            }
            ObjectKind::EntityAttr => {
                let missing = || OpError::not_found("attribute definition", id);
                let row = attr::by_id(&mut op.db, id)?.ok_or_else(missing)?;
                let parent = entity::by_id(&mut op.db, row.entity_id)?.ok_or_else(missing)?;
                acl::allowed(op, &Subject::attr(&row, &parent), level)
            }
            ObjectKind::Entry => {
                let found = entry::with_entity(&mut op.db, id)?;
                let (row, parent) = found.ok_or_else(|| OpError::not_found("entry", id))?;
                acl::allowed(op, &Subject::entry(&row, &parent), level)
            }
            other => Err(OpError::Internal(anyhow::anyhow!("{other:?} cannot be asked for by id"))),
        });
        allowed.map_err(OpError::into_bridge)
    }

    fn groups(&mut self) -> BridgeResult<Vec<String>> {
        capability::require(self, Capability::ReadUsers)?;
        // There are no groups in this version; nobody belongs to one.
        Ok(Vec::new())
    }

    fn roles(&mut self) -> BridgeResult<Vec<String>> {
        capability::require(self, Capability::ReadUsers)?;
        // There are no roles in this version; nobody has one.
        Ok(Vec::new())
    }

    fn authenticate_token(&mut self, key: &str) -> BridgeResult<Option<User>> {
        read(self, Capability::ReadUsers, |op| user::of_token(op, key))
    }
}
