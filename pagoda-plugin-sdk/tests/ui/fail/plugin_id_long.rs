use pagoda_plugin_sdk::prelude::*;

plugin! { id = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }

fn main() {}
