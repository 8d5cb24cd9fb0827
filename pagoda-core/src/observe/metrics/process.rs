//! The process as the kernel sees it: `/proc/self`, which only Linux has; elsewhere there is nothing.

use std::fs;
use std::time::Duration;

/// What a process uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Process {
    /// Memory that is really there, in bytes.
    pub resident_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// Open files and sockets; absent when they may not be looked at.
    pub open_files: Option<usize>,
    /// Processor time of all threads.
    pub cpu: Duration,
    /// When it started, in seconds since the epoch.
    pub started: f64,
}

/// In what `/proc` counts time: the kernel promises programs this many per second, whatever its own clock does.
const TICKS_PER_SECOND: u32 = 100;

/// What this process uses now; none where the kernel does not tell.
#[must_use]
pub fn read() -> Option<Process> {
    let (stat, status) =
        (fs::read_to_string("/proc/self/stat").ok()?, fs::read_to_string("/proc/self/status").ok()?);
    let boot = fs::read_to_string("/proc/stat").ok()?;
    let open_files = fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
    parse(&stat, &status, &boot, open_files)
}

fn parse(stat: &str, status: &str, boot: &str, open_files: Option<usize>) -> Option<Process> {
    // The name in parentheses may contain anything; numbered as in proc(5), the next field is the third.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u32>().ok();
    let long = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let line = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let ticks = field(14)?.saturating_add(field(15)?);
    let booted = line(boot, "btime ")?;
    Some(Process {
        resident_bytes: line(status, "VmRSS:")?.saturating_mul(1024),
        threads: line(status, "Threads:")?,
        open_files,
        cpu: Duration::from_secs(u64::from(ticks)) / TICKS_PER_SECOND,
        started: Duration::from_secs(booted).as_secs_f64() + long(22)? / f64::from(TICKS_PER_SECOND),
    })
}

#[cfg(test)]
mod tests {
    use super::{Process, parse, read};
    use std::time::Duration;

    #[test]
    fn the_files_of_the_kernel_are_read() {
        let stat = "42 (a ) b) S 1 1 1 0 -1 4194560 9 0 0 0 123 77 0 0 20 0 5 0 250 1000 10";
        let status = "Name:\ta\nVmRSS:\t    2048 kB\nThreads:\t5\n";
        let found = parse(stat, status, "cpu 1 2\nbtime 1700000000\n", Some(7));
        let expected = Process {
            resident_bytes: 2 * 1024 * 1024,
            threads: 5,
            open_files: Some(7),
            cpu: Duration::from_secs(2),
            started: 1_700_000_002.5,
        };
        assert_eq!(found, Some(expected));
        assert_eq!(parse("nonsense", status, "", None), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_seen() {
        let process = read().unwrap();
        assert!(process.resident_bytes > 1_000_000 && process.threads > 0, "{process:?}");
        assert!(process.open_files > Some(2) && process.started > 1.6e9, "{process:?}");
    }
}
