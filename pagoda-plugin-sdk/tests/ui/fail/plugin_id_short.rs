use pagoda_plugin_sdk::prelude::*;

plugin! { id = "a" }

fn main() {}
