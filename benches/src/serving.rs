//! Servers that run beside the benchmark in one process.

use actix_web::dev::ServerHandle;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use anyhow::Context;
use pagoda_core::config::Config;
use pagoda_core::server::Prepared;
use pagoda_core::store::DatabaseUrl;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Threads that serve requests, on both sides of every comparison.
pub const WORKERS: usize = 2;

/// The configuration of a server for benchmarks: the defaults, on a free port.
#[must_use]
pub fn config(directory: &Path) -> Config {
    Config {
        bind: SocketAddr::from(([127, 0, 0, 1], 0)),
        database_url: DatabaseUrl::Sqlite(directory.join("pagoda.db")),
        workers: Some(WORKERS),
        admin_password: Some("benchmark".to_owned()),
        ..Config::default()
    }
}

/// A running server; stops when it is dropped.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens.
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Serving {
    /// Starts a prepared Pagoda.
    ///
    /// # Errors
    /// It does not start.
    pub fn pagoda(prepared: Prepared) -> anyhow::Result<Self> {
        Self::start(move |started, stopped| {
            actix_web::rt::System::new().block_on(async move {
                let running = prepared.serve()?;
                started.send(running.address)?;
                let _ = stopped.await;
                running.stop().await
            })
        })
    }

    /// Starts a bare actix-web server.
    ///
    /// # Errors
    /// It does not start.
    pub fn bare(configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> anyhow::Result<Self> {
        Self::start(move |started, stopped| {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || App::new().configure(configure.clone()))
                    .workers(WORKERS)
                    .disable_signals()
                    .bind(("127.0.0.1", 0))?;
                let address = server.addrs().first().copied().context("no address")?;
                let server = server.run();
                let handle: ServerHandle = server.handle();
                let task = actix_web::rt::spawn(server);
                started.send(address)?;
                let _ = stopped.await;
                handle.stop(true).await;
                Ok(task.await??)
            })
        })
    }

    fn start(
        serve: impl FnOnce(mpsc::Sender<SocketAddr>, oneshot::Receiver<()>) -> anyhow::Result<()> + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (started, address) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || serve(started, stopped));
        match address.recv() {
            Ok(address) => Ok(Self { address, stop: Some(stop), thread: Some(thread) }),
            Err(_) => match thread.join() {
                Ok(Err(error)) => Err(error),
                _ => anyhow::bail!("the server did not start"),
            },
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // What it failed with was seen by whoever sent it requests.
            let _ = thread.join();
        }
    }
}
