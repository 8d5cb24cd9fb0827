//! The server with all plugins of this repository, for tests that need a process to kill, hang or watch.
#![forbid(unsafe_code)]

use pagoda_core::plugin::{PluginDecl, check_plugin};
use std::process::ExitCode;

static PLUGINS: &[&PluginDecl] = &[
    check_plugin(&pagoda_chaos::PLUGIN),
    check_plugin(&pagoda_hello_world::PLUGIN),
    check_plugin(&pagoda_naming_policy::PLUGIN),
];

fn main() -> ExitCode {
    pagoda_core::main(PLUGINS)
}
