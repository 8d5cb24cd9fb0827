//! The context of one operation: its transaction, who acts, and the hooks it fires.
//!
//! An [`OpCtx`] is lent to each handler as its bridges and taken back afterwards ([`Session`]); that is why
//! it owns what it holds. While it is lent, nobody else can have it.

use super::acl::Memo;
use super::audit::Trail;
use super::entity::Probes;
use super::error::OpError;
use super::host::{Host, MOST_NESTED};
use crate::plugins::dispatch::{self, Session};
use crate::plugins::observe::Events;
use crate::plugins::table::Tabled;
use crate::store::{Db, Savepoint};
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::bridge::BridgeManager;
use pagoda_plugin_sdk::context::RequestInfo;
use pagoda_plugin_sdk::hook::kind;
use pagoda_plugin_sdk::model::User;
use pagoda_plugin_sdk::time::Timestamp;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Instant;

/// One operation.
pub struct OpCtx {
    /// Absent while it is lent.
    inner: Option<Box<OpState>>,
}

/// What an operation holds.
pub struct OpState {
    /// The transaction.
    pub db: Db,
    /// The server.
    pub host: Arc<Host>,
    /// The request.
    pub request: Arc<RequestInfo>,
    /// The one point in time at which all of the operation happens.
    pub now: Timestamp,
    /// Plugins whose handlers are being called, outermost first.
    inside: Vec<&'static PluginDecl>,
    /// From when on a plugin's own transaction gets no more answers.
    until: Option<Instant>,
    /// One per handler that is being called.
    frames: Vec<Frame>,
    pub(crate) events: Events,
    pub(crate) trail: Trail,
    pub(crate) probes: Probes,
    /// What is known of the acting user's rights.
    pub(super) access: Memo,
}

/// What undoing a handler needs.
struct Frame {
    /// Made when the handler first reaches for data.
    savepoint: Option<Savepoint>,
    noted: Noted,
    /// From when on the handler gets no more answers: it must not hold the transaction for ever.
    until: Instant,
}

/// How much an operation has noted for after the commit; what comes later goes with what is undone.
#[derive(Clone, Copy)]
struct Noted {
    events: usize,
    trail: usize,
    probes: usize,
}

impl Deref for OpCtx {
    type Target = OpState;
    #[inline]
    #[expect(clippy::expect_used, reason = "an OpCtx is lent only within `Session`, which takes it back")]
    fn deref(&self) -> &OpState {
        self.inner.as_deref().expect("invariant: an operation is not used while it is lent")
    }
}

impl DerefMut for OpCtx {
    #[inline]
    #[expect(clippy::expect_used, reason = "an OpCtx is lent only within `Session`, which takes it back")]
    fn deref_mut(&mut self) -> &mut OpState {
        self.inner.as_deref_mut().expect("invariant: an operation is not used while it is lent")
    }
}

impl OpCtx {
    pub(crate) fn new(
        db: Db,
        host: Arc<Host>,
        request: Arc<RequestInfo>,
        inside: Vec<&'static PluginDecl>,
        until: Option<Instant>,
    ) -> Self {
        let now = Timestamp::now();
        let (frames, events, trail) = (Vec::new(), Events::default(), Trail::default());
        let (access, probes) = (Memo::default(), Probes::default());
        let state = OpState { db, host, request, now, inside, until, frames, events, trail, probes, access };
        Self { inner: Some(Box::new(state)) }
    }

    /// Its parts, unless it was lost while it was lent.
    pub(crate) fn into_state(self) -> Option<OpState> {
        self.inner.map(|state| *state)
    }

    /// Its parts, unless it is lent.
    pub(super) fn state_mut(&mut self) -> Option<&mut OpState> {
        self.inner.as_deref_mut()
    }

    /// Who acts.
    ///
    /// # Errors
    /// [`OpError::Unauthenticated`] when nobody does.
    pub fn user(&self) -> Result<&User, OpError> {
        self.request.user.as_deref().ok_or(OpError::Unauthenticated)
    }

    /// Id of who acts; absent for the server itself.
    #[must_use]
    pub fn user_id(&self) -> Option<i64> {
        self.request.user.as_ref().map(|user| user.id)
    }

    /// The plugin that is being called, if one is.
    #[must_use]
    pub fn calling_plugin(&self) -> Option<&'static PluginDecl> {
        self.inside.last().copied()
    }

    /// Plugins that are being called, outermost first.
    #[must_use]
    pub fn inside(&self) -> &[&'static PluginDecl] {
        &self.inside
    }

    /// Whether any handler of `P` runs; ask before building a payload that costs something.
    #[inline]
    #[must_use]
    pub fn wants<P: Tabled>(&self) -> bool {
        !P::table(self.host.registry.tables()).is_empty()
    }

    /// Fires a Transform point.
    ///
    /// # Errors
    /// A handler refused, or failed where failing refuses.
    pub fn transform<P: Tabled<Kind = kind::Transform>>(
        &mut self,
        payload: &mut P::Payload,
    ) -> Result<(), OpError> {
        if !self.wants::<P>() {
            return Ok(());
        }
        let registry = Arc::clone(&self.host.registry);
        Ok(dispatch::transform::<P, _>(P::table(registry.tables()), self, payload)?)
    }

    /// Fires a Check point.
    ///
    /// # Errors
    /// A handler refused, or failed where failing refuses.
    pub fn check<P: Tabled<Kind = kind::Check>>(
        &mut self,
        payload: impl FnOnce() -> P::Payload,
    ) -> Result<(), OpError> {
        if !self.wants::<P>() {
            return Ok(());
        }
        let registry = Arc::clone(&self.host.registry);
        Ok(dispatch::check::<P, _>(P::table(registry.tables()), self, &payload())?)
    }

    /// Fires a Check point for the handler in place `index` alone; says how it failed, if it did.
    ///
    /// # Errors
    /// The handler refused, or failed where failing refuses.
    pub fn check_one<P: Tabled<Kind = kind::Check>>(
        &mut self,
        payload: &P::Payload,
        index: usize,
    ) -> Result<Option<String>, OpError> {
        let registry = Arc::clone(&self.host.registry);
        let table = P::table(registry.tables());
        if dispatch::check_one::<P, _>(table, self, payload, index)? {
            return Ok(None);
        }
        let fault = table.slots().get(index).and_then(|slot| slot.function.last_fault());
        Ok(Some(fault.map_or_else(String::new, |fault| fault.message)))
    }

    /// Fires a Filter point.
    ///
    /// # Errors
    /// The operation itself is broken.
    pub fn filter<P: Tabled<Kind = kind::Filter>>(
        &mut self,
        payload: &mut P::Payload,
    ) -> Result<(), OpError> {
        if !self.wants::<P>() {
            return Ok(());
        }
        let registry = Arc::clone(&self.host.registry);
        Ok(dispatch::filter::<P, _>(P::table(registry.tables()), self, payload)?)
    }

    /// Notes an event; its Observe handlers run after the commit, and not if there is none.
    pub fn observe<P: Tabled<Kind = kind::Observe>>(&mut self, payload: impl FnOnce() -> P::Payload) {
        if self.wants::<P>() {
            self.events.push::<P>(payload(), false);
        }
    }

    /// Notes an event that is about a failure: its handlers run although the operation is undone.
    pub fn observe_failure<P: Tabled<Kind = kind::Observe>>(&mut self, payload: impl FnOnce() -> P::Payload) {
        if self.wants::<P>() {
            self.events.push::<P>(payload(), true);
        }
    }

    fn noted(&self) -> Noted {
        Noted { events: self.events.len(), trail: self.trail.len(), probes: self.probes.len() }
    }

    fn forget_after(&mut self, noted: Noted) {
        self.events.undo(noted.events);
        self.trail.undo(noted.trail);
        self.probes.undo(noted.probes);
    }

    /// Runs a part that is undone as a whole when it fails, and nothing else with it.
    ///
    /// # Errors
    /// That of `work`, or the database cannot undo it.
    pub fn nested<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, OpError>) -> Result<T, OpError> {
        let savepoint = self.db.savepoint()?;
        let noted = self.noted();
        match work(self) {
            Ok(_) if self.db.has_failed() => {
                self.db.rollback_to(savepoint)?;
                self.access.forget();
                self.forget_after(noted);
                Err(OpError::Internal(anyhow::anyhow!("a statement failed and nobody said so")))
            }
            Ok(value) => {
                self.db.release(savepoint)?;
                Ok(value)
            }
            Err(error) => {
                self.db.rollback_to(savepoint)?;
                self.access.forget();
                self.forget_after(noted);
                Err(error)
            }
        }
    }

    /// Runs a reading bridge call of a handler.
    pub(crate) fn reach<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, OpError>,
    ) -> Result<T, OpError> {
        let registry = Arc::clone(&self.host.registry);
        let _host = registry.watch().in_host();
        self.arm()?;
        work(self)
    }

    /// Runs a writing bridge call of a handler: atomic by itself, and not too deep.
    pub(crate) fn reach_to_write<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, OpError>,
    ) -> Result<T, OpError> {
        let registry = Arc::clone(&self.host.registry);
        let _host = registry.watch().in_host();
        if !self.db.is_writer() {
            return Err(OpError::ReadOnly);
        }
        if self.inside.len() > MOST_NESTED {
            let chain: Vec<_> = self.inside.iter().map(|plugin| plugin.id).collect();
            return Err(OpError::TooDeep { limit: MOST_NESTED, chain: chain.join(" → ") });
        }
        self.arm()?;
        self.nested(work)
    }

    /// Makes the savepoint of the handler that is being called, once it needs one: most handlers never
    /// touch data, and on PostgreSQL a savepoint is a round trip.
    fn arm(&mut self) -> Result<(), OpError> {
        let until = self.frames.last().map(|frame| frame.until).or(self.until);
        if until.is_some_and(|until| Instant::now() > until) {
            return Err(OpError::OutOfTime(self.calling_plugin().map_or("", |plugin| plugin.id)));
        }
        if self.frames.last().is_some_and(|frame| frame.savepoint.is_none()) {
            let savepoint = self.db.savepoint()?;
            if let Some(frame) = self.frames.last_mut() {
                frame.savepoint = Some(savepoint);
            }
        }
        Ok(())
    }
}

impl Session for OpCtx {
    fn request(&self) -> &Arc<RequestInfo> {
        &self.request
    }

    fn is_inside(&self, plugin: &PluginDecl) -> bool {
        self.inside.iter().any(|inside| std::ptr::eq(*inside, plugin))
    }

    fn lend(&mut self, plugin: &'static PluginDecl, until: Instant) -> Box<dyn BridgeManager> {
        let noted = self.noted();
        self.inside.push(plugin);
        self.frames.push(Frame { savepoint: None, noted, until });
        Box::new(Self { inner: self.inner.take() })
    }

    fn take_back(&mut self, bridges: Option<Box<dyn BridgeManager>>, keep: bool) -> anyhow::Result<bool> {
        let returned = bridges.and_then(|bridges| bridges.into_any().downcast::<Self>().ok());
        self.inner = returned.and_then(|op| op.inner);
        anyhow::ensure!(self.inner.is_some(), "the operation was lost inside a plugin handler");
        self.inside.pop();
        let Some(frame) = self.frames.pop() else { return Ok(keep) };
        // A handler may have ignored that a statement failed; the database has not.
        let keep = keep && !(frame.savepoint.is_some() && self.db.has_failed());
        match frame.savepoint {
            Some(savepoint) if keep => self.db.release(savepoint)?,
            Some(savepoint) => {
                self.db.rollback_to(savepoint)?;
                self.access.forget();
            }
            None => {}
        }
        if !keep {
            self.forget_after(frame.noted);
        }
        Ok(keep)
    }
}
