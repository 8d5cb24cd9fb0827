use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", budget = "500" }

fn main() {}
