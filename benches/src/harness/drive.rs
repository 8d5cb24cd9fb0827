//! The two ways to load a server. Closed: so many connections, each with one request on its way. Open: so many requests per
//! second whether it keeps up or not, each measured from the moment at which it should have been sent, so that a server
//! that stalls is charged for those that waited.

use super::scenario::{Scenario, World};
use crate::load::{BUFFER, exchange, runtime};
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// What came of a load.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// In microseconds.
    pub latencies: Histogram<u64>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl Outcome {
    /// Answers per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.answers() / self.seconds.max(1e-9)
    }

    /// How many answers there were.
    #[must_use]
    pub fn answers(&self) -> f64 {
        u32::try_from(self.latencies.len()).map_or(f64::INFINITY, f64::from)
    }

    /// So many of 100 answers came faster, in microseconds.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> f64 {
        u32::try_from(self.latencies.value_at_percentile(percent)).map_or(f64::INFINITY, f64::from)
    }
}

/// How a server is loaded.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Connections.
    pub connections: u32,
    /// For how long.
    pub duration: Duration,
    /// Requests per second; as many as are answered when absent.
    pub rate: Option<f64>,
}

/// Loads a server with one scenario; ends early when that has nothing more to ask for.
///
/// # Errors
/// A request was not answered well.
pub fn drive(
    address: SocketAddr,
    scenario: &'static Scenario,
    world: &Rc<World>,
    plan: Plan,
) -> anyhow::Result<Outcome> {
    let latencies = Rc::new(RefCell::new(Histogram::<u64>::new_with_bounds(1, 120_000_000, 3)?));
    let sent = Rc::new(Cell::new(0_u32));
    let started = Instant::now();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime()?, async {
        let mut connections = Vec::new();
        for _ in 0..plan.connections {
            let (latencies, sent, world) = (Rc::clone(&latencies), Rc::clone(&sent), Rc::clone(world));
            connections.push(tokio::task::spawn_local(async move {
                let mut stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let mut buffer = vec![0; BUFFER];
                loop {
                    let number = sent.replace(sent.get() + 1);
                    let due = match plan.rate {
                        Some(rate) => started + Duration::from_secs_f64(f64::from(number) / rate),
                        None => Instant::now(),
                    };
                    if due >= started + plan.duration {
                        return anyhow::Ok(());
                    }
                    let Some(bytes) = world.next(scenario) else { return Ok(()) };
                    // A timer that wakes late is not the server's fault; a connection that was busy is.
                    let from = if due > Instant::now() {
                        tokio::time::sleep_until(due.into()).await;
                        Instant::now()
                    } else {
                        due
                    };
                    let (head, total) = exchange(&mut stream, &bytes, &mut buffer).await?;
                    let took = u64::try_from(from.elapsed().as_micros()).unwrap_or(u64::MAX);
                    latencies.borrow_mut().saturating_record(took.max(1));
                    world.answered(scenario, buffer.get(head..total).unwrap_or_default());
                }
            }));
        }
        for connection in connections {
            connection.await??;
        }
        anyhow::Ok(())
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let latencies = latencies.borrow().clone();
    Ok(Outcome { latencies, seconds })
}
