//! Names of definitions, of one entity or of several. *Source: spec, entity §2.8.*

use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::queries::{attr, entity as entities};
use crate::store::rows::EntityAttrRow;
use crate::store::sort_key::sort_key;
use pagoda_plugin_sdk::Code;
use serde::Serialize;

/// A definition, exactly the three keys of the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttrName {
    id: i64,
    name: String,
    #[serde(rename = "type")]
    attr_type: i32,
}

/// The active definitions of the entities that `entity_ids` lists, or of all. With `referral_attr` those of the
/// entities that definitions of this name refer to. Whoever is logged in sees all of them, as the spec has it.
///
/// # Errors
/// An id is no number, is given twice, or there is no active entity of it.
pub fn attr_names(
    op: &mut OpCtx,
    entity_ids: Option<&str>,
    referral_attr: Option<&str>,
) -> Result<Vec<AttrName>, OpError> {
    let ids = entity_ids.filter(|text| !text.is_empty()).map(read_ids).transpose()?;
    let mut rows = match &ids {
        None => attr::all_active(&mut op.db)?,
        Some(ids) => {
            let found = entities::by_ids(&mut op.db, ids)?;
            if found.iter().filter(|entity| entity.is_active).count() != ids.len() {
                return Err(OpError::not_found("one of the entities", entity_ids.unwrap_or_default()));
            }
            attr::active_of_many(&mut op.db, ids)?
        }
    };
    if let Some(name) = referral_attr.filter(|name| !name.is_empty()) {
        let named: Vec<i64> = rows.iter().filter(|row| row.name == name).map(|row| row.id).collect();
        let mut referred: Vec<i64> =
            attr::referrals(&mut op.db, &named)?.into_iter().map(|(_, entity, _)| entity).collect();
        referred.sort_unstable();
        referred.dedup();
        rows = attr::active_of_many(&mut op.db, &referred)?;
    }
    let of_one = rows.windows(2).all(|pair| matches!(pair, [a, b] if a.entity_id == b.entity_id));
    if of_one {
        rows.sort_by_key(|row| (row.sort_index, row.id));
    } else {
        rows.sort_by_cached_key(|row| (sort_key(&row.name), row.id));
    }
    let shown = |row: EntityAttrRow| AttrName { id: row.id, name: row.name, attr_type: row.attr_type };
    Ok(rows.into_iter().map(shown).collect())
}

fn read_ids(text: &str) -> Result<Vec<i64>, OpError> {
    let one = |part: &str| {
        let part = part.trim();
        let digits = part.strip_prefix(['+', '-']).unwrap_or(part);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(OpError::rule(Code::InvalidValue, "entity_ids: expected ids, separated by commas"));
        }
        // Digits that are more than an id can have name nothing.
        Ok(part.parse::<i64>().ok())
    };
    let read = text.split(',').map(one).collect::<Result<Vec<_>, _>>()?;
    let missing = || OpError::not_found("one of the entities", text);
    read.into_iter().collect::<Option<Vec<i64>>>().ok_or_else(missing)
}
