//! Traces: what a collector gets of a request, and that nobody waits for one. Each server has a process of its own,
//! because what becomes of spans is decided once per process.

use crate::process::{Process, command};
use crate::server::{Database, on_both_databases};
use crate::wait::Wait;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

on_both_databases! {
    a_request_is_a_trace_with_its_hooks_inside;
    a_fault_is_an_error_of_its_hook;
}

/// How long anything may take before a test gives up.
const PATIENCE: Wait = Wait::seconds(30);

/// A span as the collector got it.
#[derive(Debug, Clone)]
struct Seen {
    trace: String,
    id: String,
    parent: String,
    name: String,
    kind: i32,
    error: bool,
    attributes: BTreeMap<String, Value>,
}

impl Seen {
    fn is(&self, key: &str, value: &str) -> bool {
        self.attributes.get(key).is_some_and(|found| found == value)
    }
}

/// What was sent to a collector: spans, names of services, `authorization`, paths.
#[derive(Debug, Default)]
struct Got {
    spans: Vec<Seen>,
    services: Vec<String>,
    credentials: Vec<String>,
    targets: Vec<String>,
}

/// Takes spans until the test ends.
struct Collector {
    address: SocketAddr,
    got: Arc<Mutex<Got>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, got) = (listener.local_addr().unwrap(), Arc::<Mutex<Got>>::default());
        let into = Arc::clone(&got);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let into = Arc::clone(&into);
                std::thread::spawn(move || take(&stream, &into));
            }
        });
        Self { address, got }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn spans(&self) -> Vec<Seen> {
        self.got.lock().unwrap().spans.clone()
    }

    /// Waits for a span.
    #[track_caller]
    fn until(&self, wanted: impl Fn(&Seen) -> bool) -> Seen {
        PATIENCE.until_ok("there is such a span", || {
            let spans = self.spans();
            spans.iter().find(|span| wanted(span)).cloned().ok_or(spans)
        })
    }
}

/// The requests of one connection.
fn take(stream: &TcpStream, into: &Mutex<Got>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut lines = Vec::new();
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap_or(0) > 0 && !line.trim().is_empty() {
            lines.push(line.trim().to_owned());
            line.clear();
        }
        let Some(target) = lines.first().and_then(|line| line.split(' ').nth(1)) else { return };
        let header = |name: &str| {
            let pairs = lines.iter().filter_map(|line| line.split_once(": "));
            pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
        };
        let mut body = vec![0; header("content-length").unwrap().parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        assert_eq!(header("content-type").as_deref(), Some("application/x-protobuf"));
        let sent = ExportTraceServiceRequest::decode(&body[..]).unwrap();
        let mut got = into.lock().unwrap();
        got.targets.push(target.to_owned());
        got.credentials.extend(header("authorization"));
        for group in sent.resource_spans {
            for attribute in group.resource.unwrap().attributes {
                if attribute.key == "service.name" {
                    got.services.push(plain(attribute.value.and_then(|value| value.value)).to_string());
                }
            }
            for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                let of = |value: Option<_>| {
                    value.and_then(|value: opentelemetry_proto::tonic::common::v1::AnyValue| value.value)
                };
                got.spans.push(Seen {
                    trace: hex(&span.trace_id),
                    id: hex(&span.span_id),
                    parent: hex(&span.parent_span_id),
                    name: span.name,
                    kind: span.kind,
                    error: span.status.is_some_and(|status| status.code == StatusCode::Error as i32),
                    attributes: span
                        .attributes
                        .into_iter()
                        .map(|attribute| (attribute.key, plain(of(attribute.value))))
                        .collect(),
                });
            }
        }
        drop(got);
        let mut stream = stream;
        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

fn plain(value: Option<Any>) -> Value {
    match value {
        Some(Any::StringValue(text)) => json!(text),
        Some(Any::IntValue(number)) => json!(number),
        Some(Any::BoolValue(flag)) => json!(flag),
        other => json!(format!("{other:?}")),
    }
}

/// Makes commands of a server that sends its traces there; none when its database is absent.
fn exporting(directory: &Path, database: Database, to: &str) -> Option<impl Fn() -> Command + use<>> {
    let url = match database {
        Database::Sqlite => format!("sqlite://{}", directory.join("pagoda.db").display()),
        Database::Postgres => pagoda_test_support::database()?,
    };
    let (directory, to) = (directory.to_owned(), to.to_owned());
    Some(move || {
        let mut command = command(&directory);
        command.env("DATABASE_URL", &url).env("PAGODA_OTLP_ENDPOINT", &to);
        command
    })
}

/// Whether `span` is somewhere below the span `above`.
fn is_below(spans: &[Seen], span: &Seen, above: &Seen) -> bool {
    let mut at = span.clone();
    for _ in 0..20 {
        if at.parent == above.id {
            return true;
        }
        let Some(next) = spans.iter().find(|span| span.id == at.parent) else { return false };
        at = next.clone();
    }
    false
}

#[track_caller]
fn stop(server: &mut Process) -> Duration {
    let asked = Instant::now();
    server.signal("TERM");
    assert!(server.wait().success(), "{:#?}", server.rest_of_log());
    asked.elapsed()
}

fn a_request_is_a_trace_with_its_hooks_inside(database: Database) {
    let (directory, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let Some(make) = exporting(directory.path(), database, &collector.url()) else { return };
    let mut server = Process::start(
        make()
            .env("PAGODA_OTLP_HEADERS", "authorization=Bearer%20t0ps3cret")
            .env("PAGODA_OTLP_SERVICE_NAME", "assets"),
    );
    server.log_in(&mut make());
    let (status, rack) = server.post("/entity/api/v2/", json!({"name": "rack"}));
    assert_eq!(status, 202, "{rack}");
    let path = format!("/entity/api/v2/{}/entries/", rack["id"]);
    let (status, body) = server.post(&format!("{path}?secret=1"), json!({"name": "a1"}));
    assert_eq!(status, 202, "{body}");

    // While it runs, without anybody asking for it.
    let name = "POST /entity/api/v2/{id}/entries/";
    let request = collector.until(|span| span.name == name);
    assert_eq!((request.kind, request.error, request.parent.as_str()), (SpanKind::Server as i32, false, ""));
    let shown = |key: &str| request.attributes.get(key).cloned().unwrap_or_default();
    assert_eq!(shown("http.request.method"), "POST");
    assert_eq!(shown("http.route"), "/entity/api/v2/{id}/entries/");
    assert_eq!(shown("http.response.status_code"), 202);
    assert_eq!(shown("url.path"), path.as_str());
    // The audit log is sealed a moment after the answer.
    let audited = PATIENCE.until_some("the creation is in the audit log", || {
        let audited = server.get("/api/v2/audit/?action=entry.create").1;
        (audited["count"] != 0).then_some(audited)
    });
    assert_eq!(shown("pagoda.trace_id"), audited["results"][0]["trace_id"], "{audited}");
    assert!(!format!("{request:?}").contains("secret"), "{request:?}");

    // A request that is a part of somebody's trace.
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let asked = ureq::get(format!("{}/user/api/v2/me", server.base)).header("traceparent", parent);
    assert_eq!(asked.config().http_status_as_error(false).build().call().unwrap().status().as_u16(), 403);

    let took = stop(&mut server);
    assert!(took < Duration::from_secs(10), "it took {took:?} to stop");
    let spans = collector.spans();
    let inside: Vec<&Seen> = spans.iter().filter(|span| span.trace == request.trace).collect();
    for hook in ["entry.before_create", "pagoda.entry.validation", "entry.after_create"] {
        let call = inside.iter().find(|span| span.is("hook", hook) && span.is("plugin", "chaos"));
        let call = call.unwrap_or_else(|| panic!("no {hook} in {inside:#?}"));
        assert_eq!(call.name, format!("hook chaos {hook}"));
        assert!(call.is("pagoda.outcome", "ok") && !call.error, "{call:?}");
        assert!(call.attributes.contains_key("function"), "{call:?}");
        assert!(is_below(&spans, call, &request), "{call:?} in {inside:#?}");
    }
    // What is checked before the commit is inside of the transaction, what hears of it is not.
    let write = inside.iter().find(|span| span.name == "transaction write").unwrap();
    let is_in_it = |hook: &str| {
        inside
            .iter()
            .any(|span| span.is("hook", hook) && span.is("plugin", "chaos") && span.parent == write.id)
    };
    assert_eq!((is_in_it("pagoda.entry.validation"), is_in_it("entry.after_create")), (true, false));
    assert_eq!(write.attributes["pagoda.retries"], 0);

    let joined = spans.iter().find(|span| span.name == "GET /user/api/v2/me").unwrap();
    assert_eq!((&*joined.trace, &*joined.parent), (&parent[3..35], &parent[36..52]));
    // The client's mistake.
    assert!(!joined.error && joined.attributes["http.response.status_code"] == 403, "{joined:?}");
    // A trace begins with a request.
    for span in spans.iter().filter(|span| span.parent.is_empty()) {
        assert_eq!(span.kind, SpanKind::Server as i32, "{span:?}");
    }
    let got = collector.got.lock().unwrap();
    assert!(got.targets.iter().all(|target| target == "/v1/traces"), "{:?}", got.targets);
    assert!(got.services.iter().all(|service| service == "\"assets\""), "{:?}", got.services);
    assert!(!got.credentials.is_empty());
    assert!(got.credentials.iter().all(|sent| sent == "Bearer t0ps3cret"), "{:?}", got.credentials);
    assert!(!format!("{:?}", server.rest_of_log()).contains("t0ps3cret"));
}

fn a_fault_is_an_error_of_its_hook(database: Database) {
    let (directory, collector) = (tempfile::tempdir().unwrap(), Collector::start());
    let Some(make) = exporting(directory.path(), database, &collector.url()) else { return };
    let mut server = Process::start(make().env("PAGODA_LOG", "debug"));
    server.log_in(&mut make());
    let (_, rack) = server.post("/entity/api/v2/", json!({"name": "rack"}));
    let entries = format!("/entity/api/v2/{}/entries/", rack["id"]);
    for (name, status) in [
        ("chaos.before_create.panic", 202),
        ("chaos.validation.error", 202),
        ("chaos.validation.reject", 400),
        ("chaos.after_create.panic", 202),
    ] {
        assert_eq!(server.post(&entries, json!({"name": name})).0, status, "{name}");
    }
    assert_eq!(server.get("/api/v2/plugins/chaos/panic/").0, 500);
    assert_eq!(server.get("/api/v2/plugins/chaos/slow/?n=1").0, 200);
    stop(&mut server);

    let spans = collector.spans();
    let found = |hook: &str, outcome: &str| {
        let chaos = |span: &&Seen| span.is("plugin", "chaos") && span.is("hook", hook);
        spans.iter().filter(chaos).find(|span| span.is("pagoda.outcome", outcome)).unwrap()
    };
    for (hook, class) in [
        ("entry.before_create", "panic"),
        ("pagoda.entry.validation", "error"),
        ("entry.after_create", "panic"),
    ] {
        let call = found(hook, "fault");
        assert!(call.error && call.is("error.type", class), "{call:?}");
        let request = spans.iter().find(|span| span.trace == call.trace && span.parent.is_empty()).unwrap();
        // The fault ended at its hook.
        assert!(!request.error && request.attributes["http.response.status_code"] == 202, "{request:?}");
    }
    assert!(!found("pagoda.entry.validation", "rejected").error);
    // A plugin's own words, which may be those of users, stay in the log.
    assert!(!format!("{spans:?}").contains("drill"), "{spans:#?}");

    let route = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (panics, sleeps) = (route("route chaos panic"), route("route chaos slow"));
    assert!(panics.error && panics.is("error.type", "panic") && panics.is("pagoda.outcome", "fault"));
    assert!(!sleeps.error && sleeps.is("pagoda.outcome", "ok"), "{sleeps:?}");
    let request = spans.iter().find(|span| span.id == panics.parent).unwrap();
    assert_eq!(request.name, "GET /api/v2/plugins/chaos/panic/");
    assert!(request.error && request.is("error.type", "500"), "{request:?}");

    // Log lines are what they are without traces.
    let logged = server.rest_of_log();
    let failed = |line: &&Value| line["message"].as_str().is_some_and(|said| said.contains("handler failed"));
    let failed: Vec<&Value> = logged.iter().filter(failed).collect();
    assert_eq!(failed.len(), 3, "{failed:#?}");
    assert_eq!(failed[0]["span"]["name"], "hook");
    assert_eq!(failed[0]["span"]["hook"], "entry.before_create");
    assert_eq!(failed[0]["spans"].as_array().map(Vec::len), Some(1), "{}", failed[0]);
    for line in logged.iter().filter_map(|line| line["spans"].as_array()).flatten() {
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!((&line["name"], keys.iter().any(|key| key.contains("otel"))), (&json!("hook"), false));
    }
}

/// Requests and the end of the server with a collector at `to`, which takes nothing.
#[track_caller]
fn nobody_waits(to: &str) -> Process {
    let directory = tempfile::tempdir().unwrap();
    let make = exporting(directory.path(), Database::Sqlite, to).unwrap();
    let mut server = Process::start(&mut make());
    server.log_in(&mut make());
    let (_, rack) = server.post("/entity/api/v2/", json!({"name": "rack"}));
    let entries = format!("/entity/api/v2/{}/entries/", rack["id"]);
    let mut longest = Duration::ZERO;
    let began = Instant::now();
    let mut number = 0;
    // Over several times at which spans would be sent.
    while began.elapsed() < Duration::from_secs(4) {
        let asked = Instant::now();
        let (status, body) = server.post(&entries, json!({"name": format!("a{number}")}));
        assert_eq!(status, 202, "{body}");
        longest = longest.max(asked.elapsed());
        number += 1;
    }
    assert!(longest < Duration::from_secs(3), "a request took {longest:?}");
    let took = stop(&mut server);
    assert!(took < Duration::from_secs(10), "it took {took:?} to stop");
    server
}

fn warnings(server: &mut Process) -> Vec<Value> {
    let is_one =
        |line: &&Value| line["message"].as_str().is_some_and(|said| said.starts_with("traces are not"));
    server.rest_of_log().iter().filter(is_one).cloned().collect()
}

#[test]
fn nobody_waits_for_a_collector_that_is_down() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut server = nobody_waits(&format!("http://{free}"));
    let told = warnings(&mut server);
    assert!(told.len() <= 1, "{told:#?}");
}

#[test]
fn nobody_waits_for_a_collector_that_hangs() {
    // Connections are accepted by the kernel, and that is all.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    nobody_waits(&format!("http://{address}"));
    drop(listener);
}

#[test]
fn a_collector_that_refuses_is_told_of_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            // A client may go away while it sends.
            let _ = stream.read(&mut [0; 64 * 1024]);
            let _ = stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    let mut server = nobody_waits(&format!("http://{address}"));
    let told = warnings(&mut server);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["level"], "WARN");
    assert!(told[0]["lost"].as_u64().is_some_and(|lost| lost > 0), "{told:#?}");
}
