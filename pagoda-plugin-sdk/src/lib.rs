//! All that a Pagoda plugin may depend on.
//!
//! A plugin is an ordinary crate. `plugin!` in its root declares it, attributes over functions say what it
//! contributes, and a Cargo feature of the application switches it on:
//!
//! ```standalone_crate
//! use pagoda_plugin_sdk::prelude::*;
//!
//! plugin! { id = "rack-names", capabilities = [entities.read, entries.read] }
//!
//! /// Racks are named in capitals.
//! #[hook(entry.before_create, entity = "rack")]
//! fn capitals(_ctx: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult {
//!     entry.name = entry.name.to_uppercase();
//!     Ok(())
//! }
//!
//! /// How many racks there are.
//! #[get("/count/")]
//! async fn count(ctx: RouteContext<Plugin>) -> RouteResult<Json<usize>> {
//!     let racks = ctx.read(|db| {
//!         let rack = db.entity_by_name("rack")?;
//!         let mut query = EntryQuery::default();
//!         query.entity = Some(rack.id);
//!         Ok(db.entries(&query)?)
//!     });
//!     Ok(Json(racks.await?.len()))
//! }
//! # fn main() {}
//! ```
//!
//! * [`catalogue`]: the hook points; [`payload`]: what their handlers receive; [`HookContext`]: what they
//!   know about their call.
//! * [`route`]: routes below `/api/v2/plugins/<id>/`.
//! * [`bridge`]: entities, entries, values, permissions, events, through the host's own services.
//! * [`capability`]: what a plugin may do; `plugin!` declares it, `HookContext<Plugin>` and
//!   `RouteContext<Plugin>` carry it, the host enforces it.
//! * [`http`]: requests to other servers; [`secret`]: what the operator keeps for a plugin.
//! * [`config`]: the plugin's section of the configuration, as a struct.
//! * [`testing`]: hooks and routes in unit tests, without a host.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

// The expansions of the macros say `::pagoda_plugin_sdk`, in this crate too.
extern crate self as pagoda_plugin_sdk;

#[doc(hidden)]
pub mod __private;
pub mod bridge;
pub mod capability;
pub mod catalogue;
pub mod config;
pub mod context;
pub mod error;
pub mod event;
pub mod hook;
pub mod http;
pub mod model;
pub mod payload;
pub mod plugin;
pub mod route;
pub mod secret;
pub mod testing;
pub mod time;

pub use catalogue::points as hooks;
pub use config::PluginConfig;
pub use context::HookContext;
pub use error::{Code, HookError, HookResult, Reject};
pub use pagoda_macros::{delete, get, hook, patch, plugin, post, put, subscribe};
pub use plugin::PluginDecl;
pub use route::{RouteContext, RouteError, RouteResult};
pub use {anyhow, schemars, serde, serde_json, tracing};

/// The version of this SDK.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What most plugins use.
pub mod prelude {
    pub use crate::bridge::{
        Auth, BridgeError, Bridges, Data, EntityQuery, EntryChange, EntryQuery, HookBridge, NewEntity,
        NewEntry,
    };
    pub use crate::event::PluginEvent;
    pub use crate::http::{OutboundError, OutboundRequest, OutboundResponse};
    pub use crate::model::*;
    pub use crate::payload::*;
    pub use crate::route::{Config, Json, Path, Query, Response, RouteContext, RouteError, RouteResult};
    pub use crate::time::Timestamp;
    pub use crate::{Code, HookContext, HookError, HookResult, PluginConfig, PluginDecl, Reject};
    pub use crate::{anyhow, schemars, serde, serde_json, tracing};
    pub use pagoda_macros::{delete, get, hook, patch, plugin, post, put, subscribe};
    pub use schemars::JsonSchema;
}
