//! Bytes to typed requests and back: no rule, no SQL.
//!
//! Start reading at `endpoint` (what happens to every request, in which order) and `routes` (what
//! there is).

mod api;
mod auth;
mod body;
mod client;
mod endpoint;
mod error;
mod health;
mod limits;
mod login;
mod metrics;
mod older;
pub mod openapi;
mod page;
mod pages;
mod plugin_routes;
mod renewal;
mod routes;
mod traced;
mod traffic;

pub use endpoint::AppState;
pub use limits::{Logins, Rates};
pub use routes::configure;
pub use traffic::{Requests, Traffic};
