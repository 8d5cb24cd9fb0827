//! Which numbers there are at `/metrics`: what the rooms count for themselves, with names and labels.
//!
//! To add some: a function here that reads them, and a line in [`connect`]. Every name has a row in
//! `docs/operations.md`. Label values come from closed sets.

use super::plugin_meters::plugins;
use crate::http::{AppState, Logins, Rates, Traffic};
use crate::mail::Counts;
use crate::observe::metrics::process::{self, Process};
use crate::observe::metrics::{Page, number};
use crate::services::host::{Host, MOST_OPERATIONS};
use crate::store::Backend;
use std::fmt;
use std::sync::Arc;

/// Lets the server's metrics read what its rooms count. The sources hold parts of the state, never the state itself,
/// which holds them.
pub(super) fn connect(state: &AppState, letters: Arc<Counts>) {
    let metrics = &state.metrics;
    let host = Arc::clone(&state.host);
    metrics.add(move |page| build(page, host.store.backend()));
    metrics.add(|page| process::read().map_or(Ok(()), |process| own(page, process)));
    let traffic = Arc::clone(&state.traffic);
    metrics.add(move |page| requests(page, &traffic));
    let (rates, logins) = (Arc::clone(&state.rates), Arc::clone(&state.logins));
    metrics.add(move |page| refusals(page, &rates, &logins));
    metrics.add(move |page| {
        let outcomes = letters.outcomes().map(|(outcome, count)| ([("outcome", outcome)], count));
        page.counters("pagoda_mail", "Letters to users, by what became of them", outcomes)
    });
    let host = Arc::clone(&state.host);
    metrics.add(move |page| database(page, &host));
    let host = Arc::clone(&state.host);
    metrics.add(move |page| operations(page, &host));
    let registry = Arc::clone(&state.host.registry);
    metrics.add(move |page| plugins(page, &registry));
    let host = Arc::clone(&state.host);
    metrics.add(move |page| {
        let ended = host.jobs.all();
        let ended = ended
            .iter()
            .map(|(operation, status, count)| ([("operation", *operation), ("status", *status)], *count));
        page.counters("pagoda_jobs", "Jobs that ended", ended)
    });
    let host = Arc::clone(&state.host);
    metrics.add(move |page| {
        let lost = [([], host.auditor.lost())];
        page.counters("pagoda_audit_lost", "Records that did not get into the audit log", lost)
    });
}

fn build(page: &mut Page<'_>, backend: Backend) -> fmt::Result {
    let database = super::backend_name(backend);
    let labels = [("version", env!("CARGO_PKG_VERSION")), ("database", database)];
    page.gauges(
        "pagoda_build_info",
        "Version of the server and its kind of database, always 1",
        [(labels, 1.0)],
    )
}

fn own(page: &mut Page<'_>, process: Process) -> fmt::Result {
    page.gauges("process_resident_memory_bytes", "Resident memory", [([], bytes(process.resident_bytes))])?;
    page.gauges("process_threads", "Threads", [([], bytes(process.threads))])?;
    if let Some(open) = process.open_files {
        page.gauges("process_open_fds", "Open files and sockets", [([], number(open))])?;
    }
    page.seconds("process_cpu_seconds", "Processor time", [([], process.cpu.as_secs_f64())])?;
    page.gauges("process_start_time_seconds", "Start, in seconds since the epoch", [([], process.started)])
}

#[expect(clippy::cast_precision_loss, reason = "a machine has less than 2^52 of it")]
fn bytes(count: u64) -> f64 {
    count as f64
}

fn requests(page: &mut Page<'_>, traffic: &Traffic) -> fmt::Result {
    let all = traffic.requests();
    let counts = all.iter().flat_map(|requests| {
        let of = move |(status, count): &(&'static str, u64)| {
            ([("method", requests.method), ("route", requests.route.as_str()), ("status", *status)], *count)
        };
        requests.outcomes.iter().map(of)
    });
    page.counters("pagoda_http_requests", "Requests by method, route and class of the status", counts)?;
    let took = all
        .iter()
        .map(|requests| ([("method", requests.method), ("route", requests.route.as_str())], requests.took));
    page.histograms("pagoda_http_request_duration_seconds", "Time until the answer was ready", took)?;
    page.gauges(
        "pagoda_http_requests_in_flight",
        "Requests that are being answered",
        [([], number(traffic.in_flight()))],
    )
}

fn refusals(page: &mut Page<'_>, rates: &Rates, logins: &Logins) -> fmt::Result {
    let limited = rates.refused().map(|(kind, count)| ([("kind", kind)], count));
    page.counters("pagoda_http_limited", "Requests answered with 429, by limit", limited)?;
    let outcomes = logins.outcomes().map(|(outcome, count)| ([("outcome", outcome)], count));
    page.counters("pagoda_logins", "Attempts to log in with a password", outcomes)
}

fn database(page: &mut Page<'_>, host: &Host) -> fmt::Result {
    let pools = host.store.pools();
    let gauge = |value: fn(&crate::store::PoolState) -> usize| {
        pools.iter().map(move |pool| ([("pool", pool.name)], number(value(pool))))
    };
    page.gauges("pagoda_database_connections_max", "Connections that there may be", gauge(|pool| pool.most))?;
    page.gauges("pagoda_database_connections_in_use", "Connections in use", gauge(|pool| pool.in_use))?;
    page.gauges("pagoda_database_waiting", "Threads that wait for a connection", gauge(|pool| pool.waiting))?;
    let waits = pools.iter().map(|pool| ([("pool", pool.name)], pool.waits));
    page.counters("pagoda_database_waits", "How often a connection was waited for", waits)?;
    let waited = pools.iter().map(|pool| ([("pool", pool.name)], pool.waited.as_secs_f64()));
    page.seconds("pagoda_database_waited_seconds", "How long connections were waited for", waited)?;
    let timeouts = pools.iter().map(|pool| ([("pool", pool.name)], pool.timeouts));
    page.counters("pagoda_database_timeouts", "How often no connection came in time", timeouts)?;
    let statements = pools.iter().map(|pool| ([("pool", pool.name)], pool.statements));
    page.counters("pagoda_database_statements", "Statements that were run", statements)?;
    let commits = pools.iter().map(|pool| ([("pool", pool.name)], pool.commits));
    page.counters("pagoda_database_commits", "Transactions that could write and were committed", commits)
}

fn operations(page: &mut Page<'_>, host: &Host) -> fmt::Result {
    page.gauges(
        "pagoda_operations_running",
        "Operations that run or wait for a connection",
        [([], number(host.running()))],
    )?;
    page.gauges(
        "pagoda_operations_max",
        "Operations that there may be at a time",
        [([], number(MOST_OPERATIONS))],
    )?;
    page.counters(
        "pagoda_operations_refused",
        "Operations refused because there were too many",
        [([], host.refused())],
    )?;
    let loads = host.shares.loads();
    let of = |value: fn(&crate::limits::shares::Load) -> usize| {
        loads
            .iter()
            .map(move |load| ([("plugin", load.plugin), ("kind", load.kind.label())], number(value(load))))
    };
    page.gauges("pagoda_plugin_running", "Places that a plugin's work takes", of(|load| load.running))?;
    page.gauges("pagoda_plugin_waiting", "A plugin's work that waits for a place", of(|load| load.waiting))?;
    let refused =
        loads.iter().map(|load| ([("plugin", load.plugin), ("kind", load.kind.label())], load.refused));
    page.counters("pagoda_plugin_refused", "A plugin's work that found no place", refused)
}
