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
        ((*name).to_owned(), answer(status, description, or_page(status, content(schema))))
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
/// YAML, everything else is JSON. Without a schema there is none.
pub(super) fn content(schema: &str) -> Map<String, Value> {
    let media_type = match schema {
        "" => return Map::new(),
        media_type if media_type.contains('/') => return of_type(media_type, json!({"type": "string"})),
        rows if rows.ends_with("Rows") => "application/yaml",
        _ => "application/json",
    };
    of_type(media_type, reference(schema))
}

/// The content of one media type.
fn of_type(media_type: &str, schema: Value) -> Map<String, Value> {
    Map::from_iter([(media_type.to_owned(), json!({"schema": schema}))])
}

/// A 404 is also the router's own answer, before it is known that this is the API. *Source: spec, auth-user §1.1.*
fn or_page(status: &str, mut content: Map<String, Value>) -> Map<String, Value> {
    if status == "404" {
        content.extend(of_type("text/html", json!({"type": "string"})));
    }
    content
}

/// An answer with this status.
fn answer(status: &str, description: &str, content: Map<String, Value>) -> Value {
    let mut described = json!({"description": description, "headers": headers_with(status)});
    if let (Value::Object(fields), false) = (&mut described, content.is_empty()) {
        fields.insert("content".to_owned(), content.into());
    }
    described
}

/// What one of the host's operations answers.
pub(super) fn of(operation: &Operation) -> Value {
    let mut responses = Map::new();
    // When to try again is what only the shared answers say.
    let own = |description: &str, content| answer("", description, content);
    let (status, schema) = operation.answer;
    responses.insert(status.to_owned(), own("Done", schema.map(content).unwrap_or_default()));
    for (status, schema) in operation.also {
        match (*status, *schema) {
            ("303", _) | ("404", "Error") => share(&mut responses, status),
            (status, schema) => match responses.get_mut(status).and_then(|known| known.get_mut("content")) {
                // The same status in another format.
                Some(Value::Object(known)) => known.extend(content(schema)),
                _ => {
                    responses.insert(status.to_owned(), own(described(status), content(schema)));
                }
            },
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
            _ => answer(status, "The plugin's answer", own_content(body)),
        };
        responses.insert(status.clone(), own);
    }
    if described.answers.is_empty() {
        // A route that was registered by hand and says nothing.
        for successes in ["2XX", "3XX"] {
            let anything = own_content(&AnswerBody::Media("*/*"));
            responses.insert(successes.to_owned(), answer(successes, "The plugin's answer", anything));
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
    let mut content = of_type("application/json", schema);
    content.extend(others);
    answer(status, description, or_page(status, content))
}

/// What a plugin says of a body.
fn own_content(body: &AnswerBody) -> Map<String, Value> {
    match body {
        AnswerBody::Json(schema) => of_type("application/json", schema.clone()),
        AnswerBody::Media("*/*") => of_type("*/*", json!({})),
        AnswerBody::Media(media_type) => content(media_type),
        // No body, and whatever a later SDK has beyond these.
        _ => Map::new(),
    }
}
