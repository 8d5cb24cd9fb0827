//! Starts a server, serves, and stops it in order.

mod cleaning;
mod meters;
mod plugin_meters;

use crate::config::{Config, WebhookAddresses};
use crate::http::{self, AppState};
use crate::mail::Postman;
use crate::observe::{alerts, traces};
use crate::plugins::contributions::Contributions;
use crate::plugins::guard::install_panic_hook;
use crate::plugins::registry::{Plugin, Registry};
use crate::replace::{self, Origin};
use crate::services::audit::{Action, AuditObject, AuditRecord, AuditSettings, Keys, listed};
use crate::services::error::OpError;
use crate::services::host::{
    Accounts, Addresses, Host, Hosts, MOST_OPERATIONS, ModelLimits, ShareSettings, WebhookRules,
};
use crate::services::plugin_account;
use crate::services::run::{Mode, Runner};
use crate::services::{plugin, search, user};
use crate::store::search::Trigrams;
use crate::store::{Backend, Store};
use crate::{auth::secret, store::queries};
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};
use anyhow::Context;
use pagoda_plugin_sdk::capability::Capability;
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::payload::SystemShutdown;
use serde_json::json;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Threads for blocking work of one worker, which may be the one that gets all requests: a place for every
/// operation and for every plain route of a plugin that is let in, and some for what else there is. They are made when
/// they are needed.
const MOST_THREADS: usize = 2 * MOST_OPERATIONS;

/// A server that is ready to open its port: plugins frozen, database migrated, first administrator there,
/// `system.startup` through.
pub struct Prepared {
    config: Config,
    host: Arc<Host>,
    /// The password of the administrator that was just made, to be shown once.
    pub new_admin_password: Option<String>,
}

/// Opens the database and brings it up to date: for a server alone (on SQLite), for a command beside one.
///
/// # Errors
/// It cannot be opened or migrated; the message says what to do.
pub fn open_store(config: &Config, exclusive: bool) -> anyhow::Result<Store> {
    let mut options = config.store_options();
    options.exclusive = exclusive;
    let store =
        Store::open(options).with_context(|| format!("cannot open the database {}", config.database_url))?;
    let applied = store.migrate().with_context(|| format!("cannot migrate {}", config.database_url))?;
    for migration in applied {
        tracing::info!(
            owner = migration.owner,
            version = migration.version,
            name = migration.name,
            "migrated"
        );
    }
    let prepared = search::rebuild::prepare(&store).context("cannot make the search index")?;
    if let Some(entries) = prepared.entered.filter(|entries| *entries > 0) {
        tracing::info!(entries, "indexed for searches");
    }
    match prepared.trigrams {
        Trigrams::Missing if exclusive => tracing::warn!(
            "the database has no extension pg_trgm and lets this server not make it: searches for parts of texts read all \
             texts of an attribute, which is slower; let an administrator run `CREATE EXTENSION pg_trgm` and start again"
        ),
        Trigrams::OfAscii if exclusive => tracing::warn!(
            "LC_CTYPE of the database is C, so its trigram indexes know only letters of ASCII: searches for parts of other \
             texts, Japanese ones say, read all texts of an attribute, which is slower; a database made with \
             `TEMPLATE template0 LC_CTYPE 'C.UTF-8'` has no such limit"
        ),
        Trigrams::Missing | Trigrams::OfAscii | Trigrams::Indexed => {}
    }
    Ok(store)
}

/// What the configuration says about the audit log.
///
/// # Errors
/// A key cannot be used.
pub fn audit_settings(config: &Config) -> anyhow::Result<AuditSettings> {
    let keys = Keys::new(config.audit_keys.iter().map(crate::config::Secret::expose)).context("audit_key")?;
    Ok(AuditSettings { enabled: config.audit, retention_days: config.audit_retention_days, keys })
}

/// What the configuration says about the data model.
pub(crate) fn model_limits(config: &Config) -> ModelLimits {
    ModelLimits {
        attrs_per_entity: config.limits.max_attributes,
        entities: config.limits.max_entities,
        entries: config.limits.max_entries,
        groups: config.limits.max_groups,
        roles: config.limits.max_roles,
        users: config.limits.max_users,
        job_timeout: Some(config.jobs.timeout),
    }
}

/// What the configuration says about webhooks of entities.
pub(crate) fn webhook_rules(config: &Config) -> WebhookRules {
    let webhooks = &config.webhooks;
    WebhookRules {
        enabled: webhooks.enabled,
        hosts: match &webhooks.hosts {
            Some(hosts) => Hosts::Listed(hosts.clone()),
            None => Hosts::All(webhooks.ports.clone()),
        },
        reach: match webhooks.addresses {
            WebhookAddresses::Internet => Addresses::Internet,
            WebhookAddresses::Network => Addresses::Network,
            WebhookAddresses::All => Addresses::Everything,
        },
        timeout: webhooks.timeout,
        verify_tls: webhooks.verify_tls,
    }
}

/// What plugins may take of the server at a time.
#[must_use]
pub fn share_settings(config: &Config) -> ShareSettings {
    ShareSettings {
        operations: config.limits.plugin_operations,
        most_waiting: config.limits.plugin_queue,
        patience: config.database_timeout,
    }
}

/// Does everything that must be done before the port opens. Blocks; not for async threads.
///
/// # Errors
/// Everything that is wrong with plugins or configuration, or why there is no database.
pub fn prepare(config: Config, contributions: Contributions) -> anyhow::Result<Prepared> {
    install_panic_hook();
    let registry = if config.strict {
        Registry::freeze(contributions, &config.plugins)?
    } else {
        Registry::freeze_what_runs(contributions, &config.plugins)?
    };
    for plugin in registry.plugins() {
        if let Some(reason) = plugin.control.standing().broken {
            tracing::error!(plugin = plugin.decl.id, "plugin is left out: {reason}");
        }
    }
    for warning in registry.tables().warnings() {
        tracing::warn!("{warning}");
    }
    let store = open_store(&config, true)?;
    let (shares, audit) = (share_settings(&config), audit_settings(&config)?);
    let (limits, webhooks) = (model_limits(&config), webhook_rules(&config));
    let host = Host::new(store, registry, config.time_zone.clone(), shares, audit, limits, webhooks);
    host.auditor.check()?;
    let new_admin_password = first_administrator(&host, &config)?;
    plugin_accounts(&host)?;
    plugin::quarantine_from_before(&host, &config.quarantined)
        .context("cannot write down what the process before this one found")?;
    plugin::sync(&host).context("cannot read the states of the plugins")?;
    plugin::watch(&host).context("cannot start the watchdog")?;
    plugin::start_all(&host, config.strict)?;
    note_start(&host).context("cannot write to the audit log")?;
    plugin::keep(&host).context("cannot start the keeper of the plugins' states")?;
    Ok(Prepared { config, host, new_admin_password })
}

/// Makes the administrator `admin` in a database without users.
fn first_administrator(host: &Arc<Host>, config: &Config) -> anyhow::Result<Option<String>> {
    let runner = Runner::of_server(host, None);
    if runner.run_blocking(Mode::Read, |op| Ok(queries::user::count(&mut op.db)?))? > 0 {
        return Ok(None);
    }
    let password = match &config.admin_password {
        Some(password) => password.clone(),
        None => secret::new_password()?,
    };
    let created = runner.run_blocking(Mode::Write, |op| user::create(op, "admin", &password, true));
    match created {
        Ok(_) => Ok(config.admin_password.is_none().then_some(password)),
        // Another instance that started at the same moment was faster.
        Err(OpError::Invalid(_)) => Ok(None),
        Err(error) => Err(error).context("cannot create the first administrator"),
    }
}

/// Makes the accounts of the plugins that may act as themselves.
fn plugin_accounts(host: &Arc<Host>) -> anyhow::Result<()> {
    let registry = &host.registry;
    let acts =
        |plugin: &&Plugin| plugin.is_mounted() && registry.grants().has(plugin.decl, Capability::ActAsPlugin);
    for plugin in registry.plugins().iter().filter(acts) {
        Runner::of_server(host, None)
            .run_blocking(Mode::Write, |op| plugin_account::account(op, plugin.decl))
            .with_context(|| format!("plugin {} has no account to act as itself", plugin.decl.id))?;
    }
    Ok(())
}

fn note_start(host: &Arc<Host>) -> Result<(), OpError> {
    // A handler that hangs may hold the database; the process will be replaced in a moment.
    if host.is_to_be_replaced() {
        return Ok(());
    }
    let running = host.registry.plugins().iter().filter(|plugin| plugin.is_started());
    let plugins = listed(running.map(|plugin| plugin.decl.id));
    Runner::of_server(host, None).run_blocking(Mode::Write, |op| {
        op.audit(Action::ServerStart, AuditObject::server(), || json!({"plugins": plugins}));
        Ok(())
    })
}

fn database_name(host: &Host) -> &'static str {
    backend_name(host.store.backend())
}

fn backend_name(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => "sqlite",
        Backend::Postgres => "postgres",
    }
}

/// A server whose port is open.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// What its requests share.
    pub state: Arc<AppState>,
    handle: ServerHandle,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
    /// The socket, for the process that may have to replace this one.
    kept: TcpListener,
    /// What removes what is kept for a time only.
    cleaning: Option<tokio::task::JoinHandle<()>>,
    /// What looks after it.
    alerts: Option<Arc<alerts::Access>>,
    started: Instant,
}

impl Prepared {
    /// The server's own objects, for whoever embeds it.
    #[must_use]
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Opens the port and serves, inside a tokio runtime.
    ///
    /// # Errors
    /// The port cannot be opened.
    pub fn serve(self) -> anyhow::Result<Running> {
        let Self { config, host, .. } = self;
        let listener = replace::listen(config.bind)
            .with_context(|| format!("cannot listen on {}; is another server running there?", config.bind))?;
        let address = listener.local_addr()?;
        let kept = listener.try_clone().context("cannot keep the socket for a successor")?;
        let postman = Arc::new(Postman::start(config.mail()).context("mail cannot be sent")?);
        let letters = postman.counts();
        host.set_accounts(Accounts {
            reset_disabled: config.accounts.password_reset_disabled,
            mailer: postman,
        });
        let state = AppState::new(host, &config);
        meters::connect(&state, letters);
        let for_apps = Arc::clone(&state);
        let mut server = HttpServer::new(move || App::new().configure(http::configure(&for_apps)))
            .disable_signals()
            .worker_max_blocking_threads(MOST_THREADS)
            .shutdown_timeout(config.shutdown_timeout.as_secs());
        if let Some(workers) = config.workers {
            server = server.workers(workers);
        }
        let server = server.listen(listener).context("cannot listen")?.run();
        let handle = server.handle();
        let task = tokio::spawn(server);
        state.host.auditor.start().context("no thread for the audit log")?;
        let alerts = alerts::start(&state.host, &config, address).context("alerts cannot be raised")?;
        let cleaning = cleaning::start(&state.host, &config);
        tracing::info!(%address, database = database_name(&state.host), "serving");
        Ok(Running { cleaning, address, state, handle, task, kept, alerts, started: Instant::now() })
    }
}

impl Running {
    /// Stops: no new requests, running ones finish, then `system.shutdown`.
    ///
    /// # Errors
    /// The server had failed before.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.state.accepting.store(false, Ordering::Relaxed);
        if let Some(cleaning) = &self.cleaning {
            cleaning.abort();
        }
        self.handle.stop(true).await;
        self.task.await.context("the server was lost")?.context("the server failed")?;
        let uptime = self.started.elapsed().as_secs();
        let runner = Runner::of_server(&self.state.host, None);
        let fired = runner.run(Mode::Read, move |op| {
            op.observe::<hooks::system::shutdown>(|| {
                let mut payload = SystemShutdown::default();
                payload.uptime_seconds = uptime;
                payload
            });
            Ok(())
        });
        // A database that is gone by now must not keep the process from ending in order.
        if let Err(error) = fired.await {
            tracing::warn!("system.shutdown did not fire: {error}");
        }
        let host = Arc::clone(&self.state.host);
        let record = AuditRecord::of_server(Action::ServerStop).on(AuditObject::server());
        host.auditor.record(record.with(json!({"uptime_s": uptime})));
        // Everything that could still record something has ended.
        let alerts = self.alerts;
        let ended = tokio::task::spawn_blocking(move || {
            host.auditor.stop();
            alerts.inspect(|alerts| alerts.end());
        });
        ended.await.context("the audit log was lost")?;
        tracing::info!("stopped");
        Ok(())
    }

    /// Replaces the process, because a thread of it hangs in a plugin. Requests that can end, end; the others
    /// are answered with 503. Comes back only if the process cannot be replaced.
    async fn replace(self, origin: &Origin) -> anyhow::Error {
        let host = &self.state.host;
        // From now on answers close their connections, and new ones wait in the socket's queue.
        self.state.accepting.store(false, Ordering::Relaxed);
        self.handle.pause().await;
        let patience = match host.store.backend() {
            // The writer may be what hangs, and everybody waits for it.
            Backend::Sqlite => Duration::from_millis(200),
            Backend::Postgres => Duration::from_secs(1),
        };
        let deadline = Instant::now() + patience;
        while host.operations() > host.registry.watch().hung_threads() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        host.registry.watch().give_up();
        // For the answers to get out, and for clients to close the connections that they hold.
        tokio::time::sleep(Duration::from_millis(80)).await;
        host.registry.watch().give_up();
        tokio::time::sleep(Duration::from_millis(20)).await;
        // What is queued for the audit log is written, unless the writer is what hangs.
        let writing = Arc::clone(host);
        let written = tokio::task::spawn_blocking(move || writing.auditor.stop());
        if tokio::time::timeout(Duration::from_millis(500), written).await.is_err() {
            tracing::warn!("records for the audit log may be lost: the database takes none");
        }
        // So are the spans that ended, as far as somebody takes them at once.
        let sent = tokio::task::spawn_blocking(|| traces::end(Duration::from_millis(300)));
        if let Err(lost) = sent.await {
            tracing::debug!("spans were not sent: {lost}");
        }
        let quarantined: Vec<(String, String)> = host
            .registry
            .plugins()
            .iter()
            .filter_map(|plugin| Some((plugin.decl.id.to_owned(), plugin.control.standing().quarantined?)))
            .collect();
        let names: Vec<&str> = quarantined.iter().map(|(id, _)| id.as_str()).collect();
        tracing::warn!("the process is replaced; quarantined: {}", names.join(", "));
        replace::replace(origin, self.kept, &quarantined)
    }

    /// Serves until the process is told to stop (interrupt or termination), then stops in order. Being told
    /// a second time ends it at once. If a plugin hangs meanwhile, the process is replaced.
    ///
    /// # Errors
    /// Signals cannot be had, the server failed, or the process had to be replaced and could not.
    pub async fn until_told(self, mut told: Told, origin: &Origin) -> anyhow::Result<()> {
        let host = Arc::clone(&self.state.host);
        tokio::select! {
            stop = told.stop() => stop?,
            () = host.to_be_replaced() => return Err(self.replace(origin).await),
        }
        tracing::info!("stopping: running requests finish; a second signal ends the process at once");
        tokio::select! {
            outcome = self.stop() => outcome,
            again = told.stop() => {
                again?;
                anyhow::bail!("ended before running requests were finished")
            }
        }
    }
}

/// Hears when the process is told to stop: interrupt or termination.
#[derive(Debug)]
pub struct Told {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Told {
    /// Listens from now on. To be called before the port opens: whoever sees a server may tell it to stop.
    ///
    /// # Errors
    /// Signals cannot be had.
    #[cfg(unix)]
    pub fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Listens from now on.
    ///
    /// # Errors
    /// None on this system.
    #[cfg(not(unix))]
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(unix)]
    async fn stop(&mut self) -> anyhow::Result<()> {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        Ok(())
    }

    #[cfg(not(unix))]
    async fn stop(&mut self) -> anyhow::Result<()> {
        Ok(tokio::signal::ctrl_c().await?)
    }
}
