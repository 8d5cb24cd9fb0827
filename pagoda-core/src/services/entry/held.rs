//! The values that an entry holds now.

use super::versions::hide_isolated;
use crate::services::acl::Subject;
use crate::services::attribute::{self, Content, Parties, Shown, Stored, Surface, ValueType};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::value;
use crate::store::rows::{
    AttrValueRow, AttributeRow, ChildRow, EntityAttrRow, EntityRow, EntryRow, ReferredRow,
};
use pagoda_plugin_sdk::model::AttrType;
use std::sync::Arc;

/// An attribute of an entry: definition, instance, latest value.
pub struct Held {
    /// The definition.
    pub attr: EntityAttrRow,
    /// Its type.
    pub attr_type: AttrType,
    /// What the host knows about the type.
    pub value_type: &'static dyn ValueType,
    /// The instance; absent when the definition is younger than the entry's last change.
    pub attribute: Option<AttributeRow>,
    /// The latest value; absent when nothing was ever written.
    pub value: Option<AttrValueRow>,
    referred: Option<ReferredRow>,
    children: Vec<ChildRow>,
    /// Those of all values of the entry.
    parties: Arc<Parties>,
}

impl Held {
    /// What is decided about, who may read or write it.
    #[must_use]
    pub fn subject<'a>(&'a self, entry: &'a EntryRow, entity: &'a EntityRow) -> Subject<'a> {
        Subject::value(self.attribute.as_ref(), &self.attr, entry, entity)
    }

    /// The value with what it refers to.
    #[must_use]
    pub fn stored(&self) -> Option<Stored<'_>> {
        let row = self.value.as_ref()?;
        let (referred, parties) = (self.referred.as_ref(), &*self.parties);
        Some(Stored { row, referred, children: &self.children, parties })
    }

    /// The value in comparable form; absent when it is blank or nothing was ever written.
    #[must_use]
    pub fn content(&self) -> Option<Content> {
        self.stored().map(|stored| stored.content()).filter(|content| !self.value_type.is_blank(content))
    }

    /// The value in output form.
    #[must_use]
    pub fn shown(&self) -> Shown {
        match self.stored() {
            Some(stored) => self.value_type.show(&self.attr, &stored, Surface::Detail),
            None => self.value_type.show_blank(),
        }
    }
}

/// As [`held_by`], of an entry whose values are to be written into another one: what its entity may not refer to any more
/// looks deleted.
///
/// # Errors
/// The database does not answer.
pub(super) fn held_to_copy(op: &mut OpCtx, entry_id: i64, entity_id: i64) -> Result<Vec<Held>, OpError> {
    let mut all = held_by(op, entry_id, entity_id)?;
    let referred = all.iter_mut().flat_map(|held| {
        held.referred.iter_mut().chain(held.children.iter_mut().filter_map(|child| child.referred.as_mut()))
    });
    hide_isolated(op, entity_id, referred)?;
    Ok(all)
}

/// The values of an entry, in display order: one statement, and one more for each of arrays, groups and roles, where
/// there are any.
///
/// # Errors
/// The database does not answer.
pub(super) fn held_by(op: &mut OpCtx, entry_id: i64, entity_id: i64) -> Result<Vec<Held>, OpError> {
    let rows = value::detail_of(&mut op.db, entry_id, entity_id)?;
    let mut all = Vec::with_capacity(rows.len());
    let mut arrays = Vec::new();
    let nobody = Arc::new(Parties::default());
    for row in rows {
        let (attr_type, value_type) = attribute::type_of(&row.attr)?;
        if value_type.is_array() {
            arrays.extend(row.value.as_ref().map(|value| value.id));
        }
        all.push(Held {
            attr: row.attr,
            attr_type,
            value_type,
            attribute: row.attribute,
            value: row.value,
            referred: row.referred,
            children: Vec::new(),
            parties: Arc::clone(&nobody),
        });
    }
    if !arrays.is_empty() {
        // Ordered by parent and position, as the query says.
        for child in value::children_of(&mut op.db, &arrays)? {
            let parent = all
                .iter_mut()
                .find(|held| held.value.as_ref().map(|value| Some(value.id)) == Some(child.value.parent_id));
            if let Some(parent) = parent {
                parent.children.push(child);
            }
        }
    }
    if all.iter().any(|held| held.value_type.names_parties()) {
        let rows = all
            .iter()
            .flat_map(|held| held.value.iter().chain(held.children.iter().map(|child| &child.value)));
        let parties = Arc::new(Parties::of(op, rows)?);
        all.iter_mut().for_each(|held| held.parties = Arc::clone(&parties));
    }
    Ok(all)
}
