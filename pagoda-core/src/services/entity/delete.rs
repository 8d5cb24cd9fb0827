//! Deletes an entity without active entries. *Source: spec, entity §2.5.*

use super::records::note_deleted;
use super::{model, open_to_change};
use crate::services::audit::Action;
use crate::services::ctx::OpCtx;
use crate::services::entry::deleted_name;
use crate::services::error::OpError;
use crate::store::queries::{attr, entity as entities, entry};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::model::Level;
use pagoda_plugin_sdk::payload::{EntityAfterDelete, EntityBeforeDelete};
use serde_json::json;

/// Deletes an entity and its definitions: they stay in the database, inactive and under other names.
///
/// # Errors
/// There is no such entity, it still has entries, or somebody refused.
pub fn delete(op: &mut OpCtx, id: i64) -> Result<(), OpError> {
    let mut row = open_to_change(op, id, Level::Full)?;
    if entry::has_active(&mut op.db, id)? {
        return Err(OpError::rule(Code::NotEmpty, "the entity still has entries"));
    }
    let current = model(op, &row)?;
    op.check::<hooks::entity::before_delete>(|| {
        let mut payload = EntityBeforeDelete::default();
        payload.entity = current.to_ref();
        payload.current = current.clone();
        payload
    })?;
    note_deleted(op, &current)?;
    let now = op.now.as_micros();
    for mut attr in attr::active_of(&mut op.db, id)? {
        attr.name = deleted_name(&attr.name, op.now, &op.host.zone);
        attr.is_active = false;
        attr.deleted_user_id = op.user_id();
        attr.deleted_time = Some(now);
        attr.updated_time = now;
        attr::update(&mut op.db, &attr)?;
    }
    row.name = deleted_name(&row.name, op.now, &op.host.zone);
    row.is_active = false;
    row.deleted_user_id = op.user_id();
    row.deleted_time = Some(now);
    row.updated_time = now;
    entities::update(&mut op.db, &row)?;
    op.audit(Action::EntityDelete, &current.to_ref(), || json!({"deleted_name": row.name}));
    let user = op.request.user.as_deref().cloned();
    op.observe::<hooks::entity::after_delete>(|| {
        let mut payload = EntityAfterDelete::default();
        payload.entity = current.to_ref();
        payload.deleted = current;
        payload.user = user;
        payload
    });
    Ok(())
}
