use pagoda_plugin_sdk::prelude::*;

plugin! { id = 5 }

fn main() {}
