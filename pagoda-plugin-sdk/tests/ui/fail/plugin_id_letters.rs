use pagoda_plugin_sdk::prelude::*;

plugin! { id = "Hello_World" }

fn main() {}
