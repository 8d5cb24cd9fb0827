//! `pagoda-bench generate`: a site of any size, through the bulk path of the store.
//!
//! `site.rs` says what there is, `values.rs` what the entries are like, `people.rs` who works there. Start at
//! [`generate`].

pub mod people;
pub mod random;
pub mod site;
pub mod values;

use self::people::{People, Worker, people};
use self::site::{HIDDEN, SERVER, SITE};
use self::values::{Made, Site, name};
use crate::data::as_admin;
use crate::report::say;
use anyhow::Context;
use pagoda_core::config::Config;
use pagoda_core::plugins::contributions::Contributions;
use pagoda_core::server;
use pagoda_core::services::acl::settings::{self, AclInput, AclUpdate};
use pagoda_core::services::entity::{self, EntityInput, EntityUpdate};
use pagoda_core::services::host::Host;
use pagoda_core::services::run::{Mode, Runner};
use pagoda_core::store::bulk::{self, BulkEntry};
use pagoda_core::store::{Backend, DatabaseUrl, Store, ids, queries};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Entries that are written by one call.
const BATCH: u64 = 5_000;
/// Calls in a transaction on SQLite, which writes a page once for all of them. On PostgreSQL two writers could wait for
/// texts that the other one has entered: the store orders those of one call only.
const CALLS: usize = 4;

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Order {
    /// How many entries.
    pub entries: u64,
    /// Where; an empty database, or one that is not there yet.
    pub database: DatabaseUrl,
    /// What all values come from.
    pub seed: u64,
}

/// What a load needs to know about a site.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// See [`Order::seed`].
    pub seed: u64,
    /// See [`Order::entries`].
    pub entries: u64,
    /// How long it took to make them, in seconds.
    pub seconds: f64,
    /// Who may do everything.
    pub admin: Worker,
    /// Who may not, and sees nearly everything.
    pub users: Vec<Worker>,
    /// The entities.
    pub entities: Vec<Listed>,
}

/// An entity of a site.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: i64,
    /// Ids and types of its definitions, by name.
    pub attrs: Vec<ListedAttr>,
    /// First id and number of each run of entry ids, in the order of their numbers.
    pub runs: Vec<(i64, i64)>,
}

/// A definition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListedAttr {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: i64,
    /// The number of its type.
    #[serde(rename = "type")]
    pub attr_type: i32,
}

/// Makes a site in an empty database.
///
/// # Errors
/// The database is not empty, or does not take it.
pub fn generate(order: &Order) -> anyhow::Result<Manifest> {
    let began = Instant::now();
    let config = Config {
        database_url: order.database.clone(),
        admin_password: Some(people::PASSWORD.to_owned()),
        ..Config::default()
    };
    let prepared = server::prepare(config, Contributions::default())?;
    let host: &Arc<Host> = prepared.host();
    let admin = as_admin(host)?;
    let there = admin.run_blocking(Mode::Read, |op| Ok(queries::entity::count(&mut op.db)?))?;
    anyhow::ensure!(there == 0, "the database has entities already; a site is made in an empty one");
    let crew = people(&admin, order.seed)?;
    let entities = entities(&admin, order.entries)?;
    let site = Site::new(order.seed, entities, crew.users.clone(), crew.roles.clone(), crew.groups.clone());
    fill(&host.store, &site, order.entries)?;
    bulk::settle(&mut host.store.writer()?)?;
    hide(&admin, &site, &crew)?;
    let seconds = began.elapsed().as_secs_f64();
    Ok(manifest(order, &site, crew, seconds))
}

/// How many entries each entity has; the largest one takes what is left by rounding.
fn counts(entries: u64) -> Vec<u64> {
    let mut counts: Vec<u64> = SITE.iter().map(|spec| (entries * spec.share / 10_000).max(1)).collect();
    let others: u64 = counts.iter().take(SITE.len() - 1).sum();
    if let Some(last) = counts.last_mut() {
        *last = entries.saturating_sub(others).max(1);
    }
    counts
}

/// Makes the entities, and reserves the ids of their entries.
fn entities(admin: &Runner, entries: u64) -> anyhow::Result<Vec<Made>> {
    Ok(admin.run_blocking(Mode::Write, |op| {
        let mut entity_ids = Vec::new();
        // All of them first: they refer to each other.
        for spec in &SITE {
            let body =
                json!({"name": spec.name, "note": format!("{} of the site", spec.name), "is_toplevel": true});
            entity_ids.push((spec.name, entity::create(op, EntityInput::read(&body, true)?)?.id));
        }
        let mut all = Vec::new();
        for ((spec, (_, id)), count) in SITE.iter().zip(&entity_ids).zip(counts(entries)) {
            let definition = |(at, attr): (usize, &site::AttrSpec)| {
                let to = entity_ids.iter().find(|(name, _)| Some(*name) == attr.kind.refers_to());
                let choices: Vec<Value> =
                    attr.kind.choices().iter().map(|value| json!({"value": value, "label": value})).collect();
                json!({
                    "name": attr.name, "type": attr.kind.attr_type().code(), "index": at,
                    "referral": to.map(|(_, id)| *id).into_iter().collect::<Vec<_>>(), "choices": choices,
                })
            };
            let attrs: Vec<Value> = spec.attrs.iter().enumerate().map(definition).collect();
            let target = EntityUpdate::open(op, *id)?;
            entity::update(op, target, EntityInput::read(&json!({"attrs": attrs}), false)?)?;
            let row = entity::open(op, *id, pagoda_plugin_sdk::model::Level::Readable)?;
            let mut attrs = entity::model(op, &row)?.attrs;
            attrs.sort_by_key(|attr| attr.index);
            let attrs = attrs.iter().map(|attr| attr.id).collect();
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            all.push(Made { spec, id: *id, attrs, entries: ids::allocate(&mut op.db, count)? });
        }
        Ok(all)
    })?)
}

/// Makes the entries on one thread and writes them on others: SQLite has one writer, PostgreSQL a process each.
fn fill(store: &Store, site: &Site, entries: u64) -> anyhow::Result<()> {
    let writers = match store.backend() {
        Backend::Sqlite => 1,
        Backend::Postgres => 2,
    };
    let (send, receive) = sync_channel::<Vec<BulkEntry>>(writers);
    let receive = Arc::new(Mutex::new(receive));
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..writers)
            .map(|_| {
                let receive = Arc::clone(&receive);
                scope.spawn(move || write_all(store, &receive))
            })
            .collect();
        // They hold it: when all of them have given up, sending fails instead of waiting.
        drop(receive);
        let (began, mut done) = (Instant::now(), 0);
        'all: for made in &site.entities {
            let count = made.entries.len() as u64;
            for first in (0..count).step_by(usize::try_from(BATCH).unwrap_or(1)) {
                let end = count.min(first + BATCH);
                let batch: Vec<BulkEntry> = (first..end)
                    .map(|number| site.entry(made, number, age(done + number - first, entries)))
                    .collect();
                if send.send(batch).is_err() {
                    break 'all;
                }
                let before = done;
                done += end - first;
                if done / 100_000 > before / 100_000 {
                    say(&format!("{done} entries after {:.0} s", began.elapsed().as_secs_f64()));
                }
            }
        }
        drop(send);
        writers.into_iter().try_for_each(|writer| match writer.join() {
            Ok(written) => written,
            Err(_) => anyhow::bail!("a writer panicked"),
        })
    })
}

fn age(number: u64, entries: u64) -> f64 {
    number as f64 / entries.max(1) as f64
}

fn write_all(store: &Store, receive: &Mutex<Receiver<Vec<BulkEntry>>>) -> anyhow::Result<()> {
    let mut db = store.writer()?;
    db.widen_cache(true)?;
    let calls = match store.backend() {
        Backend::Sqlite => CALLS,
        Backend::Postgres => 1,
    };
    let next = || receive.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
    while let Some(first) = next() {
        db.begin()?;
        for mut batch in std::iter::once(first).chain(std::iter::from_fn(next)).take(calls) {
            bulk::insert(&mut db, &mut batch)?;
        }
        db.commit()?;
    }
    Ok(db.widen_cache(false)?)
}

/// Makes one definition not public: a few roles read it, nobody else does.
fn hide(admin: &Runner, site: &Site, crew: &People) -> anyhow::Result<()> {
    let server = site.entities.iter().find(|made| made.spec.name == SERVER).context("no servers")?;
    let at = server.spec.attrs.iter().position(|attr| attr.name == HIDDEN).context("nothing to hide")?;
    let id = server.attrs.get(at).copied().context("nothing to hide")?;
    let readers: Vec<Value> =
        crew.roles.iter().take(3).map(|role| json!({"member_id": role, "value": 2})).collect();
    let body = json!({"is_public": false, "acl_settings": readers});
    admin.run_blocking(Mode::Write, |op| {
        let target = AclUpdate::open(op, id)?;
        settings::update(op, target, AclInput::read(&body)?)
    })?;
    Ok(())
}

fn manifest(order: &Order, site: &Site, crew: People, seconds: f64) -> Manifest {
    let listed = |made: &Made| Listed {
        name: made.spec.name.to_owned(),
        id: made.id,
        attrs: made
            .spec
            .attrs
            .iter()
            .zip(&made.attrs)
            .map(|(spec, id)| ListedAttr {
                name: spec.name.to_owned(),
                id: *id,
                attr_type: spec.kind.attr_type().code(),
            })
            .collect(),
        runs: runs(&made.entries),
    };
    Manifest {
        seed: order.seed,
        entries: order.entries,
        seconds,
        admin: crew.admin,
        users: crew.workers,
        entities: site.entities.iter().map(listed).collect(),
    }
}

/// Ascending ids as runs of neighbours.
fn runs(ids: &[i64]) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for id in ids {
        match runs.last_mut() {
            Some((first, count)) if *first + *count == *id => *count += 1,
            _ => runs.push((*id, 1)),
        }
    }
    runs
}

impl Listed {
    /// How many entries it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.runs.iter().map(|(_, count)| u64::try_from(*count).unwrap_or_default()).sum()
    }

    /// The id of entry `number`, which is taken modulo their count.
    #[must_use]
    pub fn entry(&self, number: u64) -> i64 {
        let mut rest = i64::try_from(number % self.count().max(1)).unwrap_or_default();
        for (first, count) in &self.runs {
            if rest < *count {
                return first + rest;
            }
            rest -= count;
        }
        0
    }

    /// The name of entry `number`, likewise.
    #[must_use]
    pub fn entry_name(&self, number: u64) -> String {
        let spec = SITE.iter().find(|spec| spec.name == self.name);
        spec.map(|spec| name(spec, number % self.count().max(1))).unwrap_or_default()
    }

    /// The id of a definition; 0 for none.
    #[must_use]
    pub fn attr(&self, name: &str) -> i64 {
        self.attrs.iter().find(|attr| attr.name == name).map_or(0, |attr| attr.id)
    }
}

impl Manifest {
    /// An entity by name.
    ///
    /// # Errors
    /// There is none.
    pub fn entity(&self, name: &str) -> anyhow::Result<&Listed> {
        self.entities.iter().find(|entity| entity.name == name).with_context(|| format!("no entity {name}"))
    }

    /// Reads one.
    ///
    /// # Errors
    /// There is none, or it is none.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("no manifest at {}", path.display()))?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Writes it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        std::fs::write(path, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("the manifest {} cannot be written", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Listed, counts, runs};

    #[test]
    fn the_counts_make_up_what_was_asked_for() {
        for entries in [300, 10_000, 123_456, 1_000_000] {
            assert_eq!(counts(entries).iter().sum::<u64>(), entries);
        }
        assert_eq!(counts(10_000).last(), Some(&4_000));
    }

    #[test]
    fn ids_are_found_through_their_runs() {
        let ids = [3, 4, 5, 9, 12, 13];
        let runs = runs(&ids);
        assert_eq!(runs, [(3, 3), (9, 1), (12, 2)]);
        let listed = Listed { name: String::new(), id: 1, attrs: Vec::new(), runs };
        assert_eq!(listed.count(), 6);
        assert_eq!((0..6).map(|number| listed.entry(number)).collect::<Vec<_>>(), ids);
        assert_eq!(listed.entry(7), 4);
    }
}
