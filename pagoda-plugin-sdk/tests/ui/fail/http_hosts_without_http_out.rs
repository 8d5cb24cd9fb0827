use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", capabilities = [entries.read], http_hosts = ["api.example.com"] }

fn main() {}
