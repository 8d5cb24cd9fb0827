//! What a route answers.

use super::describe::{Described, Describer};
use super::{Json, RouteError, RouteResult};
use serde::Serialize;

/// An answer: status, content type, further headers, body.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The `Content-Type` header; none when empty.
    pub content_type: &'static str,
    /// Further headers. Names and values that HTTP does not allow make the answer a 500.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, content_type: "", headers: Vec::new(), body: Vec::new() }
    }

    /// An answer with a body of any kind.
    #[must_use]
    pub fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type, headers: Vec::new(), body: body.into() }
    }

    /// An answer in JSON.
    ///
    /// # Errors
    /// `body` cannot be written as JSON.
    pub fn json(status: u16, body: &impl Serialize) -> RouteResult<Self> {
        Ok(Self::new(status, "application/json", serde_json::to_vec(body)?))
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// What a route function may return: a [`Response`], [`Json`] (200), a status with [`Json`], or a
/// [`RouteResult`] of one of these.
#[diagnostic::on_unimplemented(
    message = "a route cannot return `{Self}`",
    label = "not an answer",
    note = "a route returns `Json<T>`, `(u16, Json<T>)`, `Response`, or `RouteResult` of one of these"
)]
pub trait IntoResponse {
    /// Makes the answer.
    ///
    /// # Errors
    /// The route's own error, or a body that cannot be written.
    fn into_response(self) -> RouteResult<Response>;

    /// Says what it answers, for the OpenAPI document; anything unless it does. What a
    /// [`RouteError`](super::RouteError) answers goes without saying.
    fn describe(route: &mut Describer<'_>) {
        for successes in ["2XX", "3XX"] {
            route.answer_anything(successes);
        }
    }
}

impl IntoResponse for Response {
    fn into_response(self) -> RouteResult<Response> {
        Ok(self)
    }
}

impl<T: Serialize + Described> IntoResponse for Json<T> {
    fn into_response(self) -> RouteResult<Response> {
        Response::json(200, &self.0)
    }

    fn describe(route: &mut Describer<'_>) {
        route.answer::<T>("200");
    }
}

impl<T: Serialize + Described> IntoResponse for (u16, Json<T>) {
    fn into_response(self) -> RouteResult<Response> {
        Response::json(self.0, &self.1.0)
    }

    fn describe(route: &mut Describer<'_>) {
        route.answer::<T>("2XX");
    }
}

impl<T: IntoResponse, E: Into<RouteError>> IntoResponse for Result<T, E> {
    fn into_response(self) -> RouteResult<Response> {
        self.map_err(Into::into)?.into_response()
    }

    fn describe(route: &mut Describer<'_>) {
        T::describe(route);
    }
}
