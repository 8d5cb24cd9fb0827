//! A server in a process of its own, and what it costs there. Linux only.

use crate::load;
use anyhow::Context;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server under load; stops when it is dropped, if it was started here.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    process: u32,
    child: Option<Child>,
}

/// What a process has used until now.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// Processor time in microseconds, of all threads.
    pub cpu_us: f64,
    /// SQL statements, without those that control transactions.
    pub statements: f64,
}

/// Memory in MiB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Now.
    pub resident: f64,
    /// The most so far.
    pub peak: f64,
}

impl Server {
    /// Starts a binary over a database, on a free port.
    ///
    /// # Errors
    /// It does not answer in time.
    pub fn start(binary: &Path, database: &str) -> anyhow::Result<Self> {
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let child = Command::new(binary)
            .args(["serve", "--workers", "2", "--bind", &address.to_string(), "--database-url", database])
            .env("PAGODA_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} does not start", binary.display()))?;
        let mut server = Self { address, process: child.id(), child: Some(child) };
        let began = Instant::now();
        while load::once(address, &load::get("/health/ready", None)).is_err() {
            let ended = server.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            anyhow::ensure!(ended.is_none(), "{} ended: {ended:?}", binary.display());
            anyhow::ensure!(began.elapsed() < PATIENCE, "{} does not answer", binary.display());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// A server that runs already.
    #[must_use]
    pub const fn running(address: SocketAddr, process: u32) -> Self {
        Self { address, process, child: None }
    }

    /// What it has used until now.
    ///
    /// # Errors
    /// It is gone.
    pub fn spent(&self) -> anyhow::Result<Spent> {
        let page = load::once(self.address, &load::get("/metrics", None))?;
        let page = String::from_utf8_lossy(&page);
        let counted = page.lines().filter(|line| line.starts_with("pagoda_database_statements_total{"));
        let statements = counted.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum();
        Ok(Spent { cpu_us: load::cpu_us(&format!("/proc/{}/stat", self.process))?, statements })
    }

    /// Its memory.
    ///
    /// # Errors
    /// It is gone.
    pub fn memory(&self) -> anyhow::Result<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process))?;
        let kib = |key: &str| -> anyhow::Result<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).context("no such figure")?;
            Ok(line.trim_end_matches("kB").trim().parse()?)
        };
        Ok(Memory { resident: kib("VmRSS:")? / 1024.0, peak: kib("VmHWM:")? / 1024.0 })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
