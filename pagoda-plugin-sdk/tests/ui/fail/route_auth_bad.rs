use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[get("/x/", auth = nome)]
fn one() -> Json<u8> {
    Json(1)
}

#[put("/x/", auth = "none")]
fn two() -> Json<u8> {
    Json(1)
}

#[patch("/x/", outh = none)]
fn three() -> Json<u8> {
    Json(1)
}

fn main() {}
