//! The routes of the plugins that run, with what they say of themselves.

use super::words::any_of;
use super::{add, answers, parameters, security};
use crate::http::plugin_routes::prefix;
use crate::plugins::registry::Registry;
use pagoda_plugin_sdk::route::{Method, RouteAuth, RouteDescription, RouteReg, describe};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Adds the routes, and the schemas that they refer to.
pub(super) fn add_all(paths: &mut Map<String, Value>, schemas: &mut Map<String, Value>, registry: &Registry) {
    let mut by_plugin: BTreeMap<&str, Vec<&RouteReg>> = BTreeMap::new();
    for route in registry.routes() {
        by_plugin.entry(route.reg.plugin.id).or_default().push(&route.reg);
    }
    for (plugin, routes) in by_plugin {
        let (descriptions, own) = describe(plugin, routes.iter().copied());
        for (route, description) in routes.into_iter().zip(descriptions) {
            let path = format!("{}{}", prefix(plugin), route.path);
            add(paths, &path, &route.method.as_str().to_lowercase(), operation(route, &description, &own));
        }
        schemas.extend(own);
    }
}

fn operation(route: &RouteReg, described: &RouteDescription, schemas: &Map<String, Value>) -> Value {
    let summary = if route.summary.is_empty() { route.function } else { route.summary };
    let id = format!("{}_{}", route.plugin.id, route.function).replace('-', "_");
    let mut parameters = of_path(route.path, described.path.as_ref(), schemas);
    if let Some(query) = &described.query {
        parameters.extend(of_query(query, schemas));
    }
    let sends_body = matches!(route.method, Method::Post | Method::Put | Method::Patch);
    let mut operation = json!({
        "operationId": id,
        "summary": summary,
        "tags": [route.plugin.id],
        "x-pagoda-plugin": route.plugin.id,
        "security": security(route.auth == RouteAuth::None),
        "parameters": parameters,
        "responses": answers::of_plugin(described, sends_body),
    });
    if let (Some(schema), Value::Object(fields)) = (&described.body, &mut operation) {
        // An empty body counts as `{}`. *Source: spec, auth-user §1.7.*
        let whole = resolved(schema, schemas);
        let takes_empty =
            whole.get("required").is_none() && whole.get("type").is_none_or(|kind| kind == "object");
        let body = json!({"required": !takes_empty, "content": {"application/json": {"schema": schema}}});
        fields.insert("requestBody".to_owned(), body);
    }
    operation
}

/// The parameters of the path: one value, a tuple in their order, or an object by their names.
fn of_path(path: &str, schema: Option<&Value>, schemas: &Map<String, Value>) -> Vec<Value> {
    let mut parameters = parameters::of_path(path, "string");
    let Some(schema) = schema else { return parameters };
    let whole = resolved(schema, schemas);
    let is_only = parameters.len() == 1;
    for (index, parameter) in parameters.iter_mut().enumerate() {
        let by_name =
            parameter.get("name").and_then(Value::as_str).and_then(|name| whole.get("properties")?.get(name));
        let by_place = whole.get("prefixItems").and_then(|items| items.get(index));
        let alone = (is_only && whole.get("properties").is_none()).then_some(schema);
        if let (Some(found), Value::Object(fields)) = (by_name.or(by_place).or(alone), parameter) {
            fields.insert("schema".to_owned(), without_null(found.clone()));
        }
    }
    parameters
}

/// The parameters of the query string, one for each field; one that stands for all of them where they have no names.
fn of_query(schema: &Value, schemas: &Map<String, Value>) -> Vec<Value> {
    let whole = resolved(schema, schemas);
    let is_plain = ["allOf", "anyOf", "oneOf"].iter().all(|word| whole.get(*word).is_none());
    let Some(fields) = whole.get("properties").and_then(Value::as_object).filter(|_| is_plain) else {
        let all = json!({"name": "query", "in": "query", "style": "form", "explode": true, "schema": schema});
        return vec![all];
    };
    let required = whole.get("required").and_then(Value::as_array);
    fields
        .iter()
        .map(|(name, field)| {
            let mut field = without_null(field.clone());
            let mut parameter = json!({"name": name, "in": "query"});
            if let Value::Object(parameter) = &mut parameter {
                if let Some(description) = field.as_object_mut().and_then(|field| field.remove("description"))
                {
                    parameter.insert("description".to_owned(), description);
                }
                if required.is_some_and(|required| required.iter().any(|known| known == name)) {
                    parameter.insert("required".to_owned(), true.into());
                }
                parameter.insert("schema".to_owned(), field);
            }
            parameter
        })
        .collect()
}

/// What a reference refers to.
fn resolved<'a>(mut schema: &'a Value, schemas: &'a Map<String, Value>) -> &'a Value {
    // As many steps as there are schemas: one that refers to itself and says nothing more ends there.
    for _ in 0..=schemas.len() {
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.rsplit('/').next());
        match name.and_then(|name| schemas.get(name)) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

/// The schema of what is there: a parameter that is null is one that is left out.
fn without_null(mut schema: Value) -> Value {
    let null = json!({"type": "null"});
    let Value::Object(fields) = &mut schema else { return schema };
    if let Some(Value::Array(kinds)) = fields.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            fields.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = fields.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if fields.get("default").is_some_and(Value::is_null) {
        fields.remove("default");
    }
    let says_nothing_else = fields.len() == 1;
    if let Some(Value::Array(any)) = fields.get_mut("anyOf") {
        any.retain(|one| *one != null);
        if let ([only], true) = (any.as_slice(), says_nothing_else) {
            return only.clone();
        }
    }
    schema
}

/// The schemas of what plugins answer without saying so.
pub(super) fn schemas() -> Value {
    json!({
        "PluginError": {
            "description": "An error of a plugin, as those of the older system wrote it",
            "type": "object",
            "required": ["error", "message", "plugin_id"],
            "properties": {
                "error": {"type": "string", "const": "plugin_error"},
                "message": {"type": "string"},
                "plugin_id": {"type": "string"},
            },
        },
        "PluginRefusal": any_of(&["Errors", "PluginError"]),
    })
}

#[cfg(test)]
mod tests {
    use super::{of_path, of_query, without_null};
    use serde_json::{Map, Value, json};

    fn schemas() -> Map<String, Value> {
        let own = json!({
            "p.Page": {
                "type": "object",
                "required": ["size"],
                "properties": {
                    "size": {"type": "integer", "description": "How many"},
                    "after": {"type": ["string", "null"], "default": null},
                    "kind": {"anyOf": [{"$ref": "#/components/schemas/p.Kind"}, {"type": "null"}]},
                },
            },
            "p.Alias": {"$ref": "#/components/schemas/p.Page"},
            "p.Loop": {"$ref": "#/components/schemas/p.Loop"},
        });
        own.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn queries_become_one_parameter_for_each_field() {
        let expected = json!([
            {"name": "size", "in": "query", "description": "How many", "required": true, "schema": {"type": "integer"}},
            {"name": "after", "in": "query", "schema": {"type": "string"}},
            {"name": "kind", "in": "query", "schema": {"$ref": "#/components/schemas/p.Kind"}},
        ]);
        for name in ["Page", "Alias"] {
            let schema = json!({"$ref": format!("#/components/schemas/p.{name}")});
            assert_eq!(Value::from(of_query(&schema, &schemas())), expected, "{name}");
        }
        for open in [
            json!({"type": "object", "additionalProperties": true}),
            json!({"$ref": "#/components/schemas/p.Loop"}),
        ] {
            let all = of_query(&open, &schemas());
            assert_eq!(
                all,
                [json!({"name": "query", "in": "query", "style": "form", "explode": true, "schema": open})]
            );
        }
    }

    #[test]
    fn paths_are_described_by_name_by_place_and_alone() {
        let types = |path: &str, schema: Value| -> Vec<Value> {
            let parameters = of_path(path, Some(&schema), &schemas());
            parameters.into_iter().map(|parameter| parameter["schema"]["type"].clone()).collect()
        };
        let page = json!({"$ref": "#/components/schemas/p.Page"});
        assert_eq!(types("/{size}/x/{after}/", page), ["integer", "string"]);
        let tuple = json!({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}]});
        assert_eq!(types("/{a}/{b}/", tuple), ["integer", "boolean"]);
        assert_eq!(types("/{a}/", json!({"type": "integer"})), ["integer"]);
        assert_eq!(of_path("/{a}/", None, &schemas())[0]["schema"]["type"], "string");
    }

    #[test]
    fn what_may_be_null_may_be_left_out() {
        assert_eq!(
            without_null(json!({"type": ["integer", "null"], "minimum": 0})),
            json!({"type": "integer", "minimum": 0})
        );
        assert_eq!(without_null(json!({"enum": ["a", null]})), json!({"enum": ["a"]}));
        let either = json!({"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]});
        assert_eq!(without_null(either), json!({"anyOf": [{"type": "integer"}, {"type": "string"}]}));
        assert_eq!(without_null(json!(true)), json!(true));
    }
}
