//! What requests are counted by: route pattern, method, status class, time. And the line that each of them can leave
//! in the log.
//!
//! A route gets its counters when it is mounted, so that a request costs a few additions: no look-up, no lock, no
//! allocation. Each worker mounts its own, so that no two threads add to one place; whoever reads adds them up.

use crate::observe::metrics::{Histogram, Observed};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What became of a request, as a label; `gone` is one whose client did not wait for the answer.
const OUTCOMES: [&str; 5] = ["gone", "2xx", "3xx", "4xx", "5xx"];
/// The outcome of a request that is dropped before it is answered.
const GONE: usize = 0;

/// Methods that have a name of their own; everything else, which anybody can invent, is `other`.
pub(super) const METHODS: [(Method, &str); 6] = [
    (Method::GET, "GET"),
    (Method::HEAD, "HEAD"),
    (Method::POST, "POST"),
    (Method::PUT, "PUT"),
    (Method::PATCH, "PATCH"),
    (Method::DELETE, "DELETE"),
];
const OTHER: &str = "other";

/// Where requests are counted that belong to no route.
pub(super) const NO_ROUTE: &str = "other";

#[derive(Debug)]
struct Slot {
    method: &'static str,
    outcomes: [AtomicU64; OUTCOMES.len()],
    took: Histogram,
}

impl Slot {
    fn new(method: &'static str) -> Self {
        Self { method, outcomes: Default::default(), took: Histogram::default() }
    }
}

/// The counters of one route in one worker.
#[derive(Debug)]
pub(super) struct Meter {
    route: String,
    slots: Vec<(Method, Slot)>,
    other: Slot,
    in_flight: AtomicUsize,
}

impl Meter {
    /// The pattern of the route.
    pub(super) fn route(&self) -> &str {
        &self.route
    }

    /// A request begins.
    pub(super) fn begin(&self, method: &Method) -> Counted<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let slot = self.slots.iter().find(|(known, _)| known == method).map_or(&self.other, |(_, slot)| slot);
        Counted { meter: self, slot, began: Instant::now(), outcome: GONE }
    }

    /// Counts what `answer` does, and leaves a line about it.
    pub(super) async fn watch(
        &self,
        http: HttpRequest,
        answer: impl Future<Output = HttpResponse>,
    ) -> HttpResponse {
        let counted = self.begin(http.method());
        let response = answer.await;
        counted.end(&response, None);
        response
    }
}

/// A request that is being answered.
#[must_use = "dropped, the request counts as one that nobody waited for"]
pub(super) struct Counted<'a> {
    meter: &'a Meter,
    slot: &'a Slot,
    began: Instant,
    outcome: usize,
}

impl Counted<'_> {
    /// It was answered, to this user.
    pub(super) fn end(mut self, response: &HttpResponse, user: Option<i64>) {
        self.outcome = class(response.status());
        tracing::debug!(
            target: "pagoda::access",
            method = self.slot.method,
            route = self.meter.route,
            status = response.status().as_u16(),
            micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            user,
            trace_id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok()),
            "request"
        );
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.meter.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some(count) = self.slot.outcomes.get(self.outcome) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.slot.took.observe(self.began.elapsed());
    }
}

fn class(status: StatusCode) -> usize {
    match status.as_u16() {
        0..300 => 1,
        300..400 => 2,
        400..500 => 3,
        _ => 4,
    }
}

/// The counters of all routes.
#[derive(Debug, Default)]
pub struct Traffic {
    meters: Mutex<Vec<Arc<Meter>>>,
}

/// The requests of one method to one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requests {
    /// The pattern of the route, or `other`.
    pub route: String,
    /// The method, or `other`.
    pub method: &'static str,
    /// How many ended in which way.
    pub outcomes: Vec<(&'static str, u64)>,
    /// How long they took.
    pub took: Observed,
}

impl Traffic {
    /// Counters for a route that answers these methods.
    pub(super) fn meter<'a>(&self, path: &str, methods: impl IntoIterator<Item = &'a Method>) -> Arc<Meter> {
        let mut methods: Vec<&Method> = methods.into_iter().collect();
        if methods.contains(&&Method::GET) {
            methods.push(&Method::HEAD);
        }
        let named = METHODS.iter().filter(|(method, _)| methods.contains(&method));
        let meter = Arc::new(Meter {
            route: pattern(path),
            slots: named.map(|(method, name)| (method.clone(), Slot::new(name))).collect(),
            other: Slot::new(OTHER),
            in_flight: AtomicUsize::new(0),
        });
        self.meters.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&meter));
        meter
    }

    /// Requests that are being answered.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        meters.iter().map(|meter| meter.in_flight.load(Ordering::Relaxed)).sum()
    }

    /// All that was counted, by route and method, without what never happened.
    #[must_use]
    pub fn requests(&self) -> Vec<Requests> {
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut sums: BTreeMap<(&str, &'static str), ([u64; OUTCOMES.len()], Observed)> = BTreeMap::new();
        for meter in &meters {
            for slot in meter.slots.iter().map(|(_, slot)| slot).chain([&meter.other]) {
                let (outcomes, took) = sums.entry((&meter.route, slot.method)).or_default();
                for (to, from) in outcomes.iter_mut().zip(&slot.outcomes) {
                    *to += from.load(Ordering::Relaxed);
                }
                *took += slot.took.read();
            }
        }
        let happened = |outcomes: &[u64; OUTCOMES.len()]| outcomes.iter().any(|count| *count > 0);
        sums.into_iter()
            .filter(|(_, (outcomes, _))| happened(outcomes))
            .map(|((route, method), (outcomes, took))| Requests {
                route: route.to_owned(),
                method,
                outcomes: OUTCOMES.into_iter().zip(outcomes).filter(|(_, count)| *count > 0).collect(),
                took,
            })
            .collect()
    }
}

/// A path as documents show it: `/entry/{id:[0-9]+}/` without the expression.
fn pattern(path: &str) -> String {
    let (mut shown, mut inside) = (String::with_capacity(path.len()), false);
    for c in path.chars() {
        match c {
            ':' => inside = true,
            '}' => inside = false,
            _ => {}
        }
        if !inside {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{Traffic, class, pattern};
    use actix_web::HttpResponse;
    use actix_web::http::{Method, StatusCode};
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_pattern_shows_no_expression() {
        assert_eq!(pattern("/entity/api/v2/{id:[0-9]+}/entries/"), "/entity/api/v2/{id}/entries/");
        assert_eq!(pattern("/api/{a}/{b}/"), "/api/{a}/{b}/");
    }

    /// A place for log lines.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_request_leaves_a_line_where_that_is_wanted() {
        let logged = |filter: &str| {
            let lines = Lines::default();
            let to = lines.clone();
            let logs =
                tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || to.clone()).json();
            tracing::subscriber::with_default(logs.flatten_event(true).finish(), || {
                let traffic = Traffic::default();
                let meter = traffic.meter("/a/{id:[0-9]+}/", [&Method::PUT]);
                let response = HttpResponse::Accepted().insert_header(("x-request-id", "t1")).finish();
                meter.begin(&Method::PUT).end(&response, Some(7));
            });
            String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
        };
        assert_eq!(logged("info"), "");
        let line: serde_json::Value = serde_json::from_str(&logged("info,pagoda::access=debug")).unwrap();
        assert!(line["micros"].is_u64());
        let seen =
            ["target", "method", "route", "status", "user", "trace_id"].map(|field| line[field].to_string());
        assert_eq!(seen, ["\"pagoda::access\"", "\"PUT\"", "\"/a/{id}/\"", "202", "7", "\"t1\""]);
    }

    #[test]
    fn requests_are_counted_by_closed_sets() {
        let traffic = Traffic::default();
        // Two workers.
        let meters = [traffic.meter("/a/", [&Method::GET]), traffic.meter("/a/", [&Method::GET])];
        for meter in &meters {
            for method in [Method::GET, Method::HEAD, Method::POST, Method::from_bytes(b"BREW").unwrap()] {
                let counted = meter.begin(&method);
                assert_eq!(traffic.in_flight(), 1);
                counted.end(&HttpResponse::Ok().finish(), Some(1));
            }
        }
        drop(meters[0].begin(&Method::GET));
        assert_eq!(traffic.in_flight(), 0);
        let found: Vec<_> =
            traffic.requests().into_iter().map(|r| (r.method, r.outcomes, r.took.count())).collect();
        let expected = [
            ("GET", vec![("gone", 1), ("2xx", 2)], 3),
            ("HEAD", vec![("2xx", 2)], 2),
            ("other", vec![("2xx", 4)], 4),
        ];
        assert_eq!(found, expected);
        assert_eq!([200, 301, 404, 503].map(|s| class(StatusCode::from_u16(s).unwrap())), [1, 2, 3, 4]);
    }
}
