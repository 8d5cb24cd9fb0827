//! The binary `pagoda`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    pagoda::run()
}
