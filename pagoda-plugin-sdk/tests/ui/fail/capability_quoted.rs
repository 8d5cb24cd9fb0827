use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", capabilities = ["entries.read", jobs] }

fn main() {}
