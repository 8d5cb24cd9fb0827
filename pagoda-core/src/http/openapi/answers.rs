//! What operations answer: their own statuses, and those that every route shares. *Source: spec, entity §0.*

use super::Operation;
use super::words::reference;
use serde_json::{Map, Value, json};

/// Answers that are the same wherever they are given: status, name, description, schema.
const SHARED: [(&str, &str, &str, &str); 13] = [
    ("400", "BadRequest", "The request breaks a rule", "Errors"),
    ("403", "Forbidden", "Not authenticated (`AE-000000`), or not allowed (`AE-210000`); never 401", "Error"),
    ("404", "NotFound", "There is no such object or page; a path that is none answers in HTML", "Error"),
    ("406", "NotAcceptable", "The `Accept` header does not admit the format of the answer", "Error"),
    ("408", "RequestTimeout", "No part of the body came for 30 seconds", "Error"),
    ("413", "TooLarge", "The body is larger than `max_body_bytes`", "Error"),
    ("415", "UnsupportedMediaType", "The body is sent in another format", "Error"),
    ("429", "TooManyRequests", "More requests than a rate allows", "Error"),
    ("500", "InternalError", "The server failed; `X-Request-Id` names the entry in its log", "Error"),
    ("503", "Unavailable", "The server cannot do it now", "Unavailable"),
    ("504", "PluginTimeout", "A plugin did not come back in time", "Error"),
    ("507", "DiskFull", "The database's disk is full; nothing was changed", "Error"),
    ("303", "SeeOther", "Nobody has logged in: to the login page", ""),
];

/// Statuses that come with the time after which trying again makes sense.
const WITH_RETRY: [&str; 4] = ["429", "503", "504", "507"];

/// All shared answers, by name.
pub(super) fn shared() -> Value {
    let answers = SHARED.iter().map(|(status, name, description, schema)| {
        let mut headers = json!({"X-Request-Id": {"$ref": "#/components/headers/RequestId"}});
        if let (Value::Object(headers), true) = (&mut headers, WITH_RETRY.contains(status)) {
            headers.insert("Retry-After".to_owned(), json!({"$ref": "#/components/headers/RetryAfter"}));
        }
        let mut answer = json!({"description": description, "headers": headers});
        if let (Value::Object(answer), false) = (&mut answer, schema.is_empty()) {
            answer.insert("content".to_owned(), content(schema));
            // The router's own answer, before it is known that this is the API. *Source: spec, auth-user §1.1.*
            if let (Some(Value::Object(content)), "404") = (answer.get_mut("content"), *status) {
                content.insert("text/html".to_owned(), json!({"schema": {"type": "string"}}));
            }
        }
        ((*name).to_owned(), answer)
    });
    Value::Object(answers.collect())
}

/// The headers that answers come with.
pub(super) fn headers() -> Value {
    json!({
        "RequestId": {"description": "Names the request in the server's log", "schema": {"type": "string"}},
        "RetryAfter": {
            "description": "Seconds after which trying again makes sense",
            "schema": {"type": "integer", "minimum": 0},
        },
    })
}

/// A shared answer.
pub(super) fn share(responses: &mut Map<String, Value>, status: &str) {
    if let Some((_, name, _, _)) = SHARED.iter().find(|(known, _, _, _)| *known == status) {
        let shared = json!({"$ref": format!("#/components/responses/{name}")});
        responses.entry(status.to_owned()).or_insert(shared);
    }
}

/// The content of an answer or a body: a media type is a text of that type, lists that are imported and exported are
/// YAML, everything else is JSON.
pub(super) fn content(schema: &str) -> Value {
    if schema.contains('/') {
        return json!({schema: {"schema": {"type": "string"}}});
    }
    let media_type = if schema.ends_with("Rows") { "application/yaml" } else { "application/json" };
    json!({media_type: {"schema": reference(schema)}})
}

fn answer(description: &str, schema: Option<&str>) -> Value {
    let headers = json!({"X-Request-Id": {"$ref": "#/components/headers/RequestId"}});
    match schema {
        Some(schema) => json!({"description": description, "headers": headers, "content": content(schema)}),
        None => json!({"description": description, "headers": headers}),
    }
}

/// What one of the host's operations answers.
pub(super) fn of(operation: &Operation) -> Value {
    let mut responses = Map::new();
    let (status, schema) = operation.answer;
    responses.insert(status.to_owned(), answer("Done", schema));
    for (status, schema) in operation.also {
        let schema = Some(*schema).filter(|schema| !schema.is_empty());
        match (*status, schema) {
            ("303", _) | ("404", Some("Error")) => share(&mut responses, status),
            (status, schema) => {
                let more = answer(described(status), schema);
                match responses.get_mut(status).and_then(|known| known.get_mut("content")) {
                    // The same status in another format.
                    Some(Value::Object(known)) => known
                        .extend(content(schema.unwrap_or_default()).as_object().cloned().unwrap_or_default()),
                    _ => {
                        responses.insert(status.to_owned(), more);
                    }
                }
            }
        }
    }
    if operation.is_bare {
        return Value::Object(responses);
    }
    for status in ["400", "403", "406", "429", "500", "503", "504"] {
        share(&mut responses, status);
    }
    let takes_page = operation.query.iter().any(|(name, _)| *name == "page");
    if operation.path.contains('{')
        || takes_page
        || operation.query.iter().any(|(name, _)| *name == "entity_ids")
    {
        share(&mut responses, "404");
    }
    if operation.method != "get" {
        for status in ["408", "413", "507"] {
            share(&mut responses, status);
        }
    }
    if operation.body.is_some() {
        share(&mut responses, "415");
    }
    Value::Object(responses)
}

fn described(status: &str) -> &'static str {
    SHARED
        .iter()
        .find(|(known, _, _, _)| *known == status)
        .map_or("Done", |(_, _, description, _)| description)
}

/// What a route of a plugin answers: what is its own is not known here.
pub(super) fn of_plugin(takes_body: bool) -> Value {
    let mut responses = Map::new();
    let own = |description: &str, media_type: &str| json!({"description": description, "content": {media_type: {"schema": {}}}});
    responses.insert("2XX".to_owned(), own("The plugin's answer", "*/*"));
    responses.insert("3XX".to_owned(), own("The plugin's answer", "*/*"));
    responses.insert(
        "400".to_owned(),
        own("The request breaks a rule, or one of the plugin's", "application/json"),
    );
    let mut missing = own("There is nothing at this path, or not for the plugin", "application/json");
    if let Some(Value::Object(content)) = missing.get_mut("content") {
        content.insert("text/html".to_owned(), json!({"schema": {"type": "string"}}));
    }
    responses.insert("404".to_owned(), missing);
    responses.insert("4XX".to_owned(), own("The plugin's refusal", "application/json"));
    for status in ["403", "406", "429", "500", "503", "504", "507"] {
        share(&mut responses, status);
    }
    if takes_body {
        for status in ["408", "413", "415"] {
            share(&mut responses, status);
        }
    }
    Value::Object(responses)
}
