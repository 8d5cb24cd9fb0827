use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", capabilities = [secrets, secrets:, secret:smtp, secrets:Smtp, jobs:x] }

fn main() {}
