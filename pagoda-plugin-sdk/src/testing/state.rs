//! What is in a world: objects, values and limits.

use crate::bridge::{BridgeError, BridgeResult};
use crate::error::{Code, Reject};
use crate::event::PluginEvent;
use crate::model::{
    AttrInput, AttrRef, AttrType, Entity, EntityAttr, Entry, EntryRef, Level, ObjectKind, ObjectRef, User,
    ValueVersion,
};
use crate::secret::SecretValue;
use crate::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who acts.
#[derive(Debug, Clone)]
pub(super) enum Acting {
    User(Arc<User>),
    Anonymous,
    Server,
}

impl Acting {
    pub(super) fn user(&self) -> Option<&User> {
        match self {
            Self::User(user) => Some(user),
            Self::Anonymous | Self::Server => None,
        }
    }

    fn username(&self) -> Option<String> {
        self.user().map(|user| user.username.clone())
    }
}

/// All that transactions undo.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    last_id: i64,
    pub(super) entities: BTreeMap<i64, Entity>,
    pub(super) entries: BTreeMap<i64, Entry>,
    /// All versions of all values in input form, oldest first, with their entries.
    values: Vec<(i64, ValueVersion)>,
    levels: BTreeMap<i64, Level>,
    pub(super) groups: Vec<String>,
    pub(super) roles: Vec<String>,
    pub(super) tokens: BTreeMap<String, User>,
    pub(super) events: Vec<PluginEvent>,
    /// Names of capabilities that the operator withholds.
    pub(super) withheld: Vec<String>,
    /// What the operator keeps for plugins, by name.
    pub(super) secrets: BTreeMap<String, SecretValue>,
}

/// An answer of the host to bad input: one field, one code.
pub(super) fn invalid(field: &'static str, code: Code, message: impl Into<String>) -> BridgeError {
    BridgeError::Invalid(json!(Reject::field(field, message.into()).with_code(code)))
}

fn not_found(what: &'static str, id: impl ToString) -> BridgeError {
    BridgeError::NotFound { what, id: id.to_string() }
}

impl State {
    fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn limit(&mut self, id: i64, level: Level) {
        self.levels.insert(id, level);
    }

    pub(super) fn add_entity(&mut self, name: &str, attrs: &[(&str, AttrType)]) -> BridgeResult<()> {
        let attrs = attrs.iter().zip(1..).map(|((name, attr_type), index)| EntityAttr {
            name: (*name).to_owned(),
            attr_type: *attr_type,
            index,
            ..EntityAttr::default()
        });
        let entity = Entity { name: name.to_owned(), attrs: attrs.collect(), ..Entity::default() };
        self.store_entity(entity, &Acting::Server).map(drop)
    }

    pub(super) fn add_entry(&mut self, entity: &str, name: &str, values: &Value) -> BridgeResult<()> {
        let found = self.entity_by_name(entity).ok_or_else(|| not_found("entity", entity))?;
        let mut attrs = Vec::new();
        for (attr, value) in values.as_object().into_iter().flatten() {
            let definition = found.attrs.iter().find(|definition| definition.name == *attr);
            let definition = definition.ok_or_else(|| not_found("attribute", attr))?;
            attrs.push(AttrInput { id: definition.id, value: value.clone() });
        }
        let entity = found.id;
        self.store_entry(entity, name, &attrs, &Acting::Server).map(drop)
    }

    pub(super) fn entity_by_name(&self, name: &str) -> Option<&Entity> {
        self.entities.values().find(|entity| entity.is_active && entity.name == name)
    }

    pub(super) fn entry_by_name(&self, entity: i64, name: &str) -> Option<&Entry> {
        self.entries.values().find(|entry| entry.is_active && entry.entity.id == entity && entry.name == name)
    }

    /// The active entity, if `acting` has `level` on it.
    pub(super) fn entity(&self, id: i64, acting: &Acting, level: Level) -> BridgeResult<&Entity> {
        let entity = self.entities.get(&id).filter(|entity| entity.is_active);
        let entity = entity.ok_or_else(|| not_found("entity", id))?;
        let object = || ObjectRef { kind: ObjectKind::Entity, id, name: entity.name.clone() };
        self.require(acting, &[id], level, object).map(|()| entity)
    }

    /// The entry that is active or not, if `acting` has `level` on it.
    pub(super) fn entry(
        &self,
        id: i64,
        is_active: bool,
        acting: &Acting,
        level: Level,
    ) -> BridgeResult<&Entry> {
        let entry = self.entries.get(&id).filter(|entry| entry.is_active == is_active);
        let entry = entry.ok_or_else(|| not_found("entry", id))?;
        let object = || ObjectRef { kind: ObjectKind::Entry, id, name: entry.name.clone() };
        self.require(acting, &[id, entry.entity.id], level, object).map(|()| entry)
    }

    fn require(
        &self,
        acting: &Acting,
        ids: &[i64],
        level: Level,
        object: impl FnOnce() -> ObjectRef,
    ) -> BridgeResult<()> {
        if self.level(acting, ids) >= level {
            return Ok(());
        }
        Err(BridgeError::Denied { object: Some(object()), level })
    }

    /// What `acting` may do with an object that is limited under any of these ids.
    pub(super) fn level(&self, acting: &Acting, ids: &[i64]) -> Level {
        let user = match acting {
            Acting::Server => return Level::Full,
            Acting::Anonymous => return Level::Nothing,
            Acting::User(user) if user.is_superuser => return Level::Full,
            Acting::User(user) => user,
        };
        let most = if user.is_readonly { Level::Readable } else { Level::Full };
        ids.iter().filter_map(|id| self.levels.get(id)).fold(most, |most, level| most.min(*level))
    }

    /// The ids under which an object is limited.
    pub(super) fn limits_of(&self, kind: ObjectKind, id: i64) -> BridgeResult<Vec<i64>> {
        let ids = match kind {
            ObjectKind::Entity => self.entities.get(&id).map(|_| vec![id]),
            ObjectKind::Entry => self.entries.get(&id).map(|entry| vec![id, entry.entity.id]),
            // A value of an entry has no id of its own here; it goes by its definition.
            ObjectKind::EntityAttr | ObjectKind::Attribute => self
                .entities
                .values()
                .find(|entity| entity.attrs.iter().any(|attr| attr.id == id))
                .map(|entity| vec![id, entity.id]),
            // A plugin cannot make one, so a world in memory has none.
            ObjectKind::Category => None,
        };
        ids.ok_or_else(|| not_found("object", id))
    }

    /// Checks and stores an entity; a new one has the id 0.
    pub(super) fn store_entity(&mut self, mut entity: Entity, acting: &Acting) -> BridgeResult<Entity> {
        if entity.name.is_empty() {
            return Err(invalid("name", Code::Required, "an entity needs a name"));
        }
        if self.entity_by_name(&entity.name).is_some_and(|other| other.id != entity.id) {
            return Err(invalid("name", Code::Duplicate, "there is an entity of this name"));
        }
        for (index, attr) in entity.attrs.iter().enumerate() {
            if attr.name.is_empty() || entity.attrs.iter().take(index).any(|other| other.name == attr.name) {
                return Err(invalid("attrs", Code::Duplicate, format!("two attributes `{}`", attr.name)));
            }
        }
        if entity.id == 0 {
            entity.id = self.next_id();
            entity.is_active = true;
            entity.created_user = acting.username();
            entity.created_time = Timestamp::now();
            if entity.item_name_type.is_empty() {
                "US".clone_into(&mut entity.item_name_type);
            }
        }
        for attr in &mut entity.attrs {
            if attr.id == 0 {
                attr.id = self.next_id();
            }
        }
        let to = entity.to_ref();
        for entry in self.entries.values_mut().filter(|entry| entry.entity.id == to.id) {
            entry.entity = to.clone();
        }
        self.entities.insert(entity.id, entity.clone());
        Ok(entity)
    }

    pub(super) fn store_entry(
        &mut self,
        entity: i64,
        name: &str,
        attrs: &[AttrInput],
        acting: &Acting,
    ) -> BridgeResult<EntryRef> {
        let found = self.entity(entity, acting, Level::Writable)?.clone();
        self.check_name(entity, name, 0)?;
        for attr in found.attrs.iter().filter(|attr| attr.is_mandatory) {
            if !attrs.iter().any(|input| input.id == attr.id && !is_blank(&input.value)) {
                let message = format!("`{}` is mandatory", attr.name);
                return Err(invalid("non_field_errors", Code::Required, message));
            }
        }
        let (id, now) = (self.next_id(), Timestamp::now());
        let entry = Entry {
            id,
            name: name.to_owned(),
            entity: found.to_ref(),
            is_active: true,
            created_user: acting.username(),
            created_time: now,
            updated_time: now,
            attrs: Vec::new(),
        };
        self.entries.insert(id, entry);
        self.write_values(id, attrs, acting)?;
        Ok(EntryRef { id, name: name.to_owned(), entity: found.to_ref() })
    }

    /// Checks the name of an entry; `id` is its own.
    pub(super) fn check_name(&self, entity: i64, name: &str, id: i64) -> BridgeResult<()> {
        if name.is_empty() {
            return Err(invalid("name", Code::Required, "an entry needs a name"));
        }
        match self.entry_by_name(entity, name) {
            Some(other) if other.id != id => {
                Err(invalid("name", Code::Duplicate, "there is an entry of this name"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn write_values(
        &mut self,
        entry: i64,
        attrs: &[AttrInput],
        acting: &Acting,
    ) -> BridgeResult<()> {
        for input in attrs {
            let definition = self.definitions(entry).iter().find(|attr| attr.id == input.id).cloned();
            let Some(definition) = definition else {
                let message = format!("the entity has no attribute {}", input.id);
                return Err(invalid("non_field_errors", Code::NotFound, message));
            };
            if self.value(entry, input.id) == Some(&input.value) {
                continue;
            }
            let version = ValueVersion {
                id: self.next_id(),
                attr: AttrRef { id: definition.id, name: definition.name, attr_type: definition.attr_type },
                value: input.value.clone(),
                created_user: acting.username(),
                created_time: Timestamp::now(),
            };
            self.values.push((entry, version));
        }
        Ok(())
    }

    fn definitions(&self, entry: i64) -> &[EntityAttr] {
        let entity = self.entries.get(&entry).and_then(|entry| self.entities.get(&entry.entity.id));
        entity.map_or(&[], |entity| &entity.attrs)
    }

    /// The present value of an attribute, in input form.
    fn value(&self, entry: i64, attr: i64) -> Option<&Value> {
        let mut versions = self.values.iter().rev();
        versions
            .find(|(of, version)| *of == entry && version.attr.id == attr)
            .map(|(_, version)| &version.value)
    }

    /// The versions of an entry's values in detail form, newest first.
    pub(super) fn history(&self, entry: i64, before: i64, limit: usize) -> Vec<ValueVersion> {
        let versions = self
            .values
            .iter()
            .rev()
            .filter(|(of, version)| *of == entry && (before == 0 || version.id < before));
        let shown = versions.take(limit).map(|(_, version)| ValueVersion {
            value: self.shown(version.attr.attr_type, Some(&version.value)),
            ..version.clone()
        });
        shown.collect()
    }

    /// The entry with its values.
    pub(super) fn detail(&self, entry: &Entry) -> Entry {
        let attrs = self.definitions(entry.id).iter().map(|attr| {
            let value = self.value(entry.id, attr.id);
            json!({
                "id": value.map(|_| attr.id),
                "type": attr.attr_type,
                "is_mandatory": attr.is_mandatory,
                "is_readable": true,
                "value": self.shown(attr.attr_type, value),
                "schema": {"id": attr.id, "name": attr.name},
            })
        });
        Entry { attrs: attrs.collect(), ..entry.clone() }
    }

    /// The wire's detail form of a value in input form. *Source: spec, output values.*
    fn shown(&self, attr_type: AttrType, value: Option<&Value>) -> Value {
        let value = value.unwrap_or(&Value::Null);
        let list = |one: &dyn Fn(&Value) -> Value| {
            Value::Array(value.as_array().into_iter().flatten().map(one).collect())
        };
        let entry = |value: &Value| self.shown_entry(value);
        let named = |value: &Value| {
            let name = value.get("name").and_then(Value::as_str).unwrap_or_default();
            let mut shown = json!({"name": name, "object": entry(value.get("id").unwrap_or(&Value::Null))});
            if attr_type.code() & AttrType::Boolean.code() != 0 {
                shown["boolean"] = json!(value.get("boolean").and_then(Value::as_bool).unwrap_or(false));
            }
            shown
        };
        let or = |blank: Value| if value.is_null() { blank } else { value.clone() };
        match attr_type {
            AttrType::Object => json!({"as_object": entry(value)}),
            AttrType::String | AttrType::Text | AttrType::Date | AttrType::Datetime => {
                json!({"as_string": or(json!(""))})
            }
            AttrType::Boolean => json!({"as_boolean": or(json!(false))}),
            AttrType::Number => json!({"as_number": value}),
            AttrType::Group => json!({"as_group": party(value)}),
            AttrType::Role => json!({"as_role": party(value)}),
            AttrType::Select => json!({"as_select": choice(value)}),
            AttrType::ArrayObject => json!({"as_array_object": list(&entry)}),
            AttrType::ArrayString => json!({"as_array_string": or(json!([]))}),
            AttrType::ArrayNumber => json!({"as_array_number": or(json!([]))}),
            AttrType::ArrayGroup => json!({"as_array_group": list(&party)}),
            AttrType::ArrayRole => json!({"as_array_role": list(&party)}),
            AttrType::MultiSelect => json!({"as_multi_select": list(&choice)}),
            AttrType::NamedObject | AttrType::NamedObjectBoolean => {
                json!({"as_named_object": named(value)})
            }
            AttrType::ArrayNamedObject | AttrType::ArrayNamedObjectBoolean => {
                json!({"as_array_named_object": list(&named)})
            }
        }
    }

    fn shown_entry(&self, value: &Value) -> Value {
        let id = value.as_i64().or_else(|| value.as_str()?.parse().ok());
        let entry = id.and_then(|id| self.entries.get(&id)).filter(|entry| entry.is_active);
        entry.map_or(Value::Null, |entry| json!({"id": entry.id, "name": entry.name, "schema": entry.entity}))
    }
}

/// A group or role; the world has none with ids, so the id stands for the name as well.
fn party(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        id => json!({"id": id, "name": id.as_str().map_or_else(|| id.to_string(), str::to_owned)}),
    }
}

fn choice(value: &Value) -> Value {
    if is_blank(value) { Value::Null } else { json!({"value": value, "label": value}) }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_blank),
        _ => false,
    }
}
