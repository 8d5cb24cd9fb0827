use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample" }
plugin! { id = "other" }

fn main() {}
