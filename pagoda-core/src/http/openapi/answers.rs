//! What operations answer: their own statuses, and those that every route shares. *Source: spec, entity §0.*

use super::Operation;
use super::words::reference;
use pagoda_plugin_sdk::route::{AnswerBody, RouteDescription};
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
        let mut answer = json!({"description": description, "headers": headers_with(status)});
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

/// The headers of answers with this status.
fn headers_with(status: &str) -> Value {
    let mut headers = json!({"X-Request-Id": {"$ref": "#/components/headers/RequestId"}});
    if let (Value::Object(headers), true) = (&mut headers, WITH_RETRY.contains(&status)) {
        headers.insert("Retry-After".to_owned(), json!({"$ref": "#/components/headers/RetryAfter"}));
    }
    headers
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
    let headers = headers_with("");
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

/// What a route of a plugin answers: what it says of itself, and what refusals and the host in front of it say.
pub(super) fn of_plugin(described: &RouteDescription, sends_body: bool) -> Value {
    let mut responses = Map::new();
    for status in ["403", "406", "429", "500", "503", "504", "507"] {
        share(&mut responses, status);
    }
    if sends_body {
        for status in ["408", "413", "415"] {
            share(&mut responses, status);
        }
    }
    for status in ["400", "404", "4XX"] {
        responses.insert(status.to_owned(), refusal(status, None));
    }
    for (status, body) in &described.answers {
        let own = match (status.starts_with(['4', '5']), body) {
            (true, AnswerBody::Json(_) | AnswerBody::Media(_)) => refusal(status, Some(body)),
            _ => with_content(status, "The plugin's answer", own_content(body)),
        };
        responses.insert(status.clone(), own);
    }
    if described.answers.is_empty() {
        // A route that was registered by hand and says nothing.
        for successes in ["2XX", "3XX"] {
            let anything = own_content(&AnswerBody::Media("*/*"));
            responses.insert(successes.to_owned(), with_content(successes, "The plugin's answer", anything));
        }
    }
    Value::Object(responses)
}

/// An error that the plugin may answer in a way of its own, besides what it and the host answer without saying so.
fn refusal(status: &str, own: Option<&AnswerBody>) -> Value {
    let shared = SHARED.iter().find(|(known, _, _, _)| *known == status);
    let (description, theirs) = match (status, shared) {
        ("400" | "404", Some((_, _, description, _))) => (*description, "PluginRefusal"),
        (_, Some((_, _, description, schema))) => (*description, *schema),
        (_, None) => ("The plugin's refusal", "PluginRefusal"),
    };
    let mut schema = reference(theirs);
    let mut others = Map::new();
    match own {
        Some(AnswerBody::Json(own)) => schema = json!({"anyOf": [own, schema]}),
        Some(body) => others.extend(own_content(body)),
        None => {}
    }
    if status == "404" {
        others.insert("text/html".to_owned(), json!({"schema": {"type": "string"}}));
    }
    let mut content = own_content(&AnswerBody::Json(schema));
    content.extend(others);
    with_content(status, description, content)
}

/// What a plugin says of a body.
fn own_content(body: &AnswerBody) -> Map<String, Value> {
    let (media_type, schema) = match body {
        AnswerBody::Json(schema) => ("application/json", schema.clone()),
        AnswerBody::Media(any @ "*/*") => (*any, json!({})),
        AnswerBody::Media(media_type) => (*media_type, json!({"type": "string"})),
        // No body, and whatever a later SDK has beyond these.
        _ => return Map::new(),
    };
    Map::from_iter([(media_type.to_owned(), json!({"schema": schema}))])
}

fn with_content(status: &str, description: &str, content: Map<String, Value>) -> Value {
    let mut described = json!({"description": description, "headers": headers_with(status)});
    if let (Value::Object(fields), false) = (&mut described, content.is_empty()) {
        fields.insert("content".to_owned(), content.into());
    }
    described
}
