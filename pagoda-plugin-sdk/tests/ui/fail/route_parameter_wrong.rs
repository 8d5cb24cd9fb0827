use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[get("/x/{id}/")]
async fn route(_ctx: RouteContext, _id: i64) -> Json<u8> {
    Json(1)
}

fn main() {}
