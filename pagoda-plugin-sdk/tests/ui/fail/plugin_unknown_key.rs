use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", versoin = "1.0.0" }

fn main() {}
