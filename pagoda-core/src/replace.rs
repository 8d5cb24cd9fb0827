//! Replaces the process by a new run of its own binary, with the socket that it listens on.
//!
//! A plugin's function that does not come back costs a thread for good, and perhaps the only writer of the
//! database. Nothing but the end of the process takes both back. The new process has the same id, arguments and
//! environment, so whoever started the server notices nothing; connections that clients open meanwhile wait
//! in the socket's queue.

use crate::config::QUARANTINE;
use std::net::{SocketAddr, TcpListener};

/// What the next process has to know of the start of this one.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// Variables to be set for it, such as what it is confined by already.
    pub environment: Vec<(&'static str, String)>,
}

/// The binary that runs: on Linux the very file, also when another one has taken its name meanwhile.
#[cfg(unix)]
fn binary() -> std::io::Result<std::path::PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// Replaces this process. Comes back only if that fails.
#[cfg(unix)]
#[must_use]
pub fn replace(origin: &Origin, listener: TcpListener, quarantined: &[(String, String)]) -> anyhow::Error {
    use anyhow::Context;
    use command_fds::{CommandFdExt, FdMapping};
    use std::os::unix::process::CommandExt;

    let inner = || -> anyhow::Result<std::convert::Infallible> {
        let map: std::collections::BTreeMap<_, _> = quarantined.iter().cloned().collect();
        let binary = binary().context("cannot find this program's own file")?;
        let mut command = std::process::Command::new(&binary);
        let mut arguments = std::env::args_os();
        if let Some(name) = arguments.next() {
            command.arg0(name);
        }
        command
            .args(arguments)
            .envs(origin.environment.iter().cloned())
            .env(QUARANTINE, serde_json::to_string(&map)?)
            // The convention of systemd's socket activation: descriptors from 3 on, for this process.
            .env("LISTEN_FDS", "1")
            .env("LISTEN_PID", std::process::id().to_string());
        let mapping = FdMapping { parent_fd: listener.into(), child_fd: 3 };
        command.fd_mappings(vec![mapping]).context("cannot hand the socket over")?;
        Err(anyhow::Error::new(command.exec()).context(format!("cannot run {}", binary.display())))
    };
    match inner() {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

/// Replacing a process is a thing of Unix.
#[cfg(not(unix))]
#[must_use]
pub fn replace(_: &Origin, _: TcpListener, _: &[(String, String)]) -> anyhow::Error {
    anyhow::anyhow!("a process cannot be replaced on this system")
}

/// A socket for `bind`: the one that was handed over by the process before this one, or by systemd, if it is the
/// right one; otherwise a new one.
///
/// # Errors
/// The port cannot be opened.
pub fn listen(bind: SocketAddr) -> std::io::Result<TcpListener> {
    match handed_over(bind)? {
        Some(listener) => Ok(listener),
        None => TcpListener::bind(bind),
    }
}

#[cfg(unix)]
fn handed_over(bind: SocketAddr) -> std::io::Result<Option<TcpListener>> {
    let Some(listener) = listenfd::ListenFd::from_env().take_tcp_listener(0)? else { return Ok(None) };
    let address = listener.local_addr()?;
    let fits = address.ip() == bind.ip() && (bind.port() == 0 || address.port() == bind.port());
    if !fits {
        tracing::warn!("the socket that was handed over listens on {address}, not on {bind}; it is not used");
    }
    Ok(fits.then_some(listener))
}

#[cfg(not(unix))]
fn handed_over(_: SocketAddr) -> std::io::Result<Option<TcpListener>> {
    Ok(None)
}
