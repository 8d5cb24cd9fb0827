//! The span that a request is in traces. *Source: OpenTelemetry, semantic conventions for HTTP servers.*

use super::traffic::METHODS;
use crate::observe::traces::{self, Origin};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use std::fmt::Display;
use std::future::Future;
use tracing::{Instrument, Span, field};

/// What a method is called that anybody can invent.
const OTHER: &str = "_OTHER";

/// Answers a request within its span.
pub(super) async fn answer(span: Span, answer: impl Future<Output = HttpResponse>) -> HttpResponse {
    let response = answer.instrument(span.clone()).await;
    end(&span, response.status());
    response
}

/// The span of a request to a route. Where nobody makes traces it is none and costs a load and a compare.
pub(super) fn begin(http: &HttpRequest, route: impl Display, trace_id: &str) -> Span {
    if !cfg!(feature = "otlp") {
        return Span::none();
    }
    let method = name(http.method());
    // `HTTP` is what the conventions put into the name for a method that is none of the known.
    let span = tracing::info_span!(
        "request",
        otel.name = %format_args!("{} {route}", if method == OTHER { "HTTP" } else { method }),
        otel.kind = "server",
        otel.status_code = field::Empty,
        error.type = field::Empty,
        http.request.method = method,
        http.route = %route,
        http.response.status_code = field::Empty,
        // The port itself speaks no TLS.
        url.scheme = "http",
        url.path = http.path(),
        pagoda.trace_id = trace_id,
    );
    if !span.is_disabled() {
        let header = |name: &str| http.headers().get(name).and_then(|value| value.to_str().ok());
        traces::continue_from(&span, Origin { parent: header("traceparent"), state: header("tracestate") });
    }
    span
}

fn end(span: &Span, status: StatusCode) {
    if span.is_disabled() {
        return;
    }
    // Of numbers, traces know signed ones.
    span.record("http.response.status_code", i64::from(status.as_u16()));
    // What the client did wrong is no error of the server.
    if status.is_server_error() {
        span.record("error.type", status.as_str());
        span.record("otel.status_code", "ERROR");
    }
}

fn name(method: &Method) -> &'static str {
    METHODS.iter().find(|(known, _)| known == method).map_or(OTHER, |(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::{OTHER, name};
    use actix_web::http::Method;

    #[test]
    fn methods_are_a_closed_set() {
        assert_eq!(name(&Method::PATCH), "PATCH");
        assert_eq!(name(&Method::from_bytes(b"BREW").unwrap()), OTHER);
    }
}
