//! Runs an operation: connection, transaction, work, commit, Observe hooks.

use super::ctx::OpCtx;
use super::error::OpError;
use super::host::Host;
use crate::limits::shares::{Kind, Place};
use crate::plugins::guard::guarded;
use crate::plugins::observe::{Events, Surroundings};
use crate::store::StoreError;
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::bridge::{Gate, Work};
use pagoda_plugin_sdk::context::RequestInfo;
use pagoda_plugin_sdk::hook::BoxFuture;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinError;

/// Whether an operation may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One consistent view, nothing changes.
    Read,
    /// One transaction, committed if the work succeeds.
    Write,
}

/// Who runs an operation and how.
#[derive(Clone)]
pub struct Runner {
    /// The server.
    pub host: Arc<Host>,
    /// The request.
    pub request: Arc<RequestInfo>,
    /// Plugins that are being called further out: their handlers stay silent.
    pub inside: Vec<&'static PluginDecl>,
}

/// How often a transaction that lost against another one is tried again. *Source: notes, 40001 and 40P01.*
const MOST_TRIES: u32 = 5;

impl Runner {
    /// Runs operations of a request.
    #[must_use]
    pub fn new(host: Arc<Host>, request: Arc<RequestInfo>) -> Self {
        Self { host, request, inside: Vec::new() }
    }

    /// Runs `work` off the async threads; the answer comes after the Observe hooks. `work` may run several
    /// times, so it changes nothing but through its context.
    ///
    /// # Errors
    /// That of `work`, or why there was no transaction.
    pub async fn run<T: Send + 'static>(
        self,
        mode: Mode,
        work: impl FnMut(&mut OpCtx) -> Result<T, OpError> + Send + 'static,
    ) -> Result<T, OpError> {
        self.run_in(None, mode, work).await
    }

    /// As [`Runner::run`], in a place of a plugin's share, which is given back when the transaction is over.
    async fn run_in<T: Send + 'static>(
        self,
        place: Option<Place>,
        mode: Mode,
        work: impl FnMut(&mut OpCtx) -> Result<T, OpError> + Send + 'static,
    ) -> Result<T, OpError> {
        let Some(admitted) = self.host.admit() else { return Err(OpError::Unavailable(StoreError::Busy)) };
        // A task of its own: when the client goes away its request is dropped, but what was committed is
        // still observed.
        let whole = tokio::spawn(async move {
            let runner = self.clone();
            let ran = tokio::task::spawn_blocking(move || {
                let outcome = runner.run_here(place, mode, work);
                drop(admitted);
                outcome
            });
            let (outcome, rest) = ran.await?;
            if !rest.is_empty() {
                rest.run_rest(self.surroundings()).await;
            }
            Ok(outcome)
        });
        let lost = |lost: JoinError| OpError::Internal(anyhow::anyhow!("the operation was lost: {lost}"));
        whole.await.map_err(lost)?.map_err(lost)?
    }

    /// As [`Runner::run`], on a thread that may block and is no async thread.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub fn run_blocking<T>(
        &self,
        mode: Mode,
        work: impl FnMut(&mut OpCtx) -> Result<T, OpError>,
    ) -> Result<T, OpError> {
        self.run_blocking_in(None, mode, work)
    }

    fn run_blocking_in<T>(
        &self,
        place: Option<Place>,
        mode: Mode,
        work: impl FnMut(&mut OpCtx) -> Result<T, OpError>,
    ) -> Result<T, OpError> {
        let (outcome, rest) = self.run_here(place, mode, work);
        if !rest.is_empty() {
            wait_for(rest.run_rest(self.surroundings()))?;
        }
        outcome
    }

    /// The work, the commit and the plain Observe handlers; what is left needs the async side.
    fn run_here<T>(
        &self,
        place: Option<Place>,
        mode: Mode,
        mut work: impl FnMut(&mut OpCtx) -> Result<T, OpError>,
    ) -> (Result<T, OpError>, Events) {
        let mut tries = 0;
        loop {
            tries += 1;
            let (outcome, mut events) = self.attempt(mode, &mut work);
            match outcome {
                Err(OpError::Unavailable(StoreError::Serialization)) if tries < MOST_TRIES => {
                    // Others hold what this one needs; give them a moment, longer each time.
                    std::thread::sleep(Duration::from_millis(u64::from(5 * tries * tries)));
                }
                outcome => {
                    // Before the events: their handlers take places of their own, and who holds one while it
                    // waits for another may wait for itself.
                    drop(place);
                    if !events.is_empty() {
                        events.run_plain(&self.surroundings());
                    }
                    return (outcome, events);
                }
            }
        }
    }

    fn attempt<T>(
        &self,
        mode: Mode,
        work: &mut impl FnMut(&mut OpCtx) -> Result<T, OpError>,
    ) -> (Result<T, OpError>, Events) {
        let opened = match mode {
            Mode::Read => self.host.store.reader(),
            Mode::Write => self.host.store.writer(),
        };
        let db = match opened.and_then(|mut db| db.begin().map(|()| db)) {
            Ok(db) => db,
            Err(error) => return (Err(error.into()), Events::default()),
        };
        let mut op = OpCtx::new(db, Arc::clone(&self.host), Arc::clone(&self.request), self.inside.clone());
        let outcome = guarded(|| work(&mut op)).unwrap_or_else(|panic| Err(OpError::Internal(panic)));
        let Some(mut state) = op.into_state() else {
            // Dropped with its transaction, which is rolled back by that.
            let lost = outcome.err().unwrap_or_else(|| OpError::Internal(anyhow::anyhow!("operation lost")));
            return (Err(lost), Events::default());
        };
        let mut events = std::mem::take(&mut state.events);
        let outcome = outcome.and_then(|value| state.db.commit().map(|()| value).map_err(OpError::from));
        if outcome.is_err() {
            events.undo(0);
            if let Err(error) = state.db.rollback() {
                tracing::warn!(trace_id = %self.request.trace_id, "a transaction could not be rolled back: {error}");
            }
        }
        // The connection goes back before any Observe handler asks for one.
        drop(state);
        (outcome, events)
    }

    fn surroundings(&self) -> Surroundings {
        let runner = self.clone();
        Surroundings {
            registry: Arc::clone(&self.host.registry),
            request: Arc::clone(&self.request),
            inside: self.inside.clone(),
            gate: Arc::new(move |plugin| HostGate::of(&runner, plugin, Kind::Hooks)),
        }
    }

    /// The same, from within a plugin.
    fn within(&self, plugin: &'static PluginDecl) -> Self {
        let mut runner = self.clone();
        runner.inside.push(plugin);
        runner
    }

    /// The way to data for a route of `plugin`.
    #[must_use]
    pub fn gate(&self, plugin: &'static PluginDecl) -> Arc<dyn Gate> {
        HostGate::of(self, plugin, Kind::Routes)
    }
}

/// Waits on a thread that may block, within its runtime or a small one.
fn wait_for<T>(what: impl Future<Output = T>) -> Result<T, OpError> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => Ok(runtime.block_on(what)),
        Err(_) => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map(|runtime| runtime.block_on(what))
            .map_err(|error| OpError::Internal(error.into())),
    }
}

/// Lets a plugin's code into a transaction, when its share has a place.
#[derive(Clone)]
struct HostGate {
    runner: Runner,
    plugin: &'static PluginDecl,
    kind: Kind,
}

impl HostGate {
    fn of(runner: &Runner, plugin: &'static PluginDecl, kind: Kind) -> Arc<dyn Gate> {
        Arc::new(Self { runner: runner.within(plugin), plugin, kind })
    }

    async fn place(&self, mode: Mode) -> Result<Option<Place>, OpError> {
        let shares = &self.runner.host.shares;
        Ok(shares.take(self.plugin.id, self.kind, mode == Mode::Write).await?)
    }

    fn pass(&self, mode: Mode, work: Work) -> BoxFuture<'static, anyhow::Result<()>> {
        let gate = self.clone();
        Box::pin(async move {
            let outcome = match gate.place(mode).await {
                Ok(place) => gate.runner.run_in(place, mode, once(work)).await,
                Err(error) => Err(error),
            };
            report(outcome)
        })
    }
}

impl Gate for HostGate {
    fn enter(&self, work: Work) -> BoxFuture<'static, anyhow::Result<()>> {
        self.pass(Mode::Write, work)
    }

    fn enter_to_read(&self, work: Work) -> BoxFuture<'static, anyhow::Result<()>> {
        self.pass(Mode::Read, work)
    }

    fn enter_blocking(&self, work: Work) -> anyhow::Result<()> {
        // Only who has to wait needs a runtime for it.
        let place = match self.runner.host.shares.try_take(self.plugin.id, self.kind, true) {
            Some(place) => Ok(place),
            None => wait_for(self.place(Mode::Write)).flatten(),
        };
        report(place.and_then(|place| self.runner.run_blocking_in(place, Mode::Write, once(work))))
    }
}

/// A plugin's work runs once; it is not known to be repeatable.
fn once(work: Work) -> impl FnMut(&mut OpCtx) -> Result<(), OpError> + Send {
    let mut work = Some(work);
    move |op| match work.take() {
        Some(work) => work(op).map_err(OpError::Internal),
        // The transaction lost against another one.
        None => Err(OpError::Unavailable(StoreError::Busy)),
    }
}

/// What the plugin's own closure returned goes back to it as it was.
fn report(outcome: Result<(), OpError>) -> anyhow::Result<()> {
    outcome.map_err(|error| match error {
        OpError::Internal(error) => error,
        error => error.into_bridge().into(),
    })
}
