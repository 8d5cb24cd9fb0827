use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[get("/x/")]
async fn route() -> u8 {
    1
}

fn main() {}
