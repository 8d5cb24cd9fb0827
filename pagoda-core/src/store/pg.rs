//! The pure-Rust PostgreSQL driver behind diesel's synchronous interface.
//!
//! Each connection has a small runtime of its own, which runs only while a call blocks on it. diesel-async's own
//! `BlockOn` is not used: made on a thread that belongs to somebody's runtime (`spawn_blocking`), it would tie the
//! connection to that runtime and die with it; its own runtime has no timer, which `connect_timeout` needs; and it
//! cannot be reached from outside, which `is_alive` needs. Blocking on a runtime of one's own is allowed on plain
//! threads and on `spawn_blocking` threads, and panics on an async worker: hence the rule in `Store`.

use super::error::StoreError;
use super::url::{PostgresUrl, chain};
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::{AsyncConnectionWrapper, BlockOn};
use std::cell::RefCell;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// The synchronous connection that queries see.
pub(super) type PgLink = AsyncConnectionWrapper<AsyncPgConnection, OwnRuntime>;

thread_local! {
    /// `AsyncConnectionWrapper::from` takes no runtime: it is handed over here, on the same thread, just before.
    static HANDED_OVER: RefCell<Option<Arc<Quiet>>> = const { RefCell::new(None) };
}

/// A runtime that may be dropped anywhere. An ordinary one waits for its threads and panics where waiting is
/// not allowed, such as at the end of a server, whose last handle on the store is an async one.
struct Quiet(Option<Runtime>);

impl Deref for Quiet {
    type Target = Runtime;

    #[expect(clippy::expect_used, reason = "it is there until it is dropped, and Deref allows no error")]
    fn deref(&self) -> &Runtime {
        self.0.as_ref().expect("invariant: a runtime is taken only when it is dropped")
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The runtime of one connection.
pub(super) struct OwnRuntime(Arc<Quiet>);

impl BlockOn for OwnRuntime {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    #[expect(clippy::expect_used, reason = "the trait allows no error, and only `connect` below calls it")]
    fn get_runtime() -> Self {
        Self(HANDED_OVER.take().expect("invariant: a runtime is handed over before a connection is wrapped"))
    }
}

/// A connection, and what is needed to see whether it still lives.
pub(super) struct PgSession {
    pub(super) link: PgLink,
    runtime: Arc<Quiet>,
    /// Reads from and writes to the socket; ends when the server closes it.
    driver: JoinHandle<()>,
}

impl PgSession {
    /// Connects, on a thread that may block.
    pub(super) fn connect(url: &PostgresUrl, timeout: Duration, target: &str) -> Result<Self, StoreError> {
        let unreachable =
            |source_text: String| StoreError::Unreachable { target: target.to_owned(), source_text };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = Arc::new(Quiet(Some(runtime.map_err(anyhow::Error::from)?)));
        let mut config = url.config().clone();
        config.application_name("pagoda").connect_timeout(timeout);
        let connecting = async {
            let (client, connection) = config.connect(tokio_postgres::NoTls).await.map_err(|e| chain(&e))?;
            let driver = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection to PostgreSQL ended");
                }
            });
            let conn = AsyncPgConnection::try_from(client).await.map_err(|e| chain(&e))?;
            Ok((conn, driver))
        };
        // The driver's own limit is per address and does not cover the handshake.
        let connected = runtime.block_on(async { tokio::time::timeout(timeout, connecting).await });
        let (conn, driver) = match connected {
            Ok(result) => result.map_err(unreachable)?,
            Err(_) => return Err(unreachable(format!("no answer within {timeout:?}"))),
        };
        HANDED_OVER.set(Some(Arc::clone(&runtime)));
        Ok(Self { link: PgLink::from(conn), runtime, driver })
    }

    /// Looks, without a round trip, whether the server has closed the connection.
    ///
    /// The runtime rests between calls, so nobody has read the end of the stream yet: two turns of it do, each
    /// a look at the socket that does not wait.
    pub(super) fn is_alive(&self) -> bool {
        self.runtime.block_on(async {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        });
        !self.driver.is_finished()
    }

    /// What is known without looking.
    pub(super) fn is_closed(&self) -> bool {
        self.driver.is_finished()
    }
}
