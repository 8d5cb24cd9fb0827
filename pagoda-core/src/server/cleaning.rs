//! Removes what is kept for a time only.

use crate::config::Config;
use crate::services::error::OpError;
use crate::services::host::Host;
use crate::services::job;
use crate::services::run::{Mode, Runner};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(3600);

/// Jobs that are removed in one transaction: others write in between.
const BATCH: i64 = 500;

/// Removes jobs that are over for longer than they are kept, now and once an hour. Nothing where they are kept for ever.
pub(super) fn start(host: &Arc<Host>, config: &Config) -> Option<JoinHandle<()>> {
    let days = config.jobs.retention_days?;
    let runner = Runner::of_server(host, None);
    Some(tokio::spawn(async move {
        loop {
            match clean(&runner, days).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "removed jobs that are over for {days} days"),
                Err(error) => tracing::warn!("jobs that are over could not be removed: {error}"),
            }
            tokio::time::sleep(EVERY).await;
        }
    }))
}

async fn clean(runner: &Runner, days: u32) -> Result<i64, OpError> {
    let mut removed = 0;
    loop {
        let batch = runner.clone().run(Mode::Write, move |op| job::forget(op, days, BATCH)).await?;
        removed += batch;
        if batch < BATCH {
            return Ok(removed);
        }
    }
}
