//! Payloads of the `entity.*` and `pagoda.entity.*` points.

use super::{List, payloads};
use crate::model::{Entity, EntityAttr, EntityRef, User};
use serde_json::Value;
use std::sync::Arc;

payloads! {
    /// `entity.before_create`: the definition as requested. Every field may be changed; the result is
    /// validated like a request. Webhooks and isolation rules of the request are not in it; they are stored as they
    /// were sent.
    EntityBeforeCreate {
        /// The entity to be; `name` is what the filter `entity = "…"` compares.
        entity: EntityRef,
        /// A remark.
        note: String,
        /// Regular expression for entry names.
        item_name_pattern: String,
        /// `US`, `ID` or `AT`.
        item_name_type: String,
        /// Whether it is shown at the top level.
        is_toplevel: bool,
        /// Entities whose entries do not keep entries of this one alive in a deletion chain.
        delete_chain_exclude_entities: Vec<i64>,
        /// The attribute definitions, in request order.
        attrs: List<EntityAttr>,
    } by entity;

    /// `entity.after_create`: the entity as stored.
    EntityAfterCreate {
        /// Id and name.
        entity: EntityRef,
        /// All of it.
        created: Entity,
        /// Who created it.
        user: Option<User>,
    } by entity;

    /// `entity.before_update`: the change as requested. `None` leaves a field as it is. Webhooks and isolation rules
    /// of the request are not in it; they are stored as they were sent.
    EntityBeforeUpdate {
        /// The entity under its present name.
        entity: EntityRef,
        /// All of it, before the change.
        current: Arc<Entity>,
        /// The new name.
        name: Option<String>,
        /// The new remark.
        note: Option<String>,
        /// The new expression for entry names.
        item_name_pattern: Option<String>,
        /// The new way of naming.
        item_name_type: Option<String>,
        /// The new top-level flag.
        is_toplevel: Option<bool>,
        /// The new entities that do not count in a deletion chain.
        delete_chain_exclude_entities: Option<Vec<i64>>,
        /// Changes of definitions, in request order.
        attrs: List<EntityAttrChange>,
    } by entity;

    /// `entity.after_update`: the entity before and after.
    EntityAfterUpdate {
        /// Id and new name.
        entity: EntityRef,
        /// Before.
        previous: Entity,
        /// After.
        current: Entity,
        /// Who changed it.
        user: Option<User>,
    } by entity;

    /// `entity.before_delete`: the entity that is about to go. It has no active entries.
    EntityBeforeDelete {
        /// Id and name.
        entity: EntityRef,
        /// All of it.
        current: Entity,
    } by entity;

    /// `entity.after_delete`: the entity that went.
    EntityAfterDelete {
        /// Id and the name it had.
        entity: EntityRef,
        /// All of it, as it was before.
        deleted: Entity,
        /// Who deleted it.
        user: Option<User>,
    } by entity;

    /// `pagoda.entity.validation`: a definition that passed the host's own rules.
    EntityValidation {
        /// Id (0 on creation) and the name it will have.
        entity: EntityRef,
        /// The entity as it is now; absent on creation.
        current: Option<Entity>,
        /// The entity as it will be.
        proposed: Entity,
    } by entity;

    /// `pagoda.entity.after_import`: the outcome of an import of entities.
    EntityAfterImport {
        /// The entity.
        entity: EntityRef,
        /// Rows that were applied.
        imported: u64,
        /// Rows that were skipped.
        skipped: u64,
    } by entity;

    /// `pagoda.entity.before_export`: the rows that are about to leave.
    EntityBeforeExport {
        /// The entity.
        entity: EntityRef,
        /// Its rows in the form of the export.
        rows: List<Value>,
    } by entity;

    /// `entity.get_attrs`: the definitions that an entity detail is about to show.
    EntityGetAttrs {
        /// The entity.
        entity: EntityRef,
        /// The `attrs` list of the answer; elements may be changed, added and removed.
        attrs: List<Value>,
    } by entity;
}

/// One change of an attribute definition inside an entity update; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct EntityAttrChange {
    /// The definition to change; absent for a new one.
    pub id: Option<i64>,
    /// Whether it is to be removed.
    pub is_deleted: bool,
    /// The new definition; of an existing one the present values with the requested changes.
    pub definition: EntityAttr,
}
