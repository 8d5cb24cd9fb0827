use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[get("greet/")]
fn route_0() -> Json<u8> {
    Json(1)
}

#[get("/greet//x/")]
fn route_1() -> Json<u8> {
    Json(1)
}

#[get("/greet/x{name}/")]
fn route_2() -> Json<u8> {
    Json(1)
}

#[get("/greet/{name/")]
fn route_3() -> Json<u8> {
    Json(1)
}

#[get("/{a}/{a}/")]
fn route_4() -> Json<u8> {
    Json(1)
}

#[get("/{1a}/")]
fn route_5() -> Json<u8> {
    Json(1)
}

#[get("/{}/")]
fn route_6() -> Json<u8> {
    Json(1)
}

#[get("/greet?x=1")]
fn route_7() -> Json<u8> {
    Json(1)
}

#[get("/greet#x")]
fn route_8() -> Json<u8> {
    Json(1)
}

#[get("/gr eet/")]
fn route_9() -> Json<u8> {
    Json(1)
}

#[get("/gr%20eet/")]
fn route_10() -> Json<u8> {
    Json(1)
}

#[get("/a/../b/")]
fn route_11() -> Json<u8> {
    Json(1)
}

#[get("")]
fn route_12() -> Json<u8> {
    Json(1)
}

fn main() {}
