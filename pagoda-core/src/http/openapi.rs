//! The OpenAPI document of exactly this binary: the host's routes and those of the plugins that run.

mod access;
mod answers;
mod bulk;
mod category;
mod common;
mod entities;
mod entity_history;
mod entity_rules;
mod entry_names;
mod entry_values;
mod parameters;
mod plugin_routes;
mod plugins;
mod search;
mod service;
mod users;
mod values;
mod words;

use crate::plugins::registry::Registry;
use serde_json::{Map, Value, json};
use words::{list_of, object, optional, page_of};

/// One of the host's operations.
struct Operation {
    path: &'static str,
    method: &'static str,
    id: &'static str,
    summary: &'static str,
    tag: &'static str,
    query: &'static [(&'static str, &'static str)],
    body: Option<&'static str>,
    answer: (&'static str, Option<&'static str>),
    /// Answers besides, or in place of those that all operations share: status and schema, none where it is empty.
    also: &'static [(&'static str, &'static str)],
    /// Whether it needs no credentials.
    is_open: bool,
    /// Whether it is no route of the API, and shares none of its answers.
    is_bare: bool,
}

impl Operation {
    const fn also(self, also: &'static [(&'static str, &'static str)]) -> Self {
        Self { also, ..self }
    }

    const fn open(self) -> Self {
        Self { is_open: true, ..self }
    }

    const fn bare(self) -> Self {
        Self { is_bare: true, ..self }
    }
}

const LIMIT_OFFSET: [(&str, &str); 2] =
    [("limit", "Rows per page, 30 by default, 1000 at most"), ("offset", "Rows before the page")];
const ENTITY_LIST: [(&str, &str); 5] = [
    LIMIT_OFFSET[0],
    LIMIT_OFFSET[1],
    ("search", "Words that the name contains, all of them"),
    ("ordering", "id, name, note, item_name_pattern, item_name_type or status, with - for descending"),
    ("is_toplevel", "Only top-level entities, or only others"),
];
const ENTRY_LIST: [(&str, &str); 4] = [
    ("page", "Number of the page, from 1, or `last`; 30 rows each"),
    ("is_active", "Only active entries, or only deleted ones"),
    ("search", "Words that the name contains, all of them"),
    ("ordering", "name or updated_time, with - for descending"),
];

const AUDIT_LIST: [(&str, &str); 11] = [
    LIMIT_OFFSET[0],
    LIMIT_OFFSET[1],
    ("actor", "Name of who acted"),
    ("action", "What was done, such as `entry.create`"),
    ("object_kind", "What it was done to, such as `entry`"),
    ("object_id", "Its id"),
    ("object_name", "Its name at that time"),
    ("plugin", "Id of the plugin through which it was done"),
    ("trace_id", "The request, by its `X-Request-Id`"),
    ("since", "Not before this time, such as 2026-01-31T12:00:00Z, or this day in UTC"),
    ("until", "Before this time, in the same forms"),
];

const ALERT_LIST: [(&str, &str); 3] =
    [AUDIT_LIST[0], LIMIT_OFFSET[1], ("state", "Only those that are `open`, or only those that `recovered`")];

/// An object that is missing, where neither the path nor a page names it.
const NOT_FOUND: &[(&str, &str)] = &[("404", "Error")];

const OPERATIONS: &[Operation] = &[
    op(
        "/entity/api/v2/",
        "get",
        "entity_list",
        "List entities",
        "entity",
        &ENTITY_LIST,
        None,
        ("200", Some("EntityPage")),
    ),
    op(
        "/entity/api/v2/",
        "post",
        "entity_create",
        "Create an entity",
        "entity",
        &[],
        Some("EntityCreate"),
        ("202", Some("Created")),
    ),
    op(
        "/entity/api/v2/{id}/",
        "get",
        "entity_retrieve",
        "Show an entity",
        "entity",
        &[],
        None,
        ("200", Some("Entity")),
    ),
    op(
        "/entity/api/v2/{id}/",
        "put",
        "entity_update",
        "Change an entity",
        "entity",
        &[],
        Some("EntityUpdate"),
        ("202", None),
    ),
    op(
        "/entity/api/v2/{id}/",
        "delete",
        "entity_delete",
        "Delete an entity without entries",
        "entity",
        &[],
        None,
        ("202", None),
    ),
    op(
        "/entity/api/v2/{id}/entries/",
        "get",
        "entity_entry_list",
        "List the entries of an entity",
        "entity",
        &ENTRY_LIST,
        None,
        ("200", Some("EntryPage")),
    ),
    op(
        "/entity/api/v2/{id}/entries/",
        "post",
        "entry_create",
        "Create an entry",
        "entry",
        &[],
        Some("EntryCreate"),
        ("202", Some("Created")),
    ),
    op(
        "/entry/api/v2/{id}/",
        "get",
        "entry_retrieve",
        "Show an entry",
        "entry",
        &[],
        None,
        ("200", Some("Entry")),
    ),
    op(
        "/entry/api/v2/{id}/",
        "put",
        "entry_update",
        "Change an entry",
        "entry",
        &[],
        Some("EntryUpdate"),
        ("202", None),
    ),
    op("/entry/api/v2/{id}/", "delete", "entry_delete", "Delete an entry", "entry", &[], None, ("204", None)),
    op(
        "/entry/api/v2/{id}/restore/",
        "post",
        "entry_restore",
        "Bring a deleted entry back",
        "entry",
        &[],
        None,
        ("201", Some("Empty")),
    ),
    op("/user/api/v2/me", "get", "user_me", "Show the acting user", "user", &[], None, ("200", Some("Me"))),
    op(
        "/user/api/v2/token/",
        "get",
        "token_retrieve",
        "Show one's token",
        "user",
        &[],
        None,
        ("200", Some("Token")),
    )
    .also(NOT_FOUND),
    op(
        "/user/api/v2/token/",
        "post",
        "token_refresh",
        "Make oneself a new token",
        "user",
        &[],
        None,
        ("200", Some("Token")),
    ),
    op(
        "/api/v2/audit/",
        "get",
        "audit_list",
        "List who did what, newest first; for administrators",
        "audit",
        &AUDIT_LIST,
        None,
        ("200", Some("AuditPage")),
    ),
    op(
        "/api/v2/alerts/",
        "get",
        "alert_list",
        "List incidents, newest first; for administrators",
        "alerts",
        &ALERT_LIST,
        None,
        ("200", Some("AlertPage")),
    ),
];

#[allow(clippy::too_many_arguments, reason = "a row of the table above")]
const fn op(
    path: &'static str,
    method: &'static str,
    id: &'static str,
    summary: &'static str,
    tag: &'static str,
    query: &'static [(&'static str, &'static str)],
    body: Option<&'static str>,
    answer: (&'static str, Option<&'static str>),
) -> Operation {
    Operation {
        path,
        method,
        id,
        summary,
        tag,
        query,
        body,
        answer,
        also: &[],
        is_open: false,
        is_bare: false,
    }
}

/// The document, OpenAPI 3.1.
#[must_use]
pub fn document(registry: &Registry) -> Value {
    let mut paths = Map::new();
    let parts = [
        OPERATIONS,
        access::OPERATIONS,
        bulk::OPERATIONS,
        category::OPERATIONS,
        entity_history::OPERATIONS,
        entry_names::OPERATIONS,
        entry_values::OPERATIONS,
        search::OPERATIONS,
        service::OPERATIONS,
        users::OPERATIONS,
    ];
    let mut schemas = all_schemas();
    for operation in parts.into_iter().flatten() {
        add(&mut paths, operation.path, operation.method, core_operation(operation, &schemas));
    }
    plugins::describe(&mut paths, registry, &schemas);
    plugin_routes::add_all(&mut paths, &mut schemas, registry);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pagoda",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Structured asset data. Errors are described by code; their texts may change.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Token <key>`"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "sessionid",
                    "description": "From `/auth/login/`. Unsafe requests send the cookie `csrftoken` in the header \
                                    `X-CSRFToken` too.",
                },
            },
            "headers": answers::headers(),
            "responses": answers::shared(),
            "schemas": schemas,
        },
    })
}

/// The document in YAML.
///
/// # Errors
/// It cannot be written.
pub fn to_yaml(document: &Value) -> Result<String, String> {
    serde_saphyr::to_string(document).map_err(|error| error.to_string())
}

fn add(paths: &mut Map<String, Value>, path: &str, method: &str, operation: Value) {
    let item = paths.entry(path.to_owned()).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(item) = item {
        item.insert(method.to_owned(), operation);
    }
}

fn core_operation(operation: &Operation, schemas: &Map<String, Value>) -> Value {
    let mut parameters = parameters::of_path(operation.path, "id");
    parameters
        .extend(operation.query.iter().map(|(name, description)| parameters::of_query(name, description)));
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": security(operation.is_open),
        "parameters": parameters,
        "responses": answers::of(operation),
    });
    if let (Some(schema), Value::Object(fields)) = (operation.body, &mut described) {
        // An empty body counts as `{}`. *Source: spec, auth-user §1.7.*
        let is_object =
            schemas.get(schema).and_then(|schema| schema.get("type")).is_some_and(|kind| kind == "object");
        let is_required =
            !is_object || schemas.get(schema).is_some_and(|schema| schema.get("required").is_some());
        let body = json!({"required": is_required, "content": answers::content(schema)});
        fields.insert("requestBody".to_owned(), body);
    }
    described
}

fn security(is_open: bool) -> Value {
    match is_open {
        true => json!([{}, {"token": []}, {"session": []}]),
        false => json!([{"token": []}, {"session": []}]),
    }
}

fn all_schemas() -> Map<String, Value> {
    let mut all = Map::new();
    let parts = [
        common::schemas(),
        access::schemas(),
        bulk::schemas(),
        category::schemas(),
        entities::schemas(),
        entity_history::schemas(),
        entity_rules::schemas(),
        entry_names::schemas(),
        entry_values::schemas(),
        plugin_routes::schemas(),
        plugins::schemas(),
        search::schemas(),
        service::schemas(),
        users::schemas(),
        values::schemas(),
    ];
    for part in parts {
        if let Value::Object(part) = part {
            all.extend(part);
        }
    }
    all
}
