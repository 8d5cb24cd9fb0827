use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", capabilities = [entries.read, secrets:smtp-relay, entries.read, secrets:smtp-relay] }

fn main() {}
