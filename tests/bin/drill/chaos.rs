//! Clients that make the plugin `chaos` fail, at random, and know what the server has to make of it.
//!
//! In calm times they send as many requests of the same kind that ask for no fault, so that both times carry the
//! same load.

use crate::client::{Answer, Client};
use crate::random::Random;
use pagoda_chaos::{Drill, Fault, Hook};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Faults that end by themselves; what spins for ever has a part of its own.
const FAULTS: [Fault; 8] = Fault::ALL;
/// Faults in hooks and in routes.
pub(crate) const PLACES: usize = FAULTS.len() * Hook::ALL.len() + 5;
/// Names of drills must differ within an entity.
const ENTITIES: usize = 8;
/// Longest time that `slow` and `spin` take, in milliseconds.
const MOST_MS: u64 = 40;
/// Answers of the route `huge`, in bytes. The last one is past every sensible limit.
const HUGE: [u64; 4] = [1 << 20, 1 << 20, 8 << 20, 64 << 20];

/// What one such client did.
#[derive(Debug)]
pub(crate) struct Chaos {
    entities: Vec<i64>,
    used: BTreeSet<(i64, String)>,
    /// Entries that were acknowledged, with their names.
    acknowledged: BTreeMap<i64, String>,
    /// Requests that touched a fault, by what it was.
    pub(crate) touched: BTreeMap<String, u64>,
    /// Its part of all faults in all hooks, each to be had once before chance decides.
    due: Vec<(Hook, Fault)>,
    calm_count: u64,
    who: usize,
}

impl Chaos {
    /// Number `who` of `all` such clients.
    pub(crate) fn new(who: usize, all: usize, client: &Client) -> anyhow::Result<Self> {
        let pairs = FAULTS.iter().flat_map(|fault| Hook::ALL.map(|hook| (hook, *fault)));
        let mut due: Vec<_> = pairs.skip(who).step_by(all).collect();
        due.reverse();
        let entities = (0..ENTITIES).map(|number| {
            let body = json!({"name": format!("drills {who}-{number}")});
            let made = client.must("POST", "/entity/api/v2/", Some(&body), 202)?;
            Ok(made["id"].as_i64().unwrap_or_default())
        });
        Ok(Self {
            entities: entities.collect::<anyhow::Result<_>>()?,
            used: BTreeSet::new(),
            acknowledged: BTreeMap::new(),
            touched: BTreeMap::new(),
            due,
            calm_count: 0,
            who,
        })
    }

    /// One random request, with a fault or without; what is wrong with the answer.
    pub(crate) fn step(&mut self, client: &Client, random: &mut Random, calm: bool) -> Option<String> {
        if random.below(10) < 3 {
            return self.route(client, random, calm);
        }
        if calm {
            return self.calm_entry(client, random);
        }
        let drill = self.choose(random)?;
        self.entry(client, drill.0, drill.1)
    }

    /// A drill whose name is not taken; none when they are used up, which takes hours.
    fn choose(&mut self, random: &mut Random) -> Option<(i64, Drill)> {
        for _ in 0..1_000 {
            let any = (*random.one_of(&Hook::ALL)?, *random.one_of(&FAULTS)?);
            let (hook, fault) = self.due.pop().unwrap_or(any);
            let n = match fault {
                Fault::Slow | Fault::Spin => 1 + random.below(MOST_MS),
                Fault::Recurse => 1 + random.below(5),
                _ => random.below(1 << 32),
            };
            let (entity, drill) = (*random.one_of(&self.entities)?, Drill { hook, fault, n: Some(n) });
            // What `recurse` creates takes a name too.
            let inner = Drill { n: Some(n.saturating_sub(1)), ..drill };
            let recurses = fault == Fault::Recurse;
            if recurses && self.used.contains(&(entity, inner.to_string())) {
                continue;
            }
            if self.used.insert((entity, drill.to_string())) {
                if recurses {
                    self.used.insert((entity, inner.to_string()));
                }
                return Some((entity, drill));
            }
        }
        None
    }

    /// Creates an entry that makes a hook fail, and shows it.
    fn entry(&mut self, client: &Client, entity: i64, drill: Drill) -> Option<String> {
        let what = format!("{} {}", drill.hook.short(), drill.fault.as_str());
        *self.touched.entry(what).or_default() += 1;
        let (path, name) = (format!("/entity/api/v2/{entity}/entries/"), drill.to_string());
        let answer = client.send("POST", &path, Some(&json!({"name": name})));
        let may_refuse =
            drill.fault == Fault::Reject && matches!(drill.hook, Hook::BeforeCreate | Hook::Validation);
        match &answer {
            Answer::Status(202, made) => {
                let id = made["id"].as_i64()?;
                self.acknowledged.insert(id, name.clone());
                self.show(client, id, &name)
            }
            Answer::Status(400, _) if may_refuse => None,
            other => Some(format!("{name}: {other:?}")),
        }
    }

    fn show(&self, client: &Client, id: i64, name: &str) -> Option<String> {
        match client.get(&format!("/entry/api/v2/{id}/")) {
            Answer::Status(200, shown) if shown["name"] == name => None,
            other => Some(format!("showing {name}: {other:?}")),
        }
    }

    fn calm_entry(&mut self, client: &Client, random: &mut Random) -> Option<String> {
        let entity = *random.one_of(&self.entities)?;
        self.calm_count += 1;
        let name = format!("calm {}-{}", self.who, self.calm_count);
        let path = format!("/entity/api/v2/{entity}/entries/");
        match client.send("POST", &path, Some(&json!({"name": name}))) {
            Answer::Status(202, made) => {
                let id = made["id"].as_i64()?;
                self.acknowledged.insert(id, name.clone());
                self.show(client, id, &name)
            }
            other => Some(format!("{name}: {other:?}")),
        }
    }

    /// A route that fails, or one that does not.
    fn route(&mut self, client: &Client, random: &mut Random, calm: bool) -> Option<String> {
        let n = 1 + random.below(MOST_MS);
        let bytes = *random.one_of(&HUGE)?;
        let (fault, query) = match random.below(5) {
            _ if calm => ("slow", "?n=1".to_owned()),
            0 => ("error", String::new()),
            1 => ("panic", String::new()),
            2 => ("slow", format!("?n={n}")),
            3 => ("spin", format!("?n={n}")),
            _ => ("huge", format!("?n={bytes}")),
        };
        if !calm {
            *self.touched.entry(format!("route {fault}")).or_default() += 1;
        }
        let path = format!("/api/v2/plugins/chaos/{fault}/{query}");
        let answer = client.get(&path);
        // A plugin that fails often is left alone for a while, and one that floods is asked to wait: both say so.
        let right = match (fault, answer.status()) {
            (_, 503) => matches!(&answer, Answer::Status(_, body) if body["plugin"] == "chaos"),
            (_, 429) => true,
            ("error" | "panic", status) => status == 500,
            ("huge", status) => status == 200 || (500..600).contains(&status),
            (_, status) => status == 200,
        };
        (!right).then(|| format!("GET {path}: {answer:?}"))
    }

    /// Every acknowledged entry is there, and nothing of what a failed handler wrote.
    pub(crate) fn verify(&self, client: &Client) -> anyhow::Result<(usize, Vec<String>)> {
        let mut wrong: Vec<String> = Vec::new();
        for (id, name) in &self.acknowledged {
            match client.get(&format!("/entry/api/v2/{id}/")) {
                Answer::Status(200, shown)
                    if shown["name"] == name.as_str() && shown["is_active"] == true => {}
                other => wrong.push(format!("acknowledged entry {id} ({name}) is lost: {other:?}")),
            }
        }
        for entity in &self.entities {
            // What `write-then-panic` writes is called "… was here".
            let left = client.count(*entity, "search=was%20here")?;
            if left > 0 {
                wrong.push(format!("{left} entries of handlers that failed are in entity {entity}"));
            }
        }
        Ok((self.acknowledged.len(), wrong))
    }
}

/// Hooks that have not failed yet, as the server counts it.
pub(crate) fn hooks_that_never_failed(client: &Client) -> anyhow::Result<Vec<String>> {
    let shown = client.must("GET", "/api/v2/plugins/chaos/", None, 200)?;
    let hooks = shown["hooks"].as_array().into_iter().flatten();
    let idle = |hook: &&Value| hook["faults"].as_u64().unwrap_or(0) == 0;
    Ok(hooks.filter(idle).map(|hook| hook["hook"].to_string()).collect())
}
