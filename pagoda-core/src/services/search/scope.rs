//! What a search looks at.

use crate::services::acl::{self, Subject};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::attr;
use crate::store::rows::{EntityAttrRow, EntityRow};
use pagoda_plugin_sdk::model::Level;
use std::collections::HashMap;

/// An entity whose entries are looked at, with its active definitions.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) entity: EntityRow,
    pub(super) definitions: Vec<EntityAttrRow>,
}

impl Scope {
    /// Those of the entities that the acting user may read, in their order.
    ///
    /// # Errors
    /// Nobody acts, or the database does not answer.
    pub(super) fn readable(op: &mut OpCtx, entities: Vec<EntityRow>) -> Result<Vec<Self>, OpError> {
        let readable = readable(op, entities)?;
        let ids: Vec<i64> = readable.iter().map(|entity| entity.id).collect();
        let mut definitions: HashMap<i64, Vec<EntityAttrRow>> = HashMap::new();
        for definition in attr::active_of_many(&mut op.db, &ids)? {
            definitions.entry(definition.entity_id).or_default().push(definition);
        }
        let with_definitions = readable.into_iter().map(|entity| {
            let definitions = definitions.remove(&entity.id).unwrap_or_default();
            Self { entity, definitions }
        });
        Ok(with_definitions.collect())
    }
}

/// Those of the entities that the acting user may read, in their order.
///
/// # Errors
/// Nobody acts, or the database does not answer.
pub(super) fn readable(op: &mut OpCtx, entities: Vec<EntityRow>) -> Result<Vec<EntityRow>, OpError> {
    acl::look_ahead(op, entities.iter().map(Subject::from))?;
    let mut readable = Vec::with_capacity(entities.len());
    for entity in entities {
        if acl::allowed(op, &Subject::from(&entity), Level::Readable)? {
            readable.push(entity);
        }
    }
    Ok(readable)
}
