use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[get]
fn one() -> Json<u8> {
    Json(1)
}

#[post(auth = none)]
fn two() -> Json<u8> {
    Json(1)
}

fn main() {}
