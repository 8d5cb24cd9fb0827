//! What routes say of themselves, by what their functions take and return.
#![allow(dead_code, clippy::unwrap_used, reason = "a test; its types are only described")]

use pagoda_plugin_sdk::prelude::*;
use pagoda_plugin_sdk::route::{AnswerBody, IntoResponse, RouteDescription, describe, linked};
use pagoda_plugin_sdk::serde_json::{Map, Value, json};
use serde::{Deserialize, Serialize};

plugin! { id = "shop" }

/// Which page.
#[derive(Deserialize, JsonSchema)]
struct Page {
    /// Rows of it.
    limit: Option<u32>,
}

/// An order.
#[derive(Deserialize, Serialize, JsonSchema)]
struct Order {
    name: String,
    #[serde(default)]
    kind: Kind,
    lines: Vec<Line>,
}

#[derive(Deserialize, Serialize, JsonSchema, Default)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Plain,
    Urgent,
}

/// Read as it is written, so that it is one schema.
#[derive(Deserialize, Serialize, JsonSchema)]
struct Line {
    count: i64,
}

/// A type with the name of another's answer.
#[derive(Deserialize, JsonSchema)]
struct OrderAnswer {
    parent: Option<Box<OrderAnswer>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Größe/1")]
struct Odd {
    reject: Reject,
    kind: AttrType,
    at: Timestamp,
    anything: Value,
}

/// Takes everything.
#[post("/orders/{id}/{name}/")]
async fn order(
    _ctx: RouteContext,
    Path(_): Path<(i64, String)>,
    Query(_): Query<Page>,
    Json(order): Json<Order>,
) -> RouteResult<(u16, Json<Order>)> {
    Ok((201, Json(order)))
}

#[put("/orders/")]
async fn other(Json(_): Json<OrderAnswer>) -> Json<Odd> {
    unreachable!()
}

#[get("/anything/")]
fn anything() -> Response {
    Response::empty(200)
}

#[get("/unnamed/")]
fn unnamed(_ctx: RouteContext) -> impl IntoResponse {
    Json(1_u8)
}

#[get("/unnamed/later/")]
async fn unnamed_later(_ctx: RouteContext, Path(_): Path<String>) -> RouteResult<impl IntoResponse> {
    Ok(Json("x"))
}

#[get("/declared/", answers = { 200: Vec<Line>, 204: (), 206: "text/csv", 409: Line })]
fn declared() -> RouteResult<Response> {
    Ok(Response::empty(204))
}

fn described() -> (Vec<(&'static str, RouteDescription)>, Map<String, Value>) {
    let routes = linked();
    let (descriptions, schemas) = describe("shop", routes.iter().copied());
    (routes.iter().map(|route| route.function).zip(descriptions).collect(), schemas)
}

fn of(function: &str) -> RouteDescription {
    described().0.into_iter().find(|(name, _)| *name == function).unwrap().1
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/shop.{name}")})
}

fn answers(description: &RouteDescription) -> Vec<(&str, &AnswerBody)> {
    description.answers.iter().map(|(status, body)| (status.as_str(), body)).collect()
}

#[test]
fn what_a_route_takes_is_described_part_by_part() {
    let order = of("order");
    let path = order.path.unwrap();
    assert_eq!(path["prefixItems"][0]["type"], "integer");
    assert_eq!(path["prefixItems"][0]["maximum"], i64::MAX);
    assert_eq!((order.query.unwrap(), order.body.unwrap()), (reference("Page"), reference("Order")));
    let schemas = described().1;
    assert_eq!(schemas["shop.Page"]["properties"]["limit"]["description"], "Rows of it.");
    assert_eq!(schemas["shop.Page"]["properties"]["limit"]["maximum"], u32::MAX);
    assert_eq!(schemas["shop.Order"]["description"], "An order.");
}

#[test]
fn a_type_that_is_read_differently_has_two_schemas_and_no_two_share_one() {
    let schemas = described().1;
    // What has a default need not be sent, and is answered all the same.
    assert_eq!(schemas["shop.Order"]["required"], json!(["name", "lines"]));
    let AnswerBody::Json(answered) = &of("order").answers["2XX"] else { panic!() };
    let name = answered["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    assert_eq!(schemas[&name]["required"], json!(["name", "kind", "lines"]));
    let taken = of("other").body.unwrap()["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    assert_ne!(taken, name);
    // Its reference to itself goes where it is.
    assert!(schemas[&taken].to_string().contains(&format!("#/components/schemas/{taken}")), "{schemas:#?}");
    assert_eq!(schemas.keys().filter(|name| name.starts_with("shop.Line")).count(), 1);
}

#[test]
fn every_reference_leads_somewhere_and_every_name_is_one_of_openapi() {
    let (routes, schemas) = described();
    let all = format!("{routes:?}{}", json!(schemas));
    let mut seen = 0;
    for rest in all.split("#/components/schemas/").skip(1) {
        let name: String = rest.chars().take_while(|c| !matches!(c, '"' | '\\')).collect();
        assert!(schemas.contains_key(&name), "{name}");
        seen += 1;
    }
    assert!(seen > 5 && !all.contains("$defs"), "{all}");
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    assert!(schemas.keys().all(|name| name.chars().all(is_allowed)), "{:?}", schemas.keys());
}

#[test]
fn answers_are_those_of_the_type_unless_they_are_declared() {
    let any = AnswerBody::Media("*/*");
    assert_eq!(answers(&of("anything")), [("2XX", &any), ("3XX", &any)]);
    let lines = AnswerBody::Json(json!({"type": "array", "items": reference("Line")}));
    let declared = of("declared");
    assert_eq!(
        answers(&declared),
        [
            ("200", &lines),
            ("204", &AnswerBody::Empty),
            ("206", &AnswerBody::Media("text/csv")),
            ("409", &AnswerBody::Json(reference("Line"))),
        ]
    );
    let AnswerBody::Json(number) = &of("unnamed").answers["200"] else { panic!() };
    assert_eq!(number["type"], "integer");
    let later = of("unnamed_later");
    let AnswerBody::Json(text) = &later.answers["200"] else { panic!() };
    assert_eq!((&text["type"], &later.path.unwrap()["type"]), (&json!("string"), &json!("string")));
}

#[test]
fn the_types_of_the_sdk_are_described() {
    let schemas = described().1;
    let odd = &schemas.iter().find(|(_, schema)| schema["properties"]["reject"].is_object()).unwrap().1["properties"];
    assert_eq!(odd["at"], json!({"type": "string", "format": "date-time"}));
    assert_eq!(odd["kind"], reference("AttrType"));
    // Anything is an object without a word, as the generators of clients want it.
    assert_eq!(odd["anything"], json!({}));
    assert_eq!(schemas["shop.AttrType"]["enum"].as_array().unwrap().len(), 20);
    assert_eq!(schemas["shop.ErrorLeaf"]["required"], json!(["message", "code"]));
}
