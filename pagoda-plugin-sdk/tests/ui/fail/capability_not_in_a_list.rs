use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", capabilities = entries.read }

fn main() {}
