//! What an update changed of an entity, for the audit log: names of fields and definitions, no contents.

use crate::services::audit::listed;
use pagoda_plugin_sdk::model::{Entity, EntityAttr};
use serde_json::{Map, Value, json};

/// The detail of the record: `fields`, `name` when it was renamed, and what became of definitions.
/// `besides` is what became of webhooks and rules.
pub(super) fn changes(old: &Entity, new: &Entity, besides: Map<String, Value>) -> Value {
    let mut detail = besides;
    let fields = [
        ("name", old.name != new.name),
        ("note", old.note != new.note),
        ("item_name_pattern", old.item_name_pattern != new.item_name_pattern),
        ("item_name_type", old.item_name_type != new.item_name_type),
        ("is_toplevel", old.is_toplevel != new.is_toplevel),
        (
            "delete_chain_exclude_entities",
            old.delete_chain_exclude_entities != new.delete_chain_exclude_entities,
        ),
    ];
    let changed: Vec<&str> =
        fields.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect();
    detail.insert("fields".to_owned(), json!(changed));
    if old.name != new.name {
        detail.insert("name".to_owned(), json!({"old": old.name, "new": new.name}));
    }
    let before = |attr: &EntityAttr| old.attrs.iter().find(|other| other.id == attr.id);
    let added = new.attrs.iter().filter(|attr| before(attr).is_none()).map(|attr| attr.name.clone());
    let removed = old.attrs.iter().filter(|attr| new.attrs.iter().all(|other| other.id != attr.id));
    let changed =
        new.attrs.iter().filter_map(|attr| before(attr).filter(|old| *old != attr).map(|old| (old, attr)));
    let changed = changed.map(|(old, attr)| {
        if old.name == attr.name { attr.name.clone() } else { format!("{} → {}", old.name, attr.name) }
    });
    for (key, names) in [
        ("attrs_added", added.collect::<Vec<_>>()),
        ("attrs_changed", changed.collect()),
        ("attrs_removed", removed.map(|attr| attr.name.clone()).collect()),
    ] {
        if !names.is_empty() {
            detail.insert(key.to_owned(), listed(names));
        }
    }
    Value::Object(detail)
}

#[cfg(test)]
mod tests {
    use super::{Entity, EntityAttr, Map, changes};
    use serde_json::json;

    fn attr(id: i64, name: &str) -> EntityAttr {
        let mut attr = EntityAttr::default();
        (attr.id, attr.name) = (id, name.to_owned());
        attr
    }

    #[test]
    fn names_of_what_changed() {
        let mut old = Entity::default();
        old.attrs = vec![attr(1, "kept"), attr(2, "old name"), attr(3, "removed"), attr(4, "noted")];
        let mut new = old.clone();
        assert_eq!(changes(&old, &new, Map::new()), json!({"fields": []}));
        new.attrs = vec![attr(1, "kept"), attr(2, "new name"), attr(4, "noted"), attr(5, "added")];
        new.attrs[2].note = "a remark".to_owned();
        (new.name, new.note) = ("other".to_owned(), "secret of the firm".to_owned());
        let expected = json!({
            "fields": ["name", "note"], "name": {"old": "", "new": "other"},
            "attrs_added": ["added"], "attrs_changed": ["old name → new name", "noted"], "attrs_removed": ["removed"],
        });
        assert_eq!(changes(&old, &new, Map::new()), expected);
    }
}
