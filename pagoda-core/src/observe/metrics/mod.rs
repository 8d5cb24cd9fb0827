//! Metrics: numbers that rooms keep for themselves, shown in the text format of OpenMetrics.
//!
//! Rooms below count in plain atomics and know nothing of this. `server/meters.rs` says which numbers there are: it
//! adds closures that write on a [`Page`]. Labels come from closed sets (methods, route patterns, plugins,
//! kinds); an id, a user or a token is never one.

mod histogram;
pub mod process;

pub use histogram::{BOUNDS, Histogram, Observed};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// The media type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Source = Box<dyn Fn(&mut Page<'_>) -> fmt::Result + Send + Sync>;

#[derive(Default)]
struct Sources(RwLock<Vec<Source>>);

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

impl Collector for Sources {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let sources = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut page = Page(encoder);
        sources.iter().try_for_each(|source| source(&mut page))
    }
}

/// The metrics of one server.
#[derive(Debug)]
pub struct Metrics {
    sources: Arc<Sources>,
    registry: Registry,
}

impl Default for Metrics {
    fn default() -> Self {
        let sources = Arc::new(Sources::default());
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(&sources)));
        Self { sources, registry }
    }
}

impl Metrics {
    /// Adds numbers. `source` is asked at every look and must not wait for anything.
    pub fn add(&self, source: impl Fn(&mut Page<'_>) -> fmt::Result + Send + Sync + 'static) {
        self.sources.0.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(source));
    }

    /// All of them as they are now.
    ///
    /// # Errors
    /// A source could not write its numbers.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Where numbers are written. Names end in their unit; of counters, `_total` is added.
pub struct Page<'a>(DescriptorEncoder<'a>);

/// The labels of one number: names and values.
pub type Labels<'a, const N: usize> = [(&'a str, &'a str); N];

impl Page<'_> {
    /// Numbers that only grow, one per set of labels.
    ///
    /// # Errors
    /// The text cannot be written.
    pub fn counters<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a, N>, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        each(&mut family, samples, |one, value| one.encode_counter::<NoLabelSet, _, u64>(&value, None))
    }

    /// A growing number that is no integer, such as seconds.
    ///
    /// # Errors
    /// The text cannot be written.
    pub fn seconds<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a, N>, f64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        each(&mut family, samples, |one, value| one.encode_counter::<NoLabelSet, _, u64>(&value, None))
    }

    /// Numbers that go up and down.
    ///
    /// # Errors
    /// The text cannot be written.
    pub fn gauges<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a, N>, f64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        each(&mut family, samples, |one, value| one.encode_gauge(&value))
    }

    /// How durations are distributed.
    ///
    /// # Errors
    /// The text cannot be written.
    pub fn histograms<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a, N>, Observed)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        each(&mut family, samples, |one, observed| {
            one.encode_histogram::<NoLabelSet>(observed.sum(), observed.count(), &observed.buckets(), None)
        })
    }
}

fn each<'a, const N: usize, T>(
    family: &mut MetricEncoder<'_>,
    samples: impl IntoIterator<Item = (Labels<'a, N>, T)>,
    encode: impl Fn(&mut MetricEncoder<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (labels, value) in samples {
        // An empty set would be written as `{}`.
        match labels.is_empty() {
            true => encode(family, value)?,
            false => encode(&mut family.encode_family(&labels)?, value)?,
        }
    }
    Ok(())
}

/// A count as a gauge shows it.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of things that are there are far below 2^52")]
pub fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::{Histogram, Metrics};
    use std::time::Duration;

    #[test]
    fn sources_write_their_numbers() {
        let metrics = Metrics::default();
        let histogram = Histogram::default();
        histogram.observe(Duration::from_micros(700));
        let observed = histogram.read();
        metrics.add(|page| page.counters("things", "Things", [([("kind", "a")], 1), ([("kind", "b\"")], 2)]));
        metrics.add(|page| page.gauges("level", "A level", [([], 1.5)]));
        metrics.add(|page| page.seconds("time_seconds", "Time", [([], 0.25)]));
        metrics.add(move |page| page.histograms("took_seconds", "Took", [([("route", "/")], observed)]));
        let text = metrics.text().unwrap();
        for line in [
            "# TYPE things counter",
            "things_total{kind=\"a\"} 1",
            "things_total{kind=\"b\\\"\"} 2",
            "level 1.5",
            "time_seconds_total 0.25",
            "# TYPE took_seconds histogram",
            "took_seconds_bucket{le=\"0.0005\",route=\"/\"} 0",
            "took_seconds_bucket{le=\"0.001\",route=\"/\"} 1",
            "took_seconds_bucket{le=\"+Inf\",route=\"/\"} 1",
            "took_seconds_count{route=\"/\"} 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "no `{line}` in\n{text}");
        }
    }
}
