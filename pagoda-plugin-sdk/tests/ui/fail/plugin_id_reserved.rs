use pagoda_plugin_sdk::prelude::*;

plugin! { id = "enable" }

fn main() {}
