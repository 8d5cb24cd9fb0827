//! The bridges as plugins get them: with the capabilities of the context that they come from.
//!
//! [`Data`], [`Auth`] and [`Bridges`] have the methods of the traits, each with the capability that it needs
//! as a bound on what the context carries, so that a missing one is found by the compiler at the call.

use super::{
    AuthBridge, BridgeManager, BridgeResult, DataBridge, EntityChange, EntityQuery, EntryChange, EntryQuery,
    HookBridge, NewEntity, NewEntry,
};
use crate::capability::{
    MayActAsPlugin, MayReadEntities, MayReadEntries, MayReadUsers, MayWriteEntities, MayWriteEntries,
};
use crate::model::{Entity, Entry, EntryRef, Level, ObjectKind, User, ValueVersion};
use std::marker::PhantomData;

/// Entities, entries and values: reads and writes as the acting user, with validation, hooks, history and
/// access rules. The methods are those of [`DataBridge`].
///
/// Each write is atomic: if it returns an error, nothing of it remains. Lists leave out what the acting
/// user cannot read.
///
/// # Errors
/// All methods: [`super::BridgeError`], whose variants say when.
pub struct Data<'a, C> {
    bridge: &'a mut dyn DataBridge,
    carries: PhantomData<fn() -> C>,
}

impl<C> std::fmt::Debug for Data<'_, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Data").finish_non_exhaustive()
    }
}

#[allow(clippy::missing_errors_doc, reason = "said once for the type")]
impl<'a, C> Data<'a, C> {
    pub(crate) fn new(bridge: &'a mut dyn DataBridge) -> Self {
        Self { bridge, carries: PhantomData }
    }

    /// Active entities, ascending by id, without their definitions. Needs `entities.read`.
    #[inline]
    pub fn entities(&mut self, query: &EntityQuery) -> BridgeResult<Vec<Entity>>
    where
        C: MayReadEntities,
    {
        self.bridge.entities(query)
    }

    /// An active entity with its definitions. Needs `entities.read`.
    #[inline]
    pub fn entity(&mut self, id: i64) -> BridgeResult<Entity>
    where
        C: MayReadEntities,
    {
        self.bridge.entity(id)
    }

    /// The active entity of this name, with its definitions. Needs `entities.read`.
    #[inline]
    pub fn entity_by_name(&mut self, name: &str) -> BridgeResult<Entity>
    where
        C: MayReadEntities,
    {
        self.bridge.entity_by_name(name)
    }

    /// Creates an entity. Needs `entities.write`.
    #[inline]
    pub fn create_entity(&mut self, new: NewEntity) -> BridgeResult<Entity>
    where
        C: MayWriteEntities,
    {
        self.bridge.create_entity(new)
    }

    /// Changes an entity. Needs `entities.write`.
    #[inline]
    pub fn update_entity(&mut self, id: i64, change: EntityChange) -> BridgeResult<()>
    where
        C: MayWriteEntities,
    {
        self.bridge.update_entity(id, change)
    }

    /// Deletes an entity without active entries. Needs `entities.write`.
    #[inline]
    pub fn delete_entity(&mut self, id: i64) -> BridgeResult<()>
    where
        C: MayWriteEntities,
    {
        self.bridge.delete_entity(id)
    }

    /// Active entries, ascending by id, without their values. Needs `entries.read`.
    #[inline]
    pub fn entries(&mut self, query: &EntryQuery) -> BridgeResult<Vec<Entry>>
    where
        C: MayReadEntries,
    {
        self.bridge.entries(query)
    }

    /// An active entry with its values. Needs `entries.read`.
    #[inline]
    pub fn entry(&mut self, id: i64) -> BridgeResult<Entry>
    where
        C: MayReadEntries,
    {
        self.bridge.entry(id)
    }

    /// The active entry of this name, with its values. Needs `entries.read`.
    #[inline]
    pub fn entry_by_name(&mut self, entity: i64, name: &str) -> BridgeResult<Entry>
    where
        C: MayReadEntries,
    {
        self.bridge.entry_by_name(entity, name)
    }

    /// Creates an entry. Needs `entries.write`.
    #[inline]
    pub fn create_entry(&mut self, entity: i64, new: NewEntry) -> BridgeResult<EntryRef>
    where
        C: MayWriteEntries,
    {
        self.bridge.create_entry(entity, new)
    }

    /// Changes an entry. Needs `entries.write`.
    #[inline]
    pub fn update_entry(&mut self, id: i64, change: EntryChange) -> BridgeResult<()>
    where
        C: MayWriteEntries,
    {
        self.bridge.update_entry(id, change)
    }

    /// Deletes an entry, and what it alone refers to through chain attributes. Needs `entries.write`.
    #[inline]
    pub fn delete_entry(&mut self, id: i64) -> BridgeResult<()>
    where
        C: MayWriteEntries,
    {
        self.bridge.delete_entry(id)
    }

    /// Brings a deleted entry back. Needs `entries.write`.
    #[inline]
    pub fn restore_entry(&mut self, id: i64) -> BridgeResult<()>
    where
        C: MayWriteEntries,
    {
        self.bridge.restore_entry(id)
    }

    /// The written values of an entry, newest first: at most `limit` (1,000 when 0), older than the version
    /// `before` when that is not 0. Needs `entries.read`.
    #[inline]
    pub fn history(&mut self, entry: i64, before: i64, limit: u32) -> BridgeResult<Vec<ValueVersion>>
    where
        C: MayReadEntries,
    {
        self.bridge.history(entry, before, limit)
    }
}

/// Who acts, and what they may do. The methods are those of [`AuthBridge`].
pub struct Auth<'a, C> {
    bridge: &'a mut dyn AuthBridge,
    carries: PhantomData<fn() -> C>,
}

impl<C> std::fmt::Debug for Auth<'_, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("user", &self.bridge.current_user()).finish_non_exhaustive()
    }
}

impl<'a, C> Auth<'a, C> {
    pub(crate) fn new(bridge: &'a mut dyn AuthBridge) -> Self {
        Self { bridge, carries: PhantomData }
    }

    /// The acting user; absent for anonymous requests and for what the server does by itself.
    #[inline]
    #[must_use]
    pub fn current_user(&self) -> Option<&User> {
        self.bridge.current_user()
    }

    /// Whether the acting user has `level` on an object, by the full permission check:
    /// `user.before_permission_check` handlers may narrow it.
    ///
    /// # Errors
    /// The object does not exist, or the database does not answer.
    #[inline]
    pub fn has_permission(&mut self, kind: ObjectKind, id: i64, level: Level) -> BridgeResult<bool> {
        self.bridge.has_permission(kind, id, level)
    }

    /// Names of the active groups that the acting user belongs to, directly or through an ancestor. Needs
    /// `users.read`.
    ///
    /// # Errors
    /// The database does not answer, or the operator withholds the capability.
    #[inline]
    pub fn groups(&mut self) -> BridgeResult<Vec<String>>
    where
        C: MayReadUsers,
    {
        self.bridge.groups()
    }

    /// Names of the active roles of the acting user. Needs `users.read`.
    ///
    /// # Errors
    /// As [`Auth::groups`].
    #[inline]
    pub fn roles(&mut self) -> BridgeResult<Vec<String>>
    where
        C: MayReadUsers,
    {
        self.bridge.roles()
    }

    /// The user of an API token, if the token exists, has not outlived its lifetime, and its user is active.
    /// Needs `users.read`.
    ///
    /// # Errors
    /// As [`Auth::groups`].
    #[inline]
    pub fn authenticate_token(&mut self, key: &str) -> BridgeResult<Option<User>>
    where
        C: MayReadUsers,
    {
        self.bridge.authenticate_token(key)
    }
}

/// The bridges of one request, sharing one transaction. The methods are those of [`BridgeManager`].
pub struct Bridges<'a, C> {
    manager: &'a mut dyn BridgeManager,
    carries: PhantomData<fn() -> C>,
}

impl<C> std::fmt::Debug for Bridges<'_, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bridges").finish_non_exhaustive()
    }
}

impl<'a, C> Bridges<'a, C> {
    pub(crate) fn new(manager: &'a mut dyn BridgeManager) -> Self {
        Self { manager, carries: PhantomData }
    }

    /// Who acts, and what they may do.
    #[inline]
    #[must_use]
    pub fn auth(&mut self) -> Auth<'_, C> {
        Auth::new(self.manager.auth())
    }

    /// Entities, entries, values.
    #[inline]
    #[must_use]
    pub fn data(&mut self) -> Data<'_, C> {
        Data::new(self.manager.data())
    }

    /// The hook catalogue, statistics, events. Needs no capability.
    #[inline]
    #[must_use]
    pub fn hooks(&mut self) -> &mut dyn HookBridge {
        self.manager.hooks()
    }

    /// Runs `work` as the plugin itself, in the same transaction: as the account `plugin:<id>`, whose
    /// access rules hold and whose name stands in the history of what it writes. Needs `plugin.act`.
    ///
    /// # Errors
    /// What `work` returned, or why the plugin cannot act as itself.
    pub fn as_plugin<T>(
        &mut self,
        work: impl FnOnce(&mut Bridges<'_, C>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T>
    where
        C: MayActAsPlugin,
    {
        as_plugin(self.manager, |manager| work(&mut Bridges::new(manager)))
    }
}

/// Runs `work` once as the plugin that is calling.
pub(crate) fn as_plugin<T>(
    manager: &mut dyn BridgeManager,
    work: impl FnOnce(&mut dyn BridgeManager) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut work = Some(work);
    let mut outcome = None;
    manager.as_plugin(&mut |manager| {
        if let Some(work) = work.take() {
            outcome = Some(work(manager));
        }
    })?;
    outcome.unwrap_or_else(|| Err(anyhow::anyhow!("the host did not run the work")))
}
