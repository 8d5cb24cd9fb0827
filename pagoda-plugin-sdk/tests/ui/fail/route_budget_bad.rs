use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[get("/a/", budget = "2 s")]
fn a() -> Response {
    Response::empty(204)
}

#[post("/b/", budget = 5)]
fn b() -> Response {
    Response::empty(204)
}

#[put("/c/", budgte = "2s")]
fn c() -> Response {
    Response::empty(204)
}

fn main() {}
