//! A small server that speaks the part of Pagoda's API which the loader uses, and misbehaves on request.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use serde_json::{Value, json};

/// The token that it accepts.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";
const PAGE: usize = 30;

/// How it behaves. Every `…_every` counts requests of that sort and strikes on each multiple.
#[derive(Clone)]
pub(crate) struct Behaviour {
    /// What it makes of the names of entries.
    pub(crate) rename: fn(&str) -> String,
    /// Which entries it refuses: the status and the body of the refusal.
    pub(crate) refuse: fn(&str) -> Option<(u16, Value)>,
    /// Whether creations are answered with an id.
    pub(crate) tells_ids: bool,
    /// How many requests later accepted entries can be seen.
    pub(crate) lag: u32,
    /// Answers 503.
    pub(crate) busy_every: Option<u32>,
    /// The `Retry-After` of a 503, in seconds.
    pub(crate) retry_after: u32,
    /// Closes the connection after it has stored an entry, without an answer.
    pub(crate) silent_every: Option<u32>,
    /// Closes the connection before it has stored an entry.
    pub(crate) deaf_every: Option<u32>,
    /// Closes every connection once it has so many entries; the last one is stored without an answer.
    pub(crate) dies_after: Option<usize>,
    /// Says 202 to entries with this in their name, and forgets them.
    pub(crate) forgets: Option<&'static str>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            rename: str::to_owned,
            refuse: |_| None,
            tells_ids: true,
            lag: 0,
            busy_every: None,
            retry_after: 0,
            silent_every: None,
            deaf_every: None,
            dies_after: None,
            forgets: None,
        }
    }
}

pub(crate) struct Entity {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) attrs: Vec<Attr>,
    /// How often it will still be shown as being worked on.
    ongoing: u32,
}

pub(crate) struct Attr {
    id: i64,
    pub(crate) name: String,
    type_code: i64,
    pub(crate) mandatory: bool,
    pub(crate) referral: Vec<i64>,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) id: i64,
    entity: i64,
    pub(crate) name: String,
    pub(crate) values: HashMap<String, Value>,
    /// From which request on it can be seen.
    visible: u32,
}

#[derive(Default)]
pub(crate) struct State {
    behaviour: Behaviour,
    pub(crate) entities: Vec<Entity>,
    entries: Vec<Entry>,
    last_id: i64,
    requests: u32,
    /// How many creations of entries were received.
    pub(crate) creations: u32,
    /// How often it was busy.
    pub(crate) busy: u32,
}

/// A running server; it ends when this is dropped.
pub(crate) struct Fake {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    closing: Arc<AtomicBool>,
}

struct Answer {
    status: u16,
    headers: String,
    body: String,
}

impl Fake {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { behaviour, ..State::default() }));
        let closing = Arc::new(AtomicBool::new(false));
        let (shared, closed) = (Arc::clone(&state), Arc::clone(&closing));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if closed.load(Ordering::Relaxed) {
                    break;
                }
                let (Ok(stream), state) = (stream, Arc::clone(&shared)) else { continue };
                thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { address, state, closing }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.state().behaviour);
    }

    /// The stored entries of an entity, in the order of their creation.
    pub(crate) fn entries(&self, entity: &str) -> Vec<Entry> {
        let state = self.state();
        let id = state.entities.iter().find(|candidate| candidate.name == entity).map(|entity| entity.id);
        state.entries.iter().filter(|entry| Some(entry.entity) == id).cloned().collect()
    }

    /// Stores an entry behind the API's back.
    pub(crate) fn plant(&self, entity: &str, name: &str) {
        let mut state = self.state();
        let entity = state.entities.iter().find(|candidate| candidate.name == entity).unwrap().id;
        let (id, name) = (state.new_id(), name.to_owned());
        state.entries.push(Entry { id, entity, name, values: HashMap::new(), visible: 0 });
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

/// Answers the requests of one connection; no answer means that the connection is closed.
fn serve(stream: &TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let (mut length, mut token) = (0, String::new());
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok().filter(|length| *length > 0)?;
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "transfer-encoding" => panic!("only bodies of known length are understood"),
                "authorization" => value.clone_into(&mut token),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let mut parts = line.split(' ');
        let (method, target) = (parts.next()?, parts.next()?);
        let Answer { status, headers, body } = state.lock().unwrap().answer(method, target, &token, &body)?;
        let text = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len());
        (&*stream).write_all(text.as_bytes()).ok()?;
    }
}

fn error(message: &str, code: &str) -> Value {
    json!({"message": message, "code": code})
}

fn strikes(every: Option<u32>, count: u32) -> bool {
    every.is_some_and(|every| count.is_multiple_of(every))
}

impl State {
    fn new_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    fn is_dead(&self) -> bool {
        self.behaviour.dies_after.is_some_and(|limit| self.entries.len() >= limit)
    }

    fn answer(&mut self, method: &str, target: &str, token: &str, body: &[u8]) -> Option<Answer> {
        if self.is_dead() {
            return None;
        }
        self.requests += 1;
        if strikes(self.behaviour.busy_every, self.requests) {
            self.busy += 1;
            let headers = format!("Retry-After: {}\r\n", self.behaviour.retry_after);
            return Some(Answer { status: 503, headers, body: "busy".into() });
        }
        let (status, body) = self.route(method, target, token, body)?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        if self.is_dead() { None } else { Some(Answer { status, headers: String::new(), body }) }
    }

    fn route(&mut self, method: &str, target: &str, token: &str, body: &[u8]) -> Option<(u16, Value)> {
        if token != format!("Token {TOKEN}") {
            return Some((403, error("Invalid token.", "AE-000000")));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query: HashMap<String, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), decoded(value)))
            .collect();
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let rest = path.strip_prefix("/entity/api/v2/")?;
        let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
        let not_found = Some((404, error("Not found.", "AE-230000")));
        match (method, parts.as_slice()) {
            ("GET", []) => Some(self.list_entities(&query)),
            ("POST", []) => Some(self.create_entity(&body)),
            ("GET", [id]) => self.retrieve(id.parse().ok()?).map(|body| (200, body)).or(not_found),
            ("PUT", [id]) => {
                self.add_attrs(id.parse().ok()?, &body);
                Some((202, Value::Null))
            }
            ("GET", [id, "entries"]) => Some(self.list_entries(id.parse().ok()?, &query)),
            ("POST", [id, "entries"]) => {
                self.creations += 1;
                if strikes(self.behaviour.deaf_every, self.creations) {
                    return None;
                }
                let answer = self.create_entry(id.parse().ok()?, &body);
                if strikes(self.behaviour.silent_every, self.creations) { None } else { Some(answer) }
            }
            _ => not_found,
        }
    }

    fn list_entities(&self, query: &HashMap<String, String>) -> (u16, Value) {
        let rows: Vec<Value> = self
            .entities
            .iter()
            .filter(|entity| entity.name.contains(&query["search"]))
            .map(|entity| json!({"id": entity.id, "name": entity.name}))
            .collect();
        (200, json!({"count": rows.len(), "next": null, "previous": null, "results": rows}))
    }

    fn create_entity(&mut self, body: &Value) -> (u16, Value) {
        let name = body["name"].as_str().unwrap().to_owned();
        if self.entities.iter().any(|entity| entity.name == name) {
            return (400, json!({"name": [error("The name is taken.", "AE-220000")]}));
        }
        let id = self.new_id();
        let ongoing = self.behaviour.lag.min(2);
        self.entities.push(Entity { id, name: name.clone(), attrs: Vec::new(), ongoing });
        self.add_attrs(id, body);
        (202, self.told(id, &name))
    }

    /// The body of the answer to a creation.
    fn told(&self, id: i64, name: &str) -> Value {
        if self.behaviour.tells_ids { json!({"id": id, "name": name, "job": 1}) } else { Value::Null }
    }

    fn add_attrs(&mut self, id: i64, body: &Value) {
        for attr in body["attrs"].as_array().unwrap() {
            let attr = Attr {
                id: self.new_id(),
                name: attr["name"].as_str().unwrap().to_owned(),
                type_code: attr["type"].as_i64().unwrap(),
                mandatory: attr["is_mandatory"].as_bool().unwrap(),
                referral: attr["referral"].as_array().unwrap().iter().filter_map(Value::as_i64).collect(),
            };
            assert_eq!(attr.type_code == 1, !attr.referral.is_empty(), "referral of {}", attr.name);
            self.entities.iter_mut().find(|entity| entity.id == id).unwrap().attrs.push(attr);
        }
    }

    fn retrieve(&mut self, id: i64) -> Option<Value> {
        let entity = self.entities.iter_mut().find(|entity| entity.id == id)?;
        let ongoing = entity.ongoing > 0;
        entity.ongoing = entity.ongoing.saturating_sub(1);
        let attrs: Vec<Value> = entity
            .attrs
            .iter()
            .filter(|_| !ongoing)
            .map(|attr| {
                let referral: Vec<Value> =
                    attr.referral.iter().map(|id| json!({"id": id, "name": "x"})).collect();
                json!({"id": attr.id, "name": attr.name, "type": attr.type_code, "referral": referral})
            })
            .collect();
        Some(json!({"id": id, "name": entity.name, "has_ongoing_changes": ongoing, "attrs": attrs}))
    }

    fn list_entries(&self, entity: i64, query: &HashMap<String, String>) -> (u16, Value) {
        assert_eq!(query["is_active"], "true");
        let search = query.get("search").cloned().unwrap_or_default().to_lowercase();
        let rows: Vec<Value> = self
            .entries
            .iter()
            .filter(|entry| entry.entity == entity && entry.visible <= self.requests)
            .filter(|entry| entry.name.to_lowercase().contains(&search))
            .map(|entry| json!({"id": entry.id, "name": entry.name, "is_active": true}))
            .collect();
        let page: usize = query["page"].parse().unwrap();
        if page > 1 && (page - 1) * PAGE >= rows.len() {
            return (404, error("Invalid page.", "AE-230000"));
        }
        let next = (page * PAGE < rows.len()).then(|| format!("http://x/?page={}", page + 1));
        let results: Vec<&Value> = rows.iter().skip((page - 1) * PAGE).take(PAGE).collect();
        (200, json!({"count": rows.len(), "next": next, "previous": null, "results": results}))
    }

    fn create_entry(&mut self, entity: i64, body: &Value) -> (u16, Value) {
        let sent = body["name"].as_str().unwrap();
        if let Some(refusal) = (self.behaviour.refuse)(sent) {
            return refusal;
        }
        let name = (self.behaviour.rename)(sent);
        // Like a server that changes names after it has checked them: only the sent name must be free.
        if self.entries.iter().any(|entry| entry.entity == entity && entry.name == sent) {
            return (400, json!({"name": [error("The name is taken.", "AE-220000")]}));
        }
        let attrs = &self.entities.iter().find(|candidate| candidate.id == entity).unwrap().attrs;
        let mut values = HashMap::new();
        for value in body["attrs"].as_array().unwrap() {
            let attr = attrs.iter().find(|attr| value["id"] == attr.id).unwrap();
            if attr.type_code == 1 {
                let target = self.entries.iter().find(|entry| value["value"] == entry.id);
                let fits = target.is_some_and(|entry| attr.referral.contains(&entry.entity));
                assert!(fits, "{sent}: {} refers to {}", attr.name, value["value"]);
            }
            values.insert(attr.name.clone(), value["value"].clone());
        }
        assert!(attrs.iter().all(|attr| !attr.mandatory || values.contains_key(&attr.name)), "{sent}");
        let id = self.new_id();
        let answer = self.told(id, &name);
        if !self.behaviour.forgets.is_some_and(|part| sent.contains(part)) {
            let visible = self.requests + self.behaviour.lag;
            self.entries.push(Entry { id, entity, name, values, visible });
        }
        (202, answer)
    }
}

/// Undoes percent encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}
