//! The bridges over a world.

use super::state::{Acting, State, invalid};
use super::{Shared, outbound};
use crate::bridge::{
    AuthBridge, BridgeError, BridgeManager, BridgeResult, DataBridge, EntityChange, EntityQuery, EntryChange,
    EntryQuery, Gate, HandlerStats, HookBridge, NewEntity, NewEntry, Work,
};
use crate::capability::Capability;
use crate::catalogue::{POINTS, PointInfo};
use crate::error::Code;
use crate::event::PluginEvent;
use crate::hook::BoxFuture;
use crate::http::{OutboundRequest, OutboundResponse, OutboundResult};
use crate::model::{Entity, Entry, EntryRef, Level, ObjectKind, User, ValueVersion};
use crate::plugin::PluginDecl;
use crate::secret::SecretValue;
use crate::time::Timestamp;
use serde_json::Value;
use std::any::Any;
use std::sync::{Arc, MutexGuard};

/// What the plugin has not declared and what is withheld from it is refused, as by the host.
pub(super) fn needs(
    shared: &Shared,
    plugin: &'static PluginDecl,
    capability: Capability,
) -> BridgeResult<()> {
    let declared = plugin.declares(capability);
    let withheld = declared && shared.state().withheld.contains(&capability.to_string());
    if declared && !withheld {
        return Ok(());
    }
    Err(BridgeError::Capability { plugin: plugin.id, capability, withheld })
}

/// Most rows of a list. *Source: documentation of the bridges.*
const MOST: usize = 1_000;

/// The three bridges, for one actor and one plugin.
pub(super) struct FakeBridges {
    shared: Arc<Shared>,
    acting: Acting,
    plugin: &'static PluginDecl,
    /// The point whose handlers cannot write.
    pub(super) read_only: Option<&'static str>,
}

impl FakeBridges {
    pub(super) fn new(shared: &Arc<Shared>, acting: Acting, plugin: &'static PluginDecl) -> Self {
        Self { shared: Arc::clone(shared), acting, plugin, read_only: None }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    fn needs(&self, capability: Capability) -> BridgeResult<()> {
        needs(&self.shared, self.plugin, capability)
    }

    /// What a reading call sees.
    fn read(&self, capability: Capability) -> BridgeResult<MutexGuard<'_, State>> {
        self.needs(capability)?;
        Ok(self.state())
    }

    /// One write: all of it or nothing.
    fn write<T>(
        &self,
        capability: Capability,
        work: impl FnOnce(&mut State, &Acting) -> BridgeResult<T>,
    ) -> BridgeResult<T> {
        self.needs(capability)?;
        if let Some(point) = self.read_only {
            return Err(BridgeError::ReadOnly(point));
        }
        self.shared.transaction(|| work(&mut self.shared.state(), &self.acting))
    }
}

impl BridgeManager for FakeBridges {
    fn auth(&mut self) -> &mut dyn AuthBridge {
        self
    }
    fn data(&mut self) -> &mut dyn DataBridge {
        self
    }
    fn hooks(&mut self) -> &mut dyn HookBridge {
        self
    }
    fn as_plugin(&mut self, work: &mut dyn FnMut(&mut dyn BridgeManager)) -> BridgeResult<()> {
        self.needs(Capability::ActAsPlugin)?;
        let user = super::user(&format!("plugin:{}", self.plugin.id));
        let own = std::mem::replace(&mut self.acting, Acting::User(Arc::new(user)));
        work(self);
        self.acting = own;
        Ok(())
    }
    fn secret(&mut self, name: &'static str) -> BridgeResult<SecretValue> {
        outbound::secret(&self.shared, self.plugin, name)
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

impl AuthBridge for FakeBridges {
    fn current_user(&self) -> Option<&User> {
        self.acting.user()
    }

    fn has_permission(&mut self, kind: ObjectKind, id: i64, level: Level) -> BridgeResult<bool> {
        let state = self.state();
        let ids = state.limits_of(kind, id)?;
        Ok(state.level(&self.acting, &ids) >= level)
    }

    fn groups(&mut self) -> BridgeResult<Vec<String>> {
        let state = self.read(Capability::ReadUsers)?;
        Ok(self.acting.user().map(|_| state.groups.clone()).unwrap_or_default())
    }

    fn roles(&mut self) -> BridgeResult<Vec<String>> {
        let state = self.read(Capability::ReadUsers)?;
        Ok(self.acting.user().map(|_| state.roles.clone()).unwrap_or_default())
    }

    fn authenticate_token(&mut self, key: &str) -> BridgeResult<Option<User>> {
        Ok(self.read(Capability::ReadUsers)?.tokens.get(key).cloned())
    }
}

fn limit(asked: u32) -> usize {
    match usize::try_from(asked) {
        Ok(asked) if asked > 0 => asked.min(MOST),
        _ => MOST,
    }
}

/// Whether all words of `search` are in `name`, ignoring case.
fn found(name: &str, search: &str) -> bool {
    let name = name.to_lowercase();
    search.to_lowercase().split([' ', '\t', '\u{3000}', ',']).all(|word| name.contains(word))
}

impl DataBridge for FakeBridges {
    fn entities(&mut self, query: &EntityQuery) -> BridgeResult<Vec<Entity>> {
        let state = self.read(Capability::ReadEntities)?;
        let shown = state.entities.range(query.after.saturating_add(1)..).map(|(_, entity)| entity).filter(
            |entity| {
                let readable = state.level(&self.acting, &[entity.id]) >= Level::Readable;
                entity.is_active && readable && found(&entity.name, &query.search)
            },
        );
        let short = |entity: &Entity| Entity { attrs: Vec::new(), ..entity.clone() };
        Ok(shown.take(limit(query.limit)).map(short).collect())
    }

    fn entity(&mut self, id: i64) -> BridgeResult<Entity> {
        self.read(Capability::ReadEntities)?.entity(id, &self.acting, Level::Readable).cloned()
    }

    fn entity_by_name(&mut self, name: &str) -> BridgeResult<Entity> {
        let id = self.read(Capability::ReadEntities)?.entity_by_name(name).map(|entity| entity.id);
        match id {
            Some(id) => self.entity(id),
            None => Err(BridgeError::NotFound { what: "entity", id: name.to_owned() }),
        }
    }

    fn create_entity(&mut self, new: NewEntity) -> BridgeResult<Entity> {
        self.write(Capability::WriteEntities, |state, acting| {
            if state.level(acting, &[]) < Level::Writable {
                return Err(BridgeError::Denied { object: None, level: Level::Writable });
            }
            let mut attrs = new.attrs;
            for attr in &mut attrs {
                attr.id = 0;
            }
            let entity = Entity {
                name: new.name,
                note: new.note,
                item_name_pattern: new.item_name_pattern,
                is_toplevel: new.is_toplevel,
                attrs,
                ..Entity::default()
            };
            state.store_entity(entity, acting)
        })
    }

    fn update_entity(&mut self, id: i64, change: EntityChange) -> BridgeResult<()> {
        self.write(Capability::WriteEntities, |state, acting| {
            let mut entity = state.entity(id, acting, Level::Writable)?.clone();
            entity.name = change.name.unwrap_or(entity.name);
            entity.note = change.note.unwrap_or(entity.note);
            entity.item_name_pattern = change.item_name_pattern.unwrap_or(entity.item_name_pattern);
            entity.is_toplevel = change.is_toplevel.unwrap_or(entity.is_toplevel);
            for attr in change.attrs {
                let at = entity.attrs.iter().position(|known| Some(known.id) == attr.id);
                match (at, attr.id) {
                    (Some(at), _) if attr.is_deleted => drop(entity.attrs.remove(at)),
                    (Some(at), id) => {
                        if let Some(known) = entity.attrs.get_mut(at) {
                            *known = attr.definition;
                            known.id = id.unwrap_or_default();
                        }
                    }
                    (None, None) if !attr.is_deleted => {
                        entity.attrs.push(crate::model::EntityAttr { id: 0, ..attr.definition });
                    }
                    (None, _) => {
                        return Err(invalid("attrs", Code::NotFound, "the entity has no such attribute"));
                    }
                }
            }
            state.store_entity(entity, acting).map(drop)
        })
    }

    fn delete_entity(&mut self, id: i64) -> BridgeResult<()> {
        self.write(Capability::WriteEntities, |state, acting| {
            state.entity(id, acting, Level::Full)?;
            if state.entries.values().any(|entry| entry.is_active && entry.entity.id == id) {
                return Err(invalid("non_field_errors", Code::NotEmpty, "the entity still has entries"));
            }
            if let Some(entity) = state.entities.get_mut(&id) {
                entity.is_active = false;
            }
            Ok(())
        })
    }

    fn entries(&mut self, query: &EntryQuery) -> BridgeResult<Vec<Entry>> {
        let state = self.read(Capability::ReadEntries)?;
        let shown =
            state.entries.range(query.after.saturating_add(1)..).map(|(_, entry)| entry).filter(|entry| {
                let readable = state.level(&self.acting, &[entry.id, entry.entity.id]) >= Level::Readable;
                entry.is_active
                    && readable
                    && query.entity.is_none_or(|entity| entity == entry.entity.id)
                    && found(&entry.name, &query.search)
            });
        Ok(shown.take(limit(query.limit)).cloned().collect())
    }

    fn entry(&mut self, id: i64) -> BridgeResult<Entry> {
        let state = self.read(Capability::ReadEntries)?;
        let entry = state.entry(id, true, &self.acting, Level::Readable)?;
        Ok(state.detail(entry))
    }

    fn entry_by_name(&mut self, entity: i64, name: &str) -> BridgeResult<Entry> {
        let id = self.read(Capability::ReadEntries)?.entry_by_name(entity, name).map(|entry| entry.id);
        match id {
            Some(id) => self.entry(id),
            None => Err(BridgeError::NotFound { what: "entry", id: name.to_owned() }),
        }
    }

    fn create_entry(&mut self, entity: i64, new: NewEntry) -> BridgeResult<EntryRef> {
        self.write(Capability::WriteEntries, |state, acting| {
            state.store_entry(entity, &new.name, &new.attrs, acting)
        })
    }

    fn update_entry(&mut self, id: i64, change: EntryChange) -> BridgeResult<()> {
        self.write(Capability::WriteEntries, |state, acting| {
            let entity = state.entry(id, true, acting, Level::Writable)?.entity.id;
            if let Some(name) = change.name {
                state.check_name(entity, &name, id)?;
                if let Some(entry) = state.entries.get_mut(&id)
                    && entry.name != name
                {
                    entry.name = name;
                    entry.updated_time = Timestamp::now();
                }
            }
            state.write_values(id, &change.attrs, acting)
        })
    }

    fn delete_entry(&mut self, id: i64) -> BridgeResult<()> {
        self.write(Capability::WriteEntries, |state, acting| {
            state.entry(id, true, acting, Level::Full)?;
            if let Some(entry) = state.entries.get_mut(&id) {
                entry.is_active = false;
                entry.updated_time = Timestamp::now();
            }
            Ok(())
        })
    }

    fn restore_entry(&mut self, id: i64) -> BridgeResult<()> {
        self.write(Capability::WriteEntries, |state, acting| {
            let entry = state.entry(id, false, acting, Level::Full)?;
            let (entity, name) = (entry.entity.id, entry.name.clone());
            state.check_name(entity, &name, id)?;
            if let Some(entry) = state.entries.get_mut(&id) {
                entry.is_active = true;
                entry.updated_time = Timestamp::now();
            }
            Ok(())
        })
    }

    fn history(&mut self, entry: i64, before: i64, asked: u32) -> BridgeResult<Vec<ValueVersion>> {
        let state = self.read(Capability::ReadEntries)?;
        state.entry(entry, true, &self.acting, Level::Readable)?;
        Ok(state.history(entry, before, limit(asked)))
    }
}

impl HookBridge for FakeBridges {
    fn catalogue(&self) -> &'static [PointInfo] {
        &POINTS
    }

    fn statistics(&self) -> Vec<HandlerStats> {
        Vec::new()
    }

    fn emit(&mut self, name: &str, data: Value) -> BridgeResult<()> {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(letters) {
            let message = format!("`{name}` is not the name of an event: [a-z][a-z0-9_.]*");
            return Err(invalid("name", Code::Invalid, message));
        }
        let name = format!("{}.{name}", self.plugin.id);
        self.state().events.push(PluginEvent { name, data });
        Ok(())
    }
}

/// The way into a transaction of a world.
#[derive(Debug)]
pub(super) struct FakeGate {
    shared: Arc<Shared>,
    acting: Acting,
    plugin: &'static PluginDecl,
}

impl FakeGate {
    pub(super) fn new(shared: &Arc<Shared>, acting: Acting, plugin: &'static PluginDecl) -> Self {
        Self { shared: Arc::clone(shared), acting, plugin }
    }
}

impl Gate for FakeGate {
    fn enter(&self, work: Work) -> BoxFuture<'static, anyhow::Result<()>> {
        let gate = Self::new(&self.shared, self.acting.clone(), self.plugin);
        Box::pin(async move { gate.enter_blocking(work) })
    }

    fn enter_to_read(&self, work: Work) -> BoxFuture<'static, anyhow::Result<()>> {
        let mut bridges = FakeBridges::new(&self.shared, self.acting.clone(), self.plugin);
        bridges.read_only = Some("`ctx.read`");
        Box::pin(async move {
            let _inside = outbound::Inside::enter();
            work(&mut bridges)
        })
    }

    fn enter_blocking(&self, work: Work) -> anyhow::Result<()> {
        let mut bridges = FakeBridges::new(&self.shared, self.acting.clone(), self.plugin);
        let _inside = outbound::Inside::enter();
        self.shared.transaction(|| work(&mut bridges))
    }

    fn http(&self, request: OutboundRequest) -> BoxFuture<'static, OutboundResult<OutboundResponse>> {
        let answer = self.http_blocking(request);
        Box::pin(async move { answer })
    }

    fn http_blocking(&self, request: OutboundRequest) -> OutboundResult<OutboundResponse> {
        outbound::send(&self.shared, self.plugin, &request)
    }

    fn secret(&self, name: &'static str) -> BridgeResult<SecretValue> {
        outbound::secret(&self.shared, self.plugin, name)
    }
}
