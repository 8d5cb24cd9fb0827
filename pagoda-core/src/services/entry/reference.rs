//! Who refers to an entry, and what an attribute may refer to. *Source: spec, entry §13.*

use super::{EntryItem, entities_of, label, list};
use crate::services::acl::object::AclObject;
use crate::services::acl::{self, Subject};
use crate::services::attribute;
use crate::services::ctx::OpCtx;
use crate::services::entity;
use crate::services::error::OpError;
use crate::store::queries::group::{GroupFilter, GroupOrder};
use crate::store::queries::role::{RoleFilter, RoleOrder};
use crate::store::queries::{attr, entry as entries, group, role};
use crate::store::rows::{EntityAttrRow, EntryRow, Paged};
use pagoda_plugin_sdk::Code;
use pagoda_plugin_sdk::model::{AttrType, Level};
use serde::Serialize;
use std::collections::HashMap;

/// Rows that are shown at most. *Source: spec, entry §13.*
pub const MOST_REFERENCES: i64 = 50;

/// A page of the active entries that refer to an entry, each once, by id. `keyword` is part of their names, ignoring case.
/// An entry that is not there has none. *Source: spec, entry §13 (fixed and kept quirks).*
///
/// # Errors
/// The entry may not be read.
pub fn referrers(
    op: &mut OpCtx,
    id: i64,
    keyword: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<Paged<EntryItem>, OpError> {
    let Some((entry, entity)) = entries::with_entity(&mut op.db, id)? else {
        return Ok(Paged { rows: Vec::new(), total: 0 });
    };
    acl::require(op, &Subject::entry(&entry, &entity), Level::Readable)?;
    let page = entries::referrers_page(&mut op.db, id, keyword, limit, offset)?;
    let known = entities_of(op, &page.rows)?;
    Ok(Paged { rows: list::items(op, page.rows, &known)?, total: page.total })
}

/// Something that a value may refer to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Candidate {
    /// An entry, with what is shown beside its name.
    Entry {
        /// Its id.
        id: i64,
        /// Its name.
        name: String,
        /// The text of the attribute that the definition's `display_attr` names.
        display_label: Option<String>,
    },
    /// A group or a role.
    Party {
        /// Its id.
        id: i64,
        /// Its name.
        name: String,
    },
}

/// What values of an attribute may refer to, by name, [`MOST_REFERENCES`] at most. The id is that of a definition or of an
/// attribute of an entry; nobody is asked for permission. *Source: spec, entry §13 (quirk to keep).*
///
/// # Errors
/// There is no such attribute, or its values refer to nothing.
pub fn candidates(op: &mut OpCtx, id: i64, keyword: Option<&str>) -> Result<Vec<Candidate>, OpError> {
    let missing = || OpError::not_found("attribute", id);
    let definition = match AclObject::find(op, id) {
        Ok(AclObject::EntityAttr(found)) if found.0.is_active => found.0,
        Ok(AclObject::Attribute(found)) if found.1.is_active => found.1,
        Ok(_) | Err(OpError::NotFound { .. }) => return Err(missing()),
        Err(error) => return Err(error),
    };
    let (attr_type, _) = attribute::type_of(&definition)?;
    match attr_type {
        attr_type if attr_type.refers_to_entries() => entry_candidates(op, &definition, keyword),
        AttrType::Group | AttrType::ArrayGroup => {
            let order = vec![(GroupOrder::Name, false)];
            let terms = keyword.map(str::to_owned).into_iter().collect();
            let filter = GroupFilter { terms, order, limit: MOST_REFERENCES, offset: 0 };
            let found = group::list(&mut op.db, &filter)?.rows.into_iter();
            Ok(found.map(|row| Candidate::Party { id: row.id, name: row.name }).collect())
        }
        AttrType::Role | AttrType::ArrayRole => {
            let order = vec![(RoleOrder::Name, false)];
            let terms = keyword.map(str::to_owned).into_iter().collect();
            let found = role::list(&mut op.db, &RoleFilter { ids: None, terms, order })?.into_iter();
            let most = usize::try_from(MOST_REFERENCES).unwrap_or(usize::MAX);
            Ok(found.take(most).map(|row| Candidate::Party { id: row.id, name: row.name }).collect())
        }
        _ => Err(OpError::rule(Code::Invalid, "values of this attribute refer to nothing")),
    }
}

/// The first entries by name that are not hidden from the entity that would refer to them.
fn not_isolated(
    op: &mut OpCtx,
    requester: i64,
    of: &[i64],
    keyword: Option<&str>,
) -> Result<Vec<EntryRow>, OpError> {
    let most = usize::try_from(MOST_REFERENCES).unwrap_or(usize::MAX);
    let (mut found, mut offset) = (Vec::with_capacity(most), 0);
    loop {
        let page = entries::named_like(&mut op.db, of, keyword, MOST_REFERENCES, offset)?;
        let is_last = page.len() < most;
        let isolated = entity::isolated(op, requester, &page)?;
        found.extend(page.into_iter().filter(|row| !isolated.contains(&row.id)));
        if is_last || found.len() >= most {
            found.truncate(most);
            return Ok(found);
        }
        offset += MOST_REFERENCES;
    }
}

fn entry_candidates(
    op: &mut OpCtx,
    definition: &EntityAttrRow,
    keyword: Option<&str>,
) -> Result<Vec<Candidate>, OpError> {
    let referrals = attr::referrals(&mut op.db, &[definition.id])?;
    let of: Vec<i64> = referrals.into_iter().map(|(_, entity, _)| entity).collect();
    let rows = not_isolated(op, definition.entity_id, &of, keyword)?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut labels = match label::asks(definition) {
        true => label::labels(op, &ids, &[definition.display_attr.as_str()])?,
        false => HashMap::new(),
    };
    let candidate = |row: EntryRow| Candidate::Entry {
        display_label: labels.remove(&(row.id, definition.display_attr.clone())),
        id: row.id,
        name: row.name,
    };
    Ok(rows.into_iter().map(candidate).collect())
}
