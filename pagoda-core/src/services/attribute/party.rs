//! References to groups and roles. *Source: spec, attribute-types §2 and §5.*
//!
//! Their ids are of other spaces than those of entries, so a value keeps the id as its text and never in `ref_id`, where it
//! would be taken for an entry.

use super::{Content, Shown, Stored, Surface, ValueError, ValueType, list_of};
use crate::services::ctx::OpCtx;
use crate::services::error::OpError;
use crate::store::StoreError;
use crate::store::queries::{group, role};
use crate::store::rows::{AttrValueRow, EntityAttrRow};
use pagoda_plugin_sdk::model::AttrType;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;

/// What is referred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Party {
    /// A group.
    Group,
    /// A role.
    Role,
}

/// Types group (16) and role (64).
pub(super) struct OneParty(pub(super) Party);

/// Types array group (1040) and array role (1088). Empty elements are dropped.
pub(super) struct ArrayParty(pub(super) Party);

/// A group or a role in an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownParty {
    pub(super) id: i64,
    pub(super) name: String,
}

/// The names of the active groups and roles that some values refer to.
#[derive(Debug, Default)]
pub struct Parties {
    groups: HashMap<i64, String>,
    roles: HashMap<i64, String>,
}

impl Parties {
    /// Looks them up: a statement for groups and one for roles, where values refer to any.
    ///
    /// # Errors
    /// The database does not answer.
    pub fn of<'a>(op: &mut OpCtx, rows: impl Iterator<Item = &'a AttrValueRow>) -> Result<Self, OpError> {
        let (mut groups, mut roles) = (Vec::new(), Vec::new());
        for row in rows {
            let ids = match Party::of(row) {
                Some(Party::Group) => &mut groups,
                Some(Party::Role) => &mut roles,
                None => continue,
            };
            ids.extend(id_in(&row.text_value));
        }
        Ok(Self { groups: names(op, Party::Group, &mut groups)?, roles: names(op, Party::Role, &mut roles)? })
    }

    fn get(&self, party: Party, row: &AttrValueRow) -> Option<ShownParty> {
        let id = id_in(&row.text_value)?;
        let known = match party {
            Party::Group => &self.groups,
            Party::Role => &self.roles,
        };
        known.get(&id).map(|name| ShownParty { id, name: name.clone() })
    }
}

/// The id that a stored text is.
fn id_in(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// Names of the active ones of these, by id.
fn names(op: &mut OpCtx, party: Party, ids: &mut Vec<i64>) -> Result<HashMap<i64, String>, StoreError> {
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(match party {
        Party::Group => {
            let found = group::by_ids(&mut op.db, ids)?.into_iter().filter(|row| row.is_active);
            found.map(|row| (row.id, row.name)).collect()
        }
        Party::Role => {
            let found = role::by_ids(&mut op.db, ids)?.into_iter().filter(|row| row.is_active);
            found.map(|row| (row.id, row.name)).collect()
        }
    })
}

/// What an input may mean; nothing is none of it.
#[derive(Debug, Default, Clone, PartialEq)]
struct Wanted {
    id: Option<i64>,
    name: Option<String>,
}

impl Party {
    /// What a value, or an element, refers to by the type that was recorded with it.
    fn of(row: &AttrValueRow) -> Option<Self> {
        match AttrType::from_code(i64::from(row.attr_type))? {
            AttrType::Group | AttrType::ArrayGroup => Some(Self::Group),
            AttrType::Role | AttrType::ArrayRole => Some(Self::Role),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Role => "role",
        }
    }

    /// An id, as number or as digits; a role also by its name. A name of digits is tried as an id first.
    fn wanted(self, input: &Value) -> Result<Wanted, ValueError> {
        let refused = || {
            let or_name = if self == Self::Role { " or its name" } else { "" };
            ValueError::invalid(format!("expected the id of an active {}{or_name}", self.word()))
        };
        let wanted = match input {
            Value::Null => Wanted::default(),
            Value::Number(number) => {
                let id = number.as_i64().ok_or_else(refused)?;
                Wanted { id: Some(id).filter(|id| *id != 0), name: None }
            }
            Value::String(text) if text.is_empty() => Wanted::default(),
            // The database takes no such text, not even to look for it.
            Value::String(text) if text.contains('\0') => return Err(refused()),
            Value::String(text) => {
                let id = text.trim().parse::<i64>().ok();
                let name = (self == Self::Role).then(|| text.clone());
                if id.is_none() && name.is_none() {
                    return Err(refused());
                }
                match id {
                    Some(0) => Wanted::default(),
                    id => Wanted { id, name },
                }
            }
            _ => return Err(refused()),
        };
        Ok(wanted)
    }

    /// The ids of the active groups or roles that are meant, in their order: two statements at most.
    fn resolve(self, op: &mut OpCtx, inputs: &[Value]) -> Result<Vec<Option<i64>>, ValueError> {
        let wanted = inputs.iter().map(|input| self.wanted(input)).collect::<Result<Vec<_>, _>>()?;
        let mut ids: Vec<i64> = wanted.iter().filter_map(|wanted| wanted.id).collect();
        let by_id = names(op, self, &mut ids)?;
        let is_known = |wanted: &&Wanted| wanted.id.is_some_and(|id| by_id.contains_key(&id));
        let mut named: Vec<String> = wanted
            .iter()
            .filter(|wanted| !is_known(wanted))
            .filter_map(|wanted| wanted.name.clone())
            .collect();
        named.sort_unstable();
        named.dedup();
        let found = role::by_names(&mut op.db, &named)?;
        let by_name: HashMap<&str, i64> =
            found.iter().filter(|row| row.is_active).map(|row| (row.name.as_str(), row.id)).collect();
        let resolved = |wanted: &Wanted| {
            if *wanted == Wanted::default() {
                return Ok(None);
            }
            let by_name = || wanted.name.as_deref().and_then(|name| by_name.get(name).copied());
            let id = wanted.id.filter(|id| by_id.contains_key(id)).or_else(by_name);
            let what =
                || wanted.name.clone().or_else(|| wanted.id.map(|id| id.to_string())).unwrap_or_default();
            id.map(Some)
                .ok_or_else(|| ValueError::invalid(format!("there is no active {} {}", self.word(), what())))
        };
        wanted.iter().map(resolved).collect()
    }
}

fn element(id: i64) -> Content {
    Content { text: id.to_string(), ..Content::default() }
}

impl ValueType for OneParty {
    fn read(&self, op: &mut OpCtx, _: &EntityAttrRow, input: &Value) -> Result<Content, ValueError> {
        let id = self.0.resolve(op, std::slice::from_ref(input))?.into_iter().flatten().next();
        Ok(id.map(element).unwrap_or_default())
    }

    fn is_blank(&self, content: &Content) -> bool {
        content.text.is_empty()
    }

    fn differs(&self, old: &Content, new: &Content) -> bool {
        old.text != new.text
    }

    fn show(&self, _: &EntityAttrRow, stored: &Stored<'_>, _: Surface) -> Shown {
        let shown = stored.parties.get(self.0, stored.row);
        match self.0 {
            Party::Group => Shown::Group(shown),
            Party::Role => Shown::Role(shown),
        }
    }

    fn input(&self, stored: &Stored<'_>) -> Value {
        stored.parties.get(self.0, stored.row).map(|party| party.id).into()
    }

    fn names_parties(&self) -> bool {
        true
    }

    /// Null and never `{}`. *Source: spec, attribute-types §5 (fixed quirk).*
    fn show_blank(&self) -> Shown {
        match self.0 {
            Party::Group => Shown::Group(None),
            Party::Role => Shown::Role(None),
        }
    }
}

/// Texts of the elements, sorted.
fn sorted(content: &Content) -> Vec<&str> {
    let mut texts: Vec<&str> = content.elements.iter().map(|element| element.text.as_str()).collect();
    texts.sort_unstable();
    texts
}

impl ValueType for ArrayParty {
    fn read(&self, op: &mut OpCtx, _: &EntityAttrRow, input: &Value) -> Result<Content, ValueError> {
        let Value::Array(list) = input else {
            return Err(ValueError::invalid(format!("expected a list of ids of {}s", self.0.word())));
        };
        let elements = self.0.resolve(op, list)?.into_iter().flatten().map(element).collect();
        Ok(Content { elements, ..Content::default() })
    }

    fn is_blank(&self, content: &Content) -> bool {
        content.elements.is_empty()
    }

    fn differs(&self, old: &Content, new: &Content) -> bool {
        sorted(old) != sorted(new)
    }

    /// Deleted ones are treated as deleted entries are. *Source: spec, attribute-types §5 (fixed quirk).*
    fn show(&self, _: &EntityAttrRow, stored: &Stored<'_>, on: Surface) -> Shown {
        let shown = stored.children.iter().map(|child| stored.parties.get(self.0, &child.value));
        let shown = shown.filter(|party| party.is_some() || on == Surface::History).collect();
        match self.0 {
            Party::Group => Shown::Groups(shown),
            Party::Role => Shown::Roles(shown),
        }
    }

    fn show_blank(&self) -> Shown {
        match self.0 {
            Party::Group => Shown::Groups(Vec::new()),
            Party::Role => Shown::Roles(Vec::new()),
        }
    }

    fn input(&self, stored: &Stored<'_>) -> Value {
        list_of(stored, |child| stored.parties.get(self.0, &child.value).map(|party| party.id.into()))
    }

    fn is_array(&self) -> bool {
        true
    }

    fn names_parties(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Party, Wanted};
    use serde_json::json;

    #[test]
    fn groups_are_ids_and_roles_are_ids_or_names() {
        let id = |id| Wanted { id: Some(id), name: None };
        for party in [Party::Group, Party::Role] {
            for nothing in [json!(null), json!(""), json!(0), json!("0")] {
                assert_eq!(party.wanted(&nothing).unwrap(), Wanted::default(), "{nothing}");
            }
            assert_eq!(party.wanted(&json!(7)).unwrap(), id(7));
            for bad in [json!(true), json!([1]), json!({"id": 1}), json!(1.5), json!("\0")] {
                assert!(party.wanted(&bad).is_err(), "{bad}");
            }
        }
        assert_eq!(Party::Group.wanted(&json!(" 7 ")).unwrap(), id(7));
        assert!(Party::Group.wanted(&json!("ops")).is_err() && Party::Group.wanted(&json!(" ")).is_err());
        let named = |id, name: &str| Wanted { id, name: Some(name.to_owned()) };
        assert_eq!(Party::Role.wanted(&json!("ops")).unwrap(), named(None, "ops"));
        assert_eq!(Party::Role.wanted(&json!("7")).unwrap(), named(Some(7), "7"));
    }
}
