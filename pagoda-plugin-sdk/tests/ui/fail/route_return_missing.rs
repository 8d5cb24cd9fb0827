use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }

#[delete("/x/")]
fn route() {}

fn main() {}
