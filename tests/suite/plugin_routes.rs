//! Routes of plugins: the attributes' own, and those of the sample plugin.

use crate::server::{Database, TestApp, on_both_databases};
use crate::{PLUGIN, Plugin};
use pagoda_core::plugins::contributions::Contributions;
use pagoda_plugin_sdk::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

on_both_databases! {
    routes_take_typed_parts_and_answer_in_the_envelope;
    the_sample_plugin_greets_and_refuses;
    without_the_plugin_its_routes_are_not_there;
}

#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Paging {
    #[serde(default)]
    limit: u32,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[schemars(crate = "pagoda_plugin_sdk::schemars")]
struct Order {
    name: String,
    count: u8,
}

/// Everything that a route can take.
#[post("/orders/{id}/{name}/")]
async fn order(
    ctx: RouteContext,
    path: Path<(i64, String)>,
    query: Query<Paging>,
    body: Json<Order>,
) -> RouteResult<(u16, Json<Value>)> {
    let user = ctx.user().map(|user| user.username.clone());
    let Json(Order { name, count }) = body;
    Ok((
        201,
        Json(json!({"path": path.0, "limit": query.0.limit, "name": name, "count": count, "user": user})),
    ))
}

#[get("/fails/{how}/", auth = none)]
async fn fails(ctx: RouteContext<Plugin>, Path(how): Path<String>) -> RouteResult<Json<()>> {
    match how.as_str() {
        "error" => Err(anyhow::anyhow!("secret detail").into()),
        "panic" => panic!("secret detail"),
        "reject" => Err(Reject::field("how", "not like this").into()),
        "plugin" => Err(RouteError::plugin(ctx.plugin().id, "plugin error")),
        "missing" => {
            ctx.data(|db| Ok(db.entity(9999)?)).await?;
            Ok(Json(()))
        }
        "rolled-back" => {
            ctx.data(|db| -> anyhow::Result<()> {
                let mut new = NewEntity::default();
                new.name = "rolled-back".to_owned();
                db.create_entity(new)?;
                Err(anyhow::anyhow!("undone"))
            })
            .await?;
            Ok(Json(()))
        }
        _ => Ok(Json(())),
    }
}

#[get("/bad-header/")]
async fn bad_header() -> Response {
    Response::empty(200).with_header("no header", "x")
}

#[get("/plain/")]
fn plain(ctx: RouteContext<Plugin>) -> RouteResult<Json<usize>> {
    let entities = ctx.data_blocking(|db| Ok(db.entities(&EntityQuery::default())?))?;
    Ok(Json(entities.len()))
}

fn routes_take_typed_parts_and_answer_in_the_envelope(database: Database) {
    let Some(app) = TestApp::with(database, Contributions::of(&[&PLUGIN]), |_| {}) else { return };
    let base = "/api/v2/plugins/test-plugin";
    let path = format!("{base}/orders/7/a%20%C3%A9/");
    let good = json!({"name": "n", "count": 3});
    let answer = app.post(&format!("{path}?limit=5"), good.clone()).expect(201).json();
    assert_eq!(answer, json!({"path": [7, "a é"], "limit": 5, "name": "n", "count": 3, "user": "admin"}));
    // The parts that are wrong.
    app.post(&format!("{base}/orders/x/a/"), good.clone()).expect(404);
    app.post(&format!("{base}/orders/7/a%2Fb/"), good.clone()).expect(404);
    assert_eq!(app.post(&format!("{path}?limit=x"), good).expect(400).codes(), ["limit AE-121000"]);
    assert_eq!(app.post(&path, json!({"count": 3})).expect(400).codes(), ["name AE-113000"]);
    assert_eq!(app.post(&path, json!({"name": "n", "count": 300})).expect(400).codes(), ["count AE-121000"]);
    assert_eq!(app.post(&path, json!([])).expect(400).codes(), ["non_field_errors AE-121000"]);
    let authorization = format!("Token {}", app.token);
    let token = ("Authorization", authorization.as_str());
    let ask = |content_type: &str, body: &[u8]| {
        app.request("POST", &path, &[token, ("Content-Type", content_type)], Some(body))
    };
    assert_eq!(ask("application/json", b"{").expect(400).codes(), ["AE-140000"]);
    assert_eq!(ask("text/plain", b"{}").expect(415).codes(), ["AE-130000"]);
    // Authentication, method, slash: as on every route.
    assert_eq!(app.request("POST", &path, &[], Some(b"{}")).expect(403).codes(), ["AE-000000"]);
    assert_eq!(app.get(&path).expect(405).codes(), ["AE-999999"]);
    app.request("GET", &format!("{base}/plain"), &[], None).expect(301);
    assert_eq!(app.get(&format!("{base}/plain/")).expect(200).json(), 0);
    // A plugin's failures.
    let fails = |how: &str| app.get(&format!("{base}/fails/{how}/"));
    for how in ["error", "panic"] {
        let failed = fails(how).expect(500);
        assert_eq!(failed.codes(), ["AE-999999"]);
        assert!(!failed.body.contains("secret") && failed.header("x-request-id").is_some(), "{failed:?}");
    }
    assert_eq!(app.get(&format!("{base}/bad-header/")).expect(500).codes(), ["AE-999999"]);
    assert_eq!(fails("reject").expect(400).codes(), ["how AE-121000"]);
    let plugin_error = fails("plugin").expect(400).json();
    assert_eq!(
        plugin_error,
        json!({"error": "plugin_error", "message": "plugin error", "plugin_id": "test-plugin"})
    );
    assert_eq!(fails("missing").expect(404).codes(), ["AE-230000"]);
    fails("rolled-back").expect(500);
    assert_eq!(app.get("/entity/api/v2/").json()["count"], 0);
    // Open to anonymous requests, but not to credentials that do not hold; data stays closed.
    app.request("GET", &format!("{base}/fails/no/"), &[], None).expect(200);
    app.request("GET", &format!("{base}/fails/no/"), &[("Authorization", "Token x")], None).expect(403);
    app.request("GET", &format!("{base}/fails/missing/"), &[], None).expect(404);
    // All of it is in the OpenAPI document.
    let document = app.get("/api/schema/?format=json").expect(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    let described = &document["paths"]["/api/v2/plugins/test-plugin/orders/{id}/{name}/"]["post"];
    assert_eq!(described["summary"], "Everything that a route can take.");
    assert!(document["paths"]["/entry/api/v2/{id}/"]["put"].is_object());
    let parameters: Vec<_> = described["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (one["name"].as_str().unwrap(), one["in"].as_str().unwrap(), one["schema"]["type"].clone())
        })
        .collect();
    assert_eq!(
        parameters,
        [
            ("id", "path", json!("integer")),
            ("name", "path", json!("string")),
            ("limit", "query", json!("integer")),
        ]
    );
    let sent = json!({"$ref": "#/components/schemas/test-plugin.Order"});
    assert_eq!(
        described["requestBody"],
        json!({"required": true, "content": {"application/json": {"schema": sent}}})
    );
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["test-plugin.Order"]["required"], json!(["name", "count"]));
    // Any success has the type of the result, errors are those of the SDK and the host.
    assert!(described["responses"]["2XX"]["content"]["application/json"]["schema"].is_object());
    let refused = &described["responses"]["400"]["content"]["application/json"]["schema"];
    assert_eq!(refused["$ref"], "#/components/schemas/PluginRefusal");
    assert_eq!(described["responses"]["503"]["$ref"], "#/components/responses/Unavailable");
    let anything = &document["paths"]["/api/v2/plugins/test-plugin/bad-header/"]["get"];
    assert_eq!(anything["responses"]["2XX"]["content"], json!({"*/*": {"schema": {}}}));
    assert!(anything["requestBody"].is_null());
    let yaml = app.get("/api/schema/").expect(200).body;
    assert!(yaml.contains("/api/v2/plugins/test-plugin/plain/"), "{yaml}");
}

const HELLO: &str = "/api/v2/plugins/hello-world-plugin";

fn the_sample_plugin_greets_and_refuses(database: Database) {
    let sample = Contributions::of(&[&pagoda_hello_world::PLUGIN]);
    let Some(app) = TestApp::with(database, sample, |_| {}) else { return };
    let hello = app.get(&format!("{HELLO}/hello/")).expect(200).json();
    assert_eq!(hello["user"], json!({"username": "admin", "is_authenticated": true}));
    assert_eq!(hello["plugin"]["id"], "hello-world-plugin");
    let greet = app.get(&format!("{HELLO}/greet/%E5%A1%94/")).expect(200).json();
    assert_eq!(greet["requested_name"], "塔");
    app.get(&format!("{HELLO}/greet/a%2Fb/")).expect(404);
    assert_eq!(
        app.request("GET", &format!("{HELLO}/test/"), &[], None).expect(200).json()["user"]["username"],
        "anonymous"
    );
    assert_eq!(
        app.request("GET", &format!("{HELLO}/test/"), &[("Authorization", "Token x")], None)
            .expect(403)
            .codes(),
        ["AE-000000"]
    );
    for closed in ["hello/", "status/", "entities/", "entries/", "entities/1/", "entries/1/"] {
        let answer = app.request("GET", &format!("{HELLO}/{closed}"), &[], None).expect(403);
        assert_eq!(answer.codes(), ["AE-000000"], "{closed}");
    }
    // The rule against "forbidden" names works, on creation and on renaming.
    let (entity, attrs) = app.entity(json!({"name": "e", "note": "n", "attrs": [{"name": "s", "type": 2}]}));
    let path = format!("/entity/api/v2/{entity}/entries/");
    let refused = app.post(&path, json!({"name": "a Forbidden thing"})).expect(400);
    assert!(refused.json()["name"].is_array(), "{refused:?}");
    let entry = app.entry(entity, json!({"name": "x", "attrs": [{"id": attrs["s"], "value": "v"}]}));
    app.put(&format!("/entry/api/v2/{entry}/"), json!({"name": "forbidden"})).expect(400);
    assert_eq!(app.entry_names(entity), ["x"]);
    // What is its own is in the document, beside what every route has.
    let document = app.get("/api/schema/?format=json").expect(200).json();
    let one = &document["paths"][format!("{HELLO}/entities/{{id}}/")]["get"]["responses"];
    let missing = &one["404"]["content"]["application/json"]["schema"]["anyOf"];
    assert_eq!(
        *missing,
        json!([
            {"$ref": "#/components/schemas/hello-world-plugin.OwnError"},
            {"$ref": "#/components/schemas/PluginRefusal"},
        ])
    );
    assert_eq!(one["503"]["headers"]["Retry-After"]["$ref"], "#/components/headers/RetryAfter");
    let filters = &document["paths"][format!("{HELLO}/entries/")]["get"]["parameters"];
    assert_eq!((&filters[1]["name"], &filters[1]["schema"]["minimum"]), (&json!("limit"), &json!(0)));
    // Model routes.
    let entities = app.get(&format!("{HELLO}/entities/")).expect(200).json();
    assert_eq!((&entities["count"], &entities["entities"][0]["note"]), (&json!(1), &json!("n")));
    app.get(&format!("{HELLO}/entities/9999/")).expect(404);
    let entries = app.get(&format!("{HELLO}/entries/?entity_id={entity}&limit=5")).expect(200).json();
    assert_eq!(entries["filters"], json!({"entity_id": entity, "limit": 5}));
    assert_eq!(entries["entries"][0]["created_user"], "admin");
    for bad in ["entity_id=x", "limit=x", "limit=-1"] {
        let answer = app.get(&format!("{HELLO}/entries/?{bad}")).expect(400).json();
        assert_eq!(answer["plugin"]["id"], "hello-world-plugin", "{bad}: {answer}");
    }
    let shown = app.get(&format!("{HELLO}/entries/{entry}/")).expect(200).json();
    let detail = app.get(&format!("/entry/api/v2/{entry}/")).json();
    assert_eq!(shown["entry"]["attributes"], detail["attrs"]);
    app.delete(&format!("/entry/api/v2/{entry}/")).expect(204);
    app.get(&format!("{HELLO}/entries/{entry}/")).expect(404);
}

fn without_the_plugin_its_routes_are_not_there(database: Database) {
    let Some(app) = TestApp::bare(database) else { return };
    for route in ["hello/", "test/", "greet/x/", "entities/"] {
        app.get(&format!("{HELLO}/{route}")).expect(404);
    }
    let (entity, _) = app.entity(json!({"name": "e"}));
    app.entry(entity, json!({"name": "a forbidden thing"}));
    // Linked but not enabled is the same as not linked.
    let sample = Contributions::of(&[&pagoda_hello_world::PLUGIN]);
    let app = TestApp::with(database, sample, |config| config.plugins.enabled = Some(Vec::new())).unwrap();
    app.get(&format!("{HELLO}/hello/")).expect(404);
    let (entity, _) = app.entity(json!({"name": "e"}));
    app.entry(entity, json!({"name": "a forbidden thing"}));
}
