//! The binary `pagoda` under another name, so that a test can build it with plugins without touching the
//! plain one.

use std::process::ExitCode;

fn main() -> ExitCode {
    pagoda::run()
}
