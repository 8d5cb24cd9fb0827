//! Confines itself as the server does, then tries what it is told to, and says how each ended.
//!
//! `confined-probe [again=N] WHAT=TARGET…` with the server's environment. `again` lets it replace itself so
//! many times first, as the server does. WHAT is `read`, `list`, `write`, `remove`, `run`, `listen`,
//! `connect`, `abstract` or `signal`; the answers are lines `WHAT=TARGET ok` or `… <kind of error>`.
#![forbid(unsafe_code)]

use pagoda_core::config::{Config, Flags, HANDED_OVER};
use pagoda_core::confine::{Standing, confine};
use rustix::process::{Pid, test_kill_process};
use std::io::{Error, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    match probe() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nowhere else to say it.
            let _ = writeln!(std::io::stderr(), "confined-probe: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn probe() -> anyhow::Result<()> {
    let config = Config::load(&Flags::default(), std::env::vars())
        .map_err(|problems| anyhow::anyhow!(problems.join("; ")))?;
    let handed_over = HANDED_OVER.first().and_then(|name| std::env::var(name).ok());
    let standing = confine(&config, &[], &[], handed_over.as_deref())?;
    let mut arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let first = arguments.first().and_then(|first| first.strip_prefix("again=")).map(str::parse::<u32>);
    if let Some(times) = first.transpose()? {
        arguments.remove(0);
        return Err(replace(&standing, times, &arguments).into());
    }
    let mut out = std::io::stdout().lock();
    for argument in &arguments {
        let (what, target) = argument.split_once('=').unwrap_or((argument, ""));
        match attempt(what, target) {
            Ok(()) => writeln!(out, "{argument} ok")?,
            Err(error) => writeln!(out, "{argument} {:?}", error.kind())?,
        }
    }
    if let Some((_, value)) = standing.environment() {
        writeln!(out, "layers {}", value.split(':').next().unwrap_or_default())?;
    }
    Ok(())
}

/// Comes back only if it failed.
fn replace(standing: &Standing, times: u32, arguments: &[String]) -> Error {
    let mut command = Command::new("/proc/self/exe");
    if let Some(times) = times.checked_sub(1).filter(|times| *times > 0) {
        command.arg(format!("again={times}"));
    }
    if let Some((name, value)) = standing.environment() {
        command.env(name, value);
    }
    command.args(arguments).exec()
}

fn attempt(what: &str, target: &str) -> std::io::Result<()> {
    let unknown = || Error::new(ErrorKind::InvalidInput, format!("there is no {what}"));
    match what {
        "read" => std::fs::read(target).map(drop),
        "list" => std::fs::read_dir(target).map(drop),
        "write" => std::fs::write(target, "written"),
        "remove" => std::fs::remove_file(target),
        "run" => Command::new(target).stdout(Stdio::null()).status().map(drop),
        "listen" => TcpListener::bind(target).map(drop),
        "connect" => TcpStream::connect(target).map(drop),
        "abstract" => abstract_socket(target),
        "signal" => {
            let process = target.parse().ok().and_then(Pid::from_raw).ok_or_else(unknown)?;
            Ok(test_kill_process(process)?)
        }
        _ => Err(unknown()),
    }
}

#[cfg(target_os = "linux")]
fn abstract_socket(name: &str) -> std::io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixStream};
    UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?).map(drop)
}

#[cfg(not(target_os = "linux"))]
fn abstract_socket(_name: &str) -> std::io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}
