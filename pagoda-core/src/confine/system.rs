//! What every process of this kind needs of the system, whatever it serves.

use super::rules::{Access, Rules};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Libraries, for the process that replaces this one.
const LIBRARIES: [&str; 5] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"];

/// What is read and not changed: the loader's list, what metrics of the process are made of, and what the
/// number of processors is found out from.
const READ: [&str; 6] = [
    "/etc/ld.so.cache",
    "/proc/self",
    "/proc/stat",
    "/proc/meminfo",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
];

/// What finding hosts by name and checking their certificates takes.
const NETWORK: [&str; 10] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/ssl",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
];

/// What the process needs to run, and to be replaced by a new run of the same program.
pub(super) fn process(rules: &mut Rules) {
    let run = Access::READ | Access::EXECUTE;
    // The link leads to the program that runs, also when another has taken its place on the disk.
    rules.allow("/proc/self/exe", run);
    for path in LIBRARIES {
        rules.allow(path, run);
    }
    for path in folders_of_loaded_libraries() {
        rules.allow(path, run);
    }
    for path in READ {
        rules.allow(path, Access::READ);
    }
    rules.allow("/dev/urandom", Access::READ);
    rules.allow("/dev/null", Access::READ | Access::WRITE);
}

/// What the process needs to reach other hosts.
pub(super) fn network(rules: &mut Rules) {
    for path in NETWORK {
        rules.allow(path, Access::READ);
        // Who keeps such a file elsewhere and links to it (systemd-resolved does) replaces it there.
        let real = std::fs::canonicalize(path).ok().filter(|real| real.starts_with("/run"));
        if let Some(folder) = real.as_deref().and_then(Path::parent) {
            rules.allow(folder, Access::READ);
        }
    }
}

/// Not every system keeps its libraries in the usual places.
fn folders_of_loaded_libraries() -> BTreeSet<PathBuf> {
    // Without it the usual places have to do.
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let paths = maps.lines().filter_map(|line| Some(Path::new(line.get(line.find('/')?..)?)));
    let libraries = paths.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".so") || name.contains(".so.")
    });
    let folders = libraries.filter_map(|path| path.parent().map(Path::to_path_buf));
    // Of those below the usual places nothing more has to be said.
    folders.filter(|folder| !LIBRARIES.iter().any(|usual| folder.starts_with(usual))).collect()
}

/// Whether the process feels a restriction already: without one, everybody may list the root directory.
pub(super) fn is_restricted() -> bool {
    std::fs::read_dir("/").is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

/// How many threads the process has; none where that is not known.
pub(super) fn threads() -> Option<usize> {
    std::fs::read_dir("/proc/self/task").ok().map(Iterator::count)
}
