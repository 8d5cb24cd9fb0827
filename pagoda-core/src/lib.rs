//! The host of Pagoda: a server for structured asset data whose plugins are compiled in.
//!
//! Modules stand in the order in which a request meets them; `ARCHITECTURE.md` tells the way.
#![forbid(unsafe_code)]

#[cfg(panic = "abort")]
compile_error!(
    "pagoda-core needs panic = \"unwind\": a plugin's panic is caught at its call, and under \"abort\" it would end the server"
);

pub mod auth;
pub mod cli;
pub mod config;
pub mod confine;
pub mod http;
pub mod limits;
pub mod mail;
pub mod observe;
pub mod outbound;
pub mod plugins;
pub mod replace;
pub mod server;
pub mod services;
pub mod store;
pub mod ui;
pub mod wire;

pub use cli::main;

/// What an application needs to name its plugins.
pub mod plugin {
    pub use pagoda_plugin_sdk::PluginDecl;
    pub use pagoda_plugin_sdk::plugin::check_plugin;
}
