//! The Pagoda server: the host with the plugins that this build's features name.
#![forbid(unsafe_code)]
// A plugin whose feature is on but which nothing names would not be linked, and silently absent. With this
// it does not compile, and the message names the crate.
#![cfg_attr(not(test), deny(unused_crate_dependencies))]

mod plugins;

use std::process::ExitCode;

/// Runs the command line.
#[must_use]
pub fn run() -> ExitCode {
    pagoda_core::main(plugins::PLUGINS)
}
