//! What one handler did since the server started.

use pagoda_plugin_sdk::bridge::HandlerStats;
use pagoda_plugin_sdk::catalogue::PointInfo;
use pagoda_plugin_sdk::hook::HookInfo;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How a call ended, as far as counting is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    Rejected,
    Faulted,
}

/// Counters of one handler. Relaxed: they are read for display only.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    faults: AtomicU64,
    rejections: AtomicU64,
    total_ns: AtomicU64,
    max_ns: AtomicU64,
}

impl Counters {
    pub(crate) fn count(&self, took: Duration, ended: Ended) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.total_ns.fetch_add(took, Ordering::Relaxed);
        // A plain load first: the maximum rarely moves, and an atomic maximum on every call would not be free.
        if took > self.max_ns.load(Ordering::Relaxed) {
            self.max_ns.fetch_max(took, Ordering::Relaxed);
        }
        match ended {
            Ended::Well => {}
            Ended::Rejected => {
                self.rejections.fetch_add(1, Ordering::Relaxed);
            }
            Ended::Faulted => {
                self.faults.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn read(&self, point: &'static PointInfo, info: &HookInfo) -> HandlerStats {
        let mut stats = HandlerStats::default();
        stats.hook = point.name;
        stats.plugin = info.plugin.id;
        stats.function = info.function;
        stats.calls = self.calls.load(Ordering::Relaxed);
        stats.faults = self.faults.load(Ordering::Relaxed);
        stats.rejections = self.rejections.load(Ordering::Relaxed);
        stats.total_ns = self.total_ns.load(Ordering::Relaxed);
        stats.max_ns = self.max_ns.load(Ordering::Relaxed);
        stats
    }
}
