use pagoda_plugin_sdk::prelude::*;

plugin! {}

fn main() {}
