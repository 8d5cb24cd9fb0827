use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[get("/x/")]
async fn route() -> Json<u8> {
    let shared = std::rc::Rc::new(1);
    std::future::ready(()).await;
    Json(*shared)
}

fn main() {}
