//! What the server says about itself: logs, metrics, alerts and traces.

pub mod alerts;
pub mod metrics;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg_attr(not(feature = "otlp"), path = "no_traces.rs")]
pub mod traces;

use crate::config::{Config, LogFormat};
use std::io::IsTerminal;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

/// Sends log lines to standard error: for people on a terminal, JSON otherwise; and spans to where traces go, if
/// they go anywhere. Called once; a second call, as tests in one process make it, changes nothing.
pub fn init_logs(config: &Config) {
    #[cfg(feature = "otlp")]
    let outcome = match traces::layer::<Registry>(config) {
        Some(traces) => Registry::default().with(traces).with(lines(config)).try_init(),
        None => Registry::default().with(lines(config)).try_init(),
    };
    #[cfg(not(feature = "otlp"))]
    let outcome = Registry::default().with(lines(config)).try_init();
    if let Err(already) = outcome {
        tracing::debug!("logs go where they went before: {already}");
    }
}

/// Log lines as the configuration has them. Spans of traces are not for them.
fn lines<S>(config: &Config) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let human = match config.log_format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
    // It lets everything else through: without the hint that would be taken for a wish to hear it.
    let others = filter_fn(|about| !is_of_traces(about)).with_max_level_hint(LevelFilter::TRACE);
    let logs = fmt::layer().with_timer(SystemTime).with_writer(std::io::stderr);
    if human {
        logs.with_filter(filter.and(others)).boxed()
    } else {
        logs.json().flatten_event(true).with_filter(filter.and(others)).boxed()
    }
}

/// Whether this is a span of traces: it says what it is called there.
fn is_of_traces(about: &Metadata<'_>) -> bool {
    about.is_span() && about.fields().field("otel.name").is_some()
}
