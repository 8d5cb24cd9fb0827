//! What is about the server itself: sessions, health, metrics, this document.

use super::words::{object, optional};
use super::{Operation, op};
use serde_json::{Value, json};

const SERVER: &str = "server";

pub(super) const OPERATIONS: &[Operation] = &[
    op(
        "/api/schema/",
        "get",
        "schema_retrieve",
        "Show this document; no login needed",
        SERVER,
        &[("format", "`json`; YAML without it")],
        None,
        ("200", Some("application/vnd.oai.openapi")),
    )
    .also(&[("200", "Document")])
    .open(),
    op(
        "/api/docs/",
        "get",
        "api_browser",
        "Show this document to people; no login needed",
        SERVER,
        &[],
        None,
        ("200", Some("text/html")),
    )
    .open(),
    op(
        "/health/live",
        "get",
        "health_live",
        "Say that the process runs",
        SERVER,
        &[],
        None,
        ("200", Some("Live")),
    )
    .open()
    .bare(),
    op(
        "/health/ready",
        "get",
        "health_ready",
        "Say whether requests will be served",
        SERVER,
        &[],
        None,
        ("200", Some("Ready")),
    )
    .also(&[("503", "Ready")])
    .open()
    .bare(),
    op(
        "/metrics",
        "get",
        "metrics",
        "Show what the server counts; for administrators where the operator says so",
        SERVER,
        &[],
        None,
        ("200", Some("application/openmetrics-text")),
    )
    .also(&[("403", "Error"), ("429", "Error"), ("500", "Error"), ("503", "Error")])
    .open()
    .bare(),
];

pub(super) fn schemas() -> Value {
    json!({
        "Document": optional(&[("openapi", "string"), ("info", "object"), ("paths", "object")], &["openapi"]),
        "Live": object(&[("status", "one of live")]),
        "Ready": optional(
            &[("status", "one of ready|unready"), ("reason", "string"), ("parts", "ReadyParts")],
            &["status", "parts"],
        ),
        "ReadyParts": object(&[
            ("accepting", "boolean"), ("database", "one of answers|does not answer|not asked"),
            ("operations", "ReadyOperations"),
        ]),
        "ReadyOperations": object(&[("running", "count"), ("most", "count")]),
    })
}
