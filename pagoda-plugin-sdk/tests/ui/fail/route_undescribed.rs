use pagoda_plugin_sdk::prelude::*;
use serde::{Deserialize, Serialize};

plugin! { id = "sample" }

#[derive(Deserialize, Serialize)]
#[serde(crate = "pagoda_plugin_sdk::serde")]
struct Order {
    count: u8,
}

#[post("/orders/")]
async fn order(Json(order): Json<Order>) -> RouteResult<Response> {
    Response::json(200, &order)
}

#[get("/orders/")]
async fn orders() -> Json<Vec<Order>> {
    Json(Vec::new())
}

#[get("/first/", answers = { 200: Order })]
async fn first() -> Response {
    Response::empty(200)
}

fn main() {}
