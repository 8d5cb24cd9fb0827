use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[get("/x/")]
#[rustfmt::skip]
fn route(_a: RouteContext, _b: RouteContext, _c: RouteContext, _d: RouteContext, _e: RouteContext, _f: RouteContext, _g: RouteContext, _h: RouteContext, _i: RouteContext) -> Json<u8> {
    Json(1)
}

fn main() {}
