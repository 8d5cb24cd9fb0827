//! Tests that span crates: a real server, real requests, SQLite and PostgreSQL.
//!
//! `api/` follows the routes; the other files are about a promise each. [`server`] starts what they talk to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(
    clippy::field_reassign_with_default,
    reason = "types of the SDK are non-exhaustive: they are made by Default and filled"
)]

mod account;
mod agreement;
mod alerts;
mod api;
mod api_browser;
mod audit;
mod bad_input;
mod bridges;
mod browser;
mod bulk_path;
mod capabilities;
mod chaos;
mod check;
#[cfg(target_os = "linux")]
mod concurrency;
mod confine;
mod contract;
mod docs;
mod drill;
mod faults;
mod fires;
mod isolation;
mod layers;
mod lifecycle;
mod limits;
mod metrics;
mod naming_policy;
mod otlp;
mod outbound;
mod payloads;
mod pci;
mod plugin_routes;
mod points;
mod process;
mod quarantine;
mod search_faults;
mod search_index;
mod search_random;
mod server;
mod statements;
mod tour;
mod ui;
mod wait;

use pagoda_plugin_sdk::prelude::*;

// The plugin of the tests that use the attributes; hooks and routes stand beside the tests they are for.
plugin! {
    id = "test-plugin",
    name = "Test plugin",
    capabilities = [entities.read, entities.write, entries.read, entries.write, users.read, plugin.act],
}
