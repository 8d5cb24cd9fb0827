//! What opens and what is over, from what holds at each moment.
//!
//! Pure: it is told the time and what is open, and has neither clock nor database.

use std::collections::{HashMap, HashSet};

/// An incident that is open, as far as the tracker is concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open<'a> {
    pub(super) id: i64,
    pub(super) key: &'a str,
    /// For how long its condition must not hold until it is over, in microseconds.
    pub(super) clear_after: i64,
}

/// What follows from a round.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Turns {
    /// Places in the list of what holds.
    pub(super) opens: Vec<usize>,
    /// Ids of incidents.
    pub(super) over: Vec<i64>,
}

/// Remembers since when conditions hold, and since when those of incidents do not.
#[derive(Debug)]
pub(super) struct Tracker {
    after: i64,
    holding: HashMap<String, i64>,
    clear: HashMap<String, i64>,
}

impl Tracker {
    /// What holds for `after` microseconds is an incident.
    pub(super) fn new(after: i64) -> Self {
        Self { after, holding: HashMap::new(), clear: HashMap::new() }
    }

    /// Looks at what holds at `now`, and which incidents are open. `now` never goes back.
    pub(super) fn round(&mut self, now: i64, holds: &[String], open: &[Open<'_>]) -> Turns {
        let mut turns = Turns::default();
        let is_open: HashSet<&str> = open.iter().map(|one| one.key).collect();
        let held: HashSet<&str> = holds.iter().map(String::as_str).collect();
        self.holding.retain(|key, _| held.contains(key.as_str()) && !is_open.contains(key.as_str()));
        self.clear.retain(|key, _| is_open.contains(key.as_str()) && !held.contains(key.as_str()));
        for (place, key) in holds.iter().enumerate().filter(|(_, key)| !is_open.contains(key.as_str())) {
            let since = *self.holding.entry(key.clone()).or_insert(now);
            if now - since >= self.after {
                turns.opens.push(place);
            }
        }
        for one in open.iter().filter(|one| !held.contains(one.key)) {
            let since = *self.clear.entry(one.key.to_owned()).or_insert(now);
            if now - since >= one.clear_after {
                turns.over.push(one.id);
            }
        }
        turns
    }
}

/// An incident that comes back again and again has to be well for longer each time, or it would be told of every
/// few moments: twice as long for each time that it was opened within the last hour, up to an hour.
pub(super) fn clear_after(clear: i64, opened_lately: i64) -> i64 {
    let times = u32::try_from(opened_lately.clamp(0, 16)).unwrap_or(0);
    clear.saturating_mul(1 << times).min(clear.max(HOUR))
}

/// In microseconds.
pub(super) const HOUR: i64 = 3_600_000_000;

#[cfg(test)]
mod tests {
    use super::{HOUR, Open, Tracker, clear_after};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const AFTER: i64 = 10;
    const CLEAR: i64 = 60;

    #[test]
    fn what_comes_back_has_to_be_well_for_longer() {
        let minute = HOUR / 60;
        assert_eq!([0, 1, 2, 5].map(|times| clear_after(minute, times) / minute), [1, 2, 4, 32]);
        assert_eq!(clear_after(minute, 1_000_000), HOUR);
        assert_eq!(clear_after(2 * HOUR, 7), 2 * HOUR);
    }

    proptest! {
        /// Whatever comes and goes: an incident opens only after its condition held long enough without a break,
        /// ends only after it did not for long enough, and what lasts is noticed.
        #[test]
        fn incidents_follow_their_conditions(
            rounds in prop::collection::vec((1i64..30, prop::collection::vec(any::<bool>(), 3)), 1..200)
        ) {
            let mut tracker = Tracker::new(AFTER);
            let (mut now, mut next) = (0, 0i64);
            let mut open: BTreeMap<String, i64> = BTreeMap::new();
            // Since when each condition has been as it is.
            let mut since: BTreeMap<String, (bool, i64)> = BTreeMap::new();
            for (pause, held) in rounds {
                now += pause;
                let holds: Vec<String> =
                    (0..3).filter(|place| held[*place]).map(|place| format!("c{place}")).collect();
                for (place, held) in held.iter().enumerate() {
                    let was = since.entry(format!("c{place}")).or_insert((*held, now));
                    if was.0 != *held {
                        *was = (*held, now);
                    }
                }
                let rows: Vec<(i64, String)> = open.iter().map(|(key, id)| (*id, key.clone())).collect();
                let seen: Vec<Open<'_>> =
                    rows.iter().map(|(id, key)| Open { id: *id, key, clear_after: CLEAR }).collect();
                let turns = tracker.round(now, &holds, &seen);
                for place in turns.opens {
                    let key = &holds[place];
                    prop_assert!(!open.contains_key(key), "{key} is open already");
                    prop_assert!(now - since[key].1 >= AFTER);
                    next += 1;
                    open.insert(key.clone(), next);
                }
                for id in turns.over {
                    let key = open.iter().find(|(_, open)| **open == id).map(|(key, _)| key.clone());
                    let Some(key) = key else { return Err(TestCaseError::fail("over without being open")) };
                    let (holds, at) = since[&key];
                    prop_assert!(!holds && now - at >= CLEAR);
                    open.remove(&key);
                }
                for (key, (holds, at)) in &since {
                    let must = if *holds { AFTER } else { CLEAR };
                    if now - at >= must {
                        prop_assert_eq!(open.contains_key(key), *holds);
                    }
                }
            }
        }
    }
}
