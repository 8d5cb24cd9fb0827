//! The drill with kills: the process ends at random moments while clients write. What was acknowledged is there
//! afterwards, nothing is there by half, and the audit log holds and tells of every write.

use crate::client::Client;
use crate::ledger::{Ledger, Traces};
use crate::random::Random;
use crate::report::Report;
use crate::server::{Place, Server};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Clients that write at the same time.
const WRITERS: usize = 4;
/// Of a hundred requests so many read.
const READS: u64 = 10;
/// After so many kills everything is looked at, and the audit log.
const ROUND: u32 = 10;
/// It is killed after so many requests or fewer.
const MOST_REQUESTS: u64 = 150;
/// Longest time for that.
const MOST_WAIT: Duration = Duration::from_secs(5);
/// Longest time that all may take for one kill.
const PATIENCE_PER_KILL: Duration = Duration::from_secs(30);

/// When it is killed.
#[derive(Debug, Clone, Copy)]
struct Moment {
    /// After so many requests,
    requests: u64,
    /// and this time.
    then: Duration,
}

pub(crate) fn drill(place: &Place, times: u32, seed: u64, report: &mut Report) -> anyhow::Result<()> {
    let mut random = Random::new(seed, 0);
    let mut server = place.start(&[])?;
    let token = place.token()?;
    let client = server.client(&token);
    let mut ledgers =
        (0..WRITERS).map(|who| Ledger::new(who, &client)).collect::<anyhow::Result<Vec<_>>>()?;
    let deadline = Instant::now() + PATIENCE_PER_KILL * times;
    let (mut open, mut looked) = (0, 0);
    for number in 1..=times {
        anyhow::ensure!(Instant::now() < deadline, "it takes too long: kill {number} of {times}");
        let moment = Moment { requests: random.below(MOST_REQUESTS), then: random.millis(0, 30) };
        write_until_killed(&mut server, &token, &mut ledgers, moment, seed ^ u64::from(number), report)?;
        open += ledgers.iter().filter(|ledger| ledger.is_open()).count();
        server = place.start(&[])?;
        let all = number % ROUND == 0 || number == times;
        looked += look(&server, &token, &mut ledgers, all, &mut random, report)?;
        if all {
            audit(place, &ledgers, report)?;
            let writes: u64 = ledgers.iter().map(Ledger::writes).sum();
            report.say(&format!(
                "{number} kills: {writes} writes acknowledged or found done, {open} were open at a kill, \
                 {looked} looks at entries"
            ));
        }
    }
    let writes: u64 = ledgers.iter().map(Ledger::writes).sum();
    report.expect(writes > u64::from(times), || format!("only {writes} writes: that shows nothing"));
    server.stop()
}

/// Lets all write, and kills the server while they do.
fn write_until_killed(
    server: &mut Server,
    token: &str,
    ledgers: &mut [Ledger],
    moment: Moment,
    seed: u64,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (base, answered) = (server.base.clone(), AtomicU64::new(0));
    let answered = &answered;
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let writers: Vec<_> = ledgers
            .iter_mut()
            .enumerate()
            .map(|(part, ledger)| {
                let client = Client::new(&base, token);
                scope.spawn(move || write(ledger, &client, &mut Random::new(seed, part + 1), answered))
            })
            .collect();
        let deadline = Instant::now() + MOST_WAIT;
        while answered.load(Ordering::Relaxed) < moment.requests && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(moment.then);
        let killed = server.kill();
        let mut wrong: Vec<String> = Vec::new();
        for writer in writers {
            wrong.extend(writer.join().unwrap_or_else(|_| Some("a writer was lost".to_owned())));
        }
        killed.map(|()| wrong)
    })?;
    wrong.into_iter().for_each(|what| report.broken(what));
    Ok(())
}

/// Writes until nobody answers any more; what is wrong before that is wrong.
fn write(ledger: &mut Ledger, client: &Client, random: &mut Random, answered: &AtomicU64) -> Option<String> {
    loop {
        let done = ledger.step(client, random, READS);
        answered.fetch_add(1, Ordering::Relaxed);
        if done.status == 0 {
            return None;
        }
        if done.wrong.is_some() {
            return done.wrong;
        }
    }
}

fn look(
    server: &Server,
    token: &str,
    ledgers: &mut [Ledger],
    all: bool,
    random: &mut Random,
    report: &mut Report,
) -> anyhow::Result<usize> {
    let client = server.client(token);
    let mut looked = 0;
    for ledger in ledgers {
        let (count, wrong) = ledger.verify(&client, all, random)?;
        looked += count;
        wrong.into_iter().for_each(|what| report.broken(what));
    }
    Ok(looked)
}

/// The audit log holds, and has one row for each write.
pub(crate) fn audit(place: &Place, ledgers: &[Ledger], report: &mut Report) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    // A running server moves the last records to the log within a second.
    let sealed = loop {
        match place.run(&["audit", "verify"]) {
            Ok(said) if said.lines().any(|line| line == "waiting to be sealed: 0") => break Ok(said),
            Ok(said) if Instant::now() > deadline => break Err(anyhow::anyhow!("never sealed: {said}")),
            Ok(_) => std::thread::sleep(Duration::from_millis(100)),
            Err(error) => break Err(error),
        }
    };
    if let Err(error) = sealed {
        report.broken(format!("{error:#}"));
        return Ok(());
    }
    let mut found: BTreeMap<i64, Traces> = BTreeMap::new();
    for line in place.run(&["audit", "export"])?.lines() {
        let row: Value = serde_json::from_str(line)?;
        let Some(id) = row["object_id"].as_i64() else { continue };
        let traces = found.entry(id).or_default();
        match row["action"].as_str() {
            Some("entry.create") => traces.creations += 1,
            Some("entry.update") => traces.updates += 1,
            Some("entry.delete") => traces.deletions += 1,
            _ => {}
        }
    }
    for (id, expected) in ledgers.iter().flat_map(Ledger::traces) {
        let found = found.get(&id).copied().unwrap_or_default();
        report.expect(found == expected, || {
            format!("audit log of entry {id}: {found:?} instead of {expected:?}")
        });
    }
    Ok(())
}
