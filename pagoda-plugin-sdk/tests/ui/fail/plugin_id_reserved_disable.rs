use pagoda_plugin_sdk::prelude::*;

plugin! { id = "disable" }

fn main() {}
