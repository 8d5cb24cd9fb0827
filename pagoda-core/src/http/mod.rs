//! Bytes to typed requests and back: no rule, no SQL.
//!
//! Start reading at `endpoint` (what happens to every request, in which order) and `routes` (what
//! there is).

mod api;
mod auth;
mod body;
mod endpoint;
mod error;
mod health;
mod login;
pub mod openapi;
mod page;
mod pages;
mod plugin_routes;
mod routes;

pub use endpoint::AppState;
pub use routes::configure;
