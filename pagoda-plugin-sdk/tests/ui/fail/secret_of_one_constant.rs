use pagoda_plugin_sdk::prelude::*;

plugin! { id = "sample", capabilities = [secrets:smtp-user, secrets:smtp_user] }

fn main() {}
