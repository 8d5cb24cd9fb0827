mod inner {
    use pagoda_plugin_sdk::prelude::*;
    plugin! { id = "sample" }
}

fn main() {}
