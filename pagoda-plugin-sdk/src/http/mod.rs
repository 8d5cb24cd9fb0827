//! Requests to other servers, through the client of the host.
//!
//! A plugin that declares `http.out` and the hosts that it reaches gets an [`Http`] from its context, in routes
//! and in Observe handlers:
//!
//! ```standalone_crate
//! use pagoda_plugin_sdk::prelude::*;
//! use pagoda_plugin_sdk::serde_json::Value;
//!
//! plugin! { id = "rates", capabilities = [http.out], http_hosts = ["api.example.com"] }
//!
//! #[get("/rate/")]
//! async fn rate(ctx: RouteContext<Plugin>) -> RouteResult<Json<Value>> {
//!     let answer = ctx.http().send(OutboundRequest::get("https://api.example.com/rate")).await?;
//!     Ok(Json(answer.success()?.json()?))
//! }
//! # fn main() {}
//! ```
//!
//! The host sends nothing to a host that is not declared, or that the operator does not allow; it does not
//! connect to loopback and private addresses unless the operator allows that, also not behind a name or a
//! redirect; it ends a request in time for the function to answer, and reads no endless answer. Nothing waits
//! on the network inside a transaction, so there is no client in Transform, Check and Filter handlers, nor in
//! the closures of `ctx.data`.
//!
//! [`HostPattern`] and [`Destination`] are the rules about hosts, the same for the host and the test kit.

mod destination;
mod error;
mod hosts;
mod request;
mod response;

pub use destination::{Destination, may_set_header};
pub use error::{OutboundError, OutboundResult};
pub use hosts::{HostPattern, any_allows};
pub use request::OutboundRequest;
pub use response::OutboundResponse;

use crate::bridge::Gate;
use std::marker::PhantomData;
use std::sync::Arc;

/// The client, from `ctx.http()`.
pub struct Http<C> {
    /// Or the name of the point whose handler runs inside a transaction.
    gate: Result<Arc<dyn Gate>, &'static str>,
    carries: PhantomData<fn() -> C>,
}

impl<C> std::fmt::Debug for Http<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

impl<C> Http<C> {
    /// Made only where `C` may reach out.
    pub(crate) fn new(gate: Result<Arc<dyn Gate>, &'static str>) -> Self {
        Self { gate, carries: PhantomData }
    }

    fn gate(&self) -> OutboundResult<&dyn Gate> {
        match &self.gate {
            Ok(gate) => Ok(gate.as_ref()),
            Err(point) => Err(OutboundError::InsideTransaction(point)),
        }
    }

    /// Sends a request off the async threads and waits for the whole answer. An answer with a status of
    /// failure is an answer too, see [`OutboundResponse::success`].
    ///
    /// # Errors
    /// Why there is no answer, see [`OutboundError`].
    pub async fn send(&self, request: OutboundRequest) -> OutboundResult<OutboundResponse> {
        self.gate()?.http(request).await
    }

    /// As [`Http::send`], from a plain function.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub fn send_blocking(&self, request: OutboundRequest) -> OutboundResult<OutboundResponse> {
        self.gate()?.http_blocking(request)
    }
}
