//! Who acts, and what they may do.

use super::read;
use crate::services::acl::{self, object::AclObject};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::services::{group, role, user};
use pagoda_plugin_sdk::bridge::{AuthBridge, BridgeResult};
use pagoda_plugin_sdk::capability::Capability;
use pagoda_plugin_sdk::model::{Level, ObjectKind, User};

impl AuthBridge for OpCtx {
    fn current_user(&self) -> Option<&User> {
        self.request.user.as_deref()
    }

    fn has_permission(&mut self, kind: ObjectKind, id: i64, level: Level) -> BridgeResult<bool> {
        // What the acting user may do concerns the user, not the plugin: no capability.
        let allowed = self.reach(|op| {
            let object = AclObject::find(op, id)?;
            if object.kind() != kind {
                return Err(OpError::not_found("object of this kind", id));
            }
            acl::allowed(op, &object.subject(), level)
        });
        allowed.map_err(OpError::into_bridge)
    }

    fn groups(&mut self) -> BridgeResult<Vec<String>> {
        read(self, Capability::ReadUsers, group::own_names)
    }

    fn roles(&mut self) -> BridgeResult<Vec<String>> {
        read(self, Capability::ReadUsers, role::own_names)
    }

    fn authenticate_token(&mut self, key: &str) -> BridgeResult<Option<User>> {
        read(self, Capability::ReadUsers, |op| user::of_token(op, key))
    }
}
