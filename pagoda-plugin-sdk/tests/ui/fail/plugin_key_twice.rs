use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", id = "other" }

fn main() {}
