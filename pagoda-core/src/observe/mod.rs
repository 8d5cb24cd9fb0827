//! What the server says about itself: logs, metrics and alerts.

pub mod alerts;
pub mod metrics;

use crate::config::{Config, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// Sends log lines to standard error: for people on a terminal, JSON otherwise. Called once; a second call,
/// as tests in one process make it, changes nothing.
pub fn init_logs(config: &Config) {
    let human = match config.log_format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let outcome = if human {
        logs.with_timer(SystemTime).try_init()
    } else {
        logs.with_timer(SystemTime).json().flatten_event(true).try_init()
    };
    if let Err(already) = outcome {
        tracing::debug!("logs go where they went before: {already}");
    }
}
