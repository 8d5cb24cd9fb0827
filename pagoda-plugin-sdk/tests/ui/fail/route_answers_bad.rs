use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[get("/a/", answers = Vec<u8>)]
fn a() -> Response {
    Response::empty(200)
}

#[get("/b/", answers = { ok: u8 })]
fn b() -> Response {
    Response::empty(200)
}

#[get("/c/", answers = { 99: u8, 1000: u8, 200: u8, 200: u16 })]
fn c() -> Response {
    Response::empty(200)
}

#[get("/d/", answers = { 200: "csv" })]
fn d() -> Response {
    Response::empty(200)
}

#[get("/e/", answers = { 200: 7 })]
fn e() -> Response {
    Response::empty(200)
}

#[get("/f/", answers = { 200 u8 })]
fn f() -> Response {
    Response::empty(200)
}

#[get("/h/", answers = { 200: u8 204: () })]
fn h() -> Response {
    Response::empty(200)
}

#[get("/g/", answer = { 200: u8 })]
fn g() -> Response {
    Response::empty(200)
}

fn main() {}
