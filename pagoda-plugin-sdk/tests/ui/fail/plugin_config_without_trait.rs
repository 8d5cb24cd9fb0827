use pagoda_plugin_sdk::prelude::*;

pub struct Limits;

plugin! { id = "sample", config = Limits }

fn main() {}
