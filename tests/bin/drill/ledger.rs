//! What a server acknowledged to one client, who alone changes these entries and so knows what must be there.
//!
//! A write whose answer did not come, or said that the server may or may not have done it, stays open until
//! [`Ledger::settle`] looks: both is right then, as long as it is there as a whole or not at all.

use crate::client::{Answer, Client};
use crate::random::Random;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The attributes of the entity of a client: name, type.
const ATTRS: [(&str, i32); 5] = [("s", 2), ("t", 4), ("b", 8), ("n", 256), ("l", 1026)];

/// What one client did and may rely on.
#[derive(Debug)]
pub(crate) struct Ledger {
    who: usize,
    /// The entity whose entries it writes.
    pub(crate) entity: i64,
    attrs: BTreeMap<String, i64>,
    /// By id.
    known: BTreeMap<i64, Known>,
    open: Option<Open>,
    next: u64,
    /// Changed since they were last looked at.
    fresh: BTreeSet<i64>,
}

/// An entry as it must be. Its name and values follow from its number and version.
#[derive(Debug, Clone, Copy)]
struct Known {
    number: u64,
    version: u64,
    active: bool,
}

#[derive(Debug, Clone, Copy)]
enum Open {
    Create { number: u64 },
    Update { id: i64 },
    Delete { id: i64 },
}

/// What an entry left in the audit log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traces {
    pub(crate) creations: u64,
    pub(crate) updates: u64,
    pub(crate) deletions: u64,
}

/// One request of a client.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: u16,
    /// What was wrong with the answer.
    pub(crate) wrong: Option<String>,
    /// Whether what was wrong is that the server could not answer.
    pub(crate) unavailable: bool,
}

impl Ledger {
    /// Makes the entity of a client.
    pub(crate) fn new(who: usize, client: &Client) -> anyhow::Result<Self> {
        let attrs: Vec<Value> =
            ATTRS.iter().map(|(name, kind)| json!({"name": name, "type": kind})).collect();
        let body = json!({"name": format!("of client {who}"), "attrs": attrs});
        let made = client.must("POST", "/entity/api/v2/", Some(&body), 202)?;
        let entity = made["id"].as_i64().unwrap_or_default();
        let shown = client.must("GET", &format!("/entity/api/v2/{entity}/"), None, 200)?;
        let attrs = shown["attrs"].as_array().into_iter().flatten();
        let attrs = attrs.filter_map(|attr| Some((attr["name"].as_str()?.to_owned(), attr["id"].as_i64()?)));
        Ok(Self {
            who,
            entity,
            attrs: attrs.collect(),
            known: BTreeMap::new(),
            open: None,
            next: 0,
            fresh: BTreeSet::new(),
        })
    }

    /// Writes that were acknowledged, or found to have been done.
    pub(crate) fn writes(&self) -> u64 {
        self.traces().map(|(_, traces)| traces.creations + traces.updates + traces.deletions).sum()
    }

    /// What each entry must have left in the audit log.
    pub(crate) fn traces(&self) -> impl Iterator<Item = (i64, Traces)> {
        self.known.iter().map(|(id, known)| {
            let traces = Traces { creations: 1, updates: known.version, deletions: u64::from(!known.active) };
            (*id, traces)
        })
    }

    /// Whether a write is open.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    fn name(&self, number: u64, version: u64) -> String {
        format!("c{}-{number}-v{version}", self.who)
    }

    fn values(&self, number: u64, version: u64) -> Value {
        let value = |name: &str| match name {
            "s" => json!(format!("serial {number} of version {version}")),
            "t" => json!(format!("line {number}\nline {version}")),
            "b" => json!(version.is_multiple_of(2)),
            "n" => json!(number * 1000 + version),
            _ => json!(["first", format!("v{version}"), "last"]),
        };
        self.attrs.iter().map(|(name, id)| json!({"id": id, "value": value(name)})).collect()
    }

    fn body(&self, number: u64, version: u64) -> Value {
        json!({"name": self.name(number, version), "attrs": self.values(number, version)})
    }

    fn entries(&self) -> String {
        format!("/entity/api/v2/{}/entries/", self.entity)
    }

    /// One random request, `reads` of a hundred times one that reads.
    pub(crate) fn step(&mut self, client: &Client, random: &mut Random, reads: u64) -> Done {
        let some = self.some_active(random);
        if self.open.is_some() || random.below(100) < reads {
            return self.read(client, some.filter(|_| self.open.is_none()), random);
        }
        match (random.below(100), some) {
            (0..10, Some(id)) => self.delete(client, id),
            (10..45, Some(id)) => self.update(client, id),
            _ => self.create(client),
        }
    }

    /// An active entry, more or less at random.
    fn some_active(&self, random: &mut Random) -> Option<i64> {
        let (first, last) = (*self.known.keys().next()?, *self.known.keys().next_back()?);
        let from = first + i64::try_from(random.below(u64::try_from(last - first + 1).ok()?)).ok()?;
        self.known.range(from..).find(|(_, known)| known.active).map(|(id, _)| *id)
    }

    fn read(&self, client: &Client, entry: Option<i64>, random: &mut Random) -> Done {
        match (random.below(10), entry.and_then(|id| Some((id, self.known.get(&id)?)))) {
            (0..6, Some((id, known))) => {
                let answer = client.get(&format!("/entry/api/v2/{id}/"));
                let wrong = match &answer {
                    Answer::Status(200, shown) => self.complaint(shown, *known),
                    other => Some(format!("GET entry {id}: {other:?}")),
                };
                done(&answer, wrong)
            }
            (6..8, _) => self.expect_200(client, &format!("{}?is_active=true", self.entries())),
            (8, _) => self.expect_200(client, &format!("{}?search=c{}-1", self.entries(), self.who)),
            _ => self.expect_200(client, &format!("/entity/api/v2/{}/", self.entity)),
        }
    }

    fn expect_200(&self, client: &Client, path: &str) -> Done {
        let answer = client.get(path);
        let wrong = (answer.status() != 200).then(|| format!("GET {path}: {answer:?}"));
        done(&answer, wrong)
    }

    /// One more entry.
    pub(crate) fn create(&mut self, client: &Client) -> Done {
        let number = self.next;
        self.next += 1;
        let answer = client.send("POST", &self.entries(), Some(&self.body(number, 0)));
        if let Answer::Status(202, made) = &answer
            && let Some(id) = made["id"].as_i64()
        {
            self.learn(id, Known { number, version: 0, active: true });
            return done(&answer, None);
        }
        self.not_acknowledged(&answer, Open::Create { number })
    }

    fn update(&mut self, client: &Client, id: i64) -> Done {
        let Some(known) = self.known.get(&id).copied() else { return self.create(client) };
        let body = self.body(known.number, known.version + 1);
        let answer = client.send("PUT", &format!("/entry/api/v2/{id}/"), Some(&body));
        if answer.status() == 202 {
            self.learn(id, Known { version: known.version + 1, ..known });
            return done(&answer, None);
        }
        self.not_acknowledged(&answer, Open::Update { id })
    }

    fn delete(&mut self, client: &Client, id: i64) -> Done {
        let Some(known) = self.known.get(&id).copied() else { return self.create(client) };
        let answer = client.send("DELETE", &format!("/entry/api/v2/{id}/"), None);
        if answer.status() == 204 {
            self.learn(id, Known { active: false, ..known });
            return done(&answer, None);
        }
        self.not_acknowledged(&answer, Open::Delete { id })
    }

    fn learn(&mut self, id: i64, known: Known) {
        self.known.insert(id, known);
        self.fresh.insert(id);
    }

    fn not_acknowledged(&mut self, answer: &Answer, what: Open) -> Done {
        if answer.leaves_it_open() {
            self.open = Some(what);
        }
        done(answer, Some(format!("{what:?} of client {}: {answer:?}", self.who)))
    }

    /// Looks what became of the open write. It must have been done as a whole or not at all.
    pub(crate) fn settle(&mut self, client: &Client) -> anyhow::Result<Option<String>> {
        let Some(open) = self.open else { return Ok(None) };
        let complaint = match open {
            Open::Create { number } => self.settle_creation(client, number)?,
            Open::Update { id } | Open::Delete { id } => self.settle_change(client, id, open)?,
        };
        self.open = None;
        Ok(complaint)
    }

    fn settle_creation(&mut self, client: &Client, number: u64) -> anyhow::Result<Option<String>> {
        let name = self.name(number, 0);
        let list = client.must("GET", &format!("{}?search={name}", self.entries()), None, 200)?;
        let found = list["results"].as_array().into_iter().flatten().find(|row| row["name"] == name);
        let Some(id) = found.and_then(|row| row["id"].as_i64()) else { return Ok(None) };
        let known = Known { number, version: 0, active: true };
        self.learn(id, known);
        let shown = client.must("GET", &format!("/entry/api/v2/{id}/"), None, 200)?;
        Ok(self.complaint(&shown, known).map(|what| format!("half-written: {what}")))
    }

    fn settle_change(&mut self, client: &Client, id: i64, open: Open) -> anyhow::Result<Option<String>> {
        let Some(before) = self.known.get(&id).copied() else { return Ok(None) };
        let after = match open {
            Open::Delete { .. } => Known { active: false, ..before },
            _ => Known { version: before.version + 1, ..before },
        };
        let shown = client.must("GET", &format!("/entry/api/v2/{id}/"), None, 200)?;
        let Some(not_before) = self.complaint(&shown, before) else { return Ok(None) };
        self.learn(id, after);
        let not_after = self.complaint(&shown, after);
        Ok(not_after.map(|what| format!("half-written: {not_before}; and {what}")))
    }

    /// What is not as it must be.
    fn complaint(&self, shown: &Value, known: Known) -> Option<String> {
        let name = self.name(known.number, known.version);
        let shown_name = shown["name"].as_str().unwrap_or_default();
        if shown["is_active"] != known.active {
            return Some(format!("{name}: is_active is {}", shown["is_active"]));
        }
        if !known.active {
            let expected = shown_name.starts_with(&format!("{name}_deleted_"));
            return (!expected).then(|| format!("{name}: deleted, it is called {shown_name}"));
        }
        if shown_name != name {
            return Some(format!("{name}: it is called {shown_name}"));
        }
        let attrs: Vec<&Value> = shown["attrs"].as_array().into_iter().flatten().collect();
        let wanted = self.values(known.number, known.version);
        for want in wanted.as_array().into_iter().flatten() {
            let found = attrs.iter().find(|attr| attr["schema"]["id"] == want["id"]);
            let value = found.and_then(|attr| attr["value"].as_object()?.values().next());
            if value != Some(&want["value"]) {
                return Some(format!("{name}: {value:?} instead of {}", want["value"]));
            }
        }
        (attrs.len() != ATTRS.len()).then(|| format!("{name}: {} attributes", attrs.len()))
    }

    /// Looks at every entry, or at those that changed since the last look and some others; returns how many those
    /// were and what is not as it was acknowledged.
    pub(crate) fn verify(
        &mut self,
        client: &Client,
        all: bool,
        random: &mut Random,
    ) -> anyhow::Result<(usize, Vec<String>)> {
        let mut wrong: Vec<String> = self.settle(client)?.into_iter().collect();
        let fresh = std::mem::take(&mut self.fresh);
        // A few dozen of the others.
        let others = u64::try_from(self.known.len()).unwrap_or(u64::MAX).div_ceil(25);
        let mut looked = 0;
        for (id, known) in &self.known {
            if all || fresh.contains(id) || random.below(others) == 0 {
                looked += 1;
                match client.get(&format!("/entry/api/v2/{id}/")) {
                    Answer::Status(200, shown) => wrong.extend(self.complaint(&shown, *known)),
                    other => wrong.push(format!("acknowledged entry {id} is lost: {other:?}")),
                }
            }
        }
        let active = self.known.values().filter(|known| known.active).count();
        for (query, expected) in [("is_active=true", active), ("is_active=false", self.known.len() - active)]
        {
            let counted = client.count(self.entity, query)?;
            if counted != expected as u64 {
                wrong.push(format!("client {}: {counted} entries with {query}, not {expected}", self.who));
            }
        }
        Ok((looked, wrong))
    }
}

fn done(answer: &Answer, wrong: Option<String>) -> Done {
    Done { status: answer.status(), wrong, unavailable: matches!(answer.status(), 0 | 503 | 504) }
}
