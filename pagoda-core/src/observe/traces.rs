//! Traces for OpenTelemetry: which spans there are in them, which requests are traced, and when they leave.
//!
//! A span of traces is one with a field `otel.name`; log lines show none of these, and traces no others. Spans are
//! kept in a queue and sent by a thread of the SDK, so that no request ever waits for who takes them; what does not
//! fit into the queue is dropped and counted (see `otlp.rs`).

use super::otlp::{Counted, Ledger, exporter};
use crate::config::{Config, OtlpSettings};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SamplingResult, SdkTracer, SdkTracerProvider,
    ShouldSample, Span, SpanData, SpanProcessor,
};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, filter};

/// Spans that may wait to be sent.
pub(super) const QUEUE: usize = 4_096;
/// Spans that are sent together.
pub(super) const BATCH: usize = 512;
/// How long a span waits at most until it is sent.
const DELAY: Duration = Duration::from_secs(1);

/// The traces of this process: as global as its logs.
static TRACES: OnceLock<Traces> = OnceLock::new();

struct Traces {
    provider: SdkTracerProvider,
    resource: Resource,
    late: Late,
}

/// Turns spans into traces, if the configuration says where to. Nothing leaves before [`start`].
pub(super) fn layer<S>(config: &Config) -> Option<impl Layer<S> + Send + Sync + use<S>>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    config.otlp.endpoint.as_ref()?;
    let resource = resource(&config.otlp);
    let late = Late::default();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_sampler(Sampler::ParentBased(Box::new(Requests::sampled(config.otlp.sample_percent))))
        .with_span_processor(late.clone())
        .build();
    let tracer = provider.tracer("pagoda");
    if TRACES.set(Traces { provider, resource, late }).is_err() {
        tracing::debug!("traces go where they went before");
        return None;
    }
    Some(of_spans(tracer))
}

fn of_spans<S>(tracer: SdkTracer) -> impl Layer<S> + Send + Sync
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        // A parent is found by the span that this thread is in; nobody asks for OpenTelemetry's own context.
        .with_context_activation(false)
        .with_tracked_inactivity(false)
        .with_threads(false)
        .with_location(false)
        .with_target(false)
        // No more than what the spans need: whoever logs little must not pay for what they do not log.
        .with_filter(filter::filter_fn(super::is_of_traces).with_max_level_hint(LevelFilter::INFO))
}

/// Who sends: name and version of this server, and what `OTEL_RESOURCE_ATTRIBUTES` adds.
fn resource(settings: &OtlpSettings) -> Resource {
    Resource::builder()
        .with_service_name(settings.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}

/// From now on traces are sent, by a thread of their own. To be called when the process has given up what it does not
/// need: the thread would keep it.
///
/// # Errors
/// They cannot be sent.
pub fn start(config: &Config) -> anyhow::Result<()> {
    let (Some(traces), Some(to)) = (TRACES.get(), &config.otlp.endpoint) else { return Ok(()) };
    let exporter = exporter(to, &config.otlp.headers, &traces.late.ledger)?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(DELAY)
        .build();
    let exporter = Counted::new(exporter, Arc::clone(&traces.late.ledger));
    let mut processor = BatchSpanProcessor::new(exporter, batches);
    processor.set_resource(&traces.resource);
    if traces.late.batches.set(processor).is_ok() {
        tracing::info!(host = to.host, port = to.port, "traces are exported");
    }
    Ok(())
}

/// Sends what is left, for so long at most. There are no traces afterwards.
pub fn end(patience: Duration) {
    let Some(traces) = TRACES.get() else { return };
    if let Err(error) = traces.provider.shutdown_with_timeout(patience) {
        tracing::debug!("the last spans were not all sent: {error}");
    }
    traces.late.ledger.close();
}

/// The headers of a request that say which trace it is a part of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'a> {
    /// `traceparent`
    pub parent: Option<&'a str>,
    /// `tracestate`
    pub state: Option<&'a str>,
}

impl Extractor for Origin<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        match name {
            "traceparent" => self.parent,
            "tracestate" => self.state,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// Lets a span be a part of the trace that a request comes with, as `traceparent` says. What makes no sense there is
/// passed over. *Source: W3C, Trace Context.*
pub fn continue_from(span: &tracing::Span, from: Origin<'_>) {
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &from);
    // It fails where nobody makes traces of spans.
    if context.span().span_context().is_valid() && span.set_parent(context).is_err() {
        tracing::debug!("a trace is not continued");
    }
}

/// Traces begin with requests; what the server does by itself is in none.
#[derive(Debug, Clone)]
struct Requests(Sampler);

impl Requests {
    fn sampled(percent: f64) -> Self {
        Self(Sampler::TraceIdRatioBased(percent / 100.0))
    }
}

impl ShouldSample for Requests {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let sampler = if *kind == SpanKind::Server { &self.0 } else { &Sampler::AlwaysOff };
        sampler.should_sample(parent, trace, name, kind, attributes, links)
    }
}

/// What sends spans comes later than the spans: its thread may not be there when log lines already are.
#[derive(Debug, Clone, Default)]
struct Late {
    batches: Arc<OnceLock<BatchSpanProcessor>>,
    ledger: Arc<Ledger>,
}

impl SpanProcessor for Late {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if let Some(batches) = self.batches.get() {
            self.ledger.ended();
            batches.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.get().map_or(Ok(()), SpanProcessor::force_flush)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.get().map_or(Ok(()), |batches| batches.shutdown_with_timeout(timeout))
    }
}

#[cfg(test)]
mod tests {
    use super::{Origin, Requests, continue_from, of_spans};
    use opentelemetry::trace::{SpanKind, TracerProvider};
    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Kept {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().extend(batch);
            Ok(())
        }
    }

    /// The spans that `work` leaves behind in traces.
    fn traced(percent: f64, work: impl FnOnce()) -> Vec<SpanData> {
        let kept = Kept::default();
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(Requests::sampled(percent))))
            .with_simple_exporter(kept.clone())
            .build();
        let spans = tracing_subscriber::registry().with(of_spans(provider.tracer("test")));
        tracing::subscriber::with_default(spans, work);
        let kept = kept.0.lock().unwrap();
        kept.clone()
    }

    fn request() -> tracing::Span {
        tracing::info_span!("request", otel.name = "GET /a/", otel.kind = "server")
    }

    #[test]
    fn only_requests_begin_a_trace_and_log_lines_are_in_none() {
        let spans = traced(100.0, || {
            tracing::info_span!("hook", otel.name = "alone").in_scope(|| {});
            request().in_scope(|| {
                tracing::error_span!("other").in_scope(|| {
                    tracing::error!("a line");
                    tracing::info_span!("hook", otel.name = "inside").in_scope(|| {});
                });
            });
        });
        let names: Vec<_> = spans.iter().map(|span| span.name.to_string()).collect();
        assert_eq!(names, ["inside", "GET /a/"]);
        assert_eq!(spans[0].parent_span_id, spans[1].span_context.span_id());
        assert_eq!((spans[1].span_kind.clone(), spans[1].events.len()), (SpanKind::Server, 0));
        assert!(spans[1].attributes.is_empty(), "{:?}", spans[1].attributes);
        assert!(traced(0.0, || request().in_scope(|| {})).is_empty());
    }

    #[test]
    fn a_request_may_be_a_part_of_a_trace() {
        let with = |percent, parent: &'static str| {
            traced(percent, || {
                let span = request();
                continue_from(&span, Origin { parent: Some(parent), state: None });
                span.in_scope(|| {});
            })
        };
        // The decision is that of whoever began the trace.
        let spans = with(0.0, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(spans[0].span_context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(spans[0].parent_span_id.to_string(), "b7ad6b7169203331");
        assert!(with(100.0, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00").is_empty());
        for bad in ["", "00-0-0-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "x"] {
            let spans = with(100.0, bad);
            assert_eq!(spans[0].parent_span_id.to_string(), "0000000000000000", "{bad}");
        }
    }
}
