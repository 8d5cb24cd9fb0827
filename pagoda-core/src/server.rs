//! Starts a server, serves, and stops it in order.

mod meters;

use crate::config::Config;
use crate::http::{self, AppState};
use crate::plugins::contributions::Contributions;
use crate::plugins::guard::install_panic_hook;
use crate::plugins::registry::Registry;
use crate::services::error::OpError;
use crate::services::host::{Host, MOST_OPERATIONS, ShareSettings};
use crate::services::run::{Mode, Runner};
use crate::services::user;
use crate::store::{Backend, Store};
use crate::{auth::secret, store::queries};
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};
use anyhow::Context;
use pagoda_plugin_sdk::context::{Origin, RequestInfo};
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::model::User;
use pagoda_plugin_sdk::payload::{SystemShutdown, SystemStartup};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

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
    Ok(store)
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
    let registry = Registry::freeze(contributions, &config.plugins)?;
    for warning in registry.tables().warnings() {
        tracing::warn!("{warning}");
    }
    let store = open_store(&config, true)?;
    let host = Host::new(store, registry, config.time_zone.clone(), share_settings(&config));
    let new_admin_password = first_administrator(&host, &config)?;
    startup(&host)?;
    Ok(Prepared { config, host, new_admin_password })
}

fn own_request(host: &Arc<Host>, user: Option<User>) -> Runner {
    let zone = host.zone.clone();
    let request = RequestInfo::new(user.map(Arc::new), "server".into(), Origin::Server, zone);
    Runner::new(Arc::clone(host), Arc::new(request))
}

/// Makes the administrator `admin` in a database without users.
fn first_administrator(host: &Arc<Host>, config: &Config) -> anyhow::Result<Option<String>> {
    let runner = own_request(host, None);
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

fn startup(host: &Arc<Host>) -> anyhow::Result<()> {
    let payload = || {
        let mut payload = SystemStartup::default();
        payload.version = env!("CARGO_PKG_VERSION").to_owned();
        payload.database = database_name(host).to_owned();
        let running = host.registry.plugins().iter().filter(|plugin| plugin.enabled);
        payload.plugins = running.map(|plugin| plugin.decl.id.to_owned()).collect();
        payload
    };
    own_request(host, None)
        .run_blocking(Mode::Write, |op| op.check::<hooks::system::startup>(payload))
        .context("a plugin refuses the start")
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
        let listener = TcpListener::bind(config.bind)
            .with_context(|| format!("cannot listen on {}; is another server running there?", config.bind))?;
        let address = listener.local_addr()?;
        let state = AppState::new(host, &config);
        meters::connect(&state);
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
        tracing::info!(%address, database = database_name(&state.host), "serving");
        Ok(Running { address, state, handle, task, started: Instant::now() })
    }
}

impl Running {
    /// Stops: no new requests, running ones finish, then `system.shutdown`.
    ///
    /// # Errors
    /// The server had failed before.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.state.accepting.store(false, Ordering::Relaxed);
        self.handle.stop(true).await;
        self.task.await.context("the server was lost")?.context("the server failed")?;
        let uptime = self.started.elapsed().as_secs();
        let runner = own_request(&self.state.host, None);
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
        tracing::info!("stopped");
        Ok(())
    }

    /// Serves until the process is told to stop (interrupt or termination), then stops in order. Being told
    /// a second time ends it at once.
    ///
    /// # Errors
    /// Signals cannot be had, or the server failed.
    pub async fn until_told(self) -> anyhow::Result<()> {
        told().await?;
        tracing::info!("stopping: running requests finish; a second signal ends the process at once");
        tokio::select! {
            outcome = self.stop() => outcome,
            again = told() => {
                again?;
                anyhow::bail!("ended before running requests were finished")
            }
        }
    }
}

#[cfg(unix)]
async fn told() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn told() -> anyhow::Result<()> {
    Ok(tokio::signal::ctrl_c().await?)
}
