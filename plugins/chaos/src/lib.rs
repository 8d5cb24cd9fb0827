//! For tests and drills: fails, hangs, overreaches and floods on demand. Never in default features.
//!
//! An entry named `chaos.<hook>.<fault>[.<n>]` makes the hook do it, a route does it at its path.
//! `drill.rs` reads such names and knows nothing of hooks; `hooks.rs` and `routes.rs` are the two ways in;
//! `fault.rs` has what both do. `README.md` lists the faults.
#![forbid(unsafe_code)]

mod drill;
mod fault;
mod hooks;
mod routes;

pub use drill::{Drill, Fault, Hook};

use pagoda_plugin_sdk::prelude::*;

plugin! {
    id = "chaos",
    name = "Chaos",
    capabilities = [entries.write],
}
