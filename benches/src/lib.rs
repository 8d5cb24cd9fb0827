//! What Pagoda costs, measured against the limits that its design sets: tools for the benchmarks, and the
//! plugin that they call. `docs/benchmarks.md` says what is measured and how to read it.

pub mod bare;
pub mod bare_site;
pub mod data;
pub mod generate;
pub mod harness;
pub mod load;
pub mod report;
pub mod serving;

use pagoda_plugin_sdk::prelude::*;
use serde::Serialize;

plugin! { id = "bench", name = "Benchmark" }

/// The answer of the benchmark's route.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
pub struct Greeting {
    message: &'static str,
    plugin: &'static str,
    version: &'static str,
    status: &'static str,
    items: [u32; 8],
}

impl Greeting {
    /// The same for everybody who asks.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            message: "Hello from a plugin that says what a small answer says",
            plugin: "bench",
            version: "0.1.0",
            status: "active",
            items: [1, 2, 3, 5, 8, 13, 21, 34],
        }
    }
}

impl Default for Greeting {
    fn default() -> Self {
        Self::new()
    }
}

/// For everybody.
#[get("/open/", auth = none)]
async fn open() -> Json<Greeting> {
    Json(Greeting::new())
}

/// For users.
#[get("/token/")]
async fn token() -> Json<Greeting> {
    Json(Greeting::new())
}
