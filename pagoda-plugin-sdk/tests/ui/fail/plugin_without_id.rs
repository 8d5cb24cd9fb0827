use pagoda_plugin_sdk::prelude::*;

plugin! { name = "Sample" }

fn main() {}
