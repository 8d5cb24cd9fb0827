//! Any object with access rules, found by its id alone: all kinds share one space of ids.

use super::{Rule, Subject, of_attr, of_category, of_entity, of_entry};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::acl::AclTable;
use crate::store::queries::{acl, attr, category, entity, entry, lock};
use crate::store::rows::{AttributeRow, CategoryRow, EntityAttrRow, EntityRow, EntryRow};
use pagoda_plugin_sdk::model::ObjectKind;

/// An object in any state with those above it.
#[derive(Debug, Clone)]
pub enum AclObject {
    /// An entity.
    Entity(Box<EntityRow>),
    /// A definition below its entity.
    EntityAttr(Box<(EntityAttrRow, EntityRow)>),
    /// An entry below its entity.
    Entry(Box<(EntryRow, EntityRow)>),
    /// An attribute of an entry.
    Attribute(Box<(AttributeRow, EntityAttrRow, EntryRow, EntityRow)>),
    /// A category.
    Category(Box<CategoryRow>),
}

impl AclObject {
    /// The object of this id.
    ///
    /// # Errors
    /// There is none.
    pub fn find(op: &mut OpCtx, id: i64) -> Result<Self, OpError> {
        let missing = || OpError::not_found("object", id);
        let table = acl::table_of(&mut op.db, id)?.ok_or_else(missing)?;
        Self::load(op, table, id)
    }

    /// As [`AclObject::find`], for an operation that changes it: locked before it is read.
    ///
    /// # Errors
    /// As [`AclObject::find`].
    pub fn find_to_change(op: &mut OpCtx, id: i64) -> Result<Self, OpError> {
        let missing = || OpError::not_found("object", id);
        let table = acl::table_of(&mut op.db, id)?.ok_or_else(missing)?;
        lock_in(op, table, id)?;
        Self::load(op, table, id)
    }

    fn load(op: &mut OpCtx, table: AclTable, id: i64) -> Result<Self, OpError> {
        let missing = || OpError::not_found("object", id);
        Ok(match table {
            AclTable::Entity => Self::Entity(Box::new(entity::by_id(&mut op.db, id)?.ok_or_else(missing)?)),
            AclTable::EntityAttr => {
                let row = attr::by_id(&mut op.db, id)?.ok_or_else(missing)?;
                let parent = entity::by_id(&mut op.db, row.entity_id)?.ok_or_else(missing)?;
                Self::EntityAttr(Box::new((row, parent)))
            }
            AclTable::Entry => {
                Self::Entry(Box::new(entry::with_entity(&mut op.db, id)?.ok_or_else(missing)?))
            }
            AclTable::Attribute => {
                let row = acl::attribute_by_id(&mut op.db, id)?.ok_or_else(missing)?;
                let attr = attr::by_id(&mut op.db, row.attr_id)?.ok_or_else(missing)?;
                let (entry, entity) = entry::with_entity(&mut op.db, row.entry_id)?.ok_or_else(missing)?;
                Self::Attribute(Box::new((row, attr, entry, entity)))
            }
            AclTable::Category => {
                Self::Category(Box::new(category::by_id(&mut op.db, id)?.ok_or_else(missing)?))
            }
        })
    }

    /// What is decided about.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        match self {
            Self::Entity(row) => Subject::from(&**row),
            Self::EntityAttr(rows) => Subject::attr(&rows.0, &rows.1),
            Self::Entry(rows) => Subject::entry(&rows.0, &rows.1),
            Self::Attribute(rows) => Subject::attribute(&rows.0, &rows.1, &rows.2, &rows.3),
            Self::Category(row) => Subject::from(&**row),
        }
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> ObjectKind {
        match self {
            Self::Entity(_) => ObjectKind::Entity,
            Self::EntityAttr(_) => ObjectKind::EntityAttr,
            Self::Entry(_) => ObjectKind::Entry,
            Self::Attribute(_) => ObjectKind::Attribute,
            Self::Category(_) => ObjectKind::Category,
        }
    }

    /// `objtype` of the wire. *Source: spec, acl-role §1.*
    pub(super) fn wire_kind(&self) -> i32 {
        match self {
            Self::Entity(_) => 1,
            Self::EntityAttr(_) => 2,
            Self::Entry(_) => 4,
            Self::Attribute(_) => 8,
            Self::Category(_) => 16,
        }
    }

    pub(super) fn table(&self) -> AclTable {
        match self {
            Self::Entity(_) => AclTable::Entity,
            Self::EntityAttr(_) => AclTable::EntityAttr,
            Self::Entry(_) => AclTable::Entry,
            Self::Attribute(_) => AclTable::Attribute,
            Self::Category(_) => AclTable::Category,
        }
    }

    /// The object that answers show above it. *Source: spec, acl-role §5.2.*
    pub(super) fn parent(&self) -> Option<Rule<'_>> {
        match self {
            Self::Entity(_) | Self::Category(_) => None,
            Self::EntityAttr(rows) => Some(of_entity(&rows.1)),
            Self::Entry(rows) => Some(of_entity(&rows.1)),
            Self::Attribute(rows) => Some(of_entry(&rows.2)),
        }
    }

    /// Its own rule.
    pub(super) fn rule(&self) -> Rule<'_> {
        match self {
            Self::Entity(row) => of_entity(row),
            Self::EntityAttr(rows) => of_attr(&rows.0),
            Self::Entry(rows) => of_entry(&rows.0),
            Self::Attribute(rows) => super::of_attribute(&rows.0, &rows.1),
            Self::Category(row) => of_category(row),
        }
    }

    /// Who made it, and when.
    pub(super) fn made(&self) -> (Option<i64>, i64) {
        match self {
            Self::Entity(row) => (row.created_user_id, row.created_time),
            Self::EntityAttr(rows) => (rows.0.created_user_id, rows.0.created_time),
            Self::Entry(rows) => (rows.0.created_user_id, rows.0.created_time),
            Self::Attribute(rows) => (rows.0.created_user_id, rows.0.created_time),
            Self::Category(row) => (row.created_user_id, row.created_time),
        }
    }

    /// Writes its flags.
    pub(super) fn set_flags(
        &self,
        op: &mut OpCtx,
        is_public: bool,
        default_permission: i32,
    ) -> Result<(), OpError> {
        let now = op.now.as_micros();
        let id = self.rule().id;
        Ok(acl::set_flags(&mut op.db, self.table(), id, is_public, default_permission, now)?)
    }

    /// As it is once its flags are these.
    pub(super) fn with_flags(mut self, public: bool, permission: i32) -> Self {
        let (is_public, default_permission) = match &mut self {
            Self::Entity(row) => (&mut row.is_public, &mut row.default_permission),
            Self::EntityAttr(rows) => (&mut rows.0.is_public, &mut rows.0.default_permission),
            Self::Entry(rows) => (&mut rows.0.is_public, &mut rows.0.default_permission),
            Self::Attribute(rows) => (&mut rows.0.is_public, &mut rows.0.default_permission),
            Self::Category(row) => (&mut row.is_public, &mut row.default_permission),
        };
        (*is_public, *default_permission) = (public, permission);
        self
    }

    /// Whether changes of its rules are recorded. *Source: spec, acl-role §5.4.*
    pub(super) fn has_history(&self) -> bool {
        has_history(self.table())
    }
}

/// Nobody else changes the object until the operation ends.
///
/// # Errors
/// The database does not do it.
pub(super) fn lock_in(op: &mut OpCtx, table: AclTable, id: i64) -> Result<(), OpError> {
    Ok(match table {
        AclTable::Entity => lock::entity(&mut op.db, id),
        AclTable::EntityAttr => lock::entity_attr(&mut op.db, id),
        AclTable::Entry => lock::entry(&mut op.db, id),
        AclTable::Attribute => lock::attribute(&mut op.db, id),
        AclTable::Category => lock::category(&mut op.db, id),
    }?)
}

/// Whether changes of the rules of objects in this table are recorded. *Source: spec, acl-role §5.4.*
pub(in crate::services) fn has_history(table: AclTable) -> bool {
    match table {
        AclTable::Entity | AclTable::EntityAttr | AclTable::Entry => true,
        AclTable::Attribute | AclTable::Category => false,
    }
}
