use pagoda_plugin_sdk::prelude::*;

plugin! { id = "reset" }

fn main() {}
