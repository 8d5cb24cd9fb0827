//! What stands in for traces in a binary without the feature `otlp`.

use crate::config::Config;
use std::time::Duration;

/// There are none to be sent; the configuration has refused to name where to.
///
/// # Errors
/// None.
pub fn start(_: &Config) -> anyhow::Result<()> {
    Ok(())
}

/// There are none.
pub fn end(_: Duration) {}

/// The headers of a request that say which trace it is a part of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'a> {
    /// `traceparent`
    pub parent: Option<&'a str>,
    /// `tracestate`
    pub state: Option<&'a str>,
}

/// Spans are a part of no trace.
pub fn continue_from(_: &tracing::Span, _: Origin<'_>) {}
