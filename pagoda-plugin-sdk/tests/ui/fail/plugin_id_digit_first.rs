use pagoda_plugin_sdk::prelude::*;

plugin! { id = "1st-plugin" }

fn main() {}
