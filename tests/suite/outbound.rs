//! Requests of plugins to other servers, against servers on loopback, and the secrets that go with them.

use crate::server::{Database, TestApp, on_both_databases};
use crate::wait::Wait;
use pagoda_core::config::Config;
use pagoda_core::plugins::contributions::Contributions;
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::capability::Capability;
use pagoda_plugin_sdk::hook::{BoxFuture, HookInfo, HookReg, ObserveHandler};
use pagoda_plugin_sdk::hooks;
use pagoda_plugin_sdk::http::OutboundResult;
use pagoda_plugin_sdk::prelude::*;
use pagoda_plugin_sdk::route::{Method, RouteAuth, RouteHandler, RouteReg, RouteRequest};
use pagoda_plugin_sdk::secret::{Secret, SecretValue};
use pagoda_plugin_sdk::testing::Everything;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A server that does what a path says and tells what it was asked.
struct Stub {
    address: SocketAddr,
    asked: Receiver<String>,
    held: Arc<(Mutex<bool>, Condvar)>,
}

impl Stub {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, asked) = channel();
        let held = Arc::<(Mutex<bool>, Condvar)>::default();
        let holds = Arc::clone(&held);
        // Ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (tell, holds) = (tell.clone(), Arc::clone(&holds));
                std::thread::spawn(move || drop(answer(stream.unwrap(), &tell, &holds)));
            }
        });
        Self { address, asked, held }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers `/held`.
    fn release(&self) {
        *self.held.0.lock().unwrap() = true;
        self.held.1.notify_all();
    }

    /// What it was asked since the last look.
    fn asked(&self) -> Vec<String> {
        self.asked.try_iter().collect()
    }
}

/// `/ok` says what arrived, `/to?<url>` leads there with 302, `/again?<url>` with 307, `/slow` never answers, `/held` when it is told,
/// `/trickle` never ends, `/big` is endless at once, `/length` promises too much.
fn answer(
    mut stream: TcpStream,
    tell: &Sender<String>,
    held: &(Mutex<bool>, Condvar),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let header = |name: &str| {
        head.lines().find_map(|line| {
            line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        })
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let said = json!({
        "method": method,
        "target": target,
        "authorization": header("authorization"),
        "key": header("x-api-key"),
        "type": header("content-type"),
        "agent": header("user-agent").map(|agent| agent.split('/').next()),
        "body": String::from_utf8_lossy(&body),
    });
    let _ = tell.send(format!("{method} {target}"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let begin = |status: &str, more: &str| format!("HTTP/1.1 {status}\r\nConnection: close\r\n{more}\r\n");
    match path {
        "/to" => stream.write_all(begin("302 Found", &format!("Location: {query}\r\n")).as_bytes()),
        "/again" => stream.write_all(begin("307 Again", &format!("Location: {query}\r\n")).as_bytes()),
        "/slow" => std::io::copy(&mut reader, &mut std::io::sink()).map(drop),
        "/trickle" => {
            stream.write_all(begin("200 OK", "").as_bytes())?;
            loop {
                stream.write_all(b".")?;
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        "/big" => {
            stream.write_all(begin("200 OK", "").as_bytes())?;
            loop {
                stream.write_all(&[b'x'; 4096])?;
            }
        }
        "/length" => stream.write_all(begin("200 OK", "Content-Length: 4000\r\n").as_bytes()),
        "/ok" => {
            let text = said.to_string();
            let more = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", text.len());
            stream.write_all((begin("200 OK", &more) + &text).as_bytes())
        }
        path => {
            if path == "/held" {
                drop(held.1.wait_while(held.0.lock().unwrap(), |released| !*released).unwrap());
            }
            stream.write_all(begin("404 Not Found", "Content-Length: 0\r\n").as_bytes())
        }
    }
}

static CALLER: PluginDecl = PluginDecl::new("caller", "Caller", "1")
    .with_capabilities(&[Capability::ReachHttp, Capability::Secrets("api-key")])
    .with_http_hosts(&["api.example.com"]);

static MUTE: PluginDecl = PluginDecl::new("mute", "Mute", "1");

/// The request that a query asks for: `POST http://…`.
fn asked_for(query: &str) -> OutboundRequest {
    let (method, url) = query.split_once(' ').unwrap_or(("GET", query));
    match method {
        "POST" => OutboundRequest::post(url).json(&json!({"a": 1})).unwrap(),
        "DELETE" => OutboundRequest::delete(url),
        "QUICK" => OutboundRequest::get(url).timeout(Duration::from_millis(50)),
        "HOST" => OutboundRequest::get(url).header("Host", "internal.example"),
        "SPLIT" => OutboundRequest::get(url).header("X-Api-Key", "a\r\nHost: b"),
        _ => OutboundRequest::get(url),
    }
}

fn told(outcome: OutboundResult<OutboundResponse>) -> RouteResult<Response> {
    match outcome {
        Ok(answer) => {
            let body: Value = answer.json().unwrap_or(Value::Null);
            Response::json(200, &json!({"status": answer.status(), "body": body}))
        }
        Err(error @ OutboundError::Capability(_)) => Err(error.into()),
        Err(error) => {
            let debug = format!("{error:?}");
            let kind = debug.split([' ', '(']).next().unwrap_or_default();
            Response::json(502, &json!({"kind": kind, "text": error.to_string()}))
        }
    }
}

fn decoded(request: &RouteRequest) -> OutboundRequest {
    let credentials = |request: OutboundRequest| {
        request.header("Authorization", "Bearer hush-hush").header("X-Api-Key", "hush-hush")
    };
    let query = request.query.replace("%20", " ");
    match query.strip_prefix("bare ") {
        Some(query) => asked_for(query),
        None if query.starts_with("SPLIT ") || query.starts_with("HOST ") => asked_for(&query),
        None => credentials(asked_for(&query)),
    }
}

fn plain(request: RouteRequest) -> RouteResult<Response> {
    let wanted = decoded(&request);
    told(request.context.typed::<Everything>().http().send_blocking(wanted))
}

fn waiting(request: RouteRequest) -> BoxFuture<'static, RouteResult<Response>> {
    Box::pin(async move {
        let wanted = decoded(&request);
        told(request.context.typed::<Everything>().http().send(wanted).await)
    })
}

/// Sends from within a transaction.
fn in_transaction(request: RouteRequest) -> RouteResult<Response> {
    let wanted = decoded(&request);
    let ctx = request.context.typed::<Everything>();
    let client = ctx.http();
    let (outcome, later) = ctx.data_blocking(move |_| Ok((client.send_blocking(wanted.clone()), wanted)))?;
    assert!(matches!(outcome, Err(OutboundError::InsideTransaction(_))), "{outcome:?}");
    told(ctx.http().send_blocking(later))
}

/// The length of a secret, and whether another one can be had.
fn secrets(request: RouteRequest) -> RouteResult<Response> {
    let ctx = request.context.typed::<Everything>();
    let length = |secret: SecretValue| secret.expose().len();
    let found = ctx.secret(Secret::declared("api-key")).map(length);
    // Within a transaction the gate gives what it gives outside.
    let held = ctx.clone();
    let inside = ctx.data_blocking(move |_| Ok(held.secret(Secret::declared("api-key")).is_ok()))?;
    let other = ctx.secret(Secret::declared("other-key")).map(length);
    let text =
        |outcome: Result<usize, BridgeError>| outcome.map_or_else(|e| json!(e.to_string()), |n| json!(n));
    Response::json(200, &json!([text(found), text(other), inside]))
}

fn route(plugin: &'static PluginDecl, path: &'static str, handler: RouteHandler) -> RouteReg {
    RouteReg {
        plugin,
        method: Method::Get,
        path,
        auth: RouteAuth::Required,
        function: path,
        summary: "",
        budget: None,
        file: file!(),
        line: line!(),
        handler,
        describe: |_| {},
    }
}

fn contributions() -> Contributions {
    Contributions::default()
        .with_plugin(&CALLER)
        .with_plugin(&MUTE)
        .with_route(route(&CALLER, "/plain/", RouteHandler::Plain(plain)))
        .with_route(route(&CALLER, "/waiting/", RouteHandler::Async(waiting)))
        .with_route(route(&CALLER, "/in-transaction/", RouteHandler::Plain(in_transaction)))
        .with_route(route(&CALLER, "/secrets/", RouteHandler::Plain(secrets)))
        .with_route(route(&MUTE, "/plain/", RouteHandler::Plain(plain)))
        .with_route(route(&MUTE, "/waiting/", RouteHandler::Async(waiting)))
        .with_route(route(&MUTE, "/secrets/", RouteHandler::Plain(secrets)))
}

/// A server whose plugin may reach these hosts.
fn app(hosts: &[String], private: bool, change: impl FnOnce(&mut Config)) -> TestApp {
    let hosts = hosts.to_vec();
    let app = TestApp::with(Database::Sqlite, contributions(), |config| {
        let policy = config.plugins.policies.entry("caller".to_owned()).or_default();
        (policy.http_hosts, policy.http_private) = (Some(hosts), private);
        let value = SecretValue::new("hush-hush");
        config.plugins.secrets.named.insert("api-key".to_owned(), value);
        change(config);
    });
    app.unwrap()
}

fn hosts(stubs: &[&Stub]) -> Vec<String> {
    stubs.iter().map(|stub| stub.address.to_string()).collect()
}

/// What becomes of a request from the plain and from the async route; both agree.
fn send(app: &TestApp, query: &str) -> (u16, Value) {
    let query = query.replace(' ', "%20");
    let both = ["plain", "waiting"].map(|route| {
        let answer = app.get(&format!("/api/v2/plugins/caller/{route}/?{query}"));
        (answer.status, answer.json())
    });
    let [(plain, mut first), (waiting, second)] = both;
    assert_eq!((plain, &first["kind"], &first["status"]), (waiting, &second["kind"], &second["status"]));
    if first["kind"] != "TimedOut" {
        assert_eq!(first, second);
    }
    (plain, first.take())
}

fn refused(app: &TestApp, query: &str) -> (String, String) {
    let (status, answer) = send(app, query);
    assert_eq!(status, 502, "{query}: {answer}");
    (answer["kind"].as_str().unwrap().to_owned(), answer["text"].as_str().unwrap().to_owned())
}

/// Records of the audit log about refusals, once there are as many.
fn refusals(app: &TestApp, count: usize) -> Vec<Value> {
    let rows = Wait::seconds(20).until_ok("as many are recorded", || {
        let all = app.get("/api/v2/audit/?action=plugin.capability_refused").expect(200).json();
        let rows = all["results"].as_array().unwrap().clone();
        if rows.len() >= count { Ok(rows) } else { Err(rows) }
    });
    assert_eq!(rows.len(), count, "{rows:?}");
    rows
}

#[test]
fn private_addresses_are_not_reached_unless_the_operator_says_so() {
    let stub = Stub::start();
    let port = stub.address.port();
    let all = [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::ffff:7f00:1]:{port}")];
    let closed = app(&all, false, |_| {});
    for host in &all {
        let (kind, text) = refused(&closed, &format!("http://{host}/ok"));
        assert_eq!(kind, "AddressNotAllowed", "{host}: {text}");
        assert!(text.contains("a loopback address") && text.contains("http_private"), "{text}");
    }
    assert!(stub.asked().is_empty());
    assert_eq!(closed.host.registry.grants().refused(&CALLER), 6);
    let recorded = refusals(&closed, 6);
    for row in &recorded {
        assert_eq!((&row["plugin"], &row["actor"]), (&json!("caller"), &json!("admin")), "{row}");
        let text = row["detail"].to_string();
        assert!(text.contains("http.out") && text.contains("127.0.0.1"), "{row}");
    }

    let open = app(&all, true, |_| {});
    for host in [&all[0], &all[1]] {
        let (status, answer) = send(&open, &format!("http://{host}/ok"));
        assert_eq!((status, &answer["status"]), (200, &json!(200)), "{answer}");
        assert_eq!(answer["body"]["agent"], "pagoda");
    }
    assert_eq!(stub.asked().len(), 4);
}

#[test]
fn hosts_that_are_not_allowed_are_not_asked() {
    let (stub, other) = (Stub::start(), Stub::start());
    let app = app(&hosts(&[&stub]), true, |_| {});
    for url in [
        other.url("/ok"),
        "https://api.example.com/".to_owned(),
        format!("http://localhost:{}/ok", stub.address.port()),
        format!("https://{}@evil.example/", stub.address),
    ] {
        let (kind, text) = refused(&app, &format!("bare {url}"));
        assert!(matches!(kind.as_str(), "HostNotAllowed" | "BadUrl"), "{url}: {text}");
    }
    assert_eq!(refused(&app, "ftp://127.0.0.1/").0, "BadUrl");
    // Headers that would make it another request.
    assert_eq!(refused(&app, &format!("HOST {}", stub.url("/ok"))).0, "BadRequest");
    assert_eq!(refused(&app, &format!("SPLIT {}", stub.url("/ok"))).0, "BadRequest");
    assert!(stub.asked().is_empty() && other.asked().is_empty());
}

#[test]
fn redirects_are_followed_only_where_the_first_request_could_go() {
    let (stub, other, foreign) = (Stub::start(), Stub::start(), Stub::start());
    let app = app(&hosts(&[&stub, &other]), true, |_| {});
    // To the same server with all headers, to another one without what could be a credential.
    let (_, same) = send(&app, &stub.url("/to?/ok"));
    assert_eq!(
        (&same["body"]["authorization"], &same["body"]["key"]),
        (&json!("Bearer hush-hush"), &json!("hush-hush"))
    );
    let (_, moved) = send(&app, &stub.url(&format!("/to?{}", other.url("/ok"))));
    assert_eq!((&moved["body"]["authorization"], &moved["body"]["key"]), (&Value::Null, &Value::Null));
    // 302 makes a POST a GET, 307 repeats it.
    let (_, got) = send(&app, &format!("POST {}", stub.url("/to?/ok")));
    assert_eq!(
        (&got["body"]["method"], &got["body"]["body"], &got["body"]["type"]),
        (&json!("GET"), &json!(""), &Value::Null)
    );
    let (_, posted) = send(&app, &format!("POST {}", stub.url(&format!("/again?{}", other.url("/ok")))));
    assert_eq!((&posted["body"]["method"], &posted["body"]["body"]), (&json!("POST"), &json!("{\"a\":1}")));
    let (_, deleted) = send(&app, &format!("DELETE {}", stub.url("/ok")));
    assert_eq!(deleted["body"]["method"], "DELETE");

    for target in [foreign.url("/ok"), "http://169.254.169.254/latest/".to_owned()] {
        let (kind, text) = refused(&app, &stub.url(&format!("/to?{target}")));
        assert_eq!(kind, "HostNotAllowed", "{text}");
    }
    assert_eq!(refused(&app, &stub.url("/to?file:///etc/passwd")).0, "BadUrl");
    assert!(foreign.asked().is_empty());
    stub.asked();
    let (kind, text) = refused(&app, &stub.url("/to?/to?/to?/to?/to?/to?/ok"));
    assert_eq!((kind.as_str(), text.as_str()), ("TooManyRedirects", "more than 5 redirects"));
    assert_eq!(stub.asked().len(), 2 * 6);
}

#[test]
fn what_takes_too_long_is_ended() {
    let stub = Stub::start();
    let short = app(&hosts(&[&stub]), true, |config| {
        config.plugins.defaults.outbound.timeout = Duration::from_millis(100);
    });
    for path in ["/slow", "/trickle"] {
        let (kind, text) = refused(&short, &stub.url(path));
        assert_eq!(kind, "TimedOut", "{text}");
        assert!(text.contains(&stub.address.to_string()) && !text.contains(path), "{text}");
    }
    // The request's own limit, and what is left of the route's budget, so that it can still answer.
    let patient = app(&hosts(&[&stub]), true, |config| {
        config.plugins.defaults.route_budget = Duration::from_secs(4);
    });
    assert_eq!(refused(&patient, &format!("QUICK {}", stub.url("/slow"))).0, "TimedOut");
    assert_eq!(refused(&patient, &stub.url("/slow")).0, "TimedOut");
    let state = patient.get("/api/v2/plugins/caller/").expect(200).json();
    assert_eq!(state["state"], "active", "{state}");
}

#[test]
fn what_is_too_large_is_not_read() {
    let stub = Stub::start();
    let app = app(&hosts(&[&stub]), true, |config| config.plugins.defaults.outbound.max_bytes = 1024);
    for path in ["/big", "/length"] {
        let (kind, text) = refused(&app, &stub.url(path));
        assert_eq!(kind, "TooLarge", "{text}");
        assert!(text.ends_with("is larger than 1024 bytes"), "{text}");
    }
    let (status, answer) = send(&app, &stub.url("/ok"));
    assert_eq!((status, &answer["status"]), (200, &json!(200)));
    let (_, missing) = send(&app, &stub.url("/missing"));
    assert_eq!(missing["status"], 404);
}

#[test]
fn what_cannot_be_reached_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let stub = Stub::start();
    let app = app(&[address.to_string(), stub.address.to_string()], true, |_| {});
    let (kind, text) = refused(&app, &format!("http://{address}/"));
    assert_eq!(kind, "Unreachable", "{text}");
    // A server that does not speak TLS.
    let (kind, text) = refused(&app, &format!("https://{}/ok", stub.address));
    assert!(matches!(kind.as_str(), "Tls" | "Unreachable"), "{kind}: {text}");
}

#[test]
fn without_the_capability_nothing_is_sent() {
    let stub = Stub::start();
    let app = app(&hosts(&[&stub]), true, |config| {
        let policy = config.plugins.policies.entry("caller".to_owned()).or_default();
        policy.withhold = vec!["http.out".to_owned(), "secrets:api-key".to_owned()];
    });
    for (plugin, sentence) in [
        ("caller", "the operator withholds the capability `http.out` from plugin caller"),
        ("mute", "plugin mute has not declared the capability `http.out`"),
    ] {
        for route in ["plain", "waiting"] {
            let path = format!("/api/v2/plugins/{plugin}/{route}/?{}", stub.url("/ok"));
            let answer = app.get(&path).expect(403);
            assert_eq!(
                (answer.codes(), &answer.json()["message"]),
                (vec!["AE-210000".to_owned()], &json!(sentence))
            );
        }
    }
    assert!(stub.asked().is_empty());
    let grants = app.host.registry.grants();
    assert_eq!((grants.refused(&CALLER), grants.refused(&MUTE)), (2, 2));
    assert_eq!(refusals(&app, 4)[0]["plugin"], "mute");
    let secrets = app.get("/api/v2/plugins/caller/secrets/").expect(200).json();
    assert_eq!(secrets[0], "the operator withholds the capability `secrets:api-key` from plugin caller");
}

#[test]
fn one_plugin_does_not_take_all_places() {
    const MOST: usize = 16;
    let stub = Stub::start();
    let app = app(&hosts(&[&stub]), true, |config| {
        config.plugins.defaults.outbound.timeout = Duration::from_secs(60);
        config.plugins.defaults.route_budget = Duration::from_secs(60);
    });
    let path = format!("/api/v2/plugins/caller/waiting/?{}", stub.url("/held"));
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..MOST).map(|_| scope.spawn(|| app.get(&path))).collect();
        for arrived in 0..MOST {
            let asked = stub.asked.recv_timeout(Duration::from_secs(20));
            assert!(asked.is_ok(), "only {arrived} requests arrived");
        }
        // No further one is sent, and it is told so by its own time.
        assert_eq!(refused(&app, &format!("QUICK {}", stub.url("/ok"))).0, "Busy");
        assert!(stub.asked().is_empty());
        stub.release();
        for call in calls {
            assert_eq!(call.join().unwrap().expect(200).json()["status"], 404);
        }
    });
    assert_eq!(send(&app, &stub.url("/ok")).0, 200);
}

on_both_databases! {
    nothing_waits_on_the_network_inside_a_transaction;
    observe_handlers_reach_out_after_the_commit;
}

fn nothing_waits_on_the_network_inside_a_transaction(database: Database) {
    fn before(ctx: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
        ctx.lend(|ctx: &mut HookContext<Everything>| {
            let secret = ctx.secret(Secret::declared("api-key"))?;
            entry.name = format!("{} {}", entry.name, secret.expose().len());
            Ok::<(), HookError>(())
        })?;
        Ok(())
    }
    fn validate(ctx: &mut HookContext, _entry: &EntryValidation) -> HookResult {
        ctx.lend(|ctx: &mut HookContext<Everything>| {
            ctx.http().send_blocking(OutboundRequest::get("https://api.example.com/"))?;
            Ok(())
        })
    }
    let stub = Stub::start();
    let contributions = contributions()
        .with_hook::<hooks::entry::before_create>(HookReg {
            info: HookInfo::new(&CALLER, "before"),
            handler: before,
        })
        .with_hook::<hooks::pagoda::entry::validation>(HookReg {
            info: HookInfo::new(&CALLER, "validate"),
            handler: validate,
        });
    let all = hosts(&[&stub]);
    let Some(app) = TestApp::with(database, contributions, |config| {
        let policy = config.plugins.policies.entry("caller".to_owned()).or_default();
        (policy.http_hosts, policy.http_private) = (Some(all), true);
        let value = SecretValue::new("hush-hush");
        config.plugins.secrets.variables.insert("PAGODA_SECRET_API_KEY".to_owned(), value);
    }) else {
        return;
    };
    let path = format!("/api/v2/plugins/caller/in-transaction/?{}", stub.url("/ok"));
    assert_eq!(app.get(&path).expect(200).json()["status"], 200);
    assert_eq!(stub.asked().len(), 1);
    let (entity, _) = app.entity(json!({"name": "e"}));
    app.entry(entity, json!({"name": "x"}));
    assert_eq!(app.entry_names(entity), ["x 9"]);
    let fault = app.host.registry.functions().iter().find_map(|function| function.last_fault()).unwrap();
    assert!(fault.message.contains("pagoda.entry.validation runs inside a transaction"), "{}", fault.message);
}

fn observe_handlers_reach_out_after_the_commit(database: Database) {
    fn url(entry: &EntryAfterCreate) -> String {
        entry.entry.name.clone()
    }
    fn plain(ctx: HookContext, entry: &EntryAfterCreate) -> HookResult {
        ctx.typed::<Everything>().http().send_blocking(OutboundRequest::post(url(entry)))?.success()?;
        Ok(())
    }
    fn waiting(ctx: HookContext, entry: &EntryAfterCreate) -> BoxFuture<'_, HookResult> {
        Box::pin(async move {
            let client = ctx.typed::<Everything>().http();
            client.send(OutboundRequest::put(url(entry))).await?.success()?;
            Ok(())
        })
    }
    let stub = Stub::start();
    let hook = |name, handler| HookReg { info: HookInfo::new(&CALLER, name), handler };
    let contributions = contributions()
        .with_hook::<hooks::entry::after_create>(hook("plain", ObserveHandler::Plain(plain)))
        .with_hook::<hooks::entry::after_create>(hook("waiting", ObserveHandler::Async(waiting)));
    let all = hosts(&[&stub]);
    let Some(app) = TestApp::with(database, contributions, |config| {
        let policy = config.plugins.policies.entry("caller".to_owned()).or_default();
        (policy.http_hosts, policy.http_private) = (Some(all), true);
        let value = SecretValue::new("hush-hush");
        config.plugins.secrets.named.insert("api-key".to_owned(), value);
    }) else {
        return;
    };
    let (entity, _) = app.entity(json!({"name": "e"}));
    app.entry(entity, json!({"name": stub.url("/ok")}));
    assert_eq!(stub.asked(), ["POST /ok", "PUT /ok"]);
    let faults: u64 = app.host.registry.functions().iter().map(|function| function.counts().faults).sum();
    assert_eq!(faults, 0);
}

#[test]
fn secrets_are_the_plugins_own() {
    let app = app(&[], false, |_| {});
    let told = app.get("/api/v2/plugins/caller/secrets/").expect(200).json();
    assert_eq!(told, json!([9, "plugin caller has not declared the capability `secrets:other-key`", true]));
    let told = app.get("/api/v2/plugins/mute/secrets/").expect(200).json();
    assert_eq!(told[0], "plugin mute has not declared the capability `secrets:api-key`");
    assert_eq!(told[2], false);
    let shown = app.get("/api/v2/plugins/").expect(200).body + &format!("{:?}", app.host.registry);
    assert!(!shown.contains("hush-hush"));
}

#[test]
fn a_plugin_without_its_secret_is_left_out_and_says_what_to_do() {
    let app = app(&[], false, |config| config.plugins.secrets.named.clear());
    let state = app.get("/api/v2/plugins/caller/").expect(200).json();
    assert_eq!(state["state"], "failed", "{state}");
    let reason = state["reason"].as_str().unwrap();
    for part in ["needs the secret `api-key`", "`[secrets]`", "PAGODA_SECRET_API_KEY"] {
        assert!(reason.contains(part), "{reason}");
    }
    app.get("/api/v2/plugins/caller/plain/").expect(503);
    // The others serve.
    app.get("/api/v2/plugins/mute/secrets/").expect(200);
}
