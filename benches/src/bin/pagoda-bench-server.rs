//! The server without plugins, for the test of `pagoda-bench`, which must not wait for a release build.

fn main() -> std::process::ExitCode {
    pagoda_core::cli::main(&[])
}
