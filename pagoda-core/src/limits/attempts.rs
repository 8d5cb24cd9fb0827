//! Attempts at a password: the first failures cost nothing, further ones a delay that doubles.
//!
//! Counted by name and by client address, each with its own patience: an address may be an office. An attempt
//! counts as a failure from its beginning, so that many at the same time are no way around; success takes that
//! back. Time is a parameter.

use super::open;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What is counted by one kind of key.
#[derive(Debug, Clone, Copy)]
struct Rules {
    /// Failures without a delay.
    free: u32,
    /// One failure is forgotten in this time.
    forget: Duration,
    /// Keys that are remembered.
    most: usize,
}

/// Failures of one user name that cost nothing.
pub const FREE_BY_NAME: u32 = 5;
/// Failures from one address that cost nothing; many people may sit behind it.
pub const FREE_BY_ADDRESS: u32 = 20;

const NAMES: Rules = Rules { free: FREE_BY_NAME, forget: Duration::from_secs(3_600), most: 10_000 };
const ADDRESSES: Rules = Rules { free: FREE_BY_ADDRESS, forget: Duration::from_secs(60), most: 10_000 };

/// The delay after so many failures.
fn delay(failures: u32, free: u32, longest: Duration) -> Duration {
    let Some(beyond) = failures.checked_sub(free).filter(|beyond| *beyond > 0) else { return Duration::ZERO };
    let seconds = 1_u64.checked_shl(beyond - 1).unwrap_or(u64::MAX);
    Duration::from_secs(seconds).min(longest)
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    /// Since when `count` was not reduced for the time that passed.
    since: Instant,
    /// Until when nothing is tried.
    until: Instant,
}

#[derive(Debug)]
struct Table<K> {
    rules: Rules,
    failures: HashMap<K, Failures>,
}

impl<K: Hash + Eq + Clone> Table<K> {
    fn new(rules: Rules) -> Self {
        Self { rules, failures: HashMap::new() }
    }

    /// How long nothing is to be tried for this key.
    fn wait(&self, key: &K, now: Instant) -> Duration {
        self.failures.get(key).map_or(Duration::ZERO, |found| found.until.saturating_duration_since(now))
    }

    fn fail(&mut self, key: &K, now: Instant, longest: Duration) -> Instant {
        let rules = self.rules;
        if !self.failures.contains_key(key) {
            self.make_room(now);
        }
        let found = self.failures.entry(key.clone()).or_insert(Failures { count: 0, since: now, until: now });
        forget(found, rules, now);
        found.count = found.count.saturating_add(1);
        found.until = now + delay(found.count, rules.free, longest);
        found.until
    }

    /// Takes back a failure that was none, unless others came in between.
    fn take_back(&mut self, key: &K, until: Instant, now: Instant) {
        let Some(found) = self.failures.get_mut(key) else { return };
        found.count = found.count.saturating_sub(1);
        if found.until == until {
            found.until = now;
        }
        if found.count == 0 {
            self.failures.remove(key);
        }
    }

    /// A place for one more: first at the cost of those that are forgotten by now, then of who failed least.
    fn make_room(&mut self, now: Instant) {
        let rules = self.rules;
        if self.failures.len() < rules.most {
            return;
        }
        self.failures.retain(|_, found| {
            forget(found, rules, now);
            found.count > 0 || found.until > now
        });
        if self.failures.len() < rules.most {
            return;
        }
        let least = self.failures.iter().min_by_key(|(_, found)| (found.count, found.until));
        if let Some(key) = least.map(|(key, _)| key.clone()) {
            self.failures.remove(&key);
        }
    }
}

fn forget(found: &mut Failures, rules: Rules, now: Instant) {
    let forgotten = now.saturating_duration_since(found.since).as_secs() / rules.forget.as_secs().max(1);
    if forgotten > 0 {
        found.count = found.count.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX));
        found.since = now;
    }
}

/// The attempts at a server's passwords.
#[derive(Debug)]
pub struct Attempts {
    /// Longest delay; without one nothing is delayed.
    longest: Duration,
    /// Names are kept as digests: anybody can send long ones.
    names: Mutex<Table<u64>>,
    addresses: Mutex<Table<IpAddr>>,
    digest: RandomState,
}

/// An attempt that is being made. It is a failure until something else is said.
#[derive(Debug)]
#[must_use = "an attempt that succeeded must be told so"]
pub struct Attempt {
    name: u64,
    address: Option<IpAddr>,
    until: [Instant; 2],
}

impl Attempts {
    /// Delays grow to `longest`; zero means that there are none.
    #[must_use]
    pub fn new(longest: Duration) -> Self {
        Self {
            longest,
            names: Mutex::new(Table::new(NAMES)),
            addresses: Mutex::new(Table::new(ADDRESSES)),
            digest: RandomState::new(),
        }
    }

    /// Begins an attempt.
    ///
    /// # Errors
    /// It is too early; says how long to wait. Such an attempt counts for nothing.
    pub fn begin(&self, name: &str, address: Option<IpAddr>, now: Instant) -> Result<Attempt, Duration> {
        let name = self.digest.hash_one(name);
        if self.longest.is_zero() {
            return Ok(Attempt { name, address, until: [now; 2] });
        }
        let (mut names, mut addresses) = (open(&self.names), open(&self.addresses));
        let by_address = address.map_or(Duration::ZERO, |address| addresses.wait(&address, now));
        let wait = names.wait(&name, now).max(by_address);
        if !wait.is_zero() {
            return Err(wait);
        }
        let by_name = names.fail(&name, now, self.longest);
        let by_address = address.map_or(now, |address| addresses.fail(&address, now, self.longest));
        Ok(Attempt { name, address, until: [by_name, by_address] })
    }

    /// The password was right: what the name did wrong before is forgotten. The address keeps its failures,
    /// or whoever has an account could use it to go on guessing at others.
    #[expect(clippy::needless_pass_by_value, reason = "an attempt ends once")]
    pub fn succeeded(&self, attempt: Attempt, now: Instant) {
        open(&self.names).failures.remove(&attempt.name);
        self.take_back_address(&attempt, now);
    }

    /// Whether the password was right was not found out.
    #[expect(clippy::needless_pass_by_value, reason = "an attempt ends once")]
    pub fn void(&self, attempt: Attempt, now: Instant) {
        let [until, _] = attempt.until;
        open(&self.names).take_back(&attempt.name, until, now);
        self.take_back_address(&attempt, now);
    }

    fn take_back_address(&self, attempt: &Attempt, now: Instant) {
        let [_, until] = attempt.until;
        if let Some(address) = attempt.address {
            open(&self.addresses).take_back(&address, until, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ADDRESSES, Attempts, FREE_BY_ADDRESS, FREE_BY_NAME, NAMES, Table, delay};
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::{Duration, Instant};

    const LONGEST: Duration = Duration::from_secs(900);

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)))
    }

    #[test]
    fn delays_double_up_to_the_longest() {
        let delays: Vec<u64> = (4..18).map(|failures| delay(failures, 5, LONGEST).as_secs()).collect();
        assert_eq!(delays, [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert_eq!(delay(u32::MAX, 5, LONGEST), LONGEST);
        assert_eq!(delay(u32::MAX, 5, Duration::MAX), Duration::from_secs(u64::MAX));
    }

    #[test]
    fn a_name_is_delayed_and_success_resets_it() {
        let (attempts, start) = (Attempts::new(LONGEST), Instant::now());
        // From another address each time.
        let begin = |number: u8, now| attempts.begin("anna", address(number), now);
        for number in 0..5 {
            drop(begin(number, start).unwrap());
        }
        // The sixth is tried, and costs a second from its beginning.
        drop(begin(5, start).unwrap());
        assert_eq!(begin(6, start).unwrap_err(), Duration::from_secs(1));
        assert!(attempts.begin("bert", address(5), start).is_ok(), "others are not concerned");
        // What was refused does not count.
        let later = start + Duration::from_secs(1);
        drop(begin(7, later).unwrap());
        assert_eq!(begin(8, later).unwrap_err(), Duration::from_secs(2));
        let later = later + Duration::from_secs(2);
        let good = begin(9, later).unwrap();
        attempts.succeeded(good, later);
        for number in 10..16 {
            drop(begin(number, later).unwrap());
        }
        assert!(begin(16, later).is_err());
    }

    #[test]
    fn an_address_is_delayed_whatever_the_names_and_recovers_by_itself() {
        let (attempts, start) = (Attempts::new(LONGEST), Instant::now());
        let begin = |name: u32, now| attempts.begin(&format!("user {name}"), address(1), now);
        for name in 0..=FREE_BY_ADDRESS {
            drop(begin(name, start).unwrap());
        }
        assert_eq!(begin(100, start).unwrap_err(), Duration::from_secs(1));
        // A success of its own gives back no more than the attempt.
        let later = start + Duration::from_secs(1);
        let good = begin(101, later).unwrap();
        attempts.succeeded(good, later);
        drop(begin(102, later).unwrap());
        assert_eq!(begin(103, later).unwrap_err(), Duration::from_secs(2));
        // One failure a minute is forgotten.
        let later = later + Duration::from_secs(10 * 60);
        for name in 200..208 {
            drop(begin(name, later).unwrap());
        }
        assert!(begin(300, later).is_ok());
        assert!(begin(301, later).is_err());
    }

    #[test]
    fn what_was_not_decided_does_not_count() {
        let (attempts, now) = (Attempts::new(LONGEST), Instant::now());
        for _ in 0..100 {
            let attempt = attempts.begin("anna", address(1), now).unwrap();
            attempts.void(attempt, now);
        }
        assert!(super::open(&attempts.names).failures.is_empty());
        assert!(super::open(&attempts.addresses).failures.is_empty());
    }

    #[test]
    fn without_a_longest_delay_there_is_none() {
        let (attempts, now) = (Attempts::new(Duration::ZERO), Instant::now());
        for _ in 0..1_000 {
            drop(attempts.begin("anna", address(1), now).unwrap());
        }
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_who_failed_most() {
        let now = Instant::now();
        let mut table = Table::new(super::Rules { most: 100, ..NAMES });
        for _ in 0..10 {
            table.fail(&0, now, LONGEST);
        }
        for key in 1..10_000 {
            table.fail(&key, now, LONGEST);
        }
        assert_eq!(table.failures.len(), 100);
        assert_eq!(table.wait(&0, now), Duration::from_secs(16));
        // Those that are forgotten go first.
        let later = now + NAMES.forget;
        table.fail(&20_000, later, LONGEST);
        assert_eq!(table.failures.len(), 2);
    }

    proptest! {
        /// However attempts are spread over time, nobody gets more than the rule gives away.
        #[test]
        fn nobody_tries_more_often_than_the_rule_allows(pauses in prop::collection::vec(0_u64..2_000, 1..200)) {
            let (attempts, start) = (Attempts::new(LONGEST), Instant::now());
            let (mut now, mut tried) = (start, 0_u64);
            for (number, pause) in pauses.iter().enumerate() {
                now += Duration::from_secs(*pause);
                let from = address(u8::try_from(number % 200).unwrap());
                match attempts.begin("anna", from, now) {
                    Ok(attempt) => { drop(attempt); tried += 1; }
                    Err(wait) => prop_assert!(wait <= LONGEST && !wait.is_zero()),
                }
            }
            let hours = now.duration_since(start).as_secs() / NAMES.forget.as_secs();
            // Until the delay is at its longest, then one per longest delay, and one per forgotten failure.
            let doublings = 11;
            let most = u64::from(FREE_BY_NAME) + doublings + now.duration_since(start).as_secs() / LONGEST.as_secs() + hours;
            prop_assert!(tried <= most, "{tried} of {most}");
        }

        /// Waiting as long as was said is always enough.
        #[test]
        fn who_waits_is_let_in(failures in 1_u32..60) {
            let (attempts, mut now) = (Attempts::new(LONGEST), Instant::now());
            for _ in 0..failures {
                match attempts.begin("anna", None, now) {
                    Ok(attempt) => drop(attempt),
                    Err(wait) => {
                        now += wait;
                        prop_assert!(attempts.begin("anna", None, now).is_ok());
                    }
                }
            }
        }
    }

    #[test]
    fn an_address_is_more_patient_than_a_name() {
        assert!(ADDRESSES.free > NAMES.free && ADDRESSES.forget < NAMES.forget);
    }
}
