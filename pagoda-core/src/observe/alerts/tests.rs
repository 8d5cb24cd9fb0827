//! Incidents of several instances over one database, with channels that fail and processes that die.

use super::conditions::Conditions;
use super::delivery::{Deliveries, TAKEN_FOR, Taken};
use super::incidents::Incidents;
use super::reading::{Kind, Reading};
use crate::config::AlertSettings;
use crate::plugins::contributions::Contributions;
use crate::plugins::registry::{PluginSettings, Registry};
use crate::services::audit::{Action, AuditRecord, AuditSettings};
use crate::services::host::{Host, ModelLimits, ShareSettings, WebhookRules};
use crate::store::queries::alert;
use crate::store::rows::AlertRow;
use crate::store::{Backend, DatabaseUrl, Store, StoreOptions};
use pagoda_plugin_sdk::PluginDecl;
use pagoda_plugin_sdk::time::Zone;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

static PLUGIN: PluginDecl = PluginDecl::new("a-plugin", "A plugin", "1.0.0");

const SHARES: ShareSettings =
    ShareSettings { operations: None, most_waiting: 8, patience: Duration::from_secs(1) };
const SECOND: i64 = 1_000_000;
const CHANNELS: [&str; 2] = ["webhook", "email"];

/// A migrated database, and instances over it.
struct Bed {
    url: String,
    _directory: Option<TempDir>,
}

impl Bed {
    fn sqlite() -> Self {
        let directory = TempDir::new().unwrap();
        let url = format!("sqlite://{}/test.db", directory.path().display());
        Self { url, _directory: Some(directory) }
    }

    fn both() -> Vec<Self> {
        let postgres = pagoda_test_support::database().map(|url| Self { url, _directory: None });
        std::iter::once(Self::sqlite()).chain(postgres).collect()
    }

    fn host(&self) -> Arc<Host> {
        let options = StoreOptions::new(DatabaseUrl::parse(&self.url).unwrap());
        let store = Store::open(StoreOptions { exclusive: false, ..options }).unwrap();
        store.migrate().unwrap();
        let registry = Registry::freeze(Contributions::of(&[&PLUGIN]), &PluginSettings::default()).unwrap();
        Host::new(
            store,
            registry,
            Zone::utc(),
            SHARES,
            AuditSettings::default(),
            ModelLimits::default(),
            WebhookRules::default(),
        )
    }
}

/// One process.
struct Instance {
    host: Arc<Host>,
    name: String,
    incidents: Incidents,
    channels: Vec<Deliveries>,
    /// What it took on and did not finish: when, of which channel.
    in_hand: Vec<(i64, usize, Taken)>,
}

impl Instance {
    fn new(host: Arc<Host>, name: &str) -> Self {
        let settings = AlertSettings {
            after: Duration::from_secs(10),
            clear: Duration::from_secs(60),
            ..AlertSettings::default()
        };
        let incidents = Incidents::new(&host, &settings, name.to_owned(), CHANNELS.to_vec());
        let channels = CHANNELS.map(|channel| Deliveries::new(channel, Duration::from_secs(5))).into();
        Self { host, name: name.to_owned(), incidents, channels, in_hand: Vec::new() }
    }

    fn look(&mut self, now: i64, readings: &[Reading]) {
        self.incidents.round_at(&self.host, readings.to_vec(), now, now);
    }

    fn take(&mut self, channel: usize, now: i64) -> bool {
        let taken = self.channels[channel].next(&self.host, now);
        let any = taken.is_some();
        self.in_hand.extend(taken.map(|taken| (now, channel, taken)));
        any
    }

    /// Tells what it has in hand; gives what was told.
    fn finish(&mut self, well: bool, now: i64) -> Vec<(String, String)> {
        let mut told = Vec::new();
        for (since, channel, taken) in std::mem::take(&mut self.in_hand) {
            // No channel takes so long; such a process is as good as dead.
            if now - since >= TAKEN_FOR {
                continue;
            }
            if well {
                told.push((CHANNELS[channel].to_owned(), taken.notice.id()));
            }
            let outcome = if well { Ok(()) } else { Err(anyhow::anyhow!("nobody there")) };
            self.channels[channel].ended(&taken, outcome, now);
            // Written down at once here; elsewhere it happens before anything else is taken on.
            if let Some(next) = self.channels[channel].next(&self.host, now) {
                self.in_hand.push((now, channel, next));
            }
        }
        told
    }
}

fn breaker() -> Reading {
    Reading::plain(Kind::BreakerOpen, "a-plugin", "the breaker is open".to_owned())
}

fn disk() -> Reading {
    Reading::plain(Kind::DiskLow, "/data", "the disk is nearly full".to_owned())
}

fn rows(host: &Host) -> Vec<AlertRow> {
    alert::list(&mut host.store.reader().unwrap(), None, 1_000, 0).unwrap().rows
}

#[test]
fn of_two_instances_one_tells_what_both_see() {
    for bed in Bed::both() {
        let host = bed.host();
        // On SQLite two servers never share a file, but two handles do.
        let other = if host.store.backend() == Backend::Postgres { bed.host() } else { Arc::clone(&host) };
        let (mut a, mut b) = (Instance::new(host, "a"), Instance::new(other, "b"));
        for second in 0..=10 {
            for one in [&mut a, &mut b] {
                one.look(second * SECOND, &[breaker(), disk()]);
            }
        }
        let mut found: Vec<(String, String)> =
            rows(&a.host).into_iter().map(|row| (row.kind, row.instance)).collect();
        found.sort();
        let pair = |kind: &str, instance: &str| (kind.to_owned(), instance.to_owned());
        assert_eq!(found, [pair("breaker_open", "a"), pair("disk_low", "a"), pair("disk_low", "b")]);
        let mut told = Vec::new();
        for _ in 0..10 {
            for one in [&mut a, &mut b] {
                one.take(0, 11 * SECOND);
                told.extend(one.finish(true, 11 * SECOND));
            }
        }
        told.sort();
        let openings: Vec<String> = told.into_iter().map(|(_, id)| id).collect();
        assert_eq!(openings.len(), 3, "{openings:?}");
        assert!(openings.iter().all(|id| id.ends_with("-opened")), "{openings:?}");
    }
}

#[test]
fn what_nobody_speaks_for_any_more_is_over() {
    let bed = Bed::sqlite();
    let (mut gone, mut left) = (Instance::new(bed.host(), "gone"), Instance::new(bed.host(), "left"));
    for second in [0, 10] {
        gone.look(second * SECOND, &[disk()]);
    }
    left.look(599 * SECOND, &[]);
    assert_eq!(rows(&left.host)[0].closed_at, None);
    left.look(611 * SECOND, &[]);
    let row = rows(&left.host).remove(0);
    assert_eq!(row.closed_because.as_deref(), Some("no instance reports it any more"));
    // One that goes on says so.
    for second in [700, 710, 800, 1_290] {
        gone.look(second * SECOND, &[disk()]);
    }
    left.look(1_350 * SECOND, &[]);
    assert_eq!(rows(&left.host)[0].closed_at, None);
}

#[test]
fn while_the_database_is_away_nothing_is_lost_that_goes_on() {
    let bed = Bed::sqlite();
    let mut one = Instance::new(bed.host(), "a");
    let table = |from: &str, to: &str| {
        let mut db = one.host.store.writer().unwrap();
        db.begin().unwrap();
        db.execute_batch(&format!("ALTER TABLE {from} RENAME TO {to}")).unwrap();
        db.commit().unwrap();
    };
    table("alert", "hidden");
    let mut at = 0;
    let mut look = |one: &mut Instance, readings: &[Reading]| {
        at += 5 * SECOND;
        one.look(at, readings);
    };
    for _ in 0..5 {
        look(&mut one, &[disk(), breaker()]);
    }
    // One ends meanwhile: it was told in the log, and that is where its end is told.
    for _ in 0..14 {
        look(&mut one, &[disk()]);
    }
    let mut db = one.host.store.writer().unwrap();
    db.begin().unwrap();
    db.execute_batch("ALTER TABLE hidden RENAME TO alert").unwrap();
    db.commit().unwrap();
    drop(db);
    look(&mut one, &[disk()]);
    let found: Vec<String> = rows(&one.host).into_iter().map(|row| row.kind).collect();
    assert_eq!(found, ["disk_low"]);
    for _ in 0..13 {
        look(&mut one, &[]);
    }
    assert!(rows(&one.host)[0].closed_at.is_some());
}

#[test]
fn what_is_not_taken_is_tried_for_a_day() {
    let bed = Bed::sqlite();
    let mut one = Instance::new(bed.host(), "a");
    for second in [0, 10] {
        one.look(second * SECOND, &[disk()]);
    }
    let (mut now, mut tries) = (10 * SECOND, 0);
    while now < 3 * 86_400 * SECOND {
        if one.take(0, now) {
            tries += 1;
            one.finish(false, now);
        }
        now += 60 * SECOND;
    }
    // Every quarter of an hour, more often at first.
    assert!((90..=110).contains(&tries), "{tries}");
    let deliveries = alert::deliveries(&mut one.host.store.reader().unwrap(), &[1]).unwrap();
    let stages: Vec<(&str, i32, Option<&str>)> =
        deliveries.iter().map(|row| (row.channel.as_str(), row.stage, row.problem.as_deref())).collect();
    assert_eq!(stages, [("email", 0, None), ("webhook", 3, Some("nobody there"))]);
}

#[test]
fn what_the_server_refuses_and_loses_is_wrong() {
    let bed = Bed::sqlite();
    let host = bed.host();
    let mut conditions = Conditions::new(AlertSettings::default(), None);
    assert_eq!(conditions.look(&host), []);
    let admitted: Vec<_> = (0..300).map(|_| host.admit()).collect();
    let refused = admitted.iter().filter(|admitted| admitted.is_none()).count();
    // Nobody takes them out of the queue.
    for _ in 0..10_003 {
        host.auditor.record(AuditRecord::of_server(Action::ServerStart));
    }
    let found = conditions.look(&host);
    let found: Vec<(Kind, Option<f64>)> =
        found.into_iter().map(|reading| (reading.kind, reading.value)).collect();
    assert_eq!(refused, 44);
    assert_eq!(found, [(Kind::Busy, Some(44.0)), (Kind::AuditLost, Some(3.0))]);
}

#[test]
fn while_the_database_is_away_the_memory_says_what_is_wrong() {
    let bed = Bed::sqlite();
    let host = bed.host();
    let mut conditions = Conditions::new(AlertSettings::default(), None);
    let plugin = host.registry.plugin("a-plugin").unwrap();
    plugin.control.set_standing(|standing| standing.quarantined = Some("it hung".to_owned()));
    assert_eq!(conditions.look(&host), [], "the database knows nothing of it yet");
    let mut db = host.store.writer().unwrap();
    db.begin().unwrap();
    db.execute_batch("ALTER TABLE plugin_state RENAME TO hidden").unwrap();
    db.commit().unwrap();
    let found = conditions.look(&host);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].sentence, "plugin a-plugin was cut out: it hung");
    // Somebody saw to it.
    plugin.control.set_standing(|standing| standing.disabled = Some("by admin".to_owned()));
    assert_eq!(conditions.look(&host), []);
}

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    /// So many seconds pass, and the conditions become these.
    Pass(u8, bool, bool),
    /// An instance looks.
    Look(bool),
    /// An instance takes a delivery of a channel on.
    Take(bool, bool),
    /// It tells what it took on, or fails to.
    Finish(bool, bool),
    /// It dies with what it took on, and another process takes its place.
    Dies(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1u8..90, any::<bool>(), any::<bool>()).prop_map(|(time, one, two)| Step::Pass(time, one, two)),
        8 => any::<bool>().prop_map(Step::Look),
        6 => any::<(bool, bool)>().prop_map(|(one, channel)| Step::Take(one, channel)),
        6 => (any::<bool>(), prop::bool::weighted(0.7)).prop_map(|(one, well)| Step::Finish(one, well)),
        1 => any::<bool>().prop_map(Step::Dies),
    ];
    prop::collection::vec(step, 1..70)
}

fn place(second: bool) -> usize {
    usize::from(second)
}

/// Plays a history, then lets time pass until all is well and told; checks that each incident was told once by
/// each channel, and its recovery after it, once.
fn play(bed: &Bed, steps: Vec<Step>, incidents: &Cell<usize>) -> TestCaseResult {
    let host = bed.host();
    let mut clean = host.store.writer().unwrap();
    clean.begin().unwrap();
    clean.execute_batch("DELETE FROM alert").unwrap();
    clean.commit().unwrap();
    drop(clean);
    let other = if host.store.backend() == Backend::Postgres { bed.host() } else { Arc::clone(&host) };
    let mut instances = [Instance::new(host, "a"), Instance::new(other, "b")];
    let (mut now, mut holds) = (0, (false, false));
    let mut told: Vec<(String, String)> = Vec::new();
    let readings = |(shared, own): (bool, bool)| -> Vec<Reading> {
        [shared.then(breaker), own.then(disk)].into_iter().flatten().collect()
    };
    for step in steps {
        match step {
            Step::Pass(seconds, shared, own) => {
                now += i64::from(seconds) * SECOND;
                holds = (shared, own);
            }
            Step::Look(which) => instances[place(which)].look(now, &readings(holds)),
            Step::Take(which, channel) => {
                instances[place(which)].take(place(channel), now);
            }
            Step::Finish(which, well) => told.extend(instances[place(which)].finish(well, now)),
            Step::Dies(which) => {
                let old = &instances[place(which)];
                instances[place(which)] = Instance::new(Arc::clone(&old.host), &old.name);
            }
        }
    }
    for _ in 0..200 {
        now += 60 * SECOND;
        for one in &mut instances {
            told.extend(one.finish(true, now));
            one.look(now, &[]);
            for channel in 0..CHANNELS.len() {
                one.take(channel, now);
            }
            told.extend(one.finish(true, now));
        }
    }
    let mut wanted = BTreeMap::new();
    for row in rows(&instances[0].host) {
        incidents.set(incidents.get() + 1);
        prop_assert!(row.closed_at.is_some(), "{row:?}");
        for (channel, state) in
            CHANNELS.iter().flat_map(|channel| [(channel, "opened"), (channel, "recovered")])
        {
            wanted.insert(((*channel).to_owned(), format!("{}-{state}", row.id)), 1);
        }
    }
    let mut found = BTreeMap::new();
    for (place, (channel, id)) in told.iter().enumerate() {
        *found.entry((channel.clone(), id.clone())).or_insert(0) += 1;
        if let Some(row) = id.strip_suffix("-recovered") {
            let opening = (channel.clone(), format!("{row}-opened"));
            prop_assert!(told[..place].contains(&opening), "{id} before its opening");
        }
    }
    prop_assert_eq!(found, wanted);
    Ok(())
}

/// Whatever comes and goes, fails and dies.
#[test]
fn every_incident_is_told_once_and_its_recovery_after_it() {
    for bed in Bed::both() {
        let mut runner =
            TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
        let incidents = Cell::new(0);
        runner.run(&steps(), |steps| play(&bed, steps, &incidents)).unwrap();
        assert!(incidents.get() > 0, "nothing ever happened");
    }
}
