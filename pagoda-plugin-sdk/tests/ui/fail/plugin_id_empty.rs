use pagoda_plugin_sdk::prelude::*;

plugin! { id = "" }

fn main() {}
