//! How much memory the allocator keeps for itself.

/// Gives glibc's allocator two arenas for each processor, in place of eight. Has no effect on other systems.
///
/// A thread takes memory from an arena of its own as long as there is one to be had, and an arena keeps what is given
/// back. Pages of SQLite's caches are taken by whichever thread runs the statement, so that over time each of sixteen
/// arenas (on two processors) had held the pages of several connections: 295 MiB of a server over a million entries
/// where 161 do (`docs/decisions/README.md`). One for each processor would save another 12 MiB, but a thread that loses its
/// processor within the allocator then keeps others waiting: lists and details took 5 % more of the processors.
///
/// To be called before there are other threads: an arena that exists stays.
pub(crate) fn bound() -> bool {
    bound_to(std::thread::available_parallelism().map_or(4, |processors| processors.get().saturating_mul(2)))
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
