//! How much memory the allocator keeps for itself.

/// Gives glibc's allocator one arena for each processor, in place of eight. Has no effect on other systems.
///
/// A thread takes memory from an arena of its own as long as there is one to be had, and an arena keeps what is given
/// back. Pages of SQLite's caches are taken by whichever thread runs the statement, so that over time each of sixteen
/// arenas (on two processors) had held the pages of several connections: 295 MiB of a server over a million entries
/// where 154 do (`docs/benchmarks.md`). More threads than processors gain nothing by more arenas.
///
/// To be called before there are other threads: an arena that exists stays.
pub(crate) fn bound() -> bool {
    bound_to(std::thread::available_parallelism().map_or(2, usize::from).max(2))
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(
    unsafe_code,
    reason = "there is no other way to say it than this call, or the environment of who starts the process"
)]
fn bound_to(arenas: usize) -> bool {
    let Ok(arenas) = libc::c_int::try_from(arenas) else { return false };
    // SAFETY: `mallopt` takes two integers and no pointers, checks both, and touches nothing but a number that the
    // allocator reads under its own lock. A wrong number would be answered with 0 and ignored.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas) == 1 }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn bound_to(_arenas: usize) -> bool {
    true
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    #[test]
    fn the_allocator_takes_the_bound() {
        assert!(super::bound());
        assert!(!super::bound_to(usize::MAX));
    }
}
