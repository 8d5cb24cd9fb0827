//! The drill under load: clients work in calm and in faulty times by turns; then a function spins for ever; then
//! what was acknowledged is looked for, and the process has to hold no more than before.

use crate::chaos::{self, Chaos};
use crate::client::Client;
use crate::figures::Figures;
use crate::ledger::Ledger;
use crate::random::Random;
use crate::report::Report;
use crate::server::{Held, Place, Server};
use crate::{Options, kill, spin};
use anyhow::Context;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Clients that make plugins fail, besides those that work.
const CHAOTIC: usize = 2;
/// They pause up to so many milliseconds between two requests.
const MOST_PAUSE_MS: u64 = 150;
/// Of a hundred requests of the working clients so many read.
const READS: u64 = 60;
/// p99 of requests that touch no fault, in faulty times through calm ones.
const MOST_RATIO: f64 = 2.0;
/// Memory that is kept back without anything being lost, in MiB: fragments, and caches of a database that grows.
const KEPT_BACK: u64 = 24;
/// Idle threads end after ten seconds.
const SETTLED_WITHIN: Duration = Duration::from_secs(40);

/// Everybody who sends requests.
struct Crowd {
    ledgers: Vec<Ledger>,
    chaotic: Vec<Chaos>,
    seed: u64,
}

/// What the working clients saw in one time.
#[derive(Default)]
struct Seen {
    figures: Figures,
    /// Requests that were turned away while the process replaced itself.
    turned_away: u64,
    wrong: Vec<String>,
}

/// What happens while the crowd works.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    Calm,
    Faulty,
    /// Nobody makes plugins fail but whoever lets one spin.
    Spinning,
}

pub(crate) fn drill(place: &Place, options: &Options, seed: u64, report: &mut Report) -> anyhow::Result<()> {
    let patient = [("PAGODA_BREAKER_FAULTS", "1000000"), ("PAGODA_WORKERS", "2")];
    let usual = [("PAGODA_WORKERS", "2")];
    let mut server = place.start(&patient)?;
    let token = place.token()?;
    let client = server.client(&token);
    let ledgers = (0..options.clients).map(|who| Ledger::new(who, &client));
    let chaotic = (0..CHAOTIC).map(|who| Chaos::new(who, CHAOTIC, &client));
    let mut crowd = Crowd {
        ledgers: ledgers.collect::<anyhow::Result<_>>()?,
        chaotic: chaotic.collect::<anyhow::Result<_>>()?,
        seed,
    };

    // Two thirds of the time every fault happens, one third breakers cut in as they do by default.
    let seconds = options.seconds.max(3);
    report.say("breakers held open wide: every fault happens");
    crowd.by_turns(&server, &token, seconds * 2 / 3, options.short, report)?;
    let idle = chaos::hooks_that_never_failed(&client)?;
    report.expect(idle.is_empty(), || format!("hooks that never failed, so nothing was shown: {idle:?}"));
    server.stop()?;

    report.say("breakers as they are by default");
    server = place.start(&usual)?;
    crowd.by_turns(&server, &token, seconds / 3, options.short, report)?;

    report.say("a function that never comes back");
    crowd.while_spinning(&mut server, &token, options.short, report)?;
    crowd.verify(&server, &token, report)?;
    kill::audit(place, &crowd.ledgers, report)?;
    let mut touched: BTreeMap<&str, u64> = BTreeMap::new();
    for (what, count) in crowd.chaotic.iter().flat_map(|chaos| &chaos.touched) {
        *touched.entry(what).or_default() += count;
    }
    let lines: Vec<String> = touched.iter().map(|(what, count)| format!("{what}: {count}")).collect();
    report.say(&format!("faults asked for: {}", lines.join(", ")));
    report.expect(options.short || touched.len() == chaos::PLACES, || {
        format!("only {} of {} faults in hooks and routes were asked for", touched.len(), chaos::PLACES)
    });
    server.stop()
}

impl Crowd {
    /// Calm and faulty times by turns, so that whatever else the machine does meets both alike.
    fn by_turns(
        &mut self,
        server: &Server,
        token: &str,
        seconds: u64,
        short: bool,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let threads = self.threads_with_one_client(server, token, report)?;
        // Caches fill and connections are made.
        self.work(server, token, Time::Calm, Duration::from_secs(1), report);
        let memory = server.held()?.memory;
        let turns = (seconds / 4).clamp(1, 16);
        let turn = Duration::from_millis(seconds * 1000 / turns / 2);
        let (mut calm, mut faulty, mut ratios) = (Figures::default(), Figures::default(), Vec::new());
        for number in 0..turns {
            let mut times = [Time::Calm, Time::Faulty];
            if number % 2 == 1 {
                times.reverse();
            }
            let mut p99 = [0.0, 0.0];
            for time in times {
                let figures = self.work(server, token, time, turn, report);
                let (all, at) = if time == Time::Calm { (&mut calm, 0) } else { (&mut faulty, 1) };
                if let Some(p99) = p99.get_mut(at) {
                    *p99 = figures.percentile(990);
                }
                all.add(figures);
            }
            ratios.push(p99[1] / p99[0].max(0.001));
        }
        ratios.sort_by(f64::total_cmp);
        let ratio = faulty.percentile(990) / calm.percentile(990).max(0.001);
        report.say(&format!("  calm:   {}", calm.line()));
        report.say(&format!("  faulty: {}", faulty.line()));
        report.say(&format!(
            "  p99 faulty through calm: {ratio:.2}; turn by turn {:.2} to {:.2}, median {:.2}",
            ratios.first().copied().unwrap_or(0.0),
            ratios.last().copied().unwrap_or(0.0),
            ratios.get(ratios.len() / 2).copied().unwrap_or(0.0)
        ));
        report.expect(short || ratio <= MOST_RATIO, || {
            format!("p99 of requests that touched no fault: {ratio:.2} times that of calm times")
        });
        let busiest = server.held()?;
        let after = settled(server, threads)?;
        report.say(&format!(
            "  memory {memory} MiB before, {} MiB after; threads {threads}, {} while all worked, {} after",
            after.memory, busiest.threads, after.threads
        ));
        let most = memory + KEPT_BACK;
        report.expect(after.memory <= most, || {
            format!("memory did not go back: {memory} MiB, then {} MiB", after.memory)
        });
        report.expect(after.threads <= threads, || {
            format!("threads did not go back: {threads}, then {}", after.threads)
        });
        self.verify(server, token, report)
    }

    /// Threads of the process when one client has written something.
    fn threads_with_one_client(
        &mut self,
        server: &Server,
        token: &str,
        report: &mut Report,
    ) -> anyhow::Result<u64> {
        let (client, first) = (server.client(token), self.ledgers.first_mut());
        let done = first.context("no clients")?.create(&client);
        done.wrong.into_iter().for_each(|what| report.broken(what));
        Ok(server.held()?.threads)
    }

    /// All work for a while; what the working clients saw.
    fn work(
        &mut self,
        server: &Server,
        token: &str,
        time: Time,
        length: Duration,
        report: &mut Report,
    ) -> Figures {
        let (until, turmoil) = (Instant::now() + length, AtomicBool::new(false));
        let over = AtomicBool::new(false);
        let base = server.base.clone();
        let seen = self.go(&base, token, time, &turmoil, &over, || {
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
        });
        seen.wrong.into_iter().for_each(|what| report.broken(what));
        seen.figures
    }

    /// All work until `meanwhile` is over.
    fn go(
        &mut self,
        base: &str,
        token: &str,
        time: Time,
        turmoil: &AtomicBool,
        over: &AtomicBool,
        meanwhile: impl FnOnce(),
    ) -> Seen {
        self.seed = self.seed.wrapping_add(1);
        let seed = self.seed;
        std::thread::scope(|scope| {
            let workers: Vec<_> = self
                .ledgers
                .iter_mut()
                .enumerate()
                .map(|(part, ledger)| {
                    let (client, mut random) = (Client::new(base, token), Random::new(seed, part));
                    scope.spawn(move || keep_working(ledger, &client, &mut random, turmoil, over))
                })
                .collect();
            let chaotic: Vec<_> = self
                .chaotic
                .iter_mut()
                .enumerate()
                .filter(|_| time != Time::Spinning)
                .map(|(part, chaos)| {
                    let (client, mut random) = (Client::new(base, token), Random::new(seed, 1_000 + part));
                    scope.spawn(move || keep_failing(chaos, &client, &mut random, time == Time::Calm, over))
                })
                .collect();
            meanwhile();
            over.store(true, Ordering::SeqCst);
            let mut all = Seen::default();
            for worker in workers {
                match worker.join() {
                    Ok(seen) => {
                        all.figures.add(seen.figures);
                        all.turned_away += seen.turned_away;
                        all.wrong.extend(seen.wrong);
                    }
                    Err(_) => all.wrong.push("a client was lost".to_owned()),
                }
            }
            for chaos in chaotic {
                all.wrong.extend(chaos.join().unwrap_or_else(|_| vec!["a client was lost".to_owned()]));
            }
            all
        })
    }

    fn while_spinning(
        &mut self,
        server: &mut Server,
        token: &str,
        short: bool,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let (turmoil, over, base) = (AtomicBool::new(false), AtomicBool::new(false), server.base.clone());
        let process = server.id();
        let mut outcome = Ok(());
        let seen = self.go(&base, token, Time::Spinning, &turmoil, &over, || {
            outcome = spin::spin_everywhere(server, token, &turmoil, short, report);
        });
        outcome?;
        report.say(&format!(
            "  all others: {}; turned away meanwhile: {}",
            seen.figures.line(),
            seen.turned_away
        ));
        report.expect(server.id() == process, || "another process".to_owned());
        seen.wrong.into_iter().for_each(|what| report.broken(what));
        Ok(())
    }

    fn verify(&mut self, server: &Server, token: &str, report: &mut Report) -> anyhow::Result<()> {
        let client = server.client(token);
        let mut random = Random::new(self.seed, 2_000);
        let mut looked = 0;
        for ledger in &mut self.ledgers {
            let (count, wrong) = ledger.verify(&client, true, &mut random)?;
            looked += count;
            wrong.into_iter().for_each(|what| report.broken(what));
        }
        for chaos in &self.chaotic {
            let (count, wrong) = chaos.verify(&client)?;
            looked += count;
            wrong.into_iter().for_each(|what| report.broken(what));
        }
        let writes: u64 = self.ledgers.iter().map(Ledger::writes).sum();
        report.say(&format!("  {writes} acknowledged writes so far, all {looked} entries looked at"));
        report.expect(writes > 0, || "nothing was written: that shows nothing".to_owned());
        Ok(())
    }
}

/// Works until it is over. While the process replaces itself requests may be turned away; what then is open is
/// looked at once that is over.
fn keep_working(
    ledger: &mut Ledger,
    client: &Client,
    random: &mut Random,
    turmoil: &AtomicBool,
    over: &AtomicBool,
) -> Seen {
    let mut seen = Seen::default();
    while !over.load(Ordering::SeqCst) {
        let excused = turmoil.load(Ordering::SeqCst);
        if !excused && ledger.is_open() {
            match ledger.settle(client) {
                Ok(complaint) => seen.wrong.extend(complaint),
                // The next turmoil may have begun.
                Err(error) if !turmoil.load(Ordering::SeqCst) => {
                    seen.wrong.push(format!("{error:#}"));
                    return seen;
                }
                Err(_) => {}
            }
            continue;
        }
        let began = Instant::now();
        let done = ledger.step(client, random, READS);
        let excused = (excused || turmoil.load(Ordering::SeqCst)) && done.unavailable;
        match done.wrong {
            Some(_) if excused => {
                seen.turned_away += 1;
                // It asks again a moment later, as `Retry-After` says, if sooner.
                std::thread::sleep(random.millis(5, 20));
            }
            wrong => {
                seen.figures.note(done.status, began.elapsed());
                seen.wrong.extend(wrong);
            }
        }
    }
    seen
}

fn keep_failing(
    chaos: &mut Chaos,
    client: &Client,
    random: &mut Random,
    calm: bool,
    over: &AtomicBool,
) -> Vec<String> {
    let mut wrong = Vec::new();
    while !over.load(Ordering::SeqCst) {
        wrong.extend(chaos.step(client, random, calm));
        std::thread::sleep(random.millis(0, MOST_PAUSE_MS));
    }
    wrong
}

/// What the process holds once it has no more threads than these, or its idle ones had time to end.
fn settled(server: &Server, threads: u64) -> anyhow::Result<Held> {
    let deadline = Instant::now() + SETTLED_WITHIN;
    loop {
        std::thread::sleep(Duration::from_millis(200));
        let held = server.held()?;
        if held.threads <= threads || Instant::now() > deadline {
            return Ok(held);
        }
    }
}
