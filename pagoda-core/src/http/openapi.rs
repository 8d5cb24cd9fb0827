//! The OpenAPI document of exactly this binary: the host's routes and those of the plugins that run.

mod access;
mod bulk;
mod category;
mod entity_history;
mod entity_rules;
mod entry_names;
mod entry_values;
mod users;

use super::plugin_routes::prefix;
use crate::plugins::registry::Registry;
use pagoda_plugin_sdk::route::{Method, RouteAuth, RouteReg};
use serde_json::{Map, Value, json};

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
}

const LIMIT_OFFSET: [(&str, &str); 2] =
    [("limit", "Rows per page, 30 by default"), ("offset", "Rows before the page")];
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
    ("limit", "Rows per page, 30 by default, 1000 at most"),
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
    ),
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
    Operation { path, method, id, summary, tag, query, body, answer }
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
        users::OPERATIONS,
    ];
    for operation in parts.into_iter().flatten() {
        add(&mut paths, operation.path, operation.method, core_operation(operation));
    }
    for route in registry.routes().iter().map(|route| &route.reg) {
        let path = format!("{}{}", prefix(route.plugin.id), route.path);
        add(&mut paths, &path, &route.method.as_str().to_lowercase(), plugin_operation(route));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pagoda",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Structured asset data. Errors are described by code; their texts may change.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Token <key>`"},
                "session": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
            },
            "schemas": all_schemas(),
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

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn in_json(schema: Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

/// Lists that are imported and exported are YAML, everything else is JSON.
fn in_its_format(schema: &str) -> Value {
    if schema.ends_with("Rows") {
        return json!({"application/yaml": {"schema": reference(schema)}});
    }
    in_json(reference(schema))
}

fn core_operation(operation: &Operation) -> Value {
    let mut parameters = path_parameters(operation.path, "integer");
    parameters.extend(operation.query.iter().map(|(name, description)| {
        json!({"name": name, "in": "query", "description": description, "schema": {"type": "string"}})
    }));
    let (status, schema) = operation.answer;
    let mut responses = Map::new();
    let answer = match schema {
        Some(schema) => json!({"description": "Done", "content": in_its_format(schema)}),
        None => json!({"description": "Done"}),
    };
    responses.insert(status.to_owned(), answer);
    let error = |description: &str, schema: &str| json!({"description": description, "content": in_json(reference(schema))});
    if operation.body.is_some() {
        responses.insert("400".to_owned(), error("The request breaks a rule", "Errors"));
        responses.insert("413".to_owned(), error("The body is too large", "Error"));
        responses.insert("415".to_owned(), error("The body is no JSON", "Error"));
    } else if operation.method != "get" || !operation.query.is_empty() {
        responses.insert("400".to_owned(), error("The request breaks a rule", "Errors"));
    }
    responses.insert("403".to_owned(), error("Not authenticated, or not allowed", "Error"));
    responses.insert("404".to_owned(), error("There is no such object", "Error"));
    responses.insert("503".to_owned(), error("The server cannot do it now", "Error"));
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": [{"token": []}, {"session": []}],
        "parameters": parameters,
        "responses": responses,
    });
    if let (Some(schema), Value::Object(fields)) = (operation.body, &mut described) {
        let body = json!({"required": true, "content": in_its_format(schema)});
        fields.insert("requestBody".to_owned(), body);
    }
    described
}

fn plugin_operation(route: &RouteReg) -> Value {
    let summary = if route.summary.is_empty() { route.function } else { route.summary };
    let error =
        |description: &str| json!({"description": description, "content": in_json(reference("Errors"))});
    let security = match route.auth {
        RouteAuth::Required => json!([{"token": []}, {"session": []}]),
        RouteAuth::None => json!([{}, {"token": []}, {"session": []}]),
    };
    let id = format!("{}_{}", route.plugin.id, route.function).replace('-', "_");
    let mut described = json!({
        "operationId": id,
        "summary": summary,
        "tags": [route.plugin.id],
        "x-pagoda-plugin": route.plugin.id,
        "security": security,
        "parameters": path_parameters(route.path, "string"),
        "responses": {
            "200": {"description": "The plugin's answer", "content": in_json(json!({}))},
            "400": error("The request breaks a rule"),
            "403": error("Not authenticated, or not allowed"),
            "404": error("There is nothing at this path"),
            "500": error("The plugin failed"),
        },
    });
    let takes_body = matches!(route.method, Method::Post | Method::Put | Method::Patch);
    if let (true, Value::Object(fields)) = (takes_body, &mut described) {
        fields.insert("requestBody".to_owned(), json!({"content": in_json(json!({}))}));
    }
    described
}

fn path_parameters(path: &str, kind: &str) -> Vec<Value> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": kind}}))
        .collect()
}

fn object(fields: &[(&str, &str)]) -> Value {
    let kind = |kind: &str| match kind {
        "integer?" => json!({"type": ["integer", "null"]}),
        "string?" => json!({"type": ["string", "null"]}),
        "number?" => json!({"type": ["number", "null"]}),
        "object?" => json!({"type": ["object", "null"]}),
        kind => json!({"type": kind}),
    };
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        fields.iter().map(|(name, of)| ((*name).to_owned(), kind(of))).collect();
    json!({"type": "object", "required": required, "properties": properties})
}

fn optional(fields: &[(&str, &str)], required: &[&str]) -> Value {
    let mut described = object(fields);
    if let Value::Object(described) = &mut described {
        described.insert("required".to_owned(), json!(required));
    }
    described
}

fn list_of(schema: &str) -> Value {
    json!({"type": "array", "items": reference(schema)})
}

fn page_of(schema: &str) -> Value {
    json!({
        "type": "object",
        "required": ["count", "next", "previous", "results"],
        "properties": {
            "count": {"type": "integer"},
            "next": {"type": ["string", "null"]},
            "previous": {"type": ["string", "null"]},
            "results": list_of(schema),
        },
    })
}

fn all_schemas() -> Value {
    let mut all = schemas();
    let parts = [
        access::schemas(),
        bulk::schemas(),
        category::schemas(),
        entity_history::schemas(),
        entry_names::schemas(),
        entry_values::schemas(),
        users::schemas(),
    ];
    for more in parts {
        if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
            all.extend(more);
        }
    }
    entity_rules::describe(&mut all);
    all
}

fn schemas() -> Value {
    let item = [
        ("id", "integer"),
        ("name", "string"),
        ("note", "string"),
        ("item_name_pattern", "string"),
        ("item_name_type", "string"),
        ("status", "integer"),
        ("is_toplevel", "boolean"),
        ("permission", "integer"),
    ];
    let mut detail = item.to_vec();
    detail.extend([
        ("attrs", "array"),
        ("webhooks", "array"),
        ("isolation_rules", "array"),
        ("is_public", "boolean"),
        ("has_ongoing_changes", "boolean"),
        ("delete_chain_exclude_entities", "array"),
    ]);
    let write = [
        ("name", "string"),
        ("note", "string"),
        ("item_name_pattern", "string"),
        ("item_name_type", "string"),
        ("is_toplevel", "boolean"),
        ("attrs", "array"),
        ("delete_chain_exclude_entities", "array"),
    ];
    json!({
        "Error": object(&[("message", "string"), ("code", "string")]),
        "Errors": {"description": "One error, a list of errors, or errors by field", "type": ["object", "array"]},
        "Empty": {"type": "object"},
        "Created": object(&[("id", "integer"), ("name", "string"), ("job", "integer")]),
        "EntityItem": object(&item),
        "EntityPage": page_of("EntityItem"),
        "Entity": object(&detail),
        "EntityCreate": optional(&write, &["name"]),
        "EntityUpdate": optional(&write, &[]),
        "EntryItem": object(&[
            ("id", "integer"), ("name", "string"), ("schema", "object"), ("is_active", "boolean"),
            ("deleted_user", "object?"), ("deleted_time", "string?"), ("updated_time", "string"),
            ("aliases", "array"), ("permission", "integer"),
        ]),
        "EntryPage": page_of("EntryItem"),
        "Entry": object(&[
            ("id", "integer"), ("name", "string"), ("schema", "object"), ("is_active", "boolean"),
            ("deleted_user", "object?"), ("deleted_time", "string?"), ("attrs", "array"),
            ("is_public", "boolean"), ("permission", "integer"),
        ]),
        "EntryCreate": optional(&[("name", "string"), ("attrs", "array")], &["name"]),
        "EntryUpdate": optional(&[("name", "string"), ("attrs", "array")], &[]),
        "Me": object(&[("user_id", "integer"), ("username", "string"), ("email", "string"), ("co_users", "array")]),
        "AuditItem": object(&[
            ("seq", "integer"), ("at", "string"), ("actor_id", "integer?"), ("actor", "string?"),
            ("action", "string"), ("object_kind", "string?"), ("object_id", "integer?"), ("object_name", "string?"),
            ("plugin", "string?"), ("trace_id", "string"), ("origin", "string"), ("detail", "object"),
            ("prev_hash", "string"), ("hash", "string"),
        ]),
        "AuditPage": page_of("AuditItem"),
        "AlertItem": object(&[
            ("id", "integer"), ("state", "string"), ("kind", "string"), ("subject", "string"), ("sentence", "string"),
            ("value", "number?"), ("threshold", "number?"), ("instance", "string"), ("opened_at", "string"),
            ("recovered_at", "string?"), ("recovered_because", "string?"), ("deliveries", "array"),
        ]),
        "AlertPage": page_of("AlertItem"),
        "Token": object(&[("key", "string")]),
    })
}
