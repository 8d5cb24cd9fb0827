use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", alias = "Sample" }

fn main() {}
