use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[get("/x/")]
fn route<T>() -> Json<u8> {
    Json(1)
}

#[get("/y/")]
fn other(_ctx: impl Send) -> Json<u8> {
    Json(1)
}

#[get("/z/")]
fn method(&self) -> Json<u8> {
    Json(1)
}

fn main() {}
