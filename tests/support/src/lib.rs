//! A private PostgreSQL for the tests of one process.
//!
//! [`database`] starts a cluster on first use, in a temporary directory, on a free loopback port, and makes a fresh
//! database in it. Nothing of it outlives the test process, however that ends: a small shell script holds the
//! server and waits for the end of its standard input, which only the test process keeps open.
//! Where the programs of PostgreSQL are missing the tests are skipped with one line, unless
//! `PAGODA_TEST_REQUIRE_POSTGRES=1` makes that a failure.

#![forbid(unsafe_code)]
#![expect(clippy::panic, reason = "a test that cannot have its database fails, with the reason")]

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Superuser of the cluster; no password, trusted on the loopback interface.
const SUPERUSER: &str = "postgres";
const PATIENCE: Duration = Duration::from_secs(60);

/// Holds the server until standard input ends, then stops it (SIGINT: without waiting for clients) and cleans up.
const WATCHDOG: &str = r#"
"$1/postgres" -D "$2/data" -p "$3" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 \
    $4 \
    </dev/null >"$2/log" 2>&1 &
server=$!
cat >/dev/null
kill -INT "$server"
wait "$server"
cd /
rm -rf "$2"
"#;

/// Tests are about what is stored, not about what survives a power cut.
const FAST: &str = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=32MB";
/// Measurements are about both, with the memory that PostgreSQL's documentation advises for a machine of 4 GB; with less of its
/// log between two checkpoints, filling a database writes most pages whole again and again.
const DURABLE: &str = "-c shared_buffers=1GB -c max_wal_size=4GB";

/// A running server.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    directory: PathBuf,
    account: Option<(u32, u32)>,
    port: u16,
    /// Its standard input is what keeps the server alive.
    _watchdog: Child,
}

/// The cluster of this process, started on the first call; `None` where PostgreSQL is not installed.
///
/// # Panics
/// When it is installed and does not start, or is required and not installed.
pub fn postgres() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    started(&CLUSTER, FAST)
}

/// URL of a fresh, empty database in a cluster that writes to the disk what it acknowledges, for measurements; `None` where
/// PostgreSQL is not installed.
///
/// # Panics
/// As [`postgres`].
pub fn durable_database() -> Option<String> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    started(&CLUSTER, DURABLE).map(Cluster::new_database)
}

fn started(cluster: &'static OnceLock<Option<Cluster>>, settings: &str) -> Option<&'static Cluster> {
    cluster
        .get_or_init(|| {
            let Some(programs) = find_programs() else {
                if std::env::var_os("PAGODA_TEST_REQUIRE_POSTGRES").is_some_and(|value| value == "1") {
                    panic!("PAGODA_TEST_REQUIRE_POSTGRES=1, but the PostgreSQL programs were not found");
                }
                // Not println!: the line is wanted also where output of tests is captured.
                let _ = writeln!(std::io::stderr(), "skipped: PostgreSQL programs not found");
                return None;
            };
            Some(Cluster::start(programs, settings))
        })
        .as_ref()
}

/// URL of a fresh, empty database; `None` where PostgreSQL is not installed.
///
/// # Panics
/// As [`postgres`].
pub fn database() -> Option<String> {
    postgres().map(Cluster::new_database)
}

impl Cluster {
    fn start(programs: PathBuf, settings: &str) -> Self {
        let directory = match tempfile::Builder::new().prefix("pagoda-pg-").tempdir() {
            Ok(directory) => directory.keep(),
            Err(error) => panic!("no temporary directory: {error}"),
        };
        let account = account_for(&directory);
        let port = free_port();
        let mut initdb = command(&programs.join("initdb"), &directory, account);
        initdb.arg("-D").arg(directory.join("data"));
        initdb.args(["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
        check("initdb", initdb.output());
        let mut watchdog = command(Path::new("/bin/sh"), &directory, account);
        watchdog
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(&programs)
            .arg(&directory)
            .arg(port.to_string())
            .arg(settings);
        // A group of its own: an interrupt from the terminal must not reach it before its work is done.
        watchdog.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let watchdog = match watchdog.spawn() {
            Ok(child) => child,
            Err(error) => panic!("cannot start sh: {error}"),
        };
        let cluster = Self { programs, directory, account, port, _watchdog: watchdog };
        cluster.wait_until_ready();
        cluster
    }

    /// Host and port of the server.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// URL of a database in this cluster.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}@{}/{database}", self.address())
    }

    /// Makes an empty database and returns its URL.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn new_database(&self) -> String {
        self.new_database_with("")
    }

    /// Makes an empty database that knows all letters, and returns its URL: the others know those of ASCII.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn new_database_with_letters(&self) -> String {
        self.new_database_with("TEMPLATE template0 LC_CTYPE 'C.UTF-8'")
    }

    fn new_database_with(&self, options: &str) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.execute("postgres", &format!("CREATE DATABASE {name} {options}"));
        self.url(&name)
    }

    /// Runs SQL beside the code under test, and returns what `psql` prints of it.
    ///
    /// # Panics
    /// When the statement fails.
    pub fn execute(&self, database: &str, sql: &str) -> String {
        check(sql, self.psql(database, sql))
    }

    fn psql(&self, database: &str, sql: &str) -> std::io::Result<Output> {
        let mut psql = command(&self.programs.join("psql"), &self.directory, self.account);
        psql.args(["-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-U", SUPERUSER, "-v", "ON_ERROR_STOP=1"]);
        psql.arg("-p").arg(self.port.to_string()).arg("-d").arg(database).arg("-c").arg(sql);
        psql.output()
    }

    fn wait_until_ready(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.psql("postgres", "SELECT 1").is_ok_and(|output| output.status.success()) {
            if Instant::now() > deadline {
                let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
                panic!("PostgreSQL did not start within {PATIENCE:?}: {log}");
            }
            sleep(Duration::from_millis(50));
        }
    }
}

/// The first directory that has all programs: of PATH, then of the newest installed version.
fn find_programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort();
    candidates.extend(versions.into_iter().rev());
    let programs = ["initdb", "postgres", "psql"];
    candidates.into_iter().find(|directory| programs.iter().all(|name| directory.join(name).is_file()))
}

/// PostgreSQL refuses to run as root: then it runs as somebody else, who owns the directory.
fn account_for(directory: &Path) -> Option<(u32, u32)> {
    // Who made the directory is who we are.
    let is_root = fs::metadata(directory).is_ok_and(|metadata| metadata.uid() == 0);
    if !is_root {
        return None;
    }
    let Some((uid, gid)) = look_up("postgres").or_else(|| look_up("nobody")) else {
        panic!("running as root, and /etc/passwd has neither postgres nor nobody");
    };
    if let Err(error) = chown(directory, Some(uid), Some(gid)) {
        panic!("cannot give {} away: {error}", directory.display());
    }
    Some((uid, gid))
}

fn look_up(name: &str) -> Option<(u32, u32)> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next()? == name;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        found.then_some((uid, gid))
    })
}

fn free_port() -> u16 {
    match TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()) {
        Ok(address) => address.port(),
        Err(error) => panic!("no free port: {error}"),
    }
}

/// A program in the directory, as the account, without settings of the developer's own PostgreSQL.
fn command(program: &Path, directory: &Path, account: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C");
    command.stdin(Stdio::null());
    if let Some((uid, gid)) = account {
        command.uid(uid).gid(gid);
    }
    command
}

fn check(what: &str, output: std::io::Result<Output>) -> String {
    match output {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Ok(output) => panic!("{what}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("{what}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_fresh_and_separate() {
        let (Some(first), Some(second)) = (database(), database()) else { return };
        assert_ne!(first, second);
        let name = first.rsplit('/').next().unwrap();
        let cluster = postgres().unwrap();
        cluster.execute(name, "CREATE TABLE t (id INT)");
        assert_eq!(cluster.execute(name, "SELECT count(*) FROM t"), "0");
    }
}
