//! Runs an operation: connection, transaction, work, commit, Observe hooks.

use super::audit::Trail;
use super::ctx::OpCtx;
use super::entity::Probes;
use super::error::OpError;
use super::host::Host;
use super::transaction::Open;
use crate::limits::shares::{Kind, Place};
use crate::plugins::bridge::outbound;
use crate::plugins::function::Function;
use crate::plugins::guard::guarded;
use crate::plugins::observe::{Events, Surroundings};
use crate::plugins::watch::Ticket;
use crate::store::StoreError;
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::bridge::{BridgeResult, Gate, Work};
use pagoda_plugin_sdk::context::{Origin, RequestInfo};
use pagoda_plugin_sdk::hook::BoxFuture;
use pagoda_plugin_sdk::http::{OutboundRequest, OutboundResponse, OutboundResult};
use pagoda_plugin_sdk::model::User;
use pagoda_plugin_sdk::secret::SecretValue;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinError;
use tracing::{Instrument, Span, field};

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
    /// The plugin's function that runs them; absent when the host does.
    pub function: Option<Arc<Function>>,
}

/// Where the outcome of an operation lies as soon as it is known.
type Done<T> = Arc<Mutex<Option<Result<T, OpError>>>>;

/// How often a transaction that lost against another one is tried again. *Source: notes, 40001 and 40P01.*
const MOST_TRIES: u32 = 5;

impl Runner {
    /// Runs operations of a request.
    #[must_use]
    pub fn new(host: Arc<Host>, request: Arc<RequestInfo>) -> Self {
        Self { host, request, inside: Vec::new(), function: None }
    }

    /// Runs operations of the server itself, or of its start as this user.
    #[must_use]
    pub fn of_server(host: &Arc<Host>, user: Option<User>) -> Self {
        let zone = host.zone.clone();
        let request = RequestInfo::new(user.map(Arc::new), "server".into(), Origin::Server, zone);
        Self::new(Arc::clone(host), Arc::new(request))
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
        let registry = Arc::clone(&self.host.registry);
        let done: Done<T> = Arc::default();
        let ticket = Arc::new(Ticket::default());
        // A task of its own: when the client goes away its request is dropped, but what was committed is
        // still observed.
        let whole = tokio::spawn({
            let (done, ticket) = (Arc::clone(&done), Arc::clone(&ticket));
            let work = async move {
                let (runner, seated, span) = (self.clone(), Arc::clone(&ticket), Span::current());
                let ran = tokio::task::spawn_blocking(move || {
                    let _entered = span.enter();
                    let registry = Arc::clone(&runner.host.registry);
                    let _seat = registry.watch().sit(seated);
                    let rest = runner.run_here(place, mode, work, &done);
                    drop(admitted);
                    rest
                });
                let rest = ran.await?;
                if !rest.is_empty() {
                    let mut with = self.surroundings();
                    with.ticket = Some(ticket);
                    match self.host.plugin_runtime() {
                        Ok(runtime) => runtime.spawn(rest.run_rest(with).in_current_span()).await?,
                        Err(error) => {
                            tracing::error!("async handlers run among the requests: {error}");
                            rest.run_rest(with).await;
                        }
                    }
                }
                Ok(())
            };
            // What is traced goes on with the work.
            work.in_current_span()
        });
        let taken = || done.lock().unwrap_or_else(PoisonError::into_inner).take();
        let lost = |lost: JoinError| OpError::Internal(anyhow::anyhow!("the operation was lost: {lost}"));
        tokio::select! {
            ended = whole => {
                ended.map_err(lost)?.map_err(lost)?;
                taken().unwrap_or_else(|| Err(OpError::Internal(anyhow::anyhow!("the operation said nothing"))))
            }
            // What was committed is told, even if a handler that hears of it hangs.
            hung = ticket.hung() => taken().unwrap_or_else(|| {
                let function = registry.functions().get(hung.function);
                Err(function.map_or(OpError::GivenUp, |function| OpError::PluginHung {
                    plugin: function.is.plugin.id,
                    function: function.is.name,
                }))
            }),
            () = registry.watch().given_up() => taken().unwrap_or(Err(OpError::GivenUp)),
        }
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
        let done: Done<T> = Arc::default();
        let rest = self.run_here(place, mode, work, &done);
        if !rest.is_empty() {
            wait_for(rest.run_rest(self.surroundings()))?;
        }
        let outcome = done.lock().unwrap_or_else(PoisonError::into_inner).take();
        outcome.unwrap_or_else(|| Err(OpError::Internal(anyhow::anyhow!("the operation said nothing"))))
    }

    /// The work, the commit and the plain Observe handlers; what is left needs the async side.
    fn run_here<T>(
        &self,
        place: Option<Place>,
        mode: Mode,
        mut work: impl FnMut(&mut OpCtx) -> Result<T, OpError>,
        done: &Mutex<Option<Result<T, OpError>>>,
    ) -> Events {
        let mut tries = 0;
        let span = self.span(mode);
        loop {
            tries += 1;
            let (outcome, mut events, trail, probes) = span.in_scope(|| self.attempt(mode, &mut work));
            match outcome {
                Err(OpError::Unavailable(StoreError::Serialization)) if tries < MOST_TRIES => {
                    // Others hold what this one needs; give them a moment, longer each time.
                    std::thread::sleep(Duration::from_millis(u64::from(5 * tries * tries)));
                }
                outcome => {
                    self.end(span, tries, outcome.as_ref().err());
                    trail.into_records().for_each(|record| self.host.auditor.record(record));
                    *done.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
                    // Before the events: their handlers take places of their own, and who holds one while it
                    // waits for another may wait for itself.
                    drop(place);
                    probes.run(self);
                    if !events.is_empty() {
                        events.run_plain(&self.surroundings());
                    }
                    return events;
                }
            }
        }
    }

    /// One transaction; also what is left to observe, to record and to ask after it.
    fn attempt<T>(
        &self,
        mode: Mode,
        work: &mut impl FnMut(&mut OpCtx) -> Result<T, OpError>,
    ) -> (Result<T, OpError>, Events, Trail, Probes) {
        let opened = match mode {
            Mode::Read => self.host.store.reader(),
            Mode::Write => self.host.store.writer(),
        };
        let db = match opened.and_then(|mut db| db.begin().map(|()| db)) {
            Ok(db) => db,
            Err(error) => return (Err(error.into()), Events::default(), Trail::default(), Probes::default()),
        };
        let _open = Open::enter();
        let until = self.function.as_ref().map(|function| Instant::now() + function.times.hard_limit);
        let (host, request) = (Arc::clone(&self.host), Arc::clone(&self.request));
        let mut op = OpCtx::new(db, host, request, self.inside.clone(), until);
        let outcome = guarded(|| work(&mut op)).unwrap_or_else(|panic| Err(OpError::Internal(panic)));
        let Some(mut state) = op.into_state() else {
            // Dropped with its transaction, which is rolled back by that.
            let lost = outcome.err().unwrap_or_else(|| OpError::Internal(anyhow::anyhow!("operation lost")));
            return (Err(lost), Events::default(), Trail::default(), Probes::default());
        };
        let (mut events, mut trail) = (std::mem::take(&mut state.events), std::mem::take(&mut state.trail));
        let mut probes = std::mem::take(&mut state.probes);
        let outcome = outcome.and_then(|value| {
            // What was done and the record of it are one: neither is there without the other.
            if mode == Mode::Write {
                trail.write(&mut state.db)?;
            }
            state.db.commit()?;
            Ok(value)
        });
        let recorded = outcome.is_ok() && mode == Mode::Write && !trail.is_empty();
        if recorded {
            trail = Trail::default();
        }
        if outcome.is_err() {
            events.undo(0);
            trail.undo(0);
            probes.undo(0);
            if let Err(error) = state.db.rollback() {
                tracing::warn!(trace_id = %self.request.trace_id, "a transaction could not be rolled back: {error}");
            }
        }
        // The connection goes back before any Observe handler asks for one.
        drop(state);
        if recorded {
            self.host.auditor.outbox_filled();
        }
        (outcome, events, trail, probes)
    }

    /// The span that the transaction is in traces.
    fn span(&self, mode: Mode) -> Span {
        if !cfg!(feature = "otlp") {
            return Span::none();
        }
        let mode = if mode == Mode::Write { "write" } else { "read" };
        tracing::info_span!(
            "transaction",
            otel.name = %format_args!("transaction {mode}"),
            otel.status_code = field::Empty,
            error.type = field::Empty,
            pagoda.mode = mode,
            pagoda.retries = field::Empty,
            plugin = self.function.as_ref().map(|function| function.is.plugin.id),
        )
    }

    /// Says how the transaction ended, and that it did. A refusal is no error of the server.
    fn end(&self, span: Span, tries: u32, error: Option<&OpError>) {
        if span.is_disabled() {
            return;
        }
        span.record("pagoda.retries", i64::from(tries.saturating_sub(1)));
        let class = match error {
            Some(OpError::Unavailable(_)) => "unavailable",
            // A plugin's own closure may refuse that way; the span of its call says whether it was a fault.
            Some(OpError::Internal(_)) if self.function.is_none() => "internal",
            Some(OpError::PluginFault { .. }) => "plugin",
            _ => return,
        };
        span.record("error.type", class);
        span.record("otel.status_code", "ERROR");
    }

    fn surroundings(&self) -> Surroundings {
        let runner = self.clone();
        Surroundings {
            registry: Arc::clone(&self.host.registry),
            request: Arc::clone(&self.request),
            inside: self.inside.clone(),
            gate: Arc::new(move |function| HostGate::of(&runner, function, Kind::Hooks)),
            ticket: None,
        }
    }

    /// The way to data for a route.
    #[must_use]
    pub fn gate(&self, function: &Arc<Function>) -> Arc<dyn Gate> {
        HostGate::of(self, function, Kind::Routes)
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

/// Lets a plugin's code into a transaction, when its share has a place, and out to other servers.
#[derive(Clone)]
struct HostGate {
    runner: Runner,
    plugin: &'static PluginDecl,
    kind: Kind,
    /// When the call began that has it.
    began: Instant,
}

impl HostGate {
    fn of(runner: &Runner, function: &Arc<Function>, kind: Kind) -> Arc<dyn Gate> {
        let mut runner = runner.clone();
        let plugin = function.is.plugin;
        runner.inside.push(plugin);
        runner.function = Some(Arc::clone(function));
        Arc::new(Self { runner, plugin, kind, began: Instant::now() })
    }

    async fn place(&self, mode: Mode) -> Result<Option<Place>, OpError> {
        let shares = &self.runner.host.shares;
        Ok(shares.take(self.plugin.id, self.kind, mode == Mode::Write).await?)
    }

    fn pass(&self, mode: Mode, work: Work) -> BoxFuture<'static, anyhow::Result<()>> {
        let gate = self.clone();
        Box::pin(async move {
            let outcome = match gate.place(mode).await {
                Ok(place) => gate.runner.clone().run_in(place, mode, gate.once(work)).await,
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
        let _host = self.runner.host.registry.watch().in_host();
        // Only who has to wait needs a runtime for it.
        let place = match self.runner.host.shares.try_take(self.plugin.id, self.kind, true) {
            Some(place) => Ok(place),
            None => wait_for(self.place(Mode::Write)).flatten(),
        };
        report(place.and_then(|place| self.runner.run_blocking_in(place, Mode::Write, self.once(work))))
    }

    fn http(&self, request: OutboundRequest) -> BoxFuture<'static, OutboundResult<OutboundResponse>> {
        Box::pin(outbound::send(self.runner.clone(), self.began, request))
    }

    fn http_blocking(&self, request: OutboundRequest) -> OutboundResult<OutboundResponse> {
        let _host = self.runner.host.registry.watch().in_host();
        outbound::send_blocking(&self.runner, self.began, request)
    }

    fn secret(&self, name: &'static str) -> BridgeResult<SecretValue> {
        outbound::secret(&self.runner, name)
    }
}

impl HostGate {
    /// A plugin's work runs once: it is not known to be repeatable. It is the plugin's own time.
    fn once(&self, work: Work) -> impl FnMut(&mut OpCtx) -> Result<(), OpError> + Send + use<> {
        let mut work = Some(work);
        let function = self.runner.function.clone();
        move |op| match work.take() {
            Some(work) => {
                let _inside = function.as_ref().map(|function| function.enter(Instant::now()));
                work(op).map_err(OpError::Internal)
            }
            // The transaction lost against another one.
            None => Err(OpError::Unavailable(StoreError::Busy)),
        }
    }
}

/// What the plugin's own closure returned goes back to it as it was.
fn report(outcome: Result<(), OpError>) -> anyhow::Result<()> {
    outcome.map_err(|error| match error {
        OpError::Internal(error) => error,
        error => error.into_bridge().into(),
    })
}
