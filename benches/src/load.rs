//! A small closed-loop load generator: keep-alive connections, each with one request on its way at a time.

use crate::report::{median, say};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Connections at a time.
pub const CONNECTIONS: u64 = 16;

/// Makes the request of a number; numbers are never repeated within a [`Side`].
pub type MakeRequest = Rc<dyn Fn(u64) -> Vec<u8>>;

/// A server with what is asked of it.
pub struct Side {
    name: &'static str,
    address: SocketAddr,
    request: MakeRequest,
    next: Cell<u64>,
}

impl Side {
    /// A server with what is asked of it.
    #[must_use]
    pub fn new(name: &'static str, address: SocketAddr, request: impl Fn(u64) -> Vec<u8> + 'static) -> Self {
        Self { name, address, request: Rc::new(request), next: Cell::new(0) }
    }
}

/// One round.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// Answers per second.
    pub per_second: f64,
    /// Half of the answers came faster.
    pub p50_us: f64,
    /// 99 of 100 answers came faster.
    pub p99_us: f64,
    /// Processor time of this process but the load generator's, per answer.
    pub cpu_us: f64,
}

/// A GET of `path`, with the headers that clients send.
#[must_use]
pub fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    let authorization = token.map(|key| format!("Authorization: Token {key}\r\n")).unwrap_or_default();
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n{authorization}\r\n"
    )
    .into_bytes()
}

/// A POST of JSON to `path`.
#[must_use]
pub fn post(path: &str, token: &str, body: &str) -> Vec<u8> {
    send("POST", path, token, body)
}

/// A request with a body of JSON, or with none where it is empty.
#[must_use]
pub fn send(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let content = match body.len() {
        0 => String::new(),
        length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\
         Authorization: Token {token}\r\n{content}\r\n{body}"
    )
    .into_bytes()
}

/// Sends one request and returns the body of its answer.
///
/// # Errors
/// No answer, or not a good one.
pub fn once(address: SocketAddr, request: &[u8]) -> anyhow::Result<Vec<u8>> {
    runtime()?.block_on(async {
        let mut stream = TcpStream::connect(address).await?;
        let mut buffer = vec![0; BUFFER];
        let (head, total) = exchange(&mut stream, request, &mut buffer).await?;
        Ok(buffer.get(head..total).unwrap_or_default().to_vec())
    })
}

/// Sends one request and returns the status and the body of its answer, whatever they are.
///
/// # Errors
/// No answer.
pub fn answer(address: SocketAddr, request: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
    runtime()?.block_on(async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request).await?;
        let (mut answer, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
        loop {
            let count = stream.read(&mut buffer).await?;
            anyhow::ensure!(count > 0, "the server closed the connection");
            answer.extend_from_slice(buffer.get(..count).unwrap_or_default());
            let Some((status, head, total)) = frame(&answer)? else { continue };
            if answer.len() >= total {
                return Ok((status, answer.get(head..total).unwrap_or_default().to_vec()));
            }
        }
    })
}

/// Bytes of the largest answer.
pub(crate) const BUFFER: usize = 1024 * 1024;

pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Where the body of the answer begins and ends in `buffer`.
pub(crate) async fn exchange(
    stream: &mut TcpStream,
    request: &[u8],
    buffer: &mut [u8],
) -> anyhow::Result<(usize, usize)> {
    stream.write_all(request).await?;
    let mut filled = 0;
    loop {
        let count = stream.read(buffer.get_mut(filled..).unwrap_or_default()).await?;
        anyhow::ensure!(count > 0, "the server closed the connection");
        filled += count;
        let Some((head, total)) = extent(buffer.get(..filled).unwrap_or_default())? else { continue };
        if filled >= total {
            return Ok((head, total));
        }
    }
}

/// Where the body of a good answer begins and ends, once its head is complete.
fn extent(answer: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    let Some((status, head, total)) = frame(answer)? else { return Ok(None) };
    anyhow::ensure!(status / 100 == 2, "not a good answer: {}", String::from_utf8_lossy(answer));
    Ok(Some((head, total)))
}

/// The status of an answer and where its body begins and ends, once its head is complete.
fn frame(answer: &[u8]) -> anyhow::Result<Option<(u16, usize, usize)>> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(answer.get(..end).unwrap_or_default())?;
    let status = head.split(' ').nth(1).unwrap_or_default().parse()?;
    let length = head
        .split("\r\n")
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(Ok(0), str::parse::<usize>)?;
    Ok(Some((status, end + 4, end + 4 + length)))
}

/// Keeps `side` busy for `duration`.
///
/// # Errors
/// A request was not answered well.
pub fn round(side: &Side, duration: Duration) -> anyhow::Result<Round> {
    let latencies = Rc::new(RefCell::new(Vec::<f64>::with_capacity(500_000)));
    let next = Rc::new(Cell::new(side.next.get()));
    let (process, own) = (process_cpu_us()?, thread_cpu_us()?);
    let started = Instant::now();
    let deadline = started + duration;
    let local = tokio::task::LocalSet::new();
    let address = side.address;
    local.block_on(&runtime()?, async {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let (latencies, next, request) =
                (Rc::clone(&latencies), Rc::clone(&next), Rc::clone(&side.request));
            connections.push(tokio::task::spawn_local(async move {
                let mut stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let mut buffer = vec![0; BUFFER];
                loop {
                    let bytes = request(next.replace(next.get() + 1));
                    let began = Instant::now();
                    if began >= deadline {
                        return anyhow::Ok(());
                    }
                    exchange(&mut stream, &bytes, &mut buffer).await?;
                    latencies.borrow_mut().push(began.elapsed().as_secs_f64() * 1e6);
                }
            }));
        }
        for connection in connections {
            connection.await??;
        }
        anyhow::Ok(())
    })?;
    let took = started.elapsed().as_secs_f64();
    let cpu = (process_cpu_us()? - process) - (thread_cpu_us()? - own);
    side.next.set(next.get());
    let mut latencies = latencies.take();
    latencies.sort_by(f64::total_cmp);
    let at = |hundredths: usize| latencies.get(latencies.len() * hundredths / 100).copied().unwrap_or(0.0);
    // A count of answers is exact in a float.
    let count = u32::try_from(latencies.len()).map_or(f64::INFINITY, f64::from);
    Ok(Round { per_second: count / took, p50_us: at(50), p99_us: at(99), cpu_us: cpu / count })
}

/// Processor time of this process in microseconds, all threads.
fn process_cpu_us() -> anyhow::Result<f64> {
    cpu_us("/proc/self/stat")
}

/// Processor time in microseconds, all threads, of the process whose `stat` file this is.
pub(crate) fn cpu_us(path: &str) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(path)?;
    // The name of the program, in parentheses, may hold anything; times are the 12th and 13th behind it.
    let (_, fields) = stat.rsplit_once(')').ok_or_else(|| anyhow::anyhow!("{path}: {stat}"))?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    // Linux counts 100 ticks a second towards programs, on every architecture.
    Ok(ticks.sum::<Result<f64, _>>()? * 10_000.0)
}

/// Processor time of this thread in microseconds.
fn thread_cpu_us() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(stat.split(' ').next().unwrap_or_default().parse::<f64>()? / 1_000.0)
}

/// How two servers compare: medians over interleaved rounds.
#[derive(Debug, Clone, Copy)]
pub struct Comparison {
    /// The first.
    pub ours: Round,
    /// The second.
    pub bare: Round,
    /// Answers per second, first through second, median over pairs of neighbouring rounds.
    pub ratio: f64,
    /// Lowest and highest ratio of a pair.
    pub range: (f64, f64),
    /// Processor time per answer, second through first, median over pairs.
    pub cpu_ratio: f64,
}

fn middle(rounds: &[Round]) -> Round {
    let of = |field: fn(&Round) -> f64| median(rounds.iter().map(field).collect());
    Round {
        per_second: of(|r| r.per_second),
        p50_us: of(|r| r.p50_us),
        p99_us: of(|r| r.p99_us),
        cpu_us: of(|r| r.cpu_us),
    }
}

/// Alternates between two servers, in turns of who begins.
///
/// # Errors
/// A request was not answered well.
pub fn compare(ours: &Side, bare: &Side, rounds: usize, duration: Duration) -> anyhow::Result<Comparison> {
    for side in [ours, bare] {
        round(side, duration / 3)?;
    }
    let (mut of_ours, mut of_bare) = (Vec::new(), Vec::new());
    for number in 0..rounds {
        if number % 2 == 0 {
            of_ours.push(round(ours, duration)?);
            of_bare.push(round(bare, duration)?);
        } else {
            of_bare.push(round(bare, duration)?);
            of_ours.push(round(ours, duration)?);
        }
        if let (Some(a), Some(b)) = (of_ours.last(), of_bare.last()) {
            say(&format!(
                "  {} {:.0}/s ({:.1} us), {} {:.0}/s ({:.1} us): {:.3}",
                ours.name,
                a.per_second,
                a.cpu_us,
                bare.name,
                b.per_second,
                b.cpu_us,
                a.per_second / b.per_second
            ));
        }
    }
    let pairs = || of_ours.iter().zip(&of_bare);
    let ratios: Vec<f64> = pairs().map(|(a, b)| a.per_second / b.per_second).collect();
    let range = ratios.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), r| (low.min(*r), high.max(*r)));
    Ok(Comparison {
        ours: middle(&of_ours),
        bare: middle(&of_bare),
        ratio: median(ratios),
        range,
        cpu_ratio: median(pairs().map(|(a, b)| b.cpu_us / a.cpu_us).collect()),
    })
}

#[cfg(test)]
mod tests {
    use super::extent;

    #[test]
    fn an_answer_ends_with_its_body() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(extent(answer).unwrap(), Some((answer.len() - 2, answer.len())));
        assert_eq!(extent(b"HTTP/1.1 200 OK\r\n").unwrap(), None);
        assert!(extent(b"HTTP/1.1 500 No\r\n\r\n").is_err());
    }
}
