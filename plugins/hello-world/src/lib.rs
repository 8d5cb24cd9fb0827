//! The sample plugin: says hello, reads entities and entries, refuses forbidden names.
//!
//! Start reading here; then `hooks.rs` (what it does when something happens) and `routes.rs` (what it
//! answers). `wire.rs` has the fragments that the answers share.
//!
//! *Source of paths, bodies and codes: spec, sample plugin hello-world.*
#![forbid(unsafe_code)]

mod hooks;
mod routes;
mod wire;

use pagoda_plugin_sdk::prelude::*;

plugin! {
    id = "hello-world-plugin",
    alias = "hello-world",
    name = "Hello World Plugin",
    version = "1.0.0",
    capabilities = [entities.read, entries.read],
}
