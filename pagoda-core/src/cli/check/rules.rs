//! What a plugin has the SDK for, and what it can break for all: tables, each row with its reason.

/// Members of a module of the standard library that are looked for.
#[derive(Debug, Clone, Copy)]
enum Members {
    /// All.
    All,
    /// All but these, which are plain values.
    AllBut(&'static [&'static str]),
    /// These.
    Only(&'static [&'static str]),
}

const FILES: &str = "plugins keep data through the bridges; files are the operator's";
const HOSTS: &str =
    "plugins reach other hosts through the SDK's client, which knows the hosts that they declare";
const PROGRAMS: &str = "plugins start no programs, and do not end the server";
const THREADS: &str =
    "time budgets and quarantine do not see threads of a plugin's own, nor can they end one that waits";
const SETTINGS: &str = "settings of a plugin are in its section of the configuration; the environment holds secrets of the server";
const ENVIRONMENT: &str =
    "the environment belongs to the whole server and cannot be changed safely beside threads";
const PANICS: &str = "the server's own panic hook notes where a plugin failed";
const HANDLES: &str = "handles of the operating system go past the bridges";

const STANDARD: [(&str, Members, &str); 8] = [
    ("fs", Members::All, FILES),
    (
        "net",
        Members::AllBut(&[
            "AddrParseError",
            "IpAddr",
            "Ipv4Addr",
            "Ipv6Addr",
            "SocketAddr",
            "SocketAddrV4",
            "SocketAddrV6",
        ]),
        HOSTS,
    ),
    ("process", Members::AllBut(&["ExitCode"]), PROGRAMS),
    (
        "thread",
        Members::AllBut(&[
            "AccessError",
            "LocalKey",
            "Result",
            "ThreadId",
            "current",
            "panicking",
            "yield_now",
        ]),
        THREADS,
    ),
    ("env", Members::Only(&["var", "var_os", "vars", "vars_os"]), SETTINGS),
    ("env", Members::Only(&["remove_var", "set_current_dir", "set_var"]), ENVIRONMENT),
    ("panic", Members::Only(&["set_hook", "take_hook"]), PANICS),
    ("os", Members::All, HANDLES),
];

/// The roots under which the standard library is reached.
pub(super) const ROOTS: [&str; 3] = ["std", "core", "alloc"];

/// What there is to say about a path of the standard library, without its root. The path of a module of which
/// only some members are looked for says nothing by itself.
pub(super) fn standard(path: &[String]) -> Option<&'static str> {
    let module = path.first()?;
    let member = path.get(1).map(String::as_str);
    let rows = STANDARD.iter().filter(|(name, _, _)| name == module);
    rows.filter(|(_, members, _)| match (members, member) {
        (Members::All, _) => true,
        (_, None) => false,
        (Members::AllBut(plain), Some(member)) => !plain.contains(&member),
        (Members::Only(wanted), Some(member)) => wanted.contains(&member),
    })
    .map(|(_, _, why)| *why)
    .next()
}

/// What there is to say about everything in a module at once: `use std::net::*`, or the module handed on.
pub(super) fn whole(path: &[String]) -> Option<&'static str> {
    let Some(module) = path.first() else { return Some("everything of the standard library at once") };
    let row = STANDARD.iter().find(|(name, _, _)| name == module);
    // Deeper down it is as for the member itself.
    if path.len() == 1 { row.map(|(_, _, why)| *why) } else { standard(path) }
}

pub(super) const UNSAFE: &str =
    "what the compiler proves about the rest of the server does not hold beside it";
pub(super) const FOREIGN: &str = "code that the compiler does not check";
pub(super) const SYMBOL: &str = "names for the linker can replace those of others";
pub(super) const INCLUDED: &str = "code from elsewhere becomes part of the plugin, and was not looked at";
pub(super) const OTHER_NAME: &str = "the standard library under another name is hard to see";
pub(super) const PRIVATE: &str =
    "this part of the SDK is for its macros and the host, and changes without notice";
pub(super) const UNREADABLE: &str = "it could not be looked at";
pub(super) const BUILD_SCRIPT: &str =
    "it runs while the server is built, with all rights of whoever builds it";

/// Attributes that give names to the linker.
pub(super) const SYMBOLS: [&str; 4] = ["export_name", "link", "link_section", "no_mangle"];

const DATABASES: [&str; 39] = [
    "bb8",
    "cassandra-cpp",
    "clickhouse",
    "deadpool-postgres",
    "diesel",
    "diesel-async",
    "duckdb",
    "fjall",
    "heed",
    "libsql",
    "libsqlite3-sys",
    "lmdb",
    "mongodb",
    "mysql",
    "mysql_async",
    "mysqlclient-sys",
    "odbc-api",
    "oracle",
    "postgres",
    "pq-sys",
    "r2d2",
    "redb",
    "redis",
    "rocksdb",
    "rusqlite",
    "scylla",
    "sea-orm",
    "sled",
    "sqlite",
    "sqlite3-sys",
    "sqlx",
    "sqlx-core",
    "surrealdb",
    "tiberius",
    "tokio-postgres",
    "tokio-rusqlite",
    "turso",
    "turso_core",
    "welds",
];

const CLIENTS: [&str; 39] = [
    "actix-web",
    "actix-http",
    "async-io",
    "async-net",
    "async-std",
    "attohttpc",
    "awc",
    "axum",
    "curl",
    "curl-sys",
    "hickory-resolver",
    "hyper",
    "hyper-util",
    "isahc",
    "lapin",
    "ldap3",
    "lettre",
    "minreq",
    "mio",
    "native-tls",
    "paho-mqtt",
    "quinn",
    "rdkafka",
    "reqwest",
    "rocket",
    "rumqttc",
    "russh",
    "smol",
    "socket2",
    "ssh2",
    "surf",
    "tiny_http",
    "tokio-tungstenite",
    "tonic",
    "trust-dns-resolver",
    "tungstenite",
    "ureq",
    "warp",
    "zmq",
];

/// Of these everybody has some deep down; only who asks for them directly means to use them.
const DIRECT: [(&str, &str); 12] = [
    ("ctor", "it runs before the server does"),
    ("inventory", "registrations are the SDK's"),
    ("libc", HANDLES),
    ("libloading", "code that nobody compiled into the server"),
    ("linkme", "registrations are the SDK's"),
    ("nix", HANDLES),
    ("pagoda-core", "the host is not for plugins: the SDK is all that they see of it"),
    ("rayon", THREADS),
    ("rustix", HANDLES),
    ("tempfile", FILES),
    ("walkdir", FILES),
    ("windows-sys", HANDLES),
];

/// Features of tokio beyond waiting and handing over.
pub(super) const TOKIO: [&str; 5] = ["full", "fs", "net", "process", "signal"];

const DATABASE: &str =
    "a plugin's data goes through the bridges, with their checks, history and transactions";

/// What there is to say about a crate in a plugin's tree.
pub(super) fn dependency(name: &str, direct: bool) -> Option<&'static str> {
    if DATABASES.contains(&name) {
        return Some(DATABASE);
    }
    if CLIENTS.contains(&name) {
        return Some(HOSTS);
    }
    DIRECT.iter().find(|(known, _)| direct && *known == name).map(|(_, why)| *why)
}

/// What there is to say about the features of tokio that somebody asks for.
pub(super) fn tokio(features: &[String]) -> Option<(Vec<&str>, &'static str)> {
    let asked: Vec<&str> = features.iter().map(String::as_str).filter(|name| TOKIO.contains(name)).collect();
    if asked.is_empty() {
        return None;
    }
    Some((asked, "sockets, files and programs go past the bridges"))
}
