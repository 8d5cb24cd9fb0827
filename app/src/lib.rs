//! The Pagoda server: the host with the plugins that this build's features name.
// One call in `allocator`, with its reason; everywhere else it is forbidden.
#![deny(unsafe_code)]
// A plugin whose feature is on but which nothing names would not be linked, and silently absent. With this
// it does not compile, and the message names the crate.
#![cfg_attr(not(test), deny(unused_crate_dependencies))]

mod allocator;
mod plugins;

use std::process::ExitCode;

/// Runs the command line.
#[must_use]
pub fn run() -> ExitCode {
    // More memory than needed is no reason not to serve.
    let _ = allocator::bound();
    pagoda_core::main(plugins::PLUGINS)
}
